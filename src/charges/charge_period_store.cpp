// The SQL of billing periods and their sign-off.
#include <fmt/format.h>

#include "charges/charge_period.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

using base::Error;
using base::ErrorKind;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::TenantId;

// Alone: whoever orders a run meanwhile waits, and then sees the sign-off.
constexpr Query kLock{"charge_periods_lock", R"(
    SELECT pg_advisory_xact_lock(hashtextextended('charge periods', $1::bigint))::text)"};
constexpr Query kLockShared{"charge_periods_lock_shared", R"(
    SELECT pg_advisory_xact_lock_shared(hashtextextended('charge periods', $1::bigint))::text)"};

constexpr Query kSignedOffInstance{"charge_period_of_instances", R"(
    SELECT w.place - 1, w.id, s.billing_period_start, s.billing_period_end, s.signed_off_by
    FROM unnest($2::bigint[]) WITH ORDINALITY w(id, place)
    JOIN optimization_instance i ON i.tenant_id = $1 AND i.optimization_instance_id = w.id
    JOIN charge_period_sign_off s ON s.tenant_id = $1
        AND s.billing_period_start = i.billing_period_start
        AND s.billing_period_end = i.billing_period_end
    ORDER BY w.place LIMIT 1)"};

constexpr Query kSignedOff{"charge_period_signed_off", R"(
    SELECT signed_off_by FROM charge_period_sign_off
    WHERE tenant_id = $1 AND billing_period_start = $2 AND billing_period_end = $3)"};

constexpr Query kExists{"charge_period_exists", R"(
    SELECT EXISTS (SELECT FROM charge_run_part WHERE tenant_id = $1
                   AND billing_period_start = $2 AND billing_period_end = $3),
           $3 >= (now() AT TIME ZONE coalesce((SELECT billing_time_zone FROM charge_setting
                                               WHERE tenant_id = $1), 'UTC'))::date)"};

// Everything that stands against it, each as a sentence. A run whose parts are still to be made is
// known by its instances.
constexpr Query kObstacles{"charge_period_obstacles", R"(
    WITH run AS (
        SELECT r.charge_run_id FROM charge_run r
        WHERE r.tenant_id = $1 AND r.state <> 'finished' AND (
            EXISTS (SELECT FROM charge_run_part p WHERE p.tenant_id = $1
                AND p.charge_run_id = r.charge_run_id AND p.billing_period_start = $2
                AND p.billing_period_end = $3)
            OR EXISTS (SELECT FROM charge_run_instance n
                JOIN optimization_instance i ON i.tenant_id = $1
                    AND i.optimization_instance_id = n.optimization_instance_id
                WHERE n.tenant_id = $1 AND n.charge_run_id = r.charge_run_id
                  AND i.billing_period_start = $2 AND i.billing_period_end = $3)
            OR EXISTS (SELECT FROM charge_file f WHERE f.tenant_id = $1
                AND f.charge_file_id = r.charge_file_id AND f.billing_period_start = $2
                AND f.billing_period_end = $3))),
    part AS (
        SELECT integration_authentication_id AS account, new_count, unknown_count, parked_count,
               charge_run_id, part_number
        FROM charge_run_part
        WHERE tenant_id = $1 AND billing_period_start = $2 AND billing_period_end = $3),
    account AS (
        SELECT p.account, a.name, max(c.settled_at) AS last_charge,
               count(*) FILTER (WHERE c.state = 'charged') AS charged
        FROM part p
        JOIN service_provider a ON a.tenant_id = $1 AND a.service_provider_id = p.account
        JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
            AND c.part_number = p.part_number AND c.state IN ('charged', 'failed')
        GROUP BY p.account, a.name),
    compared AS (
        SELECT DISTINCT ON (r.integration_authentication_id) r.integration_authentication_id AS
            account, r.charge_reconciliation_id AS id, r.judged_until, r.not_judged_count,
            (SELECT count(*) FROM charge_difference d WHERE d.tenant_id = $1
               AND d.charge_reconciliation_id = r.charge_reconciliation_id
               AND d.accepted_at IS NULL) AS open
        FROM charge_reconciliation r
        WHERE r.tenant_id = $1 AND r.state = 'done' AND r.billing_period_start = $2
          AND r.billing_period_end = $3
        ORDER BY r.integration_authentication_id, r.charge_reconciliation_id DESC)
    SELECT 'run ' || charge_run_id || ' has not finished' FROM run
    UNION ALL
    SELECT n.count || ' charges are ' || n.state
    FROM (SELECT sum(new_count) AS fresh, sum(unknown_count) AS unknown,
                 sum(parked_count) AS parked FROM part) p
    CROSS JOIN LATERAL (VALUES ('new', p.fresh), ('unknown', p.unknown), ('parked', p.parked))
        AS n(state, count)
    WHERE n.count > 0
    UNION ALL
    SELECT CASE WHEN c.id IS NULL THEN a.name || ' was not reconciled for this period'
                WHEN a.last_charge > c.judged_until OR c.not_judged_count > 0
                    THEN a.name || ' was charged after its last reconciliation (' || c.id || ')'
                ELSE c.open || ' differences of reconciliation ' || c.id || ' of ' || a.name
                    || ' are not accepted' END
    FROM account a LEFT JOIN compared c ON c.account = a.account
    WHERE c.id IS NULL OR a.last_charge > c.judged_until OR c.not_judged_count > 0 OR c.open > 0)"};

