// One statement for each step, whatever the number of devices.
#include "charges/intents_store.hpp"

#include <fmt/format.h>

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

// The settings with their defaults, though the tenant has set nothing.
constexpr const char* kSettings = R"(
    setting AS MATERIALIZED (
        SELECT coalesce(s.splits_rate_and_overage, true) AS splits,
               coalesce(s.bills_in_advance, false) AS in_advance,
               coalesce(s.amount_decimals, 2)::integer AS decimals,
               coalesce(s.marker_format, 'amop:{key}') AS marker_format,
               coalesce(s.rate_description, '{plan} - {usageMb}') AS rate_text,
               coalesce(s.overage_description, 'Data Usage - {usageMb} - Overage - {amount}')
                   AS overage_text,
               coalesce(s.usage_description, 'Data Usage - {plan} - {usageMb}') AS usage_text,
               coalesce(s.sms_description, 'SMS Usage - {smsUsage}') AS sms_text,
               CASE WHEN s.tenant_id IS NULL THEN 10000 ELSE s.max_charge_amount END AS most,
               CASE WHEN s.tenant_id IS NULL THEN 10 ELSE s.device_history_multiple END
                   AS device_multiple,
               CASE WHEN s.tenant_id IS NULL THEN 5 ELSE s.customer_history_multiple END
                   AS customer_multiple,
               coalesce(s.history_periods, 3)::integer AS periods,
               coalesce(s.history_floor_amount, 50) AS floor_amount
        FROM (SELECT 1) one LEFT JOIN charge_setting s ON s.tenant_id = $1))";

// A device's result as the lines that it comes to: in the new process rate and overage apart, in
// the old one a combined usage, and SMS. A device that costs nothing still has its first line.
// Product ids of the overage that are not given are those of the rate.
constexpr const char* kResultLines = R"(
    result AS (
        SELECT p.*, r.portal, r.device_id, r.rate_plan_name AS rate_plan, r.usage_mb, r.sms_usage,
               round(r.rate_charge_amount, s.decimals) AS rate,
               round(r.rate_charge_amount + r.overage_charge_amount, s.decimals) AS total,
               round(r.sms_charge_amount, s.decimals) AS sms,
               r.rev_product_id AS product, r.rev_product_type_id AS product_type,
               CASE WHEN coalesce(r.overage_rev_product_id, r.overage_rev_product_type_id) IS NULL
                    THEN r.rev_product_id ELSE r.overage_rev_product_id END AS overage_product,
               CASE WHEN coalesce(r.overage_rev_product_id, r.overage_rev_product_type_id) IS NULL
                    THEN r.rev_product_type_id ELSE r.overage_rev_product_type_id END
                   AS overage_product_type,
               r.sms_rev_product_id AS sms_product, r.sms_rev_product_type_id AS sms_product_type
        FROM part p CROSS JOIN setting s
        JOIN optimization_device_result r ON r.tenant_id = $1
            AND r.optimization_queue_id = p.queue_id
            AND p.portal_type IN (r.portal, 'cross_provider')),
    raw_line AS (
        SELECT r.*, k.kind, k.amount, k.product_id, k.product_type_id, k.place,
               replace(replace(replace(replace(replace(replace(k.template,
                   '{plan}', r.rate_plan),
                   '{usageMb}', trim_scale(r.usage_mb)::text),
                   '{smsUsage}', r.sms_usage::text),
                   '{amount}', k.amount::text),
                   '{periodStart}', r.period_start::text),
                   '{periodEnd}', r.period_end::text) AS text,
               'Q' || r.queue_id || '-D' || r.device_id || '-' || upper(k.kind) AS key
        FROM result r CROSS JOIN setting s CROSS JOIN LATERAL (VALUES
            ('rate', r.rate, r.product, r.product_type, s.rate_text, 1, s.splits),
            ('overage', r.total - r.rate, r.overage_product, r.overage_product_type,
             s.overage_text, 2, s.splits AND r.total <> r.rate),
            ('usage', r.total, r.product, r.product_type, s.usage_text, 3, NOT s.splits),
            ('sms', r.sms, r.sms_product, r.sms_product_type, s.sms_text, 4, r.sms <> 0))
            k(kind, amount, product_id, product_type_id, template, place, applies)
        WHERE k.applies))";

