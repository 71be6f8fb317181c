// SQL for what a change's type touches, as JSON: the values a device has (the image), and those a
// change gives it (the target). Plans, their re-check and undo compare the two. What must stay
// true: an image and a target of the same type have the same names for the same things, so that
// `image @> target` means "has what the change gives".
//
//   statusupdate             status
//   newserviceactivation     status, carrierRatePlan, imei
//   carrierrateplanchange    carrierRatePlan, communicationPlan (code and name)
//   customerrateplanchange   customerRatePlanId, customerPoolId, customerDataAllocationMb
//   customerassignment       customerId, siteId, accountNumber, revServiceId, customerRatePlanId,
//                            customerRatePoolId
#pragma once

#include <array>
#include <string>
#include <vector>

#include "changes/bulk_change.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

// Of the device `d`; NULL if there is none. Needs image_joins() in the FROM clause; $1 is the
// tenant.
std::string image_of_device(ChangeType type);
std::string image_joins(ChangeType type);

// Of the section `s.section` (customerAssignment and so on, complete): only what it changes.
std::string target_of_section(ChangeType type);

// The names above, in their order.
const std::vector<std::string>& image_names(ChangeType type);

// One text for each change type, made once, as a query with a name of its own.
class QueryByType {
  public:
    QueryByType(const char* name, std::string (*sql)(ChangeType));
    db::Query of(ChangeType type) const;

  private:
    static constexpr std::size_t kTypes = 5;
    std::array<std::string, kTypes> names_;
    std::array<std::string, kTypes> texts_;
};

}  // namespace carryall::changes
