// See output.hpp.
#include "app/output.hpp"

#include <fmt/format.h>
#include <iostream>

#include "app/cli.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

// Code points that take two columns: East Asian wide and full-width forms, emoji.
struct Range {
    char32_t first;
    char32_t last;
};
constexpr Range kWide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
    {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}};
constexpr Range kNoWidth[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}};

template <std::size_t N>
bool in(const Range (&ranges)[N], char32_t point) {
    for (const Range& range : ranges) {
        if (point >= range.first && point <= range.last) return true;
    }
    return false;
}

// The next code point and how many bytes it has; a broken byte counts as one letter.
std::pair<char32_t, std::size_t> next_point(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC0 ? 1
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                                              : 4;
    if (length == 1 || length > text.size()) return {first, 1};
    char32_t point = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0U) != 0x80) return {first, 1};
        point = (point << 6) | (byte & 0x3FU);
    }
    return {point, length};
}

const base::json::value* member(const base::json::value& document, std::string_view path) {
    const base::json::value* at = &document;
    while (!path.empty()) {
        if (!at->is_object()) return nullptr;
        at = at->get_object().if_contains(base::take_part(path, "."));
        if (at == nullptr) return nullptr;
    }
    return at;
}

std::string as_cell(const base::json::value& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return printable(value.get_string());
    if (value.is_double()) return fmt::format("{:.10g}", value.get_double());  // JSON has 5E2
    return printable(serialize(value));
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto [point, bytes] = next_point(text);
        width += in(kNoWidth, point) ? 0 : in(kWide, point) ? 2 : 1;
        text.remove_prefix(bytes);
    }
    return width;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto [point, bytes] = next_point(text);
        const bool is_control = point < 0x20 || (point >= 0x7F && point < 0xA0);
        if (is_control)
            out += ' ';
        else
            out += text.substr(0, bytes);
        text.remove_prefix(bytes);
    }
    return out;
}

std::string format_table(const Row& header, const std::vector<Row>& rows) {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < header.size(); ++i) {
        widths.push_back(display_width(header[i]));
        for (const Row& row : rows) {
            if (i < row.size()) widths[i] = std::max(widths[i], display_width(row[i]));
        }
    }
    std::string text;
    const auto add = [&](const Row& row) {
        std::string line;
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            line += row[i];
            line.append(widths[i] - display_width(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    };
    add(header);
    for (const Row& row : rows) add(row);
    return text;
}

void print_table(const Cli& cli, const Row& header, const std::vector<Row>& rows) {
    if (!cli.json) {
        std::cout << format_table(header, rows);
        return;
    }
    base::json::array items;
    for (const Row& row : rows) {
        base::json::object item;
        for (std::size_t i = 0; i < header.size() && i < row.size(); ++i) item[header[i]] = row[i];
        items.push_back(std::move(item));
    }
    print_json(items);
}

std::string cell(const base::json::value& document, std::string_view path) {
    const base::json::value* found = member(document, path);
    return found == nullptr ? std::string() : as_cell(*found);
}

std::vector<Row> cells(const base::json::array& documents, const Row& paths) {
    std::vector<Row> rows;
    for (const base::json::value& document : documents) {
        Row row;
        for (const std::string& path : paths) row.push_back(cell(document, path));
        rows.push_back(std::move(row));
    }
    return rows;
}

void print_object(const Cli& cli, const base::json::value& document) {
    if (cli.json || !document.is_object()) return print_json(document);
    std::size_t width = 0;
    for (const auto& [key, value] : document.get_object()) {
        width = std::max<std::size_t>(width, key.size());
    }
    for (const auto& [key, value] : document.get_object()) {
        std::cout << key << std::string(width - key.size() + 2, ' ') << as_cell(value) << "\n";
    }
}

void print_json(const base::json::value& document) {
    std::cout << serialize(document) << "\n";
}

const base::json::array& array_of(const base::json::value& document, std::string_view name) {
    static const base::json::array kNone;
    const base::json::object* object = document.if_object();
    const base::json::value* found = object == nullptr ? nullptr : object->if_contains(name);
    return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

}  // namespace carryall::app
