// What a handler wants to be sent, and how. The server reuses one Reply a thread, so strings keep
// their capacity and a small answer costs no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carryall::simulators {

inline constexpr std::size_t kKeptBodyBytes = std::size_t{1024} * 1024;

// How the answer leaves; everything but `send` exists to be a fault.
enum class Delivery : std::uint8_t {
    send,
    send_half,  // the announced length, but only half of the bytes, then the connection ends
    hang,       // no byte for `delay_micros`, then the connection ends
    reset,      // RST instead of an answer
    park        // run the request again after `delay_micros`, whether or not the client still waits
};

struct Reply {
    int status = 200;
    std::string body;
    std::string headers;  // whole lines, each ended by CRLF
    std::string_view content_type = "application/json";
    Delivery delivery = Delivery::send;
    std::int64_t delay_micros = 0;
    std::size_t padding_bytes = 0;  // blanks after the body
    bool close = false;
    bool refuse_new_connections = false;  // with reset: the listener is down for `delay_micros`

    void clear() {
        status = 200;
        if (body.capacity() > kKeptBodyBytes) body = {};
        body.clear();
        headers.clear();
        content_type = "application/json";
        delivery = Delivery::send;
        delay_micros = 0;
        padding_bytes = 0;
        close = false;
        refuse_new_connections = false;
    }
    void add_header(std::string_view name, std::string_view value) {
        headers.append(name).append(": ").append(value).append("\r\n");
    }
};

}  // namespace carryall::simulators
