// /v1/charge-runs and /v1/charges: what is charged, how far it is, what a person may do about it.
#include "api/api.hpp"
#include "api/file_response.hpp"
#include "api/or_null.hpp"
#include "charges/enqueue.hpp"
#include "charges/preview.hpp"
#include "charges/run.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using charges::ChargeFileId;
using charges::ChargeRunId;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kRunPath = "/v1/charge-runs/{chargeRunId}";

json::object document_of(const charges::ChargeCounts& counts) {
    return {{"total", counts.total},     {"new", counts.fresh},         {"unknown", counts.unknown},
            {"charged", counts.charged}, {"recorded", counts.recorded}, {"skipped", counts.skipped},
            {"failed", counts.failed},   {"parked", counts.parked}};
}

json::object document_of(const charges::ChargeRun& run) {
    return {{"chargeRunId", run.id.value},
            {"source", run.source},
            {"state", run.state},
            {"hold", run.hold},
            {"holdReason", or_null(run.hold_reason)},
            {"holdBy", or_null(run.hold_by)},
            {"holdAt", or_null(run.hold_at)},
            {"instanceIds", json::array(run.instance_ids.begin(), run.instance_ids.end())},
            {"fileId", or_null(run.charge_file_id)},
            {"reason", or_null(run.reason)},
            {"note", or_null(run.note)},
            {"counts", document_of(run.counts)},
            {"totalAmount", run.counts.total_amount},
            {"chargedAmount", run.counts.charged_amount},
            {"createdBy", run.created_by},
            {"createdAt", run.created_at},
            {"startedAt", or_null(run.started_at)},
            {"finishedAt", or_null(run.finished_at)},
            {"correlationId", run.correlation_id}};
}

json::object document_of(const charges::ChargeRunPart& part) {
    return {{"partNumber", part.part_number},
            {"instanceId", or_null(part.instance_id)},
            {"commGroupId", or_null(part.comm_group_id)},
            {"queueId", part.queue_id},
            {"integrationAuthenticationId", or_null(part.integration_authentication_id)},
            {"customerId", or_null(part.customer_id)},
            {"customer", or_null(part.customer)},
            {"billingPeriodStart", part.billing_period_start},
            {"billingPeriodEnd", part.billing_period_end},
            {"state", part.state},
            {"note", or_null(part.note)},
            {"counts", document_of(part.counts)},
            {"totalAmount", part.counts.total_amount},
            {"chargedAmount", part.counts.charged_amount},
            {"listName", or_null(part.list_name)},
            {"listBytes", or_null(part.list_bytes)},
            {"listStoredAt", or_null(part.list_stored_at)},
            {"listError", or_null(part.list_error)},
            {"settledAt", or_null(part.settled_at)}};
}

json::object document_of(const charges::ChargeRunDetail& detail) {
    json::object document = document_of(detail.run);
    json::array parts;
    for (const charges::ChargeRunPart& part : detail.parts) parts.emplace_back(document_of(part));
    document["parts"] = std::move(parts);
    if (detail.estimate) {
        document["callsToGo"] = detail.estimate->calls;
        document["finishesInSeconds"] = or_null(detail.estimate->seconds);
    } else {
        document["callsToGo"] = 0;
        document["finishesInSeconds"] = nullptr;
    }
    return document;
}

