// JSON by Boost.JSON, with the project's limits, and a reader that turns a value into a described
// struct, collects every mistake with its JSON pointer, ignores unknown keys and treats a missing
// optional as empty. (The stock value_to of 1.81 refuses unknown keys and never names the field.)
#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace carryall::base {

namespace json = boost::json;

// Nesting deeper than this is refused, so that a hostile body cannot exhaust the stack.
inline constexpr std::size_t kMaxJsonDepth = 32;

// The error carries the byte offset.
Result<json::value> parse_json(std::string_view text);

// The same where amounts of money come in: a number that is no whole number of 64 bits becomes a
// string with its source text ("0.1", "1e400"), so that it never was a double.
Result<json::value> parse_json_exactly(std::string_view text);

// The object that `text` is, as the database holds it; empty if it is none.
json::object parse_object(std::string_view text);

// Serialized JSON without NUL: jsonb holds none and refuses its escape, and an outside system may
// have put one into a text.
std::string storable_json(std::string_view text);

// Lower-camel spelling of a snake_case member name: service_provider_id -> serviceProviderId.
std::string camel_case(std::string_view snake);

// The member of an object compared without regard to case, or nullptr.
const json::value* find_ignoring_case(const json::object& object, std::string_view name);

class JsonErrors {
  public:
    void add(std::string_view pointer, std::string_view message) {
        items_.push_back(invalid_input(std::string(message), std::string(pointer)));
    }
    bool empty() const { return items_.empty(); }
    const std::vector<Error>& items() const { return items_; }

  private:
    std::vector<Error> items_;
};

namespace detail {

void read(const json::value& value, std::string& out, const std::string& at, JsonErrors& errors);
void read(const json::value& value, bool& out, const std::string& at, JsonErrors& errors);
void read(const json::value& value, std::int64_t& out, const std::string& at, JsonErrors& errors);
void read(const json::value& value, int& out, const std::string& at, JsonErrors& errors);
inline void read(const json::value& value, json::value& out, const std::string&, JsonErrors&) {
    out = value;
}
template <class T>
void read(const json::value& value, std::optional<T>& out, const std::string& at,
          JsonErrors& errors);
template <class T>
void read(const json::value& value, std::vector<T>& out, const std::string& at, JsonErrors& errors);
template <class T, class D = boost::describe::describe_members<T, boost::describe::mod_public>>
void read(const json::value& value, T& out, const std::string& at, JsonErrors& errors);

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
void read(const json::value& value, std::optional<T>& out, const std::string& at,
          JsonErrors& errors) {
    if (value.is_null()) return;
    out.emplace();
    read(value, *out, at, errors);
}

template <class T>
void read(const json::value& value, std::vector<T>& out, const std::string& at,
          JsonErrors& errors) {
    if (!value.is_array()) return errors.add(at, "must be an array");
    out.reserve(value.get_array().size());
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
        out.emplace_back();
        read(value.get_array()[i], out.back(), at + '/' + std::to_string(i), errors);
    }
}

template <class T, class D>
void read(const json::value& value, T& out, const std::string& at, JsonErrors& errors) {
    if (!value.is_object()) return errors.add(at, "must be an object");
    boost::mp11::mp_for_each<D>([&](auto member) {
        using Member = std::remove_reference_t<decltype(out.*member.pointer)>;
        const std::string name = camel_case(member.name);
        const json::value* found = find_ignoring_case(value.get_object(), name);
        if (found != nullptr) {
            read(*found, out.*member.pointer, at + '/' + name, errors);
        } else if constexpr (!IsOptional<Member>::value) {
            errors.add(at + '/' + name, "is required");
        }
    });
}

}  // namespace detail

// Reads a described struct (BOOST_DESCRIBE_STRUCT). Member `rate_plan_id` is the JSON key
// `ratePlanId`, matched without regard to case. Every mistake is reported, not only the first.
template <class T>
Result<T> read_json(const json::value& value, JsonErrors& errors) {
    T out{};
    detail::read(value, out, "", errors);
    if (!errors.empty()) return errors.items().front();
    return out;
}

}  // namespace carryall::base
