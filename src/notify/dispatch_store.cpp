#include "notify/dispatch_store.hpp"

#include "notify/webhook_store.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::notify {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using db::Transaction;
using tenants::iso8601;

constexpr Query kDue{"notify_due", R"(
    SELECT tenant, has_events, has_webhooks, has_mail FROM due_notifications())"};

// The webhooks are locked against being switched off while deliveries are made for them.
const std::string& route_sql() {
    static const std::string sql = R"(
    WITH told AS MATERIALIZED (
        SELECT event_id, type, subject, payload, created_at FROM event
        WHERE tenant_id = $1 AND routed_at IS NULL ORDER BY event_id LIMIT $2
        FOR UPDATE SKIP LOCKED),
    listening AS MATERIALIZED (
        SELECT webhook_id, event_types, created_at FROM webhook
        WHERE tenant_id = $1 AND is_active AND EXISTS (SELECT FROM told)
        ORDER BY webhook_id FOR SHARE),
    made AS (
        INSERT INTO delivery (tenant_id, event_id, webhook_id)
        SELECT $1, t.event_id, l.webhook_id FROM told t JOIN listening l
            ON l.created_at <= t.created_at
               AND (l.event_types = '{}' OR t.type = ANY (l.event_types))
        ORDER BY t.event_id, l.webhook_id
        ON CONFLICT DO NOTHING)
    SELECT t.event_id, t.type, t.subject, t.payload, )" +
                                   iso8601("t.created_at") +
                                   R"(, n.name,
        (SELECT string_agg(r.address, ',' ORDER BY r.recipient_id) FROM recipient r
         WHERE r.tenant_id = $1 AND r.is_active AND r.created_at <= t.created_at
           AND (r.event_types = '{}' OR t.type = ANY (r.event_types)))
    FROM told t JOIN tenant n ON n.id = $1 ORDER BY t.event_id)";
    return sql;
}

constexpr Query kRouted{"notify_routed", R"(
    WITH mail AS (
        INSERT INTO delivery (tenant_id, event_id, address, subject, text_body, html_body, state,
            reason, ended_at)
        SELECT $1, m.event_id, m.address, m.subject, m.text_body, m.html_body,
               CASE WHEN $8 = '' THEN 'queued' ELSE 'parked' END, nullif($8, ''),
               CASE WHEN $8 <> '' THEN now() END
        FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
            AS m(event_id, address, subject, text_body, html_body)
        ON CONFLICT DO NOTHING
        RETURNING 1),
    routed AS (
        UPDATE event SET routed_at = now() WHERE tenant_id = $1 AND event_id = ANY ($2::bigint[]))
    SELECT CASE WHEN count(*) > 0 THEN pg_notify('carryall_event', $1::bigint::text)::text END
    FROM mail)"};

const std::string& claim_webhooks_sql() {
    static const std::string sql = R"(
    WITH due AS MATERIALIZED (
        SELECT d.delivery_id FROM webhook w
        CROSS JOIN LATERAL (
            SELECT s.delivery_id, s.available_at FROM delivery s
            WHERE s.tenant_id = $1 AND s.webhook_id = w.webhook_id
              AND s.state IN ('queued', 'sending') AND s.available_at <= now()
            ORDER BY s.available_at, s.delivery_id
            LIMIT greatest(0, $3::int - (
                SELECT count(*) FROM delivery f WHERE f.tenant_id = $1
                  AND f.webhook_id = w.webhook_id AND f.state = 'sending'
                  AND f.available_at > now()))
            FOR UPDATE SKIP LOCKED) d
        WHERE w.tenant_id = $1 AND w.is_active
        ORDER BY d.available_at LIMIT $2),
    claimed AS (
        UPDATE delivery d SET state = 'sending', attempt = d.attempt + 1,
            available_at = now() + make_interval(secs => $4::int)
        FROM due WHERE d.tenant_id = $1 AND d.delivery_id = due.delivery_id
        RETURNING d.delivery_id, d.attempt, d.failed_count, d.webhook_id, d.event_id)
    SELECT c.delivery_id, c.attempt, c.failed_count, c.webhook_id, w.url, w.secret,
           CASE WHEN w.previous_until > now() THEN w.previous_secret END,
           e.event_id, e.type, e.subject, e.payload, )" +
                                   iso8601("e.created_at") +
                                   R"(
    FROM claimed c
    JOIN webhook w ON w.tenant_id = $1 AND w.webhook_id = c.webhook_id
    JOIN event e ON e.tenant_id = $1 AND e.event_id = c.event_id
    ORDER BY c.delivery_id)";
    return sql;
}