constexpr const char* kFileLines = R"(
    raw_line AS (
        SELECT p.*, d.portal, r.device_id, ''::text AS rate_plan, NULL::numeric AS usage_mb,
               r.kind, round(r.amount, s.decimals) AS amount, r.product_id, r.product_type_id,
               r.row_number AS place, r.description AS text,
               'F' || p.source_id || '-D' || r.device_id || '-' || upper(r.kind) AS key
        FROM part p CROSS JOIN setting s
        JOIN charge_file_row r ON r.tenant_id = $1 AND r.charge_file_id = p.source_id
        JOIN device d ON d.tenant_id = $1 AND d.device_id = r.device_id))";

// Of charge `o` and line `l` of the same device: both would bill the same.
constexpr const char* kSameFact = R"(
    (o.kind = l.kind OR 'usage' IN (o.kind, l.kind) AND 'sms' NOT IN (o.kind, l.kind))
    AND (o.billing_period_start = l.period_start
         OR o.billing_period_start < l.period_end AND o.billing_period_end > l.period_start))";
constexpr const char* kRepeated =
    "another instance or file charges this device for the same period";

// Rev.io's periods differ from ours by the carrier: POND's stay, Telegence's end a day earlier, all
// others begin a day later; billed in advance, both are a month later.
constexpr const char* kJudged = R"(,
    line AS (
        SELECT l.*, d.service_provider_id, sp.integration, c.customer_id AS payer,
               c.name AS customer,
               CASE WHEN c.rev_customer_id ~ '^[1-9][0-9]{0,9}$'
                    THEN CASE WHEN c.rev_customer_id::bigint <= 2147483647
                              THEN c.rev_customer_id::bigint END END AS rev_customer_id,
               v.revio_service_id, v.customer_id AS service_customer,
               (CASE WHEN sp.integration IN ('pond', 'telegence') THEN l.period_start
                     ELSE least(l.period_start + 1, l.period_end) END
                + CASE WHEN s.in_advance THEN interval '1 month' ELSE interval '0' END)::date
                   AS start_date,
               (CASE WHEN sp.integration = 'telegence'
                     THEN greatest(l.period_end - 1, l.period_start) ELSE l.period_end END
                + CASE WHEN s.in_advance THEN interval '1 month' ELSE interval '0' END)::date
                   AS end_date
        FROM raw_line l CROSS JOIN setting s
        JOIN device d ON d.tenant_id = $1 AND d.device_id = l.device_id
        JOIN service_provider sp ON sp.tenant_id = $1
            AND sp.service_provider_id = d.service_provider_id
        LEFT JOIN customer c ON c.tenant_id = $1
            AND c.customer_id = coalesce(l.customer_id, d.customer_id)
        LEFT JOIN rev_service v ON v.tenant_id = $1 AND v.rev_service_id = d.rev_service_id
            AND v.disconnected_date IS NULL),
    device_history AS (
        SELECT h.device_id, avg(h.amount) AS usual FROM (
            SELECT c.device_id, sum(c.amount) AS amount, row_number() OVER (
                PARTITION BY c.device_id ORDER BY c.billing_period_start DESC) AS place
            FROM (SELECT device_id, min(period_start) AS period_start FROM raw_line GROUP BY 1) d
            JOIN charge c ON c.tenant_id = $1 AND c.device_id = d.device_id
                AND c.billing_period_start < d.period_start AND c.state IN ('charged', 'recorded')
            GROUP BY c.device_id, c.billing_period_start) h CROSS JOIN setting s
        WHERE h.place <= s.periods GROUP BY h.device_id),
    customer_history AS (
        SELECT h.customer_id, avg(h.amount) AS usual FROM (
            SELECT c.customer_id, sum(c.amount) AS amount, row_number() OVER (
                PARTITION BY c.customer_id ORDER BY c.billing_period_start DESC) AS place
            FROM (SELECT payer, min(period_start) AS period_start FROM line GROUP BY 1) p
            JOIN charge c ON c.tenant_id = $1 AND c.customer_id = p.payer
                AND c.billing_period_start < p.period_start AND c.state IN ('charged', 'recorded')
            GROUP BY c.customer_id, c.billing_period_start) h CROSS JOIN setting s
        WHERE h.place <= s.periods GROUP BY h.customer_id),
    customer_total AS (SELECT payer, sum(amount) AS amount FROM line GROUP BY payer),
    judged AS (
        SELECT l.*, s.marker_format, CASE
            WHEN l.payer IS NULL THEN 'parked: the device has no customer to charge'
            WHEN l.amount = 0 THEN 'skipped: the amount is zero'
            WHEN l.amount < 0 THEN 'parked: the amount ' || l.amount || ' is negative; release it '
                || 'if a credit is meant, else dismiss it'
            WHEN l.kind = 'sms' AND l.account_id IS NOT NULL
                AND coalesce(l.product_id, l.product_type_id) IS NULL
                THEN 'skipped: the SMS charge has neither a product nor a product type'
            WHEN EXISTS (
                SELECT FROM charge o WHERE o.tenant_id = $1 AND o.device_id = l.device_id
                  AND o.state IN ('new', 'unknown', 'charged', 'recorded', 'parked')
                  AND o.reverses_charge_id IS NULL
                  AND (o.source <> l.source OR o.source_id <> l.source_id)
                  AND ({same_fact})
                  AND NOT EXISTS (SELECT FROM charge v WHERE v.tenant_id = $1
                      AND v.reverses_charge_id = o.charge_id
                      AND v.state IN ('charged', 'recorded')))
                THEN 'parked: {repeated}'
            WHEN l.amount > s.most THEN 'parked: the amount ' || l.amount || ' is above the limit '
                || trim_scale(s.most)
            WHEN l.account_id IS NULL THEN 'recorded'
            WHEN l.rev_customer_id IS NULL THEN 'parked: the customer has no Rev.io id'
            WHEN coalesce(l.product_id, l.product_type_id) IS NULL
                THEN 'parked: neither a product nor a product type is set'
            WHEN l.service_customer <> l.payer
                THEN 'parked: the device''s service at Rev.io belongs to another customer'
            WHEN s.device_multiple IS NOT NULL AND dh.usual IS NOT NULL
                AND sum(l.amount) OVER (PARTITION BY l.device_id)
                    > greatest(s.device_multiple * dh.usual, s.floor_amount)
                THEN 'parked: more than ' || trim_scale(s.device_multiple)
                    || ' times what the device usually costs (' || round(dh.usual, 2) || ')'
            WHEN s.customer_multiple IS NOT NULL AND ch.usual IS NOT NULL
                AND ct.amount > greatest(s.customer_multiple * ch.usual, s.floor_amount)
                THEN 'parked: the customer''s total ' || ct.amount || ' is more than '
                    || trim_scale(s.customer_multiple) || ' times the usual ('
                    || round(ch.usual, 2) || ')'
            ELSE 'new' END AS verdict
        FROM line l CROSS JOIN setting s
        LEFT JOIN device_history dh ON dh.device_id = l.device_id
        LEFT JOIN customer_history ch ON ch.customer_id = l.payer
        LEFT JOIN customer_total ct ON ct.payer = l.payer)
    SELECT part_number, source, source_id, device_id, payer AS customer_id, service_provider_id,
           portal, kind, period_start AS billing_period_start, period_end AS billing_period_end,
           amount, usage_mb, left(text, 1500) AS description,
           CASE WHEN account_id IS NULL THEN '' ELSE replace(marker_format, '{key}', key) END
               AS marker,
           account_id, CASE WHEN account_id IS NOT NULL THEN rev_customer_id END AS rev_customer_id,
           CASE WHEN account_id IS NOT NULL THEN revio_service_id END AS revio_service_id,
           product_id, product_type_id, start_date, end_date, place,
           split_part(verdict, ':', 1) AS state,
           nullif(substr(verdict, length(split_part(verdict, ':', 1)) + 3), '') AS reason,
           customer, rate_plan, integration, queue_id
    FROM judged)";

