// Compares, set-based and in one transaction, what Rev.io showed with what our ledger says. The
// ledger's charge is found by Rev.io's id, else by its marker, else (it has none) by what it says.
//
// What must stay true: a charge is missing only if it was settled long enough before its customer
// was read, and two readings did not show it; an extra one carries a marker of ours or repeats one
// of ours to the letter, and no intent has its id. What is new or unknown is never missing.
#include "charges/reconciliation_work_store.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

constexpr const char* kTables = R"(
    CREATE TEMP TABLE scope (tenant_id bigint, reconciliation_id bigint, settling interval)
        ON COMMIT DROP;
    CREATE TEMP TABLE intent (charge_id bigint, account bigint, rev_customer_id bigint,
        state text, is_sending boolean, revio_charge_id bigint, marker text, amount numeric,
        service_id bigint, product_id bigint, product_type_id bigint, start_date date,
        end_date date, description text, is_judged boolean) ON COMMIT DROP;
    CREATE TEMP TABLE shown (account bigint, revio_charge_id bigint, rev_customer_id bigint,
        service_id bigint, product_id bigint, product_type_id bigint, amount numeric,
        start_date date, end_date date, description text, marker text) ON COMMIT DROP;
    CREATE TEMP TABLE spare (LIKE shown) ON COMMIT DROP;
    CREATE TEMP TABLE suspect (LIKE shown) ON COMMIT DROP;
    CREATE TEMP TABLE pair (charge_id bigint, account bigint, revio_charge_id bigint,
        is_by_id boolean) ON COMMIT DROP;
    CREATE TEMP TABLE finding (place smallint, kind text, charge_id bigint,
        revio_charge_id bigint, rev_customer_id bigint, state text, marker text,
        our_amount numeric, revio_amount numeric, ours text, theirs text, repair text,
        proposal text) ON COMMIT DROP)";

constexpr Query kScope{"reconcile_scope", R"(
    INSERT INTO scope SELECT $1, $2, make_interval(secs => $3::int))"};

// Our side. The description as it was sent: ASCII, without blanks at its ends.
constexpr Query kIntents{"reconcile_intents", R"(
    INSERT INTO intent
    SELECT c.charge_id, p.integration_authentication_id, c.rev_customer_id, c.state,
        CASE WHEN c.state IN ('new', 'unknown') THEN EXISTS (
            SELECT FROM charge_page g WHERE g.tenant_id = s.tenant_id
              AND g.charge_run_id = c.charge_run_id AND g.part_number = c.part_number
              AND c.position BETWEEN g.first_position AND g.last_position
              AND g.state = 'sending') ELSE false END,
        c.revio_charge_id, c.marker, c.amount, nullif(c.revio_service_id, 0),
        nullif(c.product_id, 0),
        CASE WHEN coalesce(c.product_id, 0) = 0 THEN nullif(c.product_type_id, 0) END,
        c.start_date, c.end_date,
        btrim(regexp_replace(translate(c.description, E'\t\r\n', '   '), '[^ -~]', '?', 'g')),
        coalesce(c.settled_at <= k.started_at - s.settling, false)
    FROM scope s
    JOIN charge_reconciliation r ON r.tenant_id = s.tenant_id
        AND r.charge_reconciliation_id = s.reconciliation_id
    JOIN charge_run_part p ON p.tenant_id = s.tenant_id
        AND p.integration_authentication_id IS NOT NULL
        AND CASE WHEN r.charge_run_id IS NOT NULL THEN p.charge_run_id = r.charge_run_id
                 ELSE p.integration_authentication_id = r.integration_authentication_id
                      AND p.billing_period_start = r.billing_period_start
                      AND p.billing_period_end = r.billing_period_end END
    JOIN charge c ON c.tenant_id = s.tenant_id AND c.charge_run_id = p.charge_run_id
        AND c.part_number = p.part_number
    LEFT JOIN charge_reconciliation_customer k ON k.tenant_id = s.tenant_id
        AND k.charge_reconciliation_id = s.reconciliation_id
        AND k.service_provider_id = p.integration_authentication_id
        AND k.rev_customer_id = c.rev_customer_id)"};

