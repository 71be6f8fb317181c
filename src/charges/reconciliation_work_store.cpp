// Claims and pages. What must stay true: the fence is locked first in every transaction, so that
// nothing is written once another worker has claimed the reconciliation.
#include "charges/reconciliation_work_store.hpp"

#include <set>

namespace carryall::charges {
namespace {

using billing::revio::ChargeRecord;
using db::Array;
using db::Params;
using db::Query;

constexpr Query kDue{"reconciliation_due",
                     "SELECT tenant, reconciliation FROM due_charge_reconciliations() "
                     "ORDER BY due_since, reconciliation"};

// One whose lease ran out was lost by a worker that died.
constexpr Query kClaim{"reconciliation_claim", R"(
    WITH due AS (
        SELECT charge_reconciliation_id, state FROM charge_reconciliation
        WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND state IN ('queued', 'running')
          AND available_at <= now() FOR UPDATE SKIP LOCKED)
    UPDATE charge_reconciliation r
    SET state = 'running', attempt = r.attempt + 1, worker = $3,
        available_at = now() + make_interval(secs => $4::int),
        lost_count = r.lost_count + (due.state = 'running')::int,
        started_at = coalesce(r.started_at, now())
    FROM due
    WHERE r.tenant_id = $1 AND r.charge_reconciliation_id = due.charge_reconciliation_id
    RETURNING r.attempt, r.retry_number, r.lost_count)"};

constexpr Query kExtend{"reconciliation_extend", R"(
    UPDATE charge_reconciliation
    SET available_at = clock_timestamp() + make_interval(secs => $4::int)
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
      AND state = 'running')"};

constexpr Query kRelease{"reconciliation_release", R"(
    UPDATE charge_reconciliation
    SET state = 'queued', worker = NULL, lost_count = 0, retry_number = $4::int,
        available_at = now() + $5::bigint * interval '1 millisecond', reason = $6
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
      AND state = 'running')"};

constexpr Query kFail{"reconciliation_fail", R"(
    UPDATE charge_reconciliation
    SET state = 'failed', worker = NULL, reason = $4, finished_at = now()
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
      AND state = 'running')"};

constexpr Query kFence{"reconciliation_fence", R"(
    SELECT FROM charge_reconciliation
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
      AND state = 'running' FOR UPDATE)"};

constexpr Query kSettlingLeft{"reconciliation_settling_left", R"(
    SELECT greatest(0, ceil(extract(epoch FROM max(c.settled_at) - now()) * 1000)
                       + $3::bigint * 1000)::bigint
    FROM charge_reconciliation r
    JOIN charge_run_part p ON p.tenant_id = $1 AND p.integration_authentication_id IS NOT NULL
        AND CASE WHEN r.charge_run_id IS NOT NULL THEN p.charge_run_id = r.charge_run_id
                 ELSE p.integration_authentication_id = r.integration_authentication_id
                      AND p.billing_period_start = r.billing_period_start
                      AND p.billing_period_end = r.billing_period_end END
    JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
        AND c.part_number = p.part_number AND c.state = 'charged'
    WHERE r.tenant_id = $1 AND r.charge_reconciliation_id = $2)"};

constexpr Query kBegin{"reconciliation_begin_customers", R"(
    WITH fence AS (
        SELECT FROM charge_reconciliation
        WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3
          AND state = 'running'),
    next AS (
        SELECT k.service_provider_id, k.rev_customer_id
        FROM fence, charge_reconciliation_customer k
        WHERE k.tenant_id = $1 AND k.charge_reconciliation_id = $2 AND k.read_at IS NULL
          AND k.service_provider_id = (
              SELECT min(o.service_provider_id) FROM charge_reconciliation_customer o
              WHERE o.tenant_id = $1 AND o.charge_reconciliation_id = $2 AND o.read_at IS NULL)
        ORDER BY k.rev_customer_id LIMIT $4::int)
    UPDATE charge_reconciliation_customer k
    SET started_at = coalesce(k.started_at, clock_timestamp())
    FROM next
    WHERE k.tenant_id = $1 AND k.charge_reconciliation_id = $2
      AND k.service_provider_id = next.service_provider_id
      AND k.rev_customer_id = next.rev_customer_id
    RETURNING k.service_provider_id, k.rev_customer_id, k.look, k.page_count, k.resume)"};

constexpr Query kStoreRecords{"reconciliation_store_records", R"(
    INSERT INTO revio_charge_reading (tenant_id, charge_reconciliation_id, service_provider_id,
        rev_customer_id, look, page_number, revio_charge_id, revio_service_id, product_id,
        product_type_id, bill_id, amount, description, start_date, end_date, created_date)
    SELECT $1, $2, r.* FROM unnest($3::bigint[], $4::bigint[], $5::smallint[], $6::integer[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::numeric[],
        $13::text[], $14::date[], $15::date[], $16::text[]) r)"};

constexpr Query kStorePlaces{"reconciliation_store_places", R"(
    UPDATE charge_reconciliation_customer k
    SET page_count = k.page_count + 1, resume = p.resume::jsonb,
        read_at = CASE WHEN p.is_last THEN clock_timestamp() END
    FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::boolean[])
        AS p(service_provider_id, rev_customer_id, resume, is_last)
    WHERE k.tenant_id = $1 AND k.charge_reconciliation_id = $2
      AND k.service_provider_id = p.service_provider_id
      AND k.rev_customer_id = p.rev_customer_id)"};

constexpr Query kAdvance{"reconciliation_advance", R"(
    UPDATE charge_reconciliation
    SET page_count = page_count + $4::bigint, record_count = record_count + $5::bigint,
        retry_number = 0, lost_count = 0, reason = NULL,
        available_at = clock_timestamp() + make_interval(secs => $6::int)
    WHERE tenant_id = $1 AND charge_reconciliation_id = $2 AND attempt = $3)"};

Params fence_of(const ClaimedReconciliation& claim) {
    return Params().add(claim.tenant_id).add(claim.id).add(claim.attempt);
}

Params which(const ClaimedReconciliation& claim) {
    return Params().add(claim.tenant_id).add(claim.id);
}

Result<bool> update_one(db::Connection& connection, const ClaimedReconciliation& claim,
                        const Query& query, const Params& params) {
    CARRYALL_TRY(connection.work_for_tenant(claim.tenant_id));
    const auto rows = connection.exec(query, params);
    if (!rows) return rows.error();
    return rows->affected() == 1;
}

void add_date_or_null(Array& array, const std::string& date) {
    date.empty() ? array.add_null() : array.add(date);
}

// Rev.io's records as columns.
class RecordColumns {
  public:
    void add(const ReadPage& read, const ChargeRecord& record) {
        accounts_.add(read.customer.service_provider_id);
        customers_.add(read.customer.rev_customer_id);
        looks_.add(static_cast<std::int64_t>(read.customer.look));
        pages_.add(static_cast<std::int64_t>(read.customer.page_count) + 1);
        ids_.add(record.charge_id);
        services_.add(record.service_id);
        products_.add(record.product_id);
        types_.add(record.product_type_id);
        bills_.add(record.bill_id);
        record.amount ? amounts_.add(record.amount->text()) : amounts_.add_null();
        descriptions_.add(record.description);
        add_date_or_null(starts_, record.start_date);
        add_date_or_null(ends_, record.end_date);
        created_.add(record.created_date);
        ++count_;
    }
    std::int64_t count() const { return count_; }
    void take_into(Params& params) {
        for (Array* array :
             {&accounts_, &customers_, &looks_, &pages_, &ids_, &services_, &products_, &types_,
              &bills_, &amounts_, &descriptions_, &starts_, &ends_, &created_}) {
            params.add(array->take());
        }
    }

