// The SQL of searching devices. What must stay true: every order ends with the device id, so that
// paging neither skips nor repeats a row, and identifiers are looked up as ranges on indexed
// columns with leakproof operators, the only ones an index may serve under row-level security.
#include <array>

#include "base/text.hpp"
#include "devices/device.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::devices {
namespace {

using base::Result;
using db::Params;

constexpr std::size_t kMaxPrefixDigits = 20;
constexpr std::size_t kMaxStatusBytes = 100;

struct Order {
    DeviceSort sort;
    std::string_view name;  // in the API
    const char* key;        // what to order by, before device_id
    const char* type;
    const char* lowest;  // below and above every key: where the first page starts
    const char* highest;
};

// Collation C orders by bytes, so U+10FFFF is above everything.
constexpr const char* kAboveEveryText = "\xF4\x8F\xBF\xBF";
constexpr std::array<Order, 6> kOrders{{
    {DeviceSort::device_id, "deviceId", "''::text", "text", "", ""},
    {DeviceSort::iccid, "iccid", "d.iccid19", "text", "", kAboveEveryText},
    {DeviceSort::imei, "imei", "coalesce(d.imei, '')", "text", "", kAboveEveryText},
    {DeviceSort::msisdn, "msisdn", "coalesce(d.msisdn, '')", "text", "", kAboveEveryText},
    {DeviceSort::status, "status", "d.status COLLATE \"C\"", "text", "", kAboveEveryText},
    {DeviceSort::modified_at, "modifiedAt", "d.modified_at", "timestamptz", "-infinity",
     "infinity"},
}};

const Order& order_of(DeviceSort sort) {
    const auto* found = std::find_if(kOrders.begin(), kOrders.end(),
                                     [&](const Order& order) { return order.sort == sort; });
    CHECK(found != kOrders.end());
    return *found;
}

// Where a page starts: after this key and device.
struct Cursor {
    std::string key;
    std::int64_t device_id = 0;
};

Cursor first_page(const Order& order, bool descending) {
    if (descending) return {order.highest, INT64_MAX};
    return {order.lowest, 0};
}

std::string to_text(const Cursor& cursor) {
    return std::to_string(cursor.device_id) + ':' + cursor.key;
}

Cursor parse_cursor(std::string_view text) {
    const std::size_t colon = text.find(':');
    CHECK(colon != std::string_view::npos);  // sealed by us
    return {std::string(text.substr(colon + 1)),
            base::parse_int(text.substr(0, colon)).value_or(0)};
}

// The half-open range of everything that starts with the digits. ':' follows '9'.
struct Range {
    std::string from;
    std::string to;
};

struct IdentifierRange {
    const char* column;
    std::optional<Range> range;
};

using IdentifierRanges = std::array<IdentifierRange, 3>;

Result<std::optional<Range>> range_of(const std::optional<std::string>& given,
                                      std::string_view name) {
    if (!given) return std::optional<Range>{};
    if (!base::all_digits(*given) || given->size() > kMaxPrefixDigits) {
        return base::invalid_input("must be an identifier or its first digits, 1 to 20 of them",
                                   "parameter " + std::string(name));
    }
    return std::optional(Range{*given, *given + ':'});
}

Result<IdentifierRanges> ranges_of(const DeviceFilter& filter) {
    auto iccid_text = filter.iccid;
    if (iccid_text && iccid_text->size() >= kIccidKeyDigits) {
        const auto iccid = Iccid::parse(*iccid_text);
        if (!iccid) return base::invalid_input(iccid.error().message, "parameter iccid");
        iccid_text = iccid->key();
    }
    auto msisdn_text = filter.msisdn;
    if (msisdn_text && msisdn_text->starts_with('+')) msisdn_text->erase(0, 1);
    auto iccid = range_of(iccid_text, "iccid");
    if (!iccid) return iccid.error();
    auto imei = range_of(filter.imei, "imei");
    if (!imei) return imei.error();
    auto msisdn = range_of(msisdn_text, "msisdn");
    if (!msisdn) return msisdn.error();
    return IdentifierRanges{{{"d.iccid19", *iccid}, {"d.imei", *imei}, {"d.msisdn", *msisdn}}};
}

// The columns of device_at, of a device `d`.
std::string device_select() {
    return "SELECT d.device_id, d.service_provider_id, sp.name, d.portal, d.iccid, d.imei, "
           "d.msisdn, d.status, d.carrier_rate_plan_id, rp.code, d.communication_plan_id, cp.name, "
           "d.customer_id, c.name, c.rev_customer_id, d.site_id, s.name, d.account_number, "
           "d.rev_service_id, d.customer_rate_plan_id, crp.code, d.customer_rate_pool_id, "
           "pool.name, d.customer_data_allocation_mb::text, d.is_deleted OR NOT d.is_active, " +
           tenants::iso8601("d.created_at") + ", " + tenants::iso8601("d.modified_at") +
           ", host(d.ip_address)";
}

// Each join names the tenant and a primary key, so it adds no row.
constexpr const char* kDeviceJoins = R"(
LEFT JOIN service_provider sp
    ON sp.tenant_id = $1 AND sp.service_provider_id = d.service_provider_id
LEFT JOIN carrier_rate_plan rp
    ON rp.tenant_id = $1 AND rp.carrier_rate_plan_id = d.carrier_rate_plan_id
LEFT JOIN communication_plan cp
    ON cp.tenant_id = $1 AND cp.communication_plan_id = d.communication_plan_id
LEFT JOIN customer c ON c.tenant_id = $1 AND c.customer_id = d.customer_id
LEFT JOIN site s ON s.tenant_id = $1 AND s.site_id = d.site_id
LEFT JOIN customer_rate_plan crp
    ON crp.tenant_id = $1 AND crp.customer_rate_plan_id = d.customer_rate_plan_id
LEFT JOIN customer_rate_pool pool
    ON pool.tenant_id = $1 AND pool.customer_rate_pool_id = d.customer_rate_pool_id
)";
constexpr int kSortKeyColumn = 28;  // behind device_select's

