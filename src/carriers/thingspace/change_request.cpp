// ThingSpace reads an activation's SIM and equipment as one device only if both stand in the same
// "deviceIds"; every other action needs one identifier.
#include "carriers/thingspace/change_request.hpp"

#include <array>

#include "base/text.hpp"
#include "carriers/classify.hpp"
#include "carriers/thingspace/options.hpp"
#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

namespace {

struct Known {
    Deed deed;
    std::string_view word;       // in what is remembered of a request
    std::string_view resource;   // below /devices/actions/
    std::string_view operation;  // for people
};
constexpr std::array kDeeds = {
    Known{Deed::activate, "activate", "activate", "Activate"},
    Known{Deed::restore, "restore", "restore", "Restore"},
    Known{Deed::suspend, "suspend", "suspend", "Suspend"},
    Known{Deed::deactivate, "deactivate", "deactivate", "Deactivate"},
    Known{Deed::plan, "plan", "plan", "Change Service Plan"},
};

const Known& known(Deed deed) {
    for (const Known& one : kDeeds) {
        if (one.deed == deed) return one;
    }
    CHECK(false);
}

bool is_iccid(std::string_view text) {
    return base::all_digits(text) && text.size() >= 18 && text.size() <= 20;
}
bool is_imei(std::string_view text) {
    return base::all_digits(text) && text.size() >= 14 && text.size() <= 16;
}
bool is_number(std::string_view text) {
    return base::all_digits(text) && (text.size() == 10 || text.size() == 11);
}

std::string id_of(std::string_view kind, std::string_view id) {
    std::string out = R"({"kind":")";
    out.append(kind).append(R"(","id":")").append(id).append("\"}");
    return out;
}

// Empty: no identifier. All are digits, so nothing needs escaping.
std::string one_id(const Line& line) {
    if (is_iccid(line.iccid)) return id_of("iccid", line.iccid);
    if (is_imei(line.imei)) return id_of("imei", line.imei);
    if (is_number(line.msisdn)) {
        return id_of(line.msisdn.size() == 10 ? "mdn" : "msisdn", line.msisdn);
    }
    return {};
}

std::string element(std::string ids) {
    return R"({"deviceIds":[)" + std::move(ids) + "]}";
}

// The members that stand before "devices".
std::string head_of(const base::json::object& members) {
    std::string head = base::json::serialize(members);
    head.back() = ',';
    return head + R"("devices":[)";
}

void copy_text(const Account& account, std::string_view name, base::json::object& to) {
    const std::string_view text = text_setting(account, name);
    if (!text.empty()) to[name] = text;
}

void copy_if_given(const Account& account, std::string_view name, base::json::object& to) {
    if (const base::json::value* value = optional_setting(account, name)) to[name] = *value;
}

std::string why_no_activation(const Account& account, const Line& line, const StatusChange& change,
                              std::string_view zip_code) {
    if (change.rate_plan.empty()) {
        return "An activation at ThingSpace needs a carrier rate plan: give the plan's code with "
               "the status";
    }
    if (zip_code.empty()) {
        return "An activation at ThingSpace needs the ZIP code of the place of use: give it with "
               "the status, or set \"defaultZipCode\" of the service provider";
    }
    if (!is_iccid(line.iccid)) {
        return "An activation at ThingSpace needs the line's ICCID (18 to 20 digits)";
    }
    if (!is_imei(line.imei) && text_setting(account, "skuNumber").empty()) {
        return "An activation at ThingSpace needs the IMEI beside the ICCID: add the IMEI to the "
               "device, or set \"skuNumber\" of the service provider";
    }
    return {};
}

