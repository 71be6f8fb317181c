// The session of an account at a carrier (carriers/session.hpp), shared by all workers through the
// database: bought once, sealed at rest, renewed by one worker at a time while the others wait for
// it.
//
// What must stay true: credentials that the carrier refused are not tried again until they were
// changed, by no worker, because a carrier locks a user after a few failures.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "carriers/carrier.hpp"

namespace carryall::accounts {

struct NoSession {
    std::string reason;  // a sentence for a person
    // The credentials were refused: a person must correct them. Otherwise it may work later.
    bool wrong_credentials = false;
    std::chrono::seconds retry_after{30};
};
using SessionHeaders = std::variant<carriers::HeaderFields, NoSession>;

class Session {
  public:
    virtual ~Session() = default;
    // Carrier::ended_part.
    virtual std::string ended_part(const http::ClientResponse& answer) const = 0;
    // The headers that make a call part of the session. Signs in if there is none; blocks
    // meanwhile.
    virtual SessionHeaders headers() = 0;
    // The carrier said that `part` (Carrier::ended_part) of the session whose headers were given
    // last has ended. Renews it, unless another worker has done so meanwhile.
    virtual SessionHeaders renew(std::string_view part) = 0;
};

}  // namespace carryall::accounts
