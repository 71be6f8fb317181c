// Writes the charge list of a part into a file of this machine.
//
// What must stay true: memory stays flat however many charges a part has; what cannot be read is
// named in the list and costs no other row.
#pragma once

#include <filesystem>

#include "charges/charge_list_rules.hpp"
#include "charges/charge_list_store.hpp"

namespace carryall::charges {

struct ListOrder {
    PartId part;
    ListSubject subject;
};

// Replaces `file`. Fails if the database or the disk does not answer; never for a single charge.
Result<ListFigures> write_charge_list(db::Connection& connection, const ListOrder& order,
                                      const std::filesystem::path& file);

}  // namespace carryall::charges