constexpr Query kSignOff{"charge_period_sign_off", R"(
    WITH customer_sum AS (
        SELECT c.customer_id, count(*) AS charges, sum(c.amount) AS amount
        FROM charge_run_part p
        JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
            AND c.part_number = p.part_number AND c.state IN ('charged', 'recorded')
        WHERE p.tenant_id = $1 AND p.billing_period_start = $2 AND p.billing_period_end = $3
        GROUP BY c.customer_id)
    INSERT INTO charge_period_sign_off (tenant_id, billing_period_start, billing_period_end, note,
        signed_off_by, charge_count, charged_amount, customers)
    SELECT $1, $2, $3, $4, $5, coalesce(sum(s.charges), 0), coalesce(sum(s.amount), 0),
        coalesce(jsonb_agg(jsonb_build_object('customerId', s.customer_id, 'customer', u.name,
            'chargeCount', s.charges, 'amount', trim_scale(s.amount)::text)
            ORDER BY s.customer_id), '[]')
    FROM customer_sum s
    JOIN customer u ON u.tenant_id = $1 AND u.customer_id = s.customer_id)"};

// What was reversed after the sign-off: by runs that were ordered later.
const std::string& period_select() {
    static const std::string sql = fmt::format(R"(
    SELECT p.billing_period_start, p.billing_period_end, count(DISTINCT p.charge_run_id),
           count(DISTINCT p.charge_run_id) FILTER (WHERE r.state <> 'finished'),
           sum(p.charge_count), sum(p.new_count), sum(p.unknown_count), sum(p.charged_count),
           sum(p.recorded_count), sum(p.skipped_count), sum(p.failed_count), sum(p.parked_count),
           trim_scale(sum(p.total_amount)), trim_scale(sum(p.charged_amount)),
           s.signed_off_by, {}, s.note, s.charge_count, trim_scale(s.charged_amount), s.customers,
           coalesce(sum(p.charged_count + p.recorded_count)
                    FILTER (WHERE r.source = 'reversal' AND r.created_at >= s.signed_off_at), 0),
           trim_scale(coalesce(sum(p.charged_amount)
                    FILTER (WHERE r.source = 'reversal' AND r.created_at >= s.signed_off_at), 0))
    FROM charge_run_part p
    JOIN charge_run r ON r.tenant_id = $1 AND r.charge_run_id = p.charge_run_id
    LEFT JOIN charge_period_sign_off s ON s.tenant_id = $1
        AND s.billing_period_start = p.billing_period_start
        AND s.billing_period_end = p.billing_period_end
    WHERE p.tenant_id = $1 )",
                                               iso8601("s.signed_off_at"));
    return sql;
}
constexpr const char* kGroup =
    " GROUP BY p.billing_period_start, p.billing_period_end, s.tenant_id, s.billing_period_start, "
    "s.billing_period_end ORDER BY p.billing_period_start DESC, p.billing_period_end DESC";

