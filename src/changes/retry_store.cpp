#include "changes/retry_store.hpp"

#include "changes/image_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;

constexpr Query kFindChange{"retry_find_change", R"(
    SELECT b.service_provider_id, p.integration, p.write_is_enabled AND p.is_active, b.change_type,
           b.portal, b.status, b.correlation_id, b.request, b.new_count, b.open_page_count,
           b.control = 'cancelling',
           to_char(coalesce($3::timestamptz, now()) AT TIME ZONE 'UTC',
                   'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           b.plan_hash, b.undoes_bulk_change_id,
           to_char(b.first_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           b.wave_ends IS NOT NULL, b.approval, b.device_count, b.follows_bulk_change_id
    FROM bulk_change b
    JOIN service_provider p ON p.tenant_id = $1 AND p.service_provider_id = b.service_provider_id
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

constexpr const char* kCreatePages = R"(
    CREATE TEMP TABLE retry_page (
        page_number integer NOT NULL, first_id bigint NOT NULL, last_id bigint NOT NULL)
        ON COMMIT DROP)";

constexpr Query kLockPages{"retry_lock_pages", R"(
    INSERT INTO retry_page
    WITH failed AS (
        SELECT p.page_number FROM change_page p
        WHERE p.tenant_id = $1 AND p.bulk_change_id = $2 AND p.state <> 'sending'
          -- Those of a wave that has not begun are counted as busy.
          AND p.page_number <= (SELECT coalesce(b.wave_ends[b.wave], 2147483647)
              FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)
          AND EXISTS (SELECT FROM device_change c
              WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN p.first_device_change_id
                                                               AND p.last_device_change_id
                AND (c.state = 'error' AND c.error_class = ANY ($3::text[])
                     OR c.state = 'parked' AND $4::boolean))
        ORDER BY p.page_number FOR UPDATE SKIP LOCKED)
    SELECT p.page_number, p.first_device_change_id, p.last_device_change_id
    FROM failed JOIN change_page p ON p.tenant_id = $1 AND p.bulk_change_id = $2
        AND p.page_number = failed.page_number)"};

constexpr Query kBusy{"retry_busy", R"(
    SELECT count(*) FROM device_change c
    WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN $2::bigint << 20
                                                      AND (($2::bigint + 1) << 20) - 1
      AND (c.state = 'error' AND c.error_class = ANY ($3::text[])
           OR c.state = 'parked' AND $4::boolean)
      AND NOT EXISTS (SELECT FROM retry_page p
                      WHERE c.device_change_id BETWEEN p.first_id AND p.last_id))"};

constexpr Query kReadFailed{"retry_read_failed", R"(
    SELECT c.device_change_id - ($2::bigint << 20), c.row_number, c.identifier, c.request,
           d.iccid19, coalesce(c.request ? 'problem', false) OR c.reason LIKE 'Duplicate of row %',
           c.reason LIKE 'Invalid IMEI%'
    FROM retry_page p
    JOIN device_change c ON c.tenant_id = $1
        AND c.device_change_id BETWEEN p.first_id AND p.last_id
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    WHERE p.last_id > ($2::bigint << 20) + $4::bigint
      AND c.device_change_id > ($2::bigint << 20) + $4::bigint
      AND c.state = 'error' AND c.error_class = ANY ($3::text[])
    ORDER BY c.device_change_id LIMIT $5::int)"};

constexpr Query kRefuseDuplicates{"retry_refuse_duplicates", R"(
    UPDATE submit_verdict v SET reason = 'Duplicate of row ' || other.row_number
    FROM (SELECT w.ordinal, min(c.row_number) AS row_number
          FROM submit_verdict w JOIN device_change c
              ON c.tenant_id = $1 AND c.device_id = w.device_id
             AND c.device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1
             AND c.device_change_id <> ($2::bigint << 20) + w.ordinal
          WHERE w.reason IS NULL
            AND NOT (c.state = 'error' AND c.reason LIKE 'Duplicate of row %')
            AND (c.state <> 'error' OR c.row_number < w.row_number)
          GROUP BY w.ordinal) other
    WHERE v.ordinal = other.ordinal)"};

constexpr Query kRefuseUnapproved{"retry_refuse_unapproved", R"(
    UPDATE submit_verdict v
    SET reason = 'Not in the plan that was approved: submit it in a change of its own'
    FROM device_change_log l
    WHERE v.reason IS NULL AND l.tenant_id = $1 AND l.attempt = 0 AND l.step = 1
      AND l.device_change_id = ($2::bigint << 20) + v.ordinal)"};

// The values before are those of now: what is retried was not changed by the earlier tries. Due
// now and not since ever: the claim then looks for changes of the device that were started later.
const QueryByType& reopen_devices_query() {
    static const QueryByType queries("retry_reopen_devices", [](ChangeType type) {
        return R"(
    UPDATE device_change c
    SET state = 'new', retry_number = 0, read_back_count = 0, device_id = v.device_id,
        request = coalesce(v.request, c.request), due_at = coalesce(v.due_at, now()),
        error_class = NULL, reason = NULL, finished_at = NULL, before = )" +
               image_of_device(type) + R"(
    FROM submit_verdict v LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = v.device_id)" +
               image_joins(type) + R"(
    WHERE c.tenant_id = $1 AND c.device_change_id = ($2::bigint << 20) + v.ordinal
      AND v.reason IS NULL AND c.state = 'error')";
    });
    return queries;
}

