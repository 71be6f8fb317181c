// How fast charges leave us at best: N charges are posted to Rev.io's simulator by the exchanges
// and the HTTP client that the platform uses, without database, pacing and ledger. It is the limit
// that bench/charges puts beside other figures.
//   bench_charge_wire SIMULATOR [charges] [in-flight] [connections]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "billing/revio/charge.hpp"
#include "billing/revio/revio.hpp"
#include "http/client.hpp"

namespace {

using namespace carryall;

constexpr std::int64_t kFirstCustomer = 4101;  // of the simulator
constexpr std::int64_t kCustomers = 50;
constexpr std::int64_t kCents = 5'000;  // amounts from 0.01 to 50.00

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::size_t number(int argc, char** argv, int at, std::size_t fallback) {
    return argc > at ? std::strtoul(argv[at], nullptr, 10) : fallback;
}

carriers::Account simulators_account(const std::string& simulator) {
    auto account = billing::revio::account(1, {{"baseUrl", simulator + "/revio"}},
                                           {{"username", "billing@nordcell"},
                                            {"password", "revio-sim-password"},
                                            {"subscriptionKey", "revio-sim-key"}});
    CHECK(account);
    account->write_is_enabled = true;
    return *account;
}

billing::revio::Charge charge_of(std::size_t number) {
    const auto n = static_cast<std::int64_t>(number);
    billing::revio::Charge charge;
    charge.rev_customer_id = kFirstCustomer + n % kCustomers;
    charge.product_type_id = 311;
    charge.amount = *base::Money::of_units((n % kCents + 1) * base::Money::kUnitsPerWhole / 100);
    charge.description = "IoT 1GB - 912.4";
    charge.marker = "bench-" + std::to_string(n) + "-RATE";
    charge.start_date = "2026-02-01";
    charge.end_date = "2026-02-28";
    return charge;
}

class Sender {
  public:
    Sender(const std::string& simulator, std::size_t total, const http::ClientOptions& options)
        : account_(simulators_account(simulator)),
          client_(http::make_client(options)),
          most_in_flight_(options.max_in_flight),
          exchanges_(total) {}

    // How many charges were not created.
    std::size_t send_all() {
        std::size_t started = 0;
        std::size_t done = 0;
        while (done < exchanges_.size()) {
            while (started < exchanges_.size() && client_->in_flight() < most_in_flight_) {
                start(started++);
            }
            answers_.clear();
            client_->wait(std::chrono::seconds(1), answers_);
            for (const http::ClientResponse& answer : answers_) take(answer);
            done += answers_.size();
        }
        return bad_;
    }

  private:
    void start(std::size_t number) {
        exchanges_[number] = billing::revio::create_charge(account_, charge_of(number), {});
        auto step = exchanges_[number]->begin();
        auto& call = std::get<carriers::Call>(step);
        // Every POST has the same headers: prepared once, as a worker does.
        if (headers_.prepared() == nullptr) headers_ = account_.header_list("", call.headers);
        http::ClientRequest request;
        request.method = call.method;
        request.url = account_.base_url + call.path;
        request.headers = headers_;
        request.body = std::move(call.body);
        request.timeout = call.timeout;
        request.tag = number;
        client_->start(std::move(request));
    }

    void take(const http::ClientResponse& answer) {
        const auto step = exchanges_.at(answer.tag)->proceed(answer);
        exchanges_[answer.tag].reset();
        const auto* outcome = std::get_if<carriers::Outcome>(&step);
        if (outcome != nullptr && std::holds_alternative<carriers::Applied>(*outcome)) return;
        if (bad_++ == 0) {
            std::fprintf(stderr, "%d %s%s\n", answer.status, answer.reason.c_str(),
                         answer.body.c_str());
        }
    }

    const carriers::Account account_;
    std::unique_ptr<http::Client> client_;
    const std::size_t most_in_flight_;
    http::HeaderList headers_;
    std::vector<std::unique_ptr<carriers::Exchange>> exchanges_;
    std::vector<http::ClientResponse> answers_;
    std::size_t bad_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s SIMULATOR [charges] [in-flight] [connections]\n", argv[0]);
        return 2;
    }
    const std::size_t total = number(argc, argv, 2, 100'000);
    http::ClientOptions options;
    options.max_in_flight = number(argc, argv, 3, 96);
    options.max_connections_per_host = number(argc, argv, 4, 32);
    Sender sender(argv[1], total, options);
    const double cpu_before = cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    const std::size_t bad = sender.send_all();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    const auto count = static_cast<double>(total);
    std::printf(R"({"charges":%zu,"seconds":%.3f,"chargesPerSecond":%.0f,"cpuMicrosEach":%.1f,)"
                R"("bad":%zu})"
                "\n",
                total, wall.count(), count / wall.count(),
                (cpu_seconds() - cpu_before) / count * 1e6, bad);
    return bad == 0 ? 0 : 1;
}
