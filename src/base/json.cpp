// Parsing with limits, and the readers of the scalar types.
#include "base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <limits>

namespace carryall::base {
namespace {

// Builds the value of a document; what the parser needs to know of it is named as it wants it.
class ExactHandler {
  public:
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();
    using Text = json::string_view;
    using Code = json::error_code;

    ExactHandler() { stack_.reset(); }
    json::value release() { return stack_.release(); }

    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) { return true; }
    bool on_object_end(std::size_t members, Code&) {
        stack_.push_object(members);
        return true;
    }
    bool on_array_begin(Code&) { return true; }
    bool on_array_end(std::size_t items, Code&) {
        stack_.push_array(items);
        return true;
    }
    bool on_key_part(Text text, std::size_t, Code&) { return push_part(text); }
    bool on_key(Text text, std::size_t, Code&) {
        stack_.push_key(text);
        return true;
    }
    bool on_string_part(Text text, std::size_t, Code&) { return push_part(text); }
    bool on_string(Text text, std::size_t, Code&) {
        stack_.push_string(text);
        return true;
    }
    bool on_number_part(Text text, Code&) {
        number_ += text;
        return true;
    }
    bool on_int64(std::int64_t number, Text, Code&) {
        number_.clear();
        stack_.push_int64(number);
        return true;
    }
    bool on_uint64(std::uint64_t number, Text, Code&) {
        number_.clear();
        stack_.push_uint64(number);
        return true;
    }
    bool on_double(double, Text text, Code&) {
        number_ += text;
        stack_.push_string(number_);
        number_.clear();
        return true;
    }
    bool on_bool(bool flag, Code&) {
        stack_.push_bool(flag);
        return true;
    }
    bool on_null(Code&) {
        stack_.push_null();
        return true;
    }
    bool on_comment_part(Text, Code&) { return true; }
    bool on_comment(Text, Code&) { return true; }

  private:
    bool push_part(Text text) {
        stack_.push_chars(text);
        return true;
    }

    json::value_stack stack_;
    std::string number_;  // the parts of one that are known so far
};

}  // namespace

Result<json::value> parse_json_exactly(std::string_view text) {
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    json::basic_parser<ExactHandler> parser(options);
    json::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (!error && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
        error = json::error::extra_data;
    }
    if (error) {
        return invalid_input("the text is not valid JSON: " + error.message(),
                             "byte " + std::to_string(used));
    }
    return parser.handler().release();
}

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
