// Status lines and headers. 204 carries neither length nor body (RFC 9110).
#include "wire.hpp"

#include "json_text.hpp"

namespace carryall::simulators {

std::string_view reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

void append_response(std::string& out, const Reply& reply, bool close, bool head_only) {
    out += "HTTP/1.1 ";
    append_integer(out, reply.status);
    out += ' ';
    out += reason_of(reply.status);
    out += "\r\n";
    if (reply.status != 204) {
        out += "Content-Type: ";
        out += reply.content_type;
        out += "\r\nContent-Length: ";
        append_unsigned(out, reply.body.size() + reply.padding_bytes);
        out += "\r\n";
    }
    out += reply.headers;
    if (close) out += "Connection: close\r\n";
    out += "\r\n";
    if (reply.status == 204 || head_only) return;
    out += reply.body;
    out.append(reply.padding_bytes, ' ');
}

}  // namespace carryall::simulators
