// The mail that tells of an event: a sentence as its subject, and the event's facts as text and as
// HTML, from templates (Mustache). Whatever a fact holds, it is text in both.
#pragma once

#include "notify/dispatch_store.hpp"

namespace carryall::notify {

EventMail mail_of(const Event& event, const std::string& tenant);

}  // namespace carryall::notify
