// The HTTP API: builds the route table from the resource files, the filter chain around it, and
// hands both to the server. A resource file knows HTTP and the domain's calls and nothing else: no
// SQL, no carrier.
#pragma once

#include <memory>

#include "api/call.hpp"
#include "api/gate.hpp"
#include "api/progress.hpp"
#include "api/route.hpp"
#include "base/result.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace carryall::api {

// Each in its own file, <resource>.cpp.
void add_operation_routes(Routes& routes);  // health, metrics, description
void add_token_routes(Routes& routes);
void add_tenant_routes(Routes& routes);
void add_device_routes(Routes& routes);
void add_customer_routes(Routes& routes);
void add_site_routes(Routes& routes);
void add_service_provider_routes(Routes& routes);
void add_carrier_rate_plan_routes(Routes& routes);
void add_communication_plan_routes(Routes& routes);
void add_customer_rate_plan_routes(Routes& routes);
void add_customer_rate_pool_routes(Routes& routes);
void add_account_routes(Routes& routes);
void add_integration_routes(Routes& routes);
void add_line_budget_routes(Routes& routes);
void add_sync_routes(Routes& routes);
void add_drift_routes(Routes& routes);
void add_import_routes(Routes& routes);
void add_bulk_change_routes(Routes& routes);
void add_bulk_change_submission_routes(Routes& routes);  // called by the one above, as are
void add_bulk_change_control_routes(Routes& routes);
void add_plan_routes(Routes& routes);
void add_change_set_routes(Routes& routes);
void add_schedule_routes(Routes& routes);
void add_recurring_change_routes(Routes& routes);
void add_blackout_routes(Routes& routes);
void add_optimization_instance_routes(Routes& routes);
void add_charge_setting_routes(Routes& routes);
void add_callback_routes(Routes& routes);
void add_charge_file_routes(Routes& routes);
void add_charge_run_routes(Routes& routes);
void add_charge_reconciliation_routes(Routes& routes);
void add_charge_period_routes(Routes& routes);
void add_event_routes(Routes& routes);
void add_webhook_routes(Routes& routes);
void add_recipient_routes(Routes& routes);
void add_delivery_routes(Routes& routes);
void add_download_routes(Routes& routes);

// Counts what became of it, if it came to the address for callbacks.
void count_callback(const http::Request& request, int status);

// What an event stream shows of a bulk change, read from the domain.
ProgressFeed::Reader progress_reader();

Routes all_routes();

class Api {
  public:
    // `services` must outlive the Api; its progress feed is set here.
    explicit Api(Services& services);
    ~Api();

    // For http::Server::start. The Api must outlive the server.
    http::Router router();
    http::ServerHooks hooks();
    const Routes& routes() const { return routes_; }

    // Ends the event streams, so that the server can drain. Safe to call twice.
    void stop();

  private:
    http::Response run(const Route& route, http::Request& request);

    Services& services_;
    std::unique_ptr<ProgressFeed> progress_;
    Routes routes_;
    Gate gate_;
};

}  // namespace carryall::api
