// The SQL that takes device results, on the temporary tables of row_check_store.hpp. Every join is
// on a unique key or a grouped query, so a row stays one row.
#include "charges/optimization_result_store.hpp"

#include "charges/row_check_store.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

// In this order: the first that holds is told. i: the row, q: its queue, own: the instance, d and
// n: the device.
std::vector<RowProblem> problems() {
    std::vector<RowProblem> all{
        {"queueId", "q.optimization_queue_id IS NULL",
         "'this instance has no queue ' || i.queue_id || '; correct the id, or send the instance "
         "with its queues first'"},
        {"queueId", "q.optimization_instance_id <> $2",
         "'the queue ' || i.queue_id || ' belongs to the instance ' || "
         "q.optimization_instance_id"},
    };
    all.insert(all.end(), device_problems().begin(), device_problems().end());
    all.insert(
        all.end(),
        {{"portal", "i.portal IS NOT NULL AND i.portal <> coalesce(d.portal, n.portal)",
          "'this device is on the portal ' || coalesce(d.portal, n.portal) || '; correct the "
          "portal or leave it empty'"},
         {"portal",
          "own.portal_type <> 'cross_provider' AND coalesce(d.portal, n.portal) <> "
          "own.portal_type",
          "'this device is on the portal ' || coalesce(d.portal, n.portal) || ', but the instance "
          "is of the portal ' || own.portal_type || '; take the row out'"},
         {"iccid",
          "coalesce(d.device_id, n.device_id) IS NOT NULL AND min(i.row_number) OVER twins < "
          "i.row_number",
          "'row ' || min(i.row_number) OVER twins || ' is about the same device in the same "
          "queue; keep one of them'"}});
    return all;
}

Query judge_query() {
    static const std::string sql = R"(
    INSERT INTO row_verdict
    SELECT i.row_number, coalesce(d.device_id, n.device_id), coalesce(d.portal, n.portal), )" +
                                   first_problem(problems()) + R"(
    FROM table_row i
    JOIN optimization_instance own ON own.tenant_id = $1 AND own.optimization_instance_id = $2
    LEFT JOIN (
        SELECT k.optimization_queue_id, g.optimization_instance_id
        FROM optimization_queue k JOIN optimization_comm_group g ON g.tenant_id = $1
            AND g.optimization_comm_group_id = k.optimization_comm_group_id
        WHERE k.tenant_id = $1) q ON q.optimization_queue_id = i.queue_id)" +
                                   device_joins() + R"(
    WINDOW twins AS (PARTITION BY i.queue_id, coalesce(d.device_id, n.device_id)))";
    return {"optimization_result_judge", sql.c_str()};
}

constexpr Query kRemove{"optimization_result_remove", R"(
    DELETE FROM optimization_device_result r
    USING (SELECT DISTINCT i.queue_id, v.portal
           FROM row_verdict v JOIN table_row i ON i.row_number = v.row_number) v
    WHERE r.tenant_id = $1 AND r.optimization_queue_id = v.queue_id AND r.portal = v.portal)"};

constexpr Query kStore{"optimization_result_store", R"(
    INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, device_id,
        rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount, sms_usage,
        sms_charge_amount, rev_product_id, rev_product_type_id, overage_rev_product_id,
        overage_rev_product_type_id, sms_rev_product_id, sms_rev_product_type_id)
    SELECT $1::bigint, i.queue_id, v.portal, v.device_id, coalesce(i.rate_plan_name, ''),
        coalesce(i.usage_mb, 0), coalesce(i.rate_charge_amount, 0),
        coalesce(i.overage_charge_amount, 0), coalesce(i.sms_usage, 0),
        coalesce(i.sms_charge_amount, 0), i.rev_product_id, i.rev_product_type_id,
        i.overage_rev_product_id, i.overage_rev_product_type_id, i.sms_rev_product_id,
        i.sms_rev_product_type_id
    FROM row_verdict v JOIN table_row i ON i.row_number = v.row_number
    ORDER BY i.queue_id, v.portal, v.device_id)"};

}  // namespace

Result<void> check_results(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                           ResultsReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE table_row"));
    CARRYALL_TRY(transaction.exec(judge_query(), Params().add(tenant_id).add(id)));
    return tell_bad_rows(transaction, report);
}

Result<void> store_results(db::Transaction& transaction, TenantId tenant_id,
                           ResultsReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE row_verdict"));
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
