#include "conformance/simulator.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

namespace carryall::conformance {

namespace {

constexpr int kMaxAttempts = 6;
constexpr std::chrono::seconds kAdminTimeout{10};

}  // namespace

Simulator::Simulator()
    : process_({CARRYALL_SIM_PROGRAM,
                "--port",
                "0",
                "--state",
                state_.path().string(),
                "--pond-rate",
                "0",
                "--pond-api-key",
                "pond-key",
                "--pond-user",
                "pond",
                "--pond-password",
                "pond-password",
                "--pond-distributor",
                "71",
                "--revio-limit-per-minute",
                "0",
                "--revio-user",
                "carryall@demo",
                "--revio-password",
                "revio-password",
                "--revio-key",
                "revio-key"}),
      client_(http::make_client({})) {
    const std::string line = process_.wait_for_line("listening on");
    url_ = line.substr(line.find("http://"));
    while (!url_.empty() && (url_.back() == '\n' || url_.back() == '\r')) url_.pop_back();
}

http::ClientResponse Simulator::send(http::ClientRequest request) {
    client_->start(std::move(request));
    std::vector<http::ClientResponse> answers;
    while (answers.empty()) client_->wait(std::chrono::seconds(1), answers);
    return answers.front();
}

base::json::value Simulator::admin(http::Method method, const std::string& path, std::string body) {
    http::ClientRequest request;
    request.method = method;
    request.url = url_ + "/_sim/" + path;
    request.body = std::move(body);
    request.timeout = kAdminTimeout;
    const http::ClientResponse answer = send(std::move(request));
    if (answer.status != 200) {
        throw std::runtime_error(path + ": " + std::to_string(answer.status) + answer.body +
                                 answer.reason);
    }
    return base::parse_json(answer.body).value();
}

base::json::value Simulator::get(const std::string& path) {
    return admin(http::Method::get, path, "");
}

base::json::value Simulator::post(const std::string& path, const base::json::value& body) {
    return admin(http::Method::post, path, base::json::serialize(body));
}

void Simulator::fail_once(std::string_view system, std::string_view action,
                          std::string_view fault) {
    const base::json::object rule = {
        {"fault", fault}, {"match", {{"action", action}}}, {"limit", 1}, {"milliseconds", 60'000}};
    post("faults", {{"system", system}, {"seed", 1}, {"rules", base::json::array{rule}}});
}

std::int64_t Simulator::performed(std::string_view system, std::string_view action) {
    const base::json::value summary = get("ledger/summary");
    const auto* of_system = summary.at("systems").as_object().if_contains(system);
    const auto* stats = of_system != nullptr ? of_system->as_object().if_contains(action) : nullptr;
    return stats != nullptr ? stats->at("performed").to_number<std::int64_t>() : 0;
}

carriers::Outcome run_to_end(Simulator& simulator, const carriers::Account& account,
                             const MakeExchange& make) {
    carriers::Attempt attempt;
    attempt.correlation_id = "conformance";
    const http::HeaderList headers = account.header_list(attempt.correlation_id);
    carriers::Outcome outcome = carriers::Unknown{"not started"};
    for (int i = 0; i < kMaxAttempts; ++i) {
        const auto exchange = make(attempt);
        outcome = carriers::play(*exchange, [&](const carriers::Call& call) {
                      http::ClientRequest request;
                      request.method = call.method;
                      request.url = account.base_url + call.path;
                      request.headers = headers;
                      request.answer_headers = call.answer_headers;
                      request.body = call.body;
                      request.timeout = call.timeout;
                      return std::optional(simulator.send(std::move(request)));
                  }).outcome;
        const std::string_view kind = carriers::kind_of(outcome);
        if (kind == "applied" || kind == "refused") break;
        attempt.progress = exchange->progress();
        attempt.resolving = attempt.settled =
            kind == "unknown" || (kind == "not_sent" && attempt.resolving);
    }
    return outcome;
}

}  // namespace carryall::conformance
