// What the charge list of a part reads, in ranges of places, so that memory stays flat.
#pragma once

#include <string>
#include <vector>

#include "charges/charge.hpp"
#include "charges/charge_list_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

// Names a part.
struct PartId {
    std::int64_t tenant_id = 0;
    ChargeRunId run;
    int part_number = 0;
};

// Charges of the part at the places from `first` to `last`, in this order. Charges of one device
// stand next to each other.
Result<std::vector<ListedCharge>> read_listed_charges(db::Connection& connection,
                                                      const PartId& part, std::int64_t first,
                                                      std::int64_t last);

// What went wrong in these parts of a run, the commonest first; digits in reasons are left out, so
// that reasons that differ in an id are one kind.
Result<std::vector<ErrorCount>> count_errors(db::Connection& connection, std::int64_t tenant_id,
                                             ChargeRunId run, const std::vector<int>& parts);

}  // namespace carryall::charges
