// What a run would charge is read from the same lines as the intents are made of, in one
// transaction that leaves nothing behind.
#include <fmt/format.h>

#include "charges/enqueue.hpp"
#include "charges/enqueue_store.hpp"
#include "charges/intents_store.hpp"
#include "charges/preview.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

constexpr Query kTables{"charge_preview_tables", R"(
    CREATE TEMPORARY TABLE charge_preview (
        place bigint, instance_id bigint, device_id bigint, customer_id bigint, customer text,
        kind text, period_start date, period_end date, amount numeric, product_id bigint,
        product_type_id bigint, state text, reason text) ON COMMIT DROP)"};

// `place`: of the instance, `part`: the relation, `lines`: lines_of_…().
std::string insert_sql(const char* place, const std::string& part, const std::string& lines) {
    return fmt::format(R"(
            INSERT INTO charge_preview
            SELECT {}, CASE l.source WHEN 'instance' THEN l.source_id END, l.device_id,
                   l.customer_id, l.customer, l.kind, l.billing_period_start,
                   l.billing_period_end, l.amount, l.product_id, l.product_type_id, l.state,
                   l.reason
            FROM (WITH part AS ({}), {}) l)",
                       place, part, lines);
}

// $3 place of the instance.
Query fill_query() {
    const std::string part = fmt::format(R"(
                SELECT 0 AS part_number, 'instance'::text AS source, $2::bigint AS source_id,
                       w.optimization_queue_id AS queue_id, i.portal_type, i.customer_id,
                       i.integration_authentication_id AS account_id,
                       i.billing_period_start AS period_start, i.billing_period_end AS period_end
                FROM ({}) w
                JOIN optimization_instance i ON i.tenant_id = $1
                    AND i.optimization_instance_id = $2)",
                                         winning_queue_sql());
    static const std::string sql = fmt::format(
        "WITH filled AS ({}) SELECT w.optimization_comm_group_id, w.reason FROM ({}) w "
        "WHERE w.optimization_queue_id = 0",
        insert_sql("$3::bigint", part, lines_of_instances()), winning_queue_sql());
    return {"charge_preview_fill", sql.c_str()};
}

Query fill_file_query() {
    static const std::string sql = insert_sql("1", R"(
                SELECT 1 AS part_number, 'file'::text AS source, f.charge_file_id AS source_id,
                       0::bigint AS queue_id, NULL::text AS portal_type,
                       NULL::bigint AS customer_id,
                       f.integration_authentication_id AS account_id,
                       f.billing_period_start AS period_start, f.billing_period_end AS period_end
                FROM charge_file f WHERE f.tenant_id = $1 AND f.charge_file_id = $2)",
                                              lines_of_files());
    return {"charge_preview_fill_file", sql.c_str()};
}

Query repeats_query() {
    static const std::string sql = repeats_sql("charge_preview");
    return {"charge_preview_repeats", sql.c_str()};
}

constexpr Query kVerdicts{"charge_preview_verdicts", R"(
    SELECT state, count(*), trim_scale(sum(amount)) FROM charge_preview GROUP BY 1 ORDER BY 1)"};

// The period before: the latest one that begins earlier and has charges of the customer.
constexpr Query kCustomers{"charge_preview_customers", R"(
    SELECT p.*, trim_scale(last.amount), last.start::text
    FROM (SELECT customer_id, max(customer) AS customer, count(*) AS charges,
                 trim_scale(coalesce(sum(amount) FILTER (WHERE state IN ('new', 'recorded')), 0)),
                 trim_scale(coalesce(sum(amount) FILTER (WHERE state = 'parked'), 0)),
                 min(period_start) AS period_start, sum(amount) AS total
          FROM charge_preview WHERE customer_id IS NOT NULL GROUP BY customer_id
          ORDER BY sum(amount) DESC LIMIT $2::int) p
    LEFT JOIN LATERAL (
        SELECT c.billing_period_start AS start, sum(c.amount) AS amount FROM charge c
        WHERE c.tenant_id = $1 AND c.customer_id = p.customer_id
          AND c.billing_period_start < p.period_start AND c.state IN ('charged', 'recorded')
        GROUP BY 1 ORDER BY 1 DESC LIMIT 1) last ON true
    ORDER BY p.total DESC)"};

constexpr Query kProducts{"charge_preview_products", R"(
    SELECT kind, product_id, CASE WHEN product_id IS NULL THEN product_type_id END, count(*),
           trim_scale(sum(amount))
    FROM charge_preview WHERE state IN ('new', 'recorded') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3)"};

