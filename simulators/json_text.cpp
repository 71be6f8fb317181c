// JSON in and out. The parser's memory is one buffer a thread, rewound before each document.
#include "json_text.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <charconv>
#include <cmath>

#include "query.hpp"

namespace carryall::simulators {
namespace {

constexpr std::size_t kJsonBufferBytes = 32 * 1024;
constexpr std::size_t kParserStackBytes = 4 * 1024;

bool needs_escape(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// The document lives in `buffer`; only what does not fit goes to the heap, and is freed on the next
// call.
struct ThreadParser {
    unsigned char buffer[kJsonBufferBytes];
    unsigned char stack[kParserStackBytes];
    std::optional<boost::json::monotonic_resource> memory;
    std::optional<boost::json::value> document;
};

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    std::size_t clean = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!needs_escape(text[i])) continue;
        out.append(text.substr(clean, i - clean));
        clean = i + 1;
        constexpr char kHex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(text[i]);
        if (text[i] == '"' || text[i] == '\\') {
            out += '\\';
            out += text[i];
        } else {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    out.append(text.substr(clean));
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

void append_integer(std::string& out, std::int64_t value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_unsigned(std::string& out, std::uint64_t value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    char digits[64];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// The library's own serialiser prints 6.5 as 6.5E0, which no reader of a ledger expects.
void append_json(std::string& out, const boost::json::value& value) {
    if (const auto* object = value.if_object()) {
        JsonObject members(out);
        for (const auto& member : *object) {
            append_json(members.add_raw({member.key().data(), member.key().size()}),
                        member.value());
        }
        return members.close();
    }
    if (const auto* list = value.if_array()) {
        out += '[';
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (i > 0) out += ',';
            append_json(out, (*list)[i]);
        }
        out += ']';
    } else if (value.is_string()) {
        append_quoted(out, {value.get_string().data(), value.get_string().size()});
    } else if (value.is_int64()) {
        append_integer(out, value.get_int64());
    } else if (value.is_uint64()) {
        append_unsigned(out, value.get_uint64());
    } else if (value.is_double()) {
        append_double(out, value.get_double());
    } else {
        out += value.is_null() ? "null" : value.get_bool() ? "true" : "false";
    }
}

std::string& JsonObject::add_raw(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_quoted(out_, name);
    out_ += ':';
    return out_;
}

void JsonObject::add(std::string_view name, std::string_view value) {
    append_quoted(add_raw(name), value);
}
void JsonObject::add_integer(std::string_view name, std::int64_t value) {
    append_integer(add_raw(name), value);
}
void JsonObject::add_double(std::string_view name, double value) {
    append_double(add_raw(name), value);
}
void JsonObject::add_bool(std::string_view name, bool value) {
    add_raw(name) += value ? "true" : "false";
}
void JsonObject::add_null(std::string_view name) {
    add_raw(name) += "null";
}

const boost::json::value* parse_json(std::string_view text) {
    thread_local ThreadParser own;
    own.document.reset();
    own.memory.emplace(own.buffer, sizeof own.buffer);
    boost::json::parser parser({}, {}, own.stack, sizeof own.stack);
    parser.reset(&*own.memory);
    boost::system::error_code error;
    parser.write(text.data(), text.size(), error);
    if (error) return nullptr;
    own.document.emplace(parser.release());
    return &*own.document;
}

const boost::json::object* parse_json_object(std::string_view text) {
    const boost::json::value* value = parse_json(text);
    return value == nullptr ? nullptr : value->if_object();
}

const boost::json::value* find(const boost::json::object& object, std::string_view name) {
    const auto it = object.find({name.data(), name.size()});
    return it == object.end() ? nullptr : &it->value();
}

std::optional<std::int64_t> integer_of(const boost::json::value& value) {
    if (value.is_int64()) return value.get_int64();
    if (value.is_string())
        return parse_integer({value.get_string().data(), value.get_string().size()});
    if (value.is_double() && std::floor(value.get_double()) == value.get_double() &&
        std::fabs(value.get_double()) < 9e15) {
        return static_cast<std::int64_t>(value.get_double());
    }
    return std::nullopt;
}

std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    return value == nullptr ? std::nullopt : integer_of(*value);
}

std::optional<double> number_at(const boost::json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return static_cast<double>(value->get_int64());
    if (value->is_uint64()) return static_cast<double>(value->get_uint64());
    if (value->is_double() && std::isfinite(value->get_double())) return value->get_double();
    return std::nullopt;
}

std::optional<bool> bool_at(const boost::json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

std::optional<std::string_view> text_at(const boost::json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string_view{value->get_string().data(), value->get_string().size()};
}

}  // namespace carryall::simulators
