// OAuth tokens and sessions.
#include "json_text.hpp"
#include "query.hpp"
#include "thingspace/thingspace_system.hpp"

namespace carryall::simulators::thingspace {
namespace {

void fail_oauth(Reply& reply, int status, std::string_view error, std::string_view description) {
    reply.status = status;
    JsonObject body(reply.body);
    body.add("error_description", description);
    body.add("error", error);
    body.close();
}

// A body with a password must not leave even a digest in the ledger.
void say_in_ledger(Call& call, std::string_view outcome) {
    JsonObject fields(call.fields);
    fields.add("outcome", outcome);
    fields.close();
}

}  // namespace

void ThingspaceSystem::issue_token(const Request& request, Call& call, Reply& reply) {
    const Query form(request.body);
    const auto grant = form.first("grant_type");
    std::string token;
    std::int64_t seconds_left = 0;
    if (!grant) {
        fail_oauth(reply, 400, "invalid_request", "Missing grant_type parameter value");
    } else if (*grant != "client_credentials") {
        fail_oauth(reply, 400, "unsupported_grant_type", "Unsupported grant_type value");
    } else if (!credentials_.issue_token(request.header("Authorization"), call.now_micros, token,
                                         seconds_left)) {
        fail_oauth(reply, 401, "invalid_client", "A valid OAuth client could not be found");
    } else {
        JsonObject body(reply.body);
        body.add("access_token", token);
        body.add("scope", "am_application_scope default");
        body.add("token_type", "Bearer");
        body.add_integer("expires_in", seconds_left);
        body.close();
    }
    say_in_ledger(call, reply.status == 200 ? "issued" : "refused");
}

void ThingspaceSystem::log_in(Call& call, Reply& reply) {
    const auto name = body_ == nullptr ? std::nullopt : text_at(*body_, "username");
    const auto password = body_ == nullptr ? std::nullopt : text_at(*body_, "password");
    if (!name || !password) {
        say_in_ledger(call, "refused");
        return fail(reply, 400, "INPUT_INVALID.Request.RequestUndefined",
                    "username and password are required.");
    }
    User* user = credentials_.find_user(*name);
    const std::string token =
        user == nullptr ? "" : credentials_.log_in(*user, *password, call.now_micros);
    if (token.empty()) {
        const bool locked = user != nullptr && user->locked;
        say_in_ledger(call, locked ? "locked" : "refused");
        return fail(reply, 400, "INPUT_INVALID.Password.Invalid",
                    locked ? "The user is locked. Contact Verizon to unlock it."
                           : "The username or password is not valid.");
    }
    say_in_ledger(call, "session");
    JsonObject body(reply.body);
    body.add("sessionToken", token);
    body.close();
}

void ThingspaceSystem::log_out(const Request& request, Reply& reply) {
    const std::string_view token = request.header("VZ-M2M-Token");
    credentials_.log_out(token);
    JsonObject body(reply.body);
    body.add("sessionToken", token);
    body.close();
}

}  // namespace carryall::simulators::thingspace
