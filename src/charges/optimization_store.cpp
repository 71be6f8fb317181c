// The SQL that shows optimisation results, and the one that says which queue wins.
#include <fmt/format.h>

#include "charges/optimization.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::Page;

// i: the instance.
const std::string& instance_columns() {
    static const std::string sql =
        "i.optimization_instance_id, i.portal_type, i.customer_id, c.name, c.rev_customer_id,"
        " i.integration_authentication_id, i.billing_period_start::text,"
        " i.billing_period_end::text, " +
        iso8601("i.run_end_time") + R"(, to_json(i.customer_emails),
        (SELECT count(*) FROM optimization_comm_group g WHERE g.tenant_id = $1
            AND g.optimization_instance_id = i.optimization_instance_id),
        (SELECT count(*) FROM optimization_comm_group g JOIN optimization_queue q
            ON q.tenant_id = $1 AND q.optimization_comm_group_id = g.optimization_comm_group_id
            WHERE g.tenant_id = $1 AND g.optimization_instance_id = i.optimization_instance_id),
        r.charge_run_id, i.imported_by, )" +
        iso8601("i.imported_at") + R"(
    FROM optimization_instance i
    JOIN customer c ON c.tenant_id = $1 AND c.customer_id = i.customer_id
    LEFT JOIN charge_run_instance r ON r.tenant_id = $1
        AND r.optimization_instance_id = i.optimization_instance_id
    WHERE i.tenant_id = $1)";
    return sql;
}

Query get_query() {
    static const std::string sql =
        "SELECT " + instance_columns() + " AND i.optimization_instance_id = $2";
    return {"optimization_get", sql.c_str()};
}

// $2 below which id, $3 customer, $4 portal type, $5 whether charged, $6 how many.
Query list_query() {
    static const std::string sql = fmt::format(R"(SELECT {}
      AND ($2::bigint IS NULL OR i.optimization_instance_id < $2)
      AND ($3::bigint IS NULL OR i.customer_id = $3)
      AND ($4::text IS NULL OR i.portal_type = $4)
      AND ($5::boolean IS NULL OR (r.charge_run_id IS NOT NULL) = $5)
    ORDER BY i.optimization_instance_id DESC LIMIT $6::int)",
                                               instance_columns());
    return {"optimization_list", sql.c_str()};
}

Query queues_query() {
    static const std::string sql =
        "SELECT q.optimization_comm_group_id, q.optimization_queue_id,"
        " trim_scale(q.total_cost), " +
        iso8601("q.run_end_time") + R"(,
        (SELECT count(*) FROM optimization_device_result r WHERE r.tenant_id = $1
            AND r.optimization_queue_id = q.optimization_queue_id AND r.portal = 'm2m'),
        (SELECT count(*) FROM optimization_device_result r WHERE r.tenant_id = $1
            AND r.optimization_queue_id = q.optimization_queue_id AND r.portal = 'mobility')
    FROM optimization_comm_group g JOIN optimization_queue q ON q.tenant_id = $1
        AND q.optimization_comm_group_id = g.optimization_comm_group_id
    WHERE g.tenant_id = $1 AND g.optimization_instance_id = $2
    ORDER BY q.optimization_comm_group_id, q.optimization_queue_id)";
    return {"optimization_queues", sql.c_str()};
}

Query winning_query() {
    static const std::string sql = fmt::format("{} ORDER BY 1", winning_queue_sql());
    return {"optimization_winning", sql.c_str()};
}

std::vector<std::string> texts_of(std::string_view json_array) {
    std::vector<std::string> texts;
    const auto parsed = base::parse_json(json_array);
    CHECK(parsed && parsed->is_array());
    for (const json::value& text : parsed->get_array()) texts.emplace_back(text.as_string());
    return texts;
}

Instance instance_of(const Rows& rows, std::size_t i) {
    Instance instance;
    instance.id = {rows.integer(i, 0)};
    const auto type = parse_portal_type(rows.text(i, 1));
    CHECK(type.has_value());
    instance.portal_type = *type;
    instance.customer_id = rows.integer(i, 2);
    instance.customer = rows.string(i, 3);
    instance.rev_customer_id = rows.optional_text(i, 4);
    instance.integration_authentication_id = rows.optional_integer(i, 5);
    instance.billing_period_start = rows.string(i, 6);
    instance.billing_period_end = rows.string(i, 7);
    instance.run_end_time = rows.optional_text(i, 8);
    instance.customer_emails = texts_of(rows.text(i, 9));
    instance.comm_group_count = rows.integer(i, 10);
    instance.queue_count = rows.integer(i, 11);
    instance.charge_run_id = rows.optional_integer(i, 12);
    instance.imported_by = rows.string(i, 13);
    instance.imported_at = rows.string(i, 14);
    return instance;
}

std::vector<WinningQueue> winners_of(const Rows& rows) {
    std::vector<WinningQueue> winners;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        winners.push_back({{rows.integer(i, 0)}, {rows.integer(i, 1)}, rows.string(i, 2)});
    }
    return winners;
}

