// The messages of bursts (burst.hpp) as they wait in the database, between the routing of one event
// and the next.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "notify/delivery.hpp"
#include "notify/event.hpp"

namespace carryall::notify {

// A message to one address: of one event, or of a burst.
struct Mail {
    Event event;
    std::string tenant;
    std::string address;
    std::chrono::milliseconds wait{0};
    DeliveryId grows;  // the message that is to tell this too; 0: it is a new one
};

struct Burst {
    Event first;
    std::string tenant;
    std::vector<base::json::value> payloads;
};
using Bursts = std::map<std::pair<std::string, std::string>, Burst>;  // by subject and address

// Adds a message for each burst: a new one that waits, or the one that waits already, which is
// locked against being sent until the transaction ends.
Result<void> add_bursts(db::Transaction& transaction, std::int64_t tenant_id, Bursts bursts,
                        std::vector<Mail>& mails);

}  // namespace carryall::notify
