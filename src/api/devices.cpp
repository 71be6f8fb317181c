// /v1/devices: search, detail and history. Devices are made by imports and changed by imports and
// bulk changes, so there is nothing to write here.
#include "api/api.hpp"
#include "api/or_null.hpp"
#include "devices/device.hpp"
#include "sync/events.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using devices::Device;
using devices::DeviceFilter;
using http::Response;
using tenants::Permission;

template <class Tag>
json::value id_or_null(base::Id<Tag> id) {
    if (!id) return nullptr;
    return id.value;
}

json::object document_of(const Device& device) {
    return {{"deviceId", device.id.value},
            {"iccid", device.iccid},
            {"imei", or_null(device.imei)},
            {"msisdn", or_null(device.msisdn)},
            {"ipAddress", or_null(device.ip_address)},
            {"status", device.status},
            {"portal", device.portal},
            {"isArchived", device.is_archived},
            {"serviceProviderId", device.service_provider_id.value},
            {"serviceProvider", device.service_provider},
            {"carrierRatePlanId", id_or_null(device.carrier_rate_plan_id)},
            {"carrierRatePlan", or_null(device.carrier_rate_plan)},
            {"communicationPlanId", id_or_null(device.communication_plan_id)},
            {"communicationPlan", or_null(device.communication_plan)},
            {"customerId", id_or_null(device.customer_id)},
            {"customer", or_null(device.customer)},
            {"revCustomerId", or_null(device.rev_customer_id)},
            {"siteId", id_or_null(device.site_id)},
            {"site", or_null(device.site)},
            {"accountNumber", or_null(device.account_number)},
            {"revServiceId", or_null(device.rev_service_id)},
            {"customerRatePlanId", id_or_null(device.customer_rate_plan_id)},
            {"customerRatePlan", or_null(device.customer_rate_plan)},
            {"customerRatePoolId", id_or_null(device.customer_rate_pool_id)},
            {"customerRatePool", or_null(device.customer_rate_pool)},
            {"customerDataAllocationMB", or_null(device.customer_data_allocation_mb)},
            {"createdAt", device.created_at},
            {"modifiedAt", device.modified_at}};
}

// What the carrier said of the line, as far as a reading told.
json::value document_of(const std::optional<sync::CarrierView>& view) {
    if (!view) return nullptr;
    return json::object{{"iccid", or_null(view->iccid)},
                        {"msisdn", or_null(view->msisdn)},
                        {"imei", or_null(view->imei)},
                        {"status", or_null(view->status)},
                        {"carrierStatus", or_null(view->carrier_status)},
                        {"ratePlan", or_null(view->rate_plan)},
                        {"communicationPlan", or_null(view->communication_plan)},
                        {"group", or_null(view->group)},
                        {"details", view->details},
                        {"modifiedAt", or_null(view->modified_at)},
                        {"readAt", view->read_at},
                        {"isGone", view->is_gone},
                        {"syncId", view->sync_id.value}};
}

json::object document_of(const devices::HistoryEntry& entry) {
    return {{"occurredAt", entry.occurred_at},
            {"kind", entry.kind},
            {"source", entry.source},
            {"actor", entry.actor},
            {"bulkChangeId", or_null(entry.bulk_change_id)},
            {"deviceChangeId", or_null(entry.device_change_id)},
            {"status", entry.status},
            {"description", entry.description},
            {"detail", entry.detail}};
}

json::object document_of(const sync::CarrierEvent& event) {
    return {{"eventId", event.id},          {"occurredAt", event.occurred_at},
            {"kind", event.kind},           {"before", event.before},
            {"after", event.after},         {"lineId", event.line_id},
            {"syncId", event.sync_id.value}};
}

template <class Tag>
Result<void> read_id(const Call& call, std::string_view name, base::Id<Tag>& id) {
    const auto value = call.query_integer(name);
    if (!value) return value.error();
    id = {value->value_or(0)};
    return {};
}

Result<DeviceFilter> filter_of(const Call& call) {
    DeviceFilter filter;
    filter.iccid = call.query("iccid");
    filter.imei = call.query("imei");
    filter.msisdn = call.query("msisdn");
    filter.status = call.query("status");
    filter.portal = call.query("portal");
    CARRYALL_TRY(read_id(call, "customerId", filter.customer_id));
    CARRYALL_TRY(read_id(call, "siteId", filter.site_id));
    CARRYALL_TRY(read_id(call, "serviceProviderId", filter.service_provider_id));
    CARRYALL_TRY(read_id(call, "carrierRatePlanId", filter.carrier_rate_plan_id));
    CARRYALL_TRY(read_id(call, "customerRatePlanId", filter.customer_rate_plan_id));
    CARRYALL_TRY(read_id(call, "customerRatePoolId", filter.customer_rate_pool_id));
    const auto archived = call.query_flag("archived");
    if (!archived) return archived.error();
    filter.archived = *archived;
    return filter;
}

constexpr auto kShown = [](const auto& item) { return document_of(item); };

Result<Response> search(Call& call) {
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    const auto order = devices::DeviceOrder::parse(call.query("sort").value_or(""));
    if (!order) return order.error();
    return list_response(call, devices::search_devices, kShown, *filter, *order);
}

Result<Response> get(Call& call) {
    const auto id = call.id("deviceId", "device");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto device = devices::get_device(**database, call.caller.tenant_id, {*id});
    if (!device) return device.error();
    const auto view = sync::carrier_view(**database, call.caller.tenant_id, {*id});
    if (!view) return view.error();
    json::object document = document_of(*device);
    document["carrier"] = document_of(*view);
    return json_response(document);
}

// A page of what `list` knows of the device.
template <class List>
Result<Response> list_of_device(Call& call, List list) {
    const auto id = call.id("deviceId", "device");
    if (!id) return id.error();
    return list_response(call, list, kShown, devices::DeviceId{*id});
}

}  // namespace

void add_device_routes(Routes& routes) {
    using http::Method;
    routes.add({.method = Method::get,
                .pattern = "/v1/devices",
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"iccid", "imei", "msisdn", "status", "portal", "customerId", "siteId",
                          "serviceProviderId", "carrierRatePlanId", "customerRatePlanId",
                          "customerRatePoolId", "archived", "sort", "limit", "pageToken"},
                .handler = search});
    routes.add({.method = Method::get,
                .pattern = "/v1/devices/{deviceId}",
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = get});
    routes.add(
        {.method = Method::get,
         .pattern = "/v1/devices/{deviceId}/history",
         .permission = Permission::read,
         .rate = RateClass::read,
         .query = {"limit", "pageToken"},
         .handler = [](Call& call) { return list_of_device(call, devices::device_history); }});
    routes.add({.method = Method::get,
                .pattern = "/v1/devices/{deviceId}/carrier-events",
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"limit", "pageToken"},
                .handler = [](Call& call) { return list_of_device(call, sync::carrier_events); }});
}

}  // namespace carryall::api
