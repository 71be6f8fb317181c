// The ledger tells the truth, keeps it across resets and restarts, and can be read at any time.
#include "ledger.hpp"

#include <fstream>
#include <sstream>

#include "test_client.hpp"

namespace carryall::simulators {
namespace {

constexpr std::string_view kSim = "sim/8910300000000000000";
constexpr std::string_view kDisable = R"({"simDataServiceStatus":"DISABLED"})";

class LedgerTest : public SimulatorTest {
  protected:
    std::string path(std::string_view tail) { return std::string(kSim) + std::string(tail); }
};

TEST_F(LedgerTest, a_performed_write_and_a_repeated_one_are_told_apart) {
    load_fleet(1);
    EXPECT_EQ(pond("POST", path("/status"), kDisable).status, 204);
    boost::json::object entry = last_entry();
    EXPECT_EQ(text(entry["action"]), "sim_status");
    EXPECT_EQ(text(entry["key"]), "8910300000000000000");
    EXPECT_EQ(entry["performed"], true);
    EXPECT_EQ(entry["changed"], true);
    EXPECT_EQ(entry["status"], 204);
    EXPECT_EQ(entry["fields"].at("data"), false);
    EXPECT_EQ(pond("POST", path("/status"), kDisable).status, 204);
    entry = last_entry();
    EXPECT_EQ(entry["performed"], true);
    EXPECT_EQ(entry["changed"], false) << "carried out again, but nothing differs";
    const auto summary = summary_of("pond", "sim_status");
    EXPECT_EQ(summary.at("maxPerformedPerKey"), 2);
    EXPECT_EQ(summary.at("keysPerformedAgain"), 1);
    EXPECT_EQ(summary.at("changed"), 1);
}

TEST_F(LedgerTest, refused_and_unauthorised_requests_are_there_but_not_performed) {
    load_fleet(1);
    EXPECT_EQ(pond("POST", path("/status"), "{}").status, 400);
    boost::json::object entry = last_entry();
    EXPECT_EQ(entry["performed"], false);
    EXPECT_EQ(entry["status"], 400);
    EXPECT_TRUE(entry.contains("bodyDigest"));
    client().request("POST", std::string(kPondBase) + "/9001/" + path("/status"), kDisable);
    entry = last_entry();
    EXPECT_EQ(entry["status"], 401);
    EXPECT_EQ(entry["performed"], false);
}

TEST_F(LedgerTest, reads_are_never_performed) {
    load_fleet(1);
    EXPECT_EQ(pond("GET", path("/status")).status, 200);
    EXPECT_EQ(last_entry()["performed"], false);
}

TEST_F(LedgerTest, a_held_back_answer_says_how_long) {
    load_fleet(1);
    pond("GET", path("/status"));
    EXPECT_FALSE(last_entry().contains("delayUs")) << "it left at once";
    set_faults("pond", R"([{"fault":"latency","milliseconds":3600000}])");
    TestClient own(simulator_->port());
    own.send("GET " + std::string(kPondBase) + "/9001/" + path("/info") +
             " HTTP/1.1\r\nHost: x\r\n" + pond_headers() + "\r\n");
    until([this] { return text(last_entry()["action"]) == "sim_info"; });
    EXPECT_EQ(last_entry().at("delayUs"), 3'600'000'000);
}

TEST_F(LedgerTest, a_request_that_ran_late_says_when_it_came) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"execute_late","milliseconds":3600000}])");
    TestClient own(simulator_->port());
    own.send("GET " + std::string(kPondBase) + "/9001/" + path("/info") +
             " HTTP/1.1\r\nHost: x\r\n" + pond_headers() + "\r\n");
    until([this] {
        return admin("GET", "faults").json().at("pond").at("rules").at(0).at("hits") == 1;
    });
    advance_millis(3'600'000);
    EXPECT_EQ(own.read().status, 200);
    const boost::json::object entry = last_entry();
    EXPECT_GE(entry.at("us").as_int64() - entry.at("arrivedUs").as_int64(), 3'600'000'000);
}

TEST_F(LedgerTest, credentials_never_reach_the_file) {
    load_fleet(1);
    pond("POST", path("/status"), kDisable);
    admin("POST", "ledger/flush");
    std::ifstream file(directory_ / "ledger.jsonl");
    std::ostringstream whole;
    whole << file.rdbuf();
    const std::string all = whole.str();
    EXPECT_NE(all.find("sim_status"), std::string::npos);
    EXPECT_EQ(all.find("pond-sim-key"), std::string::npos);
    EXPECT_EQ(all.find("Basic"), std::string::npos);
}