  private:
    Array accounts_, customers_, looks_, pages_, ids_, services_, products_, types_, bills_,
        amounts_, descriptions_, starts_, ends_, created_;
    std::int64_t count_ = 0;
};

Result<bool> store_in(db::Transaction& transaction, const ClaimedReconciliation& claim,
                      const std::vector<ReadPage>& pages, std::chrono::seconds lease) {
    const auto fence = transaction.exec(kFence, fence_of(claim));
    if (!fence) return fence.error();
    if (fence->empty()) return false;
    RecordColumns records;
    Array accounts, customers, resumes, ends;
    for (const ReadPage& read : pages) {
        std::set<std::int64_t> ids;
        for (const ChargeRecord& record : read.page.records) {
            if (ids.insert(record.charge_id).second) records.add(read, record);
        }
        accounts.add(read.customer.service_provider_id);
        customers.add(read.customer.rev_customer_id);
        read.page.resume.is_null() ? resumes.add_null()
                                   : resumes.add(base::json::serialize(read.page.resume));
        ends.add(read.page.is_last);
    }
    const std::int64_t count = records.count();
    if (count > 0) {
        Params params = which(claim);
        records.take_into(params);
        CARRYALL_TRY(transaction.exec(kStoreRecords, params));
    }
    Params places = which(claim);
    for (Array* array : {&accounts, &customers, &resumes, &ends}) places.add(array->take());
    CARRYALL_TRY(transaction.exec(kStorePlaces, places));
    CARRYALL_TRY(transaction.exec(kAdvance, fence_of(claim)
                                                .add(static_cast<std::int64_t>(pages.size()))
                                                .add(count)
                                                .add(lease.count())));
    return true;
}

}  // namespace

Result<std::vector<DueReconciliation>> due_reconciliations(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kDue);
    if (!rows) return rows.error();
    std::vector<DueReconciliation> due;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        due.push_back({rows->integer(i, 0), {rows->integer(i, 1)}});
    }
    return due;
}

