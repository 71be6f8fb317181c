// What the change types share.
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

class Refusal : public ChangeKind {
  public:
    Refusal(std::string description, std::string integration_name, std::string reason)
        : description_(std::move(description)),
          integration_name_(std::move(integration_name)),
          reason_(std::move(reason)) {}
    std::string description() const override { return description_; }
    std::string integration_name() const override { return integration_name_; }
    DevicePlan plan(const ClaimedDevice&, const carriers::Attempt&) const override {
        DevicePlan plan;
        plan.refused = carriers::Refused{carriers::FailureClass::system, reason_};
        return plan;
    }

  private:
    std::string description_;
    std::string integration_name_;
    std::string reason_;
};

// Members of `over` replace those of `under`; objects are merged.
base::json::value merged(base::json::value under, const base::json::value& over) {
    if (!under.is_object() || !over.is_object()) return over;
    for (const auto& [key, value] : over.get_object()) {
        base::json::value& slot = under.get_object()[key];
        slot = merged(std::move(slot), value);
    }
    return under;
}

ChangeParameters read_parameters(const base::json::value& value) {
    base::JsonErrors errors;
    auto parameters = base::read_json<ChangeParameters>(value, errors);
    // Stored by validation, so it reads; if a newer version stored more than we know, it is
    // ignored.
    return parameters ? std::move(parameters).value() : ChangeParameters{};
}

}  // namespace

std::unique_ptr<ChangeKind> make_refusal(std::string description, std::string integration_name,
                                         std::string reason) {
    return std::make_unique<Refusal>(std::move(description), std::move(integration_name),
                                     std::move(reason));
}

ChangeParameters parameters_for(const RunnableChange& change, const ClaimedDevice& device) {
    if (device.own_request.empty()) return read_parameters(change.request);
    const auto own = base::parse_json(device.own_request);
    return read_parameters(own ? merged(change.request, *own) : change.request);
}

DevicePlan CarrierChangeKind::carrier_plan(const ClaimedDevice& device,
                                           const carriers::Action& action,
                                           accounts::LineAction line_action,
                                           const carriers::Attempt& attempt) const {
    DevicePlan plan;
    const auto& budgets = account_.account.line_budgets;
    if (!budgets.empty()) {
        plan.line_action = to_string(line_action);
        // What may have been sent already is finished, whatever it cost.
        const bool is_first = !attempt.resolving && !attempt.waiting;
        std::string over =
            is_first ? accounts::over_budget(budgets, device.past_actions, line_action, attempt.now)
                     : std::string();
        if (!over.empty()) {
            plan.refused = carriers::Refused{carriers::FailureClass::business, std::move(over)};
            return plan;
        }
    }
    plan.exchange = account_.carrier->exchange(account_.account, device.line, action, attempt);
    return plan;
}

}  // namespace carryall::changes