constexpr Query kRefuseDevices{"retry_refuse_devices", R"(
    UPDATE device_change c
    SET error_class = 'validation', reason = v.reason,
        device_id = coalesce(v.device_id, c.device_id)
    FROM submit_verdict v
    WHERE c.tenant_id = $1 AND c.device_change_id = ($2::bigint << 20) + v.ordinal
      AND v.reason IS NOT NULL AND c.state = 'error')"};

constexpr Query kLogRefused{"retry_log_refused", R"(
    INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
        log_entry_description, action_text, request_text, response_text, response_status,
        has_errors, error_text, process_by, correlation_id, started_at, processed_at)
    SELECT ($2::bigint << 20) + v.ordinal, 0, 1 + coalesce((SELECT max(l.step)
               FROM device_change_log l
               WHERE l.tenant_id = $1 AND l.device_change_id = ($2::bigint << 20) + v.ordinal
                 AND l.attempt = 0), 1), $1, $4, $5, 'Validate again', v.identifier, v.reason,
           'ERROR', true, v.reason, $6, $7, $3::timestamptz, clock_timestamp()
    FROM submit_verdict v WHERE v.reason IS NOT NULL)"};

// Step 1 of attempt 0 is the submission's verdict; a retry's verdicts follow it.
constexpr Query kReopenPages{"retry_reopen_pages", R"(
    WITH wanted AS (
        SELECT p.page_number, min(coalesce(v.due_at, '-infinity')) AS due_at
        FROM retry_page p JOIN submit_verdict v
            ON ($2::bigint << 20) + v.ordinal BETWEEN p.first_id AND p.last_id
        WHERE v.reason IS NULL GROUP BY p.page_number),
    before AS (
        SELECT count(*) AS done FROM change_page c JOIN wanted w
            ON c.tenant_id = $1 AND c.bulk_change_id = $2 AND c.page_number = w.page_number
        WHERE c.state = 'done'),
    opened AS (
        UPDATE change_page c SET state = 'ready', lost_count = 0, has_unsent = true,
            available_at = CASE c.state WHEN 'done' THEN w.due_at
                                        ELSE least(c.available_at, w.due_at) END
        FROM wanted w
        WHERE c.tenant_id = $1 AND c.bulk_change_id = $2 AND c.page_number = w.page_number)
    UPDATE bulk_change b
    SET new_count = b.new_count + $3::int, error_count = b.error_count - $3::int,
        open_page_count = b.open_page_count + before.done, status = 'PROCESSING',
        wave_open_page_count = b.wave_open_page_count
            + CASE WHEN b.wave_ends IS NULL THEN 0 ELSE before.done END,
        finished_at = NULL, failure_count = 0, ended_count = 0,
        control = CASE WHEN b.finished_at IS NULL THEN b.control ELSE 'running' END
    FROM before WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

// A parked device may have been changed: it is unknown again, read back before anything is sent, on
// a ladder of its own. What it remembers of earlier attempts stays.
constexpr Query kReopenParked{"retry_reopen_parked", R"(
    WITH parked AS (
        UPDATE device_change c
        SET state = 'unknown', retry_number = 0, read_back_count = 0, due_at = '-infinity',
            error_class = NULL, sent_at = coalesce(c.sent_at, now()),
            unclear_since = coalesce(c.unclear_since, now())
        FROM retry_page p
        WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN p.first_id AND p.last_id
          AND c.state = 'parked'
        RETURNING p.page_number),
    wanted AS (
        SELECT c.page_number, c.state = 'done' AS was_done,
               c.state <> 'done' AND c.has_unsent AS has_unsent
        FROM change_page c
        WHERE c.tenant_id = $1 AND c.bulk_change_id = $2
          AND c.page_number IN (SELECT page_number FROM parked)),
    opened AS (
        UPDATE change_page c SET state = 'ready', lost_count = 0, available_at = '-infinity',
            reads_at = '-infinity', has_unsent = w.has_unsent
        FROM wanted w
        WHERE c.tenant_id = $1 AND c.bulk_change_id = $2 AND c.page_number = w.page_number),
    total AS (
        UPDATE bulk_change b
        SET unknown_count = b.unknown_count + (SELECT count(*) FROM parked),
            parked_count = b.parked_count - (SELECT count(*) FROM parked),
            open_page_count = b.open_page_count + (SELECT count(*) FROM wanted WHERE was_done),
            wave_open_page_count = b.wave_open_page_count + CASE WHEN b.wave_ends IS NULL THEN 0
                ELSE (SELECT count(*) FROM wanted WHERE was_done) END,
            status = 'PROCESSING', finished_at = NULL, failure_count = 0, ended_count = 0,
            control = CASE WHEN b.finished_at IS NULL THEN b.control ELSE 'running' END
        WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND EXISTS (SELECT FROM parked))
    SELECT (SELECT count(*) FROM parked), (SELECT count(*) FROM wanted))"};

constexpr Query kStart{"retry_start_change", R"(
    UPDATE bulk_change SET status = 'PENDING'
    WHERE tenant_id = $1 AND bulk_change_id = $2 AND status = 'NEW')"};

constexpr Query kStartFollowing{"retry_start_following", R"(
    UPDATE bulk_change SET status = 'PENDING'
    WHERE tenant_id = $1 AND follows_bulk_change_id = $2 AND status = 'NEW')"};

constexpr const char* kProcessBy = "carryall validation";

std::string array_of(const std::vector<std::string>& texts) {
    Array array;
    for (const std::string& text : texts) array.add(std::string_view(text));
    return array.take();
}

Result<void> without_rows(const Result<Rows>& rows) {
    if (!rows) return rows.error();
    return {};
}

// The row as it was given. A device that was found then is found again by its ICCID.
DeviceRow row_of(const Rows& rows, std::size_t i, ChangeType type) {
    DeviceRow row;
    row.row_number = rows.integer(i, 1);
    const std::string identifier = rows.string(i, 2);
    if (!rows.is_null(i, 4)) {
        row.identifier = identifier;
        row.key = rows.string(i, 4);
    } else {
        const auto kind = rows.boolean(i, 6) ? IdentifierKind::imei : kind_by_form(identifier);
        identify(row, {identifier, sheets::CellKind::text}, kind);
    }
    if (rows.is_null(i, 3)) return row;
    const auto request = base::parse_json(rows.text(i, 3));
    if (!request || !request->is_object()) return row;
    const auto* section = base::find_ignoring_case(request->get_object(), section_name(type));
    if (section != nullptr && section->is_object()) {
        read_stored_own(section->get_object(), type, row);
    }
    return row;
}

}  // namespace

