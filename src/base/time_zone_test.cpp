// Zones against what is known of them: the clocks of twenty-four zones in 2027, and the rules for
// times that are skipped or shown twice.
#include "base/time_zone.hpp"

#include <gtest/gtest.h>

namespace carryall::base {
namespace {

LocalTime local(std::string_view text) {
    return parse_local_time(text).value();
}
TimeZone zone(std::string_view name) {
    return TimeZone::find(name).value();
}

struct Skip {
    const char* zone;
    const char* skipped;   // a wall time that does not exist in 2027
    const char* instant;   // the first one behind the gap
    const char* repeated;  // a wall time that exists twice; empty: none
    const char* first;
    const char* last;
};

// Zones that move their clocks, with the dates their governments give for 2027.
constexpr Skip kMoving[] = {
    {"Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00:00Z", "2027-10-31T02:30",
     "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"},
    {"Europe/London", "2027-03-28T01:30", "2027-03-28T01:00:00Z", "2027-10-31T01:30",
     "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"},
    {"Europe/Lisbon", "2027-03-28T01:00", "2027-03-28T01:00:00Z", "2027-10-31T01:00",
     "2027-10-31T00:00:00Z", "2027-10-31T01:00:00Z"},
    {"Europe/Athens", "2027-03-28T03:59", "2027-03-28T01:00:00Z", "2027-10-31T03:00",
     "2027-10-31T00:00:00Z", "2027-10-31T01:00:00Z"},
    {"Europe/Helsinki", "2027-03-28T03:30", "2027-03-28T01:00:00Z", "2027-10-31T03:30",
     "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"},
    {"America/New_York", "2027-03-14T02:30", "2027-03-14T07:00:00Z", "2027-11-07T01:30",
     "2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"},
    {"America/Chicago", "2027-03-14T02:00", "2027-03-14T08:00:00Z", "2027-11-07T01:00",
     "2027-11-07T06:00:00Z", "2027-11-07T07:00:00Z"},
    {"America/Denver", "2027-03-14T02:30", "2027-03-14T09:00:00Z", "2027-11-07T01:30",
     "2027-11-07T07:30:00Z", "2027-11-07T08:30:00Z"},
    {"America/Los_Angeles", "2027-03-14T02:59", "2027-03-14T10:00:00Z", "2027-11-07T01:59",
     "2027-11-07T08:59:00Z", "2027-11-07T09:59:00Z"},
    {"America/Anchorage", "2027-03-14T02:30", "2027-03-14T11:00:00Z", "2027-11-07T01:30",
     "2027-11-07T09:30:00Z", "2027-11-07T10:30:00Z"},
    {"America/Halifax", "2027-03-14T02:30", "2027-03-14T06:00:00Z", "2027-11-07T01:30",
     "2027-11-07T04:30:00Z", "2027-11-07T05:30:00Z"},
    {"America/St_Johns", "2027-03-14T02:30", "2027-03-14T05:30:00Z", "2027-11-07T01:30",
     "2027-11-07T04:00:00Z", "2027-11-07T05:00:00Z"},
    {"America/Havana", "2027-03-14T00:30", "2027-03-14T05:00:00Z", "2027-11-07T00:30",
     "2027-11-07T04:30:00Z", "2027-11-07T05:30:00Z"},
    {"America/Santiago", "2027-09-05T00:30", "2027-09-05T04:00:00Z", "2027-04-03T23:30",
     "2027-04-04T02:30:00Z", "2027-04-04T03:30:00Z"},
    {"Australia/Sydney", "2027-10-03T02:30", "2027-10-02T16:00:00Z", "2027-04-04T02:30",
     "2027-04-03T15:30:00Z", "2027-04-03T16:30:00Z"},
    {"Australia/Adelaide", "2027-10-03T02:30", "2027-10-02T16:30:00Z", "2027-04-04T02:30",
     "2027-04-03T16:00:00Z", "2027-04-03T17:00:00Z"},
    // Half an hour only.
    {"Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02T15:30:00Z", "2027-04-04T01:45",
     "2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z"},
    {"Pacific/Auckland", "2027-09-26T02:30", "2027-09-25T14:00:00Z", "2027-04-04T02:30",
     "2027-04-03T13:30:00Z", "2027-04-03T14:30:00Z"},
    {"Pacific/Chatham", "2027-09-26T03:00", "2027-09-25T14:00:00Z", "2027-04-04T03:00",
     "2027-04-03T13:15:00Z", "2027-04-03T14:15:00Z"},
    {"Asia/Jerusalem", "2027-03-26T02:30", "2027-03-26T00:00:00Z", "2027-10-31T01:30",
     "2027-10-30T22:30:00Z", "2027-10-30T23:30:00Z"},
    // Two hours: the only zone that moves by more than one.
    {"Antarctica/Troll", "2027-03-28T02:30", "2027-03-28T01:00:00Z", "2027-10-31T01:30",
     "2027-10-30T23:30:00Z", "2027-10-31T01:30:00Z"},
};

TEST(TimeZones, clocks_that_move_are_understood_in_each_zone) {
    for (const Skip& one : kMoving) {
        const TimeZone there = zone(one.zone);
        const LocalMeaning skipped = there.meaning_of(local(one.skipped));
        EXPECT_EQ(skipped.kind, LocalKind::skipped) << one.zone;
        EXPECT_EQ(to_iso8601(skipped.at), one.instant) << one.zone;
        EXPECT_EQ(skipped.at, skipped.last) << one.zone;
        const LocalMeaning repeated = there.meaning_of(local(one.repeated));
        EXPECT_EQ(repeated.kind, LocalKind::repeated) << one.zone;
        EXPECT_EQ(to_iso8601(repeated.at), one.first) << one.zone;
        EXPECT_EQ(to_iso8601(repeated.last), one.last) << one.zone;
        EXPECT_EQ(there.local(repeated.at), local(one.repeated)) << one.zone;
        EXPECT_EQ(there.local(repeated.last), local(one.repeated)) << one.zone;
    }
}

TEST(TimeZones, clocks_that_stand_still_mean_one_instant_each) {
    const std::pair<const char*, const char*> kStill[] = {
        {"UTC", "2027-06-01T12:00:00Z"},          {"Asia/Tokyo", "2027-06-01T03:00:00Z"},
        {"Asia/Kolkata", "2027-06-01T06:30:00Z"}, {"Asia/Kathmandu", "2027-06-01T06:15:00Z"},
        {"Asia/Dubai", "2027-06-01T08:00:00Z"},   {"Africa/Lagos", "2027-06-01T11:00:00Z"},
        {"Pacific/Apia", "2027-05-31T23:00:00Z"}, {"America/Phoenix", "2027-06-01T19:00:00Z"},
    };
    for (const auto& [name, instant] : kStill) {
        const LocalMeaning noon = zone(name).meaning_of(local("2027-06-01T12:00"));
        EXPECT_EQ(noon.kind, LocalKind::once) << name;
        EXPECT_EQ(to_iso8601(noon.at), instant) << name;
    }
}

TEST(TimeZones, every_hour_of_two_years_goes_there_and_back) {
    for (const Skip& one : kMoving) {
        const TimeZone there = zone(one.zone);
        const Instant begin = parse_iso8601("2026-12-01").value();
        for (int hour = 0; hour < 2 * 366 * 24; ++hour) {
            const Instant at = begin + std::chrono::hours(hour);
            const LocalMeaning back = there.meaning_of(there.local(at));
            EXPECT_NE(back.kind, LocalKind::skipped) << one.zone;
            EXPECT_TRUE(back.at == at || back.last == at) << one.zone << ' ' << to_iso8601(at);
        }
    }
}

TEST(TimeZones, a_time_is_shown_with_its_offset) {
    const Instant at = parse_iso8601("2027-03-28T01:00:00Z").value();
    EXPECT_EQ(zone("Europe/Berlin").text_of(at), "2027-03-28T03:00:00+02:00");
    EXPECT_EQ(zone("America/St_Johns").text_of(at), "2027-03-27T22:30:00-02:30");
    EXPECT_EQ(zone("UTC").text_of(at), "2027-03-28T01:00:00+00:00");
}

TEST(TimeZones, an_unknown_zone_is_refused_with_a_sentence) {
    for (const char* name : {"", "Mars/Olympus", "CET+1", "../../etc/passwd", "europe/berlin"}) {
        const auto found = TimeZone::find(name);
        ASSERT_FALSE(found) << name;
        EXPECT_NE(found.error().message.find("Europe/Berlin"), std::string::npos) << name;
    }
    EXPECT_FALSE(TimeZone::find(std::string(kMaxTimeZoneBytes + 1, 'a')));
}

TEST(TimeZones, local_times_are_told_from_those_with_an_offset) {
    EXPECT_FALSE(has_offset("2027-03-28"));
    EXPECT_FALSE(has_offset("2027-03-28T02:30"));
    EXPECT_TRUE(has_offset("2027-03-28T02:30Z"));
    EXPECT_TRUE(has_offset("2027-03-28T02:30:00-05:00"));
    EXPECT_EQ(to_text(local("2027-03-28")), "2027-03-28T00:00:00");
    EXPECT_FALSE(parse_local_time("2027-03-28T02:30Z"));
    EXPECT_FALSE(parse_local_time("tomorrow"));
}

}  // namespace
}  // namespace carryall::base
