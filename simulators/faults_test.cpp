// Every fault does what it says, to the wire and to the state, and a plan replays by its seed.
#include <set>

#include "test_client.hpp"

namespace carryall::simulators {
namespace {

constexpr std::string_view kStatus = "sim/8910300000000000000/status";
constexpr std::string_view kDisable = R"({"simDataServiceStatus":"DISABLED"})";
constexpr std::int64_t kHourMillis = 3'600'000;

class FaultsTest : public SimulatorTest {
  protected:
    // Whether the SIM is really still enabled, whatever the wire says.
    bool enabled(int sim = 0) {
        const auto state = admin("GET", "pond/sim/" + std::to_string(8910300000000000000ULL + sim));
        return text(state.json().at("status").at("simDataServiceStatus")) == "ENABLED";
    }
    void send_status(TestClient& to, int sim = 0) {
        to.send("POST " + std::string(kPondBase) + "/9001/sim/" +
                std::to_string(8910300000000000000ULL + sim) + "/status HTTP/1.1\r\nHost: x\r\n" +
                pond_headers() + "Content-Length: " + std::to_string(kDisable.size()) + "\r\n\r\n" +
                std::string(kDisable));
    }
    // One fault for every status POST, then the POST.
    Answer disable_with(std::string_view fault) {
        load_fleet(1);
        set_faults("pond",
                   R"([{"match":{"action":"sim_status"},"fault":)" + std::string(fault) + "}]");
        return pond("POST", kStatus, kDisable);
    }
    std::int64_t hits() {
        return admin("GET", "faults").json().at("pond").at("rules").at(0).at("hits").as_int64();
    }
};

TEST_F(FaultsTest, refusals_come_instead_of_the_work) {
    for (const auto& [fault, status] :
         std::vector<std::pair<std::string, int>>{{R"("500")", 500}, {R"("503")", 503}}) {
        const Answer answer = disable_with(fault);
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.json().at("status"), status) << "in POND's own shape";
        EXPECT_TRUE(enabled());
        EXPECT_EQ(last_entry()["performed"], false);
        EXPECT_EQ("\"" + text(last_entry()["fault"]) + "\"", fault);
        admin("POST", "reset");
    }
}

TEST_F(FaultsTest, too_many_requests_with_and_without_a_hint) {
    Answer answer = disable_with(R"("429","retryAfterSeconds":7)");
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("Retry-After"), "7");
    admin("POST", "reset");
    answer = disable_with(R"("429_without_retry_after")");
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("Retry-After"), "");
    EXPECT_TRUE(enabled());
}

TEST_F(FaultsTest, a_gateway_error_of_revio_is_object_shaped) {
    start();
    set_faults("revio", R"([{"fault":"429","retryAfterSeconds":17}])");
    const auto body = revio("GET", "Customers").json();
    EXPECT_EQ(body.at("statusCode"), 429);
    EXPECT_EQ(text(body.at("message")), "Rate limit is exceeded. Try again in 17 seconds.");
}

TEST_F(FaultsTest, reset_before_does_nothing_and_sends_nothing) {
    EXPECT_EQ(disable_with(R"("reset_before")").status, 0);
    EXPECT_TRUE(enabled());
    EXPECT_EQ(last_entry()["status"], 0);
    EXPECT_EQ(last_entry()["performed"], false);
}

TEST_F(FaultsTest, execute_then_reset_does_the_work_and_sends_nothing) {
    EXPECT_EQ(disable_with(R"("execute_then_reset")").status, 0);
    EXPECT_FALSE(enabled());
    EXPECT_EQ(last_entry()["status"], 0);
    EXPECT_EQ(last_entry()["performed"], true);
}

TEST_F(FaultsTest, execute_then_500_does_the_work_and_denies_it) {
    EXPECT_EQ(disable_with(R"("execute_then_500")").status, 500);
    EXPECT_FALSE(enabled());
    EXPECT_EQ(last_entry()["performed"], true);
}

