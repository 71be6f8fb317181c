// The SQL of charge runs and charges as people see them.
#include <fmt/format.h>

#include "base/text.hpp"
#include "charges/finish_rules.hpp"
#include "charges/run.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::TenantId;

// Sums over parts `p`, or the part itself.
constexpr const char* kSummed =
    "coalesce(sum(p.charge_count), 0), coalesce(sum(p.new_count), 0), "
    "coalesce(sum(p.unknown_count), 0), coalesce(sum(p.charged_count), 0), "
    "coalesce(sum(p.recorded_count), 0), coalesce(sum(p.skipped_count), 0), "
    "coalesce(sum(p.failed_count), 0), coalesce(sum(p.parked_count), 0), "
    "trim_scale(coalesce(sum(p.total_amount), 0)), trim_scale(coalesce(sum(p.charged_amount), 0))";
constexpr const char* kOwn =
    "p.charge_count, p.new_count, p.unknown_count, p.charged_count, p.recorded_count, "
    "p.skipped_count, p.failed_count, p.parked_count, trim_scale(p.total_amount), "
    "trim_scale(p.charged_amount)";

ChargeCounts read_counts(const Rows& rows, std::size_t row, int column) {
    ChargeCounts counts;
    for (std::int64_t* count :
         {&counts.total, &counts.fresh, &counts.unknown, &counts.charged, &counts.recorded,
          &counts.skipped, &counts.failed, &counts.parked}) {
        *count = rows.integer(row, column++);
    }
    counts.total_amount = rows.string(row, column++);
    counts.charged_amount = rows.string(row, column);
    return counts;
}
constexpr int kCountColumns = 10;

std::vector<std::int64_t> listed_ids(std::string_view text) {
    std::vector<std::int64_t> ids;
    while (!text.empty()) {
        if (const auto id = base::parse_int(base::take_part(text, ","))) ids.push_back(*id);
    }
    return ids;
}

std::string run_select() {
    return fmt::format(
        "SELECT r.charge_run_id, r.source, r.state, r.hold, r.hold_reason, r.hold_by, {}, "
        "(SELECT string_agg(i.optimization_instance_id::text, ',' ORDER BY i.position) "
        " FROM charge_run_instance i WHERE i.tenant_id = $1 "
        "   AND i.charge_run_id = r.charge_run_id), "
        "r.charge_file_id, r.reason, r.created_by, {}, {}, {}, r.correlation_id, r.note, c.* "
        "FROM charge_run r CROSS JOIN LATERAL (SELECT {} FROM charge_run_part p "
        "    WHERE p.tenant_id = $1 AND p.charge_run_id = r.charge_run_id) c "
        "WHERE r.tenant_id = $1 AND ",
        iso8601("r.hold_at"), iso8601("r.created_at"), iso8601("r.started_at"),
        iso8601("r.finished_at"), kSummed);
}

ChargeRun run_at(const Rows& rows, std::size_t row) {
    ChargeRun run;
    run.id = {rows.integer(row, 0)};
    run.source = rows.string(row, 1);
    run.state = rows.string(row, 2);
    run.hold = rows.string(row, 3);
    run.hold_reason = rows.optional_text(row, 4);
    run.hold_by = rows.optional_text(row, 5);
    run.hold_at = rows.optional_text(row, 6);
    run.instance_ids = listed_ids(rows.text(row, 7));
    run.charge_file_id = rows.optional_integer(row, 8);
    run.reason = rows.optional_text(row, 9);
    run.created_by = rows.string(row, 10);
    run.created_at = rows.string(row, 11);
    run.started_at = rows.optional_text(row, 12);
    run.finished_at = rows.optional_text(row, 13);
    run.correlation_id = rows.string(row, 14);
    run.note = rows.optional_text(row, 15);
    run.counts = read_counts(rows, row, 16);
    return run;
}

Query get_run_query() {
    static const std::string sql = run_select() + "r.charge_run_id = $2";
    return {"charge_run_get", sql.c_str()};
}

