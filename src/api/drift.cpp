// Drift: where our records and the carriers' differ; decisions about it, one by one and many at
// once.
#include "sync/drift.hpp"

#include <algorithm>

#include "api/api.hpp"
#include "api/or_null.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using sync::Decision;
using sync::DecisionKind;
using sync::DecisionScope;
using sync::Drift;
using sync::DriftFilter;
using tenants::Permission;

constexpr const char* kPath = "/v1/drift";

json::object document_of(const Drift& drift) {
    const auto id_or_null = [](std::int64_t id) {
        return id == 0 ? json::value(nullptr) : json::value(id);
    };
    return {{"driftId", drift.id.value},
            {"serviceProviderId", drift.service_provider_id.value},
            {"serviceProvider", drift.service_provider},
            {"deviceId", id_or_null(drift.device_id.value)},
            {"iccid", or_null(drift.iccid)},
            {"msisdn", or_null(drift.msisdn)},
            {"field", drift.field},
            {"ours", or_null(drift.ours)},
            {"theirs", or_null(drift.theirs)},
            {"state", drift.state},
            {"foundAt", drift.found_at},
            {"syncId", drift.found_in.value},
            {"readAt", or_null(drift.read_at)},
            {"decidedBy", or_null(drift.decided_by)},
            {"decidedAt", or_null(drift.decided_at)},
            {"settledAt", or_null(drift.settled_at)},
            {"note", or_null(drift.note)}};
}

constexpr const char* kFields =
    "must be one of status, ratePlan, communicationPlan, msisdn, imei, presence";

Result<DriftFilter> filter_of(const Call& call) {
    DriftFilter filter;
    const auto provider = call.query_integer("serviceProviderId");
    if (!provider) return provider.error();
    filter.service_provider_id = {provider->value_or(0)};
    const auto device = call.query_integer("deviceId");
    if (!device) return device.error();
    filter.device_id = {device->value_or(0)};
    if (const auto field = call.query("field")) {
        filter.field = sync::parse_drift_field(*field);
        if (!filter.field) return bad_parameter("field", kFields);
    }
    filter.state = call.query("state").value_or("open");
    const auto known = {"open", "settled", "accepted", "ignored", "all"};
    if (std::find(known.begin(), known.end(), *filter.state) == known.end()) {
        return bad_parameter("state", "must be one of open, settled, accepted, ignored, all");
    }
    if (*filter.state == "all") filter.state.reset();
    return filter;
}

Result<Response> list(Call& call) {
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    return list_response(
        call, sync::list_drift, [](const auto& item) { return document_of(item); }, *filter);
}

struct FilterBody {
    std::optional<std::int64_t> service_provider_id;
    std::optional<std::int64_t> device_id;
    std::optional<std::string> field;
};
BOOST_DESCRIBE_STRUCT(FilterBody, (), (service_provider_id, device_id, field))

struct DecisionBody {
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(DecisionBody, (), (note))

struct ManyBody {
    std::optional<std::vector<std::int64_t>> drift_ids;
    std::optional<FilterBody> filter;
    std::optional<std::int64_t> after_drift_id;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(ManyBody, (), (drift_ids, filter, after_drift_id, note))

Result<DecisionScope> scope_of(const ManyBody& body) {
    DecisionScope scope;
    if (body.drift_ids.has_value() == body.filter.has_value()) {
        return base::invalid_input(
            "give driftIds, or a filter (an empty one, {}, means every open difference)");
    }
    if (body.drift_ids) {
        if (body.drift_ids->empty()) {
            return base::invalid_input("must name at least one", "/driftIds");
        }
        scope.ids = *body.drift_ids;
        return scope;
    }
    scope.filter.service_provider_id = {body.filter->service_provider_id.value_or(0)};
    scope.filter.device_id = {body.filter->device_id.value_or(0)};
    if (body.filter->field) {
        scope.filter.field = sync::parse_drift_field(*body.filter->field);
        if (!scope.filter.field) return base::invalid_input(kFields, "/filter/field");
    }
    scope.after = {body.after_drift_id.value_or(0)};
    return scope;
}

Result<Response> decide(Call& call, const DecisionScope& scope, const Decision& decision) {
    auto database = call.database();
    if (!database) return database.error();
    const auto report = sync::decide(**database, call.caller, scope, decision);
    if (!report) return report.error();
    json::array refused;
    for (const auto& one : report->refused) {
        refused.emplace_back(json::object{{"driftId", one.id.value}, {"reason", one.reason}});
    }
    json::object body{{"decidedCount", report->decided},
                      {"refusedCount", report->refused_count},
                      {"refused", std::move(refused)}};
    if (report->next_after) body["nextAfterDriftId"] = report->next_after.value;
    return json_response(body);
}

Handler decide_many(DecisionKind kind) {
    return [kind](Call& call) -> Result<Response> {
        const auto body = call.body<ManyBody>();
        if (!body) return body.error();
        const auto scope = scope_of(*body);
        if (!scope) return scope.error();
        return decide(call, *scope, {kind, body->note.value_or("")});
    };
}

Handler decide_one(DecisionKind kind) {
    return [kind](Call& call) -> Result<Response> {
        const auto id = call.id("driftId", "drift");
        if (!id) return id.error();
        DecisionBody body;
        if (!call.request.body.empty()) {
            const auto read = call.body<DecisionBody>();
            if (!read) return read.error();
            body = *read;
        }
        DecisionScope scope;
        scope.ids = {*id};
        auto database = call.database();
        if (!database) return database.error();
        const auto report =
            sync::decide(**database, call.caller, scope, {kind, body.note.value_or("")});
        if (!report) return report.error();
        if (!report->refused.empty()) {
            return base::Error{base::ErrorKind::conflict, report->refused.front().reason, {}};
        }
        return json_response(json::object{
            {"driftId", *id}, {"state", kind == DecisionKind::accept ? "accepted" : "ignored"}});
    };
}

void add_decision(Routes& routes, const char* pattern, Body body, Handler handler) {
    routes.add({.method = Method::post,
                .pattern = pattern,
                .permission = Permission::inventory_write,
                .rate = RateClass::write,
                .body = body,
                .handler = std::move(handler)});
}

}  // namespace

void add_drift_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = kPath,
                .permission = Permission::read,
                .rate = RateClass::read,
                .query = {"serviceProviderId", "deviceId", "field", "state", "limit", "pageToken"},
                .handler = list});
    add_decision(routes, "/v1/drift/{driftId}/accept", Body::optional_json,
                 decide_one(DecisionKind::accept));
    add_decision(routes, "/v1/drift/{driftId}/ignore", Body::json,
                 decide_one(DecisionKind::ignore));
    add_decision(routes, "/v1/drift/accept", Body::json, decide_many(DecisionKind::accept));
    add_decision(routes, "/v1/drift/ignore", Body::json, decide_many(DecisionKind::ignore));
}

}  // namespace carryall::api