constexpr Query kClaimMail{"notify_claim_mail", R"(
    WITH lost AS (
        UPDATE delivery SET state = 'unknown', ended_at = now(),
            reason = 'the worker ended while it was being sent; the server may have taken it, so '
                     'it is not sent again by itself'
        WHERE tenant_id = $1 AND address IS NOT NULL AND state = 'sending'
          AND available_at <= now()),
    due AS MATERIALIZED (
        SELECT d.delivery_id, EXISTS (
                   SELECT FROM delivery_attachment a
                   WHERE a.tenant_id = $1 AND a.delivery_id = d.delivery_id) AS has_attachments
        FROM delivery d
        WHERE d.tenant_id = $1 AND d.address IS NOT NULL AND d.state = 'queued'
          AND d.available_at <= now()
        ORDER BY d.available_at, d.delivery_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE delivery d SET state = 'sending', attempt = d.attempt + 1,
        available_at = now() + make_interval(
            secs => CASE WHEN due.has_attachments THEN $3::int ELSE $2::int END)
    FROM due WHERE d.tenant_id = $1 AND d.delivery_id = due.delivery_id
    RETURNING d.delivery_id, d.attempt, d.failed_count, d.address, d.subject, d.text_body,
              d.html_body, due.has_attachments)"};

constexpr Query kParkMail{"notify_park_mail", R"(
    UPDATE delivery SET state = 'parked', reason = $2, ended_at = now()
    WHERE tenant_id = $1 AND address IS NOT NULL AND state = 'queued'
      AND available_at <= now())"};

// A mail whose worker was slow is unknown by now; that it was sent after all is news. Answers the
// webhooks to be switched off: 'gone', or failing for too long.
constexpr Query kComplete{"notify_complete", R"(
    WITH result AS MATERIALIZED (
        SELECT * FROM unnest($2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::text[],
            $7::int[], $8::text[], $9::timestamptz[], $10::int[], $11::boolean[])
            AS r(delivery_id, attempt, state, due_ms, reason, status, answer, started_at, took_ms,
                 is_gone)),
    changed AS (
        UPDATE delivery d
        SET state = r.state, reason = r.reason,
            failed_count = d.failed_count + (r.reason IS NOT NULL)::int,
            available_at = CASE WHEN r.due_ms IS NULL THEN d.available_at
                                ELSE now() + r.due_ms * interval '1 millisecond' END,
            ended_at = CASE WHEN r.state IN ('sent', 'parked', 'unknown') THEN now() END
        FROM result r
        WHERE d.tenant_id = $1 AND d.delivery_id = r.delivery_id AND d.attempt = r.attempt
          AND (d.state = 'sending' OR d.state = 'unknown')
        RETURNING d.delivery_id, d.webhook_id, r.attempt, r.status, r.answer, r.reason,
                  r.started_at, r.took_ms, r.is_gone),
    logged AS (
        INSERT INTO delivery_attempt (delivery_id, attempt, tenant_id, started_at, took_ms, status,
            answer, error)
        SELECT delivery_id, attempt, $1, started_at, took_ms, status, answer, reason FROM changed),
    heard AS (
        SELECT webhook_id, bool_or(reason IS NULL) AS is_well, bool_or(is_gone) AS is_gone
        FROM changed WHERE webhook_id IS NOT NULL GROUP BY webhook_id),
    health AS (
        UPDATE webhook w
        SET failing_since = CASE WHEN h.is_well THEN NULL ELSE coalesce(w.failing_since, now()) END
        FROM heard h WHERE w.tenant_id = $1 AND w.webhook_id = h.webhook_id
          AND (h.is_gone OR NOT h.is_well OR w.failing_since IS NOT NULL)
        RETURNING w.webhook_id, h.is_gone, w.failing_since)
    SELECT webhook_id, is_gone FROM health
    WHERE is_gone OR failing_since < now() - make_interval(hours => $12::int))"};

constexpr Query kTidy{"notify_tidy", R"(
    WITH left_over AS (
        UPDATE delivery d SET state = 'parked', ended_at = now(),
            reason = coalesce(d.reason || '; ', '') || 'its webhook is switched off'
        FROM webhook w
        WHERE w.tenant_id = $1 AND NOT w.is_active AND d.tenant_id = $1
          AND d.webhook_id = w.webhook_id AND d.state IN ('queued', 'sending')
          AND d.available_at <= now()),
    old AS MATERIALIZED (
        SELECT event_id FROM event e
        WHERE e.tenant_id = $1 AND e.routed_at IS NOT NULL
          AND e.created_at < now() - make_interval(hours => $2::int)
          AND NOT EXISTS (SELECT FROM delivery d WHERE d.tenant_id = $1
                            AND d.event_id = e.event_id AND d.state <> 'sent')
        ORDER BY e.created_at LIMIT $3 FOR UPDATE SKIP LOCKED),
    sent AS MATERIALIZED (
        SELECT d.delivery_id FROM old JOIN delivery d
            ON d.tenant_id = $1 AND d.event_id = old.event_id),
    attempts AS (
        DELETE FROM delivery_attempt a USING sent
        WHERE a.tenant_id = $1 AND a.delivery_id = sent.delivery_id),
    attachments AS (
        DELETE FROM delivery_attachment a USING sent
        WHERE a.tenant_id = $1 AND a.delivery_id = sent.delivery_id),
    deliveries AS (
        DELETE FROM delivery d USING sent
        WHERE d.tenant_id = $1 AND d.delivery_id = sent.delivery_id),
    events AS (
        DELETE FROM event e USING old WHERE e.tenant_id = $1 AND e.event_id = old.event_id)
    SELECT count(*) FROM old)"};

constexpr Query kOpen{"notify_open", "SELECT channel, state, deliveries FROM open_deliveries()"};

Event event_at(const Rows& rows, std::size_t row, int column) {
    return {{rows.integer(row, column)},
            rows.string(row, column + 1),
            rows.string(row, column + 2),
            base::parse_json(rows.text(row, column + 3)).value_or(nullptr),
            rows.string(row, column + 4)};
}

Params routed_params(const Rows& rows, std::int64_t tenant_id, const WriteMail& write,
                     const std::string& no_mail) {
    Array routed, events, addresses, subjects, texts, htmls;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Event event = event_at(rows, i, 0);
        routed.add(event.id.value);
        const auto recipients = listed_words(rows.text(i, 6));
        if (recipients.empty()) continue;
        const EventMail mail = write(event, rows.string(i, 5));
        for (const std::string& address : recipients) {
            events.add(event.id.value);
            addresses.add(std::string_view(address));
            subjects.add(std::string_view(mail.subject));
            texts.add(std::string_view(mail.text));
            htmls.add(std::string_view(mail.html));
        }
    }
    Params params;
    params.add(tenant_id);
    for (Array* array : {&routed, &events, &addresses, &subjects, &texts, &htmls}) {
        params.add(array->take());
    }
    return params.add(no_mail);
}

