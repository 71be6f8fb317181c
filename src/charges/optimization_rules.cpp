// Portal types, amounts, dates, addresses and the columns of device results. Pure.
#include "charges/optimization_rules.hpp"

#include <array>

#include "base/text.hpp"
#include "devices/identifiers.hpp"
#include "mail/message.hpp"
#include "sheets/spreadsheet_damage.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;
using Text = Result<std::optional<std::string>>;

struct PortalName {
    PortalType type;
    std::string_view name;
    std::string_view stored;
};
constexpr std::array kPortals{
    PortalName{PortalType::m2m, "m2m", "m2m"},
    PortalName{PortalType::mobility, "mobility", "mobility"},
    PortalName{PortalType::cross_provider, "crossProvider", "cross_provider"}};

constexpr std::size_t kShownDigits = 15;  // of a number in a spreadsheet program
constexpr std::size_t kMaxNumberBytes = 100;
constexpr std::int64_t kMaxExponent = 40;
constexpr std::size_t kDateBytes = std::string_view("2026-03-01").size();
constexpr DecimalRule kAmount{.may_be_negative = true};
constexpr DecimalRule kUsage{};
constexpr DecimalRule kCount{.max_fraction_digits = 0};

base::Error bad(std::string reason) {
    return base::invalid_input(std::move(reason));
}

// As a person wrote it, but not without end.
std::string in_quotes(std::string_view text) {
    constexpr std::size_t kMost = 40;
    if (text.size() <= kMost) return '"' + std::string(text) + '"';
    std::size_t end = kMost;
    while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not inside a character
    return '"' + std::string(text.substr(0, end)) + "…\"";
}

const PortalName& portal_of(PortalType type) {
    const auto found = std::find_if(kPortals.begin(), kPortals.end(),
                                    [&](const PortalName& one) { return one.type == type; });
    CHECK(found != kPortals.end());
    return *found;
}

// Digits and where their point stands: "12.5" is 125 with 2 whole digits. Whole digits may be
// negative or more than there are.
struct Digits {
    bool is_negative = false;
    std::string digits;  // without zeros at either end; empty: 0
    std::int64_t whole = 0;
};

std::optional<Digits> digits_of(std::string_view text) {
    Digits number;
    number.is_negative = text.starts_with('-');
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction =
        point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    const bool has_fraction = point != std::string_view::npos;
    if (!whole.empty() && !base::all_digits(whole)) return std::nullopt;
    if (has_fraction && !base::all_digits(fraction)) return std::nullopt;
    if (whole.empty() && !has_fraction) return std::nullopt;
    number.digits = std::string(whole) + std::string(fraction);
    number.whole = static_cast<std::int64_t>(whole.size());
    const std::size_t first = number.digits.find_first_not_of('0');
    if (first == std::string::npos) return Digits{};
    number.digits.erase(0, first);
    number.whole -= static_cast<std::int64_t>(first);
    number.digits.erase(number.digits.find_last_not_of('0') + 1);
    return number;
}

std::string text_of(const Digits& number) {
    if (number.digits.empty()) return "0";
    std::string text = number.is_negative ? "-" : "";
    const auto size = static_cast<std::int64_t>(number.digits.size());
    if (number.whole <= 0) {
        return text + "0." + std::string(static_cast<std::size_t>(-number.whole), '0') +
               number.digits;
    }
    if (number.whole >= size) {
        return text + number.digits +
               std::string(static_cast<std::size_t>(number.whole - size), '0');
    }
    const auto point = static_cast<std::size_t>(number.whole);
    return text + number.digits.substr(0, point) + '.' + number.digits.substr(point);
}

