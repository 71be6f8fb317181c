// The table of fields, and how text becomes a value of each kind. The names are the original
// system's; a field that is given by name there and by id here, or the other way round, has an
// entry for each.
#include "changes/parameters.hpp"

#include <array>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "sheets/date_cell.hpp"

namespace carryall::changes {
namespace {

using enum ChangeType;
using Text = std::optional<std::string>;
using Number = std::optional<std::int64_t>;
using Flag = std::optional<bool>;
using List = std::optional<std::vector<std::int64_t>>;

constexpr std::size_t kMaxCodes = 20;
constexpr std::size_t kMaxDecimals = 6;
constexpr std::size_t kMaxWholeDigits = 18;

template <class T>
T& present(std::optional<T>& section) {
    if (!section) section.emplace();
    return *section;
}

// The member of a section, the section made if it is not there yet.
template <auto Section, auto Member>
auto& member(ChangeParameters& parameters, References&) {
    return present(parameters.*Section).*Member;
}
template <auto Member>
Text& reference(ChangeParameters&, References& references) {
    return references.*Member;
}

constexpr auto kAssign = &ChangeParameters::customer_assignment;
constexpr auto kCarrierPlan = &ChangeParameters::carrier_rate_plan_update;
constexpr auto kCustomerPlan = &ChangeParameters::customer_rate_plan_update;
constexpr auto kStatus = &ChangeParameters::status_update;
constexpr auto kActivation = &ChangeParameters::new_service_activation;

template <auto Section, auto Member>
constexpr FieldTarget to_text() {
    return {.text = &member<Section, Member>};
}
template <auto Section, auto Member>
constexpr FieldTarget to_number() {
    return {.number = &member<Section, Member>};
}
template <auto Section, auto Member>
constexpr FieldTarget to_flag() {
    return {.flag = &member<Section, Member>};
}
template <auto Member>
constexpr FieldTarget to_reference() {
    return {.text = &reference<Member>};
}

using A = CustomerAssignment;
using C = CarrierRatePlanUpdate;
using P = CustomerRatePlanUpdate;
using S = StatusUpdate;
using N = NewServiceActivation;
using R = References;

const std::vector<ParameterField>& fields() {
    static const std::vector<ParameterField> all = {
        {customerassignment, "customerId", "", FieldKind::number,
         to_number<kAssign, &A::customer_id>()},
        {customerassignment, "revCustomerId", "revcustomer", FieldKind::text,
         to_text<kAssign, &A::rev_customer_id>()},
        {customerassignment, "customer", "customername", FieldKind::text,
         to_reference<&R::customer>()},
        {customerassignment, "siteId", "", FieldKind::number, to_number<kAssign, &A::site_id>()},
        {customerassignment, "site", "sitename", FieldKind::text, to_reference<&R::site>()},
        {customerassignment, "accountNumber", "account", FieldKind::text,
         to_text<kAssign, &A::account_number>()},
        {customerassignment, "createRevService", "", FieldKind::flag,
         to_flag<kAssign, &A::create_rev_service>()},
        {customerassignment, "revioProviderId", "revproviderid providerid", FieldKind::number,
         to_number<kAssign, &A::revio_provider_id>()},
        {customerassignment, "serviceTypeId", "", FieldKind::number,
         to_number<kAssign, &A::service_type_id>()},
        {customerassignment, "usagePlanGroupId", "", FieldKind::number,
         to_number<kAssign, &A::usage_plan_group_id>()},
        {customerassignment, "revioPackageId", "revpackageid packageid", FieldKind::number,
         to_number<kAssign, &A::revio_package_id>()},
        {customerassignment,
         "revioProductIds",
         "revproductids productids revproductidlist",
         FieldKind::list,
         {.list = &member<kAssign, &A::revio_product_ids>}},
        // The original system's flag has the carrier in its name and enables the customer's plan.
        {customerassignment, "addCustomerRatePlan", "addcarrierrateplan", FieldKind::flag,
         to_flag<kAssign, &A::add_customer_rate_plan>()},
        {customerassignment, "customerRatePlanId", "", FieldKind::number,
         to_number<kAssign, &A::customer_rate_plan_id>()},
        {customerassignment, "customerRatePlan", "customerrateplancode", FieldKind::text,
         to_reference<&R::customer_rate_plan>()},
        {customerassignment, "customerRatePoolId", "customerpoolid", FieldKind::number,
         to_number<kAssign, &A::customer_rate_pool_id>()},
        {customerassignment, "customerPool", "customerratepool", FieldKind::text,
         to_reference<&R::customer_pool>()},
        {customerassignment, "effectiveDate", "", FieldKind::instant,
         to_text<kAssign, &A::effective_date>()},
        {customerassignment, "useCarrierActivation", "", FieldKind::flag,
         to_flag<kAssign, &A::use_carrier_activation>()},
        {customerassignment, "activatedDate", "activationdate", FieldKind::date,
         to_text<kAssign, &A::activated_date>()},

        {carrierrateplanchange, "carrierRatePlan", "carrierrateplancode rateplan rateplancode",
         FieldKind::text, to_text<kCarrierPlan, &C::carrier_rate_plan>()},
        {carrierrateplanchange, "commPlan", "communicationplan", FieldKind::text,
         to_text<kCarrierPlan, &C::comm_plan>()},
        {carrierrateplanchange, "effectiveDate", "", FieldKind::instant,
         to_text<kCarrierPlan, &C::effective_date>()},
        // Accepted, because the original system's clients send them, and replaced by the plan's
        // own.
        {carrierrateplanchange, "planUuid", "", FieldKind::text,
         to_text<kCarrierPlan, &C::plan_uuid>()},
        {carrierrateplanchange, "ratePlanId", "", FieldKind::number,
         to_number<kCarrierPlan, &C::rate_plan_id>()},

        {customerrateplanchange, "customerRatePlanId", "", FieldKind::number,
         to_number<kCustomerPlan, &P::customer_rate_plan_id>()},
        {customerrateplanchange, "customerRatePlan", "customerrateplancode", FieldKind::text,
         to_reference<&R::customer_rate_plan>()},
        {customerrateplanchange, "customerDataAllocationMB", "dataallocationmb dataallocation",
         FieldKind::decimal, to_text<kCustomerPlan, &P::customer_data_allocation_mb>()},
        {customerrateplanchange, "customerPoolId", "customerratepoolid", FieldKind::number,
         to_number<kCustomerPlan, &P::customer_pool_id>()},
        {customerrateplanchange, "customerPool", "customerratepool", FieldKind::text,
         to_reference<&R::customer_pool>()},
        {customerrateplanchange, "effectiveDate", "", FieldKind::instant,
         to_text<kCustomerPlan, &P::effective_date>()},

        {statusupdate, "updateStatus", "status devicestatus targetstatus newstatus",
         FieldKind::text, to_text<kStatus, &S::update_status>()},
        {statusupdate, "reasonCode", "", FieldKind::text, to_text<kStatus, &S::reason_code>()},
        {statusupdate, "carrierRatePlan", "carrierrateplancode rateplan rateplancode",
         FieldKind::text, to_text<kStatus, &S::carrier_rate_plan>()},
        {statusupdate, "zipCode", "zip mdnzipcode postcode", FieldKind::text,
         to_text<kStatus, &S::zip_code>()},
        {statusupdate, "effectiveDate", "", FieldKind::instant,
         to_text<kStatus, &S::effective_date>()},

        {newserviceactivation, "imei", "deviceimei", FieldKind::text,
         to_text<kActivation, &N::imei>()},
        {newserviceactivation, "carrierRatePlan",
         "carrierrateplancode rateplan rateplancode singleusercode", FieldKind::text,
         to_text<kActivation, &N::carrier_rate_plan>()},
        {newserviceactivation, "offeringCodes", "offeringcode features featurecodes",
         FieldKind::codes, to_text<kActivation, &N::offering_codes>()},
        {newserviceactivation, "removeOfferingCodes", "removeofferingcode removefeatures",
         FieldKind::codes, to_text<kActivation, &N::remove_offering_codes>()},
        {newserviceactivation, "billingAccount", "ban billingaccountnumber billingaccountid",
         FieldKind::text, to_text<kActivation, &N::billing_account>()},
        {newserviceactivation, "zipCode", "zip servicezipcode", FieldKind::text,
         to_text<kActivation, &N::zip_code>()},
        {newserviceactivation, "technologyType", "devicetechnologytype", FieldKind::text,
         to_text<kActivation, &N::technology_type>()},
        {newserviceactivation, "carrierDataGroup", "datagroup", FieldKind::text,
         to_text<kActivation, &N::carrier_data_group>()},
        {newserviceactivation, "carrierRatePool", "ratepool", FieldKind::text,
         to_text<kActivation, &N::carrier_rate_pool>()},
        {newserviceactivation, "staticIp", "staticipprovision requiresstaticip", FieldKind::flag,
         to_flag<kActivation, &N::static_ip>()},
        {newserviceactivation, "ipPool", "ippoolid staticippoolid pdpname pdp", FieldKind::text,
         to_text<kActivation, &N::ip_pool>()},
        {newserviceactivation, "customerIpRange", "iprange", FieldKind::text,
         to_text<kActivation, &N::customer_ip_range>()},
        {newserviceactivation, "accessPointName", "apn staticipapn", FieldKind::text,
         to_text<kActivation, &N::access_point_name>()},
        {newserviceactivation, "lteIndicator", "lte", FieldKind::flag,
         to_flag<kActivation, &N::lte_indicator>()},
        {newserviceactivation, "defaultAccessPoint", "defaultapn defaultapnindicator",
         FieldKind::flag, to_flag<kActivation, &N::default_access_point>()},
        {newserviceactivation, "firstName", "", FieldKind::text,
         to_text<kActivation, &N::first_name>()},
        {newserviceactivation, "lastName", "", FieldKind::text,
         to_text<kActivation, &N::last_name>()},
        {newserviceactivation, "streetNumber", "", FieldKind::text,
         to_text<kActivation, &N::street_number>()},
        {newserviceactivation, "streetDirection", "", FieldKind::text,
         to_text<kActivation, &N::street_direction>()},
        {newserviceactivation, "streetName", "street", FieldKind::text,
         to_text<kActivation, &N::street_name>()},
        {newserviceactivation, "streetType", "", FieldKind::text,
         to_text<kActivation, &N::street_type>()},
        {newserviceactivation, "city", "", FieldKind::text, to_text<kActivation, &N::city>()},
        {newserviceactivation, "stateOrProvince", "region", FieldKind::text,
         to_text<kActivation, &N::state_or_province>()},
        {newserviceactivation, "postalCode", "addresszipcode", FieldKind::text,
         to_text<kActivation, &N::postal_code>()},
        {newserviceactivation, "strict", "", FieldKind::flag, to_flag<kActivation, &N::strict>()},
    };
    return all;
}

std::string set_number(Number& target, std::string_view text) {
    const auto number = base::parse_int(text);
    if (!number || *number < 1) return "must be a whole number from 1";
    target = *number;
    return {};
}

std::string set_flag(Flag& target, std::string_view text) {
    const std::string word = base::ascii_lower(text);
    if (word == "true" || word == "yes" || word == "1") {
        target = true;
    } else if (word == "false" || word == "no" || word == "0") {
        target = false;
    } else {
        return "must be true or false";
    }
    return {};
}

std::string set_decimal(Text& target, std::string_view text) {
    auto decimal = decimal_text(text);
    if (!decimal) return "must be a decimal number such as 1024 or 0.5";
    if (std::string reason = check_allocation(*decimal); !reason.empty()) return reason;
    target = std::move(decimal);
    return {};
}

std::string set_instant(Text& target, std::string_view text) {
    const auto instant = base::parse_iso8601(text);
    if (!instant) return "Invalid effective date (" + instant.error().message + ')';
    target = base::to_iso8601(*instant);
    return {};
}

std::string set_date(Text& target, std::string_view text) {
    const auto instant = base::parse_iso8601(text);
    if (!instant) return instant.error().message;
    target = base::to_iso8601(*instant).substr(0, std::string_view("2026-01-31").size());
    return {};
}

std::string set_list(List& target, std::string_view text) {
    std::vector<std::int64_t> ids;
    while (!text.empty()) {
        const std::string_view part = base::take_part(text, ";, ");
        if (part.empty()) continue;
        const auto id = base::parse_int(part);
        if (!id || *id < 1) return "must be whole numbers, separated by ;";
        ids.push_back(*id);
    }
    if (ids.size() > kMaxRevioProducts) {
        return "has more than " + std::to_string(kMaxRevioProducts) + " numbers";
    }
    target = std::move(ids);
    return {};
}

std::string set_codes(Text& target, std::string_view text) {
    std::string codes;
    std::size_t count = 0;
    while (!text.empty()) {
        const std::string_view code = base::take_part(text, ";, ");
        if (code.empty()) continue;
        if (++count > kMaxCodes) return "has more than " + std::to_string(kMaxCodes) + " codes";
        codes.append(codes.empty() ? "" : ";").append(code);
    }
    if (!codes.empty()) target = std::move(codes);
    return {};
}

bool given(const auto& value) {
    return value.has_value();
}

std::string missing_of_activation(const NewServiceActivation& activation) {
    std::string missing;
    const auto need = [&](const auto& value, std::string_view name) {
        if (!given(value)) missing.append(missing.empty() ? "" : ", ").append(name);
    };
    need(activation.imei, "imei");
    need(activation.carrier_rate_plan, "carrierRatePlan");
    need(activation.billing_account, "billingAccount");
    need(activation.zip_code, "zipCode");
    if (activation.static_ip.value_or(false)) need(activation.ip_pool, "ipPool (staticIp is true)");
    // Who names a pool and forgets the rest would get lines without an address.
    const bool names_address = given(activation.ip_pool) || given(activation.customer_ip_range);
    if (names_address)
        need(activation.static_ip, "staticIp (true or false, beside ipPool or customerIpRange)");
    return missing;
}

}  // namespace

std::vector<std::string> split_codes(const std::optional<std::string>& codes) {
    std::vector<std::string> parts;
    std::string_view rest = codes ? std::string_view(*codes) : std::string_view();
    while (!rest.empty()) {
        const std::string_view part = base::take_part(rest, ";");
        if (!part.empty()) parts.emplace_back(part);
    }
    return parts;
}

const ParameterField* find_field(ChangeType type, std::string_view name) {
    const std::string wanted = sheets::comparable_column_name(name);
    for (const ParameterField& field : fields()) {
        if (field.type != type) continue;
        if (base::ascii_lower(field.name) == wanted || base::has_word(field.aliases, wanted))
            return &field;
    }
    return nullptr;
}

std::vector<std::string_view> field_names(ChangeType type) {
    std::vector<std::string_view> names;
    for (const ParameterField& field : fields()) {
        if (field.type == type) names.push_back(field.name);
    }
    return names;
}

std::string set_field(const ParameterField& field, std::string_view text,
                      ChangeParameters& parameters, References& references) {
    text = base::trim(text);
    if (text.empty()) return {};  // as in the original system, an empty text is none
    if (text.size() > kMaxParameterBytes) {
        return "is longer than " + std::to_string(kMaxParameterBytes) + " bytes";
    }
    const FieldTarget& to = field.target;
    switch (field.kind) {
        case FieldKind::number:
            return set_number(to.number(parameters, references), text);
        case FieldKind::flag:
            return set_flag(to.flag(parameters, references), text);
        case FieldKind::decimal:
            return set_decimal(to.text(parameters, references), text);
        case FieldKind::instant:
            return set_instant(to.text(parameters, references), text);
        case FieldKind::date:
            return set_date(to.text(parameters, references), text);
        case FieldKind::codes:
            return set_codes(to.text(parameters, references), text);
        case FieldKind::list:
            return set_list(to.list(parameters, references), text);
        case FieldKind::text:
            break;
    }
    to.text(parameters, references) = std::string(text);
    return {};
}

std::string set_field(const ParameterField& field, const sheets::Cell& cell,
                      sheets::DateSystem date_system, ChangeParameters& parameters,
                      References& references) {
    if (cell.kind == sheets::CellKind::error) {
        return "the cell holds an error of the spreadsheet program, not a value";
    }
    const bool is_day = field.kind == FieldKind::instant || field.kind == FieldKind::date;
    if (cell.is_number() && is_day) {
        const auto day = sheets::date_of(cell, date_system);
        if (!day) return "Invalid effective date (" + day.error().message + ')';
        return set_field(field, base::to_iso8601(base::Instant(*day)), parameters, references);
    }
    return set_field(field, cell.text, parameters, references);
}

std::string row_problem(const ParameterField& field, const std::string& reason) {
    if (reason.empty() || reason.starts_with("Invalid ")) return reason;
    return "Invalid " + std::string(field.name) + " (" + reason + ')';
}

std::string missing_parameters(const ChangeParameters& parameters, const References& references,
                               ChangeType type) {
    switch (type) {
        case statusupdate: {
            const auto& status = parameters.status_update;
            return status && given(status->update_status) ? "" : "updateStatus";
        }
        case carrierrateplanchange: {
            const auto& plan = parameters.carrier_rate_plan_update;
            return plan && given(plan->carrier_rate_plan) ? "" : "carrierRatePlan";
        }
        case customerrateplanchange: {
            const auto& plan = parameters.customer_rate_plan_update;
            const bool any =
                given(references.customer_rate_plan) || given(references.customer_pool) ||
                (plan && (given(plan->customer_rate_plan_id) || given(plan->customer_pool_id) ||
                          given(plan->customer_data_allocation_mb)));
            return any ? "" : "customerRatePlanId, customerPoolId or customerDataAllocationMB";
        }
        case newserviceactivation:
            return missing_of_activation(
                parameters.new_service_activation.value_or(NewServiceActivation{}));
        case customerassignment:
            break;
    }
    const CustomerAssignment assignment =
        parameters.customer_assignment.value_or(CustomerAssignment{});
    if (!given(assignment.rev_customer_id) && !given(assignment.customer_id) &&
        !given(references.customer)) {
        return "revCustomerId or customerId";
    }
    if (assignment.add_customer_rate_plan.value_or(false) &&
        !given(assignment.customer_rate_plan_id) && !given(references.customer_rate_plan)) {
        return "customerRatePlanId (addCustomerRatePlan is true)";
    }
    return {};
}

const std::optional<std::string>& effective_date_of(const ChangeParameters& parameters,
                                                    ChangeType type) {
    static const std::optional<std::string> none;
    switch (type) {
        case customerassignment:
            return parameters.customer_assignment ? parameters.customer_assignment->effective_date
                                                  : none;
        case carrierrateplanchange:
            return parameters.carrier_rate_plan_update
                       ? parameters.carrier_rate_plan_update->effective_date
                       : none;
        case customerrateplanchange:
            return parameters.customer_rate_plan_update
                       ? parameters.customer_rate_plan_update->effective_date
                       : none;
        case statusupdate:
            return parameters.status_update ? parameters.status_update->effective_date : none;
        case newserviceactivation:
            break;
    }
    return none;
}

std::optional<std::string> decimal_text(std::string_view text) {
    text = base::trim(text);
    std::string out;
    if (text.starts_with('-') || text.starts_with('+')) {
        if (text.front() == '-') out = "-";
        text.remove_prefix(1);
    }
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    if (!base::all_digits(whole) || whole.size() > kMaxWholeDigits) return std::nullopt;
    out += whole;
    if (point == text.size()) return out;
    const std::string_view decimals = text.substr(point + 1);
    if (!base::all_digits(decimals) || decimals.size() > kMaxDecimals) return std::nullopt;
    return out + '.' + std::string(decimals);
}

std::string check_allocation(std::string_view text) {
    if (text.starts_with('-') && text.find_first_of("123456789") != std::string_view::npos) {
        return "Invalid data allocation (negative)";
    }
    const std::string_view unsigned_text = text.starts_with('-') ? text.substr(1) : text;
    std::string_view whole = unsigned_text.substr(0, unsigned_text.find('.'));
    while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
    const std::string_view decimals =
        unsigned_text.substr(std::min(unsigned_text.find('.'), unsigned_text.size()));
    const bool has_fraction = decimals.find_first_of("123456789") != std::string_view::npos;
    const std::string_view limit = kMaxDataAllocationMb;
    const bool above =
        whole.size() > limit.size() ||
        (whole.size() == limit.size() && (whole > limit || (whole == limit && has_fraction)));
    if (above) return "Invalid data allocation (more than " + std::string(limit) + " MB)";
    return {};
}

}  // namespace carryall::changes