std::string judged() {
    std::string sql = kJudged;
    const auto fill = [&sql](std::string_view name, const char* text) {
        sql.replace(sql.find(name), name.size(), text);
    };
    fill("{same_fact}", kSameFact);
    fill("{repeated}", kRepeated);
    return sql;
}

// $2 instance, $3 run. One part for each comm group; queue 0 where no queue has won.
Query insert_parts_query() {
    static const std::string sql = fmt::format(R"(
        INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number,
            optimization_instance_id, optimization_comm_group_id, optimization_queue_id,
            integration_authentication_id, customer_id, billing_period_start, billing_period_end,
            note)
        SELECT $1, $3, (SELECT coalesce(max(part_number), 0) FROM charge_run_part
                        WHERE tenant_id = $1 AND charge_run_id = $3)
                   + row_number() OVER (ORDER BY w.optimization_comm_group_id),
            i.optimization_instance_id, w.optimization_comm_group_id, w.optimization_queue_id,
            i.integration_authentication_id, i.customer_id, i.billing_period_start,
            i.billing_period_end, w.reason
        FROM ({}) w
        JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = $2)",
                                               winning_queue_sql());
    return {"charge_insert_parts", sql.c_str()};
}

// $2 run. `part`: the relation, `lines`: lines_of_…().
std::string insert_charges_sql(const std::string& part, const std::string& lines) {
    return fmt::format(R"(
        INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id,
            device_id, customer_id, service_provider_id, portal, kind, billing_period_start,
            billing_period_end, amount, usage_mb, description, marker,
            integration_authentication_id, rev_customer_id, revio_service_id, product_id,
            product_type_id, start_date, end_date, state, reason, settled_at)
        SELECT $1, $2, l.part_number,
            row_number() OVER (PARTITION BY l.part_number ORDER BY l.device_id, l.place), l.source,
            l.source_id, l.device_id, l.customer_id, l.service_provider_id, l.portal, l.kind,
            l.billing_period_start, l.billing_period_end, l.amount, l.usage_mb, l.description,
            l.marker, l.account_id, l.rev_customer_id, l.revio_service_id, l.product_id,
            l.product_type_id, l.start_date, l.end_date, l.state, l.reason,
            CASE WHEN l.state IN ('recorded', 'skipped') THEN now() END
        FROM (WITH part AS ({}), {}) l)",
                       part, lines);
}

