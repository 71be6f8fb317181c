#include "sync/drift_rules.hpp"

#include "support/sync.hpp"

namespace carryall::sync {
namespace {

class Comparing : public ::testing::Test {
  protected:
    Comparing() {
        device_.device_id = 7;
        device_.line_id = 70;
        device_.ours.status = "Active";
    }
    // "status Active>Suspended" of what differs.
    std::string differences(bool missing_is_known = false) const {
        std::string text;
        for (const Judgement& judgement : compare(device_, carrier_, missing_is_known)) {
            if (!judgement.differs) continue;
            text += (text.empty() ? "" : "; ") + std::string(to_string(judgement.field)) + ' ' +
                    judgement.ours.value_or("-") + '>' + judgement.theirs.value_or("-");
        }
        return text;
    }
    DeviceCase device_;
    TestCarrier carrier_;
};

TEST_F(Comparing, what_no_reading_told_is_not_compared) {
    device_.ours.rate_plan = "A";
    device_.ours.msisdn = "2125550100";
    EXPECT_EQ(differences(), "");
}

TEST_F(Comparing, every_told_field_is_compared_with_our_record) {
    device_.theirs = {"Terminated", "B", "Voice", "2125550100", "490154203237518"};
    EXPECT_EQ(differences(),
              "status Active>Terminated; ratePlan ->B; communicationPlan ->Voice; "
              "msisdn ->2125550100; imei ->490154203237518");
}

TEST_F(Comparing, a_line_that_has_none_differs_only_from_a_record_that_has_one) {
    device_.ours.rate_plan = "A";
    device_.theirs.rate_plan = "";
    device_.theirs.communication_plan = "";
    EXPECT_EQ(differences(), "ratePlan A>");
}

TEST_F(Comparing, statuses_are_compared_in_the_platforms_words_and_by_the_carrier) {
    device_.theirs.status = "ACTIVE";
    EXPECT_EQ(differences(), "");
    device_.ours.status = "Suspended";
    device_.theirs.status = "Deactivated";
    EXPECT_EQ(differences(), "");
}

TEST_F(Comparing, an_imei_is_the_same_with_or_without_its_last_digits) {
    device_.ours.imei = "49015420323751";
    device_.theirs.imei = "4901542032375106";
    EXPECT_EQ(differences(), "");
}

TEST_F(Comparing, a_device_without_a_line_is_missing_only_after_a_full_reading) {
    device_.line_id = 0;
    EXPECT_EQ(differences(), "");
    EXPECT_EQ(differences(true), "presence present>absent");
    device_.is_new = true;
    EXPECT_EQ(differences(true), "");
}

TEST_F(Comparing, of_an_archived_device_only_a_line_in_use_is_told) {
    device_.is_archived = true;
    device_.theirs.status = "Terminated";
    EXPECT_EQ(differences(true), "");
    device_.theirs.status = "Active";
    EXPECT_EQ(differences(true), "presence archived>present");
}

TEST(ComparingLines, a_line_differs_while_no_device_stands_for_it) {
    EXPECT_TRUE(compare(LineCase{5, false}).differs);
    EXPECT_FALSE(compare(LineCase{5, true}).differs);
}

TEST(Touching, changes_touch_what_they_may_change) {
    EXPECT_TRUE(fields_touched_by("statusupdate").contains(DriftField::status));
    EXPECT_FALSE(fields_touched_by("statusupdate").contains(DriftField::imei));
    EXPECT_TRUE(fields_touched_by("carrierrateplanchange").contains(DriftField::rate_plan));
    EXPECT_FALSE(fields_touched_by("carrierrateplanchange").contains(DriftField::status));
    EXPECT_TRUE(fields_touched_by("customerassignment").empty());
}

class Changing : public ::testing::Test {
  protected:
    static Judgement judged(bool differs, const std::string& theirs = "Suspended") {
        return {7, 70, DriftField::status, differs, "Active", theirs};
    }
    static KnownDrift known(bool is_ignored) {
        return {1, 7, 70, DriftField::status, is_ignored, "Active", "Suspended"};
    }
};

TEST_F(Changing, a_new_difference_is_opened_and_a_known_one_is_left_alone) {
    EXPECT_EQ(drift_changes({judged(true)}, {}).opened.size(), 1U);
    for (const bool is_ignored : {false, true}) {
        const auto changes = drift_changes({judged(true)}, {known(is_ignored)});
        EXPECT_TRUE(changes.opened.empty() && changes.updated.empty() && changes.settled.empty());
    }
}

TEST_F(Changing, agreement_settles_open_and_ignored_ones) {
    for (const bool is_ignored : {false, true}) {
        EXPECT_EQ(drift_changes({judged(false)}, {known(is_ignored)}).settled,
                  std::vector<std::int64_t>{1});
    }
}

TEST_F(Changing, other_values_change_an_open_one_and_make_an_ignored_one_new) {
    const auto open = drift_changes({judged(true, "Terminated")}, {known(false)});
    ASSERT_EQ(open.updated.size(), 1U);
    EXPECT_EQ(open.updated[0].theirs, "Terminated");
    const auto ignored = drift_changes({judged(true, "Terminated")}, {known(true)});
    EXPECT_EQ(ignored.settled, std::vector<std::int64_t>{1});
    EXPECT_EQ(ignored.opened.size(), 1U);
}

TEST_F(Changing, what_is_not_judged_stays_as_it_is) {
    const auto changes = drift_changes({}, {known(false)});
    EXPECT_TRUE(changes.opened.empty() && changes.updated.empty() && changes.settled.empty());
}

}  // namespace
}  // namespace carryall::sync
