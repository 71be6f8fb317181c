// Splits and decodes a query string; at most kMaxQueryParameters are kept.
#include "query.hpp"

#include <charconv>

namespace carryall::simulators {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string percent_decode(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_blank) {
            out += ' ';
        } else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                   hex_digit(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

Query::Query(std::string_view text) {
    while (!text.empty() && items_.size() < kMaxQueryParameters) {
        const std::size_t end = text.find('&');
        const std::string_view item = text.substr(0, end);
        const std::size_t equals = item.find('=');
        if (!item.empty()) {
            items_.emplace_back(percent_decode(item.substr(0, equals), true),
                                equals == std::string_view::npos
                                    ? std::string{}
                                    : percent_decode(item.substr(equals + 1), true));
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
}

std::optional<std::string_view> Query::first(std::string_view name) const {
    for (const auto& [key, value] : items_) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
    std::vector<std::string_view> found;
    for (const auto& [key, value] : items_) {
        if (key == name) found.emplace_back(value);
    }
    return found;
}

std::optional<std::int64_t> Query::integer(std::string_view name, std::int64_t otherwise) const {
    const auto text = first(name);
    return text ? parse_integer(*text) : otherwise;
}

}  // namespace carryall::simulators
