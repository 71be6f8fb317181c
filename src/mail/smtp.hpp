// Hands one message to a mail server by SMTP, and says exactly what became of it. What must stay
// true: a message that the server may have taken is `unclear` and never counted as not sent; the
// password travels under TLS only, and the server's certificate is checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "mail/message.hpp"

namespace carryall::mail {

enum class Tls {
    starttls,  // begins in the clear and must switch before anything else
    implicit,  // TLS from the first byte
    none,      // for a server on the same machine
};

struct SmtpServer {
    std::string host;
    int port = 587;
    Tls tls = Tls::starttls;
    std::string username;  // empty: without authentication
    base::Secret password;
    std::string ca_file;  // PEM bundle instead of the system's; empty: the system's
    std::chrono::milliseconds timeout{30'000};  // of the whole exchange, beside its attachments
};

// What an exchange may take: the server's timeout, and more for attachments of so many bytes.
std::chrono::milliseconds time_allowed(const SmtpServer& server, std::uint64_t attached_bytes);

enum class Fate {
    taken,      // the server answered that it has the message
    refused,    // it will not have this message (5xx): sending it again is no use
    not_taken,  // it does not have it, and may take it later: no connection, 4xx, login refused
    unclear,    // the connection was lost after the message began to leave: it may have it
};

std::string_view to_string(Fate fate);

struct SmtpReport {
    Fate fate = Fate::not_taken;
    int code = 0;       // of the last reply; 0: none came
    std::string reply;  // its line
    std::string error;  // for a person; empty if taken
};

// An attachment that cannot be read leaves the message not taken.
SmtpReport send(const SmtpServer& server, const Message& message);

}  // namespace carryall::mail
