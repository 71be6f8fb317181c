// Identifiers are judged by src/devices; merging replaces whole groups (a customer by id, by Rev.io
// id or by name), so that a device's own customer is never mixed with the change's.
#include "changes/device_row.hpp"

#include "base/text.hpp"
#include "devices/identifiers.hpp"

namespace carryall::changes {
namespace {

constexpr std::size_t kMaxNumberDigits = 15;  // ITU-T E.164

template <class T>
void take(std::optional<T>& target, const std::optional<T>& own) {
    if (own) target = own;
}

void merge(CustomerAssignment& to, References& to_names, const CustomerAssignment& own,
           const References& names) {
    if (own.customer_id || own.rev_customer_id || names.customer) {
        to.customer_id = own.customer_id;
        to.rev_customer_id = own.rev_customer_id;
        to_names.customer = names.customer;
        // They belong to the change's customer, not to this one.
        to.account_number.reset();
        to.site_id.reset();
        to_names.site.reset();
    }
    if (own.site_id || names.site) {
        to.site_id = own.site_id;
        to_names.site = names.site;
    }
    if (own.customer_rate_plan_id || names.customer_rate_plan) {
        to.customer_rate_plan_id = own.customer_rate_plan_id;
        to_names.customer_rate_plan = names.customer_rate_plan;
    }
    if (own.customer_rate_pool_id || names.customer_pool) {
        to.customer_rate_pool_id = own.customer_rate_pool_id;
        to_names.customer_pool = names.customer_pool;
    }
    take(to.account_number, own.account_number);
    take(to.create_rev_service, own.create_rev_service);
    take(to.revio_provider_id, own.revio_provider_id);
    take(to.service_type_id, own.service_type_id);
    take(to.usage_plan_group_id, own.usage_plan_group_id);
    take(to.revio_package_id, own.revio_package_id);
    take(to.revio_product_ids, own.revio_product_ids);
    take(to.add_customer_rate_plan, own.add_customer_rate_plan);
    take(to.effective_date, own.effective_date);
    take(to.use_carrier_activation, own.use_carrier_activation);
    take(to.activated_date, own.activated_date);
}

void merge(CustomerRatePlanUpdate& to, References& to_names, const CustomerRatePlanUpdate& own,
           const References& names) {
    if (own.customer_rate_plan_id || names.customer_rate_plan) {
        to.customer_rate_plan_id = own.customer_rate_plan_id;
        to_names.customer_rate_plan = names.customer_rate_plan;
    }
    if (own.customer_pool_id || names.customer_pool) {
        to.customer_pool_id = own.customer_pool_id;
        to_names.customer_pool = names.customer_pool;
    }
    take(to.customer_data_allocation_mb, own.customer_data_allocation_mb);
    take(to.effective_date, own.effective_date);
}

void merge(CarrierRatePlanUpdate& to, References&, const CarrierRatePlanUpdate& own,
           const References&) {
    if (own.carrier_rate_plan) {
        // Filled for the change's plan.
        to.plan_uuid.reset();
        to.rate_plan_id.reset();
    }
    take(to.carrier_rate_plan, own.carrier_rate_plan);
    take(to.comm_plan, own.comm_plan);
    take(to.effective_date, own.effective_date);
}

void merge(StatusUpdate& to, References&, const StatusUpdate& own, const References&) {
    take(to.update_status, own.update_status);
    take(to.reason_code, own.reason_code);
    take(to.carrier_rate_plan, own.carrier_rate_plan);
    take(to.zip_code, own.zip_code);
    take(to.effective_date, own.effective_date);
}

// Every member stands for itself.
void merge(NewServiceActivation& to, References&, const NewServiceActivation& own,
           const References&) {
    using Members =
        boost::describe::describe_members<NewServiceActivation, boost::describe::mod_public>;
    boost::mp11::mp_for_each<Members>(
        [&](auto member) { take(to.*member.pointer, own.*member.pointer); });
}

template <class Section>
void merge_section(std::optional<Section>& to, References& to_names,
                   const std::optional<Section>& own, const References& names, bool has_names) {
    if (!own && !has_names) return;
    if (!to) to.emplace();
    merge(*to, to_names, own ? *own : Section{}, names);
}

template <class Section>
base::json::object written(const std::optional<Section>& section) {
    base::json::object out;
    if (!section) return out;
    using Members = boost::describe::describe_members<Section, boost::describe::mod_public>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
        const auto& value = (*section).*member.pointer;
        if (!value) return;
        base::json::value& target = out[base::camel_case(member.name)];
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(*value)>> ||
                      std::is_same_v<std::decay_t<decltype(*value)>, std::string>) {
            target = *value;
        } else {
            target = base::json::array(value->begin(), value->end());
        }
    });
    return out;
}

}  // namespace

