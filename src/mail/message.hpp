// A message as it is handed to a mail server: addresses that cannot break out of their place, a
// subject in any script, one text as plain text and as HTML, files. What must stay true: nothing
// that a caller puts into a message becomes a header or a command of SMTP.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace carryall::mail {

inline constexpr std::size_t kMaxAddressBytes = 254;
inline constexpr std::size_t kMaxSubjectBytes = 250;  // longer ones are cut at a character

// "name@host.example": one address, without a display name, in ASCII.
base::Result<void> check_address(std::string_view address);

struct Attachment {
    std::string file_name;       // as base::check_file_name() takes it
    std::string content_type;    // "text/plain; charset=utf-8": printable ASCII
    std::filesystem::path file;  // read while the message is sent
};

struct Message {
    std::string from;  // both checked
    std::string to;
    std::string subject;
    std::string text;
    std::string html;
    std::vector<Attachment> attachments;
    // The same for every attempt, so that a receiver knows a message that it took before.
    std::string message_id;  // without the angle brackets
    base::Instant date;
};

// The value of a Subject header: as it is if it is plain ASCII, else as encoded words (RFC 2047).
// Line ends and controls become spaces.
std::string subject_header(std::string_view subject);

// "Sun, 01 Mar 2026 12:00:00 +0000"
std::string date_header(base::Instant date);

}  // namespace carryall::mail
