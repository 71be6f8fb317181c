// The SQL of approvals: which changes need one, and whose consent a change has.
#include "changes/control.hpp"
#include "changes/control_store.hpp"
#include "changes/request.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kNeeds{"approval_needs", R"(
    SELECT coalesce($2::bigint > approval_threshold_devices, false) FROM tenant WHERE id = $1)"};

constexpr Query kRequire{"approval_require", R"(
    UPDATE bulk_change b SET approval = 'required'
    FROM tenant t
    WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 AND t.id = $1
      AND b.approval = 'not_required' AND b.new_count > t.approval_threshold_devices)"};

constexpr Query kLock{"approval_lock", R"(
    SELECT b.status, b.finished_at IS NOT NULL, b.approval, b.plan_hash, b.approved_hash,
           b.created_by, b.applied_by, b.correlation_id, b.open_page_count,
           coalesce(b.first_due_at < now() - make_interval(hours => $3::int), false)
    FROM bulk_change b WHERE b.tenant_id = $1 AND b.bulk_change_id = $2 FOR UPDATE)"};

constexpr Query kApprove{"approval_store", R"(
    UPDATE bulk_change
    SET approval = 'approved', approved_hash = $3, approved_by = $4, approved_at = now()
    WHERE tenant_id = $1 AND bulk_change_id = $2)"};

}  // namespace

Result<bool> needs_approval(db::Transaction& transaction, std::int64_t tenant_id,
                            std::int64_t devices) {
    const auto rows = transaction.exec(kNeeds, Params().add(tenant_id).add(devices));
    if (!rows) return rows.error();
    return rows->boolean(0, 0);
}

Result<bool> require_approval(db::Transaction& transaction, std::int64_t tenant_id,
                              BulkChangeId id) {
    const auto rows = transaction.exec(kRequire, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    return rows->affected() > 0;
}

Result<std::optional<ApprovalRow>> lock_approval(db::Transaction& transaction,
                                                 std::int64_t tenant_id, BulkChangeId id) {
    const auto rows =
        transaction.exec(kLock, Params().add(tenant_id).add(id).add(kSameDay.count()));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<ApprovalRow>();
    const auto approval = parse_approval(rows->text(0, 2));
    CHECK(approval.has_value());  // the table allows no other
    ApprovalRow row;
    row.facts = {rows->string(0, 0), rows->boolean(0, 1),  *approval,          rows->string(0, 3),
                 rows->string(0, 4), {rows->string(0, 5)}, rows->boolean(0, 9)};
    if (const auto applied_by = rows->optional_text(0, 6)) row.facts.authors.push_back(*applied_by);
    row.correlation_id = rows->string(0, 7);
    row.open_page_count = rows->integer(0, 8);
    return std::optional(std::move(row));
}

Result<void> store_approval(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                            std::string_view by, std::string_view hash) {
    const auto rows = transaction.exec(kApprove, Params().add(tenant_id).add(id).add(hash).add(by));
    if (!rows) return rows.error();
    return {};
}

}  // namespace carryall::changes
