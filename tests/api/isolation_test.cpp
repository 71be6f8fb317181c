// The isolation matrix, made from the route table: every route, every role, own, foreign and absent
// ids. A foreign id must answer exactly as an absent one, in status, headers and body; a role
// without the permission is refused before anything is looked up; without a token nothing is said.
// A route that this test has no body or id for fails it.
#include <algorithm>
#include <regex>
#include <set>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using api::Access;
using api::Body;
using api::Route;
using tenants::Role;

constexpr std::int64_t kAbsentId = 987'654'321'012'345;
const std::vector<Role> kRoles = {Role::viewer, Role::operator_, Role::billing, Role::admin};

struct Sent {
    std::string body;
    std::string content_type;
};

// A body that is well-formed for the route, so that its refusals are about ids and roles.
Sent body_for(const Route& route, const Tenant& tenant) {
    const std::string provider = std::to_string(tenant.ids.at("serviceProviderId"));
    static const std::map<std::string, std::string> kJson = {
        {"POST /v1/tokens", R"({"name":"from the matrix","role":"viewer"})"},
        {"POST /v1/bulk-changes/{bulkChangeId}/approve", R"({"planHash":"h"})"},
        {"POST /v1/bulk-changes/{bulkChangeId}/retry", "{}"},
        {"POST /v1/schedules/{bulkChangeId}/move", R"({"effectiveDate":"2027-06-01"})"},
        {"POST /v1/service-providers/{serviceProviderId}/blackouts",
         R"({"name":"x","timeZone":"UTC","weekdays":["MO"],"from":"01:00","to":"02:00"})"},
        {"POST /v1/bulk-changes/{bulkChangeId}/apply", R"({"planHash":"0123456789abcdef"})"}};
    const std::string name = std::string(http::to_string(route.method)) + ' ' + route.pattern;
    if (name == "POST /v1/bulk-changes") {
        return {R"({"serviceProviderId":)" + provider +
                    R"(,"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"},)"
                    R"("devices":[")" +
                    kOwnIccid + R"("],"dryRun":true})",
                "application/json"};
    }
    if (name == "POST /v1/change-sets") {
        return {R"({"serviceProviderIds":[)" + provider +
                    R"(],"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"},)"
                    R"("devices":[")" +
                    kOwnIccid + R"("],"dryRun":true})",
                "application/json"};
    }
    switch (route.body) {
        case Body::none:
            return {};
        case Body::table:
            return {std::string("ICCID\n") + kOwnIccid + "\n", "text/csv"};
        case Body::json:
        case Body::optional_json:
        case Body::message:
            break;
    }
    const auto found = kJson.find(name);
    // Routes of the inventory take any described object; an empty one is refused or changes
    // nothing.
    return {found == kJson.end() ? "{}" : found->second, "application/json"};
}

bool has_ids(const Route& route) {
    return route.pattern.find('{') != std::string::npos;
}

// The path with each {name} replaced; nullopt-like empty if a name has no value.
std::string path_of(const Route& route, const std::map<std::string, std::int64_t>& ids) {
    static const std::regex kName("\\{([a-zA-Z]+)\\}");
    std::string path;
    std::string rest = route.pattern;
    for (std::smatch match; std::regex_search(rest, match, kName);) {
        const auto found = ids.find(match[1].str());
        if (found == ids.end()) return {};
        path += match.prefix().str() + std::to_string(found->second);
        rest = match.suffix().str();
    }
    return path + rest;
}

std::string query_of(const Route& route, const Tenant& tenant) {
    const bool is_set = route.pattern == "/v1/change-sets/upload";
    if (route.pattern != "/v1/bulk-changes/upload" && !is_set) return {};
    return (is_set ? "?serviceProviderIds=" : "?serviceProviderId=") +
           std::to_string(tenant.ids.at("serviceProviderId")) +
           "&changeType=statusupdate&updateStatus=suspended&dryRun=true";
}

// Status and body without what differs by nature: the request's id.
std::string essence(const support::HttpReply& reply) {
    std::string body = reply.body;
    if (const auto parsed = base::parse_json(body); parsed && parsed->is_object()) {
        json::object object = parsed->get_object();
        object.erase("instance");
        body = json::serialize(object);
    }
    return std::to_string(reply.status) + ' ' + reply.header("content-type") + ' ' +
           reply.header("location") + ' ' + body;
}