// Rev.io's side: what it showed last of each charge. A person may have written behind the marker.
constexpr Query kShown{"reconcile_shown", R"(
    INSERT INTO shown
    SELECT DISTINCT ON (r.service_provider_id, r.revio_charge_id)
        r.service_provider_id, r.revio_charge_id, r.rev_customer_id,
        nullif(r.revio_service_id, 0), nullif(r.product_id, 0), nullif(r.product_type_id, 0),
        r.amount, r.start_date, r.end_date, btrim(r.description),
        coalesce(substring(r.description FROM '.*\[([^][]+)\]'), '')
    FROM scope s
    JOIN revio_charge_reading r ON r.tenant_id = s.tenant_id
        AND r.charge_reconciliation_id = s.reconciliation_id
    ORDER BY r.service_provider_id, r.revio_charge_id, r.look DESC, r.page_number DESC)"};

constexpr Query kPairById{"reconcile_pair_by_id", R"(
    INSERT INTO pair
    SELECT i.charge_id, i.account, d.revio_charge_id, true
    FROM intent i
    JOIN shown d ON d.account = i.account AND d.revio_charge_id = i.revio_charge_id)"};

// No charge of Rev.io that any intent has is taken for another.
constexpr Query kPairByMarker{"reconcile_pair_by_marker", R"(
    INSERT INTO pair
    SELECT DISTINCT ON (i.charge_id) i.charge_id, i.account, d.revio_charge_id, false
    FROM scope s, intent i
    JOIN shown d ON d.account = i.account AND d.marker = i.marker
    WHERE i.state = 'charged' AND i.marker <> ''
      AND NOT EXISTS (SELECT FROM pair p WHERE p.charge_id = i.charge_id)
      AND NOT EXISTS (SELECT FROM charge o WHERE o.tenant_id = s.tenant_id
          AND o.integration_authentication_id = d.account
          AND o.revio_charge_id = d.revio_charge_id)
    ORDER BY i.charge_id, d.revio_charge_id)"};

// Equal ones are paired in their order; which is which makes no difference.
constexpr Query kPairByFacts{"reconcile_pair_by_facts", R"(
    INSERT INTO pair
    SELECT i.charge_id, i.account, d.revio_charge_id, false
    FROM (
        SELECT i.*, row_number() OVER (PARTITION BY i.account, i.rev_customer_id, i.service_id,
            i.product_id, i.product_type_id, i.start_date, i.end_date, round(i.amount, 2)
            ORDER BY i.charge_id) AS place
        FROM intent i
        WHERE i.state = 'charged' AND i.marker = ''
          AND NOT EXISTS (SELECT FROM pair p WHERE p.charge_id = i.charge_id)) i
    JOIN (
        SELECT d.*, u.product, u.type, row_number() OVER (PARTITION BY d.account,
            d.rev_customer_id, d.service_id, u.product, u.type, d.start_date, d.end_date,
            round(d.amount, 2) ORDER BY d.revio_charge_id) AS place
        FROM scope s, shown d
        CROSS JOIN LATERAL (VALUES (d.product_id, NULL::bigint),
            (NULL::bigint, d.product_type_id)) u(product, type)
        WHERE d.marker = '' AND coalesce(u.product, u.type) IS NOT NULL
          AND NOT EXISTS (SELECT FROM charge o WHERE o.tenant_id = s.tenant_id
              AND o.integration_authentication_id = d.account
              AND o.revio_charge_id = d.revio_charge_id)) d
      ON d.account = i.account AND d.rev_customer_id = i.rev_customer_id
        AND d.service_id IS NOT DISTINCT FROM i.service_id
        AND d.product IS NOT DISTINCT FROM i.product_id
        AND d.type IS NOT DISTINCT FROM i.product_type_id
        AND d.start_date = i.start_date AND d.end_date = i.end_date
        AND round(d.amount, 2) = round(i.amount, 2) AND d.place = i.place)"};

