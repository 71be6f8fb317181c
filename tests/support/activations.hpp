// What the tests of activations share: an account at Telegence with a plan on sale, and a worker
// that writes down what became of each device without asking anybody.
#pragma once

#include "changes/run_store.hpp"
#include "support/changes.hpp"

namespace carryall::changes {

class NewServiceActivationTest : public ChangesTest {
  protected:
    void SetUp() override {
        ChangesTest::SetUp();
        provider_ = std::stoll(
            sql("INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) "
                "VALUES (" +
                tenant() + ", 'AT&T', 'telegence', true) RETURNING service_provider_id"));
        sql("INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, is_active) "
            "SELECT " +
            tenant() + ", " + std::to_string(provider_) +
            ", code, code, code <> 'GONE' FROM unnest(ARRAY['PLAN1GB', 'GONE']) code "
            "RETURNING 1");
    }

    std::string tenant() const { return std::to_string(ours_.caller.tenant_id.value); }

    static std::string one(const std::string& iccid, const std::string& more = "") {
        return R"({"iccid":")" + iccid + R"(","imei":"35000000000001")" +
               (more.empty() ? "" : "," + more) + '}';
    }
    Result<SubmitResult> submit_activation(const std::string& devices,
                                           const std::string& more = "") {
        return submit_json(ours_, request(provider_, "newserviceactivation", devices,
                                          R"("newServiceActivation":{"carrierRatePlan":"PLAN1GB",)"
                                          R"("billingAccount":"287000000001","zipCode":"75001")" +
                                              more + "}"));
    }
    std::string add_line(int serial, const std::string& status) {
        return add_device(ours_, serial, "service_provider_id, portal, status",
                          std::to_string(provider_) + ", 'mobility', '" + status + "'");
    }
    std::string only_reason(const std::string& device, const std::string& more = "") {
        const auto result = submit_activation(device, more);
        if (!result) return result.error().message;
        return reason(result->id, 1);
    }

    // As a worker writes the first page down: each device with this result.
    struct Told {
        DeviceState state = DeviceState::processed;
        std::string effect;
        std::string progress;
        std::string reason;
    };
    void write_down(BulkChangeId id, const std::vector<Told>& told) {
        const auto change = load_change(*connection_, ours_.caller.tenant_id.value, id, key_);
        ASSERT_TRUE(change) << change.error().message;
        const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, id, "w",
                                     std::chrono::seconds(60));
        ASSERT_TRUE(page && page->has_value());
        std::vector<DeviceResult> results;
        for (std::size_t i = 0; i < (*page)->devices.size(); ++i) {
            const ClaimedDevice& device = (*page)->devices[i];
            const Told& one = told.at(i);
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.before = device.state;
            result.verdict.state = one.state;
            result.verdict.reason = one.reason;
            if (one.state == DeviceState::error) {
                result.verdict.error_class = carriers::FailureClass::business;
            }
            if (!is_final(one.state)) result.verdict.due_in = std::chrono::seconds(0);
            result.effect = one.effect;
            result.progress = one.progress;
            results.push_back(std::move(result));
        }
        const auto done = complete_page(*connection_, *change, **page, results, {}, false);
        ASSERT_TRUE(done && done->accepted) << (done ? "fenced" : done.error().message);
    }
    static Told active(const std::string& number, DeviceState state = DeviceState::processed) {
        return {state,
                R"({"status":"Active","msisdn":")" + number +
                    R"(","ratePlan":"PLAN1GB","imei":"35000000000001","ipAddress":"10.20.0.5"})",
                R"({"step":2,"subscriberNumber":")" + number +
                    R"(","ipAddress":"10.20.0.5","ipAssigned":true})",
                "Service activation complete. Assigned IP: 10.20.0.5"};
    }
    static Told rejected() {
        return {DeviceState::error, R"({"status":"Inventory"})", "", "Telegence rejected it"};
    }
    std::string device_of(const std::string& iccid) {
        return sql(
            "SELECT concat_ws(' ', status, msisdn, imei, host(ip_address)) FROM device "
            "WHERE tenant_id = " +
            tenant() + " AND iccid = '" + iccid + "'");
    }

    std::int64_t provider_ = 0;
    base::MasterKey key_ = base::MasterKey::generate();
};

}  // namespace carryall::changes
