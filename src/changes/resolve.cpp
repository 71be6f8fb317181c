// The request-level checks. Texts are those of the original system where it has one.
#include "changes/resolve.hpp"

#include <fmt/format.h>

#include "carriers/carrier.hpp"
#include "changes/activation.hpp"
#include "changes/parameters.hpp"
#include "devices/identifiers.hpp"
#include "queue/queue.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using std::chrono::hours;

const carriers::Carrier* carrier_of(const std::string& integration) {
    const auto known = carriers::parse_integration(integration);
    return known ? carriers::find_carrier(*known) : nullptr;
}

std::string display_name_of(const std::string& integration) {
    const auto known = carriers::parse_integration(integration);
    return known ? std::string(carriers::display_name(*known)) : integration;
}

bool goes_to_the_carrier(ChangeType type) {
    return type == ChangeType::statusupdate || type == ChangeType::carrierrateplanchange ||
           type == ChangeType::newserviceactivation;
}

std::string pointer(ChangeType type, std::string_view member) {
    return '/' + std::string(section_name(type)) + '/' + std::string(member);
}

bool plan_needs_carrier_id(const std::string& integration) {
    const carriers::Carrier* carrier = carrier_of(integration);
    return carrier != nullptr && carrier->capabilities().plans_need_carrier_id;
}

}  // namespace

bool begins_at_its_date(ChangeType type) {
    switch (type) {
        case ChangeType::statusupdate:
        case ChangeType::carrierrateplanchange:
        case ChangeType::newserviceactivation:
            return true;
        case ChangeType::customerrateplanchange:
        case ChangeType::customerassignment:
            return false;
    }
    CHECK(false && "a change type without a rule for its date");
    return false;
}

std::optional<std::string> due_date(ChangeType type, const ChangeParameters& effective,
                                    std::optional<base::Instant> start_at, base::Instant now) {
    base::Instant due = start_at.value_or(now);
    if (begins_at_its_date(type)) {
        const auto& date = effective_date_of(effective, type);
        const auto instant = date ? base::parse_iso8601(*date) : now;
        if (instant) due = std::max(due, *instant);
    }
    return due > now ? std::optional(base::to_iso8601(due)) : std::nullopt;
}

std::string check_effective_date(ChangeType type, base::Instant date, base::Instant now) {
    if (date > now + hours(24) * kMaxScheduledDays) {
        return "Invalid effective date (more than " + std::to_string(kMaxScheduledDays) +
               " days ahead)";
    }
    const auto oldest =
        begins_at_its_date(type) ? now - kSameDay : now - hours(24) * kMaxBackdatedDays;
    if (date < oldest) return "Invalid effective date (past dates for scheduling)";
    return {};
}

Result<EffectiveRules> EffectiveRules::make(BulkChangeRequest& request,
                                            const ProviderFacts& provider, bool may_have_own,
                                            std::vector<base::Error>& errors) {
    EffectiveRules rules;
    rules.type_ = request.change_type;
    rules.now_ = provider.now;
    const std::size_t before = errors.size();
    const ChangeType type = request.change_type;
    if (goes_to_the_carrier(type)) {
        const auto able = rules.take_carrier(provider);
        if (!able) {
            errors.push_back(able.error());
            return errors.back();
        }
        auto& plan = request.parameters.carrier_rate_plan_update;
        if (plan && rules.carrier_keeps_days_ > 0) plan->scheduled_at_carrier = true;
    }
    if (type == ChangeType::newserviceactivation && request.portal &&
        *request.portal != Portal::mobility) {
        errors.push_back(
            base::invalid_input("an activation belongs to the mobility portal", "/portal"));
    }
    rules.canonicalise(request.parameters);
    const auto& status = request.parameters.status_update;
    if (status && status->update_status) {
        const bool known = std::find(rules.statuses_.begin(), rules.statuses_.end(),
                                     *status->update_status) != rules.statuses_.end();
        if (!known) {
            std::string names;
            for (const std::string& name : rules.statuses_) {
                names += (names.empty() ? "" : ", ") + name;
            }
            errors.push_back(base::invalid_input(
                '"' + *status->update_status + "\" is no status of " +
                    display_name_of(provider.integration) + "; known are " + names,
                pointer(type, "updateStatus")));
        }
    }
    const std::string missing = missing_parameters(request.parameters, request.references, type);
    if (!missing.empty() && !may_have_own) {
        errors.push_back(base::invalid_input("Missing required parameters: " + missing,
                                             '/' + std::string(section_name(type))));
    }
    const auto& date = effective_date_of(request.parameters, type);
    if (date) {
        const auto instant = base::parse_iso8601(*date);
        const std::string reason =
            instant ? rules.date_problem(*instant) : "Invalid effective date";
        if (!reason.empty()) {
            errors.push_back(base::invalid_input(reason, pointer(type, "effectiveDate")));
        }
    }
    if (request.start_at) {
        // Whatever the type, nothing is begun in the past.
        const std::string reason =
            check_effective_date(ChangeType::statusupdate, *request.start_at, rules.now_);
        if (!reason.empty()) errors.push_back(base::invalid_input(reason, "/startAt"));
        if (*request.start_at > rules.now_) rules.start_at_ = request.start_at;
    }
    rules.shared_problem_ = rules.problem_of(request.parameters, request.references);
    rules.due_at_ = rules.due_at(request.parameters);
    if (errors.size() > before) return errors[before];
    return rules;
}