TEST_F(FaultsTest, a_lost_add_package_leaves_the_package_behind) {
    load_fleet(1, "");
    set_faults("pond",
               R"([{"match":{"action":"add_package"},"fault":"execute_then_500","limit":1}])");
    const std::string path = "sim/8910300000000000000/addPackage";
    EXPECT_EQ(pond("POST", path, R"({"packageTypeId":40117})").status, 500);
    EXPECT_EQ(pond("POST", path, R"({"packageTypeId":40117})").status, 200);
    EXPECT_EQ(pond("GET", "sim/8910300000000000000/package/infos").json().at("total"), 2);
    EXPECT_EQ(summary_of("pond", "add_package").at("maxPerformedPerKey"), 2);
}

TEST_F(FaultsTest, execute_then_hang_does_the_work_and_ends_silently) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"execute_then_hang","milliseconds":3600000}])");
    TestClient own(simulator_->port());
    send_status(own);
    until([this] { return !enabled(); });
    EXPECT_EQ(last_entry()["status"], 0);
    advance_millis(kHourMillis);
    EXPECT_EQ(own.read().status, 0);
}

TEST_F(FaultsTest, latency_does_the_work_at_once_and_answers_later) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"latency","milliseconds":3600000}])");
    TestClient own(simulator_->port());
    send_status(own);
    until([this] { return !enabled(); });
    EXPECT_EQ(text(last_entry()["fault"]), "latency");
    EXPECT_EQ(last_entry()["delayUs"], 3'600'000'000);
    advance_millis(kHourMillis);
    EXPECT_EQ(own.read().status, 204);
}

TEST_F(FaultsTest, a_page_of_a_gateway_comes_with_its_status_instead_of_the_work) {
    for (const int status : {404, 502}) {
        const Answer answer = disable_with("\"html_" + std::to_string(status) + "\"");
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
        EXPECT_EQ(answer.body.find("<!DOCTYPE html>"), 0U);
        EXPECT_TRUE(enabled());
        EXPECT_EQ(last_entry()["performed"], false);
        admin("POST", "reset");
    }
}

TEST_F(FaultsTest, latency_adds_to_another_fault) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"latency","milliseconds":3600000},{"fault":"503"}])");
    TestClient own(simulator_->port());
    send_status(own);
    until([this] { return summary_of("pond", "sim_status").contains("received"); });
    advance_millis(kHourMillis);
    EXPECT_EQ(own.read().status, 503);
    EXPECT_TRUE(enabled());
}

TEST_F(FaultsTest, execute_late_works_after_the_client_has_gone) {
    load_fleet(1);
    set_faults(
        "pond",
        R"([{"match":{"action":"sim_status"},"fault":"execute_late","milliseconds":3600000}])");
    {
        TestClient own(simulator_->port());
        send_status(own);
        until([this] { return hits() == 1; });
    }
    EXPECT_TRUE(enabled()) << "read back now, it looks as if it had never arrived";
    EXPECT_TRUE(summary_of("pond", "sim_status").empty());
    advance_millis(kHourMillis);
    until([this] { return !enabled(); });
    EXPECT_EQ(text(last_entry()["fault"]), "execute_late");
    EXPECT_EQ(last_entry()["performed"], true);
}

TEST_F(FaultsTest, execute_late_answers_a_client_that_waits) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"execute_late","milliseconds":3600000}])");
    TestClient own(simulator_->port());
    send_status(own);
    until([this] { return hits() == 1; });
    advance_millis(kHourMillis);
    EXPECT_EQ(own.read().status, 204);
    EXPECT_EQ(admin("DELETE", "faults").status, 200);
    send_status(own);
    EXPECT_EQ(own.read().status, 204) << "the connection goes on";
}

TEST_F(FaultsTest, refuse_connection_takes_the_port_away_and_gives_it_back) {
    load_fleet(1);
    TestClient held(simulator_->port());
    EXPECT_EQ(held.request("GET", "/_sim/health").status, 200);
    set_faults("pond", R"([{"fault":"refuse_connection","milliseconds":3600000,"limit":1}])");
    EXPECT_EQ(pond("POST", kStatus, kDisable).status, 0);
    until([this] { return !TestClient(simulator_->port()).connected(); });
    EXPECT_EQ(held.request("POST", "/_sim/clock", R"({"advanceMs":3600000})").status, 200);
    until([this] { return TestClient(simulator_->port()).connected(); });
    EXPECT_TRUE(enabled());
}