void reset(DeviceRow& row) {
    row.row_number = 0;
    row.identifier.clear();
    row.kind = IdentifierKind::iccid;
    row.key.clear();
    row.problem.clear();
    row.parameter_problem.clear();
    row.rejected.clear();
    if (row.has_own) {
        row.own = {};
        row.references = {};
    }
    row.has_own = false;
}

IdentifierKind kind_by_form(std::string_view text) {
    text = base::trim(text);
    if (text.starts_with('+')) return IdentifierKind::msisdn;
    return base::all_digits(text) && text.size() <= kMaxNumberDigits ? IdentifierKind::msisdn
                                                                     : IdentifierKind::iccid;
}

std::string_view invalid_identifier(IdentifierKind kind) {
    switch (kind) {
        case IdentifierKind::iccid:
            return "Invalid ICCID";
        case IdentifierKind::msisdn:
            return "Invalid subscriber number";
        case IdentifierKind::imei:
            return "Invalid IMEI";
    }
    CHECK(false && "a kind of identifier without a text");
    return {};
}

std::string_view to_string(IdentifierKind kind) {
    switch (kind) {
        case IdentifierKind::iccid:
            return "iccid";
        case IdentifierKind::msisdn:
            return "msisdn";
        case IdentifierKind::imei:
            return "imei";
    }
    CHECK(false && "a kind of identifier without a name");
    return {};
}

void identify(DeviceRow& row, const sheets::Cell& cell, IdentifierKind kind) {
    row.kind = kind;
    row.identifier = cell.text.substr(0, kMaxIdentifierBytes);
    const auto fill = [&](const auto& parsed, const auto& key_of) {
        if (parsed) {
            row.key = key_of(*parsed);
        } else {
            row.problem =
                std::string(invalid_identifier(kind)) + " (" + parsed.error().message + ')';
        }
    };
    switch (kind) {
        case IdentifierKind::iccid:
            return fill(devices::iccid_of(cell), [](const auto& id) { return id.key(); });
        case IdentifierKind::msisdn:
            return fill(devices::msisdn_of(cell), [](const auto& id) { return id.text(); });
        case IdentifierKind::imei:
            return fill(devices::imei_of(cell), [](const auto& id) { return id.text(); });
    }
}

void refuse_value(DeviceRow& row, const ParameterField& field, const std::string& reason,
                  std::string_view given) {
    row.has_own = true;
    if (row.parameter_problem.empty()) row.parameter_problem = row_problem(field, reason);
    row.rejected.emplace_back(field.name, given.substr(0, kMaxParameterBytes));
}

void merge_parameters(ChangeParameters& effective, References& references, const DeviceRow& row) {
    if (!row.has_own) return;
    const References& names = row.references;
    const bool has_plan_names = names.customer_rate_plan || names.customer_pool;
    // Of an activation a customer assignment may follow; it is the whole change's.
    if (effective.new_service_activation || row.own.new_service_activation) {
        merge_section(effective.new_service_activation, references, row.own.new_service_activation,
                      names, false);
        return;
    }
    // A row's own values are of the change's type only, so at most one of these does anything;
    // names of a customer plan alone belong to whichever section the change has.
    const bool is_assignment = effective.customer_assignment || row.own.customer_assignment ||
                               names.customer || names.site;
    merge_section(effective.customer_assignment, references, row.own.customer_assignment, names,
                  is_assignment && !names.empty());
    if (is_assignment) return;
    merge_section(effective.customer_rate_plan_update, references,
                  row.own.customer_rate_plan_update, names, has_plan_names);
    merge_section(effective.carrier_rate_plan_update, references, row.own.carrier_rate_plan_update,
                  names, false);
    merge_section(effective.status_update, references, row.own.status_update, names, false);
}

base::json::object section_of(const ChangeParameters& parameters, ChangeType type) {
    switch (type) {
        case ChangeType::customerassignment:
            return written(parameters.customer_assignment);
        case ChangeType::carrierrateplanchange:
            return written(parameters.carrier_rate_plan_update);
        case ChangeType::customerrateplanchange:
            return written(parameters.customer_rate_plan_update);
        case ChangeType::statusupdate:
            return written(parameters.status_update);
        case ChangeType::newserviceactivation:
            return written(parameters.new_service_activation);
    }
    CHECK(false && "a change type without a section");
    return {};
}

}  // namespace carryall::changes
