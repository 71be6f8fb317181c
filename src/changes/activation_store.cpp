// What an activation's devices and those of the change that follows it know of each other. The
// devices of both changes have the same ordinals.
#include "changes/activation.hpp"
#include "changes/image_store.hpp"

namespace carryall::changes {
namespace {

using db::Array;
using db::Params;
using db::Query;
using Others = carriers::Activation::Others;

// Looked up by the range of the primary key; the second stops at the first device it finds.
constexpr Query kOthers{"activation_others", R"(
    SELECT b.error_count + b.parked_count + b.cancelled_count > 0,
           EXISTS (SELECT FROM device_change c
               WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN $2::bigint << 20
                                                                 AND (($2::bigint + 1) << 20) - 1
                 AND c.state IN ('new', 'waiting', 'unknown')
                 AND c.progress ->> 'subscriberNumber' IS NULL)
    FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

constexpr Query kFailed{"activation_failed", R"(
    SELECT d.id, c.state IN ('new', 'waiting', 'unknown'), coalesce(c.reason, c.state)
    FROM unnest($4::bigint[]) AS d(id)
    JOIN device_change c ON c.tenant_id = $1
        AND c.device_change_id = ($3::bigint << 20) + d.id - ($2::bigint << 20)
    WHERE c.state <> 'processed')"};

// A device waits again whose activation is under way or done by now. Pages first, then devices,
// then the change, as the run engine locks them.
const Query& reopen_following_query() {
    static const std::string sql = R"(
    WITH following AS MATERIALIZED (
        SELECT bulk_change_id AS id FROM bulk_change
        WHERE tenant_id = $1 AND follows_bulk_change_id = $2
          AND status IN ('PENDING', 'PROCESSING', 'PROCESSED', 'ERROR', 'PARTIAL')
          AND control NOT IN ('cancelling', 'cancelled')),
    alive AS MATERIALIZED (
        SELECT f.device_change_id, a.device_id,
               CASE WHEN a.state = 'new' THEN a.due_at ELSE '-infinity' END AS due_at
        FROM following
        JOIN device_change f ON f.tenant_id = $1
            AND f.device_change_id BETWEEN following.id << 20 AND ((following.id + 1) << 20) - 1
        JOIN device_change a ON a.tenant_id = $1
            AND a.device_change_id = ($2::bigint << 20) + f.device_change_id - (following.id << 20)
        WHERE f.state = 'error' AND f.reason LIKE 'activation failed:%'
          AND a.state IN ('new', 'waiting', 'unknown', 'processed')),
    locked AS MATERIALIZED (
        SELECT p.page_number, p.first_device_change_id AS first, p.last_device_change_id AS last,
               p.state = 'done' AS was_done
        FROM following JOIN change_page p
            ON p.tenant_id = $1 AND p.bulk_change_id = following.id AND p.state <> 'sending'
        WHERE EXISTS (SELECT FROM alive
                      WHERE device_change_id BETWEEN p.first_device_change_id
                                                 AND p.last_device_change_id)
        ORDER BY p.page_number FOR UPDATE OF p SKIP LOCKED),
    reopened AS (
        UPDATE device_change c
        SET state = 'new', retry_number = 0, read_back_count = 0, device_id = x.device_id,
            due_at = x.due_at, error_class = NULL, reason = NULL, finished_at = NULL, before = )" +
                                   image_of_device(ChangeType::customerassignment) + R"(
        FROM locked JOIN alive x ON x.device_change_id BETWEEN locked.first AND locked.last
        JOIN device d ON d.tenant_id = $1 AND d.device_id = x.device_id
        WHERE c.tenant_id = $1 AND c.device_change_id = x.device_change_id AND c.state = 'error'
        RETURNING locked.page_number, locked.was_done, x.due_at),
    wanted AS (
        SELECT page_number, was_done, min(due_at) AS due_at FROM reopened
        GROUP BY page_number, was_done),
    opened AS (
        UPDATE change_page c
        SET state = 'ready', lost_count = 0, has_unsent = true,
            available_at = CASE WHEN w.was_done THEN w.due_at
                                ELSE least(c.available_at, w.due_at) END
        FROM following, wanted w
        WHERE c.tenant_id = $1 AND c.bulk_change_id = following.id
          AND c.page_number = w.page_number),
    total AS (
        UPDATE bulk_change b
        SET new_count = b.new_count + (SELECT count(*) FROM reopened),
            error_count = b.error_count - (SELECT count(*) FROM reopened),
            open_page_count = b.open_page_count + (SELECT count(*) FROM wanted WHERE was_done),
            status = 'PROCESSING', finished_at = NULL, failure_count = 0, ended_count = 0,
            control = CASE WHEN b.finished_at IS NULL THEN b.control ELSE 'running' END
        FROM following
        WHERE b.tenant_id = $1 AND b.bulk_change_id = following.id
          AND EXISTS (SELECT FROM reopened))
    SELECT id, (SELECT count(*) FROM reopened), (SELECT count(*) FROM wanted),
           (SELECT count(*) FROM alive) - (SELECT count(*) FROM reopened)
    FROM following)";
    static const Query query{"activation_reopen_following", sql.c_str()};
    return query;
}

}  // namespace

Result<ReopenedFollowing> reopen_following(db::Transaction& transaction, std::int64_t tenant_id,
                                           BulkChangeId activation) {
    const auto rows =
        transaction.exec(reopen_following_query(), Params().add(tenant_id).add(activation));
    if (!rows) return rows.error();
    if (rows->empty()) return ReopenedFollowing{};
    return ReopenedFollowing{
        {rows->integer(0, 0)}, rows->integer(0, 1), rows->integer(0, 2), rows->integer(0, 3)};
}

Result<Others> other_activations(db::Connection& connection, std::int64_t tenant_id,
                                 BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kOthers, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("the bulk change was not found");
    if (rows->boolean(0, 0)) return Others::some_failed;
    return rows->boolean(0, 1) ? Others::under_way : Others::all_active;
}

Result<std::vector<FailedActivation>> failed_activations(
    db::Connection& connection, std::int64_t tenant_id, BulkChangeId change,
    BulkChangeId activation, const std::vector<DeviceChangeId>& devices) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    Array ids;
    for (const DeviceChangeId id : devices) ids.add(id.value);
    const auto rows = connection.exec(
        kFailed, Params().add(tenant_id).add(change).add(activation).add(ids.take()));
    if (!rows) return rows.error();
    std::vector<FailedActivation> failed;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        failed.push_back({{rows->integer(i, 0)}, rows->boolean(i, 1), rows->string(i, 2)});
    }
    return failed;
}

}  // namespace carryall::changes