void compose_activation(const Account& account, const Line& line, const StatusChange& change,
                        base::json::object& members, ChangeRequest& request) {
    const std::string_view zip_code =
        change.zip_code.empty() ? text_setting(account, "defaultZipCode") : change.zip_code;
    request.refusal = why_no_activation(account, line, change, zip_code);
    if (!request.refusal.empty()) return;
    members["servicePlan"] = change.rate_plan;
    members["mdnZipCode"] = zip_code;
    for (const std::string_view name :
         {"carrierIpPoolName", "carrierName", "costCenterCode", "groupName", "leadId", "skuNumber",
          "publicIpRestriction"}) {
        copy_text(account, name, members);
    }
    copy_if_given(account, "primaryPlaceOfUse", members);
    std::string ids;
    if (is_imei(line.imei)) ids = id_of("imei", line.imei) + ',';
    request.item = element(ids + id_of("iccid", line.iccid));
}

void compose_deactivation(const Account& account, const Line& line, const StatusChange& change,
                          base::json::object& members, ChangeRequest& request) {
    if (state_of(line.status) == LineState::suspended &&
        !account.settings.at("allowDeactivateSuspended").as_bool()) {
        request.refusal =
            "ThingSpace takes a suspended line back into service before it is deactivated: restore "
            "it first, or set \"allowDeactivateSuspended\" of the service provider if the contract "
            "allows it";
        return;
    }
    members["reasonCode"] =
        change.reason_code.empty() ? text_setting(account, "reasonCode") : change.reason_code;
    copy_if_given(account, "etfWaiver", members);
}

}  // namespace

std::string_view to_string(Deed deed) {
    return known(deed).word;
}

std::optional<Deed> parse_deed(std::string_view word) {
    for (const Known& one : kDeeds) {
        if (one.word == word) return one.deed;
    }
    return std::nullopt;
}

std::optional<Deed> deed_for(const Action& action, const Line& line) {
    const auto* change = std::get_if<StatusChange>(&action);
    if (change == nullptr) return Deed::plan;
    const auto target = carrier().canonical_status(change->target);
    if (!target) return std::nullopt;
    if (*target == "Suspended") return Deed::suspend;
    if (*target == "Deactivated") return Deed::deactivate;
    return state_of(line.status) == LineState::suspended ? Deed::restore : Deed::activate;
}

ChangeRequest compose(const Account& account, const Line& line, const Action& action, Deed deed) {
    ChangeRequest request;
    const Known& what = known(deed);
    request.path = api_path({"/devices/actions/", what.resource});
    request.operation = what.operation;
    request.method = deed == Deed::plan ? http::Method::put : http::Method::post;
    const std::string id = one_id(line);
    if (id.empty()) {
        request.refusal =
            "ThingSpace knows lines by an ICCID of up to 20 digits, an IMEI or a phone number of "
            "10 digits; this one has none of them";
        return request;
    }
    request.item = element(id);
    base::json::object members = {{"accountName", text_setting(account, "accountName")}};
    const auto* change = std::get_if<StatusChange>(&action);
    if (deed == Deed::activate) {
        compose_activation(account, line, *change, members, request);
    } else if (deed == Deed::deactivate) {
        compose_deactivation(account, line, *change, members, request);
    } else if (deed == Deed::suspend) {
        copy_if_given(account, "withBilling", members);
    } else if (deed == Deed::plan) {
        const std::string& code = std::get<RatePlanChange>(action).code;
        if (code.empty()) request.refusal = "A plan change at ThingSpace needs the plan's code";
        members["servicePlan"] = code;
        const std::string_view pool = text_setting(account, "planChangeIpPoolName");
        if (!pool.empty()) members["carrierIpPoolName"] = pool;
    }
    if (request.refusal.empty()) request.head = head_of(members);
    return request;
}

std::string wanted_plan(const Action& action, Deed deed) {
    if (deed == Deed::plan) return std::get<RatePlanChange>(action).code;
    if (deed == Deed::activate) return std::get<StatusChange>(action).rate_plan;
    return {};
}

std::string list_key(const Line& line) {
    return one_id(line);
}

std::string list_prefix(const Line& line) {
    constexpr std::size_t kOwnDigits = 3;  // at most 1,000 lines: less than a page of the list
    if (!is_iccid(line.iccid)) return {};
    return line.iccid.substr(0, line.iccid.size() - kOwnDigits);
}

}  // namespace carryall::carriers::thingspace
