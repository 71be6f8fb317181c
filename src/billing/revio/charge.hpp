// One charge at Rev.io: created once, however often the answer is lost. Pure, as all exchanges are
// (carriers/exchange.hpp).
//
// What must stay true: Rev.io takes a second equal charge in silence and offers no key to prevent
// it. So after anything that is not clearly a refusal, POST /Charges is not sent again before a
// complete reading of the customer's charges, later than the settling time, has shown that the
// charge is missing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "carriers/carrier.hpp"

namespace carryall::billing::revio {

inline constexpr std::int64_t kMaxRevioId = 2'147'483'647;  // of a customer, a product, …
inline constexpr std::size_t kMaxChargeDescriptionBytes = 1500;
inline constexpr std::size_t kMaxMarkerBytes = 100;

// The same for every attempt of one charge, to the last character: what is looked for is what was
// sent.
struct Charge {
    std::int64_t rev_customer_id = 0;
    std::optional<std::int64_t> service_id = {};  // NOLINT; a charge of the customer alone: none
    // Exactly one of the two; 0 is none.
    std::optional<std::int64_t> product_id = {};       // NOLINT
    std::optional<std::int64_t> product_type_id = {};  // NOLINT
    base::Money amount;                                // below zero: a credit
    std::string description;
    // Ends the description, in brackets ("[cry-77-RATE]"), so that this charge is told from every
    // other. Printable ASCII without brackets; the same for every attempt of one charge, and for no
    // other charge. Empty: switched off, because customers see it on their bills.
    std::string marker;
    std::string start_date;  // "2026-02-01": the billing period, both days included
    std::string end_date;
    // Ids at Rev.io that are known to be other charges. Looked at only without a marker. Two equal
    // charges without one that are unknown at the same time find the same record: whoever writes
    // down an id must refuse it for a second charge, which is then read back again.
    std::vector<std::int64_t> known_ids;
};

// The description as Rev.io gets it: ASCII as the original system sent it (every other character is
// a '?'), without blanks at its ends, at most kMaxChargeDescriptionBytes with the whole marker.
std::string sent_description(const Charge& charge);

// Applied.details: chargeId; adopted: found by a reading, not answered to a POST. If adopted also
// createdDate and amount as Rev.io has them, where it tells (a person may have changed the amount),
// and doubles [id] with a sentence in Applied.summary if more charges carry the marker: then Rev.io
// bills this charge more than once, and a person must remove those.
// Refused means that nothing was charged. Unknown with needs_person: the reading itself cannot tell
// (several charges that may be this one, more charges than are read, a filter that was ignored).
// No progress is kept: Attempt::resolving, settled and unclear_since say all that is needed.
std::unique_ptr<carriers::Exchange> create_charge(const carriers::Account& account, Charge charge,
                                                  const carriers::Attempt& attempt);

}  // namespace carryall::billing::revio
