// Names as a working integration sends them; docs/carriers/telegence.md says what is assumed.
#include "carriers/telegence/activation_wire.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/address.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

constexpr std::size_t kSimDigits = 19;
constexpr std::size_t kMinImeiDigits = 14;
constexpr std::size_t kMaxImeiDigits = 16;
constexpr std::size_t kMaxBanDigits = 20;
constexpr std::size_t kZipDigits = 5;
constexpr std::size_t kGuidChars = 36;
constexpr std::size_t kMaxTextBytes = 200;
constexpr std::string_view kEsimName = "/service/";
constexpr const char* kSpecification = "12";
constexpr const char* kSpecificationName = "Mobility Services";
constexpr const char* kEquipmentType = "G";
constexpr std::string_view kDefaultTechnology = "UMTS";

bool is_zip(std::string_view text) {
    return text.size() >= kZipDigits && base::all_digits(text.substr(0, kZipDigits)) &&
           (text.size() == kZipDigits ||
            (text[kZipDigits] == '-' && base::all_digits(text.substr(kZipDigits + 1))));
}

const json::object* object_at(const json::object& object, std::string_view name) {
    const auto* value = base::find_ignoring_case(object, name);
    return value != nullptr ? value->if_object() : nullptr;
}

json::object subscriber(const Activation& change) {
    const PostalAddress& at = change.address;
    return {{"id", ""},
            {"role", "subscriber"},
            {"firstName", change.first_name},
            {"lastName", change.last_name},
            {"address",
             {{"streetNumber", at.street_number},
              {"streetDirection", at.street_direction},
              {"streetName", at.street_name},
              {"streetType", at.street_type},
              {"city", at.city},
              {"state", at.state},
              {"zipCode", at.zip_code.empty() ? change.zip_code : at.zip_code}}}};
}

Characteristics characteristics(const Line& line, const Activation& change) {
    Characteristics list = {
        {"singleUserCode", change.rate_plan},
        {"serviceZipCode", change.zip_code},
        {"equipmentType", kEquipmentType},
        {"deviceTechnologyType",
         change.technology_type.empty() ? std::string(kDefaultTechnology) : change.technology_type},
        {"IMEI", line.imei},
        {"sim", line.iccid}};
    int nth = 0;
    for (const std::string& code : change.add_features) {
        list.push_back({"offeringCode" + std::to_string(++nth), code});
    }
    return list;
}

ActivationEntry parse_entry(const json::object& entry) {
    ActivationEntry out;
    out.batch_id = member_text(entry, "id");
    const json::object* service = object_at(entry, "service");
    if (service == nullptr) return out;
    out.status = base::ascii_lower(member_text(*service, "status"));
    if (out.status == "reserve") out.status = "reserved";
    if (out.status == "reject") out.status = "rejected";
    // The status of the interaction decides only where the service itself has none.
    if (out.status.empty() &&
        base::ascii_lower(member_text(entry, "interactionStatus")) == "rejected") {
        out.status = "rejected";
    }
    out.number = wire_number(member_text(*service, "subscriberNumber")).value_or("");
    out.error = excerpt(member_text(*service, "error"));
    out.needs_esim = member_text(*service, "name") == kEsimName;
    const auto list =
        parse_characteristics(base::find_ignoring_case(*service, "serviceCharacteristic"));
    for (const Characteristic& item : list) {
        if (base::ascii_lower(item.name) == "sim") out.sim = item.value;
    }
    return out;
}

bool is_guid(std::string_view text) {
    static constexpr std::size_t kDashes[] = {8, 13, 18, 23};
    if (text.size() != kGuidChars) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_dash =
            std::find(std::begin(kDashes), std::end(kDashes), i) != std::end(kDashes);
        const char c = base::ascii_lower(text[i]);
        const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (is_dash ? c != '-' : !is_hex) return false;
    }
    return true;
}

bool contains(std::string_view text, std::string_view word) {
    return base::ascii_lower(text).find(word) != std::string::npos;
}

std::string address_of(const json::object& record) {
    const std::string text = member_text(record, "ipAddress");
    return http::IpAddress::parse(text) ? text : std::string();
}

}  // namespace

bool is_same_sim(std::string_view one, std::string_view other) {
    if (!is_sim(one) || !is_sim(other)) return false;
    if (one.size() == other.size()) return one == other;
    return one.substr(0, kSimDigits) == other.substr(0, kSimDigits);
}

bool is_sim(std::string_view iccid) {
    return (iccid.size() == kSimDigits || iccid.size() == kSimDigits + 1) &&
           base::all_digits(iccid);
}

