// The header's names: how they compare, which column a caller means, how a place is called.
#include <algorithm>

#include "base/text.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::sheets {

namespace {

std::string listed(std::span<const std::string_view> names) {
    std::string out;
    for (const std::string_view name : names) {
        if (!out.empty()) out += ", ";
        out += name;
    }
    return out;
}

std::string found_names(const Header& header) {
    constexpr std::size_t kMaxNamesShown = 20;
    std::string out;
    std::size_t shown = 0;
    for (const std::string& name : header.names) {
        if (name.empty()) continue;
        if (++shown > kMaxNamesShown) return out + " and more";
        if (!out.empty()) out += ", ";
        out += name;
    }
    return out;
}

std::string column_letters(std::size_t column) {
    std::string letters;
    for (std::size_t rest = column + 1; rest > 0; rest = (rest - 1) / 26) {
        letters.insert(letters.begin(), static_cast<char>('A' + (rest - 1) % 26));
    }
    return letters;
}

}  // namespace

std::string comparable_column_name(std::string_view name) {
    constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name.substr(i).starts_with(kNoBreakSpace)) {
            ++i;
        } else if (std::string_view(" _-\t\r\n").find(name[i]) == std::string_view::npos) {
            out += base::ascii_lower(name[i]);
        }
    }
    return out;
}

base::Result<std::optional<std::size_t>> find_column(const Header& header,
                                                     std::span<const std::string_view> names) {
    std::optional<std::size_t> found;
    for (std::size_t column = 0; column < header.names.size(); ++column) {
        const std::string present = comparable_column_name(header.names[column]);
        if (present.empty()) continue;
        const bool meant = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
            return comparable_column_name(name) == present;
        });
        if (!meant) continue;
        if (found) {
            return base::invalid_input("The columns " + header.names[*found] + " and " +
                                           header.names[column] +
                                           " mean the same. Delete one of them.",
                                       "row " + std::to_string(header.row_number));
        }
        found = column;
    }
    return found;
}

base::Result<std::size_t> match_column(const Header& header,
                                       std::span<const std::string_view> names) {
    auto found = find_column(header, names);
    if (!found) return std::move(found).error();
    if (*found) return **found;
    return base::invalid_input("The file has no column named " + listed(names) +
                                   ". Its first filled row must hold the column names; found: " +
                                   found_names(header) + ".",
                               "row " + std::to_string(header.row_number));
}

base::Result<std::optional<std::size_t>> find_column(
    const Header& header, std::initializer_list<std::string_view> names) {
    return find_column(header, std::span(names.begin(), names.size()));
}

base::Result<std::size_t> match_column(const Header& header,
                                       std::initializer_list<std::string_view> names) {
    return match_column(header, std::span(names.begin(), names.size()));
}

std::string place(std::int64_t row_number, const Header& header, std::size_t column) {
    const bool named = column < header.names.size() && !header.names[column].empty();
    return "row " + std::to_string(row_number) + ", column " +
           (named ? header.names[column] : column_letters(column));
}

}  // namespace carryall::sheets
