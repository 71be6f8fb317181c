// Puts routes, chain and server together.
#include "api/api.hpp"

#include <any>

#include "api/problem.hpp"
#include "base/log.hpp"

namespace carryall::api {
namespace {

// Enough to answer a body that does not belong here with a sentence instead of a cut connection.
constexpr std::uint64_t kMaxUnwantedBodyBytes = 4'096;
// A callback tells of one device; a hundred times what the longest known one has.
constexpr std::uint64_t kMaxMessageBytes = 256U << 10;

http::RouteOptions options_of(const Route& route, const Settings& settings) {
    http::RouteOptions options;
    switch (route.body) {
        case Body::none:
            options.max_body_bytes = kMaxUnwantedBodyBytes;
            break;
        case Body::optional_json:
        case Body::json:
            options.max_body_bytes = settings.max_json_bytes;
            break;
        case Body::table:
            options.max_body_bytes = settings.max_upload_bytes;
            options.spool_body_to_file = true;
            options.body_timeout = settings.upload_timeout;
            break;
        case Body::message:
            options.max_body_bytes = kMaxMessageBytes;
            break;
    }
    return options;
}

}  // namespace

Routes all_routes() {
    Routes routes;
    add_operation_routes(routes);
    add_token_routes(routes);
    add_tenant_routes(routes);
    add_device_routes(routes);
    add_customer_routes(routes);
    add_site_routes(routes);
    add_service_provider_routes(routes);
    add_carrier_rate_plan_routes(routes);
    add_communication_plan_routes(routes);
    add_customer_rate_plan_routes(routes);
    add_customer_rate_pool_routes(routes);
    add_account_routes(routes);
    add_integration_routes(routes);
    add_line_budget_routes(routes);
    add_sync_routes(routes);
    add_drift_routes(routes);
    add_import_routes(routes);
    add_bulk_change_routes(routes);
    add_change_set_routes(routes);
    add_schedule_routes(routes);
    add_recurring_change_routes(routes);
    add_blackout_routes(routes);
    add_optimization_instance_routes(routes);
    add_charge_setting_routes(routes);
    add_callback_routes(routes);
    add_charge_file_routes(routes);
    add_charge_run_routes(routes);
    add_charge_reconciliation_routes(routes);
    add_charge_period_routes(routes);
    add_event_routes(routes);
    add_webhook_routes(routes);
    add_recipient_routes(routes);
    add_delivery_routes(routes);
    add_download_routes(routes);
    return routes;
}

Api::Api(Services& services)
    : services_(services),
      progress_(std::make_unique<ProgressFeed>(services, progress_reader())),
      routes_(all_routes()),
      gate_(services, routes_) {
    services_.progress = progress_.get();
}

Api::~Api() {
    stop();
    services_.progress = nullptr;
}

void Api::stop() {
    progress_->stop();
}

http::Router Api::router() {
    http::Router router;
    for (const Route& route : routes_.all()) {
        router.add(
            route.method, route.pattern,
            [this, &route](http::Request& request) { return run(route, request); },
            options_of(route, services_.settings));
    }
    return router;
}

http::ServerHooks Api::hooks() {
    http::ServerHooks hooks;
    hooks.before = [this](http::Request& request) { return gate_.before(request); };
    hooks.after = [this](const http::Request& request, http::Response& response,
                         std::chrono::microseconds elapsed) {
        gate_.after(request, response, elapsed);
        count_callback(request, response.status);
    };
    return hooks;
}

http::Response Api::run(const Route& route, http::Request& request) {
    const auto* admission = std::any_cast<std::shared_ptr<Admission>>(&request.context);
    CHECK(admission != nullptr && (*admission)->route == &route);
    const base::log::Scope scope{{"requestId", request.request_id},
                                 {"tenant_id", (*admission)->caller.tenant_id.value}};
    if (route.body == Body::none && request.body_bytes > 0) {
        return problem_response(base::invalid_input("this takes no body; send none"),
                                request.request_id);
    }
    Call call{services_, request, (*admission)->caller};
    base::Result<http::Response> answer = route.handler(call);
    if (answer) return std::move(*answer);
    if (call.errors.empty()) call.errors.push_back(answer.error());
    // One sentence for every missing thing of a path: which part of the way was missing would tell
    // another tenant's ids from absent ones.
    base::Error& first = call.errors.front();
    if (first.kind == base::ErrorKind::not_found && first.where.empty()) {
        first.message = "There is nothing at this address that belongs to this tenant.";
    }
    return problem_response(call.errors, request.request_id);
}

}  // namespace carryall::api
