// The server over real sockets: what it serves, and what it refuses of the hostile table.
#include "http/server.hpp"

#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <semaphore>

#include "support/http_client.hpp"
#include "support/temp_dir.hpp"

namespace carryall::http {
namespace {

using namespace std::chrono_literals;
using support::http_request;
using support::HttpConnection;

// A handler that waits until the test lets it go, and tells when it has begun.
struct Gate {
    std::counting_semaphore<> begun{0};
    std::counting_semaphore<> open{0};
    Handler handler() {
        return [this](Request&) {
            begun.release();
            open.acquire();
            return Response::text(200, "waited");
        };
    }
};

Router echo_router() {
    Router router;
    const auto echo = [](Request& request) {
        return Response::text(
            200, std::string(to_string(request.method)) + ' ' + request.path + ' ' + request.body);
    };
    router.add(Method::get, "/echo", echo);
    router.add(Method::post, "/echo", echo);
    router.add(Method::get, "/devices/{id}", [](Request& request) {
        std::string out = request.route + ' ' + request.param("id");
        for (const auto& [name, value] : request.query.items) out += ' ' + name + '=' + value;
        return Response::text(200, out);
    });
    router.add(Method::post, "/small", echo, {.max_body_bytes = 10});
    return router;
}

std::unique_ptr<Server> serve(Router router, ServerOptions options = {}, ServerHooks hooks = {}) {
    hooks.access_log = false;
    auto server = Server::start(std::move(options), std::move(router), std::move(hooks));
    EXPECT_TRUE(server.has_value());
    return std::move(*server);
}

TEST(Server, routes_decode_and_echo_the_request_id) {
    const auto server = serve(echo_router());
    const auto reply = http_request(server->port(), "GET", "/devices/a%2Fb?x=1&x=%20+2&y",
                                    {{"X-Request-Id", "abc-1"}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "/devices/{id} a/b x=1 x=  2 y=");
    EXPECT_EQ(reply.header("x-request-id"), "abc-1");
    EXPECT_FALSE(reply.header("date").empty());
    const auto odd = http_request(server->port(), "GET", "/echo", {{"X-Request-Id", "a b;c"}});
    EXPECT_EQ(odd.header("x-request-id").size(), 36u);
}

TEST(Server, unknown_paths_and_methods_are_problems_that_say_what_is_allowed) {
    const auto server = serve(echo_router());
    const auto missing = http_request(server->port(), "GET", "/nothing");
    EXPECT_EQ(missing.status, 404);
    EXPECT_EQ(missing.header("content-type"), "application/problem+json");
    EXPECT_NE(missing.body.find("\"title\":\"Not Found\",\"status\":404"), std::string::npos);
    const auto wrong = http_request(server->port(), "DELETE", "/echo");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(wrong.header("allow"), "GET, HEAD, POST, OPTIONS");
    const auto options = http_request(server->port(), "OPTIONS", "/echo");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.header("allow"), "GET, HEAD, POST, OPTIONS");
}

TEST(Server, head_gives_the_length_of_get_and_no_body) {
    const auto server = serve(echo_router());
    HttpConnection connection(server->port());
    connection.send_request("HEAD", "/devices/7");
    const auto head = connection.read_reply(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), "15");
    connection.send_request("GET", "/devices/7");
    EXPECT_EQ(connection.read_reply().body, "/devices/{id} 7");
}

TEST(Server, pipelined_requests_are_answered_in_their_order) {
    const auto server = serve(echo_router());
    HttpConnection connection(server->port());
    std::string burst;
    for (int i = 0; i < 50; ++i) {
        burst +=
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" + std::to_string(10 + i);
    }
    connection.send(burst);
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(connection.read_reply().body, "POST /echo " + std::to_string(10 + i));
    }
}

struct Hostile {
    std::string_view name;
    std::string request;
    int status;
};

