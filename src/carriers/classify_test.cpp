#include "carriers/classify.hpp"

#include <gtest/gtest.h>

#include "carriers/carrier.hpp"
#include "carriers/exchange_play.hpp"

namespace carryall::carriers {
namespace {

TEST(Classify, every_status_has_one_meaning) {
    struct Row {
        int status;
        Meaning meaning;
    };
    const Row rows[] = {
        {100, Meaning::unclear}, {200, Meaning::accepted},     {201, Meaning::accepted},
        {202, Meaning::unclear}, {204, Meaning::accepted},     {206, Meaning::unclear},
        {301, Meaning::unclear}, {302, Meaning::unclear},      {304, Meaning::unclear},
        {400, Meaning::refused}, {401, Meaning::unauthorized}, {403, Meaning::unauthorized},
        {404, Meaning::refused}, {405, Meaning::refused},      {407, Meaning::unauthorized},
        {408, Meaning::unclear}, {409, Meaning::refused},      {413, Meaning::refused},
        {422, Meaning::refused}, {429, Meaning::throttled},    {500, Meaning::unclear},
        {502, Meaning::unclear}, {503, Meaning::unclear},      {504, Meaning::unclear},
        {599, Meaning::unclear}, {0, Meaning::unclear},        {999, Meaning::unclear},
    };
    for (const Row& row : rows) EXPECT_EQ(meaning_of_status(row.status), row.meaning) << row.status;
}

TEST(Classify, a_refusal_is_classed_as_the_seeds_do) {
    EXPECT_EQ(failure_of_status(400), FailureClass::validation);
    EXPECT_EQ(failure_of_status(422), FailureClass::validation);
    EXPECT_EQ(failure_of_status(404), FailureClass::business);
    EXPECT_EQ(failure_of_status(409), FailureClass::business);
    EXPECT_EQ(failure_of_status(405), FailureClass::system);
    EXPECT_EQ(failure_of_status(401), FailureClass::system);
    EXPECT_EQ(failure_of_status(429), FailureClass::transient);
    EXPECT_EQ(failure_of_status(500), FailureClass::transient);
}

TEST(Classify, only_what_never_left_us_is_not_sent) {
    EXPECT_EQ(classify("POND", failed(http::Transport::not_sent)).meaning, Meaning::not_sent);
    EXPECT_EQ(classify("POND", failed(http::Transport::timeout)).meaning, Meaning::unclear);
    EXPECT_EQ(classify("POND", failed(http::Transport::lost)).meaning, Meaning::unclear);
}

TEST(Classify, outcome_of_a_failed_call_by_meaning_kind_and_standing) {
    using enum Standing;
    struct Row {
        Meaning meaning;
        bool changes_state;
        Standing standing;
        std::string_view outcome;
    };
    const Row rows[] = {
        {Meaning::refused, true, untouched, "refused"},
        {Meaning::refused, true, partly_done, "refused"},
        {Meaning::refused, true, unclear, "unknown"},
        {Meaning::refused, false, untouched, "refused"},
        {Meaning::refused, false, partly_done, "not_sent"},
        {Meaning::refused, false, unclear, "unknown"},
        {Meaning::unauthorized, true, untouched, "refused"},
        {Meaning::unauthorized, true, partly_done, "not_sent"},
        {Meaning::unauthorized, true, unclear, "unknown"},
        {Meaning::unauthorized, false, unclear, "unknown"},
        {Meaning::throttled, true, untouched, "not_sent"},
        {Meaning::throttled, true, partly_done, "not_sent"},
        {Meaning::throttled, false, unclear, "unknown"},
        {Meaning::not_sent, true, untouched, "not_sent"},
        {Meaning::not_sent, true, unclear, "unknown"},
        {Meaning::unclear, true, untouched, "unknown"},
        {Meaning::unclear, true, partly_done, "unknown"},
        {Meaning::unclear, false, untouched, "not_sent"},
        {Meaning::unclear, false, partly_done, "not_sent"},
        {Meaning::unclear, false, unclear, "unknown"},
    };
    for (const Row& row : rows) {
        Verdict verdict;
        verdict.meaning = row.meaning;
        EXPECT_EQ(kind_of(conclude(verdict, row.changes_state, row.standing)), row.outcome)
            << to_string(row.meaning) << ' ' << row.changes_state << ' '
            << static_cast<int>(row.standing);
    }
}

TEST(Classify, too_many_requests_pauses_the_account_for_as_long_as_it_says) {
    http::ClientResponse response = answered(429);
    response.retry_after = std::chrono::seconds(17);
    const Outcome outcome = conclude(classify("POND", response), true, Standing::untouched);
    const auto& not_sent = std::get<NotSent>(outcome);
    EXPECT_EQ(not_sent.retry_after, std::chrono::seconds(17));
    EXPECT_TRUE(not_sent.whole_account);
}

TEST(Classify, a_throttled_reading_of_an_unclear_device_leaves_it_unclear_and_pauses_the_account) {
    const Outcome outcome = conclude(classify("POND", answered(429)), false, Standing::unclear);
    const auto& unknown = std::get<Unknown>(outcome);
    EXPECT_TRUE(unknown.whole_account);
    const Outcome refused = conclude(classify("POND", answered(404)), false, Standing::unclear);
    EXPECT_FALSE(std::get<Unknown>(refused).whole_account);
}

TEST(Classify, foreign_text_becomes_one_short_line_of_valid_utf8) {
    EXPECT_EQ(excerpt("  two\r\n lines\t\x01here "), "two lines here");
    EXPECT_EQ(excerpt(std::string("nul\0byte", 8)), "nul byte");
    EXPECT_EQ(excerpt("caf\xC3\xA9 \xFF\xC3("), "caf\xC3\xA9 ?\?(");
    EXPECT_EQ(excerpt("\xED\xA0\x80"), "???");  // a surrogate is no character
    const std::string long_text = excerpt(std::string(5000, 'x'));
    EXPECT_LE(long_text.size(), kMaxExcerptBytes);
    EXPECT_TRUE(long_text.ends_with("…"));
    EXPECT_EQ(describe_body("<html><body>502</body></html>"), "a web page instead of JSON");
    EXPECT_EQ(describe_body(" \n"), "an empty answer");
}

TEST(Registry, every_integration_is_found_by_its_own_name) {
    for (const auto integration : {Integration::jasper, Integration::thingspace, Integration::pond,
                                   Integration::telegence, Integration::revio}) {
        EXPECT_EQ(parse_integration(to_string(integration)), integration);
        EXPECT_FALSE(display_name(integration).empty());
    }
    EXPECT_EQ(parse_integration("POND"), std::nullopt);
    EXPECT_EQ(display_name(Integration::revio), "Rev.io");
}

TEST(Registry, a_carrier_is_found_under_the_integration_that_it_names) {
    ASSERT_NE(find_carrier(Integration::pond), nullptr);
    EXPECT_EQ(find_carrier(Integration::pond)->integration(), Integration::pond);
    EXPECT_EQ(find_carrier(Integration::revio), nullptr);
}

}  // namespace
}  // namespace carryall::carriers
