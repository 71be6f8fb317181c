// The order of changes of one device when they are started at the same time: two connections, one
// of them stopped where the other comes between.
#include <thread>

#include "support/plans.hpp"

namespace carryall::changes {
namespace {

using Ids = std::vector<std::int64_t>;

class StartOrderTest : public PlanTest {
  protected:
    void SetUp() override {
        PlanTest::SetUp();
        other_ = open();
    }

    static std::unique_ptr<db::Connection> open() {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        CHECK(opened.has_value());
        return std::move(*opened);
    }

    // Ends when a session of this database waits for a lock of another.
    void wait_until_one_waits() {
        constexpr int kMostLooks = 20'000;
        for (int looks = 0; looks < kMostLooks; ++looks) {
            if (sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                    "WHERE NOT l.granted AND a.datname = current_database()") != "0") {
                return;
            }
        }
        ADD_FAILURE() << "nobody waits for a lock";
    }

    std::string suspend(const std::vector<std::string>& iccids, const std::string& more = "") {
        return request(ours_.pond, "statusupdate", quoted(iccids), status("Suspended", more));
    }

    // Stops when its rows are about to be stored, until `holder` ends its transaction.
    base::Result<SubmitResult> submit_slowly(const std::string& body) {
        std::vector<base::Error> errors;
        auto parsed = parse_request(*base::parse_json(body), errors);
        if (!parsed) return parsed.error();
        SubmitOptions options;
        options.idempotency_key = kKey;
        return submit(*other_, ours_.caller, parsed->request, *parsed->devices, options, errors);
    }
    void hold(support::Connection& holder) {
        const auto id = submit_json(ours_, suspend({add_device(ours_, 99)}));
        ASSERT_TRUE(id) << id.error().message;
        holder.run("BEGIN");
        holder.run(
            "INSERT INTO idempotency_key (tenant_id, key, request_hash, bulk_change_id) "
            "VALUES (" +
            base::to_string(ours_.caller.tenant_id) + ", '" + kKey + "', '', " +
            base::to_string(id->id) + ")");
    }

    ClaimedPage claim(BulkChangeId id) {
        const auto page = claim_page(*connection_, ours_.caller.tenant_id.value, id, "test",
                                     std::chrono::seconds(60));
        CHECK(page.has_value() && page->has_value());
        return **page;
    }

    // The devices that a claim hands out; their page is being sent from then on.
    static Ids handed_out(const ClaimedPage& page) {
        Ids rows;
        for (const ClaimedDevice& device : page.devices) {
            rows.push_back(device.id.value & ((1 << kOrdinalBits) - 1));
        }
        return rows;
    }

    static constexpr const char* kKey = "taken by another request";
    std::unique_ptr<db::Connection> other_;
};

TEST_F(StartOrderTest, a_change_that_was_stored_first_and_committed_last_comes_after_the_other) {
    const auto line = add_device(ours_, 1);
    const auto next = add_device(ours_, 2);
    support::Connection holder(database().admin_conninfo());
    hold(holder);
    base::Result<SubmitResult> slow = SubmitResult{};
    std::thread submitter([&] { slow = submit_slowly(suspend({line, next})); });
    wait_until_one_waits();
    const auto quick = submit_json(ours_, suspend({line}));
    ASSERT_TRUE(quick) << quick.error().message;
    EXPECT_EQ(handed_out(claim(quick->id)), (Ids{1}));
    holder.run("ROLLBACK");
    submitter.join();
    ASSERT_TRUE(slow) << slow.error().message;
    ASSERT_LT(slow->id.value, quick->id.value);
    const ClaimedPage page = claim(slow->id);
    EXPECT_EQ(handed_out(page), (Ids{2}));
    EXPECT_EQ(page.held_back, 1);
    EXPECT_EQ(page.held_back_by, quick->id);
}

TEST_F(StartOrderTest, a_plan_is_not_applied_beside_a_change_of_its_device_being_committed) {
    const auto line = add_device(ours_, 1);
    const auto plan = planned(ours_, suspend({line}, kDryRun));
    auto transaction = db::Transaction::begin(*other_, ours_.caller.tenant_id.value);
    ASSERT_TRUE(transaction);
    std::vector<base::Error> errors;
    auto parsed = parse_request(*base::parse_json(suspend({line})), errors);
    ASSERT_TRUE(parsed);
    const auto change =
        submit_in(*transaction, ours_.caller, parsed->request, *parsed->devices, {}, errors);
    ASSERT_TRUE(change) << change.error().message;
    base::Result<ApplyResult> applied = ApplyResult{};
    std::thread applier([&] { applied = apply(ours_, plan); });
    wait_until_one_waits();
    ASSERT_TRUE(transaction->commit());
    applier.join();
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->moved_count, 1);
    EXPECT_EQ(applied->moved.front().reason,
              "Bulk change " + base::to_string(change->id) + " of this device has not ended");
    EXPECT_EQ(status_of(plan.id), "PLANNED");
    EXPECT_EQ(messages(plan.id), "0");
}