Params completion_params(std::int64_t tenant_id, const std::vector<AttemptResult>& results) {
    Array ids, attempts, states, due, reasons, statuses, answers, started, took, gone;
    for (const AttemptResult& result : results) {
        const Verdict& verdict = result.verdict;
        ids.add(result.id.value);
        attempts.add(static_cast<std::int64_t>(result.attempt));
        states.add(verdict.state);
        verdict.due_in ? due.add(verdict.due_in->count()) : due.add_null();
        verdict.reason.empty() ? reasons.add_null() : reasons.add(std::string_view(verdict.reason));
        verdict.status ? statuses.add(static_cast<std::int64_t>(*verdict.status))
                       : statuses.add_null();
        answers.add(std::string_view(verdict.answer));
        started.add(result.started_at);
        took.add(static_cast<std::int64_t>(result.took.count()));
        gone.add(verdict.is_gone);
    }
    Params params;
    params.add(tenant_id);
    for (Array* array :
         {&ids, &attempts, &states, &due, &reasons, &statuses, &answers, &started, &took, &gone}) {
        params.add(array->take());
    }
    return params.add(static_cast<std::int64_t>(kDisableAfter.count()));
}

}  // namespace

Result<std::vector<DueTenant>> due_tenants(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kDue);
    if (!rows) return rows.error();
    std::vector<DueTenant> due;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        due.push_back(
            {rows->integer(i, 0), rows->boolean(i, 1), rows->boolean(i, 2), rows->boolean(i, 3)});
    }
    return due;
}