json::object document_of(const charges::Charge& charge) {
    return {{"chargeId", charge.id.value},
            {"chargeRunId", charge.run.value},
            {"partNumber", charge.part_number},
            {"queueId", charge.queue_id},
            {"deviceId", charge.device_id},
            {"iccid", charge.iccid},
            {"msisdn", or_null(charge.msisdn)},
            {"customerId", charge.customer_id},
            {"customer", charge.customer},
            {"kind", charge.kind},
            {"billingPeriodStart", charge.billing_period_start},
            {"billingPeriodEnd", charge.billing_period_end},
            {"startDate", charge.start_date},
            {"endDate", charge.end_date},
            {"generation", charge.generation},
            {"reversesChargeId", or_null(charge.reverses_charge_id)},
            {"amount", charge.amount},
            {"description", charge.description},
            {"marker", charge.marker},
            {"productId", or_null(charge.product_id)},
            {"productTypeId", or_null(charge.product_type_id)},
            {"revCustomerId", or_null(charge.rev_customer_id)},
            {"revServiceId", or_null(charge.revio_service_id)},
            {"state", charge.state},
            {"reason", or_null(charge.reason)},
            {"revChargeId", or_null(charge.revio_charge_id)},
            {"isAdopted", charge.is_adopted},
            {"dueAt", or_null(charge.due_at)},
            {"settledAt", or_null(charge.settled_at)}};
}

json::object document_of(const charges::ChargeDetail& detail) {
    json::object document = document_of(detail.charge);
    document["reversedByChargeId"] = or_null(detail.reversed_by_charge_id);
    json::array steps;
    for (const charges::ChargeStep& step : detail.steps) {
        steps.emplace_back(json::object{{"attempt", step.attempt},
                                        {"step", step.step},
                                        {"description", step.description},
                                        {"action", step.action},
                                        {"request", step.request},
                                        {"response", step.response},
                                        {"status", step.status},
                                        {"error", or_null(step.error)},
                                        {"startedAt", step.started_at},
                                        {"processedAt", step.processed_at}});
    }
    document["log"] = std::move(steps);
    return document;
}

json::object document_of(const charges::PreviewCustomer& one) {
    return {{"customerId", one.customer_id},
            {"customer", one.customer},
            {"chargeCount", one.charges},
            {"amount", one.amount},
            {"parkedAmount", one.parked_amount},
            {"lastPeriodAmount", or_null(one.last_amount)},
            {"lastPeriodStart", or_null(one.last_period_start)}};
}

json::object document_of(const charges::PreviewProduct& one) {
    return {{"kind", one.kind},
            {"productId", or_null(one.product_id)},
            {"productTypeId", or_null(one.product_type_id)},
            {"chargeCount", one.charges},
            {"amount", one.amount}};
}

json::object document_of(const charges::PreviewVerdict& one) {
    return {{"state", one.state}, {"chargeCount", one.charges}, {"amount", one.amount}};
}

json::object document_of(const charges::PreviewWarning& one) {
    return {{"instanceId", or_null(one.instance_id)},
            {"deviceId", one.device_id},
            {"iccid", one.iccid},
            {"kind", one.kind},
            {"amount", one.amount},
            {"reason", one.reason}};
}

json::object document_of(const charges::PreviewGroup& one) {
    return {{"instanceId", one.instance_id},
            {"commGroupId", one.comm_group_id},
            {"reason", one.reason}};
}

template <class T>
json::array documents_of(const std::vector<T>& items) {
    json::array documents;
    for (const T& item : items) documents.emplace_back(document_of(item));
    return documents;
}

json::object document_of(const charges::Preview& preview) {
    return {{"chargeCount", preview.charges},
            {"amount", preview.amount},
            {"verdicts", documents_of(preview.verdicts)},
            {"customers", documents_of(preview.customers)},
            {"products", documents_of(preview.products)},
            {"warnings", documents_of(preview.warnings)},
            {"commGroupsWithoutQueue", documents_of(preview.groups_without_queue)}};
}

Result<ChargeRunId> run_id(const Call& call) {
    const auto id = call.id("chargeRunId", "charge run");
    if (!id) return id.error();
    return ChargeRunId{*id};
}

Result<Response> run_response(const Call& call, db::Connection& connection, ChargeRunId id,
                              int status) {
    const auto run = charges::get_run(connection, call.caller.tenant_id, id);
    if (!run) return run.error();
    Response response = json_response(document_of(*run), status);
    if (status != 200) {
        response.headers.set("Location", "/v1/charge-runs/" + base::to_string(id));
    }
    return response;
}

