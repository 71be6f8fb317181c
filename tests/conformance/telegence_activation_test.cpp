// Activations against the simulator over real sockets: batches, one bad SIM among many, eSIM,
// static addresses, and each fault at each call. The judge is the simulator's book: nobody twice.
#include <gtest/gtest.h>

#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

namespace json = base::json;
using carriers::Activation;
using carriers::reason_of;
using std::chrono::seconds;

constexpr std::string_view kFaults[] = {
    "reset_before", "execute_then_reset", "execute_then_500", "execute_then_hang", "503",
    "429",          "html_200",           "malformed_json",   "truncated",         "wrong_type"};

const carriers::Carrier& telegence() {
    return *carriers::find_carrier(carriers::Integration::telegence);
}

class TelegenceActivations : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", json::object{});
        knobs({{"requestsPerSecond", 0}});
        account_ = *telegence().account(
            1, {{"baseUrl", simulator_->url() + "/telegence"}, {"timeoutSeconds", 1}},
            {{"clientId", "telegence-sim-app"}, {"clientSecret", "telegence-sim-secret"}});
        account_.write_is_enabled = true;
    }

    static void knobs(const json::object& values) { simulator_->post("telegence/knobs", values); }
    static std::string sim(int serial) {
        std::string digits = std::to_string(serial);
        return "890103000000000" + std::string(4 - digits.size(), '0') + digits;
    }
    static Activation plain() {
        Activation change;
        change.rate_plan = "PLAN1GB";
        change.billing_account = "287000000001";
        change.zip_code = "75001";
        change.add_features = {"FEATA"};
        return change;
    }
    static Activation with_address(const char* pool, std::string range = "") {
        Activation change = plain();
        carriers::StaticAddress& address = change.static_address.emplace();
        address.pool = pool;
        address.customer_range = std::move(range);
        return change;
    }
    static std::vector<SmallDevice> devices(int count, const Activation& change) {
        std::vector<SmallDevice> all;
        for (int i = 0; i < count; ++i) {
            all.push_back({{sim(i), "", "350000000000017", "Inventory"}, change, {}});
            all.back().attempt.now = simulator_->now();
        }
        return all;
    }

    // Until all have ended; time passes as the outcomes ask for it.
    void run(std::vector<SmallDevice>& all, int most = 40) {
        SmallEngine engine(*simulator_, telegence(), account_);
        const base::Instant begun = simulator_->now();
        engine.run(
            all,
            [&](std::vector<SmallDevice>& devices) {
                seconds wait(0);
                for (const SmallDevice& device : devices) {
                    if (device.kind() == "unknown") wait = std::max(wait, seconds(1'800));
                    const auto* pending = std::get_if<carriers::Pending>(&device.outcome);
                    if (pending != nullptr) wait = std::max(wait, pending->ask_again_after);
                }
                simulator_->pass(wait);
                for (SmallDevice& device : devices) {
                    device.attempt.now = simulator_->now();
                    device.attempt.sent_ago = std::chrono::duration_cast<std::chrono::milliseconds>(
                        simulator_->now() - begun);
                }
            },
            most);
    }
    static int count(const std::vector<SmallDevice>& all, std::string_view kind) {
        return static_cast<int>(std::count_if(
            all.begin(), all.end(), [&](const SmallDevice& d) { return d.kind() == kind; }));
    }
    static std::int64_t performed(std::string_view action) {
        return simulator_->performed("telegence", action);
    }

    static inline std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
};

TEST_F(TelegenceActivations, two_hundred_and_fifty_sims_are_two_requests_and_two_polls) {
    auto all = devices(250, plain());
    run(all);
    EXPECT_EQ(count(all, "applied"), 250) << reason_of(all.front().outcome);
    EXPECT_EQ(performed("activation"), 2);
    EXPECT_EQ(performed("activate_service"), 250);
    const auto line = simulator_->get("telegence/line/" + sim(7));
    EXPECT_EQ(line.at("status").as_string(), "A");
}

TEST_F(TelegenceActivations, one_bad_sim_among_many_stops_nobody_else) {
    knobs({{"rejectSimSuffixes", base::json::array{"0077"}}});
    auto all = devices(250, plain());
    run(all);
    EXPECT_EQ(count(all, "applied"), 249);
    EXPECT_EQ(reason_of(all[77].outcome),
              "Telegence rejected the activation: SIM is not eligible for activation");
}

TEST_F(TelegenceActivations, a_batch_that_is_refused_for_one_entry_is_sent_one_by_one) {
    auto all = devices(5, plain());
    Activation wrong = plain();
    wrong.rate_plan = "NOPLAN";
    all[3].action = wrong;
    run(all);
    EXPECT_EQ(count(all, "applied"), 4);
    EXPECT_EQ(all[3].kind(), "refused");
    EXPECT_EQ(performed("activate_service"), 4);
}

TEST_F(TelegenceActivations, a_sim_that_needs_an_esim_is_told_and_the_others_are_activated) {
    knobs({{"esimOnlyPrefix", sim(2)}});
    auto all = devices(4, plain());
    run(all);
    EXPECT_EQ(count(all, "applied"), 3) << reason_of(all.front().outcome);
    EXPECT_NE(reason_of(all[2].outcome).find("eSIM"), std::string::npos);
    EXPECT_EQ(performed("activate_service"), 3);
}

TEST_F(TelegenceActivations, static_addresses_come_in_requests_of_ten) {
    auto all = devices(23, with_address("PDP01", "10.20.0.0/16"));
    run(all);
    EXPECT_EQ(count(all, "applied"), 23) << reason_of(all.front().outcome);
    EXPECT_EQ(performed("ip_provisioning"), 3);
    EXPECT_EQ(performed("assign_ip"), 23);
    std::set<std::string> addresses;
    for (const SmallDevice& device : all) {
        const auto& applied = std::get<carriers::Applied>(device.outcome);
        addresses.insert(applied.details.at("ipAddress").as_string().c_str());
    }
    EXPECT_EQ(addresses.size(), 23u);
}

TEST_F(TelegenceActivations, an_empty_pool_leaves_lines_active_without_an_address) {
    auto all = devices(9, with_address("PDP02"));
    run(all);
    EXPECT_EQ(count(all, "applied"), 6);
    for (const SmallDevice& device : all) {
        if (device.kind() == "applied") continue;
        EXPECT_TRUE(reason_of(device.outcome)
                        .starts_with("Static IP provisioning failed: No available IP address"))
            << reason_of(device.outcome);
        EXPECT_EQ(device.attempt.progress.at("step").as_int64(), 1);
        EXPECT_TRUE(device.attempt.progress.as_object().contains("subscriberNumber"));
    }
    EXPECT_EQ(performed("activate_service"), 9);
}

TEST_F(TelegenceActivations, an_assignment_that_fails_is_told_line_by_line) {
    knobs({{"failIpSuffixes", base::json::array{"00"}}, {"failIpStep", "profileUpdate"}});
    auto all = devices(3, with_address("PDP01"));
    run(all);
    EXPECT_EQ(count(all, "applied"), 2) << reason_of(all.front().outcome);
    EXPECT_EQ(reason_of(all.front().outcome),
              "IP provisioning failed: The subscriber's profile could not be updated");
}

TEST_F(TelegenceActivations, codes_are_removed_once_the_line_is_active) {
    Activation change = plain();
    change.remove_features = {"FEATA"};
    auto all = devices(2, change);
    run(all);
    EXPECT_EQ(count(all, "applied"), 2) << reason_of(all.front().outcome);
    EXPECT_EQ(performed("line_change"), 2);
}

TEST_F(TelegenceActivations, whatever_spelling_the_answers_have) {
    for (const char* casing : {"PascalCase", "lowercase", "UPPERCASE"}) {
        SetUp();
        knobs({{"answerCasing", casing},
               {"statusCasing", "UPPERCASE"},
               {"activationHttpStatus", 202}});
        auto all = devices(2, with_address("PDP01"));
        run(all);
        EXPECT_EQ(count(all, "applied"), 2) << casing << ' ' << reason_of(all.front().outcome);
    }
}

TEST_F(TelegenceActivations, no_fault_at_any_call_activates_or_assigns_twice) {
    for (const char* action : {"activation", "activation_status", "line_change", "ip_addresses",
                               "ip_provisioning", "ip_status"}) {
        for (const std::string_view fault : kFaults) {
            SetUp();
            simulator_->fail_once("telegence", action, fault);
            Activation change = with_address("PDP01");
            change.remove_features = {"FEATA"};
            auto all = devices(3, change);
            run(all);
            EXPECT_EQ(count(all, "applied"), 3)
                << action << ' ' << fault << ": " << reason_of(all.front().outcome);
            EXPECT_EQ(performed("activate_service"), 3) << action << ' ' << fault;
            EXPECT_EQ(performed("assign_ip"), 3) << action << ' ' << fault;
        }
    }
}

}  // namespace
}  // namespace carryall::conformance
