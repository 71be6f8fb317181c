// Following a bulk change until it is finished: server-sent events where they arrive, a question a
// second where they do not. What must stay true: an interrupted connection or a restarting server
// is waited out, and what is shown is always a whole truth, never a sum of differences.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "app/api_client.hpp"

namespace carryall::app {

struct WatchedProgress {
    std::int64_t bulk_change_id = 0;
    std::string status;
    std::int64_t device_count = 0;
    std::int64_t processed = 0;
    std::int64_t failed = 0;
    std::int64_t cancelled = 0;
    std::int64_t unclear = 0;  // unknown, parked
    std::int64_t waiting = 0;
    // "paused by alice: wrong plan", "waits for an approval", "begins …"; empty: it runs
    std::string held;
    std::string waits_for;
    bool finished = false;

    std::int64_t settled() const { return processed + failed + cancelled; }
};

// From a Progress or a BulkChange document.
WatchedProgress read_progress(const base::json::value& document);

// "[████▌     ]  45 %  450 of 1,000  3 failed  1,234/s", at most `width` columns.
std::string progress_bar(const WatchedProgress& progress, double devices_per_second,
                         std::size_t width);
// "PROCESSING 450 of 1,000 devices: 447 processed, 3 failed"
std::string progress_sentence(const WatchedProgress& progress);
std::string with_thousands(std::int64_t number);

// When a change (or plan) with a date ahead begins, by the clock of its zone if it has one, and
// when the last device does if that is later; empty: it has no date.
std::string begin_of(const base::json::value& document);
// The command that applies a plan, or that nothing of it can be; a line.
std::string how_to_apply(const base::json::value& plan);

// 0 PROCESSED, kExitPartial PARTIAL and CANCELLED, kExitAllFailed ERROR, kExitDidNotEnd not
// finished.
int exit_status_of(const WatchedProgress& progress);

struct WatchOptions {
    std::chrono::seconds at_most{0};  // 0: as long as it takes
};

// Shows progress on standard error: a live bar on a terminal, else a line at every tenth. Prints
// the result at the end and sets cli.exit_status.
base::Result<void> watch_change(Cli& cli, ApiClient& client, std::int64_t bulk_change_id,
                                const WatchOptions& options);

}  // namespace carryall::app