struct OrderBody {
    std::optional<std::vector<std::int64_t>> instance_ids;
    std::optional<std::int64_t> file_id;  // in their place
};
BOOST_DESCRIBE_STRUCT(OrderBody, (), (instance_ids, file_id))

Result<OrderBody> order_of(Call& call) {
    auto body = call.body<OrderBody>();
    if (!body) return body;
    if (body->instance_ids.has_value() == body->file_id.has_value()) {
        return base::invalid_input("name either instanceIds or a fileId",
                                   body->file_id ? "/fileId" : "/instanceIds");
    }
    return body;
}

Result<Response> order(Call& call) {
    const auto body = order_of(call);
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto ordered =
        body->file_id ? charges::order_file(**database, call.caller, ChargeFileId{*body->file_id})
                      : charges::order_run(**database, call.caller, *body->instance_ids);
    if (!ordered) return ordered.error();
    return run_response(call, **database, ordered->id, ordered->is_new ? 201 : 200);
}

Result<Response> preview(Call& call) {
    const auto body = order_of(call);
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto shown =
        body->file_id ? charges::preview_file(**database, call.caller, ChargeFileId{*body->file_id})
                      : charges::preview_run(**database, call.caller, *body->instance_ids);
    if (!shown) return shown.error();
    return json_response(document_of(*shown));
}

Result<Response> list_runs(Call& call) {
    const std::string state = call.query("state").value_or("");
    if (!state.empty() && state != "enqueueing" && state != "sending" && state != "finished") {
        return bad_parameter("state", "state must be one of enqueueing sending finished");
    }
    return list_response(
        call, charges::list_runs, [](const auto& run) { return document_of(run); }, state);
}

Result<Response> get_run(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    return run_response(call, **database, *id, 200);
}

Result<Response> list_filtered(Call& call, charges::ChargeFilter filter) {
    if (const auto state = call.query("state")) {
        filter.state = charges::parse_charge_state(*state);
        if (!filter.state) {
            return bad_parameter(
                "state", "state must be one of new unknown charged recorded skipped failed parked");
        }
    }
    for (const auto& [name, target] : {std::pair{"partNumber", &filter.part_number},
                                       {"deviceId", &filter.device_id},
                                       {"customerId", &filter.customer_id}}) {
        const auto number = call.query_integer(name);
        if (!number) return number.error();
        *target = *number;
    }
    return list_response(
        call, charges::list_charges, [](const auto& charge) { return document_of(charge); },
        filter);
}

Result<Response> list_charges(Call& call) {
    return list_filtered(call, {});
}

Result<Response> list_charges_of_run(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    charges::ChargeFilter filter;
    filter.run = *id;
    return list_filtered(call, filter);
}

Result<Response> get_charge(Call& call) {
    const auto id = call.id("chargeId", "charge");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto charge =
        charges::get_charge(**database, call.caller.tenant_id, charges::ChargeId{*id});
    if (!charge) return charge.error();
    return json_response(document_of(*charge));
}

Result<Response> get_list(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    const auto part = call.id("partNumber", "part of a charge run");
    if (!part) return part.error();
    charges::StoredChargeList stored;
    {
        auto database = call.database();
        if (!database) return database.error();
        auto found = charges::get_list(**database, call.caller.tenant_id, *id, *part);
        if (!found) return found.error();
        stored = std::move(*found);
    }
    return stored_file_response(call, stored.key, stored.name,
                                "text/tab-separated-values; charset=utf-8");
}

