// The SQL that shows plans. The devices of a plan are one range of the primary key; what was
// refused when the plan was made has a line in the log of attempt 0, whatever became of it since.
#include "accounts/account_report.hpp"
#include "base/text.hpp"
#include "changes/image_store.hpp"
#include "changes/plan.hpp"
#include "changes/plan_rules.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;

constexpr int kPlanRowsBatch = 1'000;

Query plan_query() {
    static const std::string sql =
        "SELECT plan_hash, plan_summary, " + iso8601("applied_at") +
        ", applied_by, undoes_bulk_change_id, CASE WHEN status = 'PLANNED' THEN " +
        iso8601("(created_at + make_interval(secs => $3::int))") +
        " END, change_type, plan_summary #>> '{carrierCalls,system}', service_provider_id"
        " FROM bulk_change"
        " WHERE tenant_id = $1 AND bulk_change_id = $2 AND plan_hash IS NOT NULL";
    return {"plan_get", sql.c_str()};
}

// $2 the change, $3 after which device change, $4 verdict, $5 identifier, $6 how many, $7 section.
const QueryByType& devices_query() {
    static const QueryByType queries("plan_devices", [](ChangeType type) {
        return "SELECT * FROM (SELECT c.device_change_id, c.row_number, c.identifier, c.device_id,"
               " d.iccid, CASE WHEN l.error_text IS NOT NULL THEN 'refused'"
               " WHEN c.before @> t.target THEN 'unchanged' ELSE 'change' END AS verdict,"
               " l.error_text, CASE WHEN c.due_at > '-infinity' AND l.error_text IS NULL THEN " +
               iso8601("c.due_at") +
               " END, c.before, CASE WHEN l.error_text IS NULL THEN t.target END,"
               " CASE WHEN b.undoes_bulk_change_id IS NULL THEN NULL"
               " WHEN l.error_text IS NOT NULL THEN 'notReversible'"
               " ELSE b.plan_summary #>> '{undo,reversibility}' END, c.warning" +
               R"(
    FROM device_change c
    JOIN bulk_change b ON b.tenant_id = $1 AND b.bulk_change_id = $2
    CROSS JOIN LATERAL (SELECT coalesce(c.request -> $7, b.request -> $7) AS section) s
    CROSS JOIN LATERAL (SELECT )" +
               target_of_section(type) + R"( AS target) t
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    LEFT JOIN device_change_log l ON l.tenant_id = $1 AND l.device_change_id = c.device_change_id
        AND l.attempt = 0 AND l.step = 1
    WHERE c.tenant_id = $1 AND c.device_change_id > $3
      AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
      AND ($5::text IS NULL OR c.identifier = $5)) planned
    WHERE $4::text IS NULL OR verdict = $4
    ORDER BY device_change_id LIMIT $6::int)";
    });
    return queries;
}

Result<base::json::value> json_at(const Rows& rows, std::size_t i, int column) {
    if (rows.is_null(i, column)) return base::json::value(nullptr);
    return base::parse_json(rows.text(i, column));
}

Result<PlannedDevice> planned_device(const Rows& rows, std::size_t i) {
    PlannedDevice device;
    device.id = {rows.integer(i, 0)};
    device.row_number = rows.integer(i, 1);
    device.identifier = rows.string(i, 2);
    device.device_id = rows.optional_integer(i, 3);
    device.iccid = rows.optional_text(i, 4);
    device.verdict = rows.string(i, 5);
    device.reason = rows.optional_text(i, 6);
    device.due_at = rows.optional_text(i, 7);
    auto before = json_at(rows, i, 8);
    if (!before) return before.error();
    device.before = std::move(before).value();
    auto target = json_at(rows, i, 9);
    if (!target) return target.error();
    device.target = std::move(target).value();
    device.reversibility = rows.optional_text(i, 10);
    device.warning = rows.optional_text(i, 11);
    return device;
}

