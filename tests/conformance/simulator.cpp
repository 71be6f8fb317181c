#include "conformance/simulator.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

namespace carryall::conformance {

namespace {

constexpr int kMaxInventorySteps = 10'000;
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
                "revio-key",
                "--telegence-rate",
                "0",
                "--jasper-rate",
                "0",
                "--jasper-in-flight",
                "0",
                "--jasper-user",
                "jasper",
                "--jasper-key",
                "jasper-key"}),
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

http::ClientResponse Simulator::send(const carriers::Account& account, const carriers::Call& call) {
    http::ClientRequest request;
    request.method = call.method;
    request.url = account.base_url + call.path;
    request.headers = account.header_list(kCorrelation, call.headers);
    request.answer_headers = call.answer_headers;
    request.body = call.body;
    request.timeout = call.timeout;
    return send(std::move(request));
}

void Simulator::pass(std::chrono::milliseconds time) {
    post("clock", {{"advanceMs", time.count()}});
    passed_ += time;
}

base::Instant Simulator::now() const {
    return base::system_clock().now() + passed_;
}

ReadInventory read_inventory(Simulator& simulator, const carriers::Carrier& carrier,
                             const carriers::Account& account, carriers::InventoryScope scope) {
    ReadInventory all;
    scope.now = simulator.now();
    const auto reading = carrier.read_inventory(account, scope);
    carriers::InventoryStep step = reading->next();
    for (int i = 0; i < kMaxInventorySteps; ++i) {
        if (const auto* calls = std::get_if<std::vector<carriers::Call>>(&step)) {
            std::vector<http::ClientResponse> answers;
            for (const carriers::Call& call : *calls) {
                answers.push_back(simulator.send(account, call));
            }
            step = reading->proceed(answers);
        } else if (const auto* page = std::get_if<carriers::InventoryPage>(&step)) {
            for (const carriers::CarrierLine& line : page->lines) {
                all.lines[line.iccid ? *line.iccid : line.msisdn.value()] = line;
            }
            all.plans.insert(all.plans.end(), page->plans.begin(), page->plans.end());
            all.communication_plans.insert(page->communication_plans.begin(),
                                           page->communication_plans.end());
            if (page->is_last) return all;
            all.resumes.push_back(page->resume);
            step = reading->next();
        } else {
            all.failed = std::get<carriers::InventoryFailed>(step);
            return all;
        }
    }
    throw std::runtime_error("the inventory has no end");
}

}  // namespace carryall::conformance