// $3 instance.
Query insert_charges_query() {
    static const std::string sql = insert_charges_sql(R"(
            SELECT p.part_number, 'instance'::text AS source, $3::bigint AS source_id,
                   p.optimization_queue_id AS queue_id, i.portal_type, p.customer_id,
                   p.integration_authentication_id AS account_id,
                   p.billing_period_start AS period_start, p.billing_period_end AS period_end
            FROM charge_run_part p
            JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = $3
            WHERE p.tenant_id = $1 AND p.charge_run_id = $2
              AND p.optimization_instance_id = $3)",
                                                      lines_of_instances());
    return {"charge_insert", sql.c_str()};
}

// $3 file.
Query insert_file_charges_query() {
    static const std::string sql = insert_charges_sql(R"(
            SELECT p.part_number, 'file'::text AS source, $3::bigint AS source_id,
                   p.optimization_queue_id AS queue_id, NULL::text AS portal_type, p.customer_id,
                   p.integration_authentication_id AS account_id,
                   p.billing_period_start AS period_start, p.billing_period_end AS period_end
            FROM charge_run_part p WHERE p.tenant_id = $1 AND p.charge_run_id = $2)",
                                                      lines_of_files());
    return {"charge_insert_of_file", sql.c_str()};
}

// Pages of consecutive places that cover the whole part, so that whatever a person releases later
// is in exactly one. One without anything to send is done.
constexpr Query kInsertPages{"charge_insert_pages", R"(
    INSERT INTO charge_page (tenant_id, charge_run_id, part_number, page_number, first_position,
        last_position, state)
    SELECT $1, $2, c.part_number, (c.position - 1) / z.size + 1, min(c.position), max(c.position),
           CASE WHEN bool_or(c.state = 'new') THEN 'ready' ELSE 'done' END
    FROM charge_run_part p
    CROSS JOIN (SELECT coalesce((SELECT page_size FROM charge_setting WHERE tenant_id = $1), 50)
                    AS size) z
    JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = $2 AND c.part_number = p.part_number
    WHERE p.tenant_id = $1 AND p.charge_run_id = $2
      AND p.optimization_instance_id IS NOT DISTINCT FROM $3::bigint
      AND p.integration_authentication_id IS NOT NULL
    GROUP BY c.part_number, (c.position - 1) / z.size)"};

