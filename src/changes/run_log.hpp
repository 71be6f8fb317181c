// The log entries of a page's conversations: what was said, in a form fit for people and for the
// database (redacted, cut, valid UTF-8).
#pragma once

#include <string>

#include "carriers/carrier.hpp"
#include "changes/run_store.hpp"
#include "http/client.hpp"

namespace carryall::changes {

// Marks how the entry's step ended: PROCESSED, PENDING or ERROR, with the reason.
void mark_outcome(LogEntry& entry, const carriers::Outcome& outcome);

// What went out and what came back. `devices` shared the request; the text shows this device's
// part.
void describe_call(LogEntry& entry, const carriers::Call& call, std::size_t devices,
                   const http::ClientResponse& answer);

// The carrier's own messages, as they came.
void describe_notices(LogEntry& entry, const std::string& notices);

}  // namespace carryall::changes
