// See test_client.hpp.
#include "test_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base64.hpp"

namespace carryall::simulators {
namespace {

constexpr int kReadLimitSeconds = 30;  // a hanging test ends; nothing is asserted about time
constexpr int kMaxAttempts = 200'000;

}  // namespace

std::string Answer::header(std::string_view name) const {
    const std::string wanted = "\r\n" + std::string(name) + ": ";
    const std::size_t at = head.find(wanted);
    if (at == std::string::npos) return {};
    const std::size_t start = at + wanted.size();
    return head.substr(start, head.find("\r\n", start) - start);
}

TestClient::TestClient(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{kReadLimitSeconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

TestClient::~TestClient() {
    ::close(fd_);
}

void TestClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;  // the peer has hung up; reading will show it
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bool TestClient::fill() {
    char block[65'536];
    const auto got = ::recv(fd_, block, sizeof block, 0);
    if (got < 0 && errno == EAGAIN) throw std::runtime_error("no answer");
    if (got <= 0) return false;
    received_.append(block, static_cast<std::size_t>(got));
    return true;
}

Answer TestClient::read(bool head_only) {
    Answer answer;
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return answer;
    }
    answer.head = received_.substr(0, end + 4);
    received_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    const std::string length = answer.header("Content-Length");
    const std::size_t wanted = length.empty() || head_only ? 0 : std::stoul(length);
    while (received_.size() < wanted && fill()) {
    }
    answer.whole = received_.size() >= wanted;
    answer.body = received_.substr(0, wanted);
    received_.erase(0, wanted);
    return answer;
}

bool TestClient::ended_by_peer() {
    return received_.empty() && !fill();
}

Answer TestClient::request(std::string_view method, std::string_view target, std::string_view body,
                           std::string_view headers) {
    std::string out;
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    out.append(headers);
    if (!body.empty()) {
        out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n";
    }
    out.append("\r\n").append(body);
    send(out);
    return read(method == "HEAD");
}

SimulatorTest::SimulatorTest() {
    std::string name = (std::filesystem::temp_directory_path() / "carryall-sim-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    directory_ = name;
    options_.state_directory = name;
    options_.pond.requests_per_second = 0;
    options_.revio.limit_per_minute = 0;
    options_.revio.quota_per_day = 0;
    options_.thingspace.activates_per_minute = 0;
}

SimulatorTest::~SimulatorTest() {
    client_.reset();
    simulator_.reset();
    std::filesystem::remove_all(directory_);
}

void SimulatorTest::start() {
    client_.reset();
    simulator_ = std::make_unique<Simulator>(options_);
}

TestClient& SimulatorTest::client() {
    if (simulator_ == nullptr) start();
    if (client_ == nullptr) client_ = std::make_unique<TestClient>(simulator_->port());
    return *client_;
}

std::string SimulatorTest::pond_headers() {
    return "ApiKey: pond-sim-key\r\nAuthorization: Basic " + base64("carryall:pond-sim-password") +
           "\r\n";
}

std::string SimulatorTest::revio_headers() {
    return "Ocp-Apim-Subscription-Key: revio-sim-key\r\nAuthorization: Basic " +
           base64("billing@nordcell:revio-sim-password") + "\r\n";
}

Answer SimulatorTest::pond(std::string_view method, std::string_view path, std::string_view body) {
    return client().request(method, std::string(kPondBase) + "/9001/" + std::string(path), body,
                            pond_headers());
}

Answer SimulatorTest::revio(std::string_view method, std::string_view path, std::string_view body) {
    return client().request(method, "/revio/v1/" + std::string(path), body, revio_headers());
}

// On its own connection: faults may have broken the shared one.
Answer SimulatorTest::admin(std::string_view method, std::string_view path, std::string_view body) {
    if (simulator_ == nullptr) start();
    TestClient own(simulator_->port());
    return own.request(method, "/_sim/" + std::string(path), body);
}

void SimulatorTest::load_fleet(int count, std::string_view more) {
    const Answer answer =
        admin("POST", "pond/fleet",
              R"({"firstIccid":"8910300000000000000","count":)" + std::to_string(count) +
                  (more.empty() ? "" : ",") + std::string(more) + "}");
    ASSERT_EQ(answer.status, 200) << answer.body;
}

void SimulatorTest::set_faults(std::string_view system, std::string_view rules, int seed) {
    const Answer answer =
        admin("POST", "faults",
              R"({"system":")" + std::string(system) + R"(","seed":)" + std::to_string(seed) +
                  R"(,"rules":)" + std::string(rules) + "}");
    ASSERT_EQ(answer.status, 200) << answer.body;
}

void SimulatorTest::advance_millis(std::int64_t millis) {
    const Answer answer = admin("POST", "clock", R"({"advanceMs":)" + std::to_string(millis) + "}");
    ASSERT_EQ(answer.status, 200) << answer.body;
}

std::vector<boost::json::object> SimulatorTest::ledger(std::string_view query) {
    std::vector<boost::json::object> entries;
    std::istringstream lines(admin("GET", "ledger?" + std::string(query)).body);
    for (std::string line; std::getline(lines, line);) {
        entries.push_back(boost::json::parse(line).as_object());
    }
    return entries;
}

boost::json::object SimulatorTest::last_entry() {
    const auto entries = ledger();
    return entries.empty() ? boost::json::object{} : entries.back();
}

boost::json::object SimulatorTest::summary_of(std::string_view system, std::string_view action) {
    const auto summary = admin("GET", "ledger/summary").json();
    const auto& systems = summary.at("systems").as_object();
    const auto* actions = systems.if_contains({system.data(), system.size()});
    if (actions == nullptr) return {};
    const auto* found = actions->as_object().if_contains({action.data(), action.size()});
    return found == nullptr ? boost::json::object{} : found->as_object();
}

void SimulatorTest::until(const std::function<bool()>& holds) {
    for (int i = 0; i < kMaxAttempts; ++i) {
        if (holds()) return;
    }
    FAIL() << "it never came to hold";
}

}  // namespace carryall::simulators
