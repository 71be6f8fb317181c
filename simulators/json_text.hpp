// Writing JSON by appending to a reused string, and reading small request bodies without touching
// the heap. Answers are hand-built because serialising a document tree would cost more than the
// whole rest of a request.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators {

void append_escaped(std::string& out, std::string_view text);  // without the quotes
void append_quoted(std::string& out, std::string_view text);
void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);
// The shortest text that reads back as the same number ("6.5", not "6.500000").
void append_double(std::string& out, double value);

// A parsed value as one compact line.
void append_json(std::string& out, const boost::json::value& value);

// Comma-separated members of one object: `JsonObject o(out); o.add("id", 7); o.close();`
class JsonObject {
  public:
    explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
    void add(std::string_view name, std::string_view value);
    void add(std::string_view name, const char* value) { add(name, std::string_view{value}); }
    void add_integer(std::string_view name, std::int64_t value);
    void add_double(std::string_view name, double value);
    void add_bool(std::string_view name, bool value);
    void add_null(std::string_view name);
    // For a nested value that the caller appends itself.
    std::string& add_raw(std::string_view name);
    void close() { out_ += '}'; }

  private:
    std::string& out_;
    bool first_ = true;
};

// Parses into memory of the calling thread that stays valid until the next call on this thread.
// Nothing: the body is not JSON.
const boost::json::value* parse_json(std::string_view text);
const boost::json::object* parse_json_object(std::string_view text);

// Members of a parsed object, tolerant of absence. Numbers are also read from text ("4102").
const boost::json::value* find(const boost::json::object& object, std::string_view name);
std::optional<std::int64_t> integer_of(const boost::json::value& value);
std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view name);
std::optional<double> number_at(const boost::json::object& object, std::string_view name);
std::optional<bool> bool_at(const boost::json::object& object, std::string_view name);
std::optional<std::string_view> text_at(const boost::json::object& object, std::string_view name);

}  // namespace carryall::simulators
