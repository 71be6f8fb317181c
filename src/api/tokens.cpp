// /v1/me and /v1/tokens: who a token is, and the tokens of a tenant. A token's text is in exactly
// one answer, the one that made it.
#include <boost/describe.hpp>

#include "api/api.hpp"
#include "api/or_null.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Response;
using tenants::Permission;

struct NewTokenBody {
    std::string name;
    std::string role;
    std::optional<std::string> expires_at;
};
BOOST_DESCRIBE_STRUCT(NewTokenBody, (), (name, role, expires_at))

json::object document_of(const tenants::Token& token) {
    return {{"tokenId", token.id.value},
            {"name", token.name},
            {"role", tenants::to_string(token.role)},
            {"createdBy", token.created_by},
            {"createdAt", token.created_at},
            {"expiresAt", or_null(token.expires_at)},
            {"revokedAt", or_null(token.revoked_at)},
            {"lastUsedAt", or_null(token.last_used_at)}};
}

Result<Response> show_me(Call& call) {
    return json_response(json::object{{"tenantId", call.caller.tenant_id.value},
                                      {"tokenId", call.caller.token_id.value},
                                      {"name", call.caller.name},
                                      {"role", tenants::to_string(call.caller.role)}});
}

Result<Response> list(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    const auto tokens = tenants::list_tokens(**database, call.caller.tenant_id);
    if (!tokens) return tokens.error();
    json::array items;
    for (const tenants::Token& token : *tokens) items.push_back(document_of(token));
    return page_response(std::move(items), "");
}

Result<Response> create(Call& call) {
    const auto body = call.body<NewTokenBody>();
    if (!body) return body.error();
    tenants::NewToken wanted;
    wanted.name = body->name;
    const auto role = tenants::parse_role(body->role);
    if (!role) {
        return base::invalid_input("role must be viewer, operator, billing or admin", "/role");
    }
    wanted.role = *role;
    if (body->expires_at) {
        const auto expires = base::parse_iso8601(*body->expires_at);
        if (!expires) return base::invalid_input(expires.error().message, "/expiresAt");
        wanted.expires_at = *expires;
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto created =
        tenants::create_token(**database, call.caller.tenant_id, wanted, call.caller.name);
    if (!created) return created.error();
    json::object document = document_of(created->token);
    document["token"] = created->text.reveal();
    Response response = json_response(document, 201);
    response.headers.set("Location", "/v1/tokens/" + base::to_string(created->token.id));
    return response;
}

Result<Response> revoke(Call& call) {
    const auto id = call.id("tokenId", "token");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto revoked =
        tenants::revoke_token(**database, call.caller.tenant_id, tenants::TokenId{*id});
    if (!revoked) return revoked.error();
    return json_response(document_of(*revoked));
}

}  // namespace

void add_token_routes(Routes& routes) {
    using http::Method;
    routes.add({.method = Method::get,
                .pattern = "/v1/me",
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = show_me});
    routes.add({.method = Method::get,
                .pattern = "/v1/tokens",
                .permission = Permission::token_manage,
                .rate = RateClass::read,
                .handler = list});
    routes.add({.method = Method::post,
                .pattern = "/v1/tokens",
                .permission = Permission::token_manage,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = create});
    routes.add({.method = Method::del,
                .pattern = "/v1/tokens/{tokenId}",
                .permission = Permission::token_manage,
                .rate = RateClass::write,
                .handler = revoke});
}

}  // namespace carryall::api