struct StoredPlan {
    Rows rows;
    ChangeType type = ChangeType::statusupdate;
};
Result<StoredPlan> find_plan(db::Connection& connection, TenantId tenant_id, BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    auto rows = connection.exec(plan_query(), Params().add(tenant_id).add(id).add(
                                                  std::chrono::seconds(kPlanRetention).count()));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such plan");
    const auto type = parse_change_type(rows->text(0, 6));
    CHECK(type.has_value());
    return StoredPlan{std::move(rows).value(), *type};
}

Result<Rows> read_devices(db::Connection& connection, TenantId tenant_id, BulkChangeId id,
                          ChangeType type, std::int64_t after, const PlannedDeviceFilter& filter,
                          int limit) {
    return connection.exec(devices_query().of(type), Params()
                                                         .add(tenant_id)
                                                         .add(id)
                                                         .add(after)
                                                         .add(filter.verdict)
                                                         .add(filter.identifier)
                                                         .add(limit)
                                                         .add(section_name(type)));
}

// The pace of the account that is called: the change's own, or Rev.io's.
Result<std::optional<AccountPace>> pace_of(db::Connection& connection, TenantId tenant_id,
                                           std::int64_t service_provider_id, bool is_revio) {
    const auto reports = accounts::report_accounts(connection, tenant_id.value);
    if (!reports) return reports.error();
    for (const accounts::AccountReport& report : *reports) {
        const bool is_it = is_revio ? report.integration == "revio"
                                    : report.service_provider_id == service_provider_id;
        if (!is_it) continue;
        AccountPace pace;
        pace.calls_per_second =
            report.learned_rate ? report.learned_rate : report.limits.rate_per_second;
        pace.quota = report.limits.day_quota;
        pace.quota_used = report.quota_used;
        pace.backlog = report.backlog;
        pace.devices_per_second = report.devices_per_second;
        if (report.held_up_until) {
            const auto until = base::parse_iso8601(*report.held_up_until);
            const base::Instant now = base::system_clock().now();
            if (until && *until > now) {
                pace.blocked = std::chrono::ceil<std::chrono::seconds>(*until - now);
            }
        }
        return std::optional(pace);
    }
    return std::optional<AccountPace>();
}

std::chrono::seconds until_last_due(const ChangeSummary& change) {
    const auto due = change.dates ? base::parse_iso8601(change.dates->last)
                                  : base::Result<base::Instant>(base::Instant{});
    if (!due) return std::chrono::seconds(0);
    return std::max(std::chrono::seconds(0),
                    std::chrono::ceil<std::chrono::seconds>(*due - base::system_clock().now()));
}

std::int64_t number_in(const base::json::object& object, const char* name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::string cell_of(const base::json::value& image, const std::string& name) {
    const auto* object = image.if_object();
    const auto* value = object != nullptr ? object->if_contains(name) : nullptr;
    if (value == nullptr || value->is_null()) return {};
    return value->is_string() ? std::string(value->get_string()) : base::json::serialize(*value);
}

}  // namespace

Result<PlanDetail> get_plan(db::Connection& connection, TenantId tenant_id, BulkChangeId id) {
    const auto plan = find_plan(connection, tenant_id, id);
    if (!plan) return plan.error();
    auto change = get_change(connection, tenant_id, id);
    if (!change) return change.error();
    PlanDetail detail;
    detail.change = std::move(change->summary);
    detail.reasons = std::move(change->reasons);
    detail.additional = change->additional;
    detail.plan_hash = plan->rows.string(0, 0);
    detail.sums = base::parse_object(plan->rows.text(0, 1));
    detail.applied_at = plan->rows.optional_text(0, 2);
    detail.applied_by = plan->rows.optional_text(0, 3);
    detail.undoes = {plan->rows.integer(0, 4)};
    detail.expires_at = plan->rows.optional_text(0, 5);
    const bool is_to_begin = detail.expires_at || (detail.change.control.approval == "required" &&
                                                   !detail.change.finished_at);
    if (!is_to_begin || plan->rows.is_null(0, 7)) return detail;
    auto pace =
        pace_of(connection, tenant_id, plan->rows.integer(0, 8), plan->rows.text(0, 7) == "Rev.io");
    if (!pace) return pace.error();
    const auto* calls = detail.sums.if_contains("carrierCalls");
    CHECK(calls != nullptr && calls->is_object());
    if (*pace) {
        (*pace)->blocked = std::max((*pace)->blocked, until_last_due(detail.change));
        detail.finishes_in_seconds =
            seconds_to_finish(number_in(detail.sums, "acceptedCount"),
                              number_in(calls->get_object(), "calls"), **pace);
    }
    return detail;
}

