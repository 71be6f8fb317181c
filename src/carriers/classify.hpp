// What an HTTP answer of an outside system means for the call that it answers, and what follows for
// the exchange. Shared by all adapters; each refines it with what its system says in the body.
//
// What must stay true: `refused` and `throttled` only if the system certainly did not act,
// `accepted` only if it certainly did. Whatever is neither is `unclear`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "carriers/exchange.hpp"

namespace carryall::carriers {

enum class Meaning {
    accepted,      // done (a write), or answered (a reading)
    refused,       // read and refused
    unauthorized,  // refused before it was read: credentials, permission
    throttled,     // refused unread: too many requests, quota
    not_sent,      // no byte of it left us
    unclear,       // anything else
};
std::string_view to_string(Meaning meaning);

struct Verdict {
    Meaning meaning = Meaning::unclear;
    FailureClass failure = FailureClass::transient;
    int http_status = 0;  // 0: no answer
    std::string reason;   // a sentence for a person; empty if accepted
    std::optional<std::chrono::seconds> retry_after;
    bool whole_account = false;
};

Meaning meaning_of_status(int http_status);
// Of a refusal with this status.
FailureClass failure_of_status(int http_status);

// From transport and status alone: no look into the body. `system` as people know it: "POND".
Verdict classify(std::string_view system, const http::ClientResponse& response);

// Where the exchange stands when a call fails.
enum class Standing {
    untouched,    // nothing was done by this device change
    partly_done,  // earlier steps were certainly done; progress() says which
    unclear,      // an earlier step may have been done: only a reading may decide
};

// The outcome of an exchange that ends because of `verdict` (not accepted). A reading that fails
// leaves the standing as it was; a write that is unclear makes the outcome unknown.
Outcome conclude(const Verdict& verdict, bool changes_state, Standing standing);

// Text of an outside system made fit for a sentence and for the database: valid UTF-8, one line, no
// control characters, at most kMaxExcerptBytes.
inline constexpr std::size_t kMaxExcerptBytes = 300;
std::string excerpt(std::string_view text);
// The excerpt, or words for a body that helps nobody (empty, a web page).
std::string describe_body(std::string_view body);

}  // namespace carryall::carriers
