// Asking for syncs: what may be asked of which carrier.
#include "sync/sync.hpp"

#include "sync/store.hpp"

namespace carryall::sync {
namespace {

using carriers::Integration;

Result<void> check_kind(const carriers::Carrier* carrier, const std::string& integration,
                        SyncKind kind) {
    const auto parsed = carriers::parse_integration(integration);
    const std::string name =
        parsed ? std::string(carriers::display_name(*parsed)) : "\"" + integration + '"';
    if (carrier == nullptr || !carrier->capabilities().inventory_sync) {
        return base::invalid_input("this version cannot read the inventory of " + name);
    }
    if (kind == SyncKind::incremental && !carrier->capabilities().incremental_sync) {
        return base::invalid_input(
            name + " does not tell what changed since the last reading; ask for a full one",
            "/kind");
    }
    return {};
}

}  // namespace

std::string_view to_string(SyncKind kind) {
    return kind == SyncKind::full ? "full" : "incremental";
}

std::optional<SyncKind> parse_sync_kind(std::string_view text) {
    if (text == "full") return SyncKind::full;
    if (text == "incremental") return SyncKind::incremental;
    return std::nullopt;
}

Result<RequestedSync> request_sync(db::Connection& connection, const tenants::Caller& caller,
                                   ServiceProviderId provider, SyncKind kind,
                                   const FindCarrier& find) {
    const auto target = read_target(connection, caller.tenant_id, provider);
    if (!target) return target.error();
    const auto integration = carriers::parse_integration(target->integration);
    CARRYALL_TRY(check_kind(integration ? find(*integration) : nullptr, target->integration, kind));
    if (!target->is_active) {
        return base::Error{base::ErrorKind::conflict,
                           "this service provider is not active; activate it first",
                           {}};
    }
    return insert_sync(connection, caller, provider, kind);
}

Result<std::int64_t> schedule_syncs(db::Connection& connection, const FindCarrier& find) {
    ScheduledIntegrations able;
    for (const auto integration : {Integration::jasper, Integration::thingspace, Integration::pond,
                                   Integration::telegence, Integration::revio}) {
        const carriers::Carrier* carrier = find(integration);
        if (carrier == nullptr || !carrier->capabilities().inventory_sync) continue;
        const std::string name(carriers::to_string(integration));
        able.all.push_back(name);
        if (carrier->capabilities().incremental_sync) able.incremental.push_back(name);
    }
    return insert_scheduled_syncs(connection, able);
}

}  // namespace carryall::sync
