// /v1/sites: places of a customer that lines are assigned to.
#include "api/api.hpp"
#include "api/records.hpp"

namespace carryall::api {

void add_site_routes(Routes& routes) {
    add_record_routes(routes, {.path = "/v1/sites", .noun = devices::kSite});
}

}  // namespace carryall::api