struct StopBody {
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(StopBody, (), (reason))

Result<Response> stop(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    const auto body = call.body<StopBody>();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(charges::stop_run(**database, call.caller, *id, body->reason));
    return run_response(call, **database, *id, 200);
}

Result<Response> resume(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(charges::resume_run(**database, call.caller, *id));
    return run_response(call, **database, *id, 200);
}

struct ReleaseBody {
    std::optional<std::vector<std::int64_t>> charge_ids;
};
BOOST_DESCRIBE_STRUCT(ReleaseBody, (), (charge_ids))

// The charges that the body names; none named: all. `body` has `charge_ids`.
template <class Body>
Result<std::vector<std::int64_t>> named_charges(const Body& body) {
    if (!body.charge_ids) return std::vector<std::int64_t>{};
    if (!body.charge_ids->empty()) return *body.charge_ids;
    return base::invalid_input("must name at least one; leave it out for all", "/chargeIds");
}

Result<Response> release(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    const auto body = call.body<ReleaseBody>();
    if (!body) return body.error();
    const auto named = named_charges(*body);
    if (!named) return named.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto released = charges::release_parked(**database, call.caller, *id, *named);
    if (!released) return released.error();
    return json_response(json::object{{"chargeRunId", id->value},
                                      {"releasedCount", released->released},
                                      {"unknownCount", released->unknown},
                                      {"keptCount", released->kept}});
}

// For what is done to charges for a reason.
struct ReasonBody {
    std::string reason;
    std::optional<std::vector<std::int64_t>> charge_ids;
};
BOOST_DESCRIBE_STRUCT(ReasonBody, (), (reason, charge_ids))

Result<Response> dismiss(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    const auto body = call.body<ReasonBody>();
    if (!body) return body.error();
    const auto named = named_charges(*body);
    if (!named) return named.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto dismissed =
        charges::dismiss_parked(**database, call.caller, *id, *named, body->reason);
    if (!dismissed) return dismissed.error();
    return json_response(json::object{{"chargeRunId", id->value},
                                      {"dismissedCount", dismissed->dismissed},
                                      {"keptCount", dismissed->kept}});
}

Result<Response> reverse(Call& call) {
    const auto id = run_id(call);
    if (!id) return id.error();
    const auto body = call.body<ReasonBody>();
    if (!body) return body.error();
    const auto named = named_charges(*body);
    if (!named) return named.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto reversed =
        charges::reverse_charges(**database, call.caller, *id, *named, body->reason);
    if (!reversed) return reversed.error();
    return run_response(call, **database, reversed->run, 201);
}

}  // namespace

void add_charge_run_routes(Routes& routes) {
    const std::string run = kRunPath;
    const auto read = [&](const std::string& path, Handler handler,
                          std::vector<std::string> query) {
        routes.add({.method = Method::get,
                    .pattern = path,
                    .permission = Permission::billing_read,
                    .rate = RateClass::read,
                    .query = std::move(query),
                    .handler = std::move(handler)});
    };
    const auto act = [&](const std::string& path, Body body, Handler handler) {
        routes.add({.method = Method::post,
                    .pattern = path,
                    .permission = Permission::billing_run,
                    .rate = RateClass::write,
                    .body = body,
                    .handler = std::move(handler)});
    };
    const std::vector<std::string> filter = {"state",      "partNumber", "deviceId",
                                             "customerId", "limit",      "pageToken"};
    read("/v1/charge-runs", list_runs, {"state", "limit", "pageToken"});
    act("/v1/charge-runs", Body::json, order);
    act("/v1/charge-runs/preview", Body::json, preview);
    read(run, get_run, {});
    read(run + "/charges", list_charges_of_run, filter);
    read(run + "/parts/{partNumber}/list", get_list, {});
    act(run + "/stop", Body::json, stop);
    act(run + "/resume", Body::none, resume);
    act(run + "/release", Body::json, release);
    act(run + "/dismiss", Body::json, dismiss);
    act(run + "/reverse", Body::json, reverse);
    read("/v1/charges", list_charges, filter);
    read("/v1/charges/{chargeId}", get_charge, {});
}

}  // namespace carryall::api
