// One exchange at a time, for programs that a person waits for: the body may be a file and the
// answer may be handed on in pieces, so memory stays flat however large either is. Like the client
// of many exchanges it follows no redirect, uses no proxy of the environment and never repeats a
// request.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "http/method.hpp"

namespace carryall::http {

// An answer that is not handed on in pieces may have this many bytes.
inline constexpr std::size_t kMaxTransferAnswerBytes = 64U << 20;

struct TransferRequest {
    Method method = Method::get;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::filesystem::path body_file;          // instead of `body`, read while it is sent
    std::chrono::milliseconds timeout{0};     // of the whole exchange; 0: none
    std::chrono::seconds stall_timeout{120};  // no byte in either direction for so long: given up
    // Pieces of an answer with status 2xx; false ends the exchange. Others go into `body`.
    std::function<bool(std::string_view)> on_piece;
    // Bytes of the body sent so far.
    std::function<void(std::uint64_t)> on_sent;
};

struct TransferAnswer {
    int status = 0;
    std::string body;
    std::string content_type;
    std::optional<std::chrono::seconds> retry_after;
    bool ended_by_caller = false;  // on_piece answered false
};

// unavailable: no connection, or it broke. timeout: as it says. Statuses are the caller's business.
base::Result<TransferAnswer> transfer(const TransferRequest& request);

// Takes a stream of server-sent events apart, however its pieces are cut.
class EventReader {
  public:
    static constexpr std::size_t kMaxLineBytes = 1U << 20;

    // Called for each whole event; false ends the reading.
    using Handler = std::function<bool(std::string_view event, std::string_view data)>;
    explicit EventReader(Handler handler) : handler_(std::move(handler)) {}

    // False: the handler wants no more, or a line is longer than any event of ours.
    bool feed(std::string_view piece);

  private:
    bool take_line(std::string_view line);

    Handler handler_;
    std::string line_;
    std::string event_;
    std::string data_;
    bool has_data_ = false;
    bool after_return_ = false;  // the last byte was a carriage return
};

}  // namespace carryall::http