void EffectiveRules::canonicalise(ChangeParameters& parameters) const {
    if (!parameters.status_update || !parameters.status_update->update_status) return;
    if (carrier_ == nullptr) return;
    std::string& wanted = *parameters.status_update->update_status;
    if (auto known = carrier_->canonical_status(wanted)) wanted = std::move(*known);
}

std::string EffectiveRules::problem_of(const ChangeParameters& effective,
                                       const References& names) const {
    const std::string missing = missing_parameters(effective, names, type_);
    if (!missing.empty()) return "Missing required parameters: " + missing;
    if (type_ == ChangeType::newserviceactivation) return problem_of_activation(effective);
    const auto& date = effective_date_of(effective, type_);
    if (!date) return {};
    const auto instant = base::parse_iso8601(*date);
    return instant ? date_problem(*instant) : "Invalid effective date";
}

std::string EffectiveRules::problem_of_activation(const ChangeParameters& effective) const {
    const std::string& imei = *effective.new_service_activation->imei;
    const auto parsed = devices::Imei::parse(imei);
    if (!parsed) return "Invalid IMEI (" + parsed.error().message + ')';
    return carrier_->activation_problem(imei, activation_of(effective));
}

Result<int> devices_per_request(ChangeType type, const ProviderFacts& provider) {
    BulkChangeRequest request;
    request.change_type = type;
    std::vector<base::Error> errors;
    const auto rules = EffectiveRules::make(request, provider, true, errors);
    if (!rules) return rules.error();
    return rules->devices_per_request();
}

// What the carrier of the service provider can do, and what the provider's settings make of it.
Result<void> EffectiveRules::take_carrier(const ProviderFacts& provider) {
    carrier_ = carrier_of(provider.integration);
    const carriers::Capabilities can =
        carrier_ != nullptr ? carrier_->capabilities() : carriers::Capabilities();
    const bool is_able = type_ == ChangeType::statusupdate           ? can.status_update
                         : type_ == ChangeType::newserviceactivation ? can.new_activation
                                                                     : can.carrier_rate_plan_change;
    if (!is_able) {
        return base::invalid_input("this version cannot carry out a " +
                                       std::string(to_string(type_)) + " at " +
                                       display_name_of(provider.integration),
                                   "/changeType");
    }
    statuses_ = carrier_->statuses();
    devices_per_request_ = can.devices_per_request;
    if (type_ == ChangeType::newserviceactivation) {
        devices_per_request_ = can.activations_per_request;
        return {};
    }
    const auto* set = base::find_ignoring_case(provider.settings, "devicesPerRequest");
    if (can.devices_per_request > 1 && set != nullptr && set->is_int64()) {
        devices_per_request_ =
            static_cast<int>(std::clamp<std::int64_t>(set->get_int64(), 1, kMaxBatchPageSize));
    }
    static const base::json::object kNoCredentials;
    carriers::SettingsReader reader(provider.settings, kNoCredentials);
    if (reader.flag("scheduleAtCarrier", false)) {
        carrier_keeps_days_ = can.schedules_days_ahead;
    }
    return {};
}