// The customers of what seems to be missing are read once more before anybody is told.
constexpr Query kSecondLook{"reconcile_second_look", R"(
    UPDATE charge_reconciliation_customer k SET look = 2, resume = NULL, read_at = NULL
    FROM scope s
    WHERE k.tenant_id = s.tenant_id AND k.charge_reconciliation_id = s.reconciliation_id
      AND k.look = 1 AND EXISTS (
          SELECT FROM intent i WHERE i.account = k.service_provider_id
            AND i.rev_customer_id = k.rev_customer_id AND i.state = 'charged' AND i.is_judged
            AND NOT EXISTS (SELECT FROM pair p WHERE p.charge_id = i.charge_id)))"};

constexpr Query kMissing{"reconcile_missing", R"(
    INSERT INTO finding
    SELECT 1, 'missing', i.charge_id, NULL, i.rev_customer_id, i.state, i.marker, i.amount, NULL,
        i.revio_charge_id::text, NULL, 'charge_again',
        'Rev.io does not show charge ' || i.revio_charge_id || ' any more. If it was removed by '
        || 'mistake, charge the line again by a file, and release it there; else accept the '
        || 'difference'
    FROM intent i
    WHERE i.state = 'charged' AND i.is_judged
      AND NOT EXISTS (SELECT FROM pair p WHERE p.charge_id = i.charge_id))"};

// What is no intent's charge: those of others, and what is extra.
constexpr Query kSpare{"reconcile_spare", R"(
    INSERT INTO spare
    SELECT d.* FROM scope s, shown d
    WHERE NOT EXISTS (SELECT FROM pair p
            WHERE p.account = d.account AND p.revio_charge_id = d.revio_charge_id)
      AND NOT EXISTS (SELECT FROM charge o WHERE o.tenant_id = s.tenant_id
            AND o.integration_authentication_id = d.account
            AND o.revio_charge_id = d.revio_charge_id))"};

// With the marker of an intent of this scope, or, where markers are off, equal to one to the last
// letter. What is being sent at this moment is none.
constexpr Query kExtra{"reconcile_extra", R"(
    INSERT INTO finding
    SELECT DISTINCT ON (d.account, d.revio_charge_id) 2, 'extra', i.charge_id, d.revio_charge_id,
        d.rev_customer_id, i.state, i.marker, i.amount, d.amount, i.revio_charge_id::text,
        d.revio_charge_id::text,
        CASE WHEN i.state IN ('charged', 'skipped') THEN 'remove' ELSE 'adopt' END,
        CASE i.state
            WHEN 'charged' THEN 'the customer is billed twice: Rev.io holds intent '
                || i.charge_id || ' as charge ' || i.revio_charge_id || ' and as this one. '
                || 'Remove this one in Rev.io, or credit it if it is billed'
            WHEN 'skipped' THEN 'intent ' || i.charge_id || ' was not to be charged. Remove this '
                || 'one in Rev.io, or credit it if it is billed'
            WHEN 'unknown' THEN 'the answer to intent ' || i.charge_id || ' was lost. It is '
                || 'looked up by itself and takes this charge as its own'
            WHEN 'new' THEN 'intent ' || i.charge_id || ' is still to be sent, and Rev.io has it '
                || 'already. Stop its run, and remove this one in Rev.io before it goes on'
            WHEN 'parked' THEN 'intent ' || i.charge_id || ' is parked, and Rev.io has it. Dismiss '
                || 'it, else it would be charged twice. If it cannot be dismissed it was sent: '
                || 'release it, and it is looked up and takes this charge as its own'
            ELSE 'intent ' || i.charge_id || ' is said to be refused, and Rev.io has it. Keep it '
                || 'there and accept the difference, or remove it' END
    FROM (
        SELECT d.revio_charge_id AS spare, i.* FROM spare d
        JOIN intent i ON i.account = d.account AND i.marker = d.marker
        WHERE i.marker <> ''
        UNION ALL
        SELECT d.revio_charge_id, i.* FROM spare d
        JOIN intent i ON i.account = d.account AND i.rev_customer_id = d.rev_customer_id
            AND i.description = d.description AND i.start_date = d.start_date
            AND i.end_date = d.end_date
        WHERE i.marker = '' AND i.service_id IS NOT DISTINCT FROM d.service_id
          AND CASE WHEN i.product_id IS NOT NULL THEN i.product_id = d.product_id
                   ELSE i.product_type_id = d.product_type_id END
          AND abs(i.amount - d.amount) < 0.01) i
    JOIN spare d ON d.account = i.account AND d.revio_charge_id = i.spare
    WHERE NOT i.is_sending
    ORDER BY d.account, d.revio_charge_id, i.state = 'charged', i.charge_id)"};