// Both in the order of the groups' ids.
std::vector<CommGroup> comm_groups_of(std::vector<WinningQueue> winners, const Rows& queues) {
    std::vector<CommGroup> groups;
    std::size_t next = 0;
    for (WinningQueue& winner : winners) {
        CommGroup group{winner.comm_group_id, std::move(winner), {}};
        for (; next < queues.size() && queues.integer(next, 0) == group.id.value; ++next) {
            group.queues.push_back({{queues.integer(next, 1)},
                                    queues.optional_text(next, 2),
                                    queues.optional_text(next, 3),
                                    queues.integer(next, 4),
                                    queues.integer(next, 5)});
        }
        groups.push_back(std::move(group));
    }
    CHECK(next == queues.size());
    return groups;
}

Result<InstanceDetails> read_details(db::Transaction& transaction, const Params& which) {
    const auto instance = transaction.exec(get_query(), which);
    if (!instance) return instance.error();
    if (instance->empty()) return base::not_found("There is no such optimization instance");
    const auto winners = transaction.exec(winning_query(), which);
    if (!winners) return winners.error();
    const auto queues = transaction.exec(queues_query(), which);
    if (!queues) return queues.error();
    return InstanceDetails{instance_of(*instance, 0),
                           comm_groups_of(winners_of(*winners), *queues)};
}

std::string question_of(const InstanceFilter& filter) {
    const std::string portal(filter.portal_type ? stored_name(*filter.portal_type) : "");
    std::string charged;
    if (filter.is_charged) charged = *filter.is_charged ? "t" : "f";
    return "optimization instances/" + std::to_string(filter.customer_id.value_or(0)) + '/' +
           portal + '/' + charged;
}

}  // namespace

std::string winning_queue_sql(const std::string& instance) {
    return R"(SELECT g.optimization_comm_group_id,
        coalesce(w.optimization_queue_id, 0) AS optimization_queue_id,
        CASE WHEN w.optimization_queue_id IS NOT NULL THEN NULL
             WHEN has.queues = 0 THEN 'the comm group has no queue'
             WHEN has.ended = 0 THEN 'no queue has ended'
             WHEN has.priced = 0 THEN 'no queue that has ended has a total cost'
             WHEN i.portal_type = 'cross_provider' THEN
                 'no queue that has ended has device results in any portal'
             ELSE 'no queue that has ended has device results in the portal ' || i.portal_type
        END AS reason
    FROM optimization_instance i
    JOIN optimization_comm_group g ON g.tenant_id = $1
        AND g.optimization_instance_id = i.optimization_instance_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS queues, count(q.run_end_time) AS ended,
            count(q.run_end_time) FILTER (WHERE q.total_cost IS NOT NULL) AS priced
        FROM optimization_queue q WHERE q.tenant_id = $1
            AND q.optimization_comm_group_id = g.optimization_comm_group_id) has
    LEFT JOIN LATERAL (
        SELECT q.optimization_queue_id FROM optimization_queue q
        WHERE q.tenant_id = $1 AND q.optimization_comm_group_id = g.optimization_comm_group_id
          AND q.total_cost IS NOT NULL AND q.run_end_time IS NOT NULL
          AND EXISTS (
            SELECT FROM optimization_device_result r WHERE r.tenant_id = $1
                AND r.optimization_queue_id = q.optimization_queue_id
                AND i.portal_type IN (r.portal, 'cross_provider'))
        ORDER BY q.total_cost, q.optimization_queue_id LIMIT 1) w ON true
    WHERE i.tenant_id = $1 AND i.optimization_instance_id = )" +
           instance;
}

Result<std::vector<WinningQueue>> winning_queues(db::Connection& connection, TenantId tenant_id,
                                                 InstanceId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(winning_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return winners_of(*rows);
}

Result<InstanceDetails> get_instance(db::Connection& connection, TenantId tenant_id,
                                     InstanceId id) {
    // Three statements: groups and queues must be of one moment.
    return db::in_transaction<InstanceDetails>(
        connection, tenant_id.value, [&](db::Transaction& transaction) -> Result<InstanceDetails> {
            CARRYALL_TRY(transaction.exec_text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
            return read_details(transaction, Params().add(tenant_id).add(id));
        });
}

Result<Page<Instance>> list_instances(db::Connection& connection, const tenants::PageTokens& tokens,
                                      TenantId tenant_id, const InstanceFilter& filter,
                                      const tenants::PageRequest& page) {
    const std::string question = question_of(filter);
    const auto below = tenants::newest_first(tokens, tenant_id, question, page);
    if (!below) return below.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    Params params;
    params.add(tenant_id).add(*below).add(filter.customer_id);
    params.add(filter.portal_type ? std::optional(std::string(stored_name(*filter.portal_type)))
                                  : std::nullopt);
    params.add(filter.is_charged).add(page.limit + 1);
    const auto rows = connection.exec(list_query(), params);
    if (!rows) return rows.error();
    return tenants::page_of<Instance>(*rows, tokens, tenant_id, question, page.limit, instance_of);
}

}  // namespace carryall::charges
