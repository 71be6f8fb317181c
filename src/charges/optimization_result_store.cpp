// The SQL that takes device results. Two temporary tables: `result_row` holds the cells, and
// `result_verdict` whom and what each row means, or what is wrong with it. Every join is on a
// unique key or a grouped query, so a row stays one row.
#include "charges/optimization_result_store.hpp"

#include "charges/optimization_rules.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

// The planner knows nothing of temporary tables and may compile a verdict for longer than it runs.
const std::string& create_sql() {
    static const std::string sql = [] {
        std::string columns;
        for (const ResultColumn& column : result_columns_described()) {
            columns += ", " + std::string(column.column) + ' ' + column.type;
            const bool is_key =
                column.rule == ResultRule::iccid || column.rule == ResultRule::msisdn;
            if (is_key) columns += R"( COLLATE "C")";  // as the device's
        }
        return "SET LOCAL jit = off; SET LOCAL work_mem = '64MB';"
               " CREATE TEMPORARY TABLE result_row (row_number integer NOT NULL" +
               columns +
               ") ON COMMIT DROP;"
               " CREATE TEMPORARY TABLE result_verdict (row_number integer NOT NULL,"
               " queue_id bigint, device_id bigint, portal text, problem_column text,"
               " problem text) ON COMMIT DROP";
    }();
    return sql;
}

struct Problem {
    const char* column;
    const char* when;
    const char* reason;  // SQL of a sentence
};

// In this order: the first that holds is told. i: the row, q: its queue, own: the instance, d: the
// device by ICCID, n: the devices with the number.
constexpr Problem kProblems[] = {
    {"queueId", "q.optimization_queue_id IS NULL",
     "'this instance has no queue ' || i.queue_id || '; correct the id, or send the instance with "
     "its queues first'"},
    {"queueId", "q.optimization_instance_id <> $2",
     "'the queue ' || i.queue_id || ' belongs to the instance ' || q.optimization_instance_id"},
    {"iccid", "i.iccid IS NULL AND i.msisdn IS NULL",
     "'is empty; name the device by its ICCID or its number'"},
    {"iccid", "i.iccid IS NOT NULL AND d.device_id IS NULL",
     "'there is no device with this ICCID; correct it or import the device first'"},
    {"msisdn", "i.iccid IS NULL AND n.device_count IS NULL",
     "'there is no device with the number ' || i.msisdn || '; correct it or import the device "
     "first'"},
    {"msisdn", "i.iccid IS NULL AND n.device_count > 1",
     "n.device_count || ' devices have the number ' || i.msisdn || '; name the device by its "
     "ICCID'"},
    {"msisdn", "d.device_id IS NOT NULL AND NOT d.device_id = ANY(n.device_ids)",
     "'the ICCID and the number ' || i.msisdn || ' are of two devices; correct one of them'"},
    {"portal", "i.portal IS NOT NULL AND i.portal <> coalesce(d.portal, n.portal)",
     "'this device is on the portal ' || coalesce(d.portal, n.portal) || '; correct the portal or "
     "leave it empty'"},
    {"portal",
     "own.portal_type <> 'cross_provider' AND coalesce(d.portal, n.portal) <> own.portal_type",
     "'this device is on the portal ' || coalesce(d.portal, n.portal) || ', but the instance is "
     "of the portal ' || own.portal_type || '; take the row out'"},
    {"iccid",
     "coalesce(d.device_id, n.device_id) IS NOT NULL AND min(i.row_number) OVER twins < "
     "i.row_number",
     "'row ' || min(i.row_number) OVER twins || ' is about the same device in the same queue; keep "
     "one of them'"},
};

