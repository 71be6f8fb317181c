// A blocking HTTP client on a plain socket for the simulator's tests, and a simulator to talk to.
// It reads exactly what is sent, so that broken answers can be looked at byte by byte.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simulator.hpp"

namespace carryall::simulators {

struct Answer {
    int status = 0;  // 0: the connection ended before a whole head
    std::string head;
    std::string body;
    bool whole = false;  // as many bytes as announced

    std::string header(std::string_view name) const;
    boost::json::value json() const { return boost::json::parse(body); }
};

class TestClient {
  public:
    explicit TestClient(std::uint16_t port);
    ~TestClient();
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    bool connected() const { return connected_; }
    void send(std::string_view bytes);
    Answer read(bool head_only = false);
    bool ended_by_peer();  // nothing more comes
    Answer request(std::string_view method, std::string_view target, std::string_view body = {},
                   std::string_view headers = {});

  private:
    bool fill();

    int fd_ = -1;
    bool connected_ = false;
    std::string received_;
};

// One simulator a test, without limits unless the test sets some.
class SimulatorTest : public testing::Test {
  protected:
    SimulatorTest();
    ~SimulatorTest() override;

    void start();
    void stop() { simulator_.reset(); }
    TestClient& client();  // the one that helpers use
    Answer pond(std::string_view method, std::string_view path, std::string_view body = {});
    Answer revio(std::string_view method, std::string_view path, std::string_view body = {});
    Answer admin(std::string_view method, std::string_view path, std::string_view body = {});
    void load_fleet(int count, std::string_view more = R"("packageTypeId":40117)");
    void set_faults(std::string_view system, std::string_view rules, int seed = 1);
    void advance_millis(std::int64_t millis);
    std::vector<boost::json::object> ledger(std::string_view query = "");
    boost::json::object last_entry();
    boost::json::object summary_of(std::string_view system, std::string_view action);
    // Asks until it holds; a test that waits for the simulator, never for time.
    static void until(const std::function<bool()>& holds);

    static std::string pond_headers();
    static std::string revio_headers();
    static constexpr std::string_view kPondBase = "/pond/ds/u/distributorPPUService/v1";

    Options options_;
    std::unique_ptr<Simulator> simulator_;
    std::unique_ptr<TestClient> client_;
    std::filesystem::path directory_;
};

inline std::string text(const boost::json::value& value) {
    return value.as_string().c_str();
}

}  // namespace carryall::simulators
