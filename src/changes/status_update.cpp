// Update device status: one exchange at the carrier for each device; the record then has the new
// status.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Update Device Status";

class StatusUpdateKind : public ChangeKind {
  public:
    StatusUpdateKind(const RunnableChange& change, CarrierAccount account)
        : change_(change),
          account_(std::move(account)),
          // Most changes give every device the same status: its text is read once.
          common_(target_of(parameters_for(change, ClaimedDevice{}))) {}

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
        DevicePlan plan;
        plan.effect =
            device.own_request.empty() ? common_ : target_of(parameters_for(change_, device));
        plan.exchange = account_.carrier->exchange(account_.account, device.line,
                                                   carriers::StatusChange{plan.effect}, attempt);
        return plan;
    }

  private:
    static std::string target_of(const ChangeParameters& parameters) {
        return parameters.status_update ? parameters.status_update->update_status.value_or("") : "";
    }

    const RunnableChange& change_;
    CarrierAccount account_;
    std::string common_;
};

}  // namespace

std::unique_ptr<ChangeKind> make_status_update(const RunnableChange& change) {
    auto account = open_carrier_account(change);
    if (!account) {
        return make_refusal(kDescription, change.account.integration, account.error().message);
    }
    return std::make_unique<StatusUpdateKind>(change, std::move(account).value());
}

}  // namespace carryall::changes
