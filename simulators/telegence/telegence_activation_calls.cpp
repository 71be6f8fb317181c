// Submitting a batch of activations, and asking how it stands. A batch is accepted as a whole or
// not at all; what becomes of each service is told by the status only.
#include <algorithm>
#include <array>

#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::string_view kEsimName = "/service/";
constexpr std::string_view kOffering = "offeringCode";

struct Words {
    std::string_view status;  // lower case
    std::string_view capital;
    std::string_view upper;
    std::string_view interaction;
};
constexpr std::array<Words, 4> kWords{{{"pending", "Pending", "PENDING", "In Progress"},
                                       {"reserved", "Reserved", "RESERVED", "In Progress"},
                                       {"active", "Active", "ACTIVE", "Completed"},
                                       {"rejected", "Rejected", "REJECTED", "Rejected"}}};

const Words& words_of(ServiceStatus status) {
    return kWords[static_cast<std::size_t>(status)];
}

// As it was at that time, for an answer that comes late.
ServiceStatus status_at(std::int64_t micros, const Batch& batch, const Service& service) {
    if (micros < batch.reserved_micros) return ServiceStatus::pending;
    const bool early = micros < batch.active_micros && service.status == ServiceStatus::active;
    return early ? ServiceStatus::reserved : service.status;
}

void add_pair(std::string& out, std::string_view name, std::string_view value) {
    if (out.back() != '[') out += ',';
    JsonObject pair(out);
    pair.add("name", name);
    pair.add("value", value);
    pair.close();
}

}  // namespace

std::string_view TelegenceSystem::word_of(ServiceStatus status) const {
    const Words& words = words_of(status);
    if (knobs_.status_casing == StatusCasing::lower) return words.status;
    return knobs_.status_casing == StatusCasing::upper ? words.upper : words.capital;
}

void TelegenceSystem::submit_batch(const Request& request, Call& call, Reply& reply) {
    const auto* document = parse_json(request.body);
    const auto* list = document == nullptr ? nullptr : document->if_array();
    if (list == nullptr) return fail(reply, 400, "The request body is not a JSON array");
    if (list->empty() || list->size() > kMaxBatchServices) {
        return fail(reply, 400, "A request must have 1 to 200 services");
    }
    if (!activations_.has_room(list->size())) return fail(reply, 500, "No room for more");
    std::vector<Service> services;
    services.reserve(list->size());
    Batch batch;
    for (std::size_t i = 0; i < list->size(); ++i) {
        ServiceCheck check;
        check_service((*list)[i], check);
        if (!check.wrong.empty()) {
            return fail(reply, 400, "Entry " + std::to_string(i) + ": " + check.wrong);
        }
        Service& service = check.service;
        const bool repeated = std::any_of(services.begin(), services.end(),
                                          [&](const Service& s) { return s.sim == service.sim; });
        if (repeated) check.why = "SIM appears twice in the request";
        service.refused = !check.why.empty();
        service.error = state_.texts.number_of(check.why);
        batch.needs_esim |= !knobs_.esim_only_prefix.empty() &&
                            text_of(service.sim).starts_with(knobs_.esim_only_prefix);
        services.push_back(service);
    }
    // None of a batch that needs an eSIM is carried out: every entry of the answer says so.
    for (Service& service : services) service.refused |= batch.needs_esim;
    batch.account = account_;
    batch.submitted_micros = call.now_micros;
    batch.reserved_micros = call.now_micros + knobs_.reserved_after_seconds * kMicrosPerSecond;
    batch.active_micros = call.now_micros + knobs_.active_after_seconds * kMicrosPerSecond;
    const std::uint32_t row = activations_.submit(batch, services);
    schedule(batch.reserved_micros, EventKind::batch_reserved, row);
    schedule(batch.active_micros, EventKind::batch_active, row);

    batch_ids_.append(call.key, row);
    JsonObject fields(call.fields);
    std::string& sims = fields.add_raw("sims");
    for (std::size_t i = 0; i < services.size(); ++i) {
        append_digits(sims += i > 0 ? ",\"" : "[\"", services[i].sim);
        sims += '"';
    }
    sims += ']';
    fields.close();
    call.performed = call.changed = true;
    reply.status = static_cast<int>(knobs_.activation_http_status);
    append_batch(reply.body, row, call.now_micros);
}

// An entry's form is wrong: the batch is refused. Its content is: this entry will be rejected.
void TelegenceSystem::check_service(const boost::json::value& entry, ServiceCheck& check) {
    const auto* body = entry.if_object();
    const auto* billing = body == nullptr ? nullptr : find(*body, "billingAccount");
    const auto* account = billing == nullptr ? nullptr : billing->if_object();
    const auto ban = account == nullptr ? std::nullopt : text_at(*account, "id");
    if (!ban || ban->empty()) {
        check.wrong = "billingAccount.id is required";
        return;
    }
    check.service.ban = state_.find_ban(*ban);
    if (check.service.ban == kNone || state_.bans[check.service.ban].account != account_) {
        check.wrong = "billingAccount.id is unknown: " + std::string(*ban);
        return;
    }
    const auto* service = find(*body, "service");
    if (service == nullptr || !service->is_object()) {
        check.wrong = "service is required";
        return;
    }
    if (!read_service(service->get_object(), check)) return;
    const Digits& sim = check.service.sim;
    if (state_.find_live_sim(sim) != kNoRow) {
        check.why = "SIM is in use by another line";
    } else if (activations_.is_under_way(sim)) {
        check.why = "SIM is being activated already";
    } else if (ends_with_any(text_of(sim), knobs_.reject_sim_suffixes)) {
        check.why = "SIM is not eligible for activation";
    } else if (state_.bans[check.service.ban].status != "Active") {
        check.why = "Billing account is not active";
    }
}

