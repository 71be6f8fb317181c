// Verizon ThingSpace: the carrier, and its conversations. What ThingSpace does and how we read it:
// docs/carriers/thingspace.md.
#pragma once

#include <memory>

#include "carriers/carrier.hpp"

namespace carryall::carriers::thingspace {

const Carrier& carrier();

// One change of one line: a request that many lines may share, then the wait for its result.
std::unique_ptr<Exchange> change_exchange(const Account& account, const Line& line,
                                          const Action& action, const Attempt& attempt);

// An OAuth token and a session of the user; only what `ended`, if the rest of `former` can stay.
std::unique_ptr<SignIn> sign_in(const Account& account, const base::json::value& former,
                                std::string_view ended);
// "token" or "session"; empty: neither has ended.
std::string ended_part(const http::ClientResponse& response);
HeaderFields session_headers(const base::json::value& session);

std::optional<Notice> parse_notice(const base::json::value& body);

std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                 const InventoryScope& scope);

}  // namespace carryall::carriers::thingspace