Query parts_query() {
    static const std::string sql = fmt::format(
        "SELECT {}, p.part_number, p.optimization_instance_id, p.optimization_comm_group_id, "
        "p.optimization_queue_id, p.integration_authentication_id, p.customer_id, c.name, "
        "p.billing_period_start, p.billing_period_end, p.state, p.note, p.list_name, "
        "p.list_bytes, {}, p.list_error, {} "
        "FROM charge_run_part p "
        "LEFT JOIN customer c ON c.tenant_id = $1 AND c.customer_id = p.customer_id "
        "LEFT JOIN charge_run_instance i ON i.tenant_id = $1 AND i.charge_run_id = $2 "
        "    AND i.optimization_instance_id = p.optimization_instance_id "
        "WHERE p.tenant_id = $1 AND p.charge_run_id = $2 ORDER BY i.position, p.part_number",
        kOwn, iso8601("p.list_stored_at"), iso8601("p.settled_at"));
    return {"charge_run_parts", sql.c_str()};
}

ChargeRunPart part_at(const Rows& rows, std::size_t row) {
    ChargeRunPart part;
    part.counts = read_counts(rows, row, 0);
    int column = kCountColumns;
    part.part_number = static_cast<int>(rows.integer(row, column++));
    part.instance_id = rows.optional_integer(row, column++);
    part.comm_group_id = rows.optional_integer(row, column++);
    part.queue_id = rows.integer(row, column++);
    part.integration_authentication_id = rows.optional_integer(row, column++);
    part.customer_id = rows.optional_integer(row, column++);
    part.customer = rows.optional_text(row, column++);
    part.billing_period_start = rows.string(row, column++);
    part.billing_period_end = rows.string(row, column++);
    part.state = rows.string(row, column++);
    part.note = rows.optional_text(row, column++);
    part.list_name = rows.optional_text(row, column++);
    part.list_bytes = rows.optional_integer(row, column++);
    part.list_stored_at = rows.optional_text(row, column++);
    part.list_error = rows.optional_text(row, column++);
    part.settled_at = rows.optional_text(row, column);
    return part;
}

// Everything that waits for the accounts of this run, not of this run alone, since they share the
// pace; of several accounts the slowest counts.
constexpr Query kEstimate{"charge_run_estimate", R"(
    SELECT w.calls, a.rate_per_second, a.day_quota, a.is_unpaced,
           CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date THEN p.quota_used ELSE 0 END,
           greatest(0, extract(epoch FROM greatest(
                nullif(p.paused_until, '-infinity'), p.breaker_probe_at)
                               - now()))::bigint,
           extract(epoch FROM (((now() AT TIME ZONE 'UTC')::date + 1)::timestamp
                               AT TIME ZONE 'UTC') - now())::bigint
    FROM (
        SELECT o.integration_authentication_id AS account, sum(o.new_count + o.unknown_count)
            AS calls
        FROM charge_run_part o
        JOIN charge_run r ON r.tenant_id = $1 AND r.charge_run_id = o.charge_run_id
            AND r.state <> 'finished' AND (r.hold = 'running' OR r.charge_run_id = $2)
        WHERE o.tenant_id = $1 AND o.state = 'sending' AND o.integration_authentication_id IN (
            SELECT m.integration_authentication_id FROM charge_run_part m
            WHERE m.tenant_id = $1 AND m.charge_run_id = $2 AND m.state = 'sending')
        GROUP BY 1) w
    JOIN service_provider a ON a.tenant_id = $1 AND a.service_provider_id = w.account
    LEFT JOIN account_pace p ON p.pacing_key = a.pacing_key)"};

Result<std::optional<FinishEstimate>> estimate_of(db::Connection& connection, TenantId tenant_id,
                                                  ChargeRunId id) {
    const auto rows = connection.exec(kEstimate, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    std::optional<FinishEstimate> slowest;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        AccountLoad load;
        load.calls = rows->integer(i, 0);
        if (const auto rate = rows->optional_text(i, 1)) load.rate_per_second = std::stod(*rate);
        load.day_quota = rows->optional_integer(i, 2);
        load.is_unpaced = rows->boolean(i, 3);
        load.used_today = rows->integer(i, 4);
        load.blocked_seconds = rows->integer(i, 5);
        load.seconds_to_midnight = rows->integer(i, 6);
        const FinishEstimate one{load.calls, seconds_to_send(load)};
        if (!slowest) {
            slowest = one;
        } else {
            slowest->calls += one.calls;
            if (!one.seconds || !slowest->seconds) {
                slowest->seconds.reset();
            } else {
                slowest->seconds = std::max(*slowest->seconds, *one.seconds);
            }
        }
    }
    return slowest;
}

