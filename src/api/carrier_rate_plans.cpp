// /v1/carrier-rate-plans: what the carriers offer, by service provider.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_carrier_rate_plan_routes(Routes& routes) {
    add_record_routes(routes,
                      {.path = "/v1/carrier-rate-plans", .noun = devices::kCarrierRatePlan});
}

}  // namespace carryall::api