TEST_F(FaultsTest, error_in_200_is_an_error_body_under_a_good_status) {
    const Answer answer = disable_with(R"("error_in_200")");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json().at("status"), 500);
    EXPECT_TRUE(enabled());
}

TEST_F(FaultsTest, execute_can_be_chosen_for_any_spoiled_answer) {
    const Answer answer = disable_with(R"("error_in_200","execute":true)");
    EXPECT_EQ(answer.json().at("status"), 500);
    EXPECT_FALSE(enabled());
    EXPECT_EQ(last_entry()["performed"], true);
}

TEST_F(FaultsTest, malformed_json_does_not_parse) {
    const Answer answer = disable_with(R"("malformed_json")");
    EXPECT_EQ(answer.status, 200);
    boost::system::error_code error;
    boost::json::parse(answer.body, error);
    EXPECT_TRUE(error);
    EXPECT_FALSE(enabled()) << "the work was done";
}

TEST_F(FaultsTest, html_200_is_a_page_of_somebody_else) {
    const Answer answer = disable_with(R"("html_200")");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(answer.body.substr(0, 9), "<!DOCTYPE");
    EXPECT_TRUE(enabled());
}

TEST_F(FaultsTest, truncated_ends_before_the_announced_length) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"truncated"}])");
    const Answer answer = pond("GET", kStatus);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.whole);
}

TEST_F(FaultsTest, truncated_cuts_an_answer_without_body_in_its_head) {
    EXPECT_EQ(disable_with(R"("truncated")").status, 0);
    EXPECT_FALSE(enabled());
}

TEST_F(FaultsTest, huge_body_is_as_big_as_asked_for) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"huge_body","bytes":3000000}])");
    const Answer answer = pond("GET", kStatus);
    EXPECT_TRUE(answer.whole);
    EXPECT_GT(answer.body.size(), 3'000'000U);
    EXPECT_EQ(text(answer.json().at("statusOfSim")), "In-Service");
}

TEST_F(FaultsTest, wrong_type_turns_numbers_and_texts_around) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"wrong_type"}])");
    const auto packages = pond("GET", "sim/8910300000000000000/package/infos").json();
    EXPECT_EQ(text(packages.at("total")), "1");
    EXPECT_EQ(packages.at("elements").at(0).at("packageId"), 7);
}

TEST_F(FaultsTest, wrong_content_type_keeps_the_body) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"wrong_content_type"}])");
    const Answer answer = pond("GET", kStatus);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    EXPECT_EQ(text(answer.json().at("statusOfSim")), "In-Service");
}