Result<int> route_events(db::Connection& connection, std::int64_t tenant_id, const WriteMail& write,
                         const std::string& no_mail) {
    return db::in_transaction<int>(
        connection, tenant_id, [&](Transaction& transaction) -> Result<int> {
            const auto rows = transaction.exec({"notify_route", route_sql().c_str()},
                                               Params().add(tenant_id).add(kEventsAtOnce));
            if (!rows) return rows.error();
            if (rows->empty()) return 0;
            CARRYALL_TRY(
                transaction.exec(kRouted, routed_params(*rows, tenant_id, write, no_mail)));
            return static_cast<int>(rows->size());
        });
}

Result<std::vector<ClaimedWebhook>> claim_webhooks(db::Connection& connection,
                                                   std::int64_t tenant_id, int limit,
                                                   std::chrono::seconds lease) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(
        {"notify_claim_webhooks", claim_webhooks_sql().c_str()},
        Params().add(tenant_id).add(limit).add(kInFlightPerWebhook).add(lease.count()));
    if (!rows) return rows.error();
    std::vector<ClaimedWebhook> claimed;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        ClaimedWebhook one;
        one.id = {rows->integer(i, 0)};
        one.attempt = static_cast<int>(rows->integer(i, 1));
        one.failed = static_cast<int>(rows->integer(i, 2));
        one.webhook_id = {rows->integer(i, 3)};
        one.url = rows->string(i, 4);
        one.sealed_key = rows->bytes(i, 5);
        if (!rows->is_null(i, 6)) one.sealed_previous_key = rows->bytes(i, 6);
        one.event = event_at(*rows, i, 7);
        claimed.push_back(std::move(one));
    }
    return claimed;
}

Result<std::optional<ClaimedMail>> claim_mail(db::Connection& connection, std::int64_t tenant_id,
                                              const MailLease& lease) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(
        kClaimMail,
        Params().add(tenant_id).add(lease.plain.count()).add(lease.with_attachments.count()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ClaimedMail>();
    return std::optional(ClaimedMail{{rows->integer(0, 0)},
                                     static_cast<int>(rows->integer(0, 1)),
                                     static_cast<int>(rows->integer(0, 2)),
                                     rows->string(0, 3),
                                     {rows->string(0, 4), rows->string(0, 5), rows->string(0, 6)},
                                     rows->boolean(0, 7)});
}

Result<void> park_mail(db::Connection& connection, std::int64_t tenant_id,
                       const std::string& no_mail) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    CARRYALL_TRY(connection.exec(kParkMail, Params().add(tenant_id).add(no_mail)));
    return {};
}

Result<void> complete_deliveries(db::Connection& connection, std::int64_t tenant_id,
                                 const std::vector<AttemptResult>& results) {
    const auto done = db::in_transaction<bool>(
        connection, tenant_id, [&](Transaction& transaction) -> Result<bool> {
            const auto rows = transaction.exec(kComplete, completion_params(tenant_id, results));
            if (!rows) return rows.error();
            for (std::size_t i = 0; i < rows->size(); ++i) {
                CARRYALL_TRY(disable_webhook(
                    transaction, {tenant_id}, {rows->integer(i, 0)},
                    rows->boolean(i, 1)
                        ? "the receiver answered 410: it wants no more of this webhook"
                        : "every attempt failed for " + std::to_string(kDisableAfter.count() / 24) +
                              " days"));
            }
            return true;
        });
    if (!done) return done.error();
    return {};
}

Result<std::int64_t> tidy_deliveries(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto tenants = tenants::active_tenants(connection);
    if (!tenants) return tenants.error();
    std::int64_t forgotten = 0;
    for (const std::int64_t tenant : *tenants) {
        CARRYALL_TRY(connection.work_for_tenant(tenant));
        const auto rows =
            connection.exec(kTidy, Params()
                                       .add(tenant)
                                       .add(static_cast<std::int64_t>(kKeepEvents.count()))
                                       .add(kForgottenAtOnce));
        if (!rows) return rows.error();
        forgotten += rows->integer(0, 0);
    }
    return forgotten;
}

Result<std::vector<OpenDeliveries>> open_deliveries(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kOpen);
    if (!rows) return rows.error();
    std::vector<OpenDeliveries> open;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        open.push_back({rows->string(i, 0), rows->string(i, 1), rows->integer(i, 2)});
    }
    return open;
}

}  // namespace carryall::notify
