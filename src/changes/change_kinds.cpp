// The list of change types: a further one is a file of its own and a line here.
#include "changes/activation.hpp"
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

std::unique_ptr<ChangeKind> make_kind(const RunnableChange& change) {
    switch (change.type) {
        case ChangeType::statusupdate:
            return make_status_update(change);
        case ChangeType::carrierrateplanchange:
            return make_carrier_rate_plan_change(change);
        case ChangeType::customerrateplanchange:
            return make_customer_rate_plan_change(change);
        case ChangeType::customerassignment:
            return make_customer_assignment(change);
        case ChangeType::newserviceactivation:
            return make_new_service_activation(change);
    }
    CHECK(false);
}

}  // namespace

std::unique_ptr<ChangeKind> make_change_kind(const RunnableChange& change) {
    auto kind = make_kind(change);
    return change.follows ? make_change_after_activation(change, std::move(kind)) : std::move(kind);
}

}  // namespace carryall::changes
