// A line as JSON: the pairs of line details, what the ledger tells of a change, and the truth for
// the admin route.
#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

// The name/value pairs of a line, as text until it has to be quoted.
class Pairs {
  public:
    explicit Pairs(std::string& out) : out_(out) { out_ += '['; }
    void add(std::string_view name, std::string_view value) {
        append_escaped(open(name), value);
        out_ += "\"}";
    }
    void add_day(std::string_view name, Day day) {
        append_day(open(name), day);
        out_ += "\"}";
    }
    void add_digits(std::string_view name, const Digits& digits) {
        append_digits(open(name), digits);
        out_ += "\"}";
    }
    // The n-th of a repeated name: "offeringCode1".
    void add_nth(std::string_view name, std::size_t nth, std::string_view value) {
        append_escaped(open(name, nth), value);
        out_ += "\"}";
    }
    void add_nth_day(std::string_view name, std::size_t nth, Day day) {
        append_day(open(name, nth), day);
        out_ += "\"}";
    }
    std::string& open(std::string_view name, std::size_t nth = 0) {
        out_ += first_ ? "{\"name\":\"" : ",{\"name\":\"";
        first_ = false;
        out_ += name;
        if (nth > 0) append_unsigned(out_, nth);
        out_ += "\",\"value\":\"";
        return out_;
    }
    void close() { out_ += ']'; }

  private:
    std::string& out_;
    bool first_ = true;
};

void add_equipment(Pairs& pairs, const LineRow& row, std::string_view technology) {
    pairs.add_digits("sim", row.sim);
    pairs.add("pendingEquipmentUpgrade", row.waiting_equipment > 0 ? "true" : "false");
    pairs.add_digits("BLIMEI", row.imei);
    pairs.add("BLIMEIType", "DEVICE");
    pairs.add("BLDeviceBrand", "Fieldworks");
    pairs.add("BLDeviceModel", "Tracker 100");
    pairs.add("BLDeviceTechnologyType", technology);
    pairs.add_digits("NWIMEI", row.imei);
    pairs.add("NWIMEIType", "DEVICE");
    pairs.add("NWDeviceBrand", "Fieldworks");
    pairs.add("NWDeviceModel", "Tracker 100");
    pairs.add("osVersion", "1.0");
    pairs.add("osType", "RTOS");
    pairs.add("imeiVersion", "01");
}

void add_quoted_digits(JsonObject& object, std::string_view name, const Digits& digits) {
    std::string& out = object.add_raw(name);
    out += '"';
    append_digits(out, digits);
    out += '"';
}

void add_quoted_day(JsonObject& object, std::string_view name, Day day) {
    std::string& out = object.add_raw(name);
    out += '"';
    append_day(out, day);
    out += '"';
}

void append_codes(std::string& out, const CodeTable& table,
                  const std::vector<std::uint16_t>& codes) {
    out += '[';
    for (std::size_t i = 0; i < codes.size(); ++i) {
        if (i > 0) out += ',';
        append_quoted(out, table.at(codes[i]).code);
    }
    out += ']';
}

}  // namespace

std::string_view TelegenceSystem::code_of_plan(std::uint16_t plan) const {
    return plan == kNone ? std::string_view{} : state_.plans.at(plan).code;
}

