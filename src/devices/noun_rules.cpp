// What a member of a small noun may hold. Every refusal completes the sentence "<member> …", and
// says what would do.
#include "devices/noun_rules.hpp"

#include <charconv>

#include "base/text.hpp"

namespace carryall::devices {
namespace {

constexpr std::size_t kMaxWholeDigits = 12;
constexpr std::size_t kMaxFractionDigits = 6;

bool may_be_null(const Field& field) {
    return !field.required && field.type != FieldType::boolean && field.type != FieldType::object;
}

using Read = base::Result<std::optional<std::string>>;

Read read_text(const Field& field, const base::json::value& value) {
    if (!value.is_string()) return base::invalid_input("must be a string");
    const std::string_view text = base::trim(std::string_view(value.get_string()));
    if (text.empty()) {
        if (may_be_null(field)) return std::optional<std::string>{};
        return base::invalid_input("must not be empty");
    }
    if (text.size() > static_cast<std::size_t>(field.max) && field.max > 0) {
        return base::invalid_input("is longer than " + std::to_string(field.max) +
                                   " bytes; shorten it");
    }
    if (text.find('\0') != std::string_view::npos) {
        return base::invalid_input("must not contain a NUL character");
    }
    if (field.choices.empty()) return std::optional(std::string(text));
    std::string known;
    for (const std::string_view choice : field.choices) {
        if (base::ascii_lower(text) == choice) return std::optional(std::string(choice));
        known += (known.empty() ? "" : ", ") + std::string(choice);
    }
    return base::invalid_input("must be one of " + known);
}

Read read_integer(const Field& field, const base::json::value& value) {
    base::json::error_code error;
    const auto number = value.to_number<std::int64_t>(error);
    const std::int64_t min = field.type == FieldType::reference ? 1 : field.min;
    const std::int64_t max = field.type == FieldType::reference ? INT64_MAX : field.max;
    if (error || !value.is_number()) return base::invalid_input("must be a whole number");
    if (number < min || number > max) {
        return base::invalid_input("must be between " + std::to_string(min) + " and " +
                                   std::to_string(max));
    }
    return std::optional(std::to_string(number));
}

Read read_decimal(const base::json::value& value) {
    std::string text;
    if (value.is_string()) {
        text = base::trim(std::string_view(value.get_string()));
    } else if (value.is_number()) {
        constexpr std::size_t kLongest = 400;  // of a double in fixed notation
        std::array<char, kLongest> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                       value.to_number<double>(), std::chars_format::fixed);
        text.assign(digits.data(), end.ptr);
    }
    if (is_decimal(text)) return std::optional(std::move(text));
    return base::invalid_input(
        "must be a decimal number of 0 or more, such as 1024 or \"512.5\", with at most 12 digits "
        "before and 6 behind the point");
}

Read read_currency(const base::json::value& value) {
    std::string code;
    if (value.is_string()) code = currency_of(base::trim(std::string_view(value.get_string())));
    if (!code.empty()) return std::optional(std::move(code));
    return base::invalid_input("must be a currency's code of three letters, such as EUR");
}

// A secret among the settings would be shown to every reader and stored in the open.
bool looks_like_secret(std::string_view name) {
    const std::string lower = base::ascii_lower(name);
    for (const std::string_view end : {"password", "secret", "apikey", "api_key", "token"}) {
        if (std::string_view(lower).ends_with(end)) return true;
    }
    return false;
}

// The one setting that no adapter reads: how often the account's inventory is read.
constexpr std::string_view kSyncEveryHours = "syncEveryHours";
constexpr double kMostHours = 8'760;

bool is_hours(const base::json::value& value) {
    if (value.is_null()) return true;
    if (!value.is_number()) return false;
    const auto hours = value.to_number<double>();
    return hours >= 1 && hours <= kMostHours;
}

Read read_object(const base::json::value& value) {
    if (!value.is_object()) return base::invalid_input("must be an object");
    for (const auto& [name, member] : value.get_object()) {
        if (looks_like_secret(name)) {
            return base::invalid_input("must not hold \"" + std::string(name) +
                                       "\": secrets belong into credentials, where they are "
                                       "sealed and never shown");
        }
        const bool is_schedule =
            base::ascii_lower(std::string_view(name)) == base::ascii_lower(kSyncEveryHours);
        if (is_schedule && (name != kSyncEveryHours || !is_hours(member))) {
            return base::invalid_input(
                "must give syncEveryHours, in this spelling, as a number from 1 to 8760, or as "
                "null for never");
        }
    }
    std::string text = base::json::serialize(value);
    if (text.size() > kMaxSettingsBytes) {
        return base::invalid_input("is larger than " + std::to_string(kMaxSettingsBytes) +
                                   " bytes");
    }
    if (text.find("\\u0000") != std::string::npos) {
        return base::invalid_input("must not contain a NUL character");
    }
    return std::optional(std::move(text));
}

Read read_field(const Field& field, const base::json::value& value) {
    if (value.is_null()) {
        if (may_be_null(field)) return std::optional<std::string>{};
        return base::invalid_input("must not be null");
    }
    switch (field.type) {
        case FieldType::text:
            return read_text(field, value);
        case FieldType::integer:
        case FieldType::reference:
            return read_integer(field, value);
        case FieldType::decimal:
            return read_decimal(value);
        case FieldType::currency:
            return read_currency(value);
        case FieldType::boolean:
            if (!value.is_bool()) return base::invalid_input("must be true or false");
            return std::optional<std::string>(value.get_bool() ? "t" : "f");
        case FieldType::object:
            return read_object(value);
        case FieldType::time:
        case FieldType::names:
            break;  // never writable
    }
    CHECK(false);
}

const Field* find_field(const Noun& noun, std::string_view name, std::size_t& index) {
    const std::string lower = base::ascii_lower(name);
    for (index = 0; index < noun.fields.size(); ++index) {
        if (base::ascii_lower(noun.fields[index].name) == lower) return &noun.fields[index];
    }
    return nullptr;
}

std::string writable_names(const Noun& noun) {
    std::string names;
    for (const Field& field : noun.fields) {
        if (field.writable) names += (names.empty() ? "" : ", ") + std::string(field.name);
    }
    return names;
}

}  // namespace