TEST_F(LedgerTest, request_ids_and_odd_paths_are_escaped) {
    load_fleet(1);
    const Answer answer = client().request("GET", std::string(kPondBase) + "/9001/sim/\"\\x", "",
                                           pond_headers() + "RequestId: a\"b\r\n");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.header("RequestId"), "a\"b");
    EXPECT_EQ(text(last_entry()["requestId"]), "a\"b");
}

TEST_F(LedgerTest, every_line_is_valid_utf_8_whatever_was_sent) {
    start();
    client().request("GET", "/revio/v1/SystemStatus", "", revio_headers() + "RequestId: \xff\r\n");
    std::string number(199, 'x');
    number += "\xc3\xa9\xc3\xa9";
    revio("POST", "Services",
          R"({"customer_id":4102,"provider_id":21,"number":")" + number + "\"}");
    const auto entries = ledger();  // parsed strictly
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(text(entries[0].at("requestId")), "?");
    EXPECT_EQ(text(entries[1].at("key")).size(), std::string("number/").size() + 199);
}

TEST_F(LedgerTest, since_system_and_limit_select) {
    load_fleet(1);
    pond("GET", path("/status"));
    revio("GET", "SystemStatus");
    pond("GET", path("/info"));
    EXPECT_EQ(ledger("system=pond").size(), 2U);
    EXPECT_EQ(ledger("system=revio").size(), 1U);
    EXPECT_EQ(ledger("since=1").size(), 2U);
    EXPECT_EQ(ledger("since=3").size(), 0U);
    EXPECT_EQ(ledger("limit=1").size(), 1U);
    EXPECT_EQ(admin("GET", "ledger?system=revio").header("Sim-Last-Seq"), "3");
    EXPECT_EQ(admin("GET", "ledger?since=-1").status, 400);
}

TEST_F(LedgerTest, since_works_far_into_a_long_ledger) {
    start();
    std::string requests;
    for (int i = 0; i < 5000; ++i) {
        requests += "GET /revio/v1/SystemStatus HTTP/1.1\r\nHost: x\r\n" + revio_headers() + "\r\n";
    }
    client().send(requests);
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(client().read().status, 200);
    for (const int since : {0, 1023, 1024, 1025, 2047, 4999}) {
        const auto entries = ledger("since=" + std::to_string(since));
        ASSERT_EQ(entries.size(), 5000U - static_cast<unsigned>(since));
        EXPECT_EQ(entries.front().at("seq"), since + 1);
    }
}

TEST_F(LedgerTest, reset_forgets_state_and_counts_but_no_line) {
    load_fleet(1);
    pond("POST", path("/status"), kDisable);
    EXPECT_EQ(admin("POST", "reset").status, 200);
    EXPECT_EQ(pond("GET", path("/status")).status, 404);
    EXPECT_TRUE(summary_of("pond", "sim_status").empty());
    EXPECT_EQ(text(ledger("system=sim").at(0)["action"]), "reset");
    EXPECT_EQ(text(ledger().at(0)["action"]), "sim_status");
}

TEST_F(LedgerTest, a_restart_goes_on_where_the_ledger_ended) {
    load_fleet(1);
    pond("POST", path("/status"), kDisable);
    client_.reset();
    stop();
    std::ofstream(directory_ / "ledger.jsonl", std::ios::app) << "{\"seq\":99,\"torn";
    start();
    revio("GET", "SystemStatus");
    EXPECT_EQ(last_entry()["seq"], 2);
    EXPECT_EQ(ledger().size(), 2U) << "the torn line is gone";
    std::ifstream file(directory_ / "ledger.jsonl");
    std::string first;
    std::getline(file, first);
    EXPECT_NE(first.find("sim_status"), std::string::npos);
}

TEST_F(LedgerTest, repeats_name_the_keys_that_were_performed_again) {
    load_fleet(3);
    for (int i = 0; i < 3; ++i) {
        const std::string sim = "sim/891030000000000000" + std::to_string(i) + "/addPackage";
        for (int times = 0; times <= i; ++times) {
            EXPECT_EQ(pond("POST", sim, R"({"packageTypeId":40118})").status, 200);
        }
    }
    const auto repeats =
        admin("GET", "ledger/repeats?system=pond&action=add_package&over=2").json().as_array();
    ASSERT_EQ(repeats.size(), 1U);
    EXPECT_EQ(text(repeats[0].at("key")), "8910300000000000002");
    EXPECT_EQ(repeats[0].at("performed"), 3);
    EXPECT_EQ(summary_of("pond", "add_package").at("maxPerformedPerKey"), 3);
}

TEST(KeyCounterTest, counts_survive_growth) {
    KeyCounter counter;
    for (std::uint64_t round = 1; round <= 2; ++round) {
        for (std::uint64_t key = 0; key < 10'000; ++key) EXPECT_EQ(counter.add(key * 7919), round);
    }
    EXPECT_EQ(counter.keys(), 10'000U);
}

}  // namespace
}  // namespace carryall::simulators
