// Sessions: what some carriers give for credentials, valid for a while, sent with every call. One
// session serves all workers; renewing it is a conversation written as a pure state machine, as an
// exchange is. accounts/session.hpp keeps it and sees to it that only one worker renews at a time.
//
// What must stay true: `wrong_credentials` only if the carrier said so; after it nobody signs in
// again until the credentials were changed, because a carrier locks a user after a few failures.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "carriers/exchange.hpp"

namespace carryall::carriers {

struct SignedIn {
    base::json::value session;  // secret: sealed at rest, never logged
    // To be renewed from then on; none: only when the carrier says that it has ended.
    std::optional<std::chrono::seconds> renew_after;
};
struct SignInFailed {
    std::string reason;  // a sentence for a person, without secrets
    bool wrong_credentials = false;
    std::optional<std::chrono::seconds> retry_after;
};
using SignInStep = std::variant<Call, SignedIn, SignInFailed>;

class SignIn {
  public:
    virtual ~SignIn() = default;
    // As Exchange::begin and proceed. Calls carry all their headers themselves and are sent with
    // none of the account's; their bodies and answers are never logged.
    virtual SignInStep begin() = 0;
    virtual SignInStep proceed(const http::ClientResponse& response) = 0;
};

}  // namespace carryall::carriers
