// Parsing with limits, and the readers of the scalar types.
#include "base/json.hpp"

#include <limits>

namespace carryall::base {

Result<json::value> parse_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    json::stream_parser parser({}, options);
    json::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    if (!error && !parser.done()) parser.finish(error);
    if (!error && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
        error = json::error::extra_data;
    }
    if (error) {
        return invalid_input("the text is not valid JSON: " + error.message(),
                             "byte " + std::to_string(used));
    }
    return parser.release();
}

std::string storable_json(std::string_view text) {
    constexpr std::string_view kNul = "\\u0000";
    if (text.find(kNul) == std::string_view::npos) return std::string(text);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.compare(i, kNul.size(), kNul) == 0) {
            i += kNul.size() - 1;
            continue;
        }
        out += text[i];
        if (text[i] == '\\' && i + 1 < text.size()) out += text[++i];
    }
    return out;
}

json::object parse_object(std::string_view text) {
    auto value = parse_json(text);
    return value && value->is_object() ? std::move(value->get_object()) : json::object();
}

std::string camel_case(std::string_view snake) {
    std::string out;
    bool upper = false;
    for (const char c : snake) {
        if (c == '_') {
            upper = true;
        } else {
            out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            upper = false;
        }
    }
    return out;
}

const json::value* find_ignoring_case(const json::object& object, std::string_view name) {
    if (const json::value* exact = object.if_contains(name)) return exact;
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    for (const auto& [key, value] : object) {
        if (key.size() == name.size() &&
            std::equal(key.begin(), key.end(), name.begin(),
                       [&](char a, char b) { return lower(a) == lower(b); })) {
            return &value;
        }
    }
    return nullptr;
}

namespace detail {

void read(const json::value& value, std::string& out, const std::string& at, JsonErrors& errors) {
    if (!value.is_string()) return errors.add(at, "must be a string");
    out = value.get_string();
}

void read(const json::value& value, bool& out, const std::string& at, JsonErrors& errors) {
    if (!value.is_bool()) return errors.add(at, "must be true or false");
    out = value.get_bool();
}

void read(const json::value& value, std::int64_t& out, const std::string& at, JsonErrors& errors) {
    json::error_code error;
    out = value.to_number<std::int64_t>(error);
    if (error) errors.add(at, "must be a whole number");
}

void read(const json::value& value, int& out, const std::string& at, JsonErrors& errors) {
    std::int64_t wide = 0;
    read(value, wide, at, errors);
    if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) {
        return errors.add(at, "is out of range");
    }
    out = static_cast<int>(wide);
}

}  // namespace detail

}  // namespace carryall::base
