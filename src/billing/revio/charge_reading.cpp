// A page is asked for by its number. Rev.io lists by ascending id, so what is created meanwhile
// comes behind the pages that were read already.
#include "billing/revio/charge_reading.hpp"

#include "billing/revio/wire.hpp"

namespace carryall::billing::revio {

namespace {

using carriers::Verdict;

Verdict hopeless(std::string reason) {
    Verdict verdict;
    verdict.failure = carriers::FailureClass::system;
    verdict.reason = std::move(reason);
    return verdict;
}

}  // namespace

ChargeReading::ChargeReading(const carriers::Account& account, ChargeScope scope)
    : account_(account), scope_(std::move(scope)) {
    if (!scope_.resume.is_object()) return;
    const base::json::value* page = scope_.resume.get_object().if_contains("page");
    if (page != nullptr && page->is_int64() && page->get_int64() > 0 &&
        page->get_int64() <= scope_.most_pages) {
        page_ = static_cast<int>(page->get_int64());
    }
}

carriers::Call ChargeReading::next() const {
    carriers::Call call;
    call.path = account_.path_prefix +
                "/Charges?search.customer_id=" + std::to_string(scope_.rev_customer_id);
    if (scope_.service_id.value_or(0) != 0) {
        call.path += "&search.service_id=" + std::to_string(*scope_.service_id);
    }
    call.path +=
        "&search.page_size=" + std::to_string(kPageSize) + "&search.page=" + std::to_string(page_);
    call.operation = "Get Rev Charges";
    call.changes_state = false;
    call.timeout = account_.call_timeout;
    return call;
}

std::variant<ChargePage, Verdict> ChargeReading::proceed(const http::ClientResponse& answer) {
    const Answer judged = judge(answer);
    if (judged.verdict.meaning != carriers::Meaning::accepted) return judged.verdict;
    auto list = parse_charges(judged.body);
    if (!list) return malformed("no list of charges");
    for (const ChargeRecord& record : list->records) {
        if (record.customer_id == scope_.rev_customer_id) continue;
        return hopeless("Rev.io was asked for the charges of customer " +
                        std::to_string(scope_.rev_customer_id) + " and showed one of customer " +
                        std::to_string(record.customer_id));
    }
    ChargePage page;
    page.is_last = !list->has_more;
    if (list->has_more) {
        if (list->records.empty()) return malformed("charges without an end");
        if (page_ >= scope_.most_pages) {
            return hopeless("Customer " + std::to_string(scope_.rev_customer_id) +
                            " has more charges at Rev.io than are read (" +
                            std::to_string(scope_.most_pages) + " pages)");
        }
        ++page_;
        page.resume = base::json::object{{"page", page_}};
    }
    page.records = std::move(list->records);
    return page;
}

}  // namespace carryall::billing::revio
