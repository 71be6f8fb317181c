// Texts of outside systems for the log.
#include "changes/run_log.hpp"

#include "base/log.hpp"

namespace carryall::changes {
namespace {

using carriers::Outcome;

constexpr std::size_t kMaxLoggedText = 4'096;

// Redacted before it is cut: half a secret is a secret too.
std::string loggable(std::string_view text) {
    std::string clean = base::log::redact(text.substr(0, 2 * kMaxLoggedText));
    if (clean.size() > kMaxLoggedText) {
        std::size_t end = kMaxLoggedText;
        while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
        clean.resize(end);
        clean += "… (cut)";
    }
    return clean;
}

std::string describe(const http::ClientResponse& response) {
    if (response.transport != http::Transport::ok) {
        return std::string(to_string(response.transport)) + ": " + response.reason;
    }
    std::string text = "HTTP " + std::to_string(response.status);
    if (!response.body.empty()) text += "\n" + loggable(response.body);
    return text;
}

}  // namespace

void mark_outcome(LogEntry& entry, const Outcome& outcome) {
    if (const auto* refused = std::get_if<carriers::Refused>(&outcome)) {
        entry.status = "ERROR";
        entry.error = refused->reason;
    } else if (const auto* not_sent = std::get_if<carriers::NotSent>(&outcome)) {
        entry.status = "PENDING";
        entry.error = not_sent->reason;
    } else if (const auto* unknown = std::get_if<carriers::Unknown>(&outcome)) {
        entry.status = "PENDING";
        entry.error = unknown->reason;
    } else if (std::holds_alternative<carriers::Pending>(outcome) ||
               std::holds_alternative<carriers::Advanced>(outcome)) {
        entry.status = "PENDING";
    }
}

void describe_call(LogEntry& entry, const carriers::Call& call, std::size_t devices,
                   const http::ClientResponse& answer) {
    entry.action = std::string(to_string(call.method)) + ' ' + call.path;
    entry.request = entry.action;
    std::string body = call.body;
    if (call.shared) {
        body += call.shared->is_counted ? std::to_string(devices) : call.shared->item;
        body += call.shared->after;
    }
    if (!body.empty()) entry.request += "\n" + loggable(body);
    if (devices > 1) {
        entry.request += "\n(" + std::to_string(devices) + " devices shared this request)";
    }
    entry.response = describe(answer);
}

void describe_notices(LogEntry& entry, const std::string& notices) {
    entry.action = "Callback";
    entry.response = loggable(notices);
}

}  // namespace carryall::changes
