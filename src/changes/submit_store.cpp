// The SQL of submission beside the verdicts (judge_store.cpp): what a request names, idempotency
// keys, and the writing of a change with its devices, pages and log.
#include "changes/submit_store.hpp"

#include "changes/control_store.hpp"
#include "changes/image_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Array;
using db::Params;
using db::Query;
using db::Rows;
constexpr Query kFindProvider{"submit_find_provider", R"(
    SELECT name, integration, write_is_enabled, is_active,
           to_char(coalesce($3::timestamptz, now()) AT TIME ZONE 'UTC',
                   'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), settings
    FROM service_provider WHERE tenant_id = $1 AND service_provider_id = $2)"};

constexpr Query kFindKey{"submit_find_key", R"(
    SELECT bulk_change_id, request_hash FROM idempotency_key
    WHERE tenant_id = $1 AND key = $2
      AND created_at > $3::timestamptz - make_interval(secs => $4::int))"};

constexpr Query kTakeKey{"submit_take_key", R"(
    INSERT INTO idempotency_key AS k (tenant_id, key, request_hash, bulk_change_id, created_at)
    VALUES ($1, $2, $3, $4, $5::timestamptz)
    ON CONFLICT (tenant_id, key) DO UPDATE
        SET request_hash = excluded.request_hash, bulk_change_id = excluded.bulk_change_id,
            created_at = excluded.created_at
        WHERE k.created_at <= $5::timestamptz - make_interval(secs => $6::int)
    RETURNING 1)"};

constexpr Query kFindCustomer{"submit_find_customer", R"(
    SELECT customer_id, rev_customer_id, account_number FROM customer
    WHERE tenant_id = $1 AND is_active
      AND ($2::text IS NULL OR rev_customer_id = $2)
      AND ($3::bigint IS NULL OR customer_id = $3)
      AND ($4::text IS NULL OR name = $4))"};

constexpr Query kFindSite{"submit_find_site", R"(
    SELECT site_id FROM site
    WHERE tenant_id = $1 AND customer_id = $2 AND is_active
      AND ($3::bigint IS NULL OR site_id = $3) AND ($4::text IS NULL OR name = $4)
    ORDER BY site_id LIMIT 1)"};

constexpr Query kFindPlan{"submit_find_plan", R"(
    SELECT customer_rate_plan_id FROM customer_rate_plan
    WHERE tenant_id = $1 AND is_active
      AND ($2::bigint IS NULL OR customer_rate_plan_id = $2) AND ($3::text IS NULL OR code = $3))"};

constexpr Query kFindPool{"submit_find_pool", R"(
    SELECT customer_rate_pool_id FROM customer_rate_pool
    WHERE tenant_id = $1 AND is_active
      AND ($2::bigint IS NULL OR customer_rate_pool_id = $2) AND ($3::text IS NULL OR name = $3))"};

constexpr Query kFindCarrierPlan{"submit_find_carrier_plan", R"(
    SELECT service_provider_id = $2, is_active, plan_uuid, carrier_plan_id FROM carrier_rate_plan
    WHERE tenant_id = $1 AND code = $3
    ORDER BY service_provider_id = $2 DESC LIMIT 1)"};

constexpr Query kHasCommunicationPlan{"submit_has_communication_plan", R"(
    SELECT EXISTS (SELECT FROM communication_plan
        WHERE tenant_id = $1 AND service_provider_id = $2 AND name = $3 AND is_active))"};

constexpr Query kInsertChange{"submit_insert_change", R"(
    INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status, request,
        source, file_name, correlation_id, created_by, created_at, finished_at, device_count,
        new_count, error_count, open_page_count, change_set_id, undoes_bulk_change_id,
        follows_bulk_change_id)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11::timestamptz,
        CASE WHEN $5 = 'ERROR' THEN $11::timestamptz END, $12, $12::int - $13::int, $13, $14, $15,
        $16, $17)
    RETURNING bulk_change_id)"};

// With the values each device has now: what a plan shows and an undo puts back.
const QueryByType& insert_devices_query() {
    static const QueryByType queries("submit_insert_devices", [](ChangeType type) {
        return R"(
    INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number, identifier,
        request, state, due_at, error_class, reason, finished_at, before)
    SELECT ($2::bigint << 20) + v.ordinal, $1, v.device_id, v.row_number, v.identifier, v.request,
           CASE WHEN v.reason IS NULL THEN 'new' ELSE 'error' END,
           coalesce(v.due_at, '-infinity'), CASE WHEN v.reason IS NOT NULL THEN 'validation' END,
           v.reason, CASE WHEN v.reason IS NOT NULL THEN $3::timestamptz END, )" +
               image_of_device(type) + R"(
    FROM submit_verdict v LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = v.device_id)" +
               image_joins(type) + " ORDER BY v.ordinal";
    });
    return queries;
}

