// /v1/customer-rate-plans: what customers are sold.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_customer_rate_plan_routes(Routes& routes) {
    add_record_routes(routes,
                      {.path = "/v1/customer-rate-plans", .noun = devices::kCustomerRatePlan});
}

}  // namespace carryall::api
