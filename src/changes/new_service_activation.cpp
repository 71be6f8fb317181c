// Activate new services: for each SIM the steps that its carrier needs, one exchange for each step.
// The record has the new line's number, plan and address as soon as they are known, also if a later
// step fails.
#include "changes/activation.hpp"
#include "changes/parameters.hpp"

namespace carryall::changes {
namespace {

class ActivationKind : public CarrierChangeKind {
  public:
    ActivationKind(const RunnableChange& change, CarrierAccount account)
        : CarrierChangeKind(change, std::move(account)),
          is_strict_(parameters_for(change, ClaimedDevice{})
                         .new_service_activation.value_or(NewServiceActivation{})
                         .strict.value_or(false)) {}

    std::string description() const override { return kActivationDescription; }

    Result<void> look_around(db::Connection& connection, const ClaimedPage&) override {
        if (!is_strict_) return {};
        const auto others = other_activations(connection, change().tenant_id, change().id);
        if (!others) return others.error();
        others_ = *others;
        return {};
    }

    DevicePlan plan(const ClaimedDevice& device, const carriers::Attempt& attempt) const override {
        const ChangeParameters parameters = parameters_for(change(), device);
        carriers::Activation wanted = activation_of(parameters);
        wanted.others = others_;
        ClaimedDevice with_imei = device;
        if (const auto& own = parameters.new_service_activation; own && own->imei) {
            with_imei.line.imei = *own->imei;
        }
        return carrier_plan(with_imei, wanted, accounts::LineAction::activate, attempt);
    }

    std::string effect(const DevicePlan&, const carriers::Applied& applied) const override {
        return base::json::serialize(applied.details);
    }

  private:
    const bool is_strict_;
    carriers::Activation::Others others_ = carriers::Activation::Others::do_not_matter;
};

std::string text(const std::optional<std::string>& value) {
    return value.value_or("");
}

}  // namespace

carriers::Activation activation_of(const ChangeParameters& parameters) {
    carriers::Activation out;
    if (!parameters.new_service_activation) return out;
    const NewServiceActivation& from = *parameters.new_service_activation;
    out.rate_plan = text(from.carrier_rate_plan);
    out.billing_account = text(from.billing_account);
    out.zip_code = text(from.zip_code);
    out.technology_type = text(from.technology_type);
    out.add_features = split_codes(from.offering_codes);
    out.remove_features = split_codes(from.remove_offering_codes);
    out.first_name = text(from.first_name);
    out.last_name = text(from.last_name);
    out.address = {text(from.street_number), text(from.street_direction),
                   text(from.street_name),   text(from.street_type),
                   text(from.city),          text(from.state_or_province),
                   text(from.postal_code)};
    if (!from.static_ip.value_or(false)) return out;
    carriers::StaticAddress& address = out.static_address.emplace();
    address.pool = text(from.ip_pool);
    address.customer_range = text(from.customer_ip_range);
    address.access_point = text(from.access_point_name);
    address.is_lte = from.lte_indicator.value_or(true);
    address.is_default_access_point = from.default_access_point.value_or(true);
    return out;
}

std::string active_line_problem(const std::optional<std::string>& status) {
    if (status == "Active") return "Line is already active";
    if (status == "Suspended") return "Line is suspended; restore it by a status update";
    return {};
}

std::unique_ptr<ChangeKind> make_new_service_activation(const RunnableChange& change) {
    auto account = accounts::open_carrier_account(change.account);
    if (!account) {
        return make_refusal(kActivationDescription, change.account.integration,
                            "Unable to get Telegence API Authentication for Service Provider: " +
                                std::to_string(change.account.service_provider_id) + " (" +
                                account.error().message + ')');
    }
    return std::make_unique<ActivationKind>(change, std::move(account).value());
}

}  // namespace carryall::changes