ChargePeriod period_at(const Rows& rows, std::size_t row) {
    ChargePeriod period;
    period.start = rows.string(row, 0);
    period.end = rows.string(row, 1);
    period.runs = rows.integer(row, 2);
    period.unfinished_runs = rows.integer(row, 3);
    ChargeCounts& counts = period.counts;
    int column = 4;
    for (std::int64_t* count :
         {&counts.total, &counts.fresh, &counts.unknown, &counts.charged, &counts.recorded,
          &counts.skipped, &counts.failed, &counts.parked}) {
        *count = rows.integer(row, column++);
    }
    counts.total_amount = rows.string(row, column++);
    counts.charged_amount = rows.string(row, column++);
    if (rows.is_null(row, column)) return period;
    SignOff sign_off;
    sign_off.signed_off_by = rows.string(row, column);
    sign_off.signed_off_at = rows.string(row, column + 1);
    sign_off.note = rows.string(row, column + 2);
    sign_off.charges = rows.integer(row, column + 3);
    sign_off.charged_amount = rows.string(row, column + 4);
    auto customers = base::parse_json(rows.text(row, column + 5));
    CHECK(customers.has_value());
    sign_off.customers = std::move(*customers);
    sign_off.reversed_later = rows.integer(row, column + 6);
    sign_off.reversed_later_amount = rows.string(row, column + 7);
    period.sign_off = std::move(sign_off);
    return period;
}

bool is_date(const std::string& text) {
    constexpr std::size_t kDateBytes = 10;
    return text.size() == kDateBytes && base::parse_iso8601(text).has_value();
}

Result<void> check_request(const std::string& start, const std::string& end,
                           const std::string& note) {
    if (!is_date(start)) {
        return base::invalid_input("must be a date like 2026-02-01", "/billingPeriodStart");
    }
    if (!is_date(end) || end < start) {
        return base::invalid_input("must be a date like 2026-02-28, not before the start",
                                   "/billingPeriodEnd");
    }
    if (note.empty() || note.size() > kMaxNoteBytes) {
        return base::invalid_input(
            fmt::format("say what was looked at, in at most {} bytes: it is kept", kMaxNoteBytes),
            "/note");
    }
    return {};
}

Error conflict(std::string message) {
    return {ErrorKind::conflict, std::move(message), {}};
}

Result<void> check_obstacles(db::Transaction& transaction, const Params& which) {
    constexpr std::size_t kMaxTold = 10;
    const auto exists = transaction.exec(kExists, which);
    if (!exists) return exists.error();
    if (!exists->boolean(0, 0)) return conflict("there is no charge of this billing period");
    if (exists->boolean(0, 1)) return conflict("the billing period has not ended");
    const auto found = transaction.exec(kObstacles, which);
    if (!found) return found.error();
    if (found->empty()) return {};
    std::string all;
    for (std::size_t i = 0; i < found->size() && i < kMaxTold; ++i) {
        all += (all.empty() ? "" : "; ") + found->string(i, 0);
    }
    if (found->size() > kMaxTold) all += fmt::format("; and {} more", found->size() - kMaxTold);
    return conflict("the billing period cannot be signed off: " + all);
}

}  // namespace

