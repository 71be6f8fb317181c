// Rules and their dates. The dates of RRULEs are what dateutil, an independent implementation of
// RFC 5545, answers for the same rules.
#include "changes/recurrence.hpp"

#include <gtest/gtest.h>

namespace carryall::changes {
namespace {

base::LocalTime local(std::string_view text) {
    return base::parse_local_time(text).value();
}
base::Instant at(std::string_view text) {
    return base::parse_iso8601(text).value();
}
base::TimeZone zone(std::string_view name) {
    return base::TimeZone::find(name).value();
}

base::Result<Recurrence> rrule(std::string_view rule, std::string_view start,
                               std::string_view zone_name = "UTC") {
    return Recurrence::of_rrule(rule, local(start), zone(zone_name));
}
base::Result<Recurrence> cron(std::string_view rule, std::string_view start, std::string_view end,
                              std::string_view zone_name = "UTC") {
    return Recurrence::of_cron(rule, local(start), at(end), zone(zone_name));
}

std::string joined(const std::vector<base::Instant>& dates) {
    std::string text;
    for (const base::Instant date : dates) {
        text += (text.empty() ? "" : " ") + base::to_iso8601(date).substr(0, 16);
    }
    return text;
}
std::string dates(const base::Result<Recurrence>& rule, std::size_t most = 20) {
    return rule ? joined(rule->after(base::Instant::min(), most)) : rule.error().message;
}

struct Known {
    const char* rule;
    const char* start;
    const char* dates;
};

constexpr Known kKnown[] = {
    {"FREQ=DAILY;COUNT=5", "2027-01-30T08:00",
     "2027-01-30T08:00 2027-01-31T08:00 2027-02-01T08:00 2027-02-02T08:00 2027-02-03T08:00"},
    {"FREQ=DAILY;INTERVAL=10;UNTIL=20270301T000000", "2027-01-30T08:00",
     "2027-01-30T08:00 2027-02-09T08:00 2027-02-19T08:00"},
    {"FREQ=DAILY;BYDAY=MO,WE;COUNT=4", "2027-01-01T23:30",
     "2027-01-04T23:30 2027-01-06T23:30 2027-01-11T23:30 2027-01-13T23:30"},
    {"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;COUNT=8", "2027-09-01T09:00",
     "2027-09-05T09:00 2027-09-14T09:00 2027-09-19T09:00 2027-09-28T09:00 2027-10-03T09:00 "
     "2027-10-12T09:00 2027-10-17T09:00 2027-10-26T09:00"},
    {"FREQ=WEEKLY;COUNT=3", "2027-12-30T09:00",
     "2027-12-30T09:00 2028-01-06T09:00 2028-01-13T09:00"},
    {"FREQ=MONTHLY;COUNT=4", "2027-01-31T09:00",
     "2027-01-31T09:00 2027-03-31T09:00 2027-05-31T09:00 2027-07-31T09:00"},
    {"FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=4", "2027-01-31T09:00",
     "2027-01-31T09:00 2027-02-28T09:00 2027-03-31T09:00 2027-04-30T09:00"},
    {"FREQ=MONTHLY;BYDAY=1FR;COUNT=4", "2027-01-10T09:00",
     "2027-02-05T09:00 2027-03-05T09:00 2027-04-02T09:00 2027-05-07T09:00"},
    {"FREQ=MONTHLY;BYDAY=-1FR,2MO;COUNT=6", "2027-01-10T09:00",
     "2027-01-11T09:00 2027-01-29T09:00 2027-02-08T09:00 2027-02-26T09:00 2027-03-08T09:00 "
     "2027-03-26T09:00"},
    {"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=4", "2027-01-10T09:00",
     "2027-08-13T09:00 2028-10-13T09:00 2029-04-13T09:00 2029-07-13T09:00"},
    {"FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1,15;COUNT=5", "2027-02-10T09:00",
     "2027-02-15T09:00 2027-05-01T09:00 2027-05-15T09:00 2027-08-01T09:00 2027-08-15T09:00"},
    {"FREQ=YEARLY;COUNT=2", "2028-02-29T09:00", "2028-02-29T09:00 2032-02-29T09:00"},
    {"FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3", "2027-01-01T09:00",
     "2027-11-25T09:00 2028-11-23T09:00 2029-11-22T09:00"},
    {"FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1;COUNT=4", "2027-03-01T09:00",
     "2027-07-01T09:00 2028-01-01T09:00 2028-07-01T09:00 2029-01-01T09:00"},
    {"FREQ=YEARLY;BYMONTHDAY=15;COUNT=3", "2027-03-16T09:00",
     "2027-04-15T09:00 2027-05-15T09:00 2027-06-15T09:00"},
    {"FREQ=YEARLY;BYMONTH=3;COUNT=3", "2027-03-05T09:00",
     "2027-03-05T09:00 2028-03-05T09:00 2029-03-05T09:00"},
    {"rrule:freq=daily;until=20270201", "2027-01-30T08:00",
     "2027-01-30T08:00 2027-01-31T08:00 2027-02-01T08:00"},
    {"FREQ=DAILY;UNTIL=20270131T080000Z", "2027-01-30T08:00", "2027-01-30T08:00 2027-01-31T08:00"},
};

TEST(Recurrence, dates_are_those_of_the_standard) {
    for (const Known& known : kKnown) {
        EXPECT_EQ(dates(rrule(known.rule, known.start)), known.dates) << known.rule;
    }
}

TEST(Recurrence, cron_expressions_mean_what_cron_makes_of_them) {
    EXPECT_EQ(dates(cron("0 3 * * 1", "2027-01-01T00:00", "2027-01-20")),
              "2027-01-04T03:00 2027-01-11T03:00 2027-01-18T03:00");
    EXPECT_EQ(dates(cron("*/20 8-9 1,15 * *", "2027-01-01T08:30", "2027-01-02")),
              "2027-01-01T08:40 2027-01-01T09:00 2027-01-01T09:20 2027-01-01T09:40");
    EXPECT_EQ(dates(cron("5 4 13 * FRI", "2027-08-01T00:00", "2027-08-21")),
              "2027-08-06T04:05 2027-08-13T04:05 2027-08-20T04:05")
        << "either day suffices";
    EXPECT_EQ(dates(cron("0 0 */10 * 7", "2027-01-01T00:00", "2027-04-01")),
              "2027-01-31T00:00 2027-02-21T00:00 2027-03-21T00:00")
        << "a day that begins with * restricts the other";
    EXPECT_EQ(dates(cron("0 12 1 jan-mar/2 *", "2027-01-01T00:00", "2027-12-31")),
              "2027-01-01T12:00 2027-03-01T12:00");
    EXPECT_EQ(dates(cron("0 6 * * 0", "2027-01-01T00:00", "2027-01-05")), "2027-01-03T06:00");
}

TEST(Recurrence, clocks_that_move_give_each_date_once) {
    // Berlin 2027-03-28: 02:00 to 03:00 is skipped. 2027-10-31: 02:00 to 03:00 comes twice.
    EXPECT_EQ(dates(rrule("FREQ=DAILY;COUNT=3", "2027-03-27T02:30", "Europe/Berlin")),
              "2027-03-27T01:30 2027-03-28T01:00 2027-03-29T00:30");
    EXPECT_EQ(dates(rrule("FREQ=DAILY;COUNT=3", "2027-10-30T02:30", "Europe/Berlin")),
              "2027-10-30T00:30 2027-10-31T00:30 2027-11-01T01:30");
    EXPECT_EQ(dates(cron("*/30 1-3 28 3 *", "2027-03-01T00:00", "2027-04-01", "Europe/Berlin")),
              "2027-03-28T00:00 2027-03-28T00:30 2027-03-28T01:00 2027-03-28T01:30")
        << "02:00, 02:30 and 03:00 are one instant";
}

TEST(Recurrence, the_walk_may_begin_anywhere) {
    const auto rule = rrule("FREQ=WEEKLY;BYDAY=MO;UNTIL=20310101", "2027-01-01T09:00");
    ASSERT_TRUE(rule) << rule.error().message;
    EXPECT_EQ(joined(rule->after(at("2029-06-18T09:00:00Z"), 2)),
              "2029-06-25T09:00 2029-07-02T09:00");
    EXPECT_EQ(joined(rule->after(at("2030-12-30T09:00:00Z"), 2)), "");
    EXPECT_EQ(joined(rule->between(at("2029-06-18T09:00:00Z"), at("2029-07-02T09:00:00Z"))),
              "2029-06-18T09:00 2029-06-25T09:00 2029-07-02T09:00");
    const auto counted = rrule("FREQ=DAILY;COUNT=5", "2027-01-01T09:00");
    EXPECT_EQ(joined(counted->after(at("2027-01-04T09:00:00Z"), 9)), "2027-01-05T09:00");
}

TEST(Recurrence, rules_that_cannot_be_are_refused_with_the_reason) {
    const std::pair<const char*, const char*> kBad[] = {
        {"FREQ=DAILY", "never ends"},
        {"FREQ=WEEKLY;BYDAY=MO", "never ends"},
        {"FREQ=DAILY;COUNT=5;UNTIL=20270301", "give one of them"},
        {"FREQ=HOURLY;COUNT=5", "DAILY, WEEKLY, MONTHLY or YEARLY"},
        {"COUNT=5", "FREQ is required"},
        {"FREQ=DAILY;COUNT=0", "COUNT must be"},
        {"FREQ=DAILY;COUNT=2000", "days behind the start"},
        {"FREQ=DAILY;COUNT=99999", "COUNT must be"},
        {"FREQ=DAILY;UNTIL=20991231", "days behind the start"},
        {"FREQ=DAILY;UNTIL=20261231", "never fires"},
        {"FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2;UNTIL=20310101", "never fires"},
        {"FREQ=DAILY;INTERVAL=0;COUNT=1", "INTERVAL must be"},
        {"FREQ=WEEKLY;BYDAY=1MO;COUNT=1", "only with FREQ=MONTHLY"},
        {"FREQ=WEEKLY;BYDAY=XX;COUNT=1", "BYDAY lists days"},
        {"FREQ=WEEKLY;BYMONTHDAY=1;COUNT=1", "does not go with"},
        {"FREQ=YEARLY;BYDAY=MO;COUNT=1", "needs BYMONTH"},
        {"FREQ=MONTHLY;BYMONTHDAY=0;COUNT=1", "without 0"},
        {"FREQ=MONTHLY;BYMONTH=13;COUNT=1", "BYMONTH lists"},
        {"FREQ=DAILY;BYHOUR=3;COUNT=1", "BYHOUR is not understood"},
        {"FREQ=DAILY;COUNT=1;COUNT=2", "given twice"},
        {"FREQ=DAILY;UNTIL=tomorrow", "UNTIL must look like"},
        {"FREQ=DAILY;UNTIL=20270230", "UNTIL must look like"},
        {"every day", "must look like"},
        {"", "must look like"},
    };
    for (const auto& [rule, reason] : kBad) {
        const auto parsed = rrule(rule, "2027-01-01T09:00");
        ASSERT_FALSE(parsed) << rule;
        EXPECT_NE(parsed.error().message.find(reason), std::string::npos)
            << rule << ": " << parsed.error().message;
    }
    const std::pair<const char*, const char*> kBadCron[] = {
        {"0 3 * *", "five fields"},    {"60 3 * * *", "the minute"},
        {"0 24 * * *", "the hour"},    {"0 3 0 * *", "the day of the month"},
        {"0 3 * 13 *", "the month"},   {"0 3 * * 8", "the day of the week"},
        {"*/0 3 * * *", "the minute"}, {"5-1 3 * * *", "the minute"},
        {"0 0 31 2 *", "never fires"}, {"@daily", "five fields"},
        {"0 3 * foo *", "the month"},  {"a,b 3 * * *", "the minute"},
    };
    for (const auto& [rule, reason] : kBadCron) {
        const auto parsed = cron(rule, "2027-01-01T00:00", "2028-01-01");
        ASSERT_FALSE(parsed) << rule;
        EXPECT_NE(parsed.error().message.find(reason), std::string::npos)
            << rule << ": " << parsed.error().message;
    }
    EXPECT_FALSE(cron("0 3 * * *", "2027-01-01T00:00", "2099-01-01"));
    EXPECT_FALSE(rrule(std::string(kMaxRuleBytes + 1, 'F'), "2027-01-01T09:00"));
}

}  // namespace
}  // namespace carryall::changes