bool TelegenceSystem::read_service(const boost::json::object& service, ServiceCheck& check) {
    const auto* list = find(service, "serviceCharacteristic");
    if (list == nullptr || !list->is_array()) {
        check.wrong = "service.serviceCharacteristic is required";
        return false;
    }
    FeatureList features;
    for (const auto& item : list->get_array()) {
        const auto* pair = item.if_object();
        const auto name = pair == nullptr ? std::nullopt : text_at(*pair, "name");
        const auto value = pair == nullptr ? std::nullopt : text_at(*pair, "value");
        if (!name || !value) {
            check.wrong = "a serviceCharacteristic must have the texts name and value";
            return false;
        }
        if (!read_service_name(*name, *value, features, check)) return false;
    }
    check.service.features = state_.feature_lists.number_of(features);
    if (check.service.sim.empty())
        check.wrong = "sim is required";
    else if (check.service.plan_code == 0)
        check.wrong = "singleUserCode is required";
    else if (check.service.zip == 0)
        check.wrong = "serviceZipCode is required";
    return check.wrong.empty();
}

bool TelegenceSystem::read_service_name(std::string_view name, std::string_view value,
                                        FeatureList& features, ServiceCheck& check) {
    Service& service = check.service;
    bool valid = true;
    if (name == "sim") {
        const auto sim = parse_digits(value, 19, 20);
        valid = sim.has_value();
        if (valid) service.sim = *sim;
    } else if (name == "IMEI") {
        const auto imei = parse_digits(value, 14, 16);
        valid = imei || value.empty();
        if (imei) service.imei = *imei;
    } else if (name == "singleUserCode") {
        service.plan_code = state_.texts.number_of(value);
        if (state_.plans.find(value) == kNone) return refuse_code("plan", value, check);
    } else if (name == "serviceZipCode") {
        valid = parse_digits(value.substr(0, 5), 5, 5).has_value();
        service.zip = state_.texts.number_of(value);
    } else if (name == "deviceTechnologyType") {
        service.technology = state_.texts.number_of(value);
    } else if (name.starts_with(kOffering) && parse_digits(name.substr(kOffering.size()), 1, 3)) {
        const std::uint16_t feature = state_.features.find(value);
        if (feature == kNone) return refuse_code("offering", value, check);
        features.push_back({feature, 0});
    } else {
        valid = name == "equipmentType" || knobs_.ignores_unknown_names;
    }
    if (!valid) {
        check.wrong = "invalid or unknown ";
        check.wrong.append(name).append(": ").append(value);
    }
    return valid;
}

bool TelegenceSystem::refuse_code(std::string_view what, std::string_view code,
                                  ServiceCheck& check) {
    if (knobs_.rejects_unknown_codes) {
        check.why = what == "plan" ? "Unknown plan" : "Unknown offering";
        return true;
    }
    check.wrong = "unknown ";
    check.wrong.append(what).append(": ").append(code);
    return false;
}

void TelegenceSystem::show_batch(const Call& call, Reply& reply) {
    const std::uint32_t batch = batch_ids_.find(call.params[0]);
    if (batch >= activations_.batches.size() || activations_.batches[batch].account != account_) {
        return fail(reply, 404, "Activation request was not found");
    }
    append_batch(reply.body, batch, call.now_micros - call.stale_micros);
}

void TelegenceSystem::append_batch(std::string& out, std::uint32_t batch,
                                   std::int64_t seen_micros) const {
    const Batch& shown = activations_.batches[batch];
    out += '[';
    for (std::uint32_t i = 0; i < shown.count; ++i) {
        if (i > 0) out += ',';
        const Service& service = activations_.services[shown.first + i];
        append_service(out, batch, service, status_at(seen_micros, shown, service));
    }
    out += ']';
}

void TelegenceSystem::append_service(std::string& out, std::uint32_t batch, const Service& service,
                                     ServiceStatus status) const {
    const Batch& shown = activations_.batches[batch];
    const bool rejected = status == ServiceStatus::rejected;
    JsonObject entry(out);
    batch_ids_.append(entry.add_raw("id") += '"', batch);
    out += '"';
    entry.add("interactionStatus", words_of(status).interaction);
    std::string& date = entry.add_raw("interactionDateComplete");
    date += '"';
    if (rejected) append_instant(date, shown.reserved_micros);
    if (status == ServiceStatus::active) append_instant(date, shown.active_micros);
    date += '"';
    JsonObject billing(entry.add_raw("billingAccount"));
    billing.add("id", state_.bans[service.ban].ban);
    billing.close();
    JsonObject body(entry.add_raw("service"));
    body.add("name", shown.needs_esim ? kEsimName : "");
    body.add("status", word_of(status));
    std::string& number = body.add_raw("subscriberNumber");
    number += '"';
    if (status == ServiceStatus::active) append_number(number, service.number);
    number += '"';
    body.add("error", rejected ? state_.texts.text_of(service.error) : "");
    std::string& pairs = body.add_raw("serviceCharacteristic");
    pairs += '[';
    add_pair(pairs, "sim", text_of(service.sim));
    add_pair(pairs, "IMEI", text_of(service.imei));
    add_pair(pairs, "singleUserCode", state_.texts.text_of(service.plan_code));
    add_pair(pairs, "serviceZipCode", state_.texts.text_of(service.zip));
    std::size_t nth = 0;
    for (const FeatureOn& on : state_.feature_lists.list_of(service.features)) {
        std::string name(kOffering);
        add_pair(pairs, name.append(std::to_string(++nth)), state_.features.at(on.feature).code);
    }
    pairs += ']';
    body.close();
    entry.close();
}

}  // namespace carryall::simulators::telegence