std::vector<Hostile> hostile_requests() {
    const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\n";
    const std::string get = "GET /echo HTTP/1.1\r\nHost: a\r\n";
    return {
        {"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"the same length twice", post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400},
        {"a list of lengths", post + "Content-Length: 2, 2\r\n\r\nab", 400},
        {"length and chunked",
         post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunked and length",
         post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {"space before colon", post + "Content-Length : 2\r\n\r\nab", 400},
        {"negative length", post + "Content-Length: -1\r\n\r\n", 400},
        {"signed length", post + "Content-Length: +2\r\n\r\nab", 400},
        {"hex length", post + "Content-Length: 0x2\r\n\r\nab", 400},
        {"huge length", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {"negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400},
        {"chunk without size", post + "Transfer-Encoding: chunked\r\n\r\n\r\n\r\n", 400},
        {"xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
        {"gzip and chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {"chunked twice",
         post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunked in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"NUL in a header", get + "X: a" + std::string(1, '\0') + "b\r\n\r\n", 400},
        {"bare LF", "GET /echo HTTP/1.1\nHost: a\n\n", 400},
        {"folded header", get + "X: a\r\n b\r\n\r\n", 200},
        {"no host", "GET /echo HTTP/1.1\r\n\r\n", 400},
        {"two hosts", get + "Host: b\r\n\r\n", 400},
        {"odd host", "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"no host in 1.0", "GET /echo HTTP/1.0\r\n\r\n", 200},
        {"%00 in the path", "GET /echo%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"bad escape", "GET /echo%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"%00 in the query", "GET /echo?a=%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"dot segments", "GET /x/../echo HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"encoded dots", "GET /x/%2e%2e%2fecho HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"no slash", "GET echo HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"absolute form", "GET http://a/echo HTTP/1.1\r\nHost: a\r\n\r\n", 200},
        {"HTTP/2.0", "GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", 400},
        {"HTTP/1.9", "GET /echo HTTP/1.9\r\nHost: a\r\n\r\n", 400},
        {"unknown method", "BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"TRACE", "TRACE /echo HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"unknown expectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417},
        {"garbage", "\x16\x03\x01\x02garbage\r\n\r\n", 400},
        {"64 KB header", get + "X: " + std::string(64u << 10, 'x') + "\r\n\r\n", 431},
        {"endless line", "GET /" + std::string(1u << 20, 'x'), 431},
        {"many headers",
         get +
             [] {
                 std::string many;
                 for (int i = 0; i < 5'000; ++i) many += "X: y\r\n";
                 return many;
             }() +
             "\r\n",
         431},
    };
}

TEST(Server, the_hostile_table_is_refused_with_the_right_status) {
    const auto server = serve(echo_router());
    for (const Hostile& hostile : hostile_requests()) {
        SCOPED_TRACE(hostile.name);
        HttpConnection connection(server->port());
        connection.send(hostile.request);
        connection.finish_sending();
        const auto reply = connection.read_reply();
        EXPECT_EQ(reply.status, hostile.status) << reply.body;
        if (reply.status >= 400) {
            EXPECT_EQ(reply.header("content-type"), "application/problem+json");
            EXPECT_FALSE(reply.header("x-request-id").empty());
        }
    }
}

TEST(Server, bodies_over_the_limit_are_413_declared_or_chunked) {
    const auto server = serve(echo_router());
    EXPECT_EQ(http_request(server->port(), "POST", "/small", {}, "1234567890").status, 200);
    HttpConnection declared(server->port());
    declared.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 500000000\r\n\r\n");
    EXPECT_EQ(declared.read_reply().status, 413);  // without a byte of it
    HttpConnection chunked(server->port());
    chunked.send("POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunked.send("6\r\n123456\r\n6\r\n123456\r\n");
    EXPECT_EQ(chunked.read_reply().status, 413);
    HttpConnection fits(server->port());
    fits.send("POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    fits.send("5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n");
    EXPECT_EQ(fits.read_reply().body, "POST /small 1234567890");
}

TEST(Server, slow_heads_and_bodies_are_408_and_idle_connections_are_closed) {
    ServerOptions options;
    options.header_timeout = 50ms;
    options.idle_timeout = 50ms;
    Router router;
    router.add(Method::post, "/", [](Request&) { return Response::no_content(); },
               {.body_timeout = std::chrono::seconds(0)});
    const auto server = serve(std::move(router), options);
    HttpConnection head(server->port());
    head.send("GET / HTTP/1.1\r\nHost:");
    EXPECT_EQ(head.read_reply().status, 408);
    HttpConnection body(server->port());
    body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
    EXPECT_EQ(body.read_reply().status, 408);
    HttpConnection idle(server->port());
    EXPECT_TRUE(idle.closed_by_peer());
}

TEST(Server, expect_100_continue_gets_its_permission_or_its_refusal) {
    const auto server = serve(echo_router());
    HttpConnection connection(server->port());
    connection.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(connection.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.send("ab");
    EXPECT_EQ(connection.read_reply().body, "POST /echo ab");
    HttpConnection refused(server->port());
    refused.send(
        "POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n");
    EXPECT_EQ(refused.read_reply().status, 413);
}

TEST(Server, a_full_queue_and_full_connections_are_503_with_retry_after) {
    Gate gate;
    Router router;
    router.add(Method::get, "/", gate.handler());
    ServerOptions options;
    options.handler_threads = 1;
    options.max_queued_requests = 1;
    options.max_connections = 3;
    const auto server = serve(std::move(router), options);
    HttpConnection running(server->port());
    running.send_request("GET", "/");
    gate.begun.acquire();
    HttpConnection second(server->port());
    HttpConnection third(server->port());
    second.send_request("GET", "/");
    third.send_request("GET", "/");  // one of the two finds the queue full
    HttpConnection fourth(server->port());
    const auto turned_away = fourth.read_reply();
    EXPECT_EQ(turned_away.status, 503);
    EXPECT_EQ(turned_away.header("retry-after"), "2");
    // Whichever was refused answers at once; the gate opens only afterwards.
    auto first_answer = [&](HttpConnection& one) { return one.read_reply(); };
    auto at_second = std::async(std::launch::async, first_answer, std::ref(second));
    auto at_third = std::async(std::launch::async, first_answer, std::ref(third));
    while (at_second.wait_for(1ms) != std::future_status::ready &&
           at_third.wait_for(1ms) != std::future_status::ready) {
    }
    gate.open.release(2);
    EXPECT_EQ(at_second.get().status + at_third.get().status, 200 + 503);
    EXPECT_EQ(running.read_reply().body, "waited");
}

TEST(Server, a_handler_that_throws_is_500_without_its_text) {
    Router router;
    router.add(Method::get, "/",
               [](Request&) -> Response { throw std::runtime_error("the inside of it"); });
    const auto server = serve(std::move(router));
    const auto reply = http_request(server->port(), "GET", "/");
    EXPECT_EQ(reply.status, 500);
    EXPECT_EQ(reply.body.find("inside"), std::string::npos);
}

TEST(Server, header_values_cannot_start_headers_of_their_own) {
    Router router;
    router.add(Method::get, "/", [](Request&) {
        Response response = Response::text(200, "x");
        response.headers.add("X-Bad", "a\r\nX-Injected: 1");
        response.headers.add("X-Good", "b");
        return response;
    });
    const auto server = serve(std::move(router));
    const auto reply = http_request(server->port(), "GET", "/");
    EXPECT_EQ(reply.header("x-injected"), "");
    EXPECT_EQ(reply.header("x-bad"), "");
    EXPECT_EQ(reply.header("x-good"), "b");
}

TEST(Server, the_before_hook_refuses_an_upload_before_its_body_is_read) {
    support::TempDir folder;
    ServerOptions options;
    options.spool_directory = folder.path();
    ServerHooks hooks;
    hooks.before = [](Request& request) -> std::optional<Response> {
        if (request.header("Authorization") == "yes") return std::nullopt;
        return to_response(base::Error{base::ErrorKind::unauthenticated, "sign in", {}});
    };
    std::atomic<int> answers{0};
    hooks.after = [&](const Request&, Response& response, std::chrono::microseconds) {
        response.headers.set("X-After", std::to_string(++answers));
    };
    Router router;
    router.add(Method::post, "/upload",
               [](Request& request) {
                   return Response::text(
                       200, std::to_string(std::filesystem::file_size(request.body_file)));
               },
               {.max_body_bytes = 1u << 30, .spool_body_to_file = true});
    const auto server = serve(std::move(router), options, hooks);
    HttpConnection stranger(server->port());
    stranger.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 500000000\r\n\r\n");
    const auto refused = stranger.read_reply();
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("x-after"), "1");
    const auto taken = http_request(server->port(), "POST", "/upload", {{"Authorization", "yes"}},
                                    std::string(1'000, 'x'));
    EXPECT_EQ(taken.body, "1000");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the spooled body is removed";
}

std::size_t resident_bytes() {
    std::ifstream status("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    status >> total >> resident;
    return resident * 4'096;
}

TEST(Server, a_large_upload_goes_to_disk_and_not_to_memory) {
    constexpr std::size_t kMegabytes = 200;
    support::TempDir folder;
    ServerOptions options;
    options.spool_directory = folder.path();
    Router router;
    std::size_t grown = 0;
    const std::size_t before = resident_bytes();
    router.add(Method::post, "/",
               [&](Request& request) {
                   grown = resident_bytes() - std::min(before, resident_bytes());
                   return Response::text(200, std::to_string(request.body_bytes) + ' ' +
                                                  std::to_string(request.body.size()));
               },
               {.max_body_bytes = 1u << 30, .spool_body_to_file = true});
    const auto server = serve(std::move(router), options);
    HttpConnection connection(server->port());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                    std::to_string(kMegabytes << 20) + "\r\n\r\n");
    const std::string megabyte(1u << 20, 'x');
    for (std::size_t i = 0; i < kMegabytes; ++i) connection.send(megabyte);
    EXPECT_EQ(connection.read_reply().body, std::to_string(kMegabytes << 20) + " 0");
    EXPECT_LT(grown, 30u << 20);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Server, a_stream_is_produced_only_as_fast_as_it_is_read) {
    Router router;
    auto produced = std::make_shared<std::atomic<std::size_t>>(0);
    router.add(Method::get, "/csv", [produced](Request&) {
        return Response::stream(
            [produced](std::string& chunk) {
                chunk.assign(100'000, 'x');
                return ++*produced == 1'000 ? StreamStep::done : StreamStep::more;
            },
            "text/csv");
    });
    router.add(Method::get, "/cut", [](Request&) {
        return Response::stream(
            [](std::string& chunk) {
                chunk = "a";
                return StreamStep::failed;
            },
            "text/csv");
    });
    const auto server = serve(std::move(router));
    HttpConnection connection(server->port());
    connection.send_request("GET", "/csv");
    connection.read_until("\r\n\r\n");
    // Sockets buffer some megabytes; the other hundred have not been made.
    EXPECT_LT(*produced, 500u);
    HttpConnection cut(server->port());
    cut.send_request("GET", "/cut");
    cut.read_until("\r\n\r\n");
    EXPECT_TRUE(cut.closed_by_peer()) << "no last chunk: the client sees that it is incomplete";
}

TEST(Server, files_are_sent_whole_and_removed_if_asked) {
    support::TempDir folder;
    const auto path = folder.path() / "report.csv";
    const std::string content(1'000'000, 'c');
    std::ofstream(path) << content;
    Router router;
    router.add(Method::get, "/report", [&](Request&) {
        return Response::file({.path = path, .remove_after = true}, "text/csv");
    });
    const auto server = serve(std::move(router));
    const auto reply = http_request(server->port(), "GET", "/report");
    EXPECT_EQ(reply.header("content-length"), "1000000");
    EXPECT_EQ(reply.body, content);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(http_request(server->port(), "GET", "/report").status, 500);
}

Router events_router(SseHub& hub) {
    Router router;
    router.add(Method::get, "/events", [&hub](Request& request) {
        auto subscription = hub.subscribe({"t"});
        if (!subscription) return to_response(subscription.error());
        (*subscription)->send("hello", request.header("Last-Event-ID"));
        return Response::events(*subscription);
    });
    return router;
}

TEST(Server, events_reach_their_listeners_and_clients_are_capped) {
    SseHub hub({.max_clients = 1});
    const auto server = serve(events_router(hub));
    HttpConnection listener(server->port());
    listener.send_request("GET", "/events", {{"Last-Event-ID", "41"}});
    EXPECT_NE(listener.read_until("\r\n\r\n").find("text/event-stream"), std::string::npos);
    EXPECT_EQ(listener.read_until("\n\n"), "event: hello\ndata: 41\n\n");
    EXPECT_EQ(hub.publish("other", "x", "y"), 0u);
    EXPECT_EQ(hub.publish("t", "progress", "a\nb\r\nc", "42"), 1u);
    EXPECT_EQ(listener.read_until("\n\n"),
              "id: 42\nevent: progress\ndata: a\ndata: b\ndata: c\n\n");
    EXPECT_EQ(http_request(server->port(), "GET", "/events").status, 503);
    hub.close();
    EXPECT_TRUE(listener.closed_by_peer());
}

TEST(Server, silent_event_streams_are_kept_alive_by_comments) {
    SseHub hub;
    ServerOptions options;
    options.sse_heartbeat = 10ms;
    const auto server = serve(events_router(hub), options);
    HttpConnection listener(server->port());
    listener.send_request("GET", "/events");
    listener.read_until("\n\n");
    EXPECT_EQ(listener.read_until(": still here\n\n"), ": still here\n\n");
}

TEST(Server, a_listener_that_reads_nothing_is_dropped_and_delays_nobody) {
    SseHub hub({.max_queued_bytes = 64u << 10});
    const auto server = serve(events_router(hub));
    HttpConnection slow(server->port());
    slow.send_request("GET", "/events");
    slow.read_until("\n\n");
    const std::string big(32u << 10, 'x');
    int published = 0;
    while (hub.publish("t", "e", big) == 1 && published < 10'000) ++published;
    EXPECT_LT(published, 10'000) << "the queue has no bound";
}

TEST(Server, draining_finishes_what_is_in_flight_ends_events_and_refuses_the_rest) {
    Gate gate;
    SseHub hub;
    Router router = events_router(hub);
    router.add(Method::get, "/slow", gate.handler());
    const auto server = serve(std::move(router));
    HttpConnection idle(server->port());
    HttpConnection listener(server->port());
    listener.send_request("GET", "/events");
    listener.read_until("\n\n");
    HttpConnection slow(server->port());
    slow.send_request("GET", "/slow");
    gate.begun.acquire();
    auto drained = std::async(std::launch::async, [&] { return server->drain(30s); });
    EXPECT_TRUE(idle.closed_by_peer());
    EXPECT_TRUE(listener.closed_by_peer());
    EXPECT_ANY_THROW(http_request(server->port(), "GET", "/slow"));
    gate.open.release();
    const auto reply = slow.read_reply();
    EXPECT_EQ(reply.body, "waited");
    EXPECT_EQ(reply.header("connection"), "close");
    EXPECT_TRUE(drained.get());
    EXPECT_EQ(server->connections(), 0u);
}

TEST(Server, what_outlives_the_drains_deadline_is_cut) {
    Gate gate;
    Router router;
    router.add(Method::get, "/slow", gate.handler());
    const auto server = serve(std::move(router));
    HttpConnection slow(server->port());
    slow.send_request("GET", "/slow");
    gate.begun.acquire();
    EXPECT_FALSE(server->drain(1ms));
    EXPECT_TRUE(slow.closed_by_peer());
    gate.open.release();
}

TEST(Server, the_clients_address_is_believed_from_trusted_proxies_only) {
    Router router;
    const auto who = [](Request& request) { return Response::text(200, request.remote_address); };
    router.add(Method::get, "/", who);
    const auto direct = serve(std::move(router));
    const support::Headers forged = {{"X-Forwarded-For", "6.6.6.6, 9.9.9.9, 10.0.0.1"}};
    EXPECT_EQ(http_request(direct->port(), "GET", "/", forged).body, "127.0.0.1");
    Router again;
    again.add(Method::get, "/", who);
    ServerOptions options;
    options.trusted_proxies = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("10.0.0.0/8")};
    const auto behind = serve(std::move(again), options);
    EXPECT_EQ(http_request(behind->port(), "GET", "/", forged).body, "9.9.9.9");
}

TEST(Server, an_address_in_use_is_an_error_that_names_it) {
    const auto server = serve(echo_router());
    ServerOptions options;
    options.port = server->port();
    const auto second = Server::start(options, echo_router());
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().kind, base::ErrorKind::unavailable);
    EXPECT_NE(second.error().message.find(std::to_string(server->port())), std::string::npos);
}

}  // namespace
}  // namespace carryall::http
