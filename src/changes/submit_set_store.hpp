// The database's side of a change set: which accounts the rows belong to, and the set itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "changes/submission.hpp"

namespace carryall::changes {

struct SetProvider {
    std::int64_t service_provider_id = 0;
    std::string name;
};
// Active accounts at carriers: those of `ids`, or all if there are none.
base::Result<std::vector<SetProvider>> find_set_providers(db::Transaction& transaction,
                                                          std::int64_t tenant_id,
                                                          const std::vector<std::int64_t>& ids);

// Of these accounts, those that staged rows name lines of.
base::Result<std::vector<std::int64_t>> staged_providers(db::Transaction& transaction,
                                                         std::int64_t tenant_id,
                                                         const std::vector<std::int64_t>& ids);

base::Result<std::int64_t> insert_set(db::Transaction& transaction, std::int64_t tenant_id,
                                      const std::string& created_by,
                                      const std::string& correlation_id, base::Instant now);

struct StoredPart {
    BulkChangeId id;
    std::int64_t change_set_id = 0;
    std::int64_t service_provider_id = 0;
    std::string service_provider;
};
// All changes of the set that this change is of; none if it is of no set.
base::Result<std::vector<StoredPart>> set_of(db::Transaction& transaction, std::int64_t tenant_id,
                                             BulkChangeId id);

}  // namespace carryall::changes
