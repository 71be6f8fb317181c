#include "charges/reconciliation_reading.hpp"

namespace carryall::charges {

ChargeRound::ChargeRound(const carriers::Account& account, std::vector<UnreadCustomer> customers)
    : customers_(std::move(customers)) {
    readings_.reserve(customers_.size());
    for (const UnreadCustomer& customer : customers_) {
        billing::revio::ChargeScope scope;
        scope.rev_customer_id = customer.rev_customer_id;
        scope.resume = customer.resume;
        readings_.emplace_back(account, std::move(scope));
    }
}

carriers::InventoryStep ChargeRound::next() {
    std::vector<carriers::Call> calls;
    for (const auto& reading : readings_) calls.push_back(reading.next());
    return calls;
}

carriers::InventoryStep ChargeRound::proceed(const std::vector<http::ClientResponse>& answers) {
    CHECK(answers.size() == readings_.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto read = readings_[i].proceed(answers[i]);
        if (auto* page = std::get_if<billing::revio::ChargePage>(&read)) {
            pages_.push_back({customers_[i], std::move(*page)});
            continue;
        }
        auto& verdict = std::get<carriers::Verdict>(read);
        // A limit of the whole account says more than what happened to one customer.
        if (!failed_ || (verdict.whole_account && !failed_->whole_account)) {
            failed_ = carriers::InventoryFailed{std::move(verdict.reason), verdict.failure,
                                                verdict.retry_after, verdict.whole_account};
        }
    }
    return carriers::InventoryPage{};
}

}  // namespace carryall::charges
