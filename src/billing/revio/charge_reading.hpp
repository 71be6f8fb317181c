// Reads the charges that Rev.io holds for one customer, page by page; pure: it says what to ask and
// reads what was answered, as a carrier's inventory is read (carriers/inventory.hpp).
//
// What must stay true: a page is given whole or not at all, and a record of another customer fails
// the reading. A charge that is overlooked would be billed again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/money.hpp"
#include "carriers/carrier.hpp"
#include "carriers/classify.hpp"

namespace carryall::billing::revio {

// 2,000,000 charges of one customer.
inline constexpr int kMaxChargePages = 4'000;

struct ChargeRecord {
    std::int64_t charge_id = 0;
    std::int64_t customer_id = 0;
    // nullopt: none (0 is none).
    std::optional<std::int64_t> service_id;
    std::optional<std::int64_t> product_id;
    std::optional<std::int64_t> product_type_id;
    std::optional<std::int64_t> bill_id;  // set once it stands on a bill
    std::optional<base::Money> amount;    // nullopt: not told, or no amount that we can hold
    std::string description;
    std::string start_date;    // "2026-02-01", or empty
    std::string end_date;      // likewise
    std::string created_date;  // as told: "2026-02-28T10:00:00.123", no zone; or empty
};

struct ChargePage {
    std::vector<ChargeRecord> records;  // in Rev.io's order: ids ascend, new ones come last
    // Where a reading that begins anew goes on; null after the last page.
    base::json::value resume;
    bool is_last = false;
};

struct ChargeScope {
    std::int64_t rev_customer_id = 0;
    // Asks for this service only. Charges of others are given all the same if Rev.io ignores that.
    std::optional<std::int64_t> service_id = {};  // NOLINT
    base::json::value resume = {};                // NOLINT; of an earlier reading's last page
    int most_pages = kMaxChargePages;
};

class ChargeReading {
  public:
    // The account must outlive the reading.
    ChargeReading(const carriers::Account& account, ChargeScope scope);

    // The call for the next page: at the start, and after each page that was not the last.
    carriers::Call next() const;
    // The answer to it. A verdict (never accepted): there is no page; the same call may be sent
    // again. FailureClass::system: asking again is not going to help.
    std::variant<ChargePage, carriers::Verdict> proceed(const http::ClientResponse& answer);

  private:
    const carriers::Account& account_;
    ChargeScope scope_;
    int page_ = 1;
};

}  // namespace carryall::billing::revio