constexpr Query kInsertLog{"submit_insert_log", R"(
    INSERT INTO device_change_log (device_change_id, attempt, step, tenant_id, portal,
        log_entry_description, action_text, request_text, response_text, response_status,
        has_errors, error_text, process_by, correlation_id, started_at, processed_at)
    SELECT ($2::bigint << 20) + ordinal, 0, 1, $1, $4, $5, 'Validate',
           identifier || coalesce(' ' || request::text, ''), reason, 'ERROR', true, reason, $6, $7,
           $3::timestamptz, clock_timestamp()
    FROM submit_verdict WHERE reason IS NOT NULL ORDER BY ordinal)"};

constexpr Query kInsertPages{"submit_insert_pages", R"(
    INSERT INTO change_page (bulk_change_id, page_number, tenant_id, first_device_change_id,
        last_device_change_id, state, available_at)
    SELECT $2, (ordinal - 1) / $3::int + 1, $1, ($2::bigint << 20) + min(ordinal),
           ($2::bigint << 20) + max(ordinal),
           CASE WHEN count(*) > count(reason) THEN 'ready' ELSE 'done' END,
           coalesce(min(coalesce(due_at, '-infinity')) FILTER (WHERE reason IS NULL), 'infinity')
    FROM submit_verdict GROUP BY (ordinal - 1) / $3::int ORDER BY 2)"};

constexpr Query kNotify{"submit_notify", R"(
    SELECT pg_notify('carryall_bulk_change', $1))"};

constexpr Query kReadSubmission{"submit_read_submission", R"(
    SELECT b.status, b.correlation_id, b.device_count,
           (SELECT f.bulk_change_id FROM bulk_change f
            WHERE f.tenant_id = $1 AND f.follows_bulk_change_id = $2), b.approval = 'required'
    FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2)"};

Query refusals_query() {
    static const std::string sql =
        "SELECT " + counted_reason("error_text") +
        ", count(*), sum(count(*)) OVER ()"
        " FROM device_change_log WHERE tenant_id = $1"
        " AND device_change_id BETWEEN $2::bigint << 20 AND (($2::bigint + 1) << 20) - 1"
        " AND attempt = 0 AND step = 1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3::int";
    return {"submit_read_refusals", sql.c_str()};
}

// Which program wrote a log row, beside the engine's.
constexpr const char* kProcessBy = "carryall validation";

int in_seconds(std::chrono::hours hours) {
    return static_cast<int>(std::chrono::seconds(hours).count());
}

template <class T>
Result<std::optional<T>> one_row(const Result<Rows>& rows,
                                 const std::function<T(const Rows&)>& of) {
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<T>();
    return std::optional<T>(of(*rows));
}

Result<std::optional<std::int64_t>> one_id(const Result<Rows>& rows) {
    return one_row<std::int64_t>(rows, [](const Rows& row) { return row.integer(0, 0); });
}

}  // namespace
Result<std::optional<ProviderFacts>> find_provider(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   std::int64_t service_provider_id,
                                                   std::optional<base::Instant> now) {
    const auto rows =
        transaction.exec(kFindProvider, Params().add(tenant_id).add(service_provider_id).add(now));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ProviderFacts>();
    const auto instant = base::parse_iso8601(rows->text(0, 4));
    if (!instant) return instant.error();
    return std::optional(ProviderFacts{rows->string(0, 0), rows->string(0, 1), rows->boolean(0, 2),
                                       rows->boolean(0, 3), base::parse_object(rows->text(0, 5)),
                                       *instant});
}

Result<std::optional<EarlierChange>> find_key(db::Transaction& transaction, std::int64_t tenant_id,
                                              const std::string& key, base::Instant now) {
    const auto rows = transaction.exec(
        kFindKey, Params().add(tenant_id).add(key).add(now).add(in_seconds(kIdempotencyKeyLife)));
    return one_row<EarlierChange>(rows, [](const Rows& row) {
        return EarlierChange{{row.integer(0, 0)}, row.string(0, 1)};
    });
}

Result<bool> take_key(db::Transaction& transaction, std::int64_t tenant_id, const std::string& key,
                      const std::string& request_hash, BulkChangeId id, base::Instant now) {
    const auto rows = transaction.exec(kTakeKey, Params()
                                                     .add(tenant_id)
                                                     .add(key)
                                                     .add(request_hash)
                                                     .add(id)
                                                     .add(now)
                                                     .add(in_seconds(kIdempotencyKeyLife)));
    if (!rows) return rows.error();
    return !rows->empty();
}

Result<std::optional<FoundCustomer>> find_customer(db::Transaction& transaction,
                                                   std::int64_t tenant_id,
                                                   const CustomerAssignment& wanted,
                                                   const std::optional<std::string>& name) {
    const auto rows = transaction.exec(
        kFindCustomer,
        Params().add(tenant_id).add(wanted.rev_customer_id).add(wanted.customer_id).add(name));
    return one_row<FoundCustomer>(rows, [](const Rows& row) {
        return FoundCustomer{row.integer(0, 0), row.optional_text(0, 1), row.optional_text(0, 2)};
    });
}