Result<std::optional<StoredChange>> find_change(db::Transaction& transaction,
                                                std::int64_t tenant_id, BulkChangeId id,
                                                std::optional<base::Instant> now) {
    const auto rows = transaction.exec(kFindChange, Params().add(tenant_id).add(id).add(now));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<StoredChange>();
    const auto request = base::parse_json(rows->text(0, 7));
    if (!request) return request.error();
    const auto instant = base::parse_iso8601(rows->text(0, 11));
    if (!instant) return instant.error();
    StoredChange change;
    change.service_provider_id = rows->integer(0, 0);
    change.integration = rows->string(0, 1);
    change.write_is_enabled = rows->boolean(0, 2);
    change.type = *parse_change_type(rows->text(0, 3));
    change.portal = *parse_portal(rows->text(0, 4));
    change.status = rows->string(0, 5);
    change.correlation_id = rows->string(0, 6);
    change.request = *request;
    change.new_count = rows->integer(0, 8);
    change.open_page_count = rows->integer(0, 9);
    change.is_cancelling = rows->boolean(0, 10);
    change.waits_for_approval = rows->text(0, 16) == "required";
    change.is_approved = rows->text(0, 16) == "approved";
    change.device_count = rows->integer(0, 17);
    change.follows = {rows->optional_integer(0, 18).value_or(0)};
    change.now = *instant;
    change.plan_hash = rows->string(0, 12);
    change.undoes = {rows->integer(0, 13)};
    change.has_waves = rows->boolean(0, 15);
    if (!rows->is_null(0, 14)) {
        const auto due = base::parse_iso8601(rows->text(0, 14));
        if (!due) return due.error();
        change.first_due_at = *due;
    }
    return std::optional(std::move(change));
}

