// How an answer is spoiled after (or instead of) the work.
#include <string>

#include "faults.hpp"
#include "json_text.hpp"

namespace carryall::simulators {
namespace {

constexpr std::size_t kDefaultPaddingBytes = std::size_t{64} * 1024 * 1024;

constexpr std::string_view kHtmlPage =
    "<!DOCTYPE html><html><head><title>Service temporarily unavailable</title></head><body>"
    "<h1>We will be back soon</h1><p>Please try again later.</p></body></html>";

constexpr std::string_view kXmlFault =
    "<am:fault xmlns:am=\"http://wso2.org/apimanager\"><am:code>403</am:code>"
    "<am:type>Status report</am:type><am:message>Forbidden</am:message>"
    "<am:description>The requested resource is not available.</am:description></am:fault>";

void fail(int status, std::string_view message, System& system, Reply& reply) {
    reply.body.clear();
    reply.headers.clear();
    reply.status = status;
    system.write_error(status, message, reply);
}

void refuse_for_rate(const Fault& fault, bool says_when, System& system, Reply& reply) {
    const std::string seconds = std::to_string(fault.retry_after_seconds);
    reply.body.clear();
    reply.headers.clear();
    reply.status = 429;
    system.write_gateway_error(429, "Rate limit is exceeded. Try again in " + seconds + " seconds.",
                               reply);
    if (says_when) reply.add_header("Retry-After", seconds);
}

std::size_t end_of_text(const std::string& json, std::size_t quote) {
    std::size_t i = quote + 1;
    while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2U : 1U;
    return i < json.size() ? i + 1 : json.size();
}

// Every value changes its type: numbers and truth values become text, texts become the number 7.
std::string with_wrong_types(const std::string& json) {
    std::string out;
    std::size_t i = 0;
    while (i < json.size()) {
        if (json[i] == '"') {
            const std::size_t end = end_of_text(json, i);
            std::size_t next = end;
            while (next < json.size() && json[next] == ' ') ++next;
            const bool is_name = next < json.size() && json[next] == ':';
            if (is_name)
                out.append(json, i, end - i);
            else
                out += '7';
            i = end;
        } else if (json.find_first_of("{}[],: \n", i) == i) {
            out += json[i++];
        } else {
            std::size_t end = json.find_first_of("{}[],: \n", i);
            if (end == std::string::npos) end = json.size();
            append_quoted(out, std::string_view(json).substr(i, end - i));
            i = end;
        }
    }
    return out;
}

// The page of somebody in between.
void answer_page(FaultKind kind, Reply& reply) {
    reply.headers.clear();
    if (kind == FaultKind::xml_403) {
        reply.status = 403;
        reply.body = kXmlFault;
        reply.content_type = "application/xml; charset=UTF-8";
        return;
    }
    reply.status = kind == FaultKind::html_404 ? 404 : kind == FaultKind::html_502 ? 502 : 200;
    reply.body = kHtmlPage;
    reply.content_type = "text/html; charset=utf-8";
}

void retype_body(Reply& reply) {
    if (reply.body.empty()) {
        reply.status = 200;
        reply.body = "[]";
    } else {
        reply.body = with_wrong_types(reply.body);
    }
}

void make_ok_with_body(Reply& reply) {
    if (reply.status == 204) reply.status = 200;
    if (reply.body.empty()) reply.body = "{}";
}

}  // namespace

void spoil_reply(const Fault& fault, System& system, Reply& reply) {
    switch (fault.kind) {
        case FaultKind::reset_before:
        case FaultKind::execute_then_reset:
            reply.delivery = Delivery::reset;
            break;
        case FaultKind::refuse_connection:
            reply.delivery = Delivery::reset;
            reply.refuse_new_connections = true;
            reply.delay_micros = fault.micros;
            break;
        case FaultKind::rate_limited:
            refuse_for_rate(fault, true, system, reply);
            break;
        case FaultKind::rate_limited_without_retry_after:
            refuse_for_rate(fault, false, system, reply);
            break;
        case FaultKind::status_500:
        case FaultKind::execute_then_500:
            fail(500, "An unexpected error occurred.", system, reply);
            break;
        case FaultKind::status_503:
            fail(503, "Service unavailable.", system, reply);
            break;
        case FaultKind::execute_then_hang:
            reply.delivery = Delivery::hang;
            reply.delay_micros = fault.micros;
            break;
        case FaultKind::error_in_200:
            fail(500, "An unexpected error occurred.", system, reply);
            reply.status = 200;
            break;
        case FaultKind::malformed_json:
            make_ok_with_body(reply);
            reply.body.insert(reply.body.size() / 2, "\"}{,");
            break;
        case FaultKind::html_200:
        case FaultKind::html_404:
        case FaultKind::html_502:
        case FaultKind::xml_403:
            answer_page(fault.kind, reply);
            break;
        case FaultKind::truncated:
            reply.delivery = Delivery::send_half;
            break;
        case FaultKind::huge_body:
            make_ok_with_body(reply);
            reply.padding_bytes =
                fault.bytes > 0 ? static_cast<std::size_t>(fault.bytes) : kDefaultPaddingBytes;
            break;
        case FaultKind::wrong_type:
            retype_body(reply);
            break;
        case FaultKind::wrong_content_type:
            make_ok_with_body(reply);
            reply.content_type = "text/plain";
            break;
        case FaultKind::none:
        case FaultKind::latency:
        case FaultKind::execute_late:
        case FaultKind::stale_read:
            break;
    }
}

}  // namespace carryall::simulators
