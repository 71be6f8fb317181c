// The first page tells how many there are; then the last ones, where new lines are expected.
#include "carriers/telegence/line_search.hpp"

#include "base/text.hpp"
#include "carriers/telegence/activation_wire.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/subscriber_list.hpp"

namespace carryall::carriers::telegence {

namespace {

constexpr std::int64_t kMaxPages = 5;
constexpr std::size_t kMaxLines = 600;  // three batches; all devices share the calls

}  // namespace

LineSearch::LineSearch(const Account& account, const Line& line, std::string billing_account,
                       std::optional<base::Instant> must_show)
    : account_(account),
      sim_(line.iccid),
      billing_account_(std::move(billing_account)),
      must_show_(must_show),
      own_number_(wire_number(line.msisdn).value_or("")) {}

Call LineSearch::shared(Call call) const {
    call.shared = Shared{"", ""};
    return call;
}

SearchStep LineSearch::begin() {
    if (own_number_.empty()) return read_page(1);
    candidates_.push_back(own_number_);
    return read_next();
}

SearchStep LineSearch::proceed(const http::ClientResponse& response) {
    return asked_number_.empty() ? on_page(response) : on_line(response);
}

SearchStep LineSearch::inconclusive(std::string reason) const {
    Verdict verdict;
    verdict.reason = std::move(reason);
    return SearchFailed{std::move(verdict), must_show_.has_value()};
}

SearchStep LineSearch::read_page(std::int64_t page) {
    asked_number_.clear();
    page_ = page;
    ++pages_read_;
    return shared(list_subscribers(account_, page));
}

SearchStep LineSearch::on_page(const http::ClientResponse& response) {
    const Answer answer = judge(response, Expect::json);
    if (answer.verdict.meaning != Meaning::accepted) return SearchFailed{answer.verdict};
    const auto rows = parse_subscribers(answer.body);
    const auto total = pages_of_list(response);
    if (!rows || !total) return SearchFailed{malformed("no list of subscribers")};
    const auto moment = moment_of_list(response);
    is_young_enough_ &= must_show_ && moment && *moment >= *must_show_;
    for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
        const bool may_be = row->is_addressable && row->ban == billing_account_ &&
                            platform_status(row->status) != "Deactivated";
        if (may_be && row->number != own_number_) candidates_.push_back(row->number);
    }
    page_total_ = std::max<std::int64_t>(*total, 1);
    // After the first page the last one, then back towards the second. The first page's lines come
    // last, for they are the oldest.
    const std::int64_t next = page_ == 1 ? page_total_ : page_ - 1;
    if (next > 1 && pages_read_ < kMaxPages) {
        if (page_ == 1) of_first_page_.swap(candidates_);
        return read_page(next);
    }
    candidates_.insert(candidates_.end(), of_first_page_.begin(), of_first_page_.end());
    return read_next();
}

SearchStep LineSearch::read_next() {
    if (candidates_.empty()) {
        if (page_ == 0) return read_page(1);
        if (!must_show_) return inconclusive("it is not listed, and may still be under way");
        if (pages_read_ < page_total_) {
            return inconclusive("only " + std::to_string(pages_read_) + " of the " +
                                std::to_string(page_total_) +
                                " pages of the subscriber list were looked through");
        }
        if (!is_young_enough_) {
            return inconclusive("the subscriber list does not say that it is recent enough");
        }
        return NoSuchLine{};
    }
    if (lines_read_ == kMaxLines) {
        return inconclusive("the billing account has more lines than can be looked through (" +
                            std::to_string(kMaxLines) + ')');
    }
    ++lines_read_;
    asked_number_ = candidates_.front();
    candidates_.pop_front();
    Call call;
    call.path.append(line_path(account_)).append(1, '/').append(asked_number_);
    call.operation = "Look Up Line";
    call.changes_state = false;
    call.timeout = account_.call_timeout;
    return shared(std::move(call));
}

SearchStep LineSearch::on_line(const http::ClientResponse& response) {
    const Answer answer = judge(response, Expect::json);
    if (answer.verdict.meaning != Meaning::accepted) {
        // A line that Telegence knows no more is not ours.
        constexpr int kNotFound = 404;
        if (answer.verdict.meaning == Meaning::refused && answer.verdict.http_status == kNotFound) {
            return read_next();
        }
        return SearchFailed{answer.verdict};
    }
    const auto line = parse_line(answer.body, asked_number_);
    if (!line) return SearchFailed{malformed("no details of this line")};
    if (!is_same_sim(line->value("sim"), sim_)) return read_next();
    const auto status = platform_status(line->value("subscriberStatus"));
    if (status == "Deactivated") return read_next();
    return FoundLine{asked_number_, status == "Active"};
}

}  // namespace carryall::carriers::telegence