Result<std::int64_t> lock_failed_pages(db::Transaction& transaction, std::int64_t tenant_id,
                                       BulkChangeId id,
                                       const std::vector<std::string>& error_classes,
                                       bool parked_too) {
    CARRYALL_TRY(transaction.exec_text(kCreatePages));
    const Params params =
        Params().add(tenant_id).add(id).add(array_of(error_classes)).add(parked_too);
    CARRYALL_TRY(without_rows(transaction.exec(kLockPages, params)));
    const auto busy = transaction.exec(kBusy, params);
    if (!busy) return busy.error();
    return busy->integer(0, 0);
}

Result<FailedBatch> read_failed(db::Transaction& transaction, std::int64_t tenant_id,
                                BulkChangeId id, ChangeType type,
                                const std::vector<std::string>& error_classes,
                                std::int64_t after_ordinal) {
    const auto rows = transaction.exec(kReadFailed, Params()
                                                        .add(tenant_id)
                                                        .add(id)
                                                        .add(array_of(error_classes))
                                                        .add(after_ordinal)
                                                        .add(kRetryBatch));
    if (!rows) return rows.error();
    FailedBatch batch;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        batch.last_ordinal = rows->integer(i, 0);
        if (rows->boolean(i, 5)) {
            ++batch.hopeless;
        } else {
            batch.devices.push_back({batch.last_ordinal, row_of(*rows, i, type)});
        }
    }
    return batch;
}

Result<void> refuse_duplicates(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id) {
    return without_rows(transaction.exec(kRefuseDuplicates, Params().add(tenant_id).add(id)));
}

Result<void> refuse_unapproved(db::Transaction& transaction, std::int64_t tenant_id,
                               BulkChangeId id) {
    return without_rows(transaction.exec(kRefuseUnapproved, Params().add(tenant_id).add(id)));
}

Result<std::int64_t> reopen(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                            const NewChange& change, base::Instant now) {
    const Params ids = Params().add(tenant_id).add(id);
    const auto opened = transaction.exec(reopen_devices_query().of(change.type), ids);
    if (!opened) return opened.error();
    const auto count = static_cast<std::int64_t>(opened->affected());
    CARRYALL_TRY(without_rows(transaction.exec(kRefuseDevices, ids)));
    CARRYALL_TRY(without_rows(transaction.exec(kLogRefused, Params()
                                                                .add(tenant_id)
                                                                .add(id)
                                                                .add(now)
                                                                .add(change.portal)
                                                                .add(change.log_description)
                                                                .add(kProcessBy)
                                                                .add(change.correlation_id))));
    if (count == 0) return count;
    CARRYALL_TRY(
        without_rows(transaction.exec(kReopenPages, Params().add(tenant_id).add(id).add(count))));
    return count;
}

Result<ReopenedParked> reopen_parked(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id) {
    const auto rows = transaction.exec(kReopenParked, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return ReopenedParked{rows->integer(0, 0), rows->integer(0, 1)};
}

Result<bool> start_change(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    const auto rows = transaction.exec(kStart, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

Result<void> start_following(db::Transaction& transaction, std::int64_t tenant_id,
                             BulkChangeId id) {
    return without_rows(transaction.exec(kStartFollowing, Params().add(tenant_id).add(id)));
}

}  // namespace carryall::changes
