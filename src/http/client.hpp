// The outgoing HTTP client: many exchanges at once, driven by one thread. It never repeats a
// request that may have reached the other side, follows no redirect, uses no proxy of the
// environment, and says exactly whether a byte of the request left us, because "not sent" may be
// sent again and everything else may not. Deadlines cover the whole exchange; bodies are capped.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "http/address.hpp"
#include "http/method.hpp"

namespace carryall::http {

enum class Transport {
    ok,        // a whole answer arrived; its status may still be anything
    not_sent,  // no byte of the request left us: refused by the guard, name, connect or TLS failed,
               // deadline or cancellation came before sending. Safe to send again
    timeout,   // the deadline passed after the first byte left us. The other side may have acted
    lost,      // anything else after the first byte: reset, malformed or too large an answer,
               // cancelled while in flight. The other side may have acted
};

std::string_view to_string(Transport transport);

// An immutable list of request headers, prepared once and shared by all requests that use it
// (copying is one reference count). Values are secrets: never logged. A name or value that could
// not be sent as it is (line ends, controls) makes every request that uses the list not_sent.
class HeaderList {
  public:
    HeaderList() = default;
    explicit HeaderList(const std::vector<std::pair<std::string, std::string>>& headers);
    struct Prepared;
    const Prepared* prepared() const { return prepared_.get(); }

  private:
    std::shared_ptr<const Prepared> prepared_;
};

// AWS's signature, version 4. It covers method, path, query, host and every header of the request,
// but of the body only what a header "x-amz-content-sha256" says of it: a request to S3 needs one.
// The URL has to be in AWS's canonical form already (files/s3_rules.hpp), it is signed as it
// stands.
struct AwsSigning {
    std::string region;
    std::string service;
    std::string access_key;
    base::Secret secret_key;
};

struct ClientRequest {
    Method method = Method::get;
    std::string url;
    HeaderList headers;
    std::string body;                           // sent with every method but get and head
    std::chrono::milliseconds timeout{30'000};  // from start() to the last byte of the answer
    std::uint64_t tag = 0;                      // the caller's name for it, copied to the response
    // Headers of the answer that are wanted beside those that every response has: what is not
    // asked for is not kept.
    std::vector<std::string> answer_headers;
    // The body from a file instead of `body`, read while it is sent.
    std::filesystem::path body_file;
    // Where the body of a 2xx answer goes instead of into memory; replaced if it is there. It stays
    // only if the whole of it arrived. Any other answer's body comes in the response.
    std::filesystem::path answer_file;
    std::uint64_t max_answer_file_bytes = 0;
    std::shared_ptr<const AwsSigning> signing;  // null: not signed
};

struct ClientResponse {
    std::uint64_t tag = 0;
    Transport transport = Transport::lost;
    std::string reason;  // for a person; empty if transport is ok. Holds no URL and no header
    int status = 0;      // 0 unless a status line arrived
    std::string body;
    std::string content_type;
    std::optional<std::uint64_t> content_length;      // as the answer's header says, also of a HEAD
    std::optional<std::chrono::seconds> retry_after;  // seconds or HTTP date, capped at a day
    std::chrono::microseconds elapsed{0};
    // Of ClientRequest::answer_headers those that came, spelled as asked for; of several with the
    // same name the first.
    std::vector<std::pair<std::string, std::string>> headers;

    // The value of a header that was asked for, whatever its spelling there; nullptr: it is absent.
    const std::string* header(std::string_view name) const;
};

struct ClientOptions {
    std::size_t max_in_flight = 1'024;  // started and not yet returned; start() beyond it is a bug
    // Fewer connections than exchanges in flight is the fast way against a quick server; a slow one
    // needs as many as exchanges are wanted at once. Exchanges wait here for a free connection.
    std::size_t max_connections_per_host = 32;
    std::size_t max_body_bytes = 32u << 20;
    std::chrono::milliseconds connect_timeout{10'000};
    // Connections idle for longer are not reused. Below 5 s, the shortest common keep-alive of
    // servers: writing into a connection that is just being closed costs an unknown outcome.
    std::chrono::seconds max_idle{4};
    std::string user_agent = "Carryall";
    OutboundGuard guard = OutboundGuard::anywhere();
    bool https_only = false;
    std::string ca_file;  // PEM bundle instead of the system's; empty: the system's
};

// An interface, so that engines can be tested against answers of their own making. Not thread-safe
// except wake(): one for each thread.
class Client {
  public:
    Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    virtual ~Client() = default;

    // Never blocks. Every started request comes back from wait() exactly once, whatever happens.
    virtual void start(ClientRequest request) = 0;
    // Appends finished exchanges. Returns when at least one is there, the time has passed or wake()
    // was called.
    virtual void wait(std::chrono::milliseconds at_most, std::vector<ClientResponse>& out) = 0;
    virtual std::size_t in_flight() const = 0;
    // Ends the present or the next wait() early. From any thread.
    virtual void wake() = 0;
    // Ends every exchange at once; the next wait() returns them as not_sent or lost.
    virtual void cancel_all() = 0;
};

std::unique_ptr<Client> make_client(ClientOptions options);

}  // namespace carryall::http
