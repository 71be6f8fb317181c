// Structured logs: one JSON object a line on standard error (or as text for a person's terminal).
// An event is a short snake_case name, its facts are fields. Redaction sits in the sink: the values
// of fields named like secrets and Authorization-like texts never leave, however careless the call.
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace carryall::base::log {

enum class Level { debug, info, warning, error };
enum class Format { json, text };

struct Field {
    Field(std::string_view k, std::string_view v) : key(k), value(boost::json::string(v)) {}
    Field(std::string_view k, const char* v) : Field(k, std::string_view(v)) {}
    Field(std::string_view k, const std::string& v) : Field(k, std::string_view(v)) {}
    Field(std::string_view k, boost::json::value v) : key(k), value(std::move(v)) {}
    template <class Number>
    requires std::is_arithmetic_v<Number> Field(std::string_view k, Number v) : key(k), value(v) {}

    std::string_view key;
    boost::json::value value;
};

void configure(Level level, Format format);
void set_process_name(std::string name);  // "api", "worker": appears in every line

void write(Level level, std::string_view event, std::initializer_list<Field> fields);
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}

// Fields added to every line this thread writes while the scope lives: correlation id, tenant, bulk
// change.
class Scope {
  public:
    Scope(std::initializer_list<Field> fields);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

  private:
    std::size_t added_;
};

// What the sink does to a text: credentials in headers, URLs and JSON members are replaced by
// "[redacted]". Also used on request and response texts before they are stored in a device's log.
std::string redact(std::string_view text);

}  // namespace carryall::base::log
