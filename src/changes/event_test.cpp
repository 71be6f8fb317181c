// What bulk changes tell those outside: events in the transaction of what they tell, and only then.
#include "changes/run_store.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

class EventTest : public ChangesTest {
  protected:
    // A change of `devices` new devices in one page.
    BulkChangeId make_change(int devices) {
        std::vector<std::string> iccids;
        for (int i = 1; i <= devices; ++i) iccids.push_back(add_device(ours_, 100 + i));
        SubmitOptions options;
        options.page_size = 1'000;
        const auto submitted =
            submit_json(ours_,
                        request(ours_.pond, "statusupdate", quoted(iccids),
                                R"("statusUpdate": {"updateStatus": "Suspended"})"),
                        options);
        EXPECT_TRUE(submitted) << (submitted ? "" : submitted.error().message);
        return submitted->id;
    }
    // The page is claimed and every device of it ends so.
    bool complete(BulkChangeId id, DeviceState state, int attempt_offset = 0) {
        const std::int64_t tenant = ours_.caller.tenant_id.value;
        auto page = claim_page(*connection_, tenant, id, "w", std::chrono::seconds(60));
        CHECK(page.has_value() && page->has_value());
        (*page)->attempt += attempt_offset;
        RunnableChange change;
        change.tenant_id = tenant;
        change.id = id;
        change.portal = "m2m";
        change.correlation_id = "c";
        change.account.service_provider_id = ours_.pond;
        std::vector<DeviceResult> results;
        for (const ClaimedDevice& device : (*page)->devices) {
            DeviceResult result;
            result.id = device.id;
            result.device_id = device.device_id;
            result.before = device.state;
            result.verdict.state = state;
            if (state != DeviceState::processed) result.verdict.reason = "nobody knows";
            results.push_back(result);
        }
        const auto done = complete_page(*connection_, change, **page, results, {}, true);
        EXPECT_TRUE(done) << (done ? "" : done.error().message);
        return done && done->accepted;
    }
    std::string events(const std::string& what = "type") {
        return sql("SELECT coalesce(string_agg((" + what +
                   ")::text, ' ' ORDER BY event_id), '') FROM event WHERE tenant_id = " +
                   base::to_string(ours_.caller.tenant_id));
    }
};

TEST_F(EventTest, a_change_that_ends_tells_so_with_its_counts) {
    const BulkChangeId id = make_change(3);
    EXPECT_EQ(events(), "");
    ASSERT_TRUE(complete(id, DeviceState::processed));
    EXPECT_EQ(events(), "bulk_change.finished");
    EXPECT_EQ(events("subject || ' ' || (payload ->> 'status') || ' ' || (payload #>> "
                     "'{counts,processed}')"),
              "bulk_change/" + base::to_string(id) + " PROCESSED 3");
    EXPECT_EQ(events("payload ->> 'createdBy'"), "operator of ours");
}

TEST_F(EventTest, parked_devices_of_a_page_are_told_in_one_event_that_lists_the_first_hundred) {
    const BulkChangeId id = make_change(130);
    ASSERT_TRUE(complete(id, DeviceState::parked));
    EXPECT_EQ(events(), "device_change.parked bulk_change.finished");
    EXPECT_EQ(sql("SELECT (payload ->> 'count') || ' ' || jsonb_array_length(payload -> 'devices') "
                  "|| ' ' || (payload #>> '{devices,0,reason}') FROM event WHERE type = "
                  "'device_change.parked'"),
              "130 100 nobody knows");
    EXPECT_EQ(sql("SELECT (payload #>> '{devices,0,deviceChangeId}')::bigint - (payload ->> "
                  "'bulkChangeId')::bigint * 1048576 FROM event WHERE type = "
                  "'device_change.parked'"),
              "1");
}

TEST_F(EventTest, a_stale_completion_tells_nothing) {
    const BulkChangeId id = make_change(3);
    EXPECT_FALSE(complete(id, DeviceState::parked, -1));
    EXPECT_EQ(events(), "");
}

TEST_F(EventTest, a_change_that_is_refused_as_a_whole_ends_at_once_and_tells_so) {
    const auto submitted =
        submit_json(ours_, request(ours_.pond, "statusupdate", quoted({"8910300000000000000"}),
                                   R"("statusUpdate": {"updateStatus": "Suspended"})"));
    ASSERT_TRUE(submitted) << submitted.error().message;
    EXPECT_EQ(events("payload ->> 'status'"), "ERROR");
}

TEST_F(EventTest, a_dry_run_tells_nothing) {
    const auto checked = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({"8910300000000000000"}),
                       R"("dryRun": true, "statusUpdate": {"updateStatus": "Suspended"})"));
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_EQ(events(), "");
}

TEST_F(EventTest, each_pause_is_told_once_with_its_reason) {
    const BulkChangeId id = make_change(1);
    const auto pause = [&] {
        sql("UPDATE bulk_change SET control = 'paused', control_cause = 'person', control_reason = "
            "'looks odd', control_by = 'alice', control_at = now() WHERE bulk_change_id = " +
            base::to_string(id) + " RETURNING 1");
    };
    pause();
    pause();  // of a paused change: nothing new
    EXPECT_EQ(events("type || ' ' || (payload ->> 'cause') || ' ' || (payload ->> 'pausedBy')"),
              "bulk_change.paused person alice");
}

TEST_F(EventTest, a_change_that_is_opened_again_tells_its_second_end_too) {
    const BulkChangeId id = make_change(1);
    ASSERT_TRUE(complete(id, DeviceState::processed));
    const std::string which = " WHERE bulk_change_id = " + base::to_string(id);
    sql("UPDATE bulk_change SET status = 'PROCESSING', finished_at = NULL" + which +
        " RETURNING 1");
    sql("UPDATE bulk_change SET status = 'PROCESSED', finished_at = now()" + which +
        " RETURNING 1");
    EXPECT_EQ(events(), "bulk_change.finished bulk_change.finished");
}

}  // namespace
}  // namespace carryall::changes
