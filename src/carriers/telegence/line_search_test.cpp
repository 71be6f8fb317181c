// Looking for the line of a SIM whose activation is unclear: through lists of any length, and what
// proves that it is not there.
#include "carriers/telegence/line_search.hpp"

#include <gtest/gtest.h>

#include "carriers/telegence/activation_model_test.hpp"
#include "carriers/telegence/activation_wire.hpp"

namespace carryall::carriers::telegence {
namespace {

using std::chrono::seconds;

constexpr seconds kDeadline{3'600};
constexpr int kMaxLooks = 30;

const Account& account() {
    static const Account kAccount = model_account();
    return kAccount;
}

// Others' lines, before and after the number that the model gives first.
void add_lines(ActivationModel& model, int before, int after) {
    const auto add = [&](std::int64_t number) {
        model.lines[std::to_string(number)].sim = "890103000000" + std::to_string(number).substr(3);
    };
    for (int i = 0; i < before; ++i) add(2'145'540'000 + i);
    for (int i = 0; i < after; ++i) add(2'145'560'000 + i);
}

struct Search {
    SearchStep end = SearchFailed{};
    SearchMark mark;
    int calls = 0;
};

Search look(ActivationModel& model, SearchMark mark, std::optional<base::Instant> must_show) {
    LineSearch search(account(), sim_in_stock(), kBan, must_show, std::move(mark));
    SearchStep step = search.begin();
    Search result;
    while (auto* call = std::get_if<Call>(&step)) {
        EXPECT_FALSE(call->changes_state);
        EXPECT_TRUE(call->shared);
        ++result.calls;
        step = search.proceed(*model.answer(*call, Fault::none));
    }
    result.end = std::move(step);
    // As it is stored between two looks.
    result.mark = SearchMark::from(search.mark().to_json());
    return result;
}

bool goes_on(const Search& search) {
    const auto* failed = std::get_if<SearchFailed>(&search.end);
    return failed != nullptr && failed->goes_on;
}

std::string why(const Search& search) {
    const auto* failed = std::get_if<SearchFailed>(&search.end);
    return failed != nullptr ? failed->verdict.reason : "";
}

struct WholeSearch {
    Search last;
    int looks = 0;
};
WholeSearch search_on(ActivationModel& model, Search search) {
    WholeSearch whole{std::move(search), 1};
    while (goes_on(whole.last) && whole.looks < kMaxLooks) {
        whole.last = look(model, whole.last.mark, model.now);
        ++whole.looks;
    }
    return whole;
}

TEST(TelegenceSearch, a_line_is_found_wherever_in_the_list_it_stands) {
    for (const int before : {0, 1, 299, 700}) {
        ActivationModel model;
        model.page_rows = 100;
        add_lines(model, before, 700 - before);
        model.lines["2145550100"].sim = kNewLineSim;
        const WholeSearch whole = search_on(model, look(model, {}, model.now));
        const auto* found = std::get_if<FoundLine>(&whole.last.end);
        ASSERT_NE(found, nullptr) << before << ": " << why(whole.last);
        EXPECT_EQ(found->number, "2145550100");
        EXPECT_TRUE(found->is_active);
        EXPECT_EQ(whole.looks > 1, before < 500) << before;
    }
}

TEST(TelegenceSearch, each_line_of_a_long_list_is_read_once_and_then_it_is_certainly_not_there) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 850, 0);
    Search search = look(model, {}, model.now);
    int calls = search.calls;
    int looks = 1;
    for (; goes_on(search) && looks < kMaxLooks; ++looks) {
        EXPECT_EQ(search.calls, 180);
        search = look(model, search.mark, model.now);
        calls += search.calls;
    }
    EXPECT_TRUE(std::holds_alternative<NoSuchLine>(search.end)) << why(search);
    // The lines, nine pages, how many there are, the last one again, and a page for each break.
    EXPECT_EQ(calls, 850 + 9 + 2 + looks - 1);
}

TEST(TelegenceSearch, while_it_may_be_under_way_only_the_newest_lines_are_looked_through) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 0, 2'000);
    Search search = look(model, {}, std::nullopt);
    int calls = search.calls;
    for (int looks = 1; goes_on(search) && looks < kMaxLooks; ++looks) {
        search = look(model, search.mark, std::nullopt);
        calls += search.calls;
    }
    EXPECT_EQ(calls, 4 * 180);
    EXPECT_EQ(search.mark.page, 0);
    EXPECT_EQ(why(search), "it is not among the newest lines, and may still be under way");
}

TEST(TelegenceSearch, what_was_looked_through_too_early_does_not_count_afterwards) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 300, 0);
    Search search = look(model, {}, std::nullopt);
    ASSERT_TRUE(goes_on(search));
    model.now += seconds(1);
    search = search_on(model, look(model, search.mark, model.now)).last;
    EXPECT_EQ(why(search), "the subscriber list is not recent enough to show it");
}