Query judge_query() {
    static const std::string sql = [] {
        std::string column = "CASE";
        std::string reason = "CASE";
        for (const Problem& problem : kProblems) {
            const std::string when = " WHEN " + std::string(problem.when) + " THEN ";
            column += when + '\'' + problem.column + '\'';
            reason += when + problem.reason;
        }
        return R"(
    INSERT INTO result_verdict
    SELECT i.row_number, i.queue_id, coalesce(d.device_id, n.device_id),
        coalesce(d.portal, n.portal), )" +
               column + " END, " + reason + R"( END
    FROM result_row i
    JOIN optimization_instance own ON own.tenant_id = $1 AND own.optimization_instance_id = $2
    LEFT JOIN (
        SELECT k.optimization_queue_id, g.optimization_instance_id
        FROM optimization_queue k JOIN optimization_comm_group g ON g.tenant_id = $1
            AND g.optimization_comm_group_id = k.optimization_comm_group_id
        WHERE k.tenant_id = $1) q ON q.optimization_queue_id = i.queue_id
    LEFT JOIN device d ON d.tenant_id = $1 AND d.iccid19 = i.iccid
    LEFT JOIN (
        SELECT o.msisdn, count(*) AS device_count, array_agg(o.device_id) AS device_ids,
            min(o.device_id) AS device_id, min(o.portal) AS portal
        FROM device o
        WHERE o.tenant_id = $1 AND o.msisdn IN (SELECT r.msisdn FROM result_row r)
        GROUP BY o.msisdn) n ON n.msisdn = i.msisdn
    WINDOW twins AS (PARTITION BY i.queue_id, coalesce(d.device_id, n.device_id)))";
    }();
    return {"optimization_result_judge", sql.c_str()};
}

constexpr Query kCountBad{"optimization_result_count_bad", R"(
    SELECT count(*) FROM result_verdict WHERE problem IS NOT NULL)"};

constexpr Query kBad{"optimization_result_bad", R"(
    SELECT row_number, problem_column, problem FROM result_verdict
    WHERE problem IS NOT NULL ORDER BY row_number LIMIT $1)"};

constexpr Query kRemove{"optimization_result_remove", R"(
    DELETE FROM optimization_device_result r
    USING (SELECT DISTINCT queue_id, portal FROM result_verdict) v
    WHERE r.tenant_id = $1 AND r.optimization_queue_id = v.queue_id AND r.portal = v.portal)"};

constexpr Query kStore{"optimization_result_store", R"(
    INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, device_id,
        rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount, sms_usage,
        sms_charge_amount, rev_product_id, rev_product_type_id, overage_rev_product_id,
        overage_rev_product_type_id, sms_rev_product_id, sms_rev_product_type_id)
    SELECT $1::bigint, v.queue_id, v.portal, v.device_id, coalesce(i.rate_plan_name, ''),
        coalesce(i.usage_mb, 0), coalesce(i.rate_charge_amount, 0),
        coalesce(i.overage_charge_amount, 0), coalesce(i.sms_usage, 0),
        coalesce(i.sms_charge_amount, 0), i.rev_product_id, i.rev_product_type_id,
        i.overage_rev_product_id, i.overage_rev_product_type_id, i.sms_rev_product_id,
        i.sms_rev_product_type_id
    FROM result_verdict v JOIN result_row i ON i.row_number = v.row_number
    ORDER BY v.queue_id, v.portal, v.device_id)"};

}  // namespace

Result<void> prepare_results(db::Transaction& transaction) {
    return transaction.exec_text(create_sql());
}

Result<db::CopyIn> start_results(db::Transaction& transaction) {
    std::vector<std::string> columns{"row_number"};
    for (const ResultColumn& column : result_columns_described()) {
        columns.emplace_back(column.column);
    }
    return db::CopyIn::start(transaction, "result_row", columns);
}

Result<void> check_results(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                           ResultsReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE result_row"));
    CARRYALL_TRY(transaction.exec(judge_query(), Params().add(tenant_id).add(id)));
    const auto count = transaction.exec(kCountBad);
    if (!count) return count.error();
    report.bad += count->integer(0, 0);
    if (count->integer(0, 0) == 0) return {};
    const auto most = static_cast<std::int64_t>(devices::kMaxReportedRows);
    const auto bad = transaction.exec(kBad, Params().add(most));
    if (!bad) return bad.error();
    for (std::size_t i = 0; i < bad->size(); ++i) {
        report.bad_rows.push_back({bad->integer(i, 0), bad->string(i, 1), bad->string(i, 2)});
    }
    return {};
}

Result<void> store_results(db::Transaction& transaction, TenantId tenant_id,
                           ResultsReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE result_verdict"));
    const auto removed = transaction.exec(kRemove, Params().add(tenant_id));
    if (!removed) return removed.error();
    report.removed_rows += static_cast<std::int64_t>(removed->affected());
    const auto stored = transaction.exec(kStore, Params().add(tenant_id));
    if (!stored) return stored.error();
    report.stored_rows = static_cast<std::int64_t>(stored->affected());
    CHECK(report.stored_rows == report.rows);
    return {};
}

}  // namespace carryall::charges
