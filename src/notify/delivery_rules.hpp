// What the end of an attempt means for its delivery. Pure: time and chance are parameters.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "mail/smtp.hpp"

namespace carryall::notify {

// A webhook that fails for so long is switched off. Longer than the schedule, so that a receiver
// which is down over a weekend misses nothing.
inline constexpr std::chrono::hours kDisableAfter{5 * 24};

struct Verdict {
    std::string_view state;                           // sent, queued, parked, unknown
    std::optional<std::chrono::milliseconds> due_in;  // when it is queued again
    std::string reason;                               // empty: it was sent
    std::optional<int> status;
    std::string answer;    // how it began
    bool is_gone = false;  // the receiver wants no more of this webhook
};

// The wait before the next try after so many failed ones; none: the schedule is used up. `chance`
// from 0 to 999 spreads a wait by up to a fifth.
std::optional<std::chrono::milliseconds> next_try_in(int failed, int chance);

// `failed`: tries of this run that failed before this one.
Verdict judge(const http::ClientResponse& response, int failed, int chance);

// The first server's report, and the second's if it was asked.
Verdict judge(const mail::SmtpReport& first, const std::optional<mail::SmtpReport>& second,
              int failed, int chance);

// What is to go with the message could not be had: nothing was sent. `needs_person`: it is gone or
// another file by now, so that waiting is no use.
Verdict judge_unsent(std::string reason, bool needs_person, int failed, int chance);

// Whether another server may be asked: not after one that took it, or may have.
bool may_try_another(const mail::SmtpReport& report);

}  // namespace carryall::notify
