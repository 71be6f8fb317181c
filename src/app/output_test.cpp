// Tables, bars and problems as people see them.
#include "app/output.hpp"

#include <gtest/gtest.h>

#include "app/api_client.hpp"
#include "app/watch.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;

TEST(Table, columns_line_up_whatever_script_a_name_is_written_in) {
    const std::string table =
        format_table({"name", "id"}, {{"Zoë", "1"}, {"東京", "2"}, {"Müller & Söhne", "3"}});
    EXPECT_EQ(table,
              "name            id\n"
              "Zoë             1\n"
              "東京            2\n"
              "Müller & Söhne  3\n");
}

TEST(Table, no_line_ends_in_spaces_and_short_rows_are_fine) {
    EXPECT_EQ(format_table({"a", "b"}, {{"x", ""}, {"y"}}), "a  b\nx\ny\n");
}

TEST(Table, control_characters_never_reach_the_terminal) {
    EXPECT_EQ(printable("a\x1b[31mred\r\nb\x7f"), "a [31mred  b ");
    EXPECT_EQ(printable("c1\xC2\x9B"
                        "x"),
              "c1 x");
    EXPECT_EQ(cell(json::object{{"name", "a\tb"}}, "name"), "a b");
}

TEST(Table, broken_text_has_a_width_too) {
    EXPECT_EQ(display_width("\xff\xfe"), 2U);
    EXPECT_EQ(display_width("\xe6\x9d"), 2U);
    EXPECT_EQ(display_width("e\xcc\x81"), 1U);
}

TEST(Table, cells_are_found_by_path) {
    const json::value document = json::object{{"counts", {{"error", 3}}}, {"at", nullptr}};
    EXPECT_EQ(cell(document, "counts.error"), "3");
    EXPECT_EQ(cell(document, "counts.processed"), "");
    EXPECT_EQ(cell(document, "at"), "");
    EXPECT_EQ(cell(document, "at.deeper"), "");
}

WatchedProgress progress_of(std::int64_t processed, std::int64_t failed, std::int64_t devices) {
    return read_progress(json::object{{"bulkChangeId", 7},
                                      {"status", "PROCESSING"},
                                      {"deviceCount", devices},
                                      {"counts", {{"processed", processed}, {"error", failed}}}});
}

