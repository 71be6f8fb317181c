// /v1/bulk-changes/{id}: pause, resume, cancel, and what may be set while a change runs. Every
// answer is the change's progress as it is after the wish was stored.
#include <algorithm>
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/bulk_change_documents.hpp"
#include "changes/control.hpp"
#include "changes/control_request.hpp"
#include "changes/report.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::BulkChangeId;
using http::Method;
using http::Response;
using tenants::Permission;

struct ReasonBody {
    std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(ReasonBody, (), (reason))

struct ApprovalBody {
    std::string plan_hash;
};
BOOST_DESCRIBE_STRUCT(ApprovalBody, (), (plan_hash))

Result<BulkChangeId> change_id(const Call& call) {
    const auto id = call.id("bulkChangeId", "bulk change");
    if (!id) return id.error();
    return BulkChangeId{*id};
}

Result<Response> answer(Call& call, db::Connection& database, BulkChangeId id, int status) {
    const auto progress = changes::get_progress(database, call.caller.tenant_id, id);
    if (!progress) return progress.error();
    Response response = json_response(to_json(*progress), status);
    response.headers.set("Location", "/v1/bulk-changes/" + base::to_string(id));
    return response;
}

using Hold = Result<void> (*)(db::Connection&, const tenants::Caller&, BulkChangeId,
                              const std::optional<std::string>&);

Result<Response> hold(Call& call, Hold action) {
    const auto id = change_id(call);
    if (!id) return id.error();
    std::optional<std::string> reason;
    if (!call.request.body.empty()) {
        auto body = call.body<ReasonBody>();
        if (!body) return body.error();
        reason = std::move(body->reason);
    }
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(action(**database, call.caller, *id, reason));
    return answer(call, **database, *id, 202);
}

// The object's members; any that is not known is a mistake.
Result<json::object> members(Call& call, std::initializer_list<std::string_view> known) {
    if (call.request.body.empty()) return json::object();
    auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) return base::invalid_input("the body must be a JSON object");
    for (const auto& [key, value] : body->get_object()) {
        if (std::find(known.begin(), known.end(), std::string_view(key)) == known.end()) {
            call.errors.push_back(base::invalid_input("is unknown", '/' + std::string(key)));
        }
    }
    if (!call.errors.empty()) return call.errors.front();
    return std::move(body->get_object());
}

Result<changes::Resumption> resumption_of(Call& call) {
    const auto body = members(call, {"ignoreThreshold", "failureThreshold"});
    if (!body) return body.error();
    changes::Resumption wanted;
    if (const json::value* flag = body->if_contains("ignoreThreshold"); flag && !flag->is_null()) {
        if (!flag->is_bool()) {
            return base::invalid_input("must be true or false", "/ignoreThreshold");
        }
        wanted.ignore_threshold = flag->get_bool();
    }
    const json::value* threshold = body->if_contains("failureThreshold");
    if (threshold == nullptr || threshold->is_null()) return wanted;
    call.errors = changes::read_threshold(*threshold, wanted.threshold.emplace());
    if (!call.errors.empty()) return call.errors.front();
    return wanted;
}

Result<Response> resume(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    const auto wanted = resumption_of(call);
    if (!wanted) return wanted.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(changes::resume_change(**database, call.caller, *id, *wanted));
    return answer(call, **database, *id, 202);
}

Result<Response> set(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    const auto body = members(call, {"maxConcurrency"});
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    if (const json::value* most = body->if_contains("maxConcurrency")) {
        std::optional<int> wanted;
        if (!most->is_null()) {
            if (!most->is_int64() || most->get_int64() < 1 ||
                most->get_int64() > changes::kMaxChangeConcurrency) {
                return base::invalid_input("must be a whole number between 1 and 1,000, or null",
                                           "/maxConcurrency");
            }
            wanted = static_cast<int>(most->get_int64());
        }
        CARRYALL_TRY(changes::limit_change(**database, call.caller, *id, wanted));
    }
    return answer(call, **database, *id, 200);
}

Result<Response> approve(Call& call) {
    const auto id = change_id(call);
    if (!id) return id.error();
    const auto body = call.body<ApprovalBody>();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    CARRYALL_TRY(changes::approve_change(**database, call.caller, *id, body->plan_hash));
    return answer(call, **database, *id, 202);
}

}  // namespace

void add_bulk_change_control_routes(Routes& routes) {
    const std::string change = "/v1/bulk-changes/{bulkChangeId}";
    const auto add = [&](Method method, const std::string& pattern, Body body, Handler handler) {
        routes.add({.method = method,
                    .pattern = pattern,
                    .permission = Permission::change_submit,
                    .rate = RateClass::write,
                    .body = body,
                    .handler = std::move(handler)});
    };
    add(Method::post, change + "/pause", Body::optional_json,
        [](Call& call) { return hold(call, changes::pause_change); });
    add(Method::post, change + "/resume", Body::optional_json, resume);
    add(Method::post, change + "/cancel", Body::optional_json,
        [](Call& call) { return hold(call, changes::cancel_change); });
    add(Method::post, change + "/approve", Body::json, approve);
    add(Method::patch, change, Body::json, set);
}

}  // namespace carryall::api