TEST_F(FaultsTest, stale_read_answers_from_the_past_and_catches_up) {
    load_fleet(1, "");
    set_faults("pond", R"([{"fault":"stale_read","milliseconds":60000}])");
    advance_millis(1000);
    EXPECT_EQ(pond("POST", kStatus, kDisable).status, 204);
    pond("POST", "sim/8910300000000000000/addPackage", R"({"packageTypeId":40117})");
    EXPECT_EQ(text(pond("GET", kStatus).json().at("simDataServiceStatus")), "ENABLED");
    EXPECT_EQ(pond("GET", "sim/8910300000000000000/package/infos").json().at("total"), 0);
    EXPECT_FALSE(enabled());
    advance_millis(60'001);
    EXPECT_EQ(text(pond("GET", kStatus).json().at("simDataServiceStatus")), "DISABLED");
    EXPECT_EQ(pond("GET", "sim/8910300000000000000/package/infos").json().at("total"), 1);
}

TEST_F(FaultsTest, stale_read_hides_a_new_record_of_revio) {
    start();
    set_faults("revio", R"([{"fault":"stale_read","milliseconds":60000}])");
    EXPECT_EQ(
        revio("POST", "Services", R"({"customer_id":4102,"provider_id":21,"number":"n1"})").status,
        201);
    EXPECT_EQ(revio("GET", "Services?search.number=n1").json().at("record_count"), 0);
    EXPECT_EQ(revio("GET", "Services/99001").status, 404);
    advance_millis(60'001);
    EXPECT_EQ(revio("GET", "Services?search.number=n1").json().at("record_count"), 1);
    EXPECT_EQ(revio("GET", "Services/99001").status, 200);
}

TEST_F(FaultsTest, rules_match_by_action_key_and_suffix) {
    load_fleet(20);
    set_faults("pond", R"([{"match":{"action":"sim_status","keySuffix":"7"},"fault":"500"},
                           {"match":{"key":"8910300000000000003"},"fault":"503"}])");
    for (int sim = 0; sim < 20; ++sim) {
        const std::string path = "sim/" + std::to_string(8910300000000000000ULL + sim) + "/status";
        const int expected = sim % 10 == 7 ? 500 : sim == 3 ? 503 : 204;
        EXPECT_EQ(pond("POST", path, kDisable).status, expected) << sim;
    }
}

TEST_F(FaultsTest, every_nth_counts_the_requests_of_one_key) {
    load_fleet(2);
    set_faults("pond", R"([{"match":{"everyNth":3},"fault":"500"}])");
    std::string seen;
    for (int i = 0; i < 6; ++i) {
        seen += pond("GET", kStatus).status == 500 ? 'x' : '.';
        seen += pond("GET", "sim/8910300000000000001/status").status == 500 ? 'x' : '.';
    }
    EXPECT_EQ(seen, "....xx....xx");
}

TEST_F(FaultsTest, limits_bound_a_rule_in_all_and_per_key) {
    load_fleet(2);
    set_faults("pond", R"([{"fault":"500","limit":2}])");
    EXPECT_EQ(pond("GET", kStatus).status, 500);
    EXPECT_EQ(pond("GET", kStatus).status, 500);
    EXPECT_EQ(pond("GET", kStatus).status, 200);
    set_faults("pond", R"([{"fault":"500","limitPerKey":1}])");
    EXPECT_EQ(pond("GET", kStatus).status, 500);
    EXPECT_EQ(pond("GET", kStatus).status, 200);
    EXPECT_EQ(pond("GET", "sim/8910300000000000001/status").status, 500);
}

TEST_F(FaultsTest, the_same_seed_spoils_the_same_requests_in_any_order) {
    load_fleet(200);
    const auto spoiled = [this](int seed, bool backwards) {
        set_faults("pond", R"([{"probability":0.3,"fault":"500"}])", seed);
        std::set<std::pair<int, int>> found;
        for (int i = 0; i < 400; ++i) {
            const int at = backwards ? 399 - i : i;
            // Forwards the two requests of a SIM are neighbours, backwards they are far apart.
            const int sim = backwards ? at % 200 : at / 2;
            const auto path = "sim/" + std::to_string(8910300000000000000ULL + sim) + "/status";
            const int nth = backwards ? (i < 200 ? 1 : 2) : (at % 2) + 1;
            if (pond("GET", path).status == 500) found.emplace(sim, nth);
        }
        return found;
    };
    const auto first = spoiled(7, false);
    EXPECT_EQ(first, spoiled(7, true));
    EXPECT_NE(first, spoiled(8, false));
    EXPECT_GT(first.size(), 60U);
    EXPECT_LT(first.size(), 180U);
}

TEST_F(FaultsTest, a_wrong_plan_is_refused_and_changes_nothing) {
    load_fleet(1);
    set_faults("pond", R"([{"fault":"500"}])");
    for (const std::string_view rules :
         {R"([{"fault":"nonsense"}])", R"([{"fault":"500","probability":2}])", R"([7])",
          R"([{"fault":"500","milliseconds":-1}])", R"([{"fault":"500","typo":1}])",
          R"([{"fault":"500","match":{"everyNth":0}}])", R"({})"}) {
        const auto answer =
            admin("POST", "faults", R"({"system":"pond","rules":)" + std::string(rules) + "}");
        EXPECT_EQ(answer.status, 400) << rules;
    }
    EXPECT_EQ(admin("POST", "faults", R"({"system":"none","rules":[]})").status, 400);
    EXPECT_EQ(pond("GET", kStatus).status, 500) << "the old plan stands";
    EXPECT_EQ(admin("DELETE", "faults").status, 200);
    EXPECT_EQ(pond("GET", kStatus).status, 200);
}

}  // namespace
}  // namespace carryall::simulators
