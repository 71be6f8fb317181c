// /v1/customer-rate-pools: data that lines share.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_customer_rate_pool_routes(Routes& routes) {
    add_record_routes(routes,
                      {.path = "/v1/customer-rate-pools", .noun = devices::kCustomerRatePool});
}

}  // namespace carryall::api
