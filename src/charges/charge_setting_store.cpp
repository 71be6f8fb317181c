// The SQL of charge settings. A tenant has one row, or none while nobody has set anything.
#include "base/log.hpp"
#include "charges/charge_setting.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;
using db::Params;
using db::Query;
using db::Rows;
using tenants::TenantId;

const std::string& select_sql() {
    static const std::string sql =
        "SELECT splits_rate_and_overage, billing_time_zone, bills_in_advance, page_size,"
        " amount_decimals, marker_format, rate_description, overage_description,"
        " usage_description, sms_description, trim_scale(max_charge_amount),"
        " trim_scale(device_history_multiple), trim_scale(customer_history_multiple),"
        " history_periods, trim_scale(history_floor_amount), to_json(administrator_emails),"
        " to_json(billing_emails), attachment_limit_bytes, last_instance_delay_seconds,"
        " last_group_delay_seconds, check_delay_seconds, modified_by, " +
        tenants::iso8601("modified_at") + " FROM charge_setting WHERE tenant_id = $1";
    return sql;
}

Query get_query() {
    return {"charge_setting_get", select_sql().c_str()};
}

Query lock_query() {
    static const std::string sql = select_sql() + " FOR UPDATE";
    return {"charge_setting_lock", sql.c_str()};
}

// So that there is a row to lock; the columns have their defaults.
constexpr Query kInsert{"charge_setting_insert", R"(
    INSERT INTO charge_setting (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING)"};

constexpr Query kUpdate{"charge_setting_update", R"(
    UPDATE charge_setting SET splits_rate_and_overage = $2, billing_time_zone = $3,
        bills_in_advance = $4, page_size = $5, amount_decimals = $6, marker_format = $7,
        rate_description = $8, overage_description = $9, usage_description = $10,
        sms_description = $11, max_charge_amount = $12, device_history_multiple = $13,
        customer_history_multiple = $14, history_periods = $15, history_floor_amount = $16,
        administrator_emails = $17, billing_emails = $18, attachment_limit_bytes = $19,
        last_instance_delay_seconds = $20, last_group_delay_seconds = $21,
        check_delay_seconds = $22, modified_by = $23, modified_at = now()
    WHERE tenant_id = $1)"};

std::vector<std::string> texts_of(std::string_view json_array) {
    std::vector<std::string> texts;
    const auto parsed = base::parse_json(json_array);
    CHECK(parsed && parsed->is_array());
    for (const json::value& text : parsed->get_array()) texts.emplace_back(text.as_string());
    return texts;
}

std::string array_of(const std::vector<std::string>& texts) {
    db::Array array;
    for (const std::string& text : texts) array.add(text);
    return array.take();
}

ChargeSetting setting_of(const Rows& rows) {
    ChargeSetting setting;
    if (rows.empty()) return setting;
    setting.splits_rate_and_overage = rows.boolean(0, 0);
    setting.billing_time_zone = rows.string(0, 1);
    setting.bills_in_advance = rows.boolean(0, 2);
    setting.page_size = rows.integer(0, 3);
    setting.amount_decimals = rows.integer(0, 4);
    setting.marker_format = rows.string(0, 5);
    setting.rate_description = rows.string(0, 6);
    setting.overage_description = rows.string(0, 7);
    setting.usage_description = rows.string(0, 8);
    setting.sms_description = rows.string(0, 9);
    setting.max_charge_amount = rows.optional_text(0, 10);
    setting.device_history_multiple = rows.optional_text(0, 11);
    setting.customer_history_multiple = rows.optional_text(0, 12);
    setting.history_periods = rows.integer(0, 13);
    setting.history_floor_amount = rows.string(0, 14);
    setting.administrator_emails = texts_of(rows.text(0, 15));
    setting.billing_emails = texts_of(rows.text(0, 16));
    setting.attachment_limit_bytes = rows.integer(0, 17);
    setting.last_instance_delay_seconds = rows.integer(0, 18);
    setting.last_group_delay_seconds = rows.integer(0, 19);
    setting.check_delay_seconds = rows.integer(0, 20);
    setting.modified_by = rows.optional_text(0, 21);
    setting.modified_at = rows.optional_text(0, 22);
    return setting;
}

Params params_of(const tenants::Caller& caller, const ChargeSetting& setting) {
    Params params;
    params.add(caller.tenant_id).add(setting.splits_rate_and_overage);
    params.add(setting.billing_time_zone).add(setting.bills_in_advance).add(setting.page_size);
    params.add(setting.amount_decimals).add(setting.marker_format).add(setting.rate_description);
    params.add(setting.overage_description).add(setting.usage_description);
    params.add(setting.sms_description).add(setting.max_charge_amount);
    params.add(setting.device_history_multiple).add(setting.customer_history_multiple);
    params.add(setting.history_periods).add(setting.history_floor_amount);
    params.add(array_of(setting.administrator_emails)).add(array_of(setting.billing_emails));
    params.add(setting.attachment_limit_bytes).add(setting.last_instance_delay_seconds);
    params.add(setting.last_group_delay_seconds).add(setting.check_delay_seconds);
    params.add(caller.name);
    return params;
}

// Members only: an address is a person's, and amounts are the tenant's business.
std::string names_of(const json::object& changes) {
    std::string names;
    for (const auto& [name, value] : changes) {
        names += (names.empty() ? "" : " ") + std::string(name);
    }
    return names;
}

}  // namespace

Result<ChargeSetting> get_charge_setting(db::Connection& connection, TenantId tenant_id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(get_query(), Params().add(tenant_id));
    if (!rows) return rows.error();
    return setting_of(*rows);
}

Result<ChargeSetting> get_charge_setting(db::Transaction& transaction, TenantId tenant_id) {
    const auto rows = transaction.exec(get_query(), Params().add(tenant_id));
    if (!rows) return rows.error();
    return setting_of(*rows);
}

Result<ChargeSetting> change_charge_setting(db::Connection& connection,
                                            const tenants::Caller& caller,
                                            const json::object& changes, base::JsonErrors& errors) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::billing_run));
    ChargeSetting tried;
    apply_changes(tried, changes, errors);
    if (!errors.empty()) return errors.items().front();
    if (changes.empty()) return get_charge_setting(connection, caller.tenant_id);
    const auto changed = db::in_transaction<ChargeSetting>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<ChargeSetting> {
            const Params tenant = Params().add(caller.tenant_id);
            CARRYALL_TRY(transaction.exec(kInsert, tenant));
            const auto rows = transaction.exec(lock_query(), tenant);
            if (!rows) return rows.error();
            ChargeSetting setting = setting_of(*rows);
            apply_changes(setting, changes, errors);
            CARRYALL_TRY(transaction.exec(kUpdate, params_of(caller, setting)));
            return get_charge_setting(transaction, caller.tenant_id);
        });
    if (changed) {
        base::log::info("charge_settings_changed", {{"tenantId", caller.tenant_id.value},
                                                    {"by", caller.name},
                                                    {"members", names_of(changes)}});
    }
    return changed;
}

}  // namespace carryall::charges
