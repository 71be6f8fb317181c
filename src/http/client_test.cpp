// The outgoing client against a server of raw sockets, which can misbehave in every way.
#include "http/client.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <ctime>
#include <fstream>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "support/temp_dir.hpp"

namespace carryall::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One connection as the misbehaving server sees it.
class Peer {
  public:
    explicit Peer(int fd) : fd_(fd) {}
    ~Peer() { ::close(fd_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // A whole request, head and body; empty when the client has closed.
    std::string read_request() {
        while (true) {
            const auto end = buffer_.find("\r\n\r\n");
            if (end != std::string::npos) {
                const auto at = buffer_.find("Content-Length: ");
                const std::size_t body =
                    at < end ? std::strtoul(buffer_.c_str() + at + 16, nullptr, 10) : 0;
                if (buffer_.size() >= end + 4 + body) {
                    std::string request = buffer_.substr(0, end + 4 + body);
                    buffer_.erase(0, request.size());
                    return request;
                }
            }
            if (!read_some()) return {};
        }
    }
    bool read_some() {
        char bytes[4096];
        const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
        if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
        return got > 0;
    }
    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // Closing sends RST instead of FIN.
    void reset_on_close() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    // True if the client closed within the time.
    bool closed_within(std::chrono::milliseconds time) {
        pollfd entry{fd_, POLLIN | POLLRDHUP, 0};
        return ::poll(&entry, 1, static_cast<int>(time.count())) > 0;
    }

  private:
    int fd_;
    std::string buffer_;
};

class RawServer {
  public:
    using Script = std::function<void(Peer&)>;

    explicit RawServer(Script script, int backlog = 64) : script_(std::move(script)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_, any, size), 0);
        EXPECT_EQ(::listen(listener_, backlog), 0);
        EXPECT_EQ(::getsockname(listener_, any, &size), 0);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~RawServer() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        ::close(listener_);
        for (std::thread& thread : threads_) thread.join();
    }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    std::string url(std::string_view path = "/", std::string_view scheme = "http") const {
        return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
    }
    std::uint16_t port() const { return port_; }
    int connections() const { return connections_; }

  private:
    void accept_all() {
        while (true) {
            const int fd = ::accept(listener_, nullptr, nullptr);
            if (fd < 0) return;
            ++connections_;
            threads_.emplace_back([this, fd] {
                Peer peer(fd);
                script_(peer);
            });
        }
    }

    Script script_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::thread acceptor_;
    std::vector<std::thread> threads_;
};

ClientRequest request_to(std::string url, Method method = Method::post, std::string body = "{}") {
    ClientRequest request;
    request.method = method;
    request.url = std::move(url);
    request.body = std::move(body);
    return request;
}

std::vector<ClientResponse> finish(Client& client, std::size_t count) {
    std::vector<ClientResponse> out;
    while (out.size() < count && client.in_flight() > 0) client.wait(10s, out);
    EXPECT_EQ(out.size(), count);
    EXPECT_EQ(client.in_flight(), 0u);
    return out;
}

ClientResponse exchange(Client& client, ClientRequest request) {
    client.start(std::move(request));
    auto out = finish(client, 1);
    return out.empty() ? ClientResponse{} : std::move(out.front());
}

// One exchange with a server that answers the first request with `answer` and closes.
ClientResponse answered_by(std::string_view answer, ClientOptions options = {}) {
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send(answer);
    });
    const auto client = make_client(std::move(options));
    return exchange(*client, request_to(server.url()));
}

