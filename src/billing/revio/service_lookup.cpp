// `search.number` may match more than the exact number, so every record is compared again.
#include "billing/revio/service_lookup.hpp"

#include <algorithm>

namespace carryall::billing::revio {

ServiceLookup::ServiceLookup(const carriers::Account& account, std::vector<std::string> numbers)
    : account_(account), numbers_(std::move(numbers)) {
    std::erase_if(numbers_, [](const std::string& number) { return number.empty(); });
    if (numbers_.size() == 2 && numbers_[0] == numbers_[1]) numbers_.pop_back();
}

std::optional<carriers::Call> ServiceLookup::next() const {
    if (current_ == numbers_.size()) return std::nullopt;
    carriers::Call call;
    call.path =
        account_.path_prefix + "/Services?search.number=" + percent_encoded(numbers_[current_]) +
        "&search.page_size=" + std::to_string(kPageSize) + "&search.page=" + std::to_string(page_);
    call.operation = "Find Rev Service";
    call.changes_state = false;
    call.timeout = account_.call_timeout;
    return call;
}

std::optional<carriers::Verdict> ServiceLookup::take(const http::ClientResponse& response) {
    Answer answer = judge(response);
    if (answer.verdict.meaning != carriers::Meaning::accepted) return answer.verdict;
    auto page = parse_services(answer.body);
    if (!page) return malformed("no list of services");
    for (Service& service : page->records) keep(std::move(service));
    if (!page->has_more) {
        ++current_;
        page_ = 1;
        return std::nullopt;
    }
    if (page->records.empty() || page_ == kMaxPages) return malformed("services without an end");
    ++page_;
    return std::nullopt;
}

void ServiceLookup::keep(Service service) {
    const auto is_wanted = [&](const std::string& number) {
        return std::find(numbers_.begin(), numbers_.end(), number) != numbers_.end();
    };
    if (!service.is_active || (!is_wanted(service.number) && !is_wanted(service.number2))) return;
    const bool is_known = std::any_of(active_.begin(), active_.end(),
                                      [&](const Service& other) { return other.id == service.id; });
    if (!is_known) active_.push_back(std::move(service));
}

}  // namespace carryall::billing::revio
