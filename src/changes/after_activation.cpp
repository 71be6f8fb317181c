// A change that follows an activation, such as the assignment of a customer. The order in which
// changes of one device are carried out makes each device wait for its activation; here those are
// sorted out whose activation did not succeed.
#include <map>

#include "changes/activation.hpp"

namespace carryall::changes {
namespace {

// A worker died with the page in hand, but of a device whose activation has not ended nothing can
// have been sent: while it is open, no exchange is made for it. So it is not unclear; it is new
// again, and held back like the others.
class NotBegun : public carriers::Exchange {
  public:
    carriers::Step begin() override {
        return carriers::Outcome(
            carriers::Advanced{std::chrono::seconds(0), "waits for its activation"});
    }
    carriers::Step proceed(const http::ClientResponse&) override {
        return carriers::Outcome(carriers::Unknown{"impossible step"});
    }
};

class AfterActivation : public ChangeKind {
  public:
    AfterActivation(const RunnableChange& change, std::unique_ptr<ChangeKind> kind)
        : change_(change), kind_(std::move(kind)) {}

    const carriers::Account* account() const override { return kind_->account(); }
    const StoredAccount* paced_account() const override { return kind_->paced_account(); }
    const carriers::Carrier* carrier() const override { return kind_->carrier(); }
    std::chrono::seconds settling_time() const override { return kind_->settling_time(); }
    std::string description() const override { return kind_->description(); }
    std::string integration_name() const override { return kind_->integration_name(); }

    Result<void> look_around(db::Connection& connection, const ClaimedPage& page) override {
        std::vector<DeviceChangeId> devices;
        devices.reserve(page.devices.size());
        for (const ClaimedDevice& device : page.devices) devices.push_back(device.id);
        auto failed = failed_activations(connection, change_.tenant_id, change_.id,
                                         *change_.follows, devices);
        if (!failed) return failed.error();
        failed_.clear();
        for (FailedActivation& one : *failed) {
            failed_.emplace(one.device_change.value, std::move(one));
        }
        return kind_->look_around(connection, page);
    }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const auto found = failed_.find(device.id.value);
        if (found == failed_.end()) return kind_->plan(device, attempt);
        const FailedActivation& failed = found->second;
        DevicePlan plan;
        if (failed.is_open && attempt.resolving) {
            plan.exchange = std::make_unique<NotBegun>();
            return plan;
        }
        plan.refused = failed.is_open ? carriers::Refused{carriers::FailureClass::transient,
                                                          "the activation has not ended"}
                                      : carriers::Refused{carriers::FailureClass::business,
                                                          "activation failed: " + failed.reason};
        return plan;
    }

    std::string effect(const DevicePlan& plan, const carriers::Applied& applied) const override {
        return kind_->effect(plan, applied);
    }

  private:
    const RunnableChange& change_;
    const std::unique_ptr<ChangeKind> kind_;
    std::map<std::int64_t, FailedActivation> failed_;  // of the page at hand
};

}  // namespace

std::unique_ptr<ChangeKind> make_change_after_activation(const RunnableChange& change,
                                                         std::unique_ptr<ChangeKind> kind) {
    return std::make_unique<AfterActivation>(change, std::move(kind));
}

}  // namespace carryall::changes
