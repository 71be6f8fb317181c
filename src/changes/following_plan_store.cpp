// What is special about plans of activations: a plan follows them, and SIMs get their device
// records only when they are applied.
#include "changes/image_store.hpp"
#include "changes/plan_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr const char* kClearRows = "TRUNCATE plan_row";

// What an assignment names, as submission looks it up.
constexpr Query kRefuseGone{"plan_refuse_gone", R"(
    UPDATE plan_row r SET problem = coalesce(r.problem, CASE
        WHEN r.section ->> 'customerId' IS NOT NULL AND NOT EXISTS (
            SELECT FROM customer c WHERE c.tenant_id = $1 AND c.is_active
              AND c.customer_id = (r.section ->> 'customerId')::bigint) THEN 'Customer not found'
        WHEN r.section ->> 'revCustomerId' IS NOT NULL AND NOT EXISTS (
            SELECT FROM customer c WHERE c.tenant_id = $1 AND c.is_active
              AND c.rev_customer_id = r.section ->> 'revCustomerId') THEN 'Rev Customer not found'
        WHEN r.section ->> 'siteId' IS NOT NULL AND NOT EXISTS (
            SELECT FROM site s WHERE s.tenant_id = $1 AND s.is_active
              AND s.site_id = (r.section ->> 'siteId')::bigint) THEN 'Site not found for customer'
        WHEN r.section ->> 'customerRatePlanId' IS NOT NULL AND NOT EXISTS (
            SELECT FROM customer_rate_plan p WHERE p.tenant_id = $1 AND p.is_active
              AND p.customer_rate_plan_id = (r.section ->> 'customerRatePlanId')::bigint)
            THEN 'Invalid customer rate plan'
        WHEN r.section ->> 'customerRatePoolId' IS NOT NULL AND NOT EXISTS (
            SELECT FROM customer_rate_pool p WHERE p.tenant_id = $1 AND p.is_active
              AND p.customer_rate_pool_id = (r.section ->> 'customerRatePoolId')::bigint)
            THEN 'Invalid customer rate pool' END))"};

// The values before are those of the record that was just made.
const QueryByType& adopt_query() {
    static const QueryByType queries("plan_adopt_devices", [](ChangeType type) {
        return R"(
    UPDATE device_change c
    SET device_id = v.device_id, before = )" +
               image_of_device(type) + R"(
    FROM submit_verdict v JOIN device d ON d.tenant_id = $1 AND d.device_id = v.device_id)" +
               image_joins(type) + R"(
    WHERE c.tenant_id = $1 AND c.device_change_id = ($2::bigint << 20) + v.ordinal
      AND c.device_id IS NULL AND v.reason IS NULL)";
    });
    return queries;
}

constexpr Query kLockFollowing{"plan_lock_following", R"(
    SELECT bulk_change_id, open_page_count FROM bulk_change
    WHERE tenant_id = $1 AND follows_bulk_change_id = $2 AND status = $3 FOR UPDATE)"};

Result<void> without_rows(const Result<db::Rows>& rows) {
    if (!rows) return rows.error();
    return {};
}

}  // namespace

Result<void> refuse_gone(db::Transaction& transaction, std::int64_t tenant_id) {
    return without_rows(transaction.exec(kRefuseGone, Params().add(tenant_id)));
}

Result<void> clear_plan_rows(db::Transaction& transaction) {
    return transaction.exec_text(kClearRows);
}

Result<void> adopt_devices(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                           ChangeType type) {
    return without_rows(transaction.exec(adopt_query().of(type), Params().add(tenant_id).add(id)));
}

Result<FollowingChange> lock_following(db::Transaction& transaction, std::int64_t tenant_id,
                                       BulkChangeId id, std::string_view status) {
    const auto rows = transaction.exec(kLockFollowing, Params().add(tenant_id).add(id).add(status));
    if (!rows) return rows.error();
    if (rows->empty()) return FollowingChange{};
    return FollowingChange{{rows->integer(0, 0)}, rows->integer(0, 1)};
}

}  // namespace carryall::changes
