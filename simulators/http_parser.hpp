// An incremental HTTP/1.1 request parser over the connection's buffer. It is strict where leniency
// would let two parties disagree about where a request ends (bare line feeds, both length headers,
// folded lines): such input is refused with 400 and the connection is closed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http_request.hpp"

namespace carryall::simulators {

class HttpParser {
  public:
    enum class State { incomplete, complete, bad };

    // Looks at data[0, size), which starts at the first byte of a request and grows from call to
    // call. A chunked body is joined in place. After complete(), consumed() bytes belong to this
    // request.
    State advance(char* data, std::size_t size, Request& request);

    void reset();
    std::size_t consumed() const { return consumed_; }
    int error_status() const { return error_status_; }
    // The head is in and the client waits for "100 Continue" before it sends the body.
    bool wants_continue() const { return head_done_ && expects_continue_; }

  private:
    enum class ChunkStep : std::uint8_t { size_line, data, data_end, trailer };

    State fail(int status);
    State find_head_end(const char* data, std::size_t size);
    State parse_head(const char* data, Request& request);
    State parse_request_line(const char* data, std::size_t length, Request& request);
    State parse_header_line(std::string_view line, Request& request);
    State check_framing(Request& request);
    State read_body(char* data, std::size_t size);
    State read_chunks(char* data, std::size_t size);
    State read_chunk_size(std::string_view line);

    std::size_t scan_ = 0;        // bytes already searched for line ends
    std::size_t line_start_ = 0;  // start of the line under search
    std::size_t head_size_ = 0;
    std::size_t content_length_ = 0;
    std::size_t chunk_left_ = 0;
    std::size_t read_at_ = 0;    // chunked: next byte to look at
    std::size_t body_size_ = 0;  // chunked: bytes joined so far
    std::size_t trailer_lines_ = 0;
    std::size_t consumed_ = 0;
    int error_status_ = 400;
    ChunkStep step_ = ChunkStep::size_line;
    bool head_done_ = false;
    bool chunked_ = false;
    bool expects_continue_ = false;
};

}  // namespace carryall::simulators