// Those of the spare with a marker in the form of ours.
constexpr Query kSuspect{"reconcile_suspect", R"(
    INSERT INTO suspect
    WITH form AS (
        SELECT DISTINCT regexp_replace(m.marker, $1, '{key}') AS text
        FROM (SELECT marker FROM intent WHERE marker <> '' UNION ALL
              SELECT replace(coalesce((SELECT t.marker_format FROM scope s JOIN charge_setting t
                  ON t.tenant_id = s.tenant_id), 'amop:{key}'), '{key}', 'Q0-D0-RATE')) m
        WHERE m.marker <> ''),
    dates AS (SELECT min(start_date) AS first, max(end_date) AS last FROM intent)
    SELECT d.* FROM dates, spare d
    JOIN form ON form.text = regexp_replace(d.marker, $1, '{key}')
    WHERE d.marker ~ $1
      AND coalesce(d.start_date <= dates.last AND d.end_date >= dates.first, true))"};
// As intents_store.cpp makes keys; a reversal's ends in its generation.
constexpr const char* kKeyForm = "[QF][0-9]+-D[0-9]+-(RATE|OVERAGE|USAGE|SMS)(-G[0-9]+)?";

// Those that an intent has, of whatever period and tenant: tenants may share an account.
constexpr Query kForgetKnown{"reconcile_forget_known", R"(
    DELETE FROM suspect WHERE marker = ANY (ARRAY(
        SELECT markers_of_intents(ARRAY(SELECT DISTINCT marker FROM suspect)))))"};

constexpr Query kOrphans{"reconcile_orphans", R"(
    INSERT INTO finding
    SELECT 3, 'extra', NULL, d.revio_charge_id, d.rev_customer_id, NULL, d.marker, NULL, d.amount,
        NULL, d.revio_charge_id::text, 'remove',
        'it carries a marker of ours, and our ledger has no such intent. Remove it in Rev.io, or '
        || 'credit it if it is billed'
    FROM suspect d)"};

