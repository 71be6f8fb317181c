// Change carrier rate plan: one exchange at the carrier for each device; the record then has the
// new plan.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Change Carrier Rate Plan";

// Validation filled in the carrier's own ids from the plan's code.
carriers::RatePlanChange plan_of(const ChangeParameters& parameters) {
    carriers::RatePlanChange target;
    if (const auto& update = parameters.carrier_rate_plan_update) {
        target.code = update->carrier_rate_plan.value_or("");
        target.plan_uuid = update->plan_uuid.value_or("");
        target.carrier_plan_id = update->rate_plan_id;
        target.communication_plan = update->comm_plan.value_or("");
        if (update->scheduled_at_carrier.value_or(false) && update->effective_date) {
            const auto date = base::parse_iso8601(*update->effective_date);
            if (date) target.effective_date = *date;
        }
    }
    return target;
}

class CarrierRatePlanKind : public CarrierChangeKind {
  public:
    CarrierRatePlanKind(const RunnableChange& change, CarrierAccount account)
        : CarrierChangeKind(change, std::move(account)),
          common_(plan_of(parameters_for(change, ClaimedDevice{}))) {}

    std::string description() const override { return kDescription; }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const carriers::RatePlanChange target =
            device.own_request.empty() ? common_ : plan_of(parameters_for(change(), device));
        DevicePlan plan = carrier_plan(device, target, accounts::LineAction::plan, attempt);
        plan.effect =
            target.communication_plan.empty()
                ? target.code
                : base::json::serialize(base::json::object{
                      {"ratePlan", target.code}, {"communicationPlan", target.communication_plan}});
        return plan;
    }

  private:
    carriers::RatePlanChange common_;
};

}  // namespace

std::unique_ptr<ChangeKind> make_carrier_rate_plan_change(const RunnableChange& change) {
    return make_carrier_kind<CarrierRatePlanKind>(change, kDescription);
}

}  // namespace carryall::changes
