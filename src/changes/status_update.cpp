// Update device status: one exchange at the carrier for each device; the record then has the new
// status.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Update Device Status";

std::string target_of(const ChangeParameters& parameters) {
    return parameters.status_update ? parameters.status_update->update_status.value_or("") : "";
}

class StatusUpdateKind : public CarrierChangeKind {
  public:
    StatusUpdateKind(const RunnableChange& change, CarrierAccount account)
        : CarrierChangeKind(change, std::move(account)),
          // Most changes give every device the same status: its text is read once.
          common_(target_of(parameters_for(change, ClaimedDevice{}))) {}

    std::string description() const override { return kDescription; }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        DevicePlan plan;
        plan.effect =
            device.own_request.empty() ? common_ : target_of(parameters_for(change(), device));
        plan.exchange = exchange(device, carriers::StatusChange{plan.effect}, attempt);
        return plan;
    }

  private:
    std::string common_;
};

}  // namespace

std::unique_ptr<ChangeKind> make_status_update(const RunnableChange& change) {
    return make_carrier_kind<StatusUpdateKind>(change, kDescription);
}

}  // namespace carryall::changes
