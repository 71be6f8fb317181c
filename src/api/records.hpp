// What the resources of the small nouns share: list, make, read and change a record. Each noun's
// file says its path and who may write it.
#pragma once

#include <functional>
#include <optional>

#include "api/route.hpp"
#include "base/json.hpp"
#include "devices/noun.hpp"

namespace carryall::api {

struct RecordRoutes {
    std::string path;  // "/v1/customers"
    const devices::Noun& noun;
    tenants::Permission write = tenants::Permission::inventory_write;
    // What is wrong with a body beside what the noun's description says. `id`: of the record that
    // it changes, none if it makes one. Empty: nothing.
    std::function<base::Result<void>(Call& call, std::optional<std::int64_t> id,
                                     const base::json::object& body)>
        check = {};
    // After a record was made or changed. Empty: nothing.
    std::function<base::Result<void>(Call& call, std::int64_t id)> written = {};
};

// GET and POST on the path, GET and PATCH on path/{<id_name>}.
void add_record_routes(Routes& routes, const RecordRoutes& resource);

}  // namespace carryall::api
