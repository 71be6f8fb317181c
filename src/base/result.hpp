// Result<T>: a value or an Error, for everything that is expected to fail now and then. Members are
// named as in std::expected, so that a newer compiler's type can take its place. Third-party
// exceptions are turned into Errors at the seam where the library is called; nothing else throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.hpp"

namespace carryall::base {

// The closed list of ways to fail. An HTTP status, an exit code and a log level follow from the
// kind alone.
enum class ErrorKind {
    invalid_input,    // the caller's data is wrong: say where, and what to do            400/422,
                      // exit 2
    unauthenticated,  // no, unknown, expired or revoked credentials                     401, exit 3
    forbidden,        // known caller, not allowed                                       403, exit 3
    not_found,        // absent, or another tenant's: the two never differ               404, exit 4
    conflict,         // contradicts the present state (duplicate, stale version)        409, exit 5
    too_large,        // over a named limit                                              413, exit 2
    rate_limited,     // too many requests                                               429, exit 6
    unavailable,      // a part we need (database, carrier) is down; trying later helps  503, exit 7
    timeout,          // no answer within the deadline                                   504, exit 7
    internal,  // our fault                                                       500, exit 70
};

std::string_view to_string(ErrorKind kind);

struct [[nodiscard]] Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;  // a sentence for a person: what is wrong and what to do. Never a secret.
    std::string
        where;  // JSON pointer, "row 12, column iccid", file:line or setting key; may be empty
};

inline Error invalid_input(std::string message, std::string where = {}) {
    return {ErrorKind::invalid_input, std::move(message), std::move(where)};
}
inline Error not_found(std::string message) {
    return {ErrorKind::not_found, std::move(message), {}};
}
inline Error unavailable(std::string message) {
    return {ErrorKind::unavailable, std::move(message), {}};
}
inline Error internal_error(std::string message) {
    return {ErrorKind::internal, std::move(message), {}};
}

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value)
        : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
    Result(Error error)
        : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    T& value() & {
        CHECK(has_value());
        return std::get<0>(state_);
    }
    const T& value() const& {
        CHECK(has_value());
        return std::get<0>(state_);
    }
    T&& value() && {
        CHECK(has_value());
        return std::get<0>(std::move(state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T value_or(T fallback) const { return has_value() ? value() : std::move(fallback); }
    const Error& error() const& {
        CHECK(!has_value());
        return std::get<1>(state_);
    }
    Error&& error() && {
        CHECK(!has_value());
        return std::get<1>(std::move(state_));
    }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

    bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }
    void value() const { CHECK(has_value()); }
    const Error& error() const {
        CHECK(error_.has_value());
        return *error_;
    }

  private:
    std::optional<Error> error_;
};

}  // namespace carryall::base

// Returns the error of `expression` from the enclosing function, if there is one.
#define CARRYALL_TRY(expression)                                                 \
    do {                                                                         \
        auto carryall_try_result = (expression);                                 \
        if (!carryall_try_result) return std::move(carryall_try_result).error(); \
    } while (false)