Result<std::optional<ClaimedReconciliation>> claim_reconciliation(db::Connection& connection,
                                                                  const DueReconciliation& due,
                                                                  const std::string& worker,
                                                                  std::chrono::seconds lease) {
    CARRYALL_TRY(connection.work_for_tenant(due.tenant_id));
    const auto rows = connection.exec(
        kClaim, Params().add(due.tenant_id).add(due.id).add(worker).add(lease.count()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ClaimedReconciliation>();
    return std::optional(ClaimedReconciliation{
        due.tenant_id, due.id, static_cast<int>(rows->integer(0, 0)),
        static_cast<int>(rows->integer(0, 1)), static_cast<int>(rows->integer(0, 2))});
}

Result<bool> extend_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                   std::chrono::seconds lease) {
    return update_one(connection, claim, kExtend, fence_of(claim).add(lease.count()));
}

Result<bool> release_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                    const ReconciliationPause& pause) {
    return update_one(
        connection, claim, kRelease,
        fence_of(claim).add(pause.retry_number).add(pause.due_in.count()).add(pause.reason));
}

Result<bool> fail_reconciliation(db::Connection& connection, const ClaimedReconciliation& claim,
                                 const std::string& reason) {
    return update_one(connection, claim, kFail, fence_of(claim).add(reason));
}

Result<std::chrono::milliseconds> settling_left(db::Connection& connection,
                                                const ClaimedReconciliation& claim,
                                                std::chrono::seconds settling) {
    CARRYALL_TRY(connection.work_for_tenant(claim.tenant_id));
    const auto rows = connection.exec(kSettlingLeft, which(claim).add(settling.count()));
    if (!rows) return rows.error();
    return std::chrono::milliseconds(rows->integer(0, 0));
}

Result<std::vector<UnreadCustomer>> begin_customers(db::Connection& connection,
                                                    const ClaimedReconciliation& claim, int most) {
    CARRYALL_TRY(connection.work_for_tenant(claim.tenant_id));
    const auto rows = connection.exec(kBegin, fence_of(claim).add(most));
    if (!rows) return rows.error();
    std::vector<UnreadCustomer> customers;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        UnreadCustomer one{rows->integer(i, 0), rows->integer(i, 1),
                           static_cast<int>(rows->integer(i, 2)),
                           static_cast<int>(rows->integer(i, 3)), nullptr};
        if (!rows->is_null(i, 4)) {
            auto resume = base::parse_json(rows->text(i, 4));
            CHECK(resume.has_value());
            one.resume = std::move(*resume);
        }
        customers.push_back(std::move(one));
    }
    return customers;
}

Result<bool> store_pages(db::Connection& connection, const ClaimedReconciliation& claim,
                         const std::vector<ReadPage>& pages, std::chrono::seconds lease) {
    return db::in_transaction<bool>(connection, claim.tenant_id, [&](db::Transaction& transaction) {
        return store_in(transaction, claim, pages, lease);
    });
}

}  // namespace carryall::charges
