// Update device status: one exchange at the carrier for each device; the record then has the new
// status.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Update Device Status";

carriers::StatusChange change_of(const ChangeParameters& parameters) {
    carriers::StatusChange wanted;
    if (const auto& update = parameters.status_update) {
        wanted.target = update->update_status.value_or("");
        wanted.reason_code = update->reason_code.value_or("");
        wanted.rate_plan = update->carrier_rate_plan.value_or("");
        wanted.zip_code = update->zip_code.value_or("");
    }
    return wanted;
}

class StatusUpdateKind : public CarrierChangeKind {
  public:
    StatusUpdateKind(const RunnableChange& change, CarrierAccount account)
        : CarrierChangeKind(change, std::move(account)),
          // Most changes give every device the same status: its text is read once.
          common_(change_of(parameters_for(change, ClaimedDevice{}))) {}

    std::string description() const override { return kDescription; }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const carriers::StatusChange wanted =
            device.own_request.empty() ? common_ : change_of(parameters_for(change(), device));
        DevicePlan plan = carrier_plan(device, wanted,
                                       line_action_of(device.line.status, wanted.target), attempt);
        plan.effect = wanted.target;
        return plan;
    }

    std::string effect(const DevicePlan& plan, const carriers::Applied& applied) const override {
        if (applied.details.empty()) return plan.effect;
        base::json::object told = {{"status", plan.effect}};
        for (const char* name : {"msisdn", "ratePlan"}) {
            const auto* value = applied.details.if_contains(name);
            if (value != nullptr && value->is_string()) told[name] = *value;
        }
        return told.size() == 1 ? plan.effect : base::json::serialize(told);
    }

  private:
    carriers::StatusChange common_;
};

}  // namespace

accounts::LineAction line_action_of(std::string_view present, std::string_view target) {
    const std::string wanted = carriers::comparable_status(target);
    if (wanted == "suspended") return accounts::LineAction::suspend;
    if (wanted == "deactivated") return accounts::LineAction::deactivate;
    if (wanted != "active") return accounts::LineAction::status;
    return carriers::comparable_status(present) == "suspended" ? accounts::LineAction::restore
                                                               : accounts::LineAction::activate;
}

std::unique_ptr<ChangeKind> make_status_update(const RunnableChange& change) {
    return make_carrier_kind<StatusUpdateKind>(change, kDescription);
}

}  // namespace carryall::changes
