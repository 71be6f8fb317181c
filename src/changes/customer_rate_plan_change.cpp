// Change customer rate plan: the record alone, at once or, when the effective date lies ahead by
// the database's clock, into the schedule (applied by apply_due_rate_plans).
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

class CustomerRatePlanKind : public ChangeKind {
  public:
    explicit CustomerRatePlanKind(const RunnableChange& change)
        : change_(change), common_(effect_text(parameters_for(change, ClaimedDevice{}))) {}

    std::string description() const override { return "Change Customer Rate Plan"; }
    std::string integration_name() const override { return "Update AMOP"; }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt&) const override {
        DevicePlan plan;
        plan.effect =
            device.own_request.empty() ? common_ : effect_text(parameters_for(change_, device));
        return plan;
    }

  private:
    static std::string effect_text(const ChangeParameters& parameters) {
        base::json::object effect;
        if (const auto& update = parameters.customer_rate_plan_update) {
            if (update->customer_rate_plan_id) {
                effect["customerRatePlanId"] = *update->customer_rate_plan_id;
            }
            if (update->customer_pool_id) effect["customerPoolId"] = *update->customer_pool_id;
            if (update->customer_data_allocation_mb) {
                effect["customerDataAllocationMb"] = *update->customer_data_allocation_mb;
            }
            if (update->effective_date) effect["effectiveDate"] = *update->effective_date;
            if (update->emptied) {
                for (const std::string& name : *update->emptied) effect[name] = nullptr;
            }
        }
        return serialize(effect);
    }

    const RunnableChange& change_;
    std::string common_;
};

}  // namespace

std::unique_ptr<ChangeKind> make_customer_rate_plan_change(const RunnableChange& change) {
    return std::make_unique<CustomerRatePlanKind>(change);
}

}  // namespace carryall::changes
