// Lines as lists and details show them.
#include "json_text.hpp"
#include "thingspace/callback_text.hpp"
#include "thingspace/thingspace_system.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::uint32_t kBillingCycleSeconds = 30 * static_cast<std::uint32_t>(kSecondsPerDay);

struct EventWords {
    std::string_view confirmed;
    std::string_view failed;
};

constexpr std::array<EventWords, 7> kEvents{{
    {"Activation Confirmed", "Activation Failed"},
    {"Deactivation Confirmed", "Deactivation Failed"},
    {"Suspension Confirmed", "Suspension Failed"},
    {"Restore Confirmed", "Restore Failed"},
    {"Service Plan Change Confirmed", "Service Plan Change Failed"},
    {"Device Change Confirmed", "Device Change Failed"},
    {"MDN Change Confirmed", "MDN Change Failed"},
}};

void add_date(JsonObject& object, std::string_view name, std::uint32_t seconds) {
    std::string& out = object.add_raw(name);
    out += '"';
    append_timestamp(out, seconds);
    out += '"';
}

void append_attribute(std::string& out, bool& first, std::string_view key, std::string_view value) {
    if (!first) out += ',';
    first = false;
    JsonObject one(out);
    one.add("key", key);
    one.add("value", value);
    one.close();
}

void append_padded_zip(std::string& out, std::uint32_t zip) {
    for (std::uint32_t unit = 10'000; unit > 0; unit /= 10) {
        out += static_cast<char>('0' + zip / unit % 10);
    }
}

}  // namespace

std::string_view ThingspaceSystem::state_word(LineState state) const {
    if (state == LineState::preactive) return knobs_.preactive_word;
    if (state == LineState::pending) return knobs_.pending_word;
    return name_of(state);
}

void ThingspaceSystem::append_device_ids(std::string& out, std::uint32_t row, const Line& line,
                                         bool in_full) const {
    IdList ids(out, spelling_of(knobs_, std::uint64_t{row} << 32));
    out += '[';
    if (line.mdn != 0) {
        ids.mdn(line.mdn, Kind::mdn);
        if (in_full) {
            ids.mdn(line.mdn, Kind::msisdn);
            ids.mdn(line.mdn, Kind::min);
            ids.imsi(row);
        }
    }
    if (line.imei != 0) ids.imei(line.imei);
    ids.iccid(line.iccid);
    out += ']';
}

void ThingspaceSystem::append_custom_fields(std::string& out, const Line& line) const {
    const FieldSet& fields = world_.fields.set_of(line.fields);
    bool first = true;
    out += '[';
    for (std::size_t i = 0; i < kCustomFields; ++i) {
        if (fields[i] == 0) continue;
        const char name[] = {'C', 'u', 's', 't', 'o', 'm',
                             'F', 'i', 'e', 'l', 'd', static_cast<char>('1' + i)};
        append_attribute(out, first, {name, sizeof name}, world_.fields.text_of(fields[i]));
    }
    out += ']';
}

void ThingspaceSystem::append_attributes(std::string& out, std::uint32_t row, const Line& line,
                                         bool in_full) const {
    bool first = true;
    out += '[';
    if (knobs_.device_id_attribute) {
        append_attribute(out, first, "DeviceId", std::to_string(row + 1));
    }
    if (in_full) {
        std::string zip;
        append_padded_zip(zip, line.zip);
        append_attribute(out, first, "PrimaryPlaceOfUseFirstName", "Simulated");
        append_attribute(out, first, "PrimaryPlaceOfUseLastName", "Customer");
        append_attribute(out, first, "PrimaryPlaceOfUseAddressLine1", "1 Example Street");
        append_attribute(out, first, "PrimaryPlaceOfUseCity", "Example");
        append_attribute(out, first, "PrimaryPlaceOfUseState", "WA");
        append_attribute(out, first, "PrimaryPlaceOfUseCountry", "USA");
        append_attribute(out, first, "PrimaryPlaceOfUseZipCode", zip);
    }
    out += ']';
}

void ThingspaceSystem::append_device(std::string& out, std::uint32_t row, const Line& line,
                                     bool in_full) const {
    JsonObject device(out);
    device.add("accountName", world_.accounts.accounts[line.account].name);
    if (line.activated_seconds != 0) {
        add_date(device, "billingCycleEndDate", line.activated_seconds + kBillingCycleSeconds);
    }
    device.add_raw("carrierInformations") += '[';
    JsonObject carrier(out);
    carrier.add("carrierName", "Verizon Wireless");
    carrier.add("servicePlan", world_.accounts.plans[line.plan].code);
    carrier.add("state", state_word(line.state));
    carrier.close();
    out += ']';
    device.add_bool("connected", line.connected);
    add_date(device, "createdAt", line.created_seconds);
    append_custom_fields(device.add_raw("customFields"), line);
    append_device_ids(device.add_raw("deviceIds"), row, line, in_full);
    append_attributes(device.add_raw("extendedAttributes"), row, line, in_full);
    device.add_raw("groupNames") += '[';
    world_.accounts.append_group(out, line.group, line.account);
    out += ']';
    std::string& address = device.add_raw("ipAddress");
    if (line.state == LineState::active)
        append_ip(address, row);
    else
        address += "\"0.0.0.0\"";
    if (line.activated_seconds != 0) {
        device.add("lastActivationBy", options_.user);
        add_date(device, "lastActivationDate", line.activated_seconds);
        add_date(device, "lastConnectionDate", line.activated_seconds);
    }
    device.close();
}

void ThingspaceSystem::append_event(std::string& out, const LineEvent& event) const {
    const EventWords& words = kEvents[static_cast<std::size_t>(event.kind)];
    JsonObject object(out);
    add_date(object, "occurredAt", event.seconds);
    object.add("status", event.confirmed ? "Success" : "Failed");
    object.add("eventBy", options_.user);
    object.add("eventType", event.confirmed ? words.confirmed : words.failed);
    object.add("servicePlan", world_.accounts.plans[event.plan].code);
    std::string mdn;
    if (event.mdn != 0) append_mdn(mdn, event.mdn);
    object.add("mdn", mdn);
    object.add("msisdn", mdn.empty() ? mdn : "1" + mdn);
    object.add_raw("extendedAttributes") += "[]";
    object.close();
}

}  // namespace carryall::simulators::thingspace