TEST(ProgressBar, never_is_wider_than_the_terminal) {
    for (const auto& progress : {progress_of(0, 0, 0), progress_of(0, 0, 1'000'000),
                                 progress_of(999'999, 1, 1'000'000), progress_of(1, 1, 3)}) {
        for (std::size_t width = 1; width < 120; ++width) {
            EXPECT_LT(display_width(progress_bar(progress, 12'345, width)), width) << width;
        }
    }
}

TEST(ProgressBar, shows_how_far_how_many_failed_and_how_fast) {
    EXPECT_EQ(progress_bar(progress_of(450, 50, 1'000), 1'234, 62),
              "[██████████          ] 50 %  500 of 1,000  50 failed  1,234/s");
}

TEST(ProgressBar, the_sentence_for_logs_has_every_state_that_matters) {
    json::object document{{"bulkChangeId", 7},
                          {"status", "PROCESSING"},
                          {"deviceCount", 1'500'000},
                          {"counts",
                           {{"processed", 1'000'000},
                            {"error", 2},
                            {"cancelled", 1},
                            {"unknown", 4},
                            {"parked", 1},
                            {"waiting", 6}}}};
    EXPECT_EQ(progress_sentence(read_progress(document)),
              "PROCESSING 1,000,003 of 1,500,000 devices: 1,000,000 processed, 2 failed, 1 "
              "cancelled, 6 waiting, 5 unknown");
}

TEST(ProgressBar, a_change_that_has_not_begun_says_what_it_waits_for) {
    json::object document{{"status", "PENDING"},
                          {"approval", "required"},
                          {"dates",
                           {{"firstDueAt", "2027-02-01T02:00:00Z"},
                            {"lastDueAt", "2027-02-01T02:00:00Z"},
                            {"firstDueAtLocal", "2027-02-01T03:00:00+01:00"},
                            {"lastDueAtLocal", "2027-02-01T03:00:00+01:00"}}}};
    EXPECT_EQ(read_progress(document).held, "waits for the approval of another person");
    document["approval"] = "approved";
    EXPECT_EQ(read_progress(document).held, "begins 2027-02-01T03:00:00+01:00");
    document["status"] = "PROCESSING";
    EXPECT_EQ(read_progress(document).held, "");
}

TEST(Plan, one_of_which_nothing_can_be_done_is_not_offered) {
    EXPECT_EQ(how_to_apply(json::object{{"acceptedCount", 0}, {"planHash", "abc"}}),
              "nothing of it can be done\n");
    EXPECT_EQ(
        how_to_apply(json::object{{"acceptedCount", 3}, {"bulkChangeId", 7}, {"planHash", "ab"}}),
        "to do it: carryall change apply 7 ab\n");
}

TEST(ProgressBar, thousands_are_separated) {
    EXPECT_EQ(with_thousands(0), "0");
    EXPECT_EQ(with_thousands(999), "999");
    EXPECT_EQ(with_thousands(1'000), "1,000");
    EXPECT_EQ(with_thousands(123'456'789), "123,456,789");
    EXPECT_EQ(with_thousands(-1'234), "-1,234");
}

TEST(ExitStatus, follows_from_the_end_of_the_change) {
    const auto status = [](const char* text) {
        return exit_status_of(read_progress(json::object{{"status", text}}));
    };
    EXPECT_EQ(status("PROCESSED"), 0);
    EXPECT_EQ(status("PARTIAL"), 8);
    EXPECT_EQ(status("ERROR"), 9);
    EXPECT_EQ(status("PROCESSING"), 7);
}

constexpr const char* kProblemJson = "application/problem+json";

TEST(Problem, names_every_place_and_the_request) {
    const auto error = describe_problem(
        422, kProblemJson,
        R"({"type":"urn:carryall:problem:invalid_input","title":"The request is not valid",
            "status":422,"detail":"3 mistakes","instance":"r-1","moreErrors":1,
            "errors":[{"row":12,"column":"iccid","detail":"has 18 digits"},
                      {"pointer":"/statusUpdate/updateStatus","detail":"is required"}]})",
        {});
    EXPECT_EQ(error.kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(error.message,
              "The request is not valid: 3 mistakes\n"
              "  row 12, column iccid: has 18 digits\n"
              "  /statusUpdate/updateStatus: is required\n"
              "  … and 1 more\n"
              "  request r-1");
}

TEST(Problem, exit_codes_follow_from_the_status) {
    const auto code = [](int status) {
        return exit_code(describe_problem(status, kProblemJson, R"({"title":"t"})", {}).kind);
    };
    EXPECT_EQ(code(400), 2);
    EXPECT_EQ(code(401), 3);
    EXPECT_EQ(code(403), 3);
    EXPECT_EQ(code(404), 4);
    EXPECT_EQ(code(409), 5);
    EXPECT_EQ(code(413), 2);
    EXPECT_EQ(code(429), 6);
    EXPECT_EQ(code(503), 7);
    EXPECT_EQ(code(504), 7);
    EXPECT_EQ(code(500), 70);
}

TEST(Problem, says_when_to_come_again) {
    const auto error =
        describe_problem(429, kProblemJson, R"({"title":"Slow"})", std::chrono::seconds(9));
    EXPECT_EQ(error.message, "Slow\n  try again in 9 s");
}

TEST(Problem, another_servers_page_is_not_taken_for_ours) {
    for (const char* body : {"<html>nginx</html>", "", "{", "[1]"}) {
        const auto error = describe_problem(502, "text/html", body, {});
        EXPECT_EQ(error.kind, base::ErrorKind::unavailable);
        EXPECT_NE(error.message.find("CARRYALL_URL"), std::string::npos);
    }
}

TEST(Query, values_are_encoded_and_empty_ones_left_out) {
    EXPECT_EQ(query_text({{"name", "Ä & b=c"}, {"empty", ""}, {"id", "1"}}),
              "name=%C3%84%20%26%20b%3Dc&id=1");
}

Environment no_environment() {
    return [](const std::string&) { return std::nullopt; };
}

TEST(ApiAddress, is_asked_for_and_checked) {
    Cli cli;
    EXPECT_NE(ApiClient::make(cli, no_environment()).error().message.find("CARRYALL_URL"),
              std::string::npos);
    cli.url = "localhost:8080";
    cli.token = "cry_1_x";
    EXPECT_EQ(ApiClient::make(cli, no_environment()).error().kind, base::ErrorKind::invalid_input);
    cli.url = "http://localhost:8080/";
    EXPECT_TRUE(ApiClient::make(cli, no_environment()));
    cli.token.clear();
    EXPECT_EQ(ApiClient::make(cli, no_environment()).error().kind,
              base::ErrorKind::unauthenticated);
    cli.token_file = "/nonexistent/token";
    EXPECT_EQ(ApiClient::make(cli, no_environment()).error().where, "/nonexistent/token");
}

}  // namespace
}  // namespace carryall::app
