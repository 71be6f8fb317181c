// What the resources of the small nouns share: list, make, read and change a record. Each noun's
// file says its path and who may write it.
#pragma once

#include "api/route.hpp"
#include "devices/noun.hpp"

namespace carryall::api {

struct RecordRoutes {
    std::string path;  // "/v1/customers"
    const devices::Noun& noun;
    tenants::Permission write = tenants::Permission::inventory_write;
};

// GET and POST on the path, GET and PATCH on path/{<id_name>}.
void add_record_routes(Routes& routes, const RecordRoutes& resource);

}  // namespace carryall::api