std::string EffectiveRules::date_problem(base::Instant date) const {
    const bool is_too_far =
        carrier_keeps_days_ > 0 && date > now_ + std::chrono::days(carrier_keeps_days_);
    if (is_too_far) {
        return "Invalid effective date (the carrier takes dates up to " +
               std::to_string(carrier_keeps_days_) + " days ahead)";
    }
    return check_effective_date(type_, date, now_);
}

std::optional<std::string> EffectiveRules::due_at(const ChangeParameters& effective) const {
    // A date that the carrier keeps is sent with the request, at once.
    const bool is_kept = carrier_keeps_days_ > 0;
    return due_date(type_, is_kept ? ChangeParameters() : effective, start_at_, now_);
}

namespace {

// Resolving a section; every finding that fails is an error with its pointer.
class Resolver {
  public:
    // `section`: whose members are resolved; of an activation, those of what follows it.
    Resolver(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeRequest& request,
             ChangeType section, std::vector<base::Error>& errors)
        : transaction_(transaction),
          tenant_id_(tenant_id),
          request_(request),
          section_(section),
          errors_(errors) {}

    Result<void> assignment(CustomerAssignment& wanted);
    Result<void> customer_plan(std::optional<std::int64_t>& plan_id,
                               std::optional<std::int64_t>& pool_id, std::string_view pool_name);
    Result<void> carrier_plan(CarrierRatePlanUpdate& wanted, bool needs_carrier_id);

  private:
    void fail(std::string_view member, const std::string& message) {
        errors_.push_back(base::invalid_input(message, pointer(section_, member)));
    }
    Result<void> site(CustomerAssignment& wanted, const FoundCustomer& customer);

    db::Transaction& transaction_;
    std::int64_t tenant_id_;
    BulkChangeRequest& request_;
    ChangeType section_;
    std::vector<base::Error>& errors_;
};

Result<void> Resolver::site(CustomerAssignment& wanted, const FoundCustomer& customer) {
    const auto found = find_site(transaction_, tenant_id_, customer.customer_id, wanted.site_id,
                                 request_.references.site);
    if (!found) return found.error();
    const bool is_named = wanted.site_id || request_.references.site;
    if (*found) {
        wanted.site_id = *found;
        request_.references.site.reset();
    } else if (is_named || customer.rev_customer_id) {
        fail("siteId", "Site not found for customer");
    }
    return {};
}

Result<void> Resolver::assignment(CustomerAssignment& wanted) {
    auto& name = request_.references.customer;
    if (!wanted.rev_customer_id && !wanted.customer_id && !name) return {};
    const bool by_rev_id = wanted.rev_customer_id.has_value();
    const auto found = find_customer(transaction_, tenant_id_, wanted, name);
    if (!found) return found.error();
    if (!*found) {
        fail(by_rev_id ? "revCustomerId" : "customerId",
             by_rev_id ? "Rev Customer not found" : "Customer not found");
        return {};
    }
    const FoundCustomer& customer = **found;
    wanted.customer_id = customer.customer_id;
    wanted.rev_customer_id = customer.rev_customer_id;
    name.reset();
    if (!wanted.account_number) wanted.account_number = customer.account_number;
    if (wanted.create_rev_service.value_or(false) && !customer.rev_customer_id) {
        fail("createRevService", "Rev Customer not found");
    }
    return site(wanted, customer);
}

Result<void> Resolver::customer_plan(std::optional<std::int64_t>& plan_id,
                                     std::optional<std::int64_t>& pool_id,
                                     std::string_view pool_member) {
    References& names = request_.references;
    if (plan_id || names.customer_rate_plan) {
        const auto found =
            find_customer_plan(transaction_, tenant_id_, plan_id, names.customer_rate_plan);
        if (!found) return found.error();
        if (!*found) fail("customerRatePlanId", "Invalid customer rate plan");
        plan_id = *found;
        names.customer_rate_plan.reset();
    }
    if (pool_id || names.customer_pool) {
        const auto found =
            find_customer_pool(transaction_, tenant_id_, pool_id, names.customer_pool);
        if (!found) return found.error();
        if (!*found) fail(pool_member, "Invalid customer rate pool");
        pool_id = *found;
        names.customer_pool.reset();
    }
    return {};
}

Result<void> Resolver::carrier_plan(CarrierRatePlanUpdate& wanted, bool needs_carrier_id) {
    if (wanted.carrier_rate_plan) {
        const auto found = find_carrier_plan(transaction_, tenant_id_, request_.service_provider_id,
                                             *wanted.carrier_rate_plan);
        if (!found) return found.error();
        const auto& plan = *found;
        std::string reason;
        if (!plan) {
            reason = "Carrier rate plan not found";
        } else if (!plan->of_this_provider) {
            reason = "Carrier rate plan belongs to another service provider";
        } else if (!plan->is_active) {
            reason = "Carrier rate plan is inactive";
        } else if (needs_carrier_id && !plan->carrier_plan_id) {
            reason = "Carrier rate plan has no id at the carrier";
        }
        if (!reason.empty()) {
            fail("carrierRatePlan", reason);
        } else {
            wanted.plan_uuid = plan->plan_uuid;
            wanted.rate_plan_id = plan->carrier_plan_id;
        }
    }
    if (!wanted.comm_plan) return {};
    const auto known = has_communication_plan(transaction_, tenant_id_,
                                              request_.service_provider_id, *wanted.comm_plan);
    if (!known) return known.error();
    if (!*known) fail("commPlan", "Communication plan not found");
    return {};
}

}  // namespace

