#include "charges/part_check_store.hpp"

#include "base/json.hpp"

namespace carryall::charges {
namespace {

using db::Array;
using db::Params;
using db::Query;
using db::Rows;
using db::Transaction;

constexpr Query kTakeLock{"charge_list_lock", R"(
    SELECT pg_try_advisory_lock(hashtextextended('charge list of part ' || $2::int, $1::bigint)))"};
constexpr Query kReleaseLock{"charge_list_unlock", R"(
    SELECT pg_advisory_unlock(hashtextextended('charge list of part ' || $2::int, $1::bigint)))"};

constexpr Query kLoadPart{"charge_list_load_part", R"(
    SELECT p.state = 'settled', p.list_version, r.correlation_id, r.source,
           coalesce(r.charge_file_id, 0), p.optimization_queue_id, p.note, p.charged_amount,
           p.charge_count
    FROM charge_run_part p
    JOIN charge_run r ON r.tenant_id = $1 AND r.charge_run_id = $2
    WHERE p.tenant_id = $1 AND p.charge_run_id = $2 AND p.part_number = $3)"};

// A part that is settled again has a new version.
constexpr Query kLoadRun{"charge_list_load_run", R"(
    SELECT r.state = 'sending' AND r.open_instance_count = 0 AND r.open_part_count = 1, r.source,
           coalesce(r.charge_file_id, 0), r.told_version + 1,
           to_char(now() AT TIME ZONE coalesce(s.billing_time_zone, 'UTC'),
                   'YYYY-MM-DD HH24:MI:SS ')
               || coalesce(s.billing_time_zone, 'UTC'),
           coalesce(s.attachment_limit_bytes, 10485760),
           (SELECT md5(string_agg(p.part_number || ':' || p.list_version, ','
                                  ORDER BY p.part_number))
            FROM charge_run_part p WHERE p.tenant_id = $1 AND p.charge_run_id = $2)
    FROM charge_run r LEFT JOIN charge_setting s ON s.tenant_id = $1
    WHERE r.tenant_id = $1 AND r.charge_run_id = $2)"};

// As the instances were ordered; the numbers tell which worker was first to divide one.
constexpr Query kLoadParts{"charge_list_load_parts", R"(
    SELECT p.part_number, p.optimization_instance_id, p.optimization_queue_id, p.customer_id,
           c.name, c.account_number, p.billing_period_start, p.billing_period_end, p.charge_count,
           p.charged_count, p.recorded_count, p.skipped_count, p.failed_count, p.parked_count,
           trim_scale(p.charged_amount), p.list_device_count, p.list_error_device_count,
           p.list_version, p.list_name, p.list_key, p.list_bytes
    FROM charge_run_part p
    LEFT JOIN customer c ON c.tenant_id = $1 AND c.customer_id = p.customer_id
    LEFT JOIN charge_run_instance i ON i.tenant_id = $1 AND i.charge_run_id = $2
        AND i.optimization_instance_id = p.optimization_instance_id
    WHERE p.tenant_id = $1 AND p.charge_run_id = $2
    ORDER BY i.position, p.part_number)"};

// 0: of the staff.
constexpr Query kLoadAddresses{"charge_list_load_addresses", R"(
    SELECT 0::bigint, a.address
    FROM charge_setting s, unnest(s.administrator_emails || s.billing_emails) a(address)
    WHERE s.tenant_id = $1
    UNION ALL
    SELECT DISTINCT i.customer_id, a.address
    FROM charge_run_part p
    JOIN optimization_instance i ON i.tenant_id = $1
        AND i.optimization_instance_id = p.optimization_instance_id
    CROSS JOIN unnest(i.customer_emails) a(address)
    WHERE p.tenant_id = $1 AND p.charge_run_id = $2)"};

// The part before its run, as whoever opens a part again.
constexpr Query kLockPart{"charge_list_lock_part", R"(
    SELECT FROM charge_run_part
    WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND state = 'settled'
      AND list_version = $4
    FOR UPDATE)"};
constexpr Query kLockRun{"charge_list_lock_run", R"(
    SELECT state = 'sending' AND open_instance_count = 0 AND open_part_count = 1
    FROM charge_run WHERE tenant_id = $1 AND charge_run_id = $2 FOR UPDATE)"};
constexpr Query kFingerprint{"charge_list_fingerprint", R"(
    SELECT md5(string_agg(part_number || ':' || list_version, ',' ORDER BY part_number))
    FROM charge_run_part WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kMarkListed{"charge_list_mark", R"(
    WITH part AS (
        UPDATE charge_run_part
        SET state = 'listed', list_name = $4, list_key = $5, list_bytes = $6,
            list_device_count = $7, list_error_device_count = $8, list_stored_at = now(),
            list_error = NULL, list_failing_since = NULL, list_failure_told_at = NULL
        WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3)
    UPDATE charge_run SET open_part_count = open_part_count - 1
    WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kFinish{"charge_run_finish", R"(
    WITH run AS (
        UPDATE charge_run
        SET state = 'finished', finished_at = now(), told_version = told_version + 1, note = $3
        WHERE tenant_id = $1 AND charge_run_id = $2
        RETURNING source, created_by, correlation_id, told_version, finished_at)
    SELECT emit_event($1, 'charge_run.finished', 'charge_run/' || $2::bigint,
        $4::jsonb || jsonb_build_object('chargeRunId', $2::bigint, 'source', source,
            'told', told_version, 'createdBy', created_by, 'correlationId', correlation_id,
            'finishedAt', to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
    FROM run)"};

constexpr Query kQueueMails{"charge_queue_mails", R"(
    SELECT queue_mail($1, $2, m.address, m.subject, m.text, m.html, m.attachments::jsonb)
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        AS m(address, subject, text, html, attachments))"};

constexpr Query kNoteFailure{"charge_list_note_failure", R"(
    UPDATE charge_run_part
    SET list_error = $5, list_failing_since = coalesce(list_failing_since, now())
    WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND state = 'settled'
      AND list_version = $4
    RETURNING extract(epoch FROM now() - list_failing_since)::bigint,
              list_failure_told_at IS NOT NULL)"};

constexpr Query kTellFailure{"charge_list_tell_failure", R"(
    WITH part AS (
        UPDATE charge_run_part SET list_failure_told_at = now()
        WHERE tenant_id = $1 AND charge_run_id = $2 AND part_number = $3 AND state = 'settled'
          AND list_version = $4 AND list_failure_told_at IS NULL
        RETURNING part_number, optimization_queue_id, list_error, list_failing_since)
    SELECT emit_event($1, 'charge_run.list_not_stored', 'charge_run/' || $2::bigint,
        jsonb_build_object('chargeRunId', $2::bigint, 'partNumber', part_number,
            'queueId', optimization_queue_id, 'reason', list_error, 'failingSince',
            to_char(list_failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
    FROM part)"};

Params part_params(const PartId& part) {
    return Params().add(part.tenant_id).add(part.run).add(part.part_number);
}

ToldPart read_part(const Rows& rows, std::size_t row) {
    ToldPart part;
    part.part_number = static_cast<int>(rows.integer(row, 0));
    part.instance_id = rows.integer(row, 1);
    part.queue_id = rows.integer(row, 2);
    part.customer_id = rows.integer(row, 3);
    part.customer = rows.string(row, 4);
    part.account_number = rows.string(row, 5);
    part.period_start = rows.string(row, 6);
    part.period_end = rows.string(row, 7);
    part.counts.total = rows.integer(row, 8);
    part.counts.charged = rows.integer(row, 9);
    part.counts.recorded = rows.integer(row, 10);
    part.counts.skipped = rows.integer(row, 11);
    part.counts.failed = rows.integer(row, 12);
    part.counts.parked = rows.integer(row, 13);
    part.counts.charged_amount = rows.string(row, 14);
    part.devices = rows.integer(row, 15);
    part.error_devices = rows.integer(row, 16);
    part.list_version = rows.integer(row, 17);
    part.list_name = rows.string(row, 18);
    part.list_key = rows.string(row, 19);
    part.list_bytes = rows.integer(row, 20);
    return part;
}

void take_own_list(ToldPart& part, const StoredList& own) {
    part.devices = own.devices;
    part.error_devices = own.error_devices;
    part.list_name = own.name;
    part.list_key = own.key;
    part.list_bytes = own.bytes;
}

Result<void> queue_mails(Transaction& transaction, std::int64_t tenant_id, std::int64_t event,
                         const std::vector<QueuedMail>& mails) {
    if (mails.empty()) return {};
    Array addresses, subjects, texts, htmls, attachments;
    for (const QueuedMail& one : mails) {
        addresses.add(std::string_view(one.address));
        subjects.add(std::string_view(one.mail.subject));
        texts.add(std::string_view(one.mail.text));
        htmls.add(std::string_view(one.mail.html));
        attachments.add(std::string_view(one.attachments));
    }
    Params params = Params().add(tenant_id).add(event);
    for (Array* array : {&addresses, &subjects, &texts, &htmls, &attachments}) {
        params.add(array->take());
    }
    CARRYALL_TRY(transaction.exec(kQueueMails, params));
    return {};
}

Result<void> finish_run(Transaction& transaction, const PartId& part, const Telling& telling) {
    Params params = Params().add(part.tenant_id).add(part.run);
    telling.note.empty() ? params.add_null() : params.add(telling.note);
    const auto event = transaction.exec(kFinish, params.add(telling.event_payload));
    if (!event) return event.error();
    return queue_mails(transaction, part.tenant_id, event->integer(0, 0), telling.mails);
}

}  // namespace

Result<std::unique_ptr<PartLock>> PartLock::take(db::Connection& connection, const PartId& part) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    const auto taken = connection.exec(kTakeLock, Params().add(part.run).add(part.part_number));
    if (!taken) return taken.error();
    if (!taken->boolean(0, 0)) return std::unique_ptr<PartLock>();
    return std::unique_ptr<PartLock>(new PartLock(connection, part));
}

// If it cannot be released the session is broken, and the lock goes with it.
PartLock::~PartLock() {
    static_cast<void>(
        connection_.exec(kReleaseLock, Params().add(part_.run).add(part_.part_number)));
}

Result<std::optional<PartToList>> load_part_to_list(db::Connection& connection,
                                                    const PartId& part) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    const auto rows = connection.exec(kLoadPart, part_params(part));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<PartToList>();
    PartToList found;
    found.is_settled = rows->boolean(0, 0);
    found.list_version = rows->integer(0, 1);
    found.correlation_id = rows->string(0, 2);
    found.order.part = part;
    found.order.subject.file_name =
        list_name(rows->string(0, 3), rows->integer(0, 4), rows->integer(0, 5), part.part_number);
    found.order.subject.part_note = rows->string(0, 6);
    found.order.subject.charged_amount = rows->string(0, 7);
    found.order.subject.charge_count = rows->integer(0, 8);
    found.list_key =
        list_key(part.tenant_id, part.run, found.order.subject.file_name, found.list_version);
    return std::optional(std::move(found));
}

Result<RunToTell> load_run_to_tell(db::Connection& connection, const PartId& part,
                                   const StoredList& own) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    const Params which = Params().add(part.tenant_id).add(part.run);
    // First: whatever changes after it is seen by the fingerprint.
    const auto run = connection.exec(kLoadRun, which);
    if (!run) return run.error();
    if (run->empty()) return base::not_found("there is no such charge run");
    RunToTell found;
    found.is_last = run->boolean(0, 0);
    found.told.run = part.run;
    found.told.source = run->string(0, 1);
    found.told.file_id = run->integer(0, 2);
    found.told.telling = run->integer(0, 3);
    found.told.completed_at = run->string(0, 4);
    found.attachment_limit_bytes = run->integer(0, 5);
    found.fingerprint = run->string(0, 6);
    const auto parts = connection.exec(kLoadParts, which);
    if (!parts) return parts.error();
    for (std::size_t i = 0; i < parts->size(); ++i) {
        found.told.parts.push_back(read_part(*parts, i));
        if (found.told.parts.back().part_number == part.part_number) {
            take_own_list(found.told.parts.back(), own);
        }
    }
    const auto addresses = connection.exec(kLoadAddresses, which);
    if (!addresses) return addresses.error();
    for (std::size_t i = 0; i < addresses->size(); ++i) {
        const std::int64_t customer = addresses->integer(i, 0);
        if (customer == 0) {
            found.staff.push_back(addresses->string(i, 1));
        } else {
            found.customers.push_back({customer, addresses->string(i, 1)});
        }
    }
    return found;
}

Result<ListingEnd> end_listing(db::Connection& connection, const PartId& part,
                               std::int64_t list_version, const StoredList& list,
                               const std::optional<Telling>& telling) {
    return db::in_transaction<ListingEnd>(
        connection, part.tenant_id, [&](Transaction& transaction) -> Result<ListingEnd> {
            const auto mine = transaction.exec(kLockPart, part_params(part).add(list_version));
            if (!mine) return mine.error();
            if (mine->empty()) return ListingEnd::superseded;
            const Params which = Params().add(part.tenant_id).add(part.run);
            const auto run = transaction.exec(kLockRun, which);
            if (!run) return run.error();
            const bool is_last = run->boolean(0, 0);
            if (is_last) {
                const auto now = transaction.exec(kFingerprint, which);
                if (!now) return now.error();
                if (!telling || telling->fingerprint != now->text(0, 0)) {
                    return ListingEnd::telling_first;
                }
            }
            CARRYALL_TRY(transaction.exec(kMarkListed, part_params(part)
                                                           .add(list.name)
                                                           .add(list.key)
                                                           .add(list.bytes)
                                                           .add(list.devices)
                                                           .add(list.error_devices)));
            if (!is_last) return ListingEnd::listed;
            CARRYALL_TRY(finish_run(transaction, part, *telling));
            return ListingEnd::finished;
        });
}

Result<std::optional<ListFailure>> note_list_failure(db::Connection& connection, const PartId& part,
                                                     std::int64_t list_version,
                                                     const std::string& reason) {
    CARRYALL_TRY(connection.work_for_tenant(part.tenant_id));
    const auto rows =
        connection.exec(kNoteFailure, part_params(part).add(list_version).add(reason));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ListFailure>();
    return std::optional(
        ListFailure{std::chrono::seconds(rows->integer(0, 0)), rows->boolean(0, 1)});
}

Result<void> tell_list_failure(db::Connection& connection, const PartId& part,
                               std::int64_t list_version, const std::vector<QueuedMail>& mails) {
    const auto told = db::in_transaction<bool>(
        connection, part.tenant_id, [&](Transaction& transaction) -> Result<bool> {
            const auto event = transaction.exec(kTellFailure, part_params(part).add(list_version));
            if (!event) return event.error();
            if (event->empty()) return false;
            CARRYALL_TRY(queue_mails(transaction, part.tenant_id, event->integer(0, 0), mails));
            return true;
        });
    if (!told) return told.error();
    return {};
}

}  // namespace carryall::charges
