// Callbacks: whom one concerns, and what several of them say together about one request for one
// line. They come late, twice, in any order, and may contradict each other.
#pragma once

#include <string>

#include "carriers/carrier.hpp"
#include "carriers/thingspace/change_request.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

struct Told {
    enum class Kind {
        nothing,  // no callback about this request and line, or none that says how it ended
        success,
        failure,
        contradiction,  // both: only the list decides
    };
    Kind kind = Kind::nothing;
    bool is_proved = false;  // deviceResponse holds the action's own answer
    Fault fault = Fault::none;
    std::string reason;  // of a failure, in the carrier's words
    std::string number;  // that an activation gave the line
    std::string ip_address;
};

Told told_by(const base::json::array& notices, std::string_view request_id, const Line& line,
             Deed deed, const Account& account);

}  // namespace carryall::carriers::thingspace
