// /v1/optimization-instances: what the optimiser found, by JSON and by file, and which queues win.
#include "api/api.hpp"
#include "api/bad_rows.hpp"
#include "api/or_null.hpp"
#include "charges/optimization.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using charges::CommGroup;
using charges::Instance;
using charges::InstanceId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/optimization-instances";
constexpr const char* kOne = "/v1/optimization-instances/{instanceId}";
constexpr const char* kResults = "/v1/optimization-instances/{instanceId}/device-results";

json::object document_of(const Instance& instance) {
    return {{"instanceId", instance.id.value},
            {"portalType", charges::to_string(instance.portal_type)},
            {"portalTypeId", static_cast<int>(instance.portal_type)},
            {"customerId", instance.customer_id},
            {"customer", instance.customer},
            {"revCustomerId", or_null(instance.rev_customer_id)},
            {"integrationAuthenticationId", or_null(instance.integration_authentication_id)},
            {"billingPeriodStart", instance.billing_period_start},
            {"billingPeriodEnd", instance.billing_period_end},
            {"runEndTime", or_null(instance.run_end_time)},
            {"customerEmails",
             json::array(instance.customer_emails.begin(), instance.customer_emails.end())},
            {"commGroupCount", instance.comm_group_count},
            {"queueCount", instance.queue_count},
            {"isCharged", instance.charge_run_id.has_value()},
            {"chargeRunId", or_null(instance.charge_run_id)},
            {"importedBy", instance.imported_by},
            {"importedAt", instance.imported_at}};
}

json::object document_of(const CommGroup& group) {
    json::array queues;
    for (const charges::Queue& queue : group.queues) {
        queues.push_back(json::object{{"queueId", queue.id.value},
                                      {"totalCost", or_null(queue.total_cost)},
                                      {"runEndTime", or_null(queue.run_end_time)},
                                      {"m2mResultCount", queue.m2m_result_count},
                                      {"mobilityResultCount", queue.mobility_result_count},
                                      {"isWinning", queue.id == group.winning.queue_id}});
    }
    json::object document{{"commGroupId", group.id.value},
                          {"winningQueueId", nullptr},
                          {"noWinnerReason", nullptr},
                          {"queues", std::move(queues)}};
    if (group.winning.queue_id) {
        document["winningQueueId"] = group.winning.queue_id.value;
    } else {
        document["noWinnerReason"] = group.winning.reason;
    }
    return document;
}

json::object document_of(const charges::InstanceDetails& details) {
    json::object document = document_of(details.instance);
    json::array groups;
    for (const CommGroup& group : details.comm_groups) groups.push_back(document_of(group));
    document["commGroups"] = std::move(groups);
    return document;
}

json::object document_of(const charges::ResultsReport& report, bool dry_run) {
    json::object document = document_of_rows(report, dry_run);
    document["removedCount"] = report.removed_rows;
    return document;
}

Result<InstanceId> instance_id(const Call& call) {
    const auto id = call.id("instanceId", "optimization instance");
    if (!id) return id.error();
    return InstanceId{*id};
}

Result<Response> list(Call& call) {
    charges::InstanceFilter filter;
    const auto customer = call.query_integer("customerId");
    if (!customer) return customer.error();
    filter.customer_id = *customer;
    if (const auto portal = call.query("portalType")) {
        filter.portal_type = charges::parse_portal_type(*portal);
        if (!filter.portal_type) {
            return bad_parameter("portalType", "portalType must be m2m, mobility or crossProvider");
        }
    }
    const auto charged = call.query_flag("isCharged");
    if (!charged) return charged.error();
    filter.is_charged = *charged;
    return list_response(
        call, charges::list_instances, [](const Instance& item) { return document_of(item); },
        filter);
}

Result<Response> show(Call& call, db::Connection& connection, InstanceId id, int status) {
    const auto details = charges::get_instance(connection, call.caller.tenant_id, id);
    if (!details) return details.error();
    return json_response(document_of(*details), status);
}

Result<Response> get(Call& call) {
    const auto id = instance_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    return show(call, **database, *id, 200);
}

Result<Response> put(Call& call) {
    const auto id = instance_id(call);
    if (!id) return id.error();
    const auto body = call.exact_json_body();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    base::JsonErrors mistakes;
    const auto done = charges::put_instance(**database, call.caller, *id, *body, mistakes);
    call.errors = mistakes.items();
    if (!done) return done.error();
    auto response = show(call, **database, *id, done->is_new ? 201 : 200);
    if (response && done->is_new) {
        response->headers.set("Location", std::string(kPath) + '/' + base::to_string(*id));
    }
    return response;
}

Result<Response> take_results(Call& call) {
    const auto id = instance_id(call);
    if (!id) return id.error();
    const auto dry_run = call.query_flag("dryRun");
    if (!dry_run) return dry_run.error();
    const bool is_dry = dry_run->value_or(false);
    if (call.request.body_bytes == 0) {
        return base::invalid_input("the file is empty; its first row must name the columns");
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto report =
        charges::import_results(**database, call.caller, *id, call.request.body_file, is_dry);
    if (!report) return report.error();
    if (!is_dry && report->bad > 0) return rows_refused(call, *report);
    return json_response(document_of(*report, is_dry));
}

}  // namespace

void add_optimization_instance_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = kPath,
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .query = {"customerId", "portalType", "isCharged", "limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::get,
                .pattern = kOne,
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .handler = get});
    routes.add({.method = Method::put,
                .pattern = kOne,
                .permission = Permission::billing_run,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = put});
    routes.add({.method = Method::post,
                .pattern = kResults,
                .permission = Permission::billing_run,
                .rate = RateClass::upload,
                .body = Body::table,
                .query = {"dryRun"},
                .handler = take_results});
}

}  // namespace carryall::api