Result<tenants::Page<ChargePeriod>> list_periods(db::Connection& connection,
                                                 const tenants::PageTokens& tokens,
                                                 TenantId tenant_id,
                                                 const tenants::PageRequest& page) {
    static const std::string sql =
        period_select() +
        "AND ($2 = '' OR (p.billing_period_start || ' ' || p.billing_period_end) < $2)" + kGroup +
        " LIMIT $3";
    CARRYALL_TRY(tenants::check_limit(page.limit));
    const std::string question = "charge_periods";
    std::string before;
    if (!page.token.empty()) {
        const auto opened = tokens.open(tenant_id, question, page.token);
        if (!opened) return opened.error();
        before = *opened;
    }
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"charge_period_list", sql.c_str()},
                                      Params().add(tenant_id).add(before).add(page.limit + 1));
    if (!rows) return rows.error();
    tenants::Page<ChargePeriod> periods;
    const auto most = static_cast<std::size_t>(page.limit);
    for (std::size_t i = 0; i < rows->size() && i < most; ++i) {
        periods.items.push_back(period_at(*rows, i));
    }
    if (rows->size() > most) {
        const ChargePeriod& last = periods.items.back();
        periods.next_token = tokens.make(tenant_id, question, last.start + ' ' + last.end);
    }
    return periods;
}

Result<ChargePeriod> sign_off_period(db::Connection& connection, const tenants::Caller& caller,
                                     const std::string& start, const std::string& end,
                                     const std::string& note) {
    static const std::string sql =
        period_select() + "AND p.billing_period_start = $2 AND p.billing_period_end = $3" + kGroup;
    CARRYALL_TRY(check_request(start, end, note));
    return db::in_transaction<ChargePeriod>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<ChargePeriod> {
            CARRYALL_TRY(transaction.exec(kLock, Params().add(caller.tenant_id)));
            const Params which = Params().add(caller.tenant_id).add(start).add(end);
            const auto former = transaction.exec(kSignedOff, which);
            if (!former) return former.error();
            if (!former->empty()) {
                return conflict("the billing period was signed off by " + former->string(0, 0) +
                                " already");
            }
            CARRYALL_TRY(check_obstacles(transaction, which));
            CARRYALL_TRY(transaction.exec(kSignOff, Params(which).add(note).add(caller.name)));
            const auto rows = transaction.exec({"charge_period_get", sql.c_str()}, which);
            if (!rows) return rows.error();
            CHECK(rows->size() == 1);
            return period_at(*rows, 0);
        });
}

Result<void> keep_periods_open(db::Transaction& transaction, std::int64_t tenant_id) {
    CARRYALL_TRY(transaction.exec(kLockShared, Params().add(tenant_id)));
    return {};
}

Result<void> check_periods_open(db::Transaction& transaction, std::int64_t tenant_id,
                                const std::vector<std::int64_t>& instances) {
    CARRYALL_TRY(keep_periods_open(transaction, tenant_id));
    Array ids;
    for (const std::int64_t id : instances) ids.add(id);
    const auto rows = transaction.exec(kSignedOffInstance, Params().add(tenant_id).add(ids.take()));
    if (!rows) return rows.error();
    if (rows->empty()) return {};
    return Error{
        ErrorKind::conflict,
        fmt::format("instance {} is of the billing period {} to {}, which {} has signed "
                    "off: it takes no new charges. Reversals are possible",
                    rows->text(0, 1), rows->text(0, 2), rows->text(0, 3), rows->text(0, 4)),
        "/instanceIds/" + rows->string(0, 0)};
}

Result<void> check_period_open(db::Transaction& transaction, std::int64_t tenant_id,
                               const std::string& start, const std::string& end) {
    CARRYALL_TRY(keep_periods_open(transaction, tenant_id));
    const auto rows = transaction.exec(kSignedOff, Params().add(tenant_id).add(start).add(end));
    if (!rows) return rows.error();
    if (rows->empty()) return {};
    return conflict(
        fmt::format("the billing period {} to {} is signed off by {}: it takes no new "
                    "charges. Reversals are possible",
                    start, end, rows->text(0, 0)));
}

}  // namespace carryall::charges
