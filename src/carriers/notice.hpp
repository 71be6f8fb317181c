// A notice: what a carrier tells us by itself about a device, usually the result of a request that
// it had only accepted. The message is kept as it came; this is what is needed to find whom it
// concerns. What it means for the change is said by the exchange that is made with it.
#pragma once

#include <string>
#include <vector>

namespace carryall::carriers {

struct Notice {
    std::string reference;  // the request id, in lower case; empty: answers no request of ours
    // Any of the device's identifiers, digits only as the carrier wrote them.
    std::vector<std::string> iccids;
    std::vector<std::string> imeis;
    std::vector<std::string> msisdns;
    // Who claims to send it: compared in constant time with the account's callbackUsername and
    // callbackPassword.
    std::string username;
    std::string password;
};

}  // namespace carryall::carriers
