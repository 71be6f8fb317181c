// The contract: api/openapi.yaml and the route table name the same operations, with the same
// permission and rate class. The description is read line by line: its paths stand at two spaces,
// methods at four, what belongs to an operation at six.
#include "api/description.hpp"

#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "api/api.hpp"

namespace carryall::api {
namespace {

struct Operation {
    std::string permission;
    std::string rate;
    std::string id;
    std::set<std::string> query;
    bool has_body = false;
};
using Operations = std::map<std::string, Operation>;  // "GET /v1/me"

std::string permission_of(const Route& route) {
    if (route.access == Access::open) return "open";
    if (route.access == Access::metrics) return "metrics";
    if (route.access == Access::callback) return "callback";
    if (route.access == Access::link) return "link";
    return std::string(tenants::to_string(*route.permission));
}

const std::map<std::string, std::string> kSharedParameters = {{"Limit", "limit"},
                                                              {"PageToken", "pageToken"}};

void read_line(const std::string& line, Operation& operation, std::string& parameter) {
    static const std::regex kFact("^      (x-permission|x-rate-limit|operationId): (.*)$");
    static const std::regex kBody("^      requestBody:$");
    static const std::regex kShared("^        - \\$ref: '#/components/parameters/([A-Za-z]+)'$");
    static const std::regex kName("^        - name: (.*)$");
    static const std::regex kInQuery("^          in: query$");
    std::smatch match;
    if (std::regex_match(line, match, kFact)) {
        (match[1] == "x-permission"   ? operation.permission
         : match[1] == "x-rate-limit" ? operation.rate
                                      : operation.id) = match[2];
    } else if (std::regex_match(line, kBody)) {
        operation.has_body = true;
    } else if (std::regex_match(line, match, kShared)) {
        const auto shared = kSharedParameters.find(match[1]);
        if (shared != kSharedParameters.end()) operation.query.insert(shared->second);
    } else if (std::regex_match(line, match, kName)) {
        parameter = match[1];
    } else if (std::regex_match(line, kInQuery)) {
        operation.query.insert(parameter);
    }
}

Operations described() {
    static const std::regex kPath("^  (/[^:]*):$");
    static const std::regex kMethod("^    (get|put|post|delete|patch):$");
    Operations operations;
    std::istringstream lines{std::string(openapi_yaml())};
    std::string line, path, parameter;
    Operation* operation = nullptr;
    bool in_paths = false;
    while (std::getline(lines, line)) {
        std::smatch match;
        if (!line.empty() && line.front() != ' ') in_paths = line == "paths:";
        if (!in_paths) continue;
        if (std::regex_match(line, match, kPath)) {
            path = match[1];
        } else if (std::regex_match(line, match, kMethod)) {
            std::string method = match[1];
            for (char& c : method) c = static_cast<char>(std::toupper(c));
            operation = &operations[method + ' ' + path];
        } else if (operation != nullptr) {
            read_line(line, *operation, parameter);
        }
    }
    return operations;
}

TEST(Description, and_route_table_name_the_same_operations_with_the_same_rules) {
    Operations operations = described();
    ASSERT_FALSE(operations.empty());
    const Routes routes = all_routes();
    for (const Route& route : routes.all()) {
        const std::string name = std::string(http::to_string(route.method)) + ' ' + route.pattern;
        const auto found = operations.find(name);
        if (found == operations.end()) {
            ADD_FAILURE() << name << " is missing in api/openapi.yaml";
            continue;
        }
        EXPECT_EQ(found->second.permission, permission_of(route)) << name;
        EXPECT_EQ(found->second.rate, to_string(route.rate)) << name;
        EXPECT_EQ(found->second.query,
                  std::set<std::string>(route.query.begin(), route.query.end()))
            << name;
        EXPECT_EQ(found->second.has_body, route.body != Body::none) << name;
        operations.erase(found);
    }
    for (const auto& [name, operation] : operations) {
        ADD_FAILURE() << name << " of api/openapi.yaml is in no route table";
    }
}

TEST(Description, operation_ids_are_unique) {
    std::set<std::string> ids;
    for (const auto& [name, operation] : described()) {
        EXPECT_FALSE(operation.id.empty()) << name;
        EXPECT_TRUE(ids.insert(operation.id).second) << operation.id;
    }
}

TEST(Description, every_route_is_versioned_but_those_of_operators_and_carriers) {
    const Routes routes = all_routes();
    for (const Route& route : routes.all()) {
        const bool is_for_clients = route.access == Access::token;
        EXPECT_TRUE(!is_for_clients || route.pattern.starts_with("/v1/")) << route.pattern;
    }
}

}  // namespace
}  // namespace carryall::api
