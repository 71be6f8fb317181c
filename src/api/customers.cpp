// /v1/customers: whom lines are assigned to, with or without a Rev.io account.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_customer_routes(Routes& routes) {
    add_record_routes(routes, {.path = "/v1/customers", .noun = devices::kCustomer});
}

}  // namespace carryall::api
