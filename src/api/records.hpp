// What the resources of the small nouns share: list, make, read and change a record. Each noun's
// file says its path and who may write it.
#pragma once

#include <functional>

#include "api/route.hpp"
#include "base/json.hpp"
#include "devices/noun.hpp"

namespace carryall::api {

struct RecordRoutes {
    std::string path;  // "/v1/customers"
    const devices::Noun& noun;
    tenants::Permission write = tenants::Permission::inventory_write;
    // What is wrong with a body beside what the noun's description says. Empty: nothing.
    std::function<base::Result<void>(const base::json::object& body)> check = {};
};

// GET and POST on the path, GET and PATCH on path/{<id_name>}.
void add_record_routes(Routes& routes, const RecordRoutes& resource);

}  // namespace carryall::api
