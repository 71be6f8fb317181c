// Portal types, dates, addresses and the columns of device results. Pure.
#include "charges/optimization_rules.hpp"

#include <array>

#include "mail/message.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;

struct PortalName {
    PortalType type;
    std::string_view name;
    std::string_view stored;
};
constexpr std::array kPortals{
    PortalName{PortalType::m2m, "m2m", "m2m"},
    PortalName{PortalType::mobility, "mobility", "mobility"},
    PortalName{PortalType::cross_provider, "crossProvider", "cross_provider"}};

constexpr std::size_t kDateBytes = std::string_view("2026-03-01").size();
base::Error bad(std::string reason) {
    return base::invalid_input(std::move(reason));
}

const PortalName& portal_of(PortalType type) {
    const auto found = std::find_if(kPortals.begin(), kPortals.end(),
                                    [&](const PortalName& one) { return one.type == type; });
    CHECK(found != kPortals.end());
    return *found;
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

const std::vector<TableColumn>& result_columns_described() {
    static const std::vector<TableColumn> columns{
        {"queueId", "queue_id", "bigint", CellRule::id, {"optimizationQueueId", "queue"}, true},
        {"iccid", "iccid", "text", CellRule::iccid, {"sim", "simIccid"}},
        {"msisdn", "msisdn", "text", CellRule::msisdn, {"subscriberNumber", "phoneNumber", "mdn"}},
        {"portal", "portal", "text", CellRule::portal, {"portalType", "portalTypeId"}},
        {"ratePlan",
         "rate_plan_name",
         "text",
         CellRule::plan_name,
         {"ratePlanName", "plan", "customerRatePlan", "customerRatePlanName"}},
        {"usageMb", "usage_mb", "numeric", CellRule::usage, {"dataUsageMb", "dataUsage"}},
        {"rateCharge",
         "rate_charge_amount",
         "numeric",
         CellRule::amount,
         {"rateChargeAmount", "rateChargeAmt"},
         true},
        {"overageCharge",
         "overage_charge_amount",
         "numeric",
         CellRule::amount,
         {"overageChargeAmount", "overageChargeAmt"}},
        {"smsUsage", "sms_usage", "bigint", CellRule::count, {"smsCount"}},
        {"smsCharge",
         "sms_charge_amount",
         "numeric",
         CellRule::amount,
         {"smsChargeAmount", "smsChargeAmt"}},
        {"revProductId", "rev_product_id", "bigint", CellRule::revio_id, {"productId"}},
        {"revProductTypeId",
         "rev_product_type_id",
         "bigint",
         CellRule::revio_id,
         {"productTypeId"}},
        {"overageRevProductId",
         "overage_rev_product_id",
         "bigint",
         CellRule::revio_id,
         {"overageProductId"}},
        {"overageRevProductTypeId",
         "overage_rev_product_type_id",
         "bigint",
         CellRule::revio_id,
         {"overageProductTypeId"}},
        {"smsRevProductId", "sms_rev_product_id", "bigint", CellRule::revio_id, {"smsProductId"}},
        {"smsRevProductTypeId",
         "sms_rev_product_type_id",
         "bigint",
         CellRule::revio_id,
         {"smsProductTypeId"}},
    };
    return columns;
}

std::vector<std::string> result_columns() {
    std::vector<std::string> names;
    for (const TableColumn& column : result_columns_described()) names.emplace_back(column.name);
    return names;
}

}  // namespace carryall::charges
