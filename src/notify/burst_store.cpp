// One statement for all bursts of a pass.
#include "notify/burst_store.hpp"

#include <algorithm>

#include "notify/burst.hpp"

namespace carryall::notify {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Rows;

// For each subject and address the message that still waits, locked against being sent, with what
// it tells already; and how long a new one is to wait. What was routed with a message or after it
// is told by it: both times are those of the routing transaction. What was tried already, or is
// sent again by a person, tells what it told.
constexpr Query kBursts{"notify_bursts", R"(
    SELECT w.subject, w.address, waiting.delivery_id, waiting.event_id,
           (SELECT jsonb_agg(x.payload ORDER BY x.event_id) FROM event x
            WHERE x.tenant_id = $1 AND x.subject = w.subject AND x.type = $4
              AND x.routed_at >= waiting.created_at),
           (SELECT ceil(extract(epoch FROM max(coalesce(d.ended_at, d.created_at)) - now())
                        * 1000)::bigint
            FROM event x JOIN delivery d ON d.tenant_id = $1 AND d.event_id = x.event_id
                AND d.address = w.address
            WHERE x.tenant_id = $1 AND x.subject = w.subject AND x.type = $4
              AND (d.state <> 'queued' OR d.attempt > 0))
    FROM unnest($2::text[], $3::text[]) AS w(subject, address)
    LEFT JOIN LATERAL (
        SELECT d.delivery_id, d.event_id, d.created_at
        FROM event x JOIN delivery d ON d.tenant_id = $1 AND d.event_id = x.event_id
            AND d.address = w.address AND d.state = 'queued' AND d.attempt = 0
        WHERE x.tenant_id = $1 AND x.subject = w.subject AND x.type = $4
        ORDER BY d.delivery_id LIMIT 1 FOR UPDATE OF d) waiting ON true)"};

Mail mail_of_burst(const Rows& rows, std::size_t row, Burst& burst) {
    Mail mail{std::move(burst.first), burst.tenant, rows.string(row, 1), kBurstPause, {}};
    std::vector<base::json::value> payloads;
    if (!rows.is_null(row, 2)) {
        mail.grows = {rows.integer(row, 2)};
        mail.event.id = {rows.integer(row, 3)};
        auto told = base::parse_json(rows.text(row, 4)).value_or(nullptr);
        if (told.is_array()) payloads.assign(told.get_array().begin(), told.get_array().end());
    } else if (const auto since_last = rows.optional_integer(row, 5)) {
        mail.wait = std::max<std::chrono::milliseconds>(
            kBurstPause, kBurstEvery + std::chrono::milliseconds(*since_last));
    }
    payloads.insert(payloads.end(), burst.payloads.begin(), burst.payloads.end());
    mail.event.payload = joined_payload(payloads);
    return mail;
}

}  // namespace

Result<void> add_bursts(db::Transaction& transaction, std::int64_t tenant_id, Bursts bursts,
                        std::vector<Mail>& mails) {
    if (bursts.empty()) return {};
    Array subjects, addresses;
    for (const auto& [key, burst] : bursts) {
        subjects.add(std::string_view(key.first));
        addresses.add(std::string_view(key.second));
    }
    const auto rows = transaction.exec(
        kBursts,
        Params().add(tenant_id).add(subjects.take()).add(addresses.take()).add(kBurstType));
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
        mails.push_back(
            mail_of_burst(*rows, i, bursts.at({rows->string(i, 0), rows->string(i, 1)})));
    }
    return {};
}

}  // namespace carryall::notify
