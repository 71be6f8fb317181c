// What a charge setting may hold, member by member, and how it is shown. Pure.
#include <array>

#include "base/text.hpp"
#include "base/time_zone.hpp"
#include "charges/charge_setting.hpp"
#include "charges/optimization_rules.hpp"
#include "mail/message.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;

constexpr std::array<std::string_view, 6> kPlaceholders{"plan",     "usageMb",     "amount",
                                                        "smsUsage", "periodStart", "periodEnd"};
constexpr std::int64_t kMaxDelaySeconds = 3'600;
constexpr std::int64_t kMaxAttachmentBytes = 1LL << 30;
constexpr DecimalRule kAmountBound{.max_fraction_digits = 4};
constexpr DecimalRule kMultiple{.max_whole = 100'000, .max_fraction_digits = 2};

base::Error bad(std::string reason) {
    return base::invalid_input(std::move(reason));
}

Result<std::string> text_of(const json::value& value, std::size_t max_bytes) {
    if (!value.is_string()) return bad("must be a string");
    std::string text(value.get_string());
    if (text.size() > max_bytes) {
        return bad("is longer than " + std::to_string(max_bytes) + " bytes; shorten it");
    }
    return text;
}

// Each "{…}" of the text names one of `known`; a brace outside of one is a placeholder gone wrong.
Result<void> check_placeholders(std::string_view text, std::span<const std::string_view> known) {
    std::string names;
    for (const std::string_view name : known) {
        names += (names.empty() ? "{" : " {") + std::string(name) + '}';
    }
    for (std::size_t at = 0; (at = text.find_first_of("{}", at)) != std::string_view::npos;) {
        const std::size_t end = text.find_first_of("{}", at + 1);
        if (text[at] == '}' || end == std::string_view::npos || text[end] == '{') {
            return bad("has a brace that belongs to no placeholder; " + names + " are known");
        }
        const std::string_view name = text.substr(at + 1, end - at - 1);
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return bad("has the unknown placeholder {" + std::string(name) + "}; " + names +
                       " are known");
        }
        at = end + 1;
    }
    return {};
}

template <auto Member>
Result<void> read_flag(const json::value& value, ChargeSetting& setting) {
    if (!value.is_bool()) return bad("must be true or false");
    setting.*Member = value.get_bool();
    return {};
}

template <auto Member, std::int64_t Min, std::int64_t Max>
Result<void> read_number(const json::value& value, ChargeSetting& setting) {
    const std::int64_t* number = value.if_int64();
    if (number == nullptr || *number < Min || *number > Max) {
        return bad("must be a whole number from " + std::to_string(Min) + " to " +
                   std::to_string(Max));
    }
    setting.*Member = *number;
    return {};
}

Result<std::string> decimal_of(const json::value& value, const DecimalRule& rule) {
    if (const std::int64_t* number = value.if_int64()) {
        return read_decimal(std::to_string(*number), rule);
    }
    if (value.is_string()) return read_decimal(std::string_view(value.get_string()), rule);
    return bad("must be a decimal number, as a string such as \"12.50\" or a whole number");
}

// Whether a text that read_decimal made is more than `least` (a digit): by its digits.
bool is_more_than(std::string_view decimal, char least) {
    const std::size_t point = decimal.find('.');
    const std::string_view whole = decimal.substr(0, point);
    if (whole.size() > 1 || whole.front() > least) return true;
    return whole.front() == least && point != std::string_view::npos &&
           decimal.find_first_not_of('0', point + 1) != std::string_view::npos;
}

template <auto Member>
Result<void> read_max_amount(const json::value& value, ChargeSetting& setting) {
    if (value.is_null()) {
        setting.*Member = std::nullopt;
        return {};
    }
    const auto amount = decimal_of(value, kAmountBound);
    if (!amount) return amount.error();
    if (!is_more_than(*amount, '0')) return bad("must be more than 0, or null for no bound");
    setting.*Member = *amount;
    return {};
}

template <auto Member>
Result<void> read_multiple(const json::value& value, ChargeSetting& setting) {
    if (value.is_null()) {
        setting.*Member = std::nullopt;
        return {};
    }
    const auto multiple = decimal_of(value, kMultiple);
    if (!multiple) return multiple.error();
    if (!is_more_than(*multiple, '1')) return bad("must be more than 1, or null for no bound");
    setting.*Member = *multiple;
    return {};
}

Result<void> read_floor(const json::value& value, ChargeSetting& setting) {
    const auto amount = decimal_of(value, kAmountBound);
    if (!amount) return amount.error();
    setting.history_floor_amount = *amount;
    return {};
}

Result<void> read_zone(const json::value& value, ChargeSetting& setting) {
    const auto name = text_of(value, base::kMaxTimeZoneBytes);
    if (!name) return name.error();
    const auto zone = base::TimeZone::find(*name);
    if (!zone) return bad(zone.error().message);
    setting.billing_time_zone = zone->name();
    return {};
}