std::string charge_select() {
    return fmt::format(
        "SELECT c.charge_id, c.charge_run_id, c.part_number, p.optimization_queue_id, c.device_id, "
        "d.iccid, d.msisdn, c.customer_id, u.name, c.kind, c.billing_period_start, "
        "c.billing_period_end, c.start_date, c.end_date, c.generation, c.reverses_charge_id, "
        "trim_scale(c.amount), c.description, c.marker, c.product_id, c.product_type_id, "
        "c.rev_customer_id, c.revio_service_id, c.state, c.reason, c.revio_charge_id, "
        "c.is_adopted, CASE WHEN c.state = 'unknown' THEN {} END, {} "
        "FROM charge c "
        "JOIN charge_run_part p ON p.tenant_id = $1 AND p.charge_run_id = c.charge_run_id "
        "    AND p.part_number = c.part_number "
        "JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id "
        "JOIN customer u ON u.tenant_id = $1 AND u.customer_id = c.customer_id "
        "WHERE c.tenant_id = $1 AND ",
        iso8601("nullif(c.due_at, '-infinity')"), iso8601("c.settled_at"));
}

Charge charge_at(const Rows& rows, std::size_t row) {
    int column = 0;
    const auto integer = [&] { return rows.integer(row, column++); };
    const auto text = [&] { return rows.string(row, column++); };
    const auto maybe = [&] { return rows.optional_integer(row, column++); };
    Charge charge;
    charge.id = {integer()};
    charge.run = {integer()};
    charge.part_number = static_cast<int>(integer());
    charge.queue_id = integer();
    charge.device_id = integer();
    charge.iccid = text();
    charge.msisdn = rows.optional_text(row, column++);
    charge.customer_id = integer();
    charge.customer = text();
    charge.kind = text();
    charge.billing_period_start = text();
    charge.billing_period_end = text();
    charge.start_date = text();
    charge.end_date = text();
    charge.generation = static_cast<int>(integer());
    charge.reverses_charge_id = maybe();
    charge.amount = text();
    charge.description = text();
    charge.marker = text();
    charge.product_id = maybe();
    charge.product_type_id = maybe();
    charge.rev_customer_id = maybe();
    charge.revio_service_id = maybe();
    charge.state = text();
    charge.reason = rows.optional_text(row, column++);
    charge.revio_charge_id = maybe();
    charge.is_adopted = rows.boolean(row, column++);
    charge.due_at = rows.optional_text(row, column++);
    charge.settled_at = rows.optional_text(row, column);
    return charge;
}

base::Error not_stored_yet(bool is_sending, const std::string& list_error) {
    std::string why = "the charge list is not written yet: ";
    if (is_sending) {
        why += "charges of this part are still to be sent";
    } else if (list_error.empty()) {
        why += "a worker is about to";
    } else {
        why += "it could not be stored (" + list_error + "), and is tried again";
    }
    return {base::ErrorKind::conflict, std::move(why), {}};
}

}  // namespace

Result<tenants::Page<ChargeRun>> list_runs(db::Connection& connection,
                                           const tenants::PageTokens& tokens, TenantId tenant_id,
                                           const std::string& state,
                                           const tenants::PageRequest& page) {
    static const std::string sql =
        run_select() +
        "($2 = '' OR r.state = $2) AND r.charge_run_id < $3 ORDER BY r.charge_run_id DESC LIMIT $4";
    const std::string question = "charge_runs/" + state;
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"charge_run_list", sql.c_str()},
                        Params().add(tenant_id).add(state).add(*before).add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<ChargeRun>(*rows, tokens, tenant_id, question, page.limit, run_at);
}

Result<ChargeRunDetail> get_run(db::Connection& connection, TenantId tenant_id, ChargeRunId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const Params which = Params().add(tenant_id).add(id);
    const auto rows = connection.exec(get_run_query(), which);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge run");
    ChargeRunDetail detail;
    detail.run = run_at(*rows, 0);
    const auto parts = connection.exec(parts_query(), which);
    if (!parts) return parts.error();
    for (std::size_t i = 0; i < parts->size(); ++i) detail.parts.push_back(part_at(*parts, i));
    const auto estimate = estimate_of(connection, tenant_id, id);
    if (!estimate) return estimate.error();
    detail.estimate = *estimate;
    return detail;
}