bool is_decimal(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    if (!base::all_digits(whole) || whole.size() > kMaxWholeDigits) return false;
    if (point == std::string_view::npos) return true;
    const std::string_view fraction = text.substr(point + 1);
    return base::all_digits(fraction) && fraction.size() <= kMaxFractionDigits;
}

std::string currency_of(std::string_view text) {
    constexpr std::size_t kLetters = 3;
    std::string code(text);
    for (char& letter : code) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
        if (letter < 'A' || letter > 'Z') return {};
    }
    return code.size() == kLetters ? code : std::string();
}

std::vector<FieldValue> read_fields(const Noun& noun, const base::json::object& body,
                                    Writing writing, base::JsonErrors& errors) {
    std::vector<FieldValue> values;
    for (const auto& [name, value] : body) {
        const std::string at = '/' + std::string(name);
        std::size_t index = 0;
        const Field* field = find_field(noun, name, index);
        if (field == nullptr) {
            errors.add(at,
                       "is unknown; a " + std::string(noun.label) + " has " + writable_names(noun));
            continue;
        }
        if (!field->writable || (writing == Writing::update && !field->changeable)) {
            errors.add(at, field->writable ? "cannot be changed later; make a new record"
                                           : "is read only");
            continue;
        }
        const auto repeated = [&](const FieldValue& other) { return other.field == field; };
        if (std::any_of(values.begin(), values.end(), repeated)) {
            errors.add(at, "is there twice in another spelling");
            continue;
        }
        auto read = read_field(*field, value);
        if (!read) {
            errors.add(at, read.error().message);
        } else {
            values.push_back({field, index, *std::move(read)});
        }
    }
    for (const Field& field : noun.fields) {
        if (!field.required || writing == Writing::update) continue;
        if (base::find_ignoring_case(body, field.name) == nullptr) {
            errors.add('/' + std::string(field.name), "is required");
        }
    }
    std::sort(values.begin(), values.end(),
              [](const FieldValue& a, const FieldValue& b) { return a.index < b.index; });
    return values;
}

}  // namespace carryall::devices
