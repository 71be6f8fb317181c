// What the tests of plans and undo share: devices with something to change, and a worker that
// carries changes out by the real claim and completion, with the effect that the change's type has,
// but asks no carrier.
#pragma once

#include "changes/change_kind.hpp"
#include "changes/plan.hpp"
#include "support/changes.hpp"

namespace carryall::changes {

class PlanTest : public ChangesTest {
  protected:
    static std::string status(const std::string& target, const std::string& more = "") {
        return R"("statusUpdate": {"updateStatus": ")" + target + "\"}" + more;
    }
    static constexpr const char* kDryRun = R"(, "dryRun": true)";

    SubmitResult planned(const World& world, const std::string& body) {
        const auto result = submit_json(world, body);
        EXPECT_TRUE(result) << (result ? "" : result.error().message);
        if (!result) return {};
        EXPECT_EQ(result->status, "PLANNED");
        EXPECT_EQ(result->plan_hash.size(), 64U);
        expect_counts_add_up(result->id);
        return *result;
    }
    base::Result<ApplyResult> apply(const World& world, const SubmitResult& plan) {
        return apply_plan(*connection_, world.caller, plan.id, plan.plan_hash);
    }
    PlanDetail plan_of(BulkChangeId id) {
        const auto plan = get_plan(*connection_, ours_.caller.tenant_id, id);
        EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
        return plan ? *plan : PlanDetail{};
    }
    std::vector<PlannedDevice> devices_of(BulkChangeId id, PlannedDeviceFilter filter = {}) {
        PageRequest page;
        page.limit = 100;
        const auto found =
            list_planned_devices(*connection_, tokens_, ours_.caller.tenant_id, id, filter, page);
        EXPECT_TRUE(found) << (found ? "" : found.error().message);
        return found ? found->items : std::vector<PlannedDevice>();
    }
    // "row verdict before -> after (reason)", a line for each device.
    std::vector<std::string> told(BulkChangeId id) {
        std::vector<std::string> lines;
        for (const PlannedDevice& device : devices_of(id)) {
            lines.push_back(std::to_string(device.row_number) + ' ' + device.verdict + ' ' +
                            base::json::serialize(device.before) + " -> " +
                            base::json::serialize(device.target) +
                            (device.reason ? " (" + *device.reason + ')' : ""));
        }
        return lines;
    }
    std::string status_of(BulkChangeId id) {
        return sql("SELECT status FROM bulk_change WHERE bulk_change_id = " + base::to_string(id));
    }
    std::string messages(BulkChangeId id) {
        return sql("SELECT count(*) FROM queue_message WHERE attributes->>'BulkChangeId' = '" +
                   base::to_string(id) + "'");
    }
    std::string device(const std::string& iccid, const std::string& columns) {
        return sql("SELECT concat_ws(' ', " + columns + ") FROM device WHERE iccid = '" + iccid +
                   "' AND tenant_id = " + base::to_string(ours_.caller.tenant_id));
    }
    void set(const std::string& iccid, const std::string& assignments) {
        database().run("UPDATE device SET " + assignments + " WHERE iccid = '" + iccid +
                       "' AND tenant_id = " + base::to_string(ours_.caller.tenant_id));
    }

    // Every open page to its end; rows named in `fails` with this verdict, the others processed.
    void carry_out(BulkChangeId id, const std::map<std::int64_t, Verdict>& fails = {}) {
        RunnableChange change = runnable(id);
        const auto kind =
            is_local(change.type) ? make_change_kind(change) : std::unique_ptr<ChangeKind>();
        for (int page_number = 0; page_number < 100; ++page_number) {
            const auto page =
                claim_page(*connection_, change.tenant_id, id, "test", std::chrono::seconds(60));
            ASSERT_TRUE(page) << page.error().message;
            if (!*page) return;
            std::vector<DeviceResult> results;
            std::vector<LogEntry> log;
            for (const ClaimedDevice& device : (*page)->devices) {
                DeviceResult result;
                result.id = device.id;
                result.device_id = device.device_id;
                const auto failing = fails.find(device.id.value - (id.value << kOrdinalBits));
                if (failing != fails.end()) {
                    result.verdict = failing->second;
                } else {
                    result.verdict.state = DeviceState::processed;
                    result.effect =
                        kind ? kind->plan(device, {}).effect : carrier_effect(change, device);
                }
                results.push_back(result);
                LogEntry entry;
                entry.device_change = device.id;
                entry.status = "PROCESSED";
                log.push_back(entry);
            }
            const auto done = complete_page(*connection_, change, **page, results, log, true);
            ASSERT_TRUE(done) << done.error().message;
            ASSERT_TRUE(done->accepted);
        }
    }

  private:
    static bool is_local(ChangeType type) {
        return type == ChangeType::customerassignment || type == ChangeType::customerrateplanchange;
    }
    RunnableChange runnable(BulkChangeId id) {
        const auto row = database().rows(
            "SELECT change_type, portal, request, tenant_id, service_provider_id FROM bulk_change "
            "WHERE bulk_change_id = " +
            base::to_string(id));
        RunnableChange change;
        change.id = id;
        change.type = *parse_change_type(row.at(0).at(0));
        change.portal = row.at(0).at(1);
        change.request = base::parse_json(row.at(0).at(2)).value();
        change.tenant_id = std::stoll(row.at(0).at(3));
        change.account.service_provider_id = std::stoll(row.at(0).at(4));
        change.correlation_id = "test";
        return change;
    }
    static std::string carrier_effect(const RunnableChange& change, const ClaimedDevice& device) {
        const ChangeParameters wanted = parameters_for(change, device);
        if (wanted.status_update) return wanted.status_update->update_status.value_or("");
        const auto& plan = wanted.carrier_rate_plan_update;
        if (!plan) return {};
        base::json::object effect{{"ratePlan", plan->carrier_rate_plan.value_or("")}};
        if (plan->comm_plan) effect["communicationPlan"] = *plan->comm_plan;
        return base::json::serialize(effect);
    }
};

}  // namespace carryall::changes
