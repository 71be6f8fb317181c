// The list of change types: a fifth is a file of its own and a line here.
#include "changes/change_kind.hpp"

namespace carryall::changes {

std::unique_ptr<ChangeKind> make_change_kind(const RunnableChange& change) {
    switch (change.type) {
        case ChangeType::statusupdate:
            return make_status_update(change);
        case ChangeType::carrierrateplanchange:
            return make_carrier_rate_plan_change(change);
        case ChangeType::customerrateplanchange:
            return make_customer_rate_plan_change(change);
        case ChangeType::customerassignment:
            return make_customer_assignment(change);
    }
    CHECK(false);
}

}  // namespace carryall::changes
