// The SQL of the auditor of charges.
#include "changes/audit_rule.hpp"
#include "charges/charge_audit.hpp"

namespace carryall::charges {
namespace {

using changes::AuditSettings;
using changes::Violation;
using db::Params;
using db::Query;

constexpr changes::AuditSqlRule kRules[] = {
    {{"I1.charge_counts", "the counters of a charge list are the states of its charges"},
     false,
     false,
     R"(
        SELECT 'charge_run ' || p.charge_run_id || ' part ' || p.part_number,
               format('%s charges, %s new, %s unknown, %s charged, %s recorded, %s skipped, '
                      '%s failed, %s parked; rows %s', p.charge_count, p.new_count,
                      p.unknown_count, p.charged_count, p.recorded_count, p.skipped_count,
                      p.failed_count, p.parked_count, coalesce(c.rows, 0))
        FROM charge_run_part p LEFT JOIN (
            SELECT charge_run_id, part_number, count(*) AS rows,
                   count(*) FILTER (WHERE state = 'new') AS fresh,
                   count(*) FILTER (WHERE state = 'unknown') AS unknown,
                   count(*) FILTER (WHERE state = 'charged') AS charged,
                   count(*) FILTER (WHERE state = 'recorded') AS recorded,
                   count(*) FILTER (WHERE state = 'skipped') AS skipped,
                   count(*) FILTER (WHERE state = 'failed') AS failed,
                   count(*) FILTER (WHERE state = 'parked') AS parked
            FROM charge WHERE tenant_id = $1 GROUP BY 1, 2) c USING (charge_run_id, part_number)
        WHERE p.tenant_id = $1 AND (p.charge_count, p.new_count, p.unknown_count, p.charged_count,
            p.recorded_count, p.skipped_count, p.failed_count, p.parked_count)
            IS DISTINCT FROM (coalesce(c.rows, 0), coalesce(c.fresh, 0), coalesce(c.unknown, 0),
            coalesce(c.charged, 0), coalesce(c.recorded, 0), coalesce(c.skipped, 0),
            coalesce(c.failed, 0), coalesce(c.parked, 0)))"},
    {{"I1.charge_amounts", "the amounts of a charge list are the sums of its charges"},
     false,
     false,
     R"(
        SELECT 'charge_run ' || p.charge_run_id || ' part ' || p.part_number,
               format('%s in all, %s charged; the rows say %s and %s', p.total_amount,
                      p.charged_amount, coalesce(c.total, 0), coalesce(c.charged, 0))
        FROM charge_run_part p LEFT JOIN (
            SELECT charge_run_id, part_number, sum(amount) AS total,
                   sum(amount) FILTER (WHERE state IN ('charged', 'recorded')) AS charged
            FROM charge WHERE tenant_id = $1 GROUP BY 1, 2) c USING (charge_run_id, part_number)
        WHERE p.tenant_id = $1 AND (p.total_amount <> coalesce(c.total, 0)
            OR p.charged_amount <> coalesce(c.charged, 0)))"},
    {{"I1.charge_run", "a finished charge run has no open page, instance or list"},
     false,
     false,
     R"(
        SELECT 'charge_run ' || r.charge_run_id,
               format('finished with %s open instances and %s open lists', r.open_instance_count,
                      r.open_part_count)
        FROM charge_run r
        WHERE r.tenant_id = $1 AND r.state = 'finished' AND (
            r.open_instance_count <> 0 OR r.open_part_count <> 0
            OR EXISTS (SELECT FROM charge_page g WHERE g.tenant_id = $1
                AND g.charge_run_id = r.charge_run_id AND g.state <> 'done')
            OR EXISTS (SELECT FROM charge_run_part p WHERE p.tenant_id = $1
                AND p.charge_run_id = r.charge_run_id AND p.state = 'sending')))"},
    {{"I1.charge_live", "after a calm phase no charge is new or unknown"}, true, false, R"(
        SELECT 'charge ' || c.charge_id, format('still %s, due %s', c.state, c.due_at)
        FROM charge c WHERE c.tenant_id = $1 AND c.state IN ('new', 'unknown')
          AND EXISTS (SELECT FROM charge_run r WHERE r.tenant_id = $1
                AND r.charge_run_id = c.charge_run_id AND r.hold = 'running'))"},
    {{"I4.charge_logged", "what was charged or refused was written down"}, false, false, R"(
        SELECT 'charge ' || c.charge_id, c.state || ' without a line in the log'
        FROM charge c WHERE c.tenant_id = $1 AND c.state IN ('charged', 'failed')
          AND NOT EXISTS (SELECT FROM charge_log l WHERE l.tenant_id = $1
                AND l.charge_id = c.charge_id))"},
    {{"I4.charge_unknown_is_due", "an unknown charge has a time at which it is looked up"},
     false,
     true,
     R"(
        SELECT 'charge ' || c.charge_id,
               format('unknown, due %s, read back %s times', c.due_at, c.read_back_count)
        FROM charge c JOIN charge_run r ON r.tenant_id = $1
            AND r.charge_run_id = c.charge_run_id AND r.hold = 'running'
        WHERE c.tenant_id = $1 AND c.state = 'unknown'
          AND (c.due_at = 'infinity' OR c.due_at < now() - make_interval(secs => $2::int)))"},
    {{"I5.charge_pages", "pages cover the charges of a list once, without gaps"}, false, false, R"(
        SELECT 'charge_page ' || charge_run_id || '/' || part_number || '/' || page_number,
               format('covers %s to %s, the one before ends at %s', first_position, last_position,
                      coalesce(before, 0))
        FROM (SELECT g.*, lag(last_position) OVER (PARTITION BY charge_run_id, part_number
                  ORDER BY page_number) AS before
              FROM charge_page g WHERE tenant_id = $1) q
        WHERE last_position < first_position OR first_position <> coalesce(before, 0) + 1)"},
    {{"I7.charge_id", "a charge is charged exactly if it has its id at Rev.io"}, false, false, R"(
        SELECT 'charge ' || charge_id,
               format('%s, Rev.io''s id %s', state, coalesce(revio_charge_id::text, 'none'))
        FROM charge WHERE tenant_id = $1
          AND (state = 'charged') <> (revio_charge_id IS NOT NULL))"},
    {{"I7.charge_once", "a charge of Rev.io belongs to one intent"}, false, false, R"(
        SELECT 'Rev.io''s charge ' || revio_charge_id,
               'is that of intents ' || string_agg(charge_id::text, ', ' ORDER BY charge_id)
        FROM charge WHERE tenant_id = $1 AND revio_charge_id IS NOT NULL
        GROUP BY integration_authentication_id, revio_charge_id HAVING count(*) > 1)"},
    {{"I7.charge_fact", "a business fact has one intent of each generation"}, false, false, R"(
        SELECT 'charge ' || min(charge_id),
               format('%s intents for %s %s, device %s, %s, generation %s', count(*), source,
                      source_id, device_id, kind, generation)
        FROM charge WHERE tenant_id = $1
        GROUP BY source, source_id, device_id, kind, billing_period_start, billing_period_end,
            generation
        HAVING count(*) > 1)"},
    {{"I7.charge_reversal", "a reversal is the opposite of one charge that was made"},
     false,
     false,
     R"(
        SELECT 'charge ' || v.charge_id,
               format('reverses %s (%s, %s) with %s', v.reverses_charge_id, c.state, c.amount,
                      v.amount)
        FROM charge v JOIN charge c ON c.tenant_id = $1 AND c.charge_id = v.reverses_charge_id
        WHERE v.tenant_id = $1 AND (v.amount <> -c.amount OR v.customer_id <> c.customer_id
            OR c.state NOT IN ('charged', 'recorded')
            OR EXISTS (SELECT FROM charge o WHERE o.tenant_id = $1
                AND o.reverses_charge_id = c.charge_id AND o.charge_id > v.charge_id
                AND o.state NOT IN ('failed', 'skipped')
                AND v.state NOT IN ('failed', 'skipped'))))"},
    {{"I8.charge_differences", "a reconciliation counts the differences that it lists"},
     false,
     false,
     R"(
        SELECT 'charge_reconciliation ' || r.charge_reconciliation_id,
               format('counts %s differences and lists %s; %s sent, %s found, %s not judged',
                      r.difference_count, d.listed, r.sent_count, r.found_count,
                      r.not_judged_count)
        FROM charge_reconciliation r CROSS JOIN LATERAL (
            SELECT count(*) AS listed, count(*) FILTER (WHERE kind = 'missing') AS missing
            FROM charge_difference d WHERE d.tenant_id = $1
              AND d.charge_reconciliation_id = r.charge_reconciliation_id) d
        WHERE r.tenant_id = $1 AND r.state = 'done' AND (r.difference_count <> d.listed
            OR r.sent_count <> r.found_count + d.missing + r.not_judged_count))"},
    {{"I7.signed_off", "a billing period that is signed off has the charges that were signed"},
     false,
     false,
     R"(
        SELECT 'billing period ' || s.billing_period_start || ' to ' || s.billing_period_end,
               format('%s charges of %s were signed off, there are %s of %s', s.charge_count,
                      s.charged_amount, c.charges, c.amount)
        FROM charge_period_sign_off s CROSS JOIN LATERAL (
            SELECT count(*) AS charges, coalesce(sum(c.amount), 0) AS amount
            FROM charge_run_part p
            JOIN charge_run r ON r.tenant_id = $1 AND r.charge_run_id = p.charge_run_id
                AND NOT (r.source = 'reversal' AND r.created_at >= s.signed_off_at)
            JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
                AND c.part_number = p.part_number AND c.state IN ('charged', 'recorded')
            WHERE p.tenant_id = $1 AND p.billing_period_start = s.billing_period_start
              AND p.billing_period_end = s.billing_period_end) c
        WHERE s.tenant_id = $1
          AND (s.charge_count <> c.charges OR s.charged_amount <> c.amount))"},
    {{"I10.charge_lease", "a page of charges whose lease ran out was taken over"}, false, true, R"(
        SELECT 'charge_page ' || g.charge_run_id || '/' || g.part_number || '/' || g.page_number,
               format('sending since %s by %s, lease until %s', g.claimed_at, g.worker,
                      g.available_at)
        FROM charge_page g JOIN charge_run r ON r.tenant_id = $1
            AND r.charge_run_id = g.charge_run_id AND r.hold = 'running'
        WHERE g.tenant_id = $1 AND g.state = 'sending'
          AND g.available_at < now() - make_interval(secs => $2::int))"},
};

constexpr Query kBelieved{"audit_believed_charges", R"(
    SELECT c.charge_id, c.state, (extract(epoch FROM c.created_at) * 1000000)::bigint,
           c.rev_customer_id, c.revio_service_id, c.product_id, c.product_type_id, c.amount,
           c.description, c.marker, c.start_date, c.end_date
    FROM charge c
    WHERE c.tenant_id = $1 AND c.charge_id > $2 AND c.rev_customer_id IS NOT NULL
    ORDER BY c.charge_id LIMIT $3)"};

}  // namespace

std::vector<changes::AuditRule> charge_audit_rules() {
    return changes::rules_of(kRules);
}

Result<std::vector<Violation>> audit_charges(db::Connection& connection,
                                             tenants::TenantId tenant_id,
                                             const AuditSettings& settings) {
    return changes::audit_by(kRules, connection, tenant_id, settings);
}

Result<std::vector<BelievedCharge>> believed_charges(db::Connection& connection,
                                                     tenants::TenantId tenant_id,
                                                     std::int64_t after, int limit) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kBelieved, Params().add(tenant_id).add(after).add(limit));
    if (!rows) return rows.error();
    std::vector<BelievedCharge> charges;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        BelievedCharge one;
        one.id = {rows->integer(i, 0)};
        const auto state = parse_charge_state(rows->text(i, 1));
        const auto amount = base::Money::parse(rows->text(i, 7));
        CHECK(state && amount);
        one.state = *state;
        one.created_at_us = rows->integer(i, 2);
        one.charge.rev_customer_id = rows->integer(i, 3);
        one.charge.service_id = rows->optional_integer(i, 4);
        one.charge.product_id = rows->optional_integer(i, 5);
        if (!one.charge.product_id) one.charge.product_type_id = rows->optional_integer(i, 6);
        one.charge.amount = *amount;
        one.charge.description = rows->string(i, 8);
        one.charge.marker = rows->string(i, 9);
        one.charge.start_date = rows->string(i, 10);
        one.charge.end_date = rows->string(i, 11);
        charges.push_back(std::move(one));
    }
    return charges;
}

}  // namespace carryall::charges
