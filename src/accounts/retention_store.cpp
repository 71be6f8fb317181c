// Deletes by age, oldest first. Several workers at once take different rows.
#include "accounts/retention.hpp"
#include "tenants/tenant.hpp"

namespace carryall::accounts {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr Query kForgetFigures{"account_forget_figures", R"(
    DELETE FROM account_minute m USING (
        SELECT pacing_key, minute FROM account_minute
        WHERE minute < coalesce($1::timestamptz, now()) - make_interval(days => $2::int)
        ORDER BY minute LIMIT $3::int FOR UPDATE SKIP LOCKED) old
    WHERE m.pacing_key = old.pacing_key AND m.minute = old.minute)"};

constexpr Query kForgetCallbacks{"callback_forget", R"(
    DELETE FROM carrier_callback k USING (
        SELECT carrier_callback_id FROM carrier_callback
        WHERE tenant_id = $1 AND state <> 'new'
          AND received_at < coalesce($2::timestamptz, now()) - make_interval(days => $3::int)
        ORDER BY received_at LIMIT $4::int FOR UPDATE SKIP LOCKED) old
    WHERE k.tenant_id = $1 AND k.carrier_callback_id = old.carrier_callback_id)"};

}  // namespace

Result<Forgotten> forget_old(db::Connection& connection, std::chrono::days callbacks_kept,
                             std::optional<base::Instant> now) {
    CHECK(callbacks_kept.count() >= kLeastCallbackDays);
    Forgotten forgotten;
    const auto figures = connection.exec(
        kForgetFigures, Params().add(now).add(kFiguresKept.count()).add(kForgetBatch));
    if (!figures) return figures.error();
    forgotten.figures = static_cast<std::int64_t>(figures->affected());
    forgotten.is_more = forgotten.figures == kForgetBatch;
    const auto tenants = tenants::active_tenants(connection);
    if (!tenants) return tenants.error();
    for (const std::int64_t tenant : *tenants) {
        CARRYALL_TRY(connection.work_for_tenant(tenant));
        const auto rows = connection.exec(
            kForgetCallbacks,
            Params().add(tenant).add(now).add(callbacks_kept.count()).add(kForgetBatch));
        if (!rows) return rows.error();
        forgotten.callbacks += static_cast<std::int64_t>(rows->affected());
        forgotten.is_more = forgotten.is_more || rows->affected() == kForgetBatch;
    }
    CARRYALL_TRY(connection.work_for_tenant(0));
    return forgotten;
}

}  // namespace carryall::accounts
