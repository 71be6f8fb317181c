// Change carrier rate plan: one exchange at the carrier for each device; the record then has the
// new plan.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Change Carrier Rate Plan";

class CarrierRatePlanKind : public ChangeKind {
  public:
    CarrierRatePlanKind(const RunnableChange& change, CarrierAccount account)
        : change_(change),
          account_(std::move(account)),
          common_(plan_of(parameters_for(change, ClaimedDevice{}))) {}

    const carriers::Account* account() const override { return &account_.account; }
    const StoredAccount* paced_account() const override { return &change_.account; }
    std::chrono::seconds settling_time() const override {
        return account_.carrier->capabilities().settling_time;
    }
    std::string description() const override { return kDescription; }
    std::string integration_name() const override {
        return std::string(display_name(account_.carrier->integration()));
    }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const carriers::RatePlanChange target =
            device.own_request.empty() ? common_ : plan_of(parameters_for(change_, device));
        DevicePlan plan;
        plan.effect = target.code;
        plan.exchange = account_.carrier->exchange(account_.account, device.line, target, attempt);
        return plan;
    }

  private:
    // Validation filled in the carrier's own ids from the plan's code.
    static carriers::RatePlanChange plan_of(const ChangeParameters& parameters) {
        carriers::RatePlanChange target;
        if (const auto& update = parameters.carrier_rate_plan_update) {
            target.code = update->carrier_rate_plan.value_or("");
            target.plan_uuid = update->plan_uuid.value_or("");
            target.carrier_plan_id = update->rate_plan_id;
        }
        return target;
    }

    const RunnableChange& change_;
    CarrierAccount account_;
    carriers::RatePlanChange common_;
};

}  // namespace

std::unique_ptr<ChangeKind> make_carrier_rate_plan_change(const RunnableChange& change) {
    auto account = open_carrier_account(change);
    if (!account) {
        return make_refusal(kDescription, change.account.integration, account.error().message);
    }
    return std::make_unique<CarrierRatePlanKind>(change, std::move(account).value());
}

}  // namespace carryall::changes
