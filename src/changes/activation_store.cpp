// What an activation's devices and those of the change that follows it know of each other. The
// devices of both changes have the same ordinals.
#include "changes/activation.hpp"

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

}  // namespace

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