Result<void> resolve_request(db::Transaction& transaction, std::int64_t tenant_id,
                             const std::string& integration, BulkChangeRequest& request,
                             std::vector<base::Error>& errors) {
    const bool is_activation = request.change_type == ChangeType::newserviceactivation;
    Resolver resolver(transaction, tenant_id, request,
                      is_activation ? ChangeType::customerassignment : request.change_type, errors);
    ChangeParameters& parameters = request.parameters;
    const std::size_t before = errors.size();
    switch (request.change_type) {
        case ChangeType::customerassignment: {
            if (!parameters.customer_assignment) parameters.customer_assignment.emplace();
            CustomerAssignment& wanted = *parameters.customer_assignment;
            CARRYALL_TRY(resolver.assignment(wanted));
            CARRYALL_TRY(resolver.customer_plan(
                wanted.customer_rate_plan_id, wanted.customer_rate_pool_id, "customerRatePoolId"));
            break;
        }
        case ChangeType::customerrateplanchange: {
            if (!parameters.customer_rate_plan_update) {
                parameters.customer_rate_plan_update.emplace();
            }
            CustomerRatePlanUpdate& wanted = *parameters.customer_rate_plan_update;
            CARRYALL_TRY(resolver.customer_plan(wanted.customer_rate_plan_id,
                                                wanted.customer_pool_id, "customerPoolId"));
            break;
        }
        case ChangeType::carrierrateplanchange:
            if (parameters.carrier_rate_plan_update) {
                CARRYALL_TRY(resolver.carrier_plan(*parameters.carrier_rate_plan_update,
                                                   plan_needs_carrier_id(integration)));
            }
            break;
        case ChangeType::newserviceactivation:
            if (parameters.customer_assignment) {
                CustomerAssignment& wanted = *parameters.customer_assignment;
                CARRYALL_TRY(resolver.assignment(wanted));
                CARRYALL_TRY(resolver.customer_plan(wanted.customer_rate_plan_id,
                                                    wanted.customer_rate_pool_id,
                                                    "customerRatePoolId"));
            }
            break;
        case ChangeType::statusupdate:
            break;
    }
    if (errors.size() > before) return errors[before];
    return {};
}

namespace {

// One for each that differs in more than its spelling.
std::vector<std::string> distinct_statuses(const std::vector<std::string>& statuses) {
    std::vector<std::string> seen;
    std::vector<std::string> out;
    for (const std::string& status : statuses) {
        std::string comparable = carriers::comparable_status(status);
        if (std::find(seen.begin(), seen.end(), comparable) != seen.end()) continue;
        seen.push_back(std::move(comparable));
        out.push_back(status);
    }
    return out;
}

void take_active_statuses(const carriers::Carrier& carrier,
                          const std::vector<std::string>& statuses, JudgeFacts& facts) {
    for (const std::string& status : distinct_statuses(statuses)) {
        std::string reason = active_line_problem(carrier.canonical_status(status));
        if (reason.empty()) continue;
        facts.from_statuses.push_back(carriers::comparable_status(status));
        facts.advice.push_back(std::move(reason));
    }
}

}  // namespace