constexpr Query kFinishMaking{"charge_finish_making", R"(
    WITH counted AS (
        SELECT c.part_number, count(*) AS total, count(*) FILTER (WHERE c.state = 'new') AS fresh,
               count(*) FILTER (WHERE c.state = 'recorded') AS recorded,
               count(*) FILTER (WHERE c.state = 'skipped') AS skipped,
               count(*) FILTER (WHERE c.state = 'parked') AS parked, sum(amount) AS amount,
               sum(amount) FILTER (WHERE c.state = 'recorded') AS charged
        FROM charge_run_part p
        JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = $2
            AND c.part_number = p.part_number
        WHERE p.tenant_id = $1 AND p.charge_run_id = $2
          AND p.optimization_instance_id IS NOT DISTINCT FROM $3::bigint
        GROUP BY c.part_number),
    part AS (
        UPDATE charge_run_part p
        SET charge_count = coalesce(c.total, 0), new_count = coalesce(c.fresh, 0),
            recorded_count = coalesce(c.recorded, 0), skipped_count = coalesce(c.skipped, 0),
            parked_count = coalesce(c.parked, 0), total_amount = coalesce(c.amount, 0),
            charged_amount = coalesce(c.charged, 0),
            state = CASE WHEN coalesce(c.fresh, 0) = 0 THEN 'settled' ELSE 'sending' END,
            settled_at = CASE WHEN coalesce(c.fresh, 0) = 0 THEN now() END,
            list_version = CASE WHEN coalesce(c.fresh, 0) = 0 THEN 1 ELSE 0 END
        FROM charge_run_part m LEFT JOIN counted c ON c.part_number = m.part_number
        WHERE m.tenant_id = $1 AND m.charge_run_id = $2
          AND m.optimization_instance_id IS NOT DISTINCT FROM $3::bigint
          AND p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = m.part_number
        RETURNING p.*),
    instance AS (
        UPDATE charge_run_instance SET made_at = now()
        WHERE tenant_id = $1 AND charge_run_id = $2 AND optimization_instance_id = $3
        RETURNING 1),
    run AS (
        UPDATE charge_run r
        SET open_instance_count = r.open_instance_count - m.instances,
            open_part_count = r.open_part_count + m.parts,
            state = CASE WHEN r.open_instance_count = m.instances THEN 'sending' ELSE r.state END,
            started_at = coalesce(r.started_at, now())
        FROM (SELECT (SELECT count(*) FROM instance) AS instances,
                     (SELECT count(*) FROM part) AS parts) m
        WHERE r.tenant_id = $1 AND r.charge_run_id = $2)
    SELECT p.part_number, p.optimization_queue_id, coalesce(p.integration_authentication_id, 0),
           coalesce(i.portal_type, 'm2m'), p.state = 'settled', p.charge_count
    FROM part p
    LEFT JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = $3
    ORDER BY p.part_number)"};

}  // namespace

std::string lines_of_instances() {
    return fmt::format("{},{}{}", kSettings, kResultLines, judged());
}

std::string repeats_sql(const std::string& table) {
    return fmt::format(R"(
        UPDATE {0} l SET state = 'parked', reason = '{1}'
        FROM (SELECT *, period_start AS billing_period_start, period_end AS billing_period_end
              FROM {0}) o
        WHERE o.device_id = l.device_id AND o.place < l.place AND l.state IN ('new', 'recorded')
          AND o.state IN ('new', 'recorded', 'parked') AND {2})",
                       table, kRepeated, kSameFact);
}

std::string lines_of_files() {
    return fmt::format("{},{}{}", kSettings, kFileLines, judged());
}

Result<std::vector<MadePart>> finish_making(db::Transaction& transaction, std::int64_t tenant_id,
                                            ChargeRunId run, InstanceId instance) {
    const Params which = Params().add(tenant_id).add(run).add(instance);
    CARRYALL_TRY(transaction.exec(kInsertPages, which));
    const auto rows = transaction.exec(kFinishMaking, which);
    if (!rows) return rows.error();
    std::vector<MadePart> parts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        parts.push_back({static_cast<int>(rows->integer(i, 0)), rows->integer(i, 1),
                         rows->integer(i, 2),
                         parse_portal_type(rows->text(i, 3)).value_or(PortalType::m2m),
                         rows->boolean(i, 4), rows->integer(i, 5)});
    }
    return parts;
}

Result<std::vector<MadePart>> insert_intents(db::Transaction& transaction, std::int64_t tenant_id,
                                             ChargeRunId run, InstanceId instance) {
    CARRYALL_TRY(
        transaction.exec(insert_parts_query(), Params().add(tenant_id).add(instance).add(run)));
    CARRYALL_TRY(
        transaction.exec(insert_charges_query(), Params().add(tenant_id).add(run).add(instance)));
    return finish_making(transaction, tenant_id, run, instance);
}

Result<std::vector<MadePart>> insert_file_intents(db::Transaction& transaction,
                                                  std::int64_t tenant_id, ChargeRunId run,
                                                  ChargeFileId file) {
    CARRYALL_TRY(
        transaction.exec(insert_file_charges_query(), Params().add(tenant_id).add(run).add(file)));
    return finish_making(transaction, tenant_id, run, InstanceId{});
}

}  // namespace carryall::charges