namespace {

Result<void> require_run(db::Connection& connection, TenantId tenant_id, ChargeRunId id) {
    constexpr Query kExists{"charge_run_exists",
                            "SELECT FROM charge_run WHERE tenant_id = $1 AND charge_run_id = $2"};
    const auto rows = connection.exec(kExists, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge run");
    return {};
}

}  // namespace

Result<tenants::Page<Charge>> list_charges(db::Connection& connection,
                                           const tenants::PageTokens& tokens, TenantId tenant_id,
                                           const ChargeFilter& filter,
                                           const tenants::PageRequest& page) {
    static const std::string sql =
        charge_select() +
        "($2::bigint IS NULL OR c.charge_run_id = $2) AND ($3 = '' OR c.state = $3) "
        "AND ($4::bigint IS NULL OR c.part_number = $4) "
        "AND ($5::bigint IS NULL OR c.device_id = $5) "
        "AND ($6::bigint IS NULL OR c.customer_id = $6) "
        "AND c.charge_id < $7 ORDER BY c.charge_id DESC LIMIT $8";
    const std::string state = filter.state ? std::string(to_string(*filter.state)) : std::string();
    const std::string question = fmt::format(
        "charges/{}/{}/{}/{}/{}", filter.run.value, state, filter.part_number.value_or(0),
        filter.device_id.value_or(0), filter.customer_id.value_or(0));
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"charge_list", sql.c_str()}, Params()
                                                                        .add(tenant_id)
                                                                        .add(filter.run)
                                                                        .add(state)
                                                                        .add(filter.part_number)
                                                                        .add(filter.device_id)
                                                                        .add(filter.customer_id)
                                                                        .add(*before)
                                                                        .add(page.limit + 1));
    if (!rows) return rows.error();
    if (rows->empty() && filter.run) CARRYALL_TRY(require_run(connection, tenant_id, filter.run));
    return tenants::page_of<Charge>(*rows, tokens, tenant_id, question, page.limit, charge_at);
}

Result<ChargeDetail> get_charge(db::Connection& connection, TenantId tenant_id, ChargeId id) {
    static const std::string sql = charge_select() + "c.charge_id = $2";
    static const std::string steps_sql =
        "SELECT attempt, step, description, action_text, request_text, response_text, "
        "response_status, error_text, " +
        iso8601("started_at") + ", " + iso8601("processed_at") +
        " FROM charge_log WHERE tenant_id = $1 AND charge_id = $2 ORDER BY attempt, step LIMIT $3";
    constexpr Query kReversal{"charge_reversal",
                              "SELECT charge_id FROM charge WHERE tenant_id = $1 "
                              "AND reverses_charge_id = $2 "
                              "AND state NOT IN ('failed', 'skipped')"};
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const Params which = Params().add(tenant_id).add(id);
    const auto rows = connection.exec({"charge_get", sql.c_str()}, which);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge");
    ChargeDetail detail;
    detail.charge = charge_at(*rows, 0);
    const auto reversal = connection.exec(kReversal, which);
    if (!reversal) return reversal.error();
    if (!reversal->empty()) detail.reversed_by_charge_id = reversal->integer(0, 0);
    const auto steps =
        connection.exec({"charge_steps", steps_sql.c_str()}, Params(which).add(kMaxShownSteps));
    if (!steps) return steps.error();
    for (std::size_t i = 0; i < steps->size(); ++i) {
        detail.steps.push_back({static_cast<int>(steps->integer(i, 0)),
                                static_cast<int>(steps->integer(i, 1)), steps->string(i, 2),
                                steps->string(i, 3), steps->string(i, 4), steps->string(i, 5),
                                steps->string(i, 6), steps->optional_text(i, 7),
                                steps->string(i, 8), steps->string(i, 9)});
    }
    return detail;
}

Result<StoredChargeList> get_list(db::Connection& connection, TenantId tenant_id, ChargeRunId id,
                                  std::int64_t part_number) {
    constexpr Query kList{"charge_list_stored", R"(
        SELECT list_name, list_key, state = 'sending', coalesce(list_error, '') FROM charge_run_part
        WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3::bigint)"};
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kList, Params().add(tenant_id).add(id).add(part_number));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such part of a charge run");
    if (rows->is_null(0, 1)) return not_stored_yet(rows->boolean(0, 2), rows->string(0, 3));
    return StoredChargeList{rows->string(0, 0), rows->string(0, 1)};
}

}  // namespace carryall::charges
