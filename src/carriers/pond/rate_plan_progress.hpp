// What an unfinished rate plan change at POND leaves to its next attempt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace carryall::carriers::pond {

struct Compensation {
    std::string reason;         // why the new package is taken back
    std::string stuck_package;  // the old package that refused to end; empty: the new one refused
};

struct RatePlanProgress {
    bool is_adding = false;  // addPackage was sent, and its outcome is unknown
    // The packages of the wanted type that stood there before it was sent.
    std::optional<std::vector<std::string>> before;
    std::string new_package;              // ours, once its id is known
    std::vector<std::string> terminated;  // old packages that we certainly ended
    std::optional<Compensation> compensation;

    bool has_done_something() const { return !new_package.empty() || !terminated.empty(); }
    bool is_empty() const { return !is_adding && !has_done_something(); }

    base::json::value to_json() const;  // null if empty
    static RatePlanProgress from_json(const base::json::value& value);
};

}  // namespace carryall::carriers::pond
