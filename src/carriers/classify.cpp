// The rules are RFC 9110's meaning of the statuses, read with distrust: a gateway may answer for a
// system that has already acted, so every 5xx and every unusual 2xx or 3xx stays unclear.
#include "carriers/classify.hpp"

#include "base/check.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace carryall::carriers {

std::string_view to_string(Meaning meaning) {
    switch (meaning) {
        case Meaning::accepted:
            return "accepted";
        case Meaning::refused:
            return "refused";
        case Meaning::unauthorized:
            return "unauthorized";
        case Meaning::throttled:
            return "throttled";
        case Meaning::not_sent:
            return "not_sent";
        case Meaning::unclear:
            return "unclear";
    }
    return "";
}

Meaning meaning_of_status(int http_status) {
    switch (http_status) {
        case 200:
        case 201:
        case 204:
            return Meaning::accepted;
        case 401:
        case 403:
        case 407:
            return Meaning::unauthorized;
        case 408:
            return Meaning::unclear;  // the time ran out; it does not say on which side
        case 429:
            return Meaning::throttled;
        default:
            break;
    }
    return http_status >= 400 && http_status < 500 ? Meaning::refused : Meaning::unclear;
}

FailureClass failure_of_status(int http_status) {
    switch (http_status) {
        case 400:
        case 413:
        case 422:
            return FailureClass::validation;
        case 404:
        case 409:
        case 410:
        case 412:
        case 423:
            return FailureClass::business;
        default:
            break;
    }
    if (http_status == 429 || http_status == 408) return FailureClass::transient;
    // The rest is about how we are set up: method, media type, credentials, address.
    return http_status >= 400 && http_status < 500 ? FailureClass::system : FailureClass::transient;
}

Verdict classify(std::string_view system, const http::ClientResponse& response) {
    Verdict verdict;
    const std::string name(system);
    switch (response.transport) {
        case http::Transport::not_sent:
            verdict.meaning = Meaning::not_sent;
            verdict.reason = name + " could not be reached: " + excerpt(response.reason);
            return verdict;
        case http::Transport::timeout:
            verdict.reason = name + " did not answer in time";
            return verdict;
        case http::Transport::lost:
            verdict.reason = "The answer of " + name + " was lost: " + excerpt(response.reason);
            return verdict;
        case http::Transport::ok:
            break;
    }
    verdict.http_status = response.status;
    verdict.meaning = meaning_of_status(response.status);
    if (verdict.meaning == Meaning::accepted) return verdict;
    verdict.failure = failure_of_status(response.status);
    verdict.retry_after = response.retry_after;
    verdict.whole_account = verdict.meaning == Meaning::throttled;
    verdict.reason = name + " answered HTTP " + std::to_string(response.status);
    return verdict;
}

Outcome conclude(const Verdict& verdict, bool changes_state, Standing standing) {
    CHECK(verdict.meaning != Meaning::accepted);
    // Nothing that happens to a reading, and no certain rejection, tells what became of an earlier
    // call.
    if (standing == Standing::unclear) {
        return Unknown{verdict.reason, verdict.retry_after, verdict.whole_account};
    }
    const NotSent again{verdict.reason, verdict.retry_after, verdict.whole_account};
    switch (verdict.meaning) {
        case Meaning::throttled:
        case Meaning::not_sent:
            return again;
        case Meaning::unauthorized:
            // Half a change must be finished once the credentials work again: not final.
            if (standing == Standing::partly_done) return again;
            return Refused{FailureClass::system, verdict.reason};
        case Meaning::refused:
            // Nor is a reading that is refused in the middle of a change.
            if (standing == Standing::partly_done && !changes_state) return again;
            return Refused{verdict.failure, verdict.reason};
        case Meaning::accepted:
        case Meaning::unclear:
            break;
    }
    if (changes_state) return Unknown{verdict.reason};
    return again;
}

std::string excerpt(std::string_view text) {
    text = base::trim(text);
    std::string out;
    bool gap = false;
    while (!text.empty()) {
        const std::size_t length = base::utf8_size(text);
        const bool is_control = length == 1 && (static_cast<unsigned char>(text[0]) < 0x20 ||
                                                text[0] == '\x7F' || text[0] == ' ');
        if (is_control) {
            gap = true;
        } else {
            if (out.size() + length + 4 > kMaxExcerptBytes) return out + "…";
            if (gap && !out.empty()) out += ' ';
            gap = false;
            if (length == 0)
                out += '?';
            else
                out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string describe_body(std::string_view body) {
    const std::string_view text = base::trim(body);
    if (text.empty()) return "an empty answer";
    if (text.front() == '<') return "a web page instead of JSON";
    return excerpt(text);
}

}  // namespace carryall::carriers