class IsolationMatrix : public ApiTest {
  protected:
    static support::HttpReply send(const Route& route, const std::string& path,
                                   support::Headers headers) {
        const Sent sent = body_for(route, own());
        if (!sent.content_type.empty()) headers.emplace_back("Content-Type", sent.content_type);
        return support::http_request(running().port(), http::to_string(route.method),
                                     path + query_of(route, own()), headers, sent.body);
    }

    static std::map<std::string, std::int64_t> absent_ids() {
        std::map<std::string, std::int64_t> ids;
        for (const auto& [name, id] : own().ids) ids[name] = kAbsentId;
        return ids;
    }
};

TEST_F(IsolationMatrix, every_name_in_a_path_has_an_id_in_both_tenants) {
    for (const Route& route : running().api->routes().all()) {
        EXPECT_FALSE(path_of(route, own().ids).empty()) << route.pattern;
        EXPECT_FALSE(path_of(route, foreign().ids).empty()) << route.pattern;
    }
}

TEST_F(IsolationMatrix, without_a_token_only_open_routes_answer) {
    for (const Route& route : running().api->routes().all()) {
        const auto reply = send(route, path_of(route, own().ids), {});
        if (route.access == Access::token) {
            problem_of(reply, 401, "unauthenticated");
            EXPECT_EQ(reply.header("www-authenticate"), "Bearer realm=\"carryall\"");
        } else if (route.access == Access::callback) {
            // This account has no callback credentials: nobody may call back.
            problem_of(reply, 404, "not_found");
        } else if (route.access == Access::link) {
            // What stands for its token opens nothing.
            problem_of(reply, 404, "not_found");
        } else {
            EXPECT_EQ(reply.status, 200) << route.pattern << ' ' << reply.body;
        }
    }
}

TEST_F(IsolationMatrix, a_role_without_the_permission_is_refused_whatever_the_id) {
    int refused = 0;
    for (const Route& route : running().api->routes().all()) {
        if (route.access != Access::token) continue;
        for (const Role role : kRoles) {
            if (tenants::may(role, *route.permission)) continue;
            std::set<std::string> answers;
            for (const auto& ids : {own().ids, foreign().ids, absent_ids()}) {
                const auto reply = send(route, path_of(route, ids), as(own(), role));
                problem_of(reply, 403, "forbidden");
                answers.insert(essence(reply));
            }
            EXPECT_EQ(answers.size(), 1u) << route.pattern;
            ++refused;
        }
    }
    EXPECT_GT(refused, 0);
}

TEST_F(IsolationMatrix, a_foreign_id_answers_exactly_as_an_absent_one) {
    for (const Route& route : running().api->routes().all()) {
        if (route.access != Access::token || !has_ids(route)) continue;
        for (const Role role : kRoles) {
            if (!tenants::may(role, *route.permission)) continue;
            const auto absent = send(route, path_of(route, absent_ids()), as(own(), role));
            const auto other = send(route, path_of(route, foreign().ids), as(own(), role));
            EXPECT_EQ(absent.status / 100, 4) << route.pattern << ' ' << absent.body;
            EXPECT_EQ(essence(other), essence(absent)) << route.pattern;
        }
    }
}

TEST_F(IsolationMatrix, own_ids_answer_and_nothing_foreign_is_ever_in_an_answer) {
    for (const Route& route : running().api->routes().all()) {
        if (route.access != Access::token) continue;
        for (const Role role : kRoles) {
            if (!tenants::may(role, *route.permission)) continue;
            const auto reply = send(route, path_of(route, own().ids), as(own(), role));
            EXPECT_LT(reply.status, 500) << route.pattern << ' ' << reply.body;
            EXPECT_NE(reply.status, 403) << route.pattern << ' ' << reply.body;
            if (route.pattern.ends_with("/activation-report")) {
                EXPECT_EQ(reply.status, 404) << "the matrix's change is no activation";
            } else if (route.pattern.ends_with("/{partNumber}/list")) {
                EXPECT_EQ(reply.status, 409) << "the matrix's charges have not ended";
            } else if (route.method == http::Method::get) {
                EXPECT_EQ(reply.status, 200) << route.pattern << ' ' << reply.body;
            }
            EXPECT_EQ(reply.body.find(kForeignMark), std::string::npos) << route.pattern;
            EXPECT_EQ(reply.body.find(kForeignIccid), std::string::npos) << route.pattern;
        }
    }
}

