// Reads the JSON of a small noun into checked values, field by field. Pure.
#pragma once

#include "devices/noun.hpp"

namespace carryall::devices {

inline constexpr std::size_t kMaxSettingsBytes = 16'384;

struct FieldValue {
    const Field* field = nullptr;
    std::size_t index = 0;            // in noun.fields
    std::optional<std::string> text;  // as a SQL parameter; empty: NULL
};

enum class Writing { create, update };

// Every mistake goes to `errors`; then the result must not be used.
std::vector<FieldValue> read_fields(const Noun& noun, const base::json::object& body,
                                    Writing writing, base::JsonErrors& errors);

// A non-negative decimal number with at most 12 digits before and 6 behind the point.
bool is_decimal(std::string_view text);

// "EUR" for "eur"; empty if it is no code of three letters (ISO 4217).
std::string currency_of(std::string_view text);

}  // namespace carryall::devices
