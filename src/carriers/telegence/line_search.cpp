// The first page tells how many there are; then they are read from the last one, where new lines
// are expected, down to the first.
#include "carriers/telegence/line_search.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "carriers/telegence/activation_wire.hpp"
#include "carriers/telegence/setup.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

// One conversation may have 200; what follows a search needs some, too.
constexpr int kCallsOfALook = 180;
// Of one search: about 350,000 lines, and those of three batches while a search cannot decide.
constexpr int kMaxLooks = 2'000;
constexpr int kMaxEarlyLooks = 4;

SearchFailed inconclusive(std::string reason, bool is_final = false) {
    Verdict verdict;
    verdict.reason = std::move(reason);
    return SearchFailed{std::move(verdict), is_final};
}

std::int64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? std::max<std::int64_t>(0, value->get_int64())
                                                 : 0;
}

}  // namespace

SearchMark SearchMark::from(const json::value& stored) {
    SearchMark mark;
    const auto* object = stored.if_object();
    if (object == nullptr) return mark;
    mark.page = number_of(*object, "page");
    mark.after = member_text(*object, "after");
    mark.last_page = number_of(*object, "lastPage");
    mark.anchor = member_text(*object, "anchor");
    if (const auto oldest = base::parse_iso8601(member_text(*object, "oldest"))) {
        mark.oldest = *oldest;
    }
    mark.is_undated = !mark.oldest;
    mark.looks = static_cast<int>(std::min<std::int64_t>(number_of(*object, "looks"), kMaxLooks));
    const bool makes_sense = mark.page >= 1 && mark.page <= mark.last_page && !mark.anchor.empty();
    return makes_sense ? mark : SearchMark();
}

json::value SearchMark::to_json() const {
    if (page == 0 || anchor.empty()) return nullptr;
    json::object out = {
        {"page", page}, {"lastPage", last_page}, {"anchor", anchor}, {"looks", looks}};
    if (!after.empty()) out["after"] = after;
    if (oldest && !is_undated) out["oldest"] = base::to_iso8601(*oldest);
    return out;
}

LineSearch::LineSearch(const Account& account, const Line& line, std::string billing_account,
                       std::optional<base::Instant> must_show, SearchMark mark)
    : account_(account),
      sim_(line.iccid),
      billing_account_(std::move(billing_account)),
      must_show_(must_show),
      own_number_(wire_number(line.msisdn).value_or("")),
      mark_(std::move(mark)) {}

SearchStep LineSearch::begin() {
    if (!own_number_.empty()) return read_line(own_number_, Asking::own_line);
    return read_next();
}

SearchStep LineSearch::proceed(const http::ClientResponse& response) {
    const bool is_line = asking_ == Asking::own_line || asking_ == Asking::line;
    return is_line ? on_line(response) : on_page(response);
}

SearchStep LineSearch::read_page(std::int64_t page, Asking asking) {
    if (calls_ == kCallsOfALook) return interrupted();
    ++calls_;
    asking_ = asking;
    Call call = list_subscribers(account_, page);
    call.shared = Shared{"", ""};
    return call;
}

SearchStep LineSearch::read_line(const std::string& number, Asking asking) {
    if (calls_ == kCallsOfALook) return interrupted();
    ++calls_;
    asking_ = asking;
    asked_number_ = number;
    Call call;
    call.path.append(line_path(account_)).append(1, '/').append(number);
    call.operation = "Look Up Line";
    call.changes_state = false;
    call.timeout = account_.call_timeout;
    call.shared = Shared{"", ""};
    return call;
}

// The next line of the page at hand, or the next page, or the end.
SearchStep LineSearch::read_next() {
    if (!candidates_.empty()) return read_line(candidates_.front(), Asking::line);
    if (mark_.page == 0) return read_page(1, Asking::length);
    const bool is_resumed = asking_ == Asking::length || asking_ == Asking::own_line;
    if (is_resumed) return read_page(mark_.page, Asking::page);
    if (mark_.page > 1) {
        --mark_.page;
        mark_.after.clear();
        return read_page(mark_.page, Asking::page);
    }
    if (must_show_ && mark_.last_page > 1) return read_page(mark_.last_page, Asking::anchor);
    return conclude();
}

