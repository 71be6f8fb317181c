// ThingSpace's simulator with an account in it, a listener for its callbacks, and lines by number.
#pragma once

#include <algorithm>
#include <gtest/gtest.h>

#include "conformance/callback_listener.hpp"
#include "conformance/small_engine.hpp"

namespace carryall::conformance {

using carriers::Action;
using carriers::RatePlanChange;
using carriers::StatusChange;

inline const carriers::Carrier& thingspace() {
    return *carriers::find_carrier(carriers::Integration::thingspace);
}
inline StatusChange activation(std::string plan = "M2M-5MB") {
    return {"Active", "", std::move(plan), "98801"};
}

class ThingSpaceConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        simulator_ = std::make_unique<Simulator>();
        listener_ = std::make_unique<CallbackListener>();
    }
    static void TearDownTestSuite() {
        simulator_.reset();
        listener_.reset();
    }

    void SetUp() override {
        simulator_->post("reset", base::json::object{});
        open({});
        listener_->clear();
    }

    void open(const base::json::object& more, const base::json::object& credentials = {}) {
        base::json::object settings = {{"baseUrl", simulator_->url() + "/thingspace/api"},
                                       {"accountName", "0000123456-00001"},
                                       {"timeoutSeconds", 1}};
        for (const auto& [name, value] : more) settings[name] = value;
        base::json::object secret = {
            {"appKey", "thingspace-sim-key"}, {"appSecret", "thingspace-sim-secret"},
            {"username", "carryall"},         {"password", "thingspace-sim-password"},
            {"callbackUsername", "cbuser"},   {"callbackPassword", "cbpass"}};
        for (const auto& [name, value] : credentials) secret[name] = value;
        account_ = *thingspace().account(1, settings, secret);
        account_.write_is_enabled = true;
        engine_.emplace(*simulator_, thingspace(), account_);
    }

    // The carrier tells results only to who has asked for them.
    void listen(base::json::object more = {}) {
        more["callbackUrl"] = listener_->url();
        open(more);
    }

    void load(int count, std::string_view state = "active") {
        simulator_->post("thingspace/fleet", {{"firstIccid", iccid(0)},
                                              {"count", count},
                                              {"state", state},
                                              {"servicePlan", "M2M-5MB"}});
    }
    void knobs(const base::json::object& wanted) { simulator_->post("thingspace/knobs", wanted); }

    static std::string iccid(int line) { return "8914800000000000" + std::to_string(1'000 + line); }
    static carriers::Line line(int number, std::string status = "Active") {
        return {iccid(number), "", "99000000000" + std::to_string(1'000 + number),
                std::move(status)};
    }
    base::json::value truth(int number = 0) {
        return simulator_->get("thingspace/line/" + iccid(number));
    }
    std::string state(int number = 0) { return std::string(truth(number).at("state").as_string()); }
    std::string plan(int number = 0) {
        return std::string(truth(number).at("servicePlan").as_string());
    }

    // By the simulator's own book, since the reset.
    std::int64_t done(std::string_view action) {
        return simulator_->performed("thingspace", action);
    }
    std::int64_t asked(std::string_view action) {
        const base::json::value summary = simulator_->get("ledger/summary");
        const auto* all = summary.at("systems").as_object().if_contains("thingspace");
        const auto* stats = all != nullptr ? all->as_object().if_contains(action) : nullptr;
        return stats == nullptr ? 0 : stats->at("received").to_number<std::int64_t>();
    }

    // The carrier carries out what it has taken, and every callback is delivered.
    void let_carrier_work(int milliseconds = 10'000) {
        simulator_->pass(std::chrono::milliseconds(milliseconds));
        for (int look = 0; look < 20'000; ++look) {
            const base::json::value open = simulator_->get("thingspace/callbacks");
            if (open.at("waiting").to_number<int>() == 0 &&
                open.at("devicesWaiting").to_number<int>() == 0) {
                return;
            }
        }
        FAIL() << "the carrier did not finish";
    }
    // Each callback goes to the device whose request and ICCID it names.
    void hand_out(std::vector<SmallDevice>& devices) {
        for (SmallDevice& device : devices) device.attempt.notices.clear();
        for (const base::json::value& body : listener_->bodies()) {
            const auto notice = thingspace().parse_notice(body);
            ASSERT_TRUE(notice.has_value()) << serialize(body);
            EXPECT_EQ(notice->password, "cbpass");
            for (SmallDevice& device : devices) {
                const auto& ids = notice->iccids;
                const bool is_its =
                    std::find(ids.begin(), ids.end(), device.line.iccid) != ids.end();
                if (is_its) device.attempt.notices.push_back(body);
            }
        }
    }
    void run(std::vector<SmallDevice>& devices) {
        engine_->run(devices, [this](std::vector<SmallDevice>& all) {
            let_carrier_work();
            hand_out(all);
        });
    }
    carriers::Outcome run(const carriers::Line& device, const Action& action) {
        std::vector<SmallDevice> one(1);
        one[0].line = device;
        one[0].action = action;
        run(one);
        return one[0].outcome;
    }
    static std::vector<SmallDevice> devices(int count, const Action& action,
                                            const std::string& status = "Active") {
        std::vector<SmallDevice> all(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            all[static_cast<std::size_t>(i)].line = line(i, status);
            all[static_cast<std::size_t>(i)].action = action;
        }
        return all;
    }
    void expect_applied(const carriers::Outcome& outcome, std::string_view where = "") {
        EXPECT_EQ(carriers::kind_of(outcome), "applied")
            << where << ' ' << carriers::reason_of(outcome) << ' ' << engine_->last_problem();
    }

    inline static std::unique_ptr<Simulator> simulator_;
    inline static std::unique_ptr<CallbackListener> listener_;
    carriers::Account account_;
    std::optional<SmallEngine> engine_;
};

}  // namespace carryall::conformance
