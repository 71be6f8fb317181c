// Windows decided without a database, then stored beside their account.
#include "accounts/blackout.hpp"

#include "accounts/account_report.hpp"
#include "support/inventory.hpp"

namespace carryall::accounts {
namespace {

base::Instant at(std::string_view text) {
    return base::parse_iso8601(text).value();
}

Blackout weekly(std::vector<int> weekdays, int from_hour, int to_hour,
                std::string_view zone = "Europe/Berlin") {
    Blackout blackout;
    blackout.name = "nightly batch";
    blackout.zone = base::TimeZone::find(zone).value();
    blackout.weekly = WeeklyWindow{std::move(weekdays), std::chrono::hours(from_hour),
                                   std::chrono::hours(to_hour)};
    return blackout;
}
Blackout once(std::string_view from, std::string_view to) {
    Blackout blackout;
    blackout.name = "freeze";
    blackout.once = Period{at(from), at(to)};
    return blackout;
}
std::string until(const std::vector<Blackout>& blackouts, std::string_view now) {
    const auto still = standstill_at(blackouts, at(now));
    return still ? base::to_iso8601(still->until) : "free";
}

const std::vector<int> kEveryDay = {1, 2, 3, 4, 5, 6, 7};

TEST(BlackoutRules, a_window_over_midnight_belongs_to_the_day_it_begins_on) {
    const std::vector<Blackout> friday = {weekly({5}, 22, 6)};
    EXPECT_EQ(until(friday, "2027-01-08T20:59:59Z"), "free");
    EXPECT_EQ(until(friday, "2027-01-08T21:00:00Z"), "2027-01-09T05:00:00Z");
    EXPECT_EQ(until(friday, "2027-01-09T04:59:59Z"), "2027-01-09T05:00:00Z");
    EXPECT_EQ(until(friday, "2027-01-09T05:00:00Z"), "free");
    EXPECT_EQ(until(friday, "2027-01-08T03:00:00Z"), "free") << "Thursday's night";
}

TEST(BlackoutRules, windows_that_touch_are_one_standstill) {
    const std::vector<Blackout> both = {weekly({5}, 22, 6), weekly({6}, 6, 12),
                                        once("2027-01-09T10:30:00Z", "2027-01-10T00:00:00Z")};
    EXPECT_EQ(until(both, "2027-01-08T21:30:00Z"), "2027-01-10T00:00:00Z");
    EXPECT_EQ(standstill_at(both, at("2027-01-09T12:00:00Z"))->name, "freeze");
}

TEST(BlackoutRules, clocks_that_move_never_shorten_a_window) {
    const std::vector<Blackout> night = {weekly(kEveryDay, 2, 3)};
    // 2027-03-28: 02:00 to 03:00 does not exist. 2027-10-31: it exists twice.
    EXPECT_EQ(until(night, "2027-03-28T01:00:00Z"), "free");
    EXPECT_EQ(until(night, "2027-10-31T00:00:00Z"), "2027-10-31T02:00:00Z");
    EXPECT_EQ(until(night, "2027-10-31T01:59:59Z"), "2027-10-31T02:00:00Z");
    const std::vector<Blackout> half_skipped = {weekly(kEveryDay, 1, 3)};
    EXPECT_EQ(until(half_skipped, "2027-03-28T00:30:00Z"), "2027-03-28T01:00:00Z");
}

TEST(BlackoutRules, the_next_window_is_known_a_week_ahead) {
    const std::vector<Blackout> friday = {weekly({5}, 22, 6, "America/New_York")};
    EXPECT_EQ(*next_standstill(friday, at("2027-01-02T12:00:00Z")), at("2027-01-09T03:00:00Z"));
    EXPECT_EQ(*next_standstill({once("2027-06-01", "2027-06-02")}, at("2027-01-01")),
              at("2027-06-01"));
    EXPECT_FALSE(next_standstill({once("2027-06-01", "2027-06-02")}, at("2027-06-01")));
    EXPECT_FALSE(next_standstill({}, at("2027-01-01")));
}

TEST(BlackoutRules, work_rests_in_windows) {
    const std::vector<Blackout> nights = {weekly(kEveryDay, 0, 12, "UTC")};
    // Eleven hours are free today, so an hour is left for tomorrow's noon.
    EXPECT_EQ(*finish_beside(nights, at("2027-01-08T13:00:00Z"), std::chrono::hours(12)),
              at("2027-01-09T13:00:00Z"));
    EXPECT_EQ(*finish_beside(nights, at("2027-01-08T03:00:00Z"), std::chrono::hours(1)),
              at("2027-01-08T13:00:00Z"));
    EXPECT_EQ(*finish_beside({}, at("2027-01-08"), std::chrono::hours(24 * 30)), at("2027-02-07"));
}

TEST(BlackoutRules, windows_that_cover_all_time_are_refused) {
    const base::Instant now = at("2027-01-01");
    EXPECT_EQ(problem_of({weekly(kEveryDay, 22, 6)}, now), "");
    EXPECT_NE(problem_of({weekly(kEveryDay, 0, 0)}, now), "");
    EXPECT_NE(problem_of({weekly(kEveryDay, 0, 12), weekly(kEveryDay, 12, 24)}, now), "");
    EXPECT_NE(problem_of({weekly(kEveryDay, 0, 12, "Asia/Tokyo"), weekly(kEveryDay, 0, 12, "UTC"),
                          weekly(kEveryDay, 8, 16, "UTC")},
                         now),
              "")
        << "zones that complete each other";
    EXPECT_NE(problem_of({once("2026-12-01", "2027-06-01")}, now), "");
    EXPECT_EQ(problem_of(std::vector<Blackout>(kMaxBlackoutsPerAccount, weekly({1}, 1, 2)), now),
              "");
    EXPECT_NE(
        problem_of(std::vector<Blackout>(kMaxBlackoutsPerAccount + 1, weekly({1}, 1, 2)), now), "");
}

TEST(BlackoutRules, a_window_is_told_in_its_own_zone) {
    EXPECT_EQ(text_of(weekly({1, 2, 5}, 22, 6)), "MO,TU,FR 22:00 to 06:00 Europe/Berlin");
    EXPECT_EQ(text_of(once("2027-06-01", "2027-06-02")),
              "2027-06-01T00:00:00+00:00 to 2027-06-02T00:00:00+00:00");
}

TEST(BlackoutRules, what_people_write_is_read_and_mistakes_are_named) {
    const base::Instant now = at("2027-01-01");
    std::vector<base::Error> errors;
    BlackoutText text;
    text.name = "nights";
    text.time_zone = "Europe/Berlin";
    text.weekdays = {{"fr", "MO", "MO"}};
    text.from = "22:30";
    text.to = "06:00";
    const auto nights = read_blackout(text, now, errors);
    ASSERT_TRUE(nights) << errors.front().message;
    EXPECT_EQ(text_of(*nights), "MO,FR 22:30 to 06:00 Europe/Berlin");
    BlackoutText days;
    days.name = "freeze";
    days.time_zone = "Europe/Berlin";
    days.starts_at = "2027-10-31T02:30";
    days.ends_at = "2027-10-31T02:45";
    const auto freeze = read_blackout(days, now, errors);
    ASSERT_TRUE(freeze) << errors.front().message;
    EXPECT_EQ(base::to_iso8601(freeze->once->from), "2027-10-31T00:30:00Z");
    EXPECT_EQ(base::to_iso8601(freeze->once->to), "2027-10-31T01:45:00Z") << "the hour comes twice";

    const auto wrong = [&](const char* where, auto change) {
        errors.clear();
        BlackoutText one = text;
        change(one);
        EXPECT_FALSE(read_blackout(one, now, errors)) << where;
        ASSERT_FALSE(errors.empty()) << where;
        EXPECT_EQ(errors.front().where, where);
    };
    wrong("/name", [](auto& one) { one.name = " "; });
    wrong("/timeZone", [](auto& one) { one.time_zone = "Berlin"; });
    wrong("/weekdays", [](auto& one) { one.weekdays = {{"Funday"}}; });
    wrong("/weekdays", [](auto& one) { one.weekdays = {std::vector<std::string>{}}; });
    wrong("/from", [](auto& one) { one.from = "24:00"; });
    wrong("/to", [](auto& one) { one.to = "6:00"; });
    wrong("", [](auto& one) { one.starts_at = "2027-02-01"; });
    wrong("/endsAt", [&](auto& one) {
        one = days;
        one.ends_at = "2027-10-01";
    });
    wrong("/endsAt", [&](auto& one) {
        one = days;
        one.starts_at = "2020-10-01";
        one.ends_at = "2020-10-02";
    });
    wrong("/endsAt", [&](auto& one) {
        one = days;
        one.ends_at = "2028-05-01";
    });
}

class BlackoutStore : public devices::InventoryTest {};

TEST_F(BlackoutStore, blackouts_are_kept_beside_their_account_and_hold_it_up) {
    const std::int64_t provider = make_provider(ours_).value;
    Blackout wanted = weekly({1, 3}, 22, 6);
    wanted.created_by = "a person";
    const auto added = add_blackout(*connection_, ours_.value, provider, wanted);
    ASSERT_TRUE(added) << added.error().message;
    Blackout now = once("2000-01-01", "2000-01-02");
    now.once = Period{base::system_clock().now() - std::chrono::hours(1),
                      base::system_clock().now() + std::chrono::hours(50)};
    ASSERT_TRUE(add_blackout(*connection_, ours_.value, provider, now));

    const auto listed = list_blackouts(*connection_, ours_.value, provider);
    ASSERT_TRUE(listed) << listed.error().message;
    ASSERT_EQ(listed->size(), 2u);
    EXPECT_EQ(listed->front().weekly->weekdays, (std::vector<int>{1, 3}));
    EXPECT_EQ(listed->front().weekly->from, std::chrono::hours(22));
    EXPECT_EQ(listed->front().zone.name(), "Europe/Berlin");
    EXPECT_EQ(listed->front().created_by, "a person");
    EXPECT_EQ(listed->back().once->to, now.once->to);

    const auto account =
        load_account(*connection_, ours_.value, provider, base::MasterKey::generate());
    ASSERT_TRUE(account) << account.error().message;
    EXPECT_EQ(account->blackouts.size(), 2u);
    EXPECT_TRUE(standstill_at(account->blackouts, account->database_now()));

    const auto reports = report_accounts(*connection_, ours_.value);
    ASSERT_TRUE(reports) << reports.error().message;
    EXPECT_EQ(reports->front().held_up_by, "blackout");
    EXPECT_EQ(reports->front().reason, "freeze");
    EXPECT_GE(*reports->front().held_up_until, base::to_iso8601(now.once->to));

    EXPECT_FALSE(remove_blackout(*connection_, theirs_.value, provider, added->id));
    ASSERT_TRUE(remove_blackout(*connection_, ours_.value, provider, added->id));
    EXPECT_EQ(list_blackouts(*connection_, ours_.value, provider)->size(), 1u);
}

TEST_F(BlackoutStore, another_tenants_account_is_a_missing_one) {
    const std::int64_t provider = make_provider(theirs_).value;
    const auto listed = list_blackouts(*connection_, ours_.value, provider);
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().kind, base::ErrorKind::not_found);
    const auto added = add_blackout(*connection_, ours_.value, provider, weekly({1}, 1, 2));
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().kind, base::ErrorKind::not_found);
}

}  // namespace
}  // namespace carryall::accounts