Device device_at(const db::Rows& rows, std::size_t row) {
    Device device;
    device.id = {rows.integer(row, 0)};
    device.service_provider_id = {rows.integer(row, 1)};
    device.service_provider = rows.string(row, 2);
    device.portal = rows.string(row, 3);
    device.iccid = rows.string(row, 4);
    device.imei = rows.optional_text(row, 5);
    device.msisdn = rows.optional_text(row, 6);
    device.status = rows.string(row, 7);
    device.carrier_rate_plan_id = {rows.integer(row, 8)};
    device.carrier_rate_plan = rows.optional_text(row, 9);
    device.communication_plan_id = {rows.integer(row, 10)};
    device.communication_plan = rows.optional_text(row, 11);
    device.customer_id = {rows.integer(row, 12)};
    device.customer = rows.optional_text(row, 13);
    device.rev_customer_id = rows.optional_text(row, 14);
    device.site_id = {rows.integer(row, 15)};
    device.site = rows.optional_text(row, 16);
    device.account_number = rows.optional_text(row, 17);
    device.rev_service_id = rows.optional_integer(row, 18);
    device.customer_rate_plan_id = {rows.integer(row, 19)};
    device.customer_rate_plan = rows.optional_text(row, 20);
    device.customer_rate_pool_id = {rows.integer(row, 21)};
    device.customer_rate_pool = rows.optional_text(row, 22);
    device.customer_data_allocation_mb = rows.optional_text(row, 23);
    device.is_archived = rows.boolean(row, 24);
    device.created_at = rows.string(row, 25);
    device.modified_at = rows.string(row, 26);
    device.ip_address = rows.optional_text(row, 27);
    return device;
}

// Ordering and identifiers shape the statement, since they decide which index serves it; the other
// conditions are the same text always, so that a connection keeps few prepared statements.
std::string search_sql(const Order& order, bool descending, const IdentifierRanges& ranges) {
    const std::string direction = descending ? " DESC" : "";
    const std::string beyond = descending ? " < " : " > ";
    const std::string key = order.key;
    const bool by_id = order.sort == DeviceSort::device_id;
    std::string where =
        by_id ? "d.device_id" + beyond + "$3 AND $2::text IS NOT NULL"
              : '(' + key + ", d.device_id)" + beyond + "($2::" + order.type + ", $3::bigint)";
    where +=
        " AND ($5::text IS NULL OR lower(d.status) = lower($5))"
        " AND ($6::text IS NULL OR d.portal = $6)"
        " AND ($7::bigint IS NULL OR d.customer_id = $7)"
        " AND ($8::bigint IS NULL OR d.site_id = $8)"
        " AND ($9::bigint IS NULL OR d.service_provider_id = $9)"
        " AND ($10::bigint IS NULL OR d.carrier_rate_plan_id = $10)"
        " AND ($11::bigint IS NULL OR d.customer_rate_plan_id = $11)"
        " AND ($12::bigint IS NULL OR d.customer_rate_pool_id = $12)"
        " AND ($13::boolean IS NULL OR (d.is_deleted OR NOT d.is_active) = $13)";
    int place = 14;
    for (const IdentifierRange& identifier : ranges) {
        if (!identifier.range) continue;
        const std::string column = identifier.column;
        where += " AND " + column + " >= $" + std::to_string(place) + " AND " + column + " < $" +
                 std::to_string(place + 1);
        place += 2;
    }
    const std::string by = (by_id ? "" : key + direction + ", ") + "d.device_id" + direction;
    // The page is cut before names are joined to it.
    return "WITH d AS MATERIALIZED (SELECT d.* FROM device d WHERE d.tenant_id = $1 AND " + where +
           " ORDER BY " + by + " LIMIT $4) " + device_select() + ", (" + key + ")::text FROM d" +
           kDeviceJoins + "ORDER BY " + by;
}