// What passes here passes the database's check, and Rev.io takes it as the end of a description.
Result<void> read_marker(const json::value& value, ChargeSetting& setting) {
    constexpr std::string_view kKey = "{key}";
    constexpr std::array<std::string_view, 1> kNames{"key"};
    constexpr std::size_t kMostBeside = (kMaxMarkerBytes - kKey.size()) / 2;
    const auto text = text_of(value, kMaxMarkerBytes);
    if (!text) return text.error();
    CARRYALL_TRY(check_placeholders(*text, kNames));
    const std::size_t at = text->find(kKey);
    const bool has_one = at != std::string::npos && text->find(kKey, at + 1) == std::string::npos;
    if (!text->empty() && !has_one) {
        return bad("must contain {key} once, or be empty to send charges without a marker");
    }
    if (has_one && std::max(at, text->size() - at - kKey.size()) > kMostBeside) {
        return bad("has more than " + std::to_string(kMostBeside) +
                   " characters before or behind {key}; shorten it");
    }
    const auto is_plain = [](char c) {
        return c > ' ' && c <= '~' && std::string_view("[\\]").find(c) == std::string_view::npos;
    };
    if (!std::all_of(text->begin(), text->end(), is_plain)) {
        return bad(
            "must be plain ASCII without blanks, brackets and backslashes: it stands in brackets "
            "at Rev.io");
    }
    setting.marker_format = *text;
    return {};
}

template <auto Member>
Result<void> read_template(const json::value& value, ChargeSetting& setting) {
    const auto text = text_of(value, kMaxTemplateBytes);
    if (!text) return text.error();
    if (base::trim(*text).empty()) return bad("must say something");
    CARRYALL_TRY(check_placeholders(*text, kPlaceholders));
    setting.*Member = *text;
    return {};
}

template <auto Member>
Result<void> read_emails(const json::value& value, ChargeSetting& setting) {
    auto emails = read_addresses(value, kMaxSettingEmails);
    if (!emails) return emails.error();
    setting.*Member = *std::move(emails);
    return {};
}

template <auto Member>
json::value show(const ChargeSetting& setting) {
    return json::value_from(setting.*Member);
}

template <auto Member>
json::value show_text(const ChargeSetting& setting) {
    const std::optional<std::string> text = setting.*Member;
    return text ? json::value(*text) : json::value(nullptr);
}

struct Field {
    const char* name;
    Result<void> (*read)(const json::value& value, ChargeSetting& setting);
    json::value (*show)(const ChargeSetting& setting);
};

using Setting = ChargeSetting;

template <auto Member>
constexpr Field delay(const char* name) {
    return {name, read_number<Member, 0, kMaxDelaySeconds>, show<Member>};
}
template <auto Member>
constexpr Field description(const char* name) {
    return {name, read_template<Member>, show_text<Member>};
}

constexpr std::array kFields{
    Field{"splitsRateAndOverage", read_flag<&Setting::splits_rate_and_overage>,
          show<&Setting::splits_rate_and_overage>},
    Field{"billingTimeZone", read_zone, show_text<&Setting::billing_time_zone>},
    Field{"billsInAdvance", read_flag<&Setting::bills_in_advance>,
          show<&Setting::bills_in_advance>},
    Field{"pageSize", read_number<&Setting::page_size, 1, 500>, show<&Setting::page_size>},
    Field{"amountDecimals", read_number<&Setting::amount_decimals, 0, 4>,
          show<&Setting::amount_decimals>},
    Field{"markerFormat", read_marker, show_text<&Setting::marker_format>},
    description<&Setting::rate_description>("rateDescription"),
    description<&Setting::overage_description>("overageDescription"),
    description<&Setting::usage_description>("usageDescription"),
    description<&Setting::sms_description>("smsDescription"),
    Field{"maxChargeAmount", read_max_amount<&Setting::max_charge_amount>,
          show_text<&Setting::max_charge_amount>},
    Field{"deviceHistoryMultiple", read_multiple<&Setting::device_history_multiple>,
          show_text<&Setting::device_history_multiple>},
    Field{"customerHistoryMultiple", read_multiple<&Setting::customer_history_multiple>,
          show_text<&Setting::customer_history_multiple>},
    Field{"historyPeriods", read_number<&Setting::history_periods, 1, 24>,
          show<&Setting::history_periods>},
    Field{"historyFloorAmount", read_floor, show_text<&Setting::history_floor_amount>},
    Field{"administratorEmails", read_emails<&Setting::administrator_emails>,
          show<&Setting::administrator_emails>},
    Field{"billingEmails", read_emails<&Setting::billing_emails>, show<&Setting::billing_emails>},
    Field{"attachmentLimitBytes",
          read_number<&Setting::attachment_limit_bytes, 0, kMaxAttachmentBytes>,
          show<&Setting::attachment_limit_bytes>},
    delay<&Setting::last_instance_delay_seconds>("lastInstanceDelaySeconds"),
    delay<&Setting::last_group_delay_seconds>("lastGroupDelaySeconds"),
    delay<&Setting::check_delay_seconds>("checkDelaySeconds"),
};

}  // namespace

json::object to_json(const ChargeSetting& setting) {
    json::object shown;
    for (const Field& field : kFields) shown[field.name] = field.show(setting);
    shown["modifiedBy"] = show_text<&Setting::modified_by>(setting);
    shown["modifiedAt"] = show_text<&Setting::modified_at>(setting);
    return shown;
}

void apply_changes(ChargeSetting& setting, const json::object& changes, base::JsonErrors& errors) {
    for (const auto& change : changes) {
        const std::string_view name = change.key();
        const std::string pointer = '/' + std::string(name);
        const auto field = std::find_if(kFields.begin(), kFields.end(),
                                        [&](const Field& one) { return name == one.name; });
        if (field == kFields.end()) {
            errors.add(pointer, "is unknown here");
            continue;
        }
        const auto read = field->read(change.value(), setting);
        if (!read) errors.add(pointer, read.error().message);
    }
}

}  // namespace carryall::charges