TEST_F(StartOrderTest, a_change_that_is_committed_while_a_plan_is_applied_comes_after_the_plan) {
    const auto line = add_device(ours_, 1);
    const auto next = add_device(ours_, 2);
    const auto plan = planned(ours_, suspend({line}, kDryRun));
    support::Connection holder(database().admin_conninfo());
    hold(holder);
    base::Result<SubmitResult> change = SubmitResult{};
    std::thread submitter([&] { change = submit_slowly(suspend({line, next})); });
    wait_until_one_waits();
    const auto applied = apply(ours_, plan);
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->moved_count, 0);
    holder.run("ROLLBACK");
    submitter.join();
    ASSERT_TRUE(change) << change.error().message;
    EXPECT_EQ(handed_out(claim(change->id)), (Ids{2}));
    EXPECT_EQ(handed_out(claim(plan.id)), (Ids{1}));
}

TEST_F(StartOrderTest, what_was_stored_and_is_started_later_waits_for_what_is_under_way) {
    const auto line = add_device(ours_, 1);
    const auto stored = submit_json(ours_, suspend({line}, R"(, "processChanges": false)"));
    ASSERT_TRUE(stored) << stored.error().message;
    const auto running = submit_json(ours_, suspend({line}));
    ASSERT_TRUE(running) << running.error().message;
    EXPECT_EQ(handed_out(claim(running->id)), (Ids{1}));
    ASSERT_TRUE(process_change(*connection_, ours_.caller, stored->id));
    const ClaimedPage page = claim(stored->id);
    EXPECT_EQ(handed_out(page), Ids{});
    EXPECT_EQ(page.held_back_by, running->id);
}

TEST_F(StartOrderTest, what_is_retried_waits_for_a_later_change_that_is_under_way) {
    const auto line = add_device(ours_, 1);
    const auto failed = submit_json(ours_, suspend({line}));
    ASSERT_TRUE(failed) << failed.error().message;
    Verdict refused;
    refused.error_class = carriers::FailureClass::business;
    refused.reason = "the carrier says no";
    carry_out(failed->id, {{1, refused}});
    const auto running = submit_json(ours_, suspend({line}));
    ASSERT_TRUE(running) << running.error().message;
    EXPECT_EQ(handed_out(claim(running->id)), (Ids{1}));
    const auto retried = retry_failed(*connection_, ours_.caller, failed->id, {});
    ASSERT_TRUE(retried) << retried.error().message;
    ASSERT_EQ(retried->retried_count, 1);
    const ClaimedPage page = claim(failed->id);
    EXPECT_EQ(handed_out(page), Ids{});
    EXPECT_EQ(page.held_back_by, running->id);
}

}  // namespace
}  // namespace carryall::changes
