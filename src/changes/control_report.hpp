// How a bulk change is held, as reports show it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "changes/bulk_change.hpp"
#include "changes/control_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

struct ControlInfo {
    std::string control;               // running unless it is held
    std::optional<std::string> cause;  // person, threshold, wave
    std::optional<std::string> reason;
    std::optional<std::string> by;  // who held it, or let it go on
    std::optional<std::string> since;
    std::optional<std::int64_t> max_concurrency;
    std::optional<FailureThreshold> threshold;
    std::int64_t failure_count = 0;  // that count for the threshold
    std::int64_t ended_count = 0;    // likewise
    std::int64_t wave = 1;
    std::int64_t wave_count = 0;  // 0: none
    std::int64_t withdrawn_count = 0;
    std::string approval;  // not_required, required, approved
    std::optional<std::string> approved_by;
    std::optional<std::string> approved_at;
    // The earlier change that holds devices of this one back, and how that one stands.
    std::optional<std::int64_t> waits_for;
    std::string waits_for_state;  // PROCESSING, paused, …
};

// Of bulk_change `b`; $1 is the tenant.
const std::string& control_columns();
inline constexpr int kControlColumns = 18;
ControlInfo control_at(const db::Rows& rows, std::size_t row, int first_column);

}  // namespace carryall::changes