void TelegenceSystem::append_details(std::string& out, const LineRow& row,
                                     std::int64_t now_micros) const {
    out += "{\"subscriberNumber\":\"";
    append_number(out, row.number);
    out += "\",\"serviceCharacteristic\":";
    Pairs pairs(out);
    const char status = letter_of(row.status);
    pairs.add("subscriberStatus", {&status, 1});
    pairs.add_day("statusEffectiveDate", row.status_day);
    pairs.add("statusReasonCode", state_.texts.text_of(row.reason));
    pairs.add_day("subscriberActivationDate", row.activation_day);
    pairs.add("singleUserCode", code_of_plan(row.plan));
    pairs.add("singleUserCodeDescription",
              row.plan == kNone ? "" : state_.plans.at(row.plan).description);
    pairs.add("serviceZipCode", state_.texts.text_of(row.zip));
    pairs.add_day("effectiveDate", row.plan_day);
    pairs.add("expirationDate", "");
    pairs.add("billingAccountNumber", state_.bans[row.ban].ban);
    pairs.add_day("nextBillCycleDate", first_of_next_month(day_of(now_micros)));
    pairs.add("contactName", "");
    add_equipment(pairs, row, state_.texts.text_of(row.technology));
    if (row.data_group != 0) {
        pairs.add("dataGroupIDCode1", state_.texts.text_of(row.data_group));
    }
    if (row.ip_address != 0) {
        append_address(pairs.open("ipAddress"), row.ip_address);
        out += "\"}";
    }
    std::size_t nth = 0;
    for (const FeatureOn& on : state_.feature_lists.list_of(row.features)) {
        const CodeEntry& feature = state_.features.at(on.feature);
        pairs.add_nth("offeringCode", ++nth, feature.code);
        pairs.add_nth("offeringDescription", nth, feature.description);
        pairs.add_nth_day("offeringEffectiveDate", nth, on.since);
        pairs.add_nth("offeringExpirationDate", nth, "");
    }
    pairs.close();
    out += '}';
}

void TelegenceSystem::append_change(std::string& out, const LineChange& change,
                                    bool scheduled) const {
    JsonObject fields(out);
    if (change.plan != kNone) fields.add("singleUserCode", code_of_plan(change.plan));
    if (!change.add.empty()) {
        append_codes(fields.add_raw("addOfferingCode"), state_.features, change.add);
    }
    if (!change.remove.empty()) {
        append_codes(fields.add_raw("removeOfferingCode"), state_.features, change.remove);
    }
    if (!change.sim.empty()) add_quoted_digits(fields, "sim", change.sim);
    if (!change.imei.empty()) add_quoted_digits(fields, "IMEI", change.imei);
    if (change.status) {
        const char status = letter_of(*change.status);
        fields.add("status", std::string_view{&status, 1});
        fields.add("reasonCode", state_.texts.text_of(change.reason));
    } else if (change.equipment_reason != 0) {
        fields.add("reasonCode", state_.texts.text_of(change.equipment_reason));
    }
    add_quoted_day(fields, "effectiveDate", change.day);
    if (scheduled) fields.add_bool("scheduled", true);
    fields.close();
}

void TelegenceSystem::append_truth(std::string& out, std::uint32_t line) const {
    const LineRow& row = state_.lines[line];
    JsonObject truth(out);
    append_number(truth.add_raw("subscriberNumber") += '"', row.number);
    out += '"';
    add_quoted_digits(truth, "iccid", row.sim);
    add_quoted_digits(truth, "imei", row.imei);
    const char status = letter_of(row.status);
    truth.add("status", std::string_view{&status, 1});
    truth.add("reasonCode", state_.texts.text_of(row.reason));
    add_quoted_day(truth, "statusEffectiveDate", row.status_day);
    truth.add("plan", code_of_plan(row.plan));
    add_quoted_day(truth, "planEffectiveDate", row.plan_day);
    std::string& features = truth.add_raw("features");
    features += '[';
    for (const FeatureOn& on : state_.feature_lists.list_of(row.features)) {
        if (features.back() != '[') features += ',';
        append_quoted(features, state_.features.at(on.feature).code);
    }
    features += ']';
    truth.add("ban", state_.bans[row.ban].ban);
    truth.add("fan", state_.bans[row.ban].fan);
    truth.add("appId", state_.account_of(row).app_id);
    truth.add("zip", state_.texts.text_of(row.zip));
    truth.add("dataGroup", state_.texts.text_of(row.data_group));
    append_address(truth.add_raw("ipAddress") += '"', row.ip_address);
    out += '"';
    truth.add_integer("scheduledChanges", row.waiting_changes);
    truth.close();
}

}  // namespace carryall::simulators::telegence
