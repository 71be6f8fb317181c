// How much processor time the outgoing client needs for a request. Sends N requests to one URL,
// keeping a number of them in flight, and prints CPU microseconds a request and requests a second.
//   bench_http_client URL [requests] [in-flight] [connections] [body-bytes, 0: GET]
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "http/client.hpp"

namespace {

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::size_t number(int argc, char** argv, int at, std::size_t fallback) {
    return argc > at ? std::strtoul(argv[at], nullptr, 10) : fallback;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace carryall::http;
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s URL [requests] [in-flight] [connections] [body]\n",
                     argv[0]);
        return 2;
    }
    const std::size_t total = number(argc, argv, 2, 100'000);
    const std::size_t in_flight = number(argc, argv, 3, 100);
    ClientOptions options;
    options.max_in_flight = in_flight;
    options.max_connections_per_host = number(argc, argv, 4, 32);
    const std::string body(number(argc, argv, 5, 100), 'x');
    const auto client = make_client(options);
    const HeaderList headers({{"Content-Type", "application/json"},
                              {"Authorization", "Bearer 0123456789abcdef0123456789abcdef"}});

    const double cpu_before = cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    std::vector<ClientResponse> answers;
    std::size_t started = 0;
    std::size_t done = 0;
    std::size_t bad = 0;
    while (done < total) {
        while (started < total && client->in_flight() < in_flight) {
            ClientRequest request;
            request.method = body.empty() ? Method::get : Method::post;
            request.url = argv[1];
            request.headers = headers;
            request.body = body;
            request.tag = started++;
            client->start(std::move(request));
        }
        answers.clear();
        client->wait(std::chrono::seconds(1), answers);
        for (const ClientResponse& answer : answers) {
            if (answer.transport == Transport::ok && answer.status < 300) continue;
            if (bad++ == 0) std::fprintf(stderr, "%d %s\n", answer.status, answer.reason.c_str());
        }
        done += answers.size();
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    const double cpu = cpu_seconds() - cpu_before;
    const auto count = static_cast<double>(total);
    std::printf("%zu requests, %zu in flight, %zu connections: %.1f us CPU each, %.0f/s, %zu bad\n",
                total, in_flight, options.max_connections_per_host, cpu / count * 1e6,
                count / wall.count(), bad);
    return bad == 0 ? 0 : 1;
}
