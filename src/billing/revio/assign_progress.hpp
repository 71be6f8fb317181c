// What an unfinished assignment of a line leaves to its next attempt.
#pragma once

#include <string>

#include "base/json.hpp"

namespace carryall::billing::revio {

struct AssignProgress {
    bool is_creating_service = false;   // sent, outcome unknown
    std::int64_t service_id = 0;        // 0: not known to exist
    std::string activated_date;         // of that service
    std::int64_t creating_product = 0;  // sent, outcome unknown; 0: none

    base::json::value to_json() const;  // null if there is nothing to know
    static AssignProgress from_json(const base::json::value& value);
};

}  // namespace carryall::billing::revio