TEST(Client, a_post_arrives_as_it_was_given_and_nothing_is_added_to_it) {
    std::string seen;
    RawServer server([&](Peer& peer) {
        seen = peer.read_request();
        peer.send(
            "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: "
            "2\r\n\r\n{}");
    });
    const auto client = make_client({});
    ClientRequest request = request_to(server.url("/sims?x=1"), Method::post, "{\"a\":1}");
    request.headers = HeaderList({{"Content-Type", "application/json"}, {"X-Empty", ""}});
    request.tag = 42;
    const ClientResponse response = exchange(*client, std::move(request));
    EXPECT_EQ(response.transport, Transport::ok) << response.reason;
    EXPECT_EQ(response.tag, 42u);
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "{}");
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(seen, "POST /sims?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                        "\r\nUser-Agent: Carryall\r\nAccept: */*\r\nContent-Type: application/json"
                        "\r\nX-Empty:\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
}

TEST(Client, one_handle_serves_every_method_in_turn) {
    std::vector<std::string> lines;
    RawServer server([&](Peer& peer) {
        while (true) {
            const std::string request = peer.read_request();
            if (request.empty()) return;
            const bool form = request.find("x-www-form") != std::string::npos;
            const bool has_body = request.find("\r\n\r\n{}") != std::string::npos;
            lines.push_back(request.substr(0, request.find(' ')) + (has_body ? " body" : "") +
                            (form ? " form" : ""));
            peer.send(request.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                                                  : kOk);
        }
    });
    {
        const auto client = make_client({});
        for (const Method method : {Method::get, Method::post, Method::head, Method::put,
                                    Method::get, Method::del, Method::patch, Method::post}) {
            const auto response = exchange(*client, request_to(server.url(), method));
            EXPECT_EQ(response.transport, Transport::ok) << response.reason;
        }
    }
    const std::vector<std::string> expected = {"GET", "POST body",   "HEAD",       "PUT body",
                                               "GET", "DELETE body", "PATCH body", "POST body"};
    EXPECT_EQ(lines, expected);
    EXPECT_EQ(server.connections(), 1);
}

TEST(Client, a_post_whose_reused_connection_dies_is_lost_and_never_sent_again) {
    std::atomic<int> requests{0};
    RawServer server([&](Peer& peer) {
        if (!peer.read_request().empty()) ++requests;
        peer.send(kOk);
        if (!peer.read_request().empty()) ++requests;  // carried out, then the answer is lost
    });
    for (const Method method : {Method::post, Method::put, Method::patch, Method::del}) {
        requests = 0;
        const auto client = make_client({});
        EXPECT_EQ(exchange(*client, request_to(server.url(), method)).transport, Transport::ok);
        const ClientResponse second = exchange(*client, request_to(server.url(), method));
        EXPECT_EQ(second.transport, Transport::lost) << to_string(method);
        EXPECT_EQ(requests, 2) << to_string(method);
    }
}

TEST(Client, a_get_whose_reused_connection_dies_is_repeated) {
    std::atomic<int> connection{0};
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send(kOk);
        if (connection++ == 0) peer.read_request();
    });
    const auto client = make_client({});
    EXPECT_EQ(exchange(*client, request_to(server.url(), Method::get)).transport, Transport::ok);
    EXPECT_EQ(exchange(*client, request_to(server.url(), Method::get)).transport, Transport::ok);
    EXPECT_EQ(server.connections(), 2);
}

TEST(Client, what_could_not_be_sent_says_so) {
    std::uint16_t closed_port = 0;
    {
        closed_port = RawServer([](Peer&) {}).port();
    }
    RawServer no_tls([](Peer& peer) {
        peer.read_some();
        peer.send("this is not TLS\r\n");
    });
    RawServer silent([](Peer& peer) { peer.closed_within(0ms); });
    const auto client = make_client({});
    const std::string at = "127.0.0.1:" + std::to_string(closed_port);
    for (const std::string& url :
         {"http://" + at + "/", std::string("http://name.invalid/"), no_tls.url("/", "https"),
          std::string("ftp://127.0.0.1/"), std::string("file:///etc/passwd"),
          std::string("nonsense"), std::string(), "http://user:secret@" + at + "/",
          std::string("http://[::1/")}) {
        const ClientResponse response = exchange(*client, request_to(url));
        EXPECT_EQ(to_string(response.transport), "not_sent") << url << ' ' << response.reason;
        EXPECT_FALSE(response.reason.empty()) << url;
        EXPECT_EQ(response.reason.find("secret"), std::string::npos) << response.reason;
    }
}

TEST(Client, headers_that_would_break_the_request_are_not_sent) {
    RawServer server([](Peer& peer) { peer.read_request(); });
    const auto client = make_client({});
    const std::vector<std::pair<std::string, std::string>> hostile = {
        {"X-A", "b\r\nX-Injected: 1"},  {"X-A", "b\nc"}, {"X A", "b"}, {"X-A:", "b"}, {"", "b"},
        {"X-A", std::string("b\0c", 3)}};
    for (const auto& header : hostile) {
        ClientRequest request = request_to(server.url());
        request.headers = HeaderList({header});
        EXPECT_EQ(exchange(*client, std::move(request)).transport, Transport::not_sent);
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST(Client, the_guard_refuses_before_connecting_however_the_address_is_spelled) {
    RawServer server([](Peer&) {});
    ClientOptions options;
    options.guard = OutboundGuard::public_only();
    const auto client = make_client(options);
    const std::string port = ":" + std::to_string(server.port()) + "/";
    for (const std::string host :
         {"127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]",
          "[::ffff:127.0.0.1]", "0.0.0.0", "localhost."}) {
        const ClientResponse response = exchange(*client, request_to("http://" + host + port));
        EXPECT_EQ(response.transport, Transport::not_sent) << host;
    }
    const auto response = exchange(*client, request_to(server.url()));
    EXPECT_EQ(response.reason, "the outbound guard refuses 127.0.0.1 (loopback)");
    EXPECT_EQ(server.connections(), 0);
}

TEST(Client, only_https_when_asked) {
    RawServer server([](Peer&) {});
    ClientOptions options;
    options.https_only = true;
    const auto client = make_client(options);
    EXPECT_EQ(exchange(*client, request_to(server.url())).transport, Transport::not_sent);
    EXPECT_EQ(server.connections(), 0);
}

TEST(Client, proxies_of_the_environment_are_ignored) {
    RawServer proxy([](Peer&) {});
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(kOk);
    });
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ::setenv("ALL_PROXY", proxy.url().c_str(), 1);
    const auto client = make_client({});
    EXPECT_EQ(exchange(*client, request_to(server.url())).transport, Transport::ok);
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    EXPECT_EQ(proxy.connections(), 0);
}

TEST(Client, redirects_are_answers_and_not_followed) {
    RawServer trap([](Peer&) {});
    const auto response = answered_by("HTTP/1.1 302 Found\r\nLocation: " + trap.url() +
                                      "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(response.transport, Transport::ok);
    EXPECT_EQ(response.status, 302);
    EXPECT_EQ(trap.connections(), 0);
}

TEST(Client, broken_answers_are_lost) {
    const std::vector<std::string> answers = {
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
    };
    for (const std::string& answer : answers) {
        const ClientResponse response = answered_by(answer);
        EXPECT_EQ(to_string(response.transport), "lost") << answer;
        EXPECT_FALSE(response.reason.empty());
        EXPECT_TRUE(response.body.empty()) << "a part must not pass for the whole: " << answer;
    }
}

TEST(Client, a_reset_after_the_request_is_lost) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.reset_on_close();
    });
    const auto client = make_client({});
    EXPECT_EQ(exchange(*client, request_to(server.url())).transport, Transport::lost);
}

TEST(Client, answers_over_the_cap_are_lost_whether_declared_or_not) {
    ClientOptions options;
    options.max_body_bytes = 1'000;
    const std::string body(1'001, 'x');
    for (const std::string& answer :
         {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + body,
          "HTTP/1.1 200 OK\r\n\r\n" + body,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body +
              "\r\n0\r\n\r\n"}) {
        const ClientResponse response = answered_by(answer, options);
        EXPECT_EQ(response.transport, Transport::lost);
        EXPECT_EQ(response.reason, "the answer is larger than 1000 bytes");
        EXPECT_EQ(response.status, 200);
    }
    const auto fits =
        answered_by("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body.substr(1), options);
    EXPECT_EQ(fits.transport, Transport::ok);
    EXPECT_EQ(fits.body.size(), 1'000u);
}

TEST(Client, the_deadline_covers_an_answer_that_trickles) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while (!peer.closed_within(5ms) && peer.send("x")) continue;
    });
    const auto client = make_client({});
    ClientRequest request = request_to(server.url());
    request.timeout = 100ms;
    const ClientResponse response = exchange(*client, std::move(request));
    EXPECT_EQ(response.transport, Transport::timeout);
    EXPECT_GE(response.elapsed, 99ms);
}

TEST(Client, a_server_that_never_answers_is_a_timeout_and_one_that_never_accepts_tls_is_not_sent) {
    RawServer server([](Peer& peer) {
        while (peer.read_some()) continue;
    });
    const auto client = make_client({});
    ClientRequest plain = request_to(server.url());
    plain.timeout = 100ms;
    EXPECT_EQ(exchange(*client, plain).transport, Transport::timeout);
    ClientRequest tls = request_to(server.url("/", "https"));
    tls.timeout = 100ms;
    EXPECT_EQ(exchange(*client, tls).transport, Transport::not_sent);
    ClientRequest late = request_to(server.url());
    late.timeout = 0ms;
    EXPECT_EQ(exchange(*client, late).transport, Transport::not_sent);
}

TEST(Client, exchanges_beyond_the_connection_limit_wait_and_share_connections) {
    RawServer server([](Peer& peer) {
        while (!peer.read_request().empty()) peer.send(kOk);
    });
    ClientOptions options;
    options.max_connections_per_host = 3;
    {
        const auto client = make_client(options);
        for (std::uint64_t tag = 1; tag <= 200; ++tag) {
            ClientRequest request = request_to(server.url());
            request.tag = tag;
            client->start(std::move(request));
        }
        std::uint64_t sum = 0;
        for (const ClientResponse& response : finish(*client, 200)) {
            EXPECT_EQ(response.transport, Transport::ok) << response.reason;
            sum += response.tag;
        }
        EXPECT_EQ(sum, 200u * 201u / 2u);
    }
    EXPECT_EQ(server.connections(), 3);
}

TEST(Client, an_exchange_that_waits_past_its_deadline_was_not_sent) {
    RawServer server([](Peer& peer) {
        while (peer.read_some()) continue;
    });
    ClientOptions options;
    options.max_connections_per_host = 1;
    const auto client = make_client(options);
    for (std::uint64_t tag = 1; tag <= 2; ++tag) {
        ClientRequest request = request_to(server.url());
        request.timeout = tag == 1 ? 400ms : 100ms;
        request.tag = tag;
        client->start(std::move(request));
    }
    const auto out = finish(*client, 2);
    EXPECT_EQ(out[0].tag, 2u);
    EXPECT_EQ(out[0].transport, Transport::not_sent);
    EXPECT_EQ(out[1].tag, 1u);
    EXPECT_EQ(out[1].transport, Transport::timeout);
}

TEST(Client, cancelling_returns_every_exchange_with_what_is_known_of_it) {
    std::atomic<int> seen{0};
    std::unique_ptr<Client> client;
    RawServer server([&](Peer& peer) {
        peer.read_request();
        ++seen;
        client->wake();
        while (peer.read_some()) continue;
    });
    ClientOptions options;
    options.max_connections_per_host = 1;
    client = make_client(options);
    client->start(request_to(server.url()));
    client->start(request_to(server.url()));
    std::vector<ClientResponse> out;
    while (seen == 0) client->wait(10s, out);
    client->cancel_all();
    out = finish(*client, 2);
    EXPECT_EQ(out[0].transport, Transport::not_sent);
    EXPECT_EQ(out[1].transport, Transport::lost);
    EXPECT_EQ(out[1].reason, "cancelled");
    client.reset();
}

TEST(Client, wake_ends_a_wait_from_another_thread) {
    const auto client = make_client({});
    std::thread waker([&] { client->wake(); });
    std::vector<ClientResponse> out;
    client->wait(std::chrono::hours(1), out);
    EXPECT_TRUE(out.empty());
    waker.join();
}

std::optional<std::chrono::seconds> retry_after(const std::string& value) {
    return answered_by("HTTP/1.1 429 Too Many\r\nRetry-After: " + value +
                       "\r\nContent-Length: 0\r\n\r\n")
        .retry_after;
}

TEST(Client, retry_after_is_read_as_seconds_or_as_a_date_and_capped) {
    EXPECT_EQ(retry_after("0"), 0s);
    EXPECT_EQ(retry_after("17"), 17s);
    EXPECT_EQ(retry_after("99999999999999999999"), 86'400s);
    EXPECT_EQ(retry_after("-5"), std::nullopt);
    EXPECT_EQ(retry_after("soon"), std::nullopt);
    EXPECT_EQ(retry_after("Thu, 01 Jan 1998 00:00:00 GMT"), 0s);
    const time_t later = time(nullptr) + 3'000;
    std::tm parts{};
    gmtime_r(&later, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    const auto got = retry_after(text);
    ASSERT_TRUE(got);
    EXPECT_LE(*got, 3'000s);
    EXPECT_GT(*got, 2'900s);
    EXPECT_EQ(answered_by(kOk).retry_after, std::nullopt);
}

TEST(Client, the_headers_of_an_answer_that_were_asked_for_are_returned) {
    RawServer server([](Peer& peer) {
        for (int i = 0; i < 2; ++i) {
            peer.read_request();
            peer.send(
                "HTTP/1.1 200 OK\r\nPAGE-TOTAL:  7 \r\npage-total: 8\r\nX-Other: no\r\nX-Empty:\r\n"
                "Content-Length: 2\r\n\r\nok");
        }
    });
    const auto client = make_client({});
    ClientRequest request = request_to(server.url());
    request.answer_headers = {"page-total", "X-Empty", "X-Absent"};
    const ClientResponse response = exchange(*client, std::move(request));
    const std::vector<std::pair<std::string, std::string>> expected = {{"page-total", "7"},
                                                                       {"X-Empty", ""}};
    EXPECT_EQ(response.headers, expected);
    ASSERT_NE(response.header("Page-Total"), nullptr);
    EXPECT_EQ(*response.header("Page-Total"), "7");
    EXPECT_EQ(response.header("X-Absent"), nullptr);
    // The handle is used again, and what its last exchange wanted is forgotten.
    EXPECT_TRUE(exchange(*client, request_to(server.url())).headers.empty());
}

TEST(Client, a_large_body_is_sent_without_waiting_for_permission) {
    std::size_t length = 0;
    bool expects = true;
    RawServer server([&](Peer& peer) {
        const std::string request = peer.read_request();
        length = request.size();
        expects = request.find("Expect") != std::string::npos;
        peer.send(kOk);
    });
    const auto client = make_client({});
    const auto response =
        exchange(*client, request_to(server.url(), Method::post, std::string(5u << 20, 'x')));
    EXPECT_EQ(response.transport, Transport::ok) << response.reason;
    EXPECT_GT(length, 5u << 20);
    EXPECT_FALSE(expects);
}

TEST(Client, an_answer_before_the_whole_body_was_taken_is_still_an_answer) {
    RawServer server([](Peer& peer) {
        peer.read_some();
        peer.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        while (peer.read_some()) continue;
    });
    const auto client = make_client({});
    const auto response =
        exchange(*client, request_to(server.url(), Method::post, std::string(20u << 20, 'x')));
    EXPECT_EQ(response.status, 413);
}

class ClientFiles : public ::testing::Test {
  protected:
    std::filesystem::path file_of(std::string_view content) {
        const auto path = folder_.path() / "body";
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    std::filesystem::path answer() const { return folder_.path() / "answer"; }
    std::string answered() const {
        std::ostringstream content;
        content << std::ifstream(answer(), std::ios::binary).rdbuf();
        return content.str();
    }
    ClientRequest request(const RawServer& server, Method method) const {
        ClientRequest wanted = request_to(server.url(), method, "");
        wanted.answer_file = answer();
        wanted.max_answer_file_bytes = 100;
        return wanted;
    }

    support::TempDir folder_;
};

TEST_F(ClientFiles, a_body_comes_from_a_file_and_the_handle_forgets_it) {
    std::vector<std::string> bodies;
    RawServer server([&](Peer& peer) {
        for (std::string seen = peer.read_request(); !seen.empty(); seen = peer.read_request()) {
            bodies.push_back(seen.substr(0, 4) + seen.substr(seen.find("\r\n\r\n") + 4));
            peer.send(kOk);
        }
    });
    std::string large(3u << 20, 'x');
    large += "end";
    {
        const auto client = make_client({});
        for (const std::string& content : {large, std::string("small"), std::string()}) {
            ClientRequest upload = request_to(server.url(), Method::put, "");
            upload.body_file = file_of(content);
            EXPECT_EQ(exchange(*client, std::move(upload)).status, 200);
        }
        EXPECT_EQ(exchange(*client, request_to(server.url(), Method::put, "text")).status, 200);
    }
    EXPECT_EQ(bodies, (std::vector<std::string>{"PUT " + large, "PUT small", "PUT ", "PUT text"}));
}

TEST_F(ClientFiles, a_body_that_cannot_be_read_is_not_sent) {
    RawServer server([](Peer& peer) { peer.read_request(); });
    const auto client = make_client({});
    ClientRequest upload = request_to(server.url(), Method::put, "");
    upload.body_file = folder_.path() / "missing";
    const ClientResponse response = exchange(*client, std::move(upload));
    EXPECT_EQ(response.transport, Transport::not_sent);
    EXPECT_NE(response.reason.find("missing"), std::string::npos) << response.reason;
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientFiles, a_good_answer_goes_to_a_file_and_a_bad_one_into_the_response) {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
        peer.read_request();
        peer.send("HTTP/1.1 404 Gone\r\nContent-Length: 3\r\n\r\nwhy");
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    const auto client = make_client({});
    ClientResponse response = exchange(*client, request(server, Method::get));
    EXPECT_EQ(response.transport, Transport::ok) << response.reason;
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.content_length, std::optional<std::uint64_t>(5));
    EXPECT_EQ(answered(), "whole");
    response = exchange(*client, request(server, Method::get));
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.body, "why");
    EXPECT_FALSE(std::filesystem::exists(answer()));
    EXPECT_EQ(exchange(*client, request(server, Method::get)).status, 200);
    EXPECT_TRUE(std::filesystem::exists(answer()));
}

TEST_F(ClientFiles, a_part_of_an_answer_or_too_large_a_one_leaves_no_file) {
    for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"}) {
        RawServer server([text](Peer& peer) {
            peer.read_request();
            peer.send(text);
        });
        ClientOptions options;
        options.max_body_bytes = 100;
        const auto client = make_client(options);
        EXPECT_EQ(exchange(*client, request(server, Method::get)).transport, Transport::lost);
        EXPECT_FALSE(std::filesystem::exists(answer()));
    }
}

TEST_F(ClientFiles, a_client_that_goes_in_the_middle_of_an_answer_leaves_no_file) {
    std::promise<void> sent;
    const auto has_sent = sent.get_future();
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart");
        sent.set_value();
        peer.read_some();  // until the client hangs up
    });
    {
        const auto client = make_client({});
        client->start(request(server, Method::get));
        std::vector<ClientResponse> none;
        while (has_sent.wait_for(0s) != std::future_status::ready) {
            client->wait(10ms, none);
        }
    }
    EXPECT_FALSE(std::filesystem::exists(answer()));
}

TEST_F(ClientFiles, the_length_of_a_head_s_answer_is_told_however_long_it_is) {
    const ClientResponse response = [] {
        RawServer server([](Peer& peer) {
            peer.read_request();
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n");
        });
        const auto client = make_client({});
        return exchange(*client, request_to(server.url(), Method::head, ""));
    }();
    EXPECT_EQ(response.transport, Transport::ok) << response.reason;
    EXPECT_EQ(response.content_length, std::optional<std::uint64_t>(9'000'000'000));
}

}  // namespace
}  // namespace carryall::http
