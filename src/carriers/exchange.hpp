// An exchange is one conversation with an outside system about one device (or batch), written as a
// pure state machine: given the last response it returns the next call, or the Outcome. It does no
// I/O, knows no sockets, no clock but the one it is given, no database. The engine (changes/run)
// owns sending, pacing, deadlines, logging and what happens after a crash. So the whole protocol is
// tested by feeding it responses.
//
// What must stay true: `not_sent` only if no byte of a state-changing call left us or the protocol
// proves that it was rejected unread. Everything unclear is `unknown`. This is where double
// execution is won or lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "http/client.hpp"

namespace carryall::carriers {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// The seeds' classification decides about retries: transient ones are repeated with back-off, the
// others are not.
enum class FailureClass {
    validation,  // our request was wrong: no retry
    business,    // a rule of the carrier or of billing forbids it: a person decides
    transient,   // temporary: automatic retry
    system,      // credentials, configuration, infrastructure: escalate, no retry
};

// A last entry of the device's log, beside those of the calls.
struct Remark {
    std::string description;
    std::string request;
    std::string response;
};
struct Applied {
    // What the local record must take over, beside the change's own target: see DeviceEffect.
    base::json::object details;
    // "= {}": else g++ warns wherever only the details are given.
    std::string summary = {};           // NOLINT; a sentence for a person
    std::optional<Remark> remark = {};  // NOLINT
    bool keeps_progress = false;        // progress() stays with the device: a report reads it
};
// The outside system said no to the call that decides. What earlier calls of the same exchange did
// and what was undone stands in `reason`; if it must be known when a person tries again,
// progress() is not null.
struct Refused {
    FailureClass failure = FailureClass::business;
    std::string reason;
};
// Accepted, the result comes later: by a notice of the carrier that names `reference` (its request
// id), or by asking again no earlier than after `ask_again_after`. The next exchange is then made
// with Attempt::waiting and, if notices came, with them. How long to wait in all is the adapter's
// to say: it ends the waiting by Refused or Unknown.
struct Pending {
    std::string reference;  // empty: no notice will come
    std::chrono::seconds ask_again_after{60};
    std::string note = {};  // NOLINT; what is waited for, for a person
};
// One of several steps is done, and progress() says so. The next exchange begins the next step, as
// a fresh attempt that may send: so a crash in that step leaves this one on record.
struct Advanced {
    std::chrono::seconds go_on_after{0};
    std::string note = {};  // NOLINT
};
// The step at hand was certainly not done; trying again is safe. `retry_after` as the outside
// system asked for, if it did. If progress() is not null, earlier steps were done: then the device
// must not be given up as failed when tries run out, but parked for a person.
struct NotSent {
    std::string reason;
    std::optional<std::chrono::seconds> retry_after;
    bool whole_account = false;  // a rate limit or quota: pause every call of the account
};
// May or may not have been done. Only a read-back may decide. `whole_account`: the reading that was
// to decide was not answered because of a rate limit or quota; nothing was learned by it, and every
// call of the account pauses. `needs_person`: asking again by itself is not going to tell.
// `goes_on`: the reading that decides is long and has come a part of its way, which progress()
// remembers; the adapter sees to its end.
struct Unknown {
    std::string reason;
    std::optional<std::chrono::seconds> retry_after =
        {};  // NOLINT(readability-redundant-member-init)
    bool whole_account = false;
    bool needs_person = false;
    bool goes_on = false;
};
using Outcome = std::variant<Applied, Refused, Pending, NotSent, Unknown, Advanced>;

// A call that several devices can share: calls of one page that differ in nothing but `item` are
// sent as one request, at most Account::devices_per_request of them. Its body is Call::body, the
// items separated by commas, and `after`. Every exchange is given the one answer, and must find in
// it what is its own. Empty items: the calls are the same request (a question about a batch), or,
// with `is_counted`, the number of devices stands in the place of the items.
struct Shared {
    std::string item;
    std::string after;
    // Fewer than the account takes: only calls with the same figure are joined, at most so many.
    std::optional<std::size_t> most = {};  // NOLINT(readability-redundant-member-init)
    bool is_counted = false;
};

struct Call {
    http::Method method = http::Method::get;
    std::string path;  // with query; appended to the account's base URL
    // Beside those of the account (Account::header_list). Almost always empty.
    HeaderFields headers;
    // Headers of the answer that the exchange reads (http::ClientRequest::answer_headers).
    std::vector<std::string> answer_headers;
    std::string body;
    std::optional<Shared> shared;
    // What the device's log shows: the {Operation} of the description template, for people.
    std::string operation;      // "Terminate Package"
    std::string description;    // the whole log description where the template does not fit
    bool changes_state = true;  // false: reading; never makes an outcome unknown by itself
    std::chrono::milliseconds timeout{30000};
};

using Step = std::variant<Call, Outcome>;

class Exchange {
  public:
    virtual ~Exchange() = default;
    // The first step. Called once.
    virtual Step begin() = 0;
    // How many devices the request was for whose answer comes next, and which of them this one was,
    // from 0. Told of calls with `shared`.
    virtual void shared_by(std::size_t devices, std::size_t place) {
        static_cast<void>(devices);
        static_cast<void>(place);
    }
    // The answer to the call returned last. Called once for each call. A call that is not going to
    // be sent after all (the lease is about to end) is answered with Transport::not_sent, so that
    // progress() does not speak of it as sent.
    virtual Step proceed(const http::ClientResponse& response) = 0;
    // What the next exchange for the same device change must know (a package already added must not
    // be added again); null if nothing. Remembered durably with the device whenever the exchange
    // ends without Applied. Valid at any moment, so also when the exchange is cut off while a call
    // is in flight.
    virtual base::json::value progress() const { return nullptr; }
    // What of the change is in place although it ended otherwise than Applied: the record takes it
    // over as it does Applied::details. Empty: nothing.
    virtual base::json::object achieved() const { return {}; }
};

}  // namespace carryall::carriers