// Rev.io may keep whole cents, so what is less than one apart is equal. What it does not tell of a
// period cannot be wrong.
constexpr Query kWrong{"reconcile_wrong", R"(
    INSERT INTO finding
    SELECT w.place, w.kind, i.charge_id, d.revio_charge_id, i.rev_customer_id, i.state, i.marker,
        i.amount, d.amount, w.ours, w.theirs, w.repair, w.proposal
    FROM pair p
    JOIN intent i ON i.charge_id = p.charge_id
    JOIN shown d ON d.account = p.account AND d.revio_charge_id = p.revio_charge_id
    CROSS JOIN LATERAL (VALUES
        (4, 'wrong_amount', trim_scale(i.amount)::text, trim_scale(d.amount)::text,
         d.amount IS NULL OR abs(d.amount - i.amount) >= 0.01, 'correct',
         'set the amount in Rev.io to ' || trim_scale(i.amount)
         || ', or credit the difference if it is billed'),
        (5, 'wrong_customer', i.rev_customer_id::text, d.rev_customer_id::text,
         d.rev_customer_id <> i.rev_customer_id, 'correct',
         'another customer pays: remove it there and charge the intent again, or accept it'),
        (6, 'wrong_period', i.start_date || ' to ' || i.end_date,
         coalesce(d.start_date::text, '?') || ' to ' || coalesce(d.end_date::text, '?'),
         coalesce(d.start_date <> i.start_date, false) OR coalesce(d.end_date <> i.end_date, false),
         'correct', 'set the period in Rev.io to ' || i.start_date || ' to ' || i.end_date),
        (7, 'wrong_product', coalesce('product ' || i.product_id, 'type ' || i.product_type_id),
         CASE WHEN i.product_id IS NOT NULL THEN 'product ' || coalesce(d.product_id::text, 'none')
              ELSE 'type ' || coalesce(d.product_type_id::text, 'none') END,
         CASE WHEN i.product_id IS NOT NULL THEN d.product_id IS DISTINCT FROM i.product_id
              ELSE d.product_type_id IS DISTINCT FROM i.product_type_id END, 'correct',
         'set the product in Rev.io as our ledger has it'),
        (8, 'wrong_service', coalesce(i.service_id::text, 'none'),
         coalesce(d.service_id::text, 'none'), d.service_id IS DISTINCT FROM i.service_id,
         'correct', 'set the service in Rev.io as our ledger has it'),
        (9, 'other_id', i.revio_charge_id::text, d.revio_charge_id::text, NOT p.is_by_id, 'accept',
         'the charge that we made is gone, and an equal one stands in its place: somebody has made '
         || 'it anew. Accept it if it is meant'))
        AS w(place, kind, ours, theirs, applies, repair, proposal)
    WHERE w.applies)"};

// What was accepted and is still the very same stays accepted.
constexpr Query kStore{"reconcile_store", R"(
    INSERT INTO charge_difference (tenant_id, charge_reconciliation_id, kind, charge_id,
        revio_charge_id, rev_customer_id, charge_state, marker, our_amount, revio_amount, ours,
        theirs, repair, proposal, accepted_by, accepted_at, accepted_reason)
    SELECT s.tenant_id, s.reconciliation_id, f.kind, f.charge_id, f.revio_charge_id,
        f.rev_customer_id, f.state, f.marker, f.our_amount, f.revio_amount, f.ours, f.theirs,
        f.repair, f.proposal, a.accepted_by, a.accepted_at, a.accepted_reason
    FROM scope s CROSS JOIN finding f
    LEFT JOIN LATERAL (
        SELECT o.* FROM charge_difference o
        WHERE o.tenant_id = s.tenant_id AND o.kind = f.kind AND o.accepted_at IS NOT NULL
          AND o.charge_id IS NOT DISTINCT FROM f.charge_id
          AND o.revio_charge_id IS NOT DISTINCT FROM f.revio_charge_id
          AND o.revio_amount IS NOT DISTINCT FROM f.revio_amount
          AND o.charge_state IS NOT DISTINCT FROM f.state
          AND o.theirs IS NOT DISTINCT FROM f.theirs
        ORDER BY o.charge_difference_id DESC LIMIT 1) a ON true
    ORDER BY f.place, f.charge_id, f.revio_charge_id)"};

