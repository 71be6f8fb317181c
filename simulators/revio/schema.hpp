// The resources of Rev.io that are played, as schemas. Field names, types and limits as published.
#pragma once

#include <cstddef>

#include "revio/table.hpp"

namespace carryall::simulators::revio {

enum Resource : int {
    kCustomers,
    kServices,
    kServiceProducts,
    kCharges,
    kInventoryItems,
    kProducts,
    kProductTypes,
    kProviders,
    kServiceTypes,
    kPackages,
    kPackageProducts,
    kUsagePlanGroups,
    kAgents,
    kBillProfiles,
    kInventoryTypes,
    kResourceCount
};

inline constexpr std::size_t kCustomFields = 3;  // of a service
extern const std::string_view kCustomFieldLabels[kCustomFields];

const Schema& schema_of(int resource);

}  // namespace carryall::simulators::revio