// The same with an exponent: "1.5E-3". Exact.
std::optional<Digits> number_of(std::string_view text) {
    if (text.size() > kMaxNumberBytes) return std::nullopt;
    const std::size_t mark = text.find_first_of("eE");
    auto number = digits_of(text.substr(0, mark));
    if (!number || mark == std::string_view::npos) return number;
    std::string_view exponent = text.substr(mark + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto shift = base::parse_int(exponent);
    if (!shift || *shift > kMaxExponent || *shift < -kMaxExponent) return std::nullopt;
    number->whole += *shift;
    return number;
}

// To the 15th digit, half away from zero.
void round_to_shown(Digits& number) {
    if (number.digits.size() <= kShownDigits) return;
    const bool is_up = number.digits[kShownDigits] >= '5';
    number.digits.resize(kShownDigits);
    if (is_up) {
        std::size_t at = kShownDigits;
        while (at > 0 && number.digits[at - 1] == '9') number.digits[--at] = '0';
        if (at > 0) {
            ++number.digits[at - 1];
        } else {
            number.digits.insert(0, 1, '1');
            ++number.whole;
        }
    }
    number.digits.erase(number.digits.find_last_not_of('0') + 1);
}

Text read_id(std::string_view text) {
    const auto number = base::parse_int(text);
    if (number && *number >= 1) return std::optional(std::to_string(*number));
    return bad("write a whole number of 1 or more, not " + in_quotes(text));
}

Text read_portal(std::string_view text) {
    const auto type = parse_portal_type(text);
    if (type && *type != PortalType::cross_provider) {
        return std::optional(std::string(stored_name(*type)));
    }
    return bad("write m2m or mobility (or 0 or 2), not " + in_quotes(text));
}

Text read_name(std::string_view text) {
    if (text.size() > kMaxRatePlanNameBytes) {
        return bad("is longer than " + std::to_string(kMaxRatePlanNameBytes) +
                   " bytes; shorten it");
    }
    return std::optional(std::string(text));
}

Text decimal_cell(const sheets::Cell& cell, std::string_view text, const DecimalRule& rule) {
    std::optional<std::string> shown;
    if (cell.is_number()) shown = shown_number(text);
    auto number = read_decimal(shown ? std::string_view(*shown) : text, rule);
    if (!number) return number.error();
    return std::optional(std::move(*number));
}

}  // namespace

std::string_view to_string(PortalType type) {
    return portal_of(type).name;
}

std::string_view stored_name(PortalType type) {
    return portal_of(type).stored;
}

std::optional<PortalType> parse_portal_type(std::string_view text) {
    const std::string wanted = sheets::comparable_column_name(text);
    for (const PortalName& portal : kPortals) {
        const bool is_it = wanted == sheets::comparable_column_name(portal.name) ||
                           wanted == std::to_string(static_cast<int>(portal.type));
        if (is_it) return portal.type;
    }
    return std::nullopt;
}

std::optional<PortalType> portal_type_of(const json::value& name_or_number) {
    if (const std::int64_t* number = name_or_number.if_int64()) {
        return parse_portal_type(std::to_string(*number));
    }
    if (!name_or_number.is_string()) return std::nullopt;
    return parse_portal_type(std::string_view(name_or_number.get_string()));
}

Result<std::string> read_decimal(std::string_view text, const DecimalRule& rule) {
    const auto number = text.size() <= kMaxNumberBytes ? digits_of(text) : std::optional<Digits>();
    if (!number) {
        return bad(
            "write a number with a decimal point, such as 12.5, without an exponent, a "
            "comma or a currency, not " +
            in_quotes(text));
    }
    if (number->is_negative && !rule.may_be_negative) return bad("must not be negative");
    const auto fraction = static_cast<std::int64_t>(number->digits.size()) - number->whole;
    if (!number->digits.empty() && fraction > static_cast<std::int64_t>(rule.max_fraction_digits)) {
        if (rule.max_fraction_digits == 0) return bad("must be a whole number");
        return bad("has more than " + std::to_string(rule.max_fraction_digits) +
                   " digits behind the point; round it where it comes from");
    }
    // Beyond the largest number unless its digits say otherwise; all of them are powers of ten.
    const std::string most = std::to_string(rule.max_whole);
    const auto width = static_cast<std::int64_t>(most.size());
    const bool is_largest = number->whole == width && number->digits == "1";
    if (number->whole >= width && !is_largest) {
        return bad("is beyond " + most + "; correct it");
    }
    return text_of(*number);
}

std::optional<std::string> plain_number(std::string_view text) {
    const auto number = number_of(text);
    if (!number) return std::nullopt;
    return text_of(*number);
}

std::optional<std::string> shown_number(std::string_view text) {
    auto number = number_of(text);
    if (!number) return std::nullopt;
    round_to_shown(*number);
    return text_of(*number);
}

Result<std::string> read_billing_date(std::string_view text, const base::TimeZone& zone) {
    constexpr const char* kExpected =
        "must be a date, such as 2026-03-01, or an instant, such as 2026-03-01T05:00:00Z";
    base::LocalTime local;
    if (text.size() > kDateBytes && base::has_offset(text)) {
        const auto instant = base::parse_iso8601(text);
        if (!instant) return bad(kExpected);
        local = zone.local(*instant);
    } else {
        const auto parsed = base::parse_local_time(text);
        if (!parsed) return bad(kExpected);
        local = *parsed;
    }
    return base::to_text(local).substr(0, kDateBytes);
}