Result<JudgeFacts> judge_facts(db::Transaction& transaction, std::int64_t tenant_id,
                               std::int64_t service_provider_id, ChangeType type,
                               std::optional<Portal> portal, const ProviderFacts& provider) {
    JudgeFacts facts;
    facts.tenant_id = tenant_id;
    facts.service_provider_id = service_provider_id;
    facts.type = type;
    facts.portal = portal;
    facts.plan_needs_carrier_id = plan_needs_carrier_id(provider.integration);
    const bool needs_statuses =
        type == ChangeType::statusupdate || type == ChangeType::newserviceactivation;
    if (!needs_statuses) return facts;
    const carriers::Carrier* carrier = carrier_of(provider.integration);
    if (carrier == nullptr) return facts;
    auto present = staged_statuses(transaction, tenant_id);
    if (!present) return present.error();
    if (type == ChangeType::newserviceactivation) {
        // The carrier's inventory may show lines that we have no record of.
        present->insert(present->end(), carrier->statuses().begin(), carrier->statuses().end());
        take_active_statuses(*carrier, *present, facts);
        return facts;
    }
    for (const std::string& status : distinct_statuses(*present)) {
        const std::string from = carriers::comparable_status(status);
        for (const std::string& target : carrier->allowed_transitions(status, provider.settings)) {
            facts.from_statuses.push_back(from);
            facts.to_statuses.push_back(carriers::comparable_status(target));
        }
        for (const std::string& target : carrier->statuses()) {
            std::string advice = carrier->transition_advice(status, target);
            if (advice.empty()) continue;
            facts.advised_from.push_back(from);
            facts.advised_to.push_back(carriers::comparable_status(target));
            facts.advice.push_back(std::move(advice));
        }
    }
    return facts;
}

namespace {

std::string text_or_empty(const std::optional<std::string>& text) {
    return text.value_or("");
}

}  // namespace

void describe_activation(const ChangeParameters& parameters, std::int64_t additional_change,
                         queue::Attributes& attributes) {
    if (!parameters.new_service_activation) return;
    const NewServiceActivation& activation = *parameters.new_service_activation;
    attributes.telegence_new_service_activation_step = 0;
    attributes.carrier_data_group = text_or_empty(activation.carrier_data_group);
    attributes.carrier_rate_pool = text_or_empty(activation.carrier_rate_pool);
    attributes.addition_bulk_change_id = additional_change;
}

Result<void> enqueue_runners(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                             const std::string& correlation_id, std::int64_t open_pages,
                             std::chrono::milliseconds until_due, queue::Attributes attributes) {
    attributes.tenant_id = tenant_id;
    attributes.bulk_change_id = id.value;
    attributes.request_id = correlation_id;
    const std::string body = base::json::serialize(base::json::object{{"bulkChangeId", id.value}});
    // A later date is waited for by the sweep, which finds every change that still has work.
    const auto delay = std::min<std::chrono::milliseconds>(until_due, queue::kMaxDelay);
    const std::int64_t runners = std::min<std::int64_t>(open_pages, kMaxParallelRunners);
    for (std::int64_t i = 0; i < runners; ++i) {
        CARRYALL_TRY(queue::enqueue(transaction, queue::kBulkChangeQueue, body, attributes, delay));
    }
    return {};
}

std::string validation_description(ChangeType type, const std::string& integration) {
    switch (type) {
        case ChangeType::customerassignment:
            return "Assign Customer: Validate";
        case ChangeType::carrierrateplanchange:
            return "Change Carrier Rate Plan: " + display_name_of(integration) + " Validate";
        case ChangeType::customerrateplanchange:
            return "Change Customer Rate Plan: Validate";
        case ChangeType::statusupdate:
            return "Update Device Status: " + display_name_of(integration) + " Validate";
        case ChangeType::newserviceactivation:
            return fmt::format("{}: Validate", kActivationDescription);
    }
    CHECK(false && "a change type without a description");
    return {};
}

}  // namespace carryall::changes
