// The database's side of writing an instance, step by step inside one transaction.
#pragma once

#include "charges/optimization_rules.hpp"

namespace carryall::charges {

// Holds the instance until the transaction ends, so that no charge run takes it meanwhile. False:
// there is none of this id yet. `conflict`: it is charged, or somebody is writing it.
Result<bool> lock_instance(db::Transaction& transaction, TenantId tenant_id, InstanceId id);

// Finds the customer and looks at the Rev.io account and at the ids of groups and queues; mistakes
// go to `errors`, and then the result must not be used. Answers the customer.
Result<std::int64_t> find_references(db::Transaction& transaction, TenantId tenant_id,
                                     InstanceId id, const InstanceRequest& request,
                                     base::JsonErrors& errors);

// Instance, groups and queues as the request says; what it leaves out goes, with its device
// results. Answers how many of those went, also of queues whose results the request brings anew.
Result<std::int64_t> write_instance(db::Transaction& transaction, const tenants::Caller& caller,
                                    InstanceId id, const InstanceRequest& request,
                                    std::int64_t customer_id);

// A queue that holds results of a portal that the instance does not take (its portal type changed);
// empty: none does.
Result<std::optional<std::int64_t>> find_misfit(db::Transaction& transaction, TenantId tenant_id,
                                                InstanceId id);

}  // namespace carryall::charges