Result<std::vector<std::string>> read_addresses(const json::value& value, std::size_t most) {
    if (!value.is_array()) return bad("must be an array of mail addresses");
    std::vector<std::string> addresses;
    for (const json::value& item : value.get_array()) {
        if (!item.is_string()) return bad("must be an array of mail addresses");
        const std::string address(item.get_string());
        const auto checked = mail::check_address(address);
        if (!checked) return bad(in_quotes(address) + ' ' + checked.error().message);
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    if (addresses.size() > most) {
        return bad("may have " + std::to_string(most) + " addresses");
    }
    return addresses;
}

const std::vector<ResultColumn>& result_columns_described() {
    static const std::vector<ResultColumn> columns{
        {"queueId", "queue_id", "bigint", ResultRule::id, {"optimizationQueueId", "queue"}, true},
        {"iccid", "iccid", "text", ResultRule::iccid, {"sim", "simIccid"}},
        {"msisdn",
         "msisdn",
         "text",
         ResultRule::msisdn,
         {"subscriberNumber", "phoneNumber", "mdn"}},
        {"portal", "portal", "text", ResultRule::portal, {"portalType", "portalTypeId"}},
        {"ratePlan",
         "rate_plan_name",
         "text",
         ResultRule::name,
         {"ratePlanName", "plan", "customerRatePlan", "customerRatePlanName"}},
        {"usageMb", "usage_mb", "numeric", ResultRule::usage, {"dataUsageMb", "dataUsage"}},
        {"rateCharge",
         "rate_charge_amount",
         "numeric",
         ResultRule::amount,
         {"rateChargeAmount", "rateChargeAmt"},
         true},
        {"overageCharge",
         "overage_charge_amount",
         "numeric",
         ResultRule::amount,
         {"overageChargeAmount", "overageChargeAmt"}},
        {"smsUsage", "sms_usage", "bigint", ResultRule::count, {"smsCount"}},
        {"smsCharge",
         "sms_charge_amount",
         "numeric",
         ResultRule::amount,
         {"smsChargeAmount", "smsChargeAmt"}},
        {"revProductId", "rev_product_id", "bigint", ResultRule::id, {"productId"}},
        {"revProductTypeId", "rev_product_type_id", "bigint", ResultRule::id, {"productTypeId"}},
        {"overageRevProductId",
         "overage_rev_product_id",
         "bigint",
         ResultRule::id,
         {"overageProductId"}},
        {"overageRevProductTypeId",
         "overage_rev_product_type_id",
         "bigint",
         ResultRule::id,
         {"overageProductTypeId"}},
        {"smsRevProductId", "sms_rev_product_id", "bigint", ResultRule::id, {"smsProductId"}},
        {"smsRevProductTypeId",
         "sms_rev_product_type_id",
         "bigint",
         ResultRule::id,
         {"smsProductTypeId"}},
    };
    return columns;
}

std::vector<std::string> result_columns() {
    std::vector<std::string> names;
    for (const ResultColumn& column : result_columns_described()) names.emplace_back(column.name);
    return names;
}

bool looks_chargeable(std::string_view column_name) {
    const std::string name = sheets::comparable_column_name(column_name);
    for (const std::string_view part :
         {"charge", "amount", "amt", "overage", "usage", "sms", "product"}) {
        if (name.find(part) != std::string::npos) return true;
    }
    return false;
}

Text read_result_cell(const ResultColumn& column, const sheets::Cell& cell) {
    const std::string_view text = base::trim(cell.text);
    if (cell.kind == sheets::CellKind::empty || text.empty()) {
        if (column.required) return bad("is empty; it must be filled in every row");
        return std::optional<std::string>{};
    }
    const bool is_broken = cell.kind == sheets::CellKind::error ||
                           cell.kind == sheets::CellKind::boolean ||
                           (cell.is_number() && column.rule == ResultRule::name);
    if (is_broken) {
        if (const auto damage = sheets::explain_damage(cell)) return bad(damage->explanation);
    }
    switch (column.rule) {
        case ResultRule::id:
            return read_id(text);
        case ResultRule::iccid: {
            const auto iccid = devices::iccid_of(cell);
            if (!iccid) return iccid.error();
            return std::optional(iccid->key());
        }
        case ResultRule::msisdn: {
            const auto msisdn = devices::msisdn_of(cell);
            if (!msisdn) return msisdn.error();
            return std::optional(msisdn->text());
        }
        case ResultRule::portal:
            return read_portal(text);
        case ResultRule::name:
            return read_name(text);
        case ResultRule::amount:
            return decimal_cell(cell, text, kAmount);
        case ResultRule::usage:
            return decimal_cell(cell, text, kUsage);
        case ResultRule::count:
            return decimal_cell(cell, text, kCount);
    }
    CHECK(false);
}

}  // namespace carryall::charges