TEST_F(IsolationMatrix, foreign_things_named_in_a_request_answer_as_absent_ones) {
    const auto submit = [](std::int64_t provider, const std::string& iccid) {
        const auto reply =
            ask("POST", "/v1/bulk-changes",
                R"({"serviceProviderId":)" + std::to_string(provider) +
                    R"(,"changeType":"statusupdate","statusUpdate":{"updateStatus":"suspended"},)"
                    R"("devices":[")" +
                    iccid + R"("],"dryRun":true})");
        // Two plans are two changes, of two identifiers.
        static const std::regex kOwn(
            "\"(correlationId|planHash)\":\"[^\"]*\"|\"bulkChangeId\":[0-9]+|"
            "/v1/bulk-changes/[0-9]+");
        std::string text = std::regex_replace(essence(reply), kOwn, "");
        for (const std::string& given : {std::to_string(provider), iccid}) {
            for (auto at = text.find(given); at != std::string::npos; at = text.find(given)) {
                text.replace(at, given.size(), "<given>");
            }
        }
        return text;
    };
    const std::int64_t provider = own().ids.at("serviceProviderId");
    EXPECT_EQ(submit(foreign().ids.at("serviceProviderId"), kOwnIccid),
              submit(kAbsentId, kOwnIccid));
    EXPECT_EQ(submit(provider, kForeignIccid), submit(provider, "8944500000000000007"));
}

TEST_F(IsolationMatrix, a_device_change_is_found_only_under_its_own_bulk_change) {
    const std::string reply_path = "/v1/bulk-changes/" + std::to_string(own().stored_change) +
                                   "/devices/" + std::to_string(own().ids.at("deviceChangeId"));
    problem_of(ask("GET", reply_path), 404, "not_found");
    problem_of(ask("GET", reply_path + "/log"), 404, "not_found");
}

TEST_F(IsolationMatrix, a_page_token_works_for_its_tenant_list_and_filter_only) {
    const auto first = ask("GET", "/v1/bulk-changes?limit=1");
    ASSERT_EQ(first.status, 200) << first.body;
    const std::string token(json_of(first).at("nextPageToken").as_string());
    EXPECT_EQ(ask("GET", "/v1/bulk-changes?limit=1&pageToken=" + token).status, 200);
    problem_of(ask("GET", "/v1/bulk-changes?limit=1&pageToken=" + token, {}, {},
                   as(foreign(), Role::admin)),
               400, "invalid_input");
    problem_of(ask("GET", "/v1/bulk-changes?limit=1&status=NEW&pageToken=" + token), 400,
               "invalid_input");
    std::string changed = token;
    changed[changed.size() / 2] = changed[changed.size() / 2] == 'a' ? 'b' : 'a';
    problem_of(ask("GET", "/v1/bulk-changes?limit=1&pageToken=" + changed), 400, "invalid_input");
}

TEST_F(IsolationMatrix, a_revoked_token_is_refused_and_its_answer_names_no_reason) {
    const auto made = ask("POST", "/v1/tokens", R"({"name":"short-lived","role":"viewer"})");
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string text(json_of(made).at("token").as_string());
    const std::string id = std::to_string(json_of(made).at("tokenId").as_int64());
    EXPECT_EQ(made.header("location"), "/v1/tokens/" + id);
    // Not used before it is revoked, so that no cache holds it.
    EXPECT_EQ(ask("DELETE", "/v1/tokens/" + id).status, 200);
    const auto revoked = support::http_request(running().port(), "GET", "/v1/me",
                                               {{"Authorization", "Bearer " + text}});
    std::string never = text;
    never.back() = never.back() == 'A' ? 'B' : 'A';
    const auto unknown = support::http_request(running().port(), "GET", "/v1/me",
                                               {{"Authorization", "Bearer " + never}});
    problem_of(revoked, 401, "unauthenticated");
    EXPECT_EQ(essence(revoked), essence(unknown));
}

}  // namespace
}  // namespace carryall::api_tests
