// A change type as the run engine sees it: with whom to speak, what to say about a device, what a
// success means for the local record. One file for each type; the engine itself knows none of them.
#pragma once

#include <memory>

#include "changes/page_run.hpp"
#include "changes/run_store.hpp"

namespace carryall::changes {

class ChangeKind {
  public:
    virtual ~ChangeKind() = default;
    // The account calls go to; nullptr if this change stays inside.
    virtual const carriers::Account* account() const { return nullptr; }
    // Its pacing; nullptr if this change stays inside.
    virtual const StoredAccount* paced_account() const { return nullptr; }
    // Its carrier; nullptr if this change goes to none.
    virtual const carriers::Carrier* carrier() const { return nullptr; }
    virtual std::chrono::seconds settling_time() const { return std::chrono::seconds(0); }
    virtual std::string description() const = 0;  // "Update Device Status"
    // "POND", or "Update AMOP" for the local record.
    virtual std::string integration_name() const = 0;
    // What plan() must know beside the device, read once for a page, in one statement at most.
    virtual Result<void> look_around(db::Connection& connection, const ClaimedPage& page) {
        static_cast<void>(connection);
        static_cast<void>(page);
        return {};
    }
    virtual DevicePlan plan(const ClaimedDevice& device,
                            const carriers::Attempt& attempt) const = 0;
    virtual std::string effect(const DevicePlan& plan, const carriers::Applied& applied) const {
        static_cast<void>(applied);
        return plan.effect;
    }
};

// Never fails: an account that is not configured, say, makes a kind that refuses every device with
// the reason. `change` must outlive the kind. In change_kinds.cpp, the only place that knows all.
std::unique_ptr<ChangeKind> make_change_kind(const RunnableChange& change);

// The change's parameters with the device's own laid over them, member by member.
ChangeParameters parameters_for(const RunnableChange& change, const ClaimedDevice& device);

// Refuses every device: configuration is missing.
std::unique_ptr<ChangeKind> make_refusal(std::string description, std::string integration_name,
                                         std::string reason);

using accounts::CarrierAccount;

// What the changes that go to the carrier share: its account, its pace, its name.
class CarrierChangeKind : public ChangeKind {
  public:
    CarrierChangeKind(const RunnableChange& change, CarrierAccount account)
        : change_(change), account_(std::move(account)) {}
    const carriers::Account* account() const override { return &account_.account; }
    const StoredAccount* paced_account() const override { return &change_.account; }
    const carriers::Carrier* carrier() const override { return account_.carrier; }
    std::chrono::seconds settling_time() const override {
        return account_.carrier->capabilities().settling_time;
    }
    std::string integration_name() const override {
        return std::string(display_name(account_.carrier->integration()));
    }

  protected:
    const RunnableChange& change() const { return change_; }
    // The way to the carrier, or the refusal if the line's budget is used up.
    DevicePlan carrier_plan(const ClaimedDevice& device, const carriers::Action& action,
                            accounts::LineAction line_action,
                            const carriers::Attempt& attempt) const;

  private:
    const RunnableChange& change_;
    CarrierAccount account_;
};

// Kind, or the refusal of every device if the account cannot be used.
template <class Kind>
std::unique_ptr<ChangeKind> make_carrier_kind(const RunnableChange& change,
                                              const char* description) {
    auto account = accounts::open_carrier_account(change.account);
    if (!account) {
        return make_refusal(description, change.account.integration, account.error().message);
    }
    return std::make_unique<Kind>(change, std::move(account).value());
}

// One file each.
std::unique_ptr<ChangeKind> make_status_update(const RunnableChange& change);
std::unique_ptr<ChangeKind> make_carrier_rate_plan_change(const RunnableChange& change);
std::unique_ptr<ChangeKind> make_customer_rate_plan_change(const RunnableChange& change);
std::unique_ptr<ChangeKind> make_customer_assignment(const RunnableChange& change);
std::unique_ptr<ChangeKind> make_new_service_activation(const RunnableChange& change);

// What a change of status counts as against a line's budgets, by the status that the line has.
accounts::LineAction line_action_of(std::string_view present, std::string_view target);

}  // namespace carryall::changes
