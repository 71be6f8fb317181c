// What happens to a device change after an attempt: pure functions of (outcome, what is known,
// settings).
//
//   new ──claim──▶ (sending) ──Applied──▶ processed
//                     │  ├─Refused──▶ error          validation, business, system: never repeated
//                     by itself │  ├─NotSent──▶ new            repeated with back-off, until the
//                     retries are used up │  ├─Pending──▶ waiting        asked again later │
//                     └─Unknown──▶ unknown        read back on the ladder; never sent again before
//                     that
//   new, waiting, unknown ──Advanced──▶ new       a step is done; the next begins, with retries of
//   its own waiting ──a notice, or asked──▶ processed | error | waiting | unknown; it could not be
//   asked ▶ waiting unknown ──read back──▶ processed | error | new attempt (proved not applied) |
//   parked (ladder used up, or only a person can tell)
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "carriers/exchange.hpp"
#include "changes/bulk_change.hpp"

namespace carryall::changes {

struct RetrySettings {
    std::chrono::milliseconds backoff_base{5'000};  // doubled for each retry, ± 25 % jitter
    std::chrono::milliseconds backoff_max{900'000};
    int max_retries = 8;
    // When an unknown outcome is read back: the first rung right after the carrier's settling time,
    // then patiently. After the last rung the device is parked for a person.
    std::vector<std::chrono::seconds> ladder = {
        std::chrono::seconds(0),      std::chrono::seconds(300),    std::chrono::seconds(3'600),
        std::chrono::seconds(86'400), std::chrono::seconds(86'400), std::chrono::seconds(86'400),
        std::chrono::seconds(86'400), std::chrono::seconds(86'400)};
    // Workers that died on the same page before its unfinished devices are parked as poison.
    int max_lost = 3;
};

// What is known about a device change when an attempt on it ends.
struct AttemptEnd {
    bool was_unknown = false;  // the attempt began by reading back
    bool was_waiting = false;  // the carrier had accepted it; the attempt asked for the result
    bool did_earlier_steps =
        false;  // the exchange has progress: giving up would hide work that was done
    int retry_number = 0;
    int read_back_count = 0;
    // Until the carrier's settling time has passed since the last send; zero or less: it has.
    std::chrono::milliseconds settles_in{0};
    double jitter = 0.5;  // uniform in [0, 1)
};

struct Verdict {
    DeviceState state = DeviceState::error;
    std::optional<carriers::FailureClass> error_class;
    std::string reason;
    std::optional<std::chrono::milliseconds> due_in;  // for new, waiting, unknown
    int retry_number = 0;
    int read_back_count = 0;
};

Verdict judge(const carriers::Outcome& outcome, const AttemptEnd& end,
              const RetrySettings& settings);

// 2^retry_number × base within the maximum, ± 25 %.
std::chrono::milliseconds backoff(int retry_number, double jitter, const RetrySettings& settings);

bool is_final(DeviceState state);
std::string_view to_string(carriers::FailureClass failure);

}  // namespace carryall::changes