Result<Page<PlannedDevice>> list_planned_devices(db::Connection& connection,
                                                 const PageTokens& tokens, TenantId tenant_id,
                                                 BulkChangeId id, const PlannedDeviceFilter& filter,
                                                 const PageRequest& page) {
    const std::string question = "planned devices/" + base::to_string(id) + '/' +
                                 filter.verdict.value_or("") + '/' + filter.identifier.value_or("");
    CARRYALL_TRY(tenants::check_limit(page.limit));
    std::int64_t after = 0;
    if (!page.token.empty()) {
        const auto cursor = tokens.open(tenant_id, question, page.token);
        if (!cursor) return cursor.error();
        after = base::parse_int(*cursor).value_or(0);
    }
    const auto plan = find_plan(connection, tenant_id, id);
    if (!plan) return plan.error();
    const auto rows =
        read_devices(connection, tenant_id, id, plan->type, after, filter, page.limit + 1);
    if (!rows) return rows.error();
    Page<PlannedDevice> result;
    const std::size_t count = std::min(rows->size(), static_cast<std::size_t>(page.limit));
    for (std::size_t i = 0; i < count; ++i) {
        auto device = planned_device(*rows, i);
        if (!device) return device.error();
        result.items.push_back(std::move(device).value());
    }
    if (rows->size() > count) {
        result.next_token =
            tokens.make(tenant_id, question, base::to_string(result.items.back().id));
    }
    return result;
}

Result<void> write_plan_rows(db::Connection& connection, TenantId tenant_id, BulkChangeId id,
                             sheets::CsvWriter& writer) {
    const auto plan = find_plan(connection, tenant_id, id);
    if (!plan) return plan.error();
    const std::vector<std::string>& names = image_names(plan->type);
    std::vector<std::string> cells = {"Row",           "Identifier", "ICCID",   "Verdict",
                                      "Reversibility", "Reason",     "Warning", "DueAt"};
    for (const std::string& name : names) {
        cells.push_back("before." + name);
        cells.push_back("after." + name);
    }
    const auto write = [&] {
        return writer.write_row(std::vector<std::string_view>(cells.begin(), cells.end()));
    };
    CARRYALL_TRY(write());
    std::int64_t after = 0;
    while (true) {  // ends with the devices of the change: `after` only grows
        const auto rows =
            read_devices(connection, tenant_id, id, plan->type, after, {}, kPlanRowsBatch);
        if (!rows) return rows.error();
        for (std::size_t i = 0; i < rows->size(); ++i) {
            const auto device = planned_device(*rows, i);
            if (!device) return device.error();
            after = device->id.value;
            cells = {std::to_string(device->row_number), device->identifier,
                     device->iccid.value_or(""),         device->verdict,
                     device->reversibility.value_or(""), device->reason.value_or(""),
                     device->warning.value_or(""),       device->due_at.value_or("")};
            for (const std::string& name : names) {
                cells.push_back(cell_of(device->before, name));
                const bool is_changed =
                    device->target.is_object() && device->target.get_object().contains(name);
                cells.push_back(cell_of(is_changed ? device->target : device->before, name));
            }
            CARRYALL_TRY(write());
        }
        if (rows->size() < kPlanRowsBatch) return {};
    }
}

}  // namespace carryall::changes