constexpr Query kDone{"reconcile_done", R"(
    UPDATE charge_reconciliation r
    SET state = 'done', worker = NULL, reason = NULL, finished_at = now(),
        intended_count = n.intended, intended_amount = n.intended_amount, sent_count = n.sent,
        sent_amount = n.sent_amount, found_count = n.found, found_amount = n.found_amount,
        unknown_count = n.unknown, not_judged_count = n.not_judged,
        difference_count = (SELECT count(*) FROM finding),
        judged_until = (SELECT min(k.started_at) - s.settling
            FROM charge_reconciliation_customer k WHERE k.tenant_id = s.tenant_id
              AND k.charge_reconciliation_id = s.reconciliation_id)
    FROM scope s, (
        SELECT count(*) FILTER (WHERE i.state <> 'skipped') AS intended,
               coalesce(sum(i.amount) FILTER (WHERE i.state <> 'skipped'), 0) AS intended_amount,
               count(*) FILTER (WHERE i.state = 'charged') AS sent,
               coalesce(sum(i.amount) FILTER (WHERE i.state = 'charged'), 0) AS sent_amount,
               count(p.charge_id) AS found, coalesce(sum(d.amount), 0) AS found_amount,
               count(*) FILTER (WHERE i.state = 'unknown') AS unknown,
               count(*) FILTER (WHERE i.state = 'charged' AND p.charge_id IS NULL
                                  AND NOT i.is_judged) AS not_judged
        FROM intent i
        LEFT JOIN pair p ON p.charge_id = i.charge_id
        LEFT JOIN shown d ON d.account = p.account AND d.revio_charge_id = p.revio_charge_id) n
    WHERE r.tenant_id = s.tenant_id AND r.charge_reconciliation_id = s.reconciliation_id)"};

constexpr Query kForget{"reconcile_forget", R"(
    DELETE FROM revio_charge_reading r USING scope s
    WHERE r.tenant_id = s.tenant_id AND r.charge_reconciliation_id = s.reconciliation_id)"};

constexpr Query kFence{"reconcile_fence", R"(
    SELECT FROM charge_reconciliation
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
      AND state = 'running' FOR UPDATE)"};

Result<void> exec_all(db::Transaction& transaction, std::initializer_list<Query> queries) {
    for (const Query& query : queries) CARRYALL_TRY(transaction.exec(query));
    return {};
}

Result<Compared> compare_in(db::Transaction& transaction, const ClaimedReconciliation& claim,
                            std::chrono::seconds settling) {
    const auto fence =
        transaction.exec(kFence, Params().add(claim.tenant_id).add(claim.id).add(claim.attempt));
    if (!fence) return fence.error();
    if (fence->empty()) return Compared::taken_over;
    CARRYALL_TRY(transaction.exec_text("SET LOCAL statement_timeout = '30min'"));
    CARRYALL_TRY(transaction.exec_text(kTables));
    CARRYALL_TRY(transaction.exec(
        kScope, Params().add(claim.tenant_id).add(claim.id).add(settling.count())));
    CARRYALL_TRY(exec_all(transaction, {kIntents, kShown}));
    CARRYALL_TRY(transaction.exec_text("ANALYZE scope, intent, shown"));
    CARRYALL_TRY(transaction.exec(kPairById));
    CARRYALL_TRY(transaction.exec_text("ANALYZE pair"));
    CARRYALL_TRY(exec_all(transaction, {kPairByMarker, kPairByFacts}));
    const auto looked = transaction.exec(kSecondLook);
    if (!looked) return looked.error();
    if (looked->affected() > 0) return Compared::reads_again;
    CARRYALL_TRY(exec_all(transaction, {kMissing, kSpare}));
    CARRYALL_TRY(transaction.exec_text("ANALYZE spare"));
    CARRYALL_TRY(transaction.exec(kExtra));
    CARRYALL_TRY(transaction.exec(kSuspect, Params().add(kKeyForm)));
    CARRYALL_TRY(exec_all(transaction, {kForgetKnown, kOrphans, kWrong, kStore, kDone, kForget}));
    return Compared::done;
}

}  // namespace

Result<Compared> compare_charges(db::Connection& connection, const ClaimedReconciliation& claim,
                                 std::chrono::seconds settling) {
    return db::in_transaction<Compared>(
        connection, claim.tenant_id,
        [&](db::Transaction& transaction) { return compare_in(transaction, claim, settling); });
}

}  // namespace carryall::charges