TEST(TelegenceSearch, a_list_in_which_lines_have_moved_proves_nothing) {
    const auto moved_by = [](auto&& change) {
        ActivationModel model;
        model.page_rows = 100;
        add_lines(model, 400, 0);
        Search search = look(model, {}, model.now);
        EXPECT_TRUE(goes_on(search));
        change(model);
        return search_on(model, search).last;
    };
    const Search added = moved_by([](ActivationModel& model) {
        // The line that is searched for goes from a page to come to one that is done.
        for (int i = 0; i < 200; ++i) {
            model.lines[std::to_string(2'145'530'000 + i)].sim = "1" + std::to_string(i);
        }
    });
    EXPECT_EQ(why(added), "the subscriber list has changed while it was looked through");
    EXPECT_EQ(added.mark.page, 0);
    const Search cancelled = moved_by([](ActivationModel& model) {
        model.lines.erase(model.lines.begin(), std::next(model.lines.begin(), 150));
    });
    EXPECT_EQ(why(cancelled), "the subscriber list has changed while it was looked through");
    const Search appended = moved_by([](ActivationModel& model) { add_lines(model, 0, 150); });
    EXPECT_TRUE(std::holds_alternative<NoSuchLine>(appended.end)) << why(appended);
}

TEST(TelegenceSearch, the_oldest_page_decides_also_when_it_was_read_in_an_earlier_look) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 400, 0);
    model.list_made_at = model.now - seconds(1);
    Search search = look(model, {}, model.now);
    ASSERT_TRUE(goes_on(search));
    model.list_made_at.reset();
    search = search_on(model, search).last;
    EXPECT_EQ(why(search), "the subscriber list is not recent enough to show it");
    EXPECT_FALSE(std::get<SearchFailed>(search.end).is_final);
    EXPECT_TRUE(std::holds_alternative<NoSuchLine>(
        search_on(model, look(model, search.mark, model.now)).last.end));
}

TEST(TelegenceSearch, a_list_that_never_turns_its_page_is_not_taken_for_a_whole_one) {
    LineSearch search(account(), sim_in_stock(), kBan, kModelNow, {});
    http::ClientResponse page =
        answered(200, R"([{"billingAccountNumber":"1","subscriberNumber":"2145550100"}])");
    page.headers = {{"page-total", "3"}, {"refresh-timestamp", "2026-03-01T12:00:00Z"}};
    SearchStep step = search.begin();
    for (int i = 0; i < 10 && std::holds_alternative<Call>(step); ++i) step = search.proceed(page);
    EXPECT_TRUE(std::holds_alternative<SearchFailed>(step));
}

TEST(TelegenceSearch, what_was_stored_badly_begins_the_search_anew) {
    for (const char* stored :
         {"null", "[]", R"({"page":5,"lastPage":3,"anchor":"2145550100"})",
          R"({"page":-1,"lastPage":3,"anchor":"2145550100"})", R"({"page":1,"lastPage":3})",
          R"({"page":"1","lastPage":"3","anchor":"2145550100"})"}) {
        EXPECT_EQ(SearchMark::from(*base::parse_json(stored)).page, 0) << stored;
    }
}

TEST(TelegenceSearch, two_sims_of_one_length_are_the_same_only_as_a_whole) {
    EXPECT_TRUE(is_same_sim("8901030000000000001", "89010300000000000017"));
    EXPECT_TRUE(is_same_sim("89010300000000000017", "89010300000000000017"));
    EXPECT_FALSE(is_same_sim("89010300000000000017", "89010300000000000018"));
    EXPECT_FALSE(is_same_sim("8901030000000000001", "8901030000000000002"));
    EXPECT_FALSE(is_same_sim("890103", "890103"));
    EXPECT_FALSE(is_same_sim("", ""));
}

// --- the activation that searches ---

TEST(TelegenceSearch, a_lost_request_among_many_lines_is_found_and_not_repeated) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 0, 1'500);
    const ActivationStory story =
        live_through_activation(model, new_line(), {{0, Fault::done_timeout}});
    ASSERT_EQ(kind_of(story.outcome), "applied") << reason_of(story.outcome);
    EXPECT_EQ(model.activations[kNewLineSim], 1);
    EXPECT_EQ(model.requests, 1);
    EXPECT_FALSE(story.progress.as_object().contains("search"));
}

TEST(TelegenceSearch, a_request_that_never_arrived_is_repeated_once_the_whole_list_was_read) {
    ActivationModel model;
    model.page_rows = 100;
    add_lines(model, 700, 700);
    const ActivationStory story = live_through_activation(model, new_line(), {{0, Fault::timeout}});
    ASSERT_EQ(kind_of(story.outcome), "applied") << reason_of(story.outcome);
    EXPECT_EQ(model.activations[kNewLineSim], 1);
    EXPECT_EQ(model.requests, 1);
    EXPECT_GE(story.calls, 1'400);
    EXPECT_GE(model.now - kModelNow, kDeadline);
}

TEST(TelegenceSearch, a_search_that_is_broken_off_at_any_call_goes_on_where_it_was) {
    ActivationModel undisturbed;
    undisturbed.page_rows = 100;
    add_lines(undisturbed, 300, 300);
    const int calls = live_through_activation(undisturbed, new_line(), {{0, Fault::timeout}}).calls;
    for (int at = 180; at < calls; at += 37) {
        for (const Fault fault : {Fault::crash, Fault::unavailable, Fault::throttled,
                                  Fault::not_sent, Fault::done_truncated}) {
            ActivationModel model;
            model.page_rows = 100;
            add_lines(model, 300, 300);
            const ActivationStory story =
                live_through_activation(model, new_line(), {{0, Fault::timeout}, {at, fault}});
            ASSERT_EQ(kind_of(story.outcome), "applied") << at << reason_of(story.outcome);
            EXPECT_EQ(model.activations[kNewLineSim], 1);
            EXPECT_FALSE(story.sent_while_unsettled);
        }
    }
}

}  // namespace
}  // namespace carryall::carriers::telegence
