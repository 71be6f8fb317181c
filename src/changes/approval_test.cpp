// The consent of a second person on a real database: what waits for it, who may give it, what a
// claim makes of it.
#include "changes/control.hpp"
#include "changes/run_store.hpp"
#include "changes/runner.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;

class ApprovalTest : public ChangesTest {
  protected:
    void SetUp() override {
        ChangesTest::SetUp();
        ASSERT_TRUE(Runner::prepare_connection(*connection_));
        set_threshold("3");
        other_ = ours_.caller;
        other_.name = "second person";
    }

    void set_threshold(const std::string& devices) {
        run("UPDATE tenant SET approval_threshold_devices = " + devices +
            " WHERE id = " + base::to_string(ours_.caller.tenant_id));
    }
    void run(const std::string& statement) {
        sql("WITH done AS (" + statement + " RETURNING 1) SELECT count(*) FROM done");
    }

    SubmitResult submit(int devices, const std::string& more = "") {
        std::vector<std::string> iccids;
        for (int i = 1; i <= devices; ++i) iccids.push_back(add_device(ours_, ++last_line_));
        std::string rest = R"("statusUpdate": {"updateStatus": "Suspended"})";
        if (!more.empty()) rest += ", " + more;
        const auto result =
            submit_json(ours_, request(ours_.pond, "statusupdate", quoted(iccids), rest));
        EXPECT_TRUE(result) << result.error().message;
        return result.value_or(SubmitResult{});
    }
    std::string of(BulkChangeId id, const std::string& columns) {
        return sql("SELECT " + columns +
                   " FROM bulk_change WHERE bulk_change_id = " + base::to_string(id));
    }
    std::string messages(BulkChangeId id) {
        return sql("SELECT count(*) FROM queue_message WHERE attributes->>'BulkChangeId' = '" +
                   base::to_string(id) + "'");
    }
    bool has_a_page_to_send(BulkChangeId id) {
        const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, id, "w",
                                     std::chrono::seconds(60));
        EXPECT_TRUE(page) << page.error().message;
        return page && page->has_value();
    }
    std::string answer(const tenants::Caller& caller, BulkChangeId id, const std::string& hash) {
        const auto done = approve_change(*connection_, caller, id, hash);
        return done ? "approved" : std::string(to_string(done.error().kind));
    }

    tenants::Caller other_;
    int last_line_ = 0;
};

TEST_F(ApprovalTest, a_change_above_the_threshold_waits_for_another_person_who_has_seen_its_plan) {
    const BulkChangeId id = submit(4).id;
    EXPECT_EQ(of(id, "status || ' ' || approval"), "PENDING required");
    EXPECT_EQ(messages(id), "0");
    EXPECT_FALSE(has_a_page_to_send(id));
    EXPECT_EQ(
        sql("SELECT count(*) FROM unfinished_changes() WHERE bulk_change = " + base::to_string(id)),
        "0");
    const std::string hash = of(id, "plan_hash");
    ASSERT_EQ(hash.size(), 64U);
    EXPECT_EQ(answer(ours_.caller, id, hash), "forbidden") << "its author";
    EXPECT_EQ(answer(theirs_.caller, id, hash), "not_found");
    EXPECT_EQ(answer(other_, id, std::string(64, '0')), "conflict");
    EXPECT_EQ(answer(other_, id, ""), "invalid_input");
    tenants::Caller viewer = other_;
    viewer.role = tenants::Role::viewer;
    EXPECT_EQ(answer(viewer, id, hash), "forbidden");
    EXPECT_FALSE(has_a_page_to_send(id));
    EXPECT_EQ(answer(other_, id, hash), "approved");
    EXPECT_EQ(answer(other_, id, hash), "approved") << "once";
    EXPECT_EQ(of(id, "approval || ' ' || approved_by"), "approved second person");
    EXPECT_EQ(messages(id), "1");
    EXPECT_TRUE(has_a_page_to_send(id));
}

TEST_F(ApprovalTest, a_plan_that_became_another_one_after_the_consent_is_not_sent) {
    const BulkChangeId id = submit(4).id;
    EXPECT_EQ(answer(other_, id, of(id, "plan_hash")), "approved");
    run("UPDATE bulk_change SET plan_hash = repeat('0', 64) WHERE bulk_change_id = " +
        base::to_string(id));
    EXPECT_FALSE(has_a_page_to_send(id)) << "the worker looks for itself";
}

TEST_F(ApprovalTest, smaller_changes_and_tenants_without_a_threshold_wait_for_nobody) {
    EXPECT_EQ(of(submit(3).id, "approval"), "not_required");
    set_threshold("NULL");
    const BulkChangeId id = submit(9).id;
    EXPECT_EQ(of(id, "approval"), "not_required");
    EXPECT_TRUE(has_a_page_to_send(id));
    EXPECT_EQ(answer(other_, id, std::string(64, '0')), "conflict");
}

TEST_F(ApprovalTest, what_was_stored_first_is_looked_at_when_it_is_started) {
    const BulkChangeId id = submit(4, R"("processChanges": false)").id;
    EXPECT_EQ(of(id, "status || ' ' || approval"), "NEW not_required");
    ASSERT_TRUE(process_change(*connection_, ours_.caller, id));
    EXPECT_EQ(of(id, "status || ' ' || approval"), "PENDING required");
    EXPECT_EQ(messages(id), "0");
    EXPECT_EQ(answer(other_, id, of(id, "plan_hash")), "approved");
    EXPECT_TRUE(has_a_page_to_send(id));
}

TEST_F(ApprovalTest, what_waits_can_be_cancelled_and_is_not_retried) {
    const BulkChangeId id = submit(4).id;
    const auto retried = retry_failed(*connection_, ours_.caller, id, {});
    ASSERT_FALSE(retried);
    EXPECT_EQ(retried.error().kind, ErrorKind::conflict);
    ASSERT_TRUE(cancel_change(*connection_, ours_.caller, id, std::nullopt));
    EXPECT_EQ(messages(id), "1");
}

}  // namespace
}  // namespace carryall::changes
