// Rounds of a reconciliation's reading: one page of each of several customers at once. A round is
// driven as a page of a carrier's inventory is (sync/reading.hpp), paced like every other call.
//
// What must stay true: nothing here changes anything at Rev.io; the pages of a round that were
// answered are kept though another one failed.
#pragma once

#include <memory>
#include <vector>

#include "carriers/inventory.hpp"
#include "charges/reconciliation_work_store.hpp"

namespace carryall::charges {

class ChargeRound : public carriers::InventoryReading {
  public:
    // The account must outlive the round. All customers are of this account.
    ChargeRound(const carriers::Account& account, std::vector<UnreadCustomer> customers);

    carriers::InventoryStep next() override;
    // An inventory page without lines: the round is over, and the pages are here.
    carriers::InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override;

    std::vector<ReadPage>& pages() { return pages_; }
    // Of the first customer whose page could not be read; none: all were.
    const std::optional<carriers::InventoryFailed>& failed() const { return failed_; }

  private:
    std::vector<UnreadCustomer> customers_;
    std::vector<billing::revio::ChargeReading> readings_;
    std::vector<ReadPage> pages_;
    std::optional<carriers::InventoryFailed> failed_;
};

}  // namespace carryall::charges
