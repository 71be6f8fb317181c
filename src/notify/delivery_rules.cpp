#include "notify/delivery_rules.hpp"

#include <array>

#include "base/log.hpp"
#include "base/utf8.hpp"

namespace carryall::notify {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

// As the Standard Webhooks specification suggests; three days and a little.
constexpr std::array<std::chrono::seconds, 9> kWaits = {5s,  5min, 30min, 2h, 5h,
                                                        10h, 14h,  20h,   24h};
constexpr int kJitterPart = 5;  // a fifth
constexpr int kChances = 1'000;
constexpr std::size_t kMaxAnswerBytes = 500;

// How an answer began, cut at a character, without credentials.
std::string beginning(std::string_view text) {
    std::size_t taken = 0;
    while (taken < text.size()) {
        const std::size_t size = base::utf8_size(text.substr(taken));
        if (size == 0 || taken + size > kMaxAnswerBytes) break;
        taken += size;
    }
    return base::log::redact(text.substr(0, taken));
}

void try_again_or_park(Verdict& verdict, int failed, int chance) {
    verdict.due_in = next_try_in(failed + 1, chance);
    verdict.state = verdict.due_in ? "queued" : "parked";
}

}  // namespace

std::optional<milliseconds> next_try_in(int failed, int chance) {
    if (failed < 1 || static_cast<std::size_t>(failed) > kWaits.size()) return std::nullopt;
    const milliseconds wait = kWaits[static_cast<std::size_t>(failed) - 1];
    return wait + wait * chance / (kJitterPart * kChances);
}

Verdict judge(const http::ClientResponse& response, int failed, int chance) {
    Verdict verdict;
    if (response.status != 0) verdict.status = response.status;
    verdict.answer = beginning(response.body);
    // The receiver's word is its status; what it says after it is only kept for people.
    if (response.status >= 200 && response.status < 300) {
        verdict.state = "sent";
        return verdict;
    }
    if (response.transport != http::Transport::ok) {
        verdict.reason = response.transport == http::Transport::timeout
                             ? "no answer within the time allowed"
                             : base::log::redact(response.reason);
    } else if (response.status >= 300 && response.status < 400) {
        verdict.reason = "it answered " + std::to_string(response.status) +
                         ", a redirect, which is not followed; change the webhook's URL";
    } else {
        verdict.reason = "it answered " + std::to_string(response.status);
    }
    if (response.status == 410) {
        verdict.is_gone = true;
        verdict.state = "parked";
        return verdict;
    }
    try_again_or_park(verdict, failed, chance);
    if (verdict.due_in && response.retry_after) {
        verdict.due_in = std::max<milliseconds>(*verdict.due_in, *response.retry_after);
    }
    return verdict;
}

bool may_try_another(const mail::SmtpReport& report) {
    return report.fate == mail::Fate::refused || report.fate == mail::Fate::not_taken;
}

Verdict judge(const mail::SmtpReport& first, const std::optional<mail::SmtpReport>& second,
              int failed, int chance) {
    const mail::SmtpReport& last = second ? *second : first;
    Verdict verdict;
    if (last.code != 0) verdict.status = last.code;
    verdict.answer = beginning(last.reply);
    if (last.fate == mail::Fate::taken) {
        verdict.state = "sent";
        return verdict;
    }
    verdict.reason = base::log::redact(second ? first.error + "; " + second->error : first.error);
    if (last.fate == mail::Fate::unclear) {
        verdict.state = "unknown";
        verdict.reason += "; the server may have taken it, so it is not sent again by itself";
    } else if (last.fate == mail::Fate::refused && first.fate == mail::Fate::refused) {
        verdict.state = "parked";
    } else {
        try_again_or_park(verdict, failed, chance);
    }
    return verdict;
}

Verdict judge_unsent(std::string reason, bool needs_person, int failed, int chance) {
    Verdict verdict;
    verdict.reason = base::log::redact(reason);
    verdict.state = "parked";
    if (!needs_person) try_again_or_park(verdict, failed, chance);
    return verdict;
}

}  // namespace carryall::notify