SearchStep LineSearch::on_page(const http::ClientResponse& response) {
    const Answer answer = judge(response, Expect::json);
    if (answer.verdict.meaning != Meaning::accepted) return SearchFailed{answer.verdict};
    const auto rows = parse_subscribers(answer.body);
    const auto total = pages_of_list(response);
    if (!rows || !total) return SearchFailed{malformed("no list of subscribers")};
    note_moment(moment_of_list(response));
    if (asking_ == Asking::anchor) {
        const bool stands = !rows->empty() && rows->front().number == mark_.anchor;
        return stands ? conclude() : has_moved();
    }
    if (asking_ == Asking::length) {
        mark_.page = mark_.last_page = std::max<std::int64_t>(*total, 1);
        if (mark_.page > 1) return read_page(mark_.page, Asking::page);
        asking_ = Asking::page;
    }
    return look_through(*rows, *total);
}

void LineSearch::note_moment(std::optional<base::Instant> moment) {
    if (!moment) {
        mark_.is_undated = true;
    } else if (!mark_.oldest || *moment < *mark_.oldest) {
        mark_.oldest = moment;
    }
}

SearchStep LineSearch::look_through(const std::vector<ListedSubscriber>& rows, std::int64_t total) {
    if (rows.empty()) {
        const bool is_the_list = mark_.last_page == 1 && total <= 1;
        return is_the_list ? conclude() : has_moved();
    }
    const std::string& first = rows.front().number;
    const bool is_first_look = mark_.page == mark_.last_page && mark_.after.empty();
    if (is_first_look) mark_.anchor = first;
    const bool came_before = mark_.page < mark_.last_page && first == mark_.anchor;
    if (mark_.page > total || came_before) return has_moved();
    auto row = rows.rbegin();
    if (!mark_.after.empty()) {
        const auto done = std::find_if(row, rows.rend(), [&](const ListedSubscriber& one) {
            return one.number == mark_.after;
        });
        if (done != rows.rend()) row = done + 1;
    }
    for (; row != rows.rend(); ++row) {
        const bool may_be = row->is_addressable && row->ban == billing_account_ &&
                            platform_status(row->status) != "Deactivated";
        if (may_be && row->number != own_number_) candidates_.push_back(row->number);
    }
    return read_next();
}

SearchStep LineSearch::on_line(const http::ClientResponse& response) {
    const Answer answer = judge(response, Expect::json);
    if (answer.verdict.meaning != Meaning::accepted) {
        // A line that Telegence knows no more is not ours.
        constexpr int kNotFound = 404;
        if (answer.verdict.meaning == Meaning::refused && answer.verdict.http_status == kNotFound) {
            return not_this_line();
        }
        return SearchFailed{answer.verdict};
    }
    const auto line = parse_line(answer.body, asked_number_);
    if (!line) return SearchFailed{malformed("no details of this line")};
    if (!is_same_sim(line->value("sim"), sim_)) return not_this_line();
    const auto status = platform_status(line->value("subscriberStatus"));
    if (status == "Deactivated") return not_this_line();
    return FoundLine{asked_number_, status == "Active"};
}

SearchStep LineSearch::not_this_line() {
    if (asking_ == Asking::line) {
        mark_.after = candidates_.front();
        candidates_.pop_front();
    }
    return read_next();
}

SearchStep LineSearch::interrupted() {
    ++mark_.looks;
    if (!must_show_ && mark_.looks >= kMaxEarlyLooks) {
        mark_ = {};
        return inconclusive("it is not among the newest lines, and may still be under way");
    }
    if (mark_.looks >= kMaxLooks) {
        mark_ = {};
        return inconclusive("the subscriber list is longer than can be looked through", true);
    }
    SearchFailed part = inconclusive("page " + std::to_string(mark_.page) + " of " +
                                     std::to_string(mark_.last_page) +
                                     " of the subscriber list is being looked through");
    part.goes_on = true;
    return part;
}

SearchStep LineSearch::has_moved() {
    mark_ = {};
    return inconclusive("the subscriber list has changed while it was looked through");
}

SearchStep LineSearch::conclude() {
    const SearchMark read = std::exchange(mark_, {});  // another look begins anew
    if (!must_show_) return inconclusive("it is not listed, and may still be under way");
    if (read.is_undated) {
        return inconclusive("the subscriber list does not say how recent it is", true);
    }
    if (*read.oldest < *must_show_) {
        return inconclusive("the subscriber list is not recent enough to show it");
    }
    return NoSuchLine{};
}

}  // namespace carryall::carriers::telegence
