// A request as a handler sees it, and the answers it may give. Plain data, no trace of the server
// library. Header names compare without regard to case; a response's header names and values are
// checked when it is sent, so no value can start a header of its own.
#pragma once

#include <any>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/method.hpp"

namespace carryall::http {

class Headers {
  public:
    Headers() = default;
    Headers(std::initializer_list<std::pair<std::string, std::string>> items) : items_(items) {}

    // The first of that name, or nullopt.
    std::optional<std::string_view> get(std::string_view name) const;
    void add(std::string_view name, std::string_view value);
    void set(std::string_view name, std::string_view value);  // replaces all of that name
    void remove(std::string_view name);
    const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

  private:
    std::vector<std::pair<std::string, std::string>> items_;
};

// The decoded query, in its order; names may repeat.
class Query {
  public:
    std::optional<std::string_view> get(std::string_view name) const;  // the first
    std::vector<std::string_view> all(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }
    std::vector<std::pair<std::string, std::string>> items;
};

struct Request {
    Method method = Method::get;  // a HEAD request reaches the GET handler as Method::head
    std::string target;           // as sent, with query
    std::string path;             // percent-decoded, without query
    std::string route;            // the pattern that matched, "/devices/{id}"; empty if none did
    std::map<std::string, std::string, std::less<>> params;  // by name of the pattern's {name}
    Query query;
    Headers headers;
    std::string body;                 // empty if the body was spooled
    std::filesystem::path body_file;  // spooled body; removed when the handler has returned
    std::uint64_t body_bytes = 0;
    std::string remote_address;  // of the client, through trusted proxies only
    std::string request_id;      // X-Request-Id if it was sane, else made here; echoed
    std::any context;            // what the `before` hook found out, such as who asks

    std::string_view header(std::string_view name) const;   // empty if absent
    const std::string& param(std::string_view name) const;  // CHECKs that the pattern has it
};

class SseSubscription;

struct FileBody {
    std::filesystem::path path;
    bool remove_after = false;
};

// Fills `chunk` (handed over empty) and says what comes next. Called on the handler pool, one call
// at a time, only when the client has taken the chunk before: memory stays flat however slow the
// client. `failed` cuts the connection, so that the client cannot take a part for the whole.
enum class StreamStep { more, done, failed };
using StreamProducer = std::function<StreamStep(std::string& chunk)>;

struct Response {
    int status = 200;
    Headers headers;
    std::variant<std::string, FileBody, StreamProducer, std::shared_ptr<SseSubscription>> body;

    static Response json(int status, std::string body);
    static Response text(int status, std::string body,
                         std::string content_type = "text/plain; charset=utf-8");
    static Response no_content();
    static Response file(FileBody file, std::string content_type);
    static Response stream(StreamProducer producer, std::string content_type);
    static Response events(std::shared_ptr<SseSubscription> subscription);
};

}  // namespace carryall::http
