// The columns of each kind of file and what their cells may hold. Pure.
#include "base/text.hpp"
#include "devices/import_plan.hpp"
#include "devices/noun_rules.hpp"
#include "sheets/spreadsheet_damage.hpp"

namespace carryall::devices {
namespace {

using base::Result;
using Columns = std::vector<ImportColumn>;
using Text = Result<std::optional<std::string>>;

constexpr std::size_t kMaxNameBytes = 200;
constexpr std::size_t kMaxCodeBytes = 100;

const Columns& device_columns() {
    static const Columns columns{
        {"iccid", "iccid", CellRule::iccid, {"sim", "simIccid"}, true},
        {"imei", "imei", CellRule::imei, {}, false, true},
        {"msisdn",
         "msisdn",
         CellRule::msisdn,
         {"subscriberNumber", "phoneNumber", "mdn"},
         false,
         true},
        {"serviceProvider", "service_provider", CellRule::name, {"provider", "carrier"}},
        {"portal", "portal", CellRule::portal, {"portalType"}},
        {"status", "status", CellRule::code, {"deviceStatus", "simStatus"}},
        {"carrierRatePlan",
         "carrier_rate_plan",
         CellRule::code,
         {"carrierRatePlanCode", "ratePlan"},
         false,
         true},
        {"communicationPlan",
         "communication_plan",
         CellRule::name,
         {"commPlan", "communicationPlanName"},
         false,
         true},
        {"customer", "customer", CellRule::name, {"customerName"}, false, true},
        {"revCustomerId", "rev_customer_id", CellRule::code, {"revCustomer"}, false, true},
        {"site", "site", CellRule::name, {"siteName"}, false, true},
        {"accountNumber", "account_number", CellRule::code, {}, false, true},
        {"customerRatePlan",
         "customer_rate_plan",
         CellRule::code,
         {"customerRatePlanCode"},
         false,
         true},
        {"customerRatePool",
         "customer_rate_pool",
         CellRule::name,
         {"customerPool", "customerRatePoolName"},
         false,
         true},
        {"customerDataAllocationMB",
         "customer_data_allocation_mb",
         CellRule::decimal,
         {},
         false,
         true},
        {"archived", "archived", CellRule::boolean, {"isArchived"}},
    };
    return columns;
}

const ImportColumn kName{"name", "name", CellRule::name, {}, true};
const ImportColumn kIsActive{"isActive", "is_active", CellRule::boolean, {"active"}};
const ImportColumn kCode{"code", "code", CellRule::code, {}, true};
const ImportColumn kOptionalName{"name", "name", CellRule::name, {"description"}};
const ImportColumn kProvider{
    "serviceProvider", "service_provider", CellRule::name, {"provider", "carrier"}};
const ImportColumn kAllocation{
    "dataAllocationMB", "data_allocation_mb", CellRule::decimal, {}, false, true};

const ImportColumn kMonthlyPrice{"monthlyPrice", "monthly_price", CellRule::decimal,
                                 {"price"},      false,           true};
const ImportColumn kCurrency{"currency", "currency", CellRule::currency, {}, false, true};

Columns make_columns(ImportKind kind) {
    switch (kind) {
        case ImportKind::devices:
            return device_columns();
        case ImportKind::customers:
            return {
                kName,
                {"revCustomerId", "rev_customer_id", CellRule::code, {"revCustomer"}, false, true},
                {"accountNumber", "account_number", CellRule::code, {}, false, true},
                kIsActive};
        case ImportKind::sites:
            return {kName,
                    {"customer", "customer", CellRule::name, {"customerName"}},
                    {"revCustomerId", "rev_customer_id", CellRule::code, {"revCustomer"}},
                    kIsActive};
        case ImportKind::carrier_rate_plans:
            return {kProvider,
                    kCode,
                    kOptionalName,
                    {"planUuid", "plan_uuid", CellRule::code, {"uuid"}, false, true},
                    {"carrierPlanId",
                     "carrier_plan_id",
                     CellRule::integer,
                     {"packageTypeId", "ratePlanId"},
                     false,
                     true},
                    kMonthlyPrice,
                    kCurrency,
                    kIsActive};
        case ImportKind::communication_plans:
            return {kProvider, kName, kIsActive};
        case ImportKind::customer_rate_plans:
            return {kCode, kOptionalName, kAllocation, kMonthlyPrice, kCurrency, kIsActive};
        case ImportKind::customer_rate_pools:
            return {kName, kAllocation, kIsActive};
        case ImportKind::service_providers:
            return {kName,
                    {"integration", "integration", CellRule::integration, {}},
                    {"writeIsEnabled", "write_is_enabled", CellRule::boolean, {"write"}},
                    {"settings", "settings", CellRule::settings, {}},
                    {"ratePerSecond", "rate_per_second", CellRule::decimal, {}, false, true},
                    {"maxConcurrency", "max_concurrency", CellRule::integer, {}, false, true},
                    {"dayQuota", "day_quota", CellRule::integer, {}, false, true},
                    {"isUnpaced", "is_unpaced", CellRule::boolean, {"unpaced"}},
                    kIsActive};
    }
    CHECK(false);
}

base::Error bad(std::string reason) {
    return base::invalid_input(std::move(reason));
}

Text read_words(std::string_view text, std::size_t max) {
    if (text.size() > max) {
        return bad("is longer than " + std::to_string(max) + " bytes; shorten it");
    }
    return std::optional(std::string(text));
}

Text read_boolean(std::string_view text) {
    const std::string lower = base::ascii_lower(text);
    for (const std::string_view yes : {"true", "yes", "1"}) {
        if (lower == yes) return std::optional<std::string>("t");
    }
    for (const std::string_view no : {"false", "no", "0"}) {
        if (lower == no) return std::optional<std::string>("f");
    }
    return bad("write true or false (or yes, no, 1, 0), not \"" + std::string(text) + '"');
}

Text read_integer(std::string_view text) {
    const auto number = base::parse_int(text);
    if (number && *number >= 1) return std::optional(std::to_string(*number));
    return bad("write a whole number of 1 or more, not \"" + std::string(text) + '"');
}

Text read_decimal(std::string_view text) {
    if (is_decimal(text)) return std::optional(std::string(text));
    return bad("write a number of 0 or more with a decimal point, such as 512.5, not \"" +
               std::string(text) + '"');
}

Text read_currency(std::string_view text) {
    std::string code = currency_of(text);
    if (!code.empty()) return std::optional(std::move(code));
    return bad("write a currency's code of three letters, such as EUR, not \"" + std::string(text) +
               '"');
}

Text read_choice(std::string_view text, std::initializer_list<std::string_view> choices) {
    const std::string lower = base::ascii_lower(text);
    std::string known;
    for (const std::string_view choice : choices) {
        if (lower == choice) return std::optional(lower);
        known += (known.empty() ? "" : ", ") + std::string(choice);
    }
    return bad("must be one of " + known);
}

// The same rules as in the API, through the description of the noun.
Text read_settings(std::string_view text) {
    const auto parsed = base::parse_json(text);
    if (!parsed) return bad("write a JSON object: " + parsed.error().message);
    base::JsonErrors errors;
    auto values = read_fields(kServiceProvider, {{"settings", *parsed}}, Writing::update, errors);
    if (!errors.empty()) return bad(errors.items().front().message);
    return values.front().text;
}

template <class Identifier>
Text text_of(const Result<Identifier>& identifier) {
    if (!identifier) return identifier.error();
    return std::optional(identifier->text());
}

Text read_by_rule(CellRule rule, const sheets::Cell& cell, std::string_view text) {
    switch (rule) {
        case CellRule::name:
            return read_words(text, kMaxNameBytes);
        case CellRule::code:
            return read_words(text, kMaxCodeBytes);
        case CellRule::iccid:
            return text_of(iccid_of(cell));
        case CellRule::imei:
            return text_of(imei_of(cell));
        case CellRule::msisdn:
            return text_of(msisdn_of(cell));
        case CellRule::integer:
            return read_integer(text);
        case CellRule::decimal:
            return read_decimal(text);
        case CellRule::currency:
            return read_currency(text);
        case CellRule::boolean:
            return read_boolean(text);
        case CellRule::portal:
            return read_choice(text, {"m2m", "mobility"});
        case CellRule::integration:
            return read_choice(text, {"jasper", "thingspace", "pond", "telegence", "revio"});
        case CellRule::settings:
            return read_settings(text);
    }
    CHECK(false);
}

// A code or name in a number cell is fine unless the spreadsheet program changed it.
bool may_be_any_text(CellRule rule) {
    return rule == CellRule::name || rule == CellRule::code;
}

}  // namespace

const std::vector<ImportColumn>& columns_of(ImportKind kind) {
    static const std::vector<Columns> all = [] {
        std::vector<Columns> columns;
        for (int i = 0; i <= static_cast<int>(ImportKind::service_providers); ++i) {
            columns.push_back(make_columns(static_cast<ImportKind>(i)));
        }
        return columns;
    }();
    return all.at(static_cast<std::size_t>(kind));
}

Text read_cell(const ImportColumn& column, const sheets::Cell& cell) {
    const std::string_view text = base::trim(cell.text);
    if (cell.kind == sheets::CellKind::empty || text.empty()) {
        if (column.required) return bad("is empty; it must be filled in every row");
        return std::optional<std::string>{};
    }
    if (text == kClear) {
        if (column.clearable) return std::optional(std::string(kClear));
        return bad("cannot be emptied; write a value or leave the cell empty");
    }
    const bool is_broken =
        cell.kind == sheets::CellKind::error ||
        (cell.is_number() && may_be_any_text(column.rule)) ||
        (cell.kind == sheets::CellKind::boolean && column.rule != CellRule::boolean);
    if (is_broken) {
        if (const auto damage = sheets::explain_damage(cell)) return bad(damage->explanation);
    }
    return read_by_rule(column.rule, cell, text);
}

}  // namespace carryall::devices
