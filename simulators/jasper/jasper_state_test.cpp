// The parts of Jasper's state that have rules of their own.
#include "jasper/jasper_state.hpp"

#include <gtest/gtest.h>
#include <vector>

#include "hash.hpp"
#include "jasper/jasper_dates.hpp"

namespace carryall::simulators::jasper {
namespace {

TEST(JasperIccidTest, digits_and_leading_zeros_survive) {
    for (const std::string_view iccid :
         {"890100000000000000", "8901000000000000017", "89010000000000000017",
          "0001000000000000000017", "000000000000000000"}) {
        std::string back;
        const auto parsed = Iccid::parse(iccid);
        ASSERT_TRUE(parsed) << iccid;
        parsed->append(back);
        EXPECT_EQ(back, iccid);
    }
    EXPECT_NE(Iccid::parse("8901000000000000017"), Iccid::parse("08901000000000000017"));
    EXPECT_FALSE(Iccid::parse("89010000000000001"));
    std::string next;
    Iccid::parse("89999999999999999999")->plus(0).append(next);
    EXPECT_EQ(next, "89999999999999999999");
    next.clear();
    Iccid::parse("88999999999999999999")->plus(1).append(next);
    EXPECT_EQ(next, "89000000000000000000");
}

TEST(JasperDatesTest, zones_and_forms_are_read) {
    EXPECT_EQ(parse_date_time("1970-01-02T00:00:00+00:00"), kDayMicros);
    EXPECT_EQ(parse_date_time("1970-01-02T02:30:00+02:30"), kDayMicros);
    EXPECT_EQ(parse_date_time("1970-01-01T19:00:00-0500"), kDayMicros);
    EXPECT_EQ(parse_date_time("1970-01-02T00:00:00.005Z"), kDayMicros + 5000);
    EXPECT_EQ(parse_day_or_time("1970-01-02Z"), kDayMicros);
    EXPECT_EQ(parse_day_or_time("1970-01-02+00:00"), kDayMicros);
    for (const std::string_view wrong :
         {"", "1970-01-02", "1970-02-30Z", "1970-01-02T25:00:00Z", "1970-01-02T00:00:00 00:00",
          "1970-01-02Zx", "1970-01-02+99:00"}) {
        EXPECT_FALSE(parse_day_or_time(wrong)) << wrong;
    }
    std::string out;
    append_date(out, kDayMicros + 333'000);
    EXPECT_EQ(out, "1970-01-02 00:00:00.333+0000");
}

// The log against a plain list, through many moves and a few closings of holes.
TEST(JasperChangeLogTest, it_orders_like_a_list_that_is_sorted_again_and_again) {
    constexpr std::uint32_t kDevices = 300;
    ChangeLog log;
    std::vector<std::uint32_t> places;
    std::vector<std::uint32_t> expected;
    for (std::uint32_t device = 0; device < kDevices; ++device) {
        places.push_back(log.append(device, device));
        expected.push_back(device);
    }
    std::int64_t now = kDevices;
    for (std::uint64_t step = 0; step < 12'000; ++step) {
        const auto device = static_cast<std::uint32_t>(mix(step) % kDevices);
        std::erase(expected, device);
        expected.push_back(device);
        log.remove(places[device]);
        places[device] = log.append(device, ++now);
        if (log.has_too_many_holes()) {
            log.close_holes(
                [&](std::uint32_t moved, std::uint32_t place) { places[moved] = place; });
            ASSERT_EQ(log.places(), kDevices);
        }
        const std::size_t rank = mix(~step) % kDevices;
        ASSERT_EQ(log.device_at(log.place_of(rank)), expected[rank]) << step;
    }
    EXPECT_LT(log.places(), 12'000U) << "holes were closed";
    EXPECT_EQ(log.live(), kDevices);
    EXPECT_EQ(log.rank_at(now + 1), kDevices);
    EXPECT_EQ(log.rank_at(now), kDevices - 1);
    EXPECT_EQ(log.rank_at(0), 0U);
}

}  // namespace
}  // namespace carryall::simulators::jasper