std::string activation_problem(std::string_view imei, const Activation& change) {
    const bool is_imei =
        imei.size() >= kMinImeiDigits && imei.size() <= kMaxImeiDigits && base::all_digits(imei);
    if (!is_imei) return "The IMEI has not 14 to 16 digits";
    if (!is_code(change.rate_plan)) return "The rate plan has no single user code of Telegence";
    if (!base::all_digits(change.billing_account) ||
        change.billing_account.size() > kMaxBanDigits) {
        return "A billing account of Telegence has 1 to 20 digits";
    }
    if (!is_zip(change.zip_code)) return "The ZIP code of the service has not 5 digits";
    for (const auto* codes : {&change.add_features, &change.remove_features}) {
        if (!std::all_of(codes->begin(), codes->end(), is_code)) {
            return "An offering code of Telegence has 1 to 64 visible characters";
        }
    }
    if (!change.static_address) return {};
    const StaticAddress& wanted = *change.static_address;
    if (!is_code(wanted.pool)) return "The IP pool (PDP) has not 1 to 64 visible characters";
    if (!wanted.customer_range.empty() && !http::Cidr::parse(wanted.customer_range)) {
        return "The customer's IP range is no network; write it as 10.20.0.0/16";
    }
    return wanted.access_point.size() > kMaxTextBytes ? "The access point name is too long" : "";
}

std::string activation_item(const Line& line, const Activation& change) {
    return json::serialize(json::object{
        {"billingAccount", {{"id", change.billing_account}}},
        {"relatedParty", json::array{subscriber(change)}},
        {"service",
         {{"name", ""},
          {"category", {{"id", ""}, {"name", ""}}},
          {"serviceSpecification", {{"id", kSpecification}, {"href", kSpecificationName}}},
          {"serviceQualification", {{"id", ""}}},
          {"serviceCharacteristic", to_json(characteristics(line, change))}}}});
}

std::optional<std::vector<ActivationEntry>> parse_activations(const json::value& body) {
    const auto* list = body.if_array();
    if (list == nullptr) return std::nullopt;
    std::vector<ActivationEntry> entries;
    entries.reserve(list->size());
    for (const json::value& item : *list) {
        if (!item.is_object()) return std::nullopt;
        entries.push_back(parse_entry(item.get_object()));
    }
    return entries;
}

std::optional<std::vector<std::string>> parse_addresses(const json::value& body) {
    const auto* object = body.if_object();
    const auto* list =
        object != nullptr ? base::find_ignoring_case(*object, "ipAddressRecords") : nullptr;
    if (list == nullptr || !list->is_array()) return std::nullopt;
    std::vector<std::string> addresses;
    for (const json::value& record : list->get_array()) {
        addresses.push_back(record.is_object() ? address_of(record.get_object()) : std::string());
    }
    return addresses;
}

std::string provisioning_item(const std::string& number, const std::string& address,
                              const StaticAddress& wanted, const std::string& day) {
    json::object item = {{"subscriberNumber", number},
                         {"ipAddressRecord", {{"ipAddress", address}}},
                         {"lteIndicator", wanted.is_lte},
                         {"defaultAPNIndicator", wanted.is_default_access_point}};
    if (!wanted.access_point.empty()) item["accessPointName"] = wanted.access_point;
    item["effectiveDate"] = day;
    return json::serialize(item);
}

std::string message_of(const json::value& body) {
    const auto* object = body.if_object();
    return object != nullptr ? excerpt(member_text(*object, "message")) : std::string();
}

std::string provisioning_batch_id(const json::value& body) {
    const auto* object = body.if_object();
    if (object == nullptr) return {};
    const std::string message = member_text(*object, "message");
    const std::string_view text = base::trim(message);
    const std::string_view word = text.substr(text.find_last_of(" \t:") + 1);
    return is_guid(word) ? std::string(word) : std::string();
}

std::optional<AddressEntry> find_address(const json::value& body, std::string_view number) {
    const auto* list = body.if_array();
    if (list == nullptr) return std::nullopt;
    for (const json::value& item : *list) {
        const auto* entry = item.if_object();
        if (entry == nullptr) continue;
        if (wire_number(member_text(*entry, "subscriberNumber")) != number) continue;
        AddressEntry out;
        out.batch_id = member_text(*entry, "batchId");
        out.message = excerpt(member_text(*entry, "message"));
        if (const auto* record = object_at(*entry, "ipAddressRecord")) {
            out.ip_address = member_text(*record, "ipAddress");
        }
        bool failed = false;
        for (const char* name : {"profileCheck", "ipReservation", "profileUpdate"}) {
            const std::string stage = member_text(*entry, name);
            out.stages += (out.stages.empty() ? "" : ", ") + excerpt(stage);
            failed |=
                contains(stage, "fail") || contains(stage, "reject") || contains(stage, "error");
        }
        const bool complete = contains(member_text(*entry, "profileCheck"), "success") &&
                              contains(member_text(*entry, "ipReservation"), "reserved") &&
                              contains(member_text(*entry, "profileUpdate"), "complete") &&
                              !out.ip_address.empty();
        out.state = failed     ? AddressEntry::State::failed
                    : complete ? AddressEntry::State::complete
                               : AddressEntry::State::pending;
        return out;
    }
    return std::nullopt;
}

}  // namespace carryall::carriers::telegence