std::string search_name(const Order& order, bool descending, const IdentifierRanges& ranges) {
    std::string name = "device_search_" + std::string(order.name) + (descending ? "_down" : "_up");
    for (const IdentifierRange& identifier : ranges) {
        if (identifier.range) name += std::string("_") + identifier.column;
    }
    return name;
}

std::string question_of(const DeviceFilter& filter, const DeviceOrder& order) {
    const base::json::array question{
        "devices",
        filter.iccid.value_or(""),
        filter.imei.value_or(""),
        filter.msisdn.value_or(""),
        filter.status.value_or(""),
        filter.portal.value_or(""),
        filter.customer_id.value,
        filter.site_id.value,
        filter.service_provider_id.value,
        filter.carrier_rate_plan_id.value,
        filter.customer_rate_plan_id.value,
        filter.customer_rate_pool_id.value,
        filter.archived ? base::json::value(*filter.archived) : nullptr,
        static_cast<int>(order.by),
        order.descending,
    };
    return base::json::serialize(question);
}

Result<void> check_filter(const DeviceFilter& filter) {
    if (filter.status && filter.status->size() > kMaxStatusBytes) {
        return base::invalid_input("is too long for a status", "parameter status");
    }
    if (filter.portal && *filter.portal != "m2m" && *filter.portal != "mobility") {
        return base::invalid_input("must be m2m or mobility", "parameter portal");
    }
    return {};
}

}  // namespace

Result<DeviceOrder> DeviceOrder::parse(std::string_view text) {
    DeviceOrder result;
    if (text.empty()) return result;
    result.descending = text.starts_with('-');
    const std::string_view name = result.descending ? text.substr(1) : text;
    std::string known;
    for (const Order& order : kOrders) {
        if (name == order.name) {
            result.by = order.sort;
            return result;
        }
        known += (known.empty() ? "" : ", ") + std::string(order.name);
    }
    return base::invalid_input("must be one of " + known + "; a leading - means the greatest first",
                               "parameter sort");
}

Result<Page<Device>> search_devices(db::Connection& connection, const PageTokens& tokens,
                                    TenantId tenant_id, const DeviceFilter& filter,
                                    const DeviceOrder& order_wanted, const PageRequest& page) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    CARRYALL_TRY(check_filter(filter));
    const auto ranges = ranges_of(filter);
    if (!ranges) return ranges.error();
    const Order& order = order_of(order_wanted.by);
    const bool descending = order_wanted.descending;
    const std::string question = question_of(filter, order_wanted);
    Cursor start = first_page(order, descending);
    if (!page.token.empty()) {
        const auto opened = tokens.open(tenant_id, question, page.token);
        if (!opened) return opened.error();
        start = parse_cursor(*opened);
    }
    Params params;
    params.add(tenant_id).add(start.key).add(start.device_id).add(page.limit + 1);
    params.add(filter.status).add(filter.portal).add(filter.customer_id).add(filter.site_id);
    params.add(filter.service_provider_id).add(filter.carrier_rate_plan_id);
    params.add(filter.customer_rate_plan_id).add(filter.customer_rate_pool_id);
    params.add(filter.archived);
    for (const IdentifierRange& identifier : *ranges) {
        if (identifier.range) params.add(identifier.range->from).add(identifier.range->to);
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const std::string name = search_name(order, descending, *ranges);
    const std::string sql = search_sql(order, descending, *ranges);
    const auto rows = connection.exec({name.c_str(), sql.c_str()}, params);
    if (!rows) return rows.error();
    Page<Device> result;
    const auto limit = static_cast<std::size_t>(page.limit);
    for (std::size_t i = 0; i < rows->size() && i < limit; ++i) {
        result.items.push_back(device_at(*rows, i));
    }
    if (rows->size() > limit) {
        const Cursor last{rows->string(limit - 1, kSortKeyColumn), result.items.back().id.value};
        result.next_token = tokens.make(tenant_id, question, to_text(last));
    }
    return result;
}

Result<Device> get_device(db::Connection& connection, TenantId tenant_id, DeviceId id) {
    static const std::string sql = device_select() + " FROM device d" + kDeviceJoins +
                                   "WHERE d.tenant_id = $1 AND d.device_id = $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"device_get", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such device");
    return device_at(*rows, 0);
}

}  // namespace carryall::devices