constexpr Query kWarnings{"charge_preview_warnings", R"(
    SELECT p.instance_id, p.device_id, d.iccid, p.kind, trim_scale(p.amount), p.reason
    FROM charge_preview p JOIN device d ON d.tenant_id = $1 AND d.device_id = p.device_id
    WHERE p.state = 'parked' OR p.state = 'skipped' AND p.amount <> 0
    ORDER BY abs(p.amount) DESC, p.device_id LIMIT $2::int)"};

Result<void> read_sums(db::Transaction& transaction, Preview& preview) {
    const auto verdicts = transaction.exec(kVerdicts);
    if (!verdicts) return verdicts.error();
    for (std::size_t i = 0; i < verdicts->size(); ++i) {
        preview.verdicts.push_back(
            {verdicts->string(i, 0), verdicts->integer(i, 1), verdicts->string(i, 2)});
        preview.charges += verdicts->integer(i, 1);
    }
    constexpr Query kTotal{"charge_preview_total", R"(
        SELECT trim_scale(coalesce(sum(amount), 0)) FROM charge_preview
        WHERE state IN ('new', 'recorded'))"};
    const auto total = transaction.exec(kTotal);
    if (!total) return total.error();
    preview.amount = total->string(0, 0);
    const auto products = transaction.exec(kProducts);
    if (!products) return products.error();
    for (std::size_t i = 0; i < products->size(); ++i) {
        preview.products.push_back({products->string(i, 0), products->optional_integer(i, 1),
                                    products->optional_integer(i, 2), products->integer(i, 3),
                                    products->string(i, 4)});
    }
    return {};
}

Result<void> read_rows(db::Transaction& transaction, std::int64_t tenant_id, Preview& preview) {
    const auto customers =
        transaction.exec(kCustomers, Params().add(tenant_id).add(kMaxPreviewCustomers));
    if (!customers) return customers.error();
    for (std::size_t i = 0; i < customers->size(); ++i) {
        preview.customers.push_back({customers->integer(i, 0), customers->string(i, 1),
                                     customers->integer(i, 2), customers->string(i, 3),
                                     customers->string(i, 4), customers->optional_text(i, 7),
                                     customers->optional_text(i, 8)});
    }
    const auto warnings =
        transaction.exec(kWarnings, Params().add(tenant_id).add(kMaxPreviewWarnings));
    if (!warnings) return warnings.error();
    for (std::size_t i = 0; i < warnings->size(); ++i) {
        preview.warnings.push_back({warnings->optional_integer(i, 0), warnings->integer(i, 1),
                                    warnings->string(i, 2), warnings->string(i, 3),
                                    warnings->string(i, 4), warnings->string(i, 5)});
    }
    return {};
}

}  // namespace

Result<Preview> preview_run(db::Connection& connection, const tenants::Caller& caller,
                            const std::vector<std::int64_t>& instances) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    return db::in_transaction<Preview>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<Preview> {
            CARRYALL_TRY(check_order(transaction, tenant_id, instances));
            CARRYALL_TRY(transaction.exec(kTables));
            Preview preview;
            for (std::size_t place = 0; place < instances.size(); ++place) {
                const std::int64_t instance = instances[place];
                const auto without = transaction.exec(
                    fill_query(),
                    Params().add(tenant_id).add(instance).add(static_cast<std::int64_t>(place)));
                if (!without) return without.error();
                for (std::size_t i = 0; i < without->size(); ++i) {
                    preview.groups_without_queue.push_back(
                        {instance, without->integer(i, 0), without->string(i, 1)});
                }
            }
            CARRYALL_TRY(transaction.exec(repeats_query()));
            CARRYALL_TRY(read_sums(transaction, preview));
            CARRYALL_TRY(read_rows(transaction, tenant_id, preview));
            return preview;
        });
}

Result<Preview> preview_file(db::Connection& connection, const tenants::Caller& caller,
                             ChargeFileId file) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    return db::in_transaction<Preview>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<Preview> {
            CARRYALL_TRY(check_file_order(transaction, tenant_id, file));
            CARRYALL_TRY(transaction.exec(kTables));
            CARRYALL_TRY(transaction.exec(fill_file_query(), Params().add(tenant_id).add(file)));
            Preview preview;
            CARRYALL_TRY(read_sums(transaction, preview));
            CARRYALL_TRY(read_rows(transaction, tenant_id, preview));
            return preview;
        });
}

}  // namespace carryall::charges
