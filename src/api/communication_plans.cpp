// /v1/communication-plans: what a line may do in the network, by service provider.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_communication_plan_routes(Routes& routes) {
    add_record_routes(routes,
                      {.path = "/v1/communication-plans", .noun = devices::kCommunicationPlan});
}

}  // namespace carryall::api