Result<std::optional<std::int64_t>> find_site(db::Transaction& transaction, std::int64_t tenant_id,
                                              std::int64_t customer_id,
                                              std::optional<std::int64_t> site_id,
                                              const std::optional<std::string>& name) {
    return one_id(transaction.exec(
        kFindSite, Params().add(tenant_id).add(customer_id).add(site_id).add(name)));
}

Result<std::optional<std::int64_t>> find_customer_plan(db::Transaction& transaction,
                                                       std::int64_t tenant_id,
                                                       std::optional<std::int64_t> id,
                                                       const std::optional<std::string>& code) {
    return one_id(transaction.exec(kFindPlan, Params().add(tenant_id).add(id).add(code)));
}

Result<std::optional<std::int64_t>> find_customer_pool(db::Transaction& transaction,
                                                       std::int64_t tenant_id,
                                                       std::optional<std::int64_t> id,
                                                       const std::optional<std::string>& name) {
    return one_id(transaction.exec(kFindPool, Params().add(tenant_id).add(id).add(name)));
}

Result<std::optional<FoundCarrierPlan>> find_carrier_plan(db::Transaction& transaction,
                                                          std::int64_t tenant_id,
                                                          std::int64_t service_provider_id,
                                                          const std::string& code) {
    const auto rows = transaction.exec(kFindCarrierPlan,
                                       Params().add(tenant_id).add(service_provider_id).add(code));
    return one_row<FoundCarrierPlan>(rows, [](const Rows& row) {
        return FoundCarrierPlan{row.boolean(0, 0), row.boolean(0, 1), row.optional_text(0, 2),
                                row.optional_integer(0, 3)};
    });
}

Result<bool> has_communication_plan(db::Transaction& transaction, std::int64_t tenant_id,
                                    std::int64_t service_provider_id, const std::string& name) {
    const auto rows = transaction.exec(kHasCommunicationPlan,
                                       Params().add(tenant_id).add(service_provider_id).add(name));
    if (!rows) return rows.error();
    return rows->boolean(0, 0);
}

Result<BulkChangeId> insert_change(db::Transaction& transaction, const NewChange& change,
                                   const VerdictTotals& totals, base::Instant now) {
    Params params;
    params.add(change.tenant_id).add(change.service_provider_id).add(to_string(change.type));
    params.add(change.portal).add(change.status).add(change.request).add(change.source);
    params.add(change.file_name).add(change.correlation_id).add(change.created_by).add(now);
    params.add(totals.rows).add(totals.refused).add(totals.open_pages);
    params.add(change.change_set_id).add(change.undoes);
    params.add(change.follows ? std::optional(change.follows->value) : std::nullopt);
    const auto rows = transaction.exec(kInsertChange, params);
    if (!rows) return rows.error();
    return BulkChangeId{rows->integer(0, 0)};
}

Result<void> insert_devices(db::Transaction& transaction, BulkChangeId id, const NewChange& change,
                            const VerdictTotals& totals, base::Instant now) {
    const auto devices = transaction.exec(insert_devices_query().of(change.type),
                                          Params().add(change.tenant_id).add(id).add(now));
    if (!devices) return devices.error();
    CHECK(static_cast<std::int64_t>(devices->affected()) == totals.rows);
    if (totals.refused > 0) {
        const auto log = transaction.exec(kInsertLog, Params()
                                                          .add(change.tenant_id)
                                                          .add(id)
                                                          .add(now)
                                                          .add(change.portal)
                                                          .add(change.log_description)
                                                          .add(kProcessBy)
                                                          .add(change.correlation_id));
        if (!log) return log.error();
    }
    CARRYALL_TRY(store_control(transaction, change.tenant_id, id, change.control));
    if (!change.control.waves.empty()) {
        return insert_wave_pages(transaction, change.tenant_id, id, change.control,
                                 change.page_size);
    }
    const auto pages = transaction.exec(
        kInsertPages, Params().add(change.tenant_id).add(id).add(change.page_size));
    if (!pages) return pages.error();
    return {};
}

Result<void> notify_change(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id) {
    const auto done = transaction.exec(
        kNotify, Params().add(std::to_string(tenant_id) + ':' + base::to_string(id)));
    if (!done) return done.error();
    return {};
}

Result<StoredSubmission> read_submission(db::Transaction& transaction, std::int64_t tenant_id,
                                         BulkChangeId id) {
    const auto change = transaction.exec(kReadSubmission, Params().add(tenant_id).add(id));
    if (!change) return change.error();
    if (change->empty()) return base::not_found("the bulk change was not found");
    StoredSubmission stored;
    stored.status = change->string(0, 0);
    stored.correlation_id = change->string(0, 1);
    stored.device_count = change->integer(0, 2);
    stored.additional_id = {change->optional_integer(0, 3).value_or(0)};
    stored.waits_for_approval = change->boolean(0, 4);
    const auto refusals =
        transaction.exec(refusals_query(), Params().add(tenant_id).add(id).add(kMaxCountedReasons));
    if (!refusals) return refusals.error();
    stored.reasons = reason_counts(*refusals);
    stored.refused = refusals->empty() ? 0 : refusals->integer(0, 2);
    return stored;
}

}  // namespace carryall::changes
