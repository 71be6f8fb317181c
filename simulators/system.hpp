// A system is one outside company's API: its routes, its rules, its state. The dispatcher owns the
// order of events (route, admit, fault, perform, ledger), so every system gets faults and ledger
// for free and says only what is its own. All calls on one system happen under one lock.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "clock.hpp"
#include "http_request.hpp"
#include "reply.hpp"
#include "router.hpp"

namespace carryall::simulators {

class Ledger;

// One request on its way through a system.
struct Call {
    int endpoint = 0;
    std::string_view action = "unknown";
    std::string key;  // what the request is about: an ICCID, "service/99120", ...
    std::array<std::string_view, kMaxParams> params;
    bool writes = false;
    std::int64_t now_micros = 0;
    std::int64_t stale_micros = 0;  // a read answers as the state was that long ago
    // Set by perform():
    bool performed = false;  // the write was carried out
    bool changed = false;    // and afterwards the state differs from before
    std::string fields;      // for the ledger: one JSON object, or empty

    void clear() {
        action = "unknown";
        endpoint = 0;
        key.clear();
        params = {};
        writes = performed = changed = false;
        stale_micros = 0;
        fields.clear();
    }
};

// Something a system did by itself because its time had come, as the ledger tells it.
struct Happening {
    std::int64_t micros = 0;  // when it was due, which may be long before anybody looked
    std::string_view action;
    std::string key;
    std::string path;       // of the request that led to it
    std::string fields;     // one JSON object, or empty
    bool performed = true;  // false: it was due, but was not possible any more
    bool changed = true;
};

class System {
  public:
    virtual ~System() = default;

    virtual std::string_view name() const = 0;
    // The path in front of this system's routes, "/pond/ds/...". A request below it belongs to the
    // system.
    virtual std::string_view base_path() const = 0;
    virtual const Router& router() const = 0;

    // Fills key from params and body before faults are decided, so that a rule can name a device.
    virtual void identify(const Request& request, Call& call) = 0;
    // Credentials, then limits. False: refused, and the reply is filled.
    virtual bool admit(const Request& request, const Call& call, Reply& reply) = 0;
    virtual void perform(const Request& request, Call& call, Reply& reply) = 0;
    // The answer of the call that was admitted last is held back and leaves at that time (virtual
    // clock); for systems that count calls in flight. Answers that leave at once are not announced.
    virtual void holds_answer_until(std::int64_t /*micros*/) {}
    // Headers that every answer carries, refused or not.
    virtual void decorate(const Request& request, Reply& reply) = 0;
    // The error body in this system's own shape; the status is already in the reply.
    virtual void write_error(int status, std::string_view message, Reply& reply) = 0;
    // An error of the gateway in front of the system (rate limits).
    virtual void write_gateway_error(int status, std::string_view message, Reply& reply) {
        write_error(status, message, reply);
    }

    // Does what is due by now without being asked: before every request, on every tick, and after
    // the clock was moved. Must cost next to nothing when nothing is due. May stop after many
    // things: it is called until it adds nothing.
    virtual void let_time_pass(std::int64_t, std::vector<Happening>&) {}

    // `/_sim/<name>/...`; false: no such admin route.
    virtual bool administer(const Request& request, std::string_view path, Reply& reply) = 0;
    virtual void reset() = 0;
    // Reads of the past are possible only for changes made after this was switched on.
    virtual void keep_history(bool on) = 0;

    // For a system with a thread of its own (one that calls its clients): what that thread writes
    // to, and the lock under which it touches the state. stop() comes before either goes away.
    virtual void start(Ledger&, std::mutex&) {}
    virtual void stop() {}
};

}  // namespace carryall::simulators
