// Assign customer. AMOP path: the record alone. Rev.io path: if a service is to be created, an
// exchange with Rev.io for each device, then the record takes over customer, site, account number,
// service, rate plan and pool.
#include "base/text.hpp"
#include "billing/revio/revio.hpp"
#include "changes/change_kind.hpp"

namespace carryall::changes {
namespace {

constexpr const char* kDescription = "Assign Customer";

base::json::object effect_object(const CustomerAssignment& assignment) {
    base::json::object effect;
    const auto add = [&](const char* name, const auto& value) {
        if (value) effect[name] = *value;
    };
    add("customerId", assignment.customer_id);
    add("revCustomerId", assignment.rev_customer_id);
    add("siteId", assignment.site_id);
    add("accountNumber", assignment.account_number);
    add("customerRatePlanId", assignment.customer_rate_plan_id);
    add("customerRatePoolId", assignment.customer_rate_pool_id);
    add("effectiveDate", assignment.effective_date);
    if (assignment.emptied) {
        for (const std::string& name : *assignment.emptied) effect[name] = nullptr;
    }
    return effect;
}

CustomerAssignment assignment_of(const ChangeParameters& parameters) {
    return parameters.customer_assignment.value_or(CustomerAssignment{});
}

// Without Rev.io, or without a service to create there.
class LocalAssignment : public ChangeKind {
  public:
    explicit LocalAssignment(const RunnableChange& change) : change_(change) {}
    std::string description() const override { return kDescription; }
    std::string integration_name() const override { return "Update AMOP"; }
    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt&) const override {
        DevicePlan plan;
        plan.effect = serialize(effect_object(assignment_of(parameters_for(change_, device))));
        return plan;
    }

  private:
    const RunnableChange& change_;
};

class RevAssignment : public ChangeKind {
  public:
    RevAssignment(const RunnableChange& change, carriers::Account account)
        : change_(change), account_(std::move(account)) {}

    const carriers::Account* account() const override { return &account_; }
    const StoredAccount* paced_account() const override { return &*change_.revio; }
    std::chrono::seconds settling_time() const override { return billing::revio::kSettlingTime; }
    std::string description() const override { return kDescription; }
    std::string integration_name() const override { return "Rev.io"; }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const CustomerAssignment assignment = assignment_of(parameters_for(change_, device));
        DevicePlan plan;
        plan.effect = serialize(effect_object(assignment));
        if (!assignment.create_rev_service.value_or(false)) return plan;
        const auto customer = base::parse_int(assignment.rev_customer_id.value_or(""));
        if (!customer) {
            plan.refused =
                carriers::Refused{carriers::FailureClass::validation, "Rev Customer not found"};
            return plan;
        }
        plan.exchange = billing::revio::assign_service(
            account_, service_request(device, assignment, *customer), attempt);
        return plan;
    }

    std::string effect(const DevicePlan& plan, const carriers::Applied& applied) const override {
        auto value = base::parse_json(plan.effect);
        CHECK(value.has_value());
        for (const auto& [key, detail] : applied.details) value->as_object()[key] = detail;
        return serialize(*value);
    }

  private:
    static billing::revio::AssignService service_request(const ClaimedDevice& device,
                                                         const CustomerAssignment& assignment,
                                                         std::int64_t customer) {
        billing::revio::AssignService request;
        request.rev_customer_id = customer;
        request.number = device.line.msisdn.empty() ? device.line.iccid : device.line.msisdn;
        if (!device.line.msisdn.empty()) request.number2 = device.line.iccid;
        request.provider_id = assignment.revio_provider_id.value_or(0);
        request.service_type_id = assignment.service_type_id;
        request.usage_plan_group_id = assignment.usage_plan_group_id;
        request.package_id = assignment.revio_package_id;
        if (assignment.revio_product_ids) request.product_ids = *assignment.revio_product_ids;
        request.activated_date = assignment.activated_date.value_or("");
        request.token = "cry-" + to_string(device.id);
        return request;
    }

    const RunnableChange& change_;
    carriers::Account account_;
};

bool wants_service(const RunnableChange& change) {
    // Only the change as a whole decides whether Rev.io is needed; a device may then opt out.
    const auto assignment = assignment_of(parameters_for(change, ClaimedDevice{}));
    return assignment.create_rev_service.value_or(false);
}

}  // namespace

std::unique_ptr<ChangeKind> make_customer_assignment(const RunnableChange& change) {
    if (!wants_service(change)) return std::make_unique<LocalAssignment>(change);
    if (!change.revio) {
        return make_refusal(kDescription, "Rev.io",
                            "No Rev.io account is set up for this tenant; add a service provider "
                            "with the integration revio");
    }
    auto account = billing::revio::account(change.revio->service_provider_id,
                                           change.revio->settings, change.revio->credentials);
    if (!account) return make_refusal(kDescription, "Rev.io", account.error().message);
    account->write_is_enabled = change.revio->write_is_enabled;
    return std::make_unique<RevAssignment>(change, std::move(account).value());
}

}  // namespace carryall::changes
