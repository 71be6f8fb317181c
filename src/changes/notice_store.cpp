// The matching of carriers' messages, in one statement: which messages are to be looked at, which
// request and page they belong to, which device, which device change.
//
// A page that a worker holds is left alone: its completion would overwrite what is written here.
// The message is looked at again a moment later.
//
// Messages come by the thousand just after their rows were first written, while the planner still
// takes every tenant for a small part of a table. So what is done for each message is a look-up of
// its own ("OFFSET 0" keeps it one), and no two lists of messages are joined with each other: that
// would be their product. The session plans each pass anew (notice_listener.cpp).
#include "changes/notices.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;

constexpr Query kMatch{"notice_match", R"(
    WITH due AS MATERIALIZED (
        SELECT carrier_callback_id AS id, service_provider_id AS provider, received_at, body,
               body_hash, reference, iccids, imeis, msisdns
        FROM carrier_callback
        WHERE tenant_id = $1 AND state IN ('new', 'orphan') AND look_at <= now()
        ORDER BY look_at LIMIT $2::int FOR UPDATE SKIP LOCKED),
    repeated AS MATERIALIZED (
        SELECT due.id FROM due
        WHERE EXISTS (
            -- Only what the index of requests begins with stands inside.
            SELECT FROM (
                SELECT service_provider_id, carrier_callback_id FROM carrier_callback
                WHERE tenant_id = $1 AND reference = due.reference
                  AND body_hash = due.body_hash OFFSET 0) e
            WHERE e.service_provider_id = due.provider AND e.carrier_callback_id < due.id)),
    wanted AS MATERIALIZED (
        SELECT due.* FROM due WHERE due.id NOT IN (SELECT id FROM repeated)),
    page AS MATERIALIZED (
        SELECT p.bulk_change_id, p.page_number, p.first_device_change_id AS first,
               p.last_device_change_id AS last
        FROM change_page p
        WHERE p.tenant_id = $1 AND p.state <> 'sending' AND (p.bulk_change_id, p.page_number) IN (
            SELECT r.bulk_change_id, r.page_number
            FROM (SELECT DISTINCT provider, reference FROM wanted) w
            JOIN carrier_request r ON r.tenant_id = $1 AND r.service_provider_id = w.provider
                AND r.reference = w.reference)
        ORDER BY p.bulk_change_id, p.page_number FOR UPDATE SKIP LOCKED),
    match AS MATERIALIZED (
        SELECT DISTINCT ON (w.id) w.id, w.body, c.device_change_id, c.state, page.bulk_change_id,
               page.page_number
        FROM wanted w
        JOIN carrier_request r ON r.tenant_id = $1 AND r.service_provider_id = w.provider
            AND r.reference = w.reference
        JOIN page ON page.bulk_change_id = r.bulk_change_id AND page.page_number = r.page_number
        CROSS JOIN LATERAL (
            -- left() outside of the look-up: it is not leakproof, so under row-level security a
            -- condition with it may not use the index.
            SELECT d.device_id
            FROM (SELECT left(i, 19) AS iccid19 FROM unnest(w.iccids) AS i OFFSET 0) n
            CROSS JOIN LATERAL (
                SELECT device_id FROM device
                WHERE tenant_id = $1 AND iccid19 = n.iccid19 OFFSET 0) d
            UNION ALL
            SELECT d.device_id FROM unnest(w.imeis) AS n(imei) CROSS JOIN LATERAL (
                SELECT device_id FROM device
                WHERE tenant_id = $1 AND imei = n.imei OFFSET 0) d
            UNION ALL
            SELECT d.device_id FROM unnest(w.msisdns) AS n(msisdn) CROSS JOIN LATERAL (
                SELECT device_id FROM device
                WHERE tenant_id = $1 AND msisdn = n.msisdn OFFSET 0) d) o
        CROSS JOIN LATERAL (
            SELECT device_change_id, state FROM device_change
            WHERE tenant_id = $1 AND device_id = o.device_id OFFSET 0) c
        WHERE c.device_change_id BETWEEN page.first AND page.last
        ORDER BY w.id, c.state = 'waiting' DESC, c.device_change_id DESC),
    told AS (
        UPDATE device_change c
        SET notices = coalesce(c.notices, '[]') || n.bodies, due_at = now()
        FROM (SELECT device_change_id, jsonb_agg(body::jsonb ORDER BY id) AS bodies FROM match
              WHERE state = 'waiting' GROUP BY device_change_id) n
        WHERE c.tenant_id = $1 AND c.device_change_id = n.device_change_id),
    woken AS (
        UPDATE change_page p SET available_at = least(p.available_at, now()), reads_at = now()
        FROM (SELECT DISTINCT bulk_change_id, page_number FROM match WHERE state = 'waiting') m
        WHERE p.tenant_id = $1 AND p.bulk_change_id = m.bulk_change_id
          AND p.page_number = m.page_number),
    found AS (
        UPDATE carrier_callback k
        SET state = 'matched', device_change_id = m.device_change_id, matched_at = now()
        FROM match m
        WHERE k.tenant_id = $1 AND k.carrier_callback_id = m.id),
    left_open AS (
        UPDATE carrier_callback k
        SET state = CASE WHEN due.id IN (SELECT id FROM repeated) THEN 'repeated'
                         WHEN due.received_at < now() - interval '2 minutes' THEN 'orphan'
                         ELSE k.state END,
            -- Soon at first, for the row of the request may be a moment behind; then ever more
            -- rarely; after a week no more.
            look_at = CASE WHEN due.received_at < now() - interval '7 days' THEN 'infinity'
                ELSE now() + greatest(interval '300 milliseconds',
                                      least((now() - due.received_at) / 4, interval '1 hour')) END
        FROM due
        WHERE k.tenant_id = $1 AND k.carrier_callback_id = due.id
          AND due.id NOT IN (SELECT id FROM match))
    SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM match), ARRAY(
        SELECT DISTINCT bulk_change_id::text FROM match WHERE state = 'waiting'))"};

// A delayed message of the change is delayed no longer; where all are being worked, the worker that
// hands its message over sees that a page is due.
constexpr Query kWake{"notice_wake", R"(
    WITH woken AS (
        UPDATE queue_message SET visible_at = now()
        WHERE queue = 'bulk_change' AND dead_at IS NULL AND receive_count = 0
          AND visible_at > now() AND attributes ->> 'TenantId' = $1::text
          AND attributes ->> 'BulkChangeId' = ANY ($2::text[])
        RETURNING 1)
    SELECT pg_notify('carryall_queue', 'bulk_change') FROM woken LIMIT 1)"};

}  // namespace

Result<MatchedNotices> match_notices(db::Connection& connection, std::int64_t tenant_id,
                                     int limit) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kMatch, Params().add(tenant_id).add(limit));
    if (!rows) return rows.error();
    const std::string changes = rows->string(0, 2);
    if (changes != "{}") {
        CARRYALL_TRY(connection.exec(kWake, Params().add(tenant_id).add(changes)));
    }
    return MatchedNotices{rows->integer(0, 0), rows->integer(0, 1)};
}

Result<void> wake_changes(db::Connection& connection, std::int64_t tenant_id,
                          const std::vector<BulkChangeId>& changes) {
    Array ids;
    for (const BulkChangeId id : changes) ids.add(std::to_string(id.value));
    const auto rows = connection.exec(kWake, Params().add(tenant_id).add(ids.take()));
    if (!rows) return rows.error();
    return {};
}

}  // namespace carryall::changes
