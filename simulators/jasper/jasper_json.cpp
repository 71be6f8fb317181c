// How devices, usage, sessions and audit rows look. Phone number, IMSI and IMEI of a device that
// was loaded without them follow from its row.
#include "jasper/jasper_dates.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::uint64_t kFirstMsisdn = 15'550'000'000ULL;
constexpr std::uint64_t kFirstImei = 350'000'000'000'000ULL;
constexpr std::uint64_t kFirstImsi = 310'000'000'000'000ULL;
constexpr std::uint64_t kNoNumber = 0;

// What a value is when nobody has set it; 0: nothing.
std::uint64_t derived_number(Field field, std::uint32_t device) {
    switch (field) {
        case Field::msisdn:
            return kFirstMsisdn + device;
        case Field::imei:
            return kFirstImei + device;
        case Field::imsi:
            return kFirstImsi + device;
        default:
            return kNoNumber;
    }
}

std::string_view fallback_text(Field field) {
    if (field == Field::overage_limit_override) return "DEFAULT";
    if (field == Field::global_sim_type) return "None";
    return {};
}

// The members that were asked for.
class Members {
  public:
    Members(std::string& out, std::string_view fields) : out_(out), object_(out), fields_(fields) {}
    bool wants(std::string_view name) const { return is_wanted(fields_, name); }
    std::string& raw(std::string_view name) { return object_.add_raw(name); }
    void number(std::string_view name, std::uint64_t value) {
        if (wants(name)) append_unsigned(raw(name), value);
    }
    // null for 0
    void date(std::string_view name, std::int64_t micros) {
        if (!wants(name)) return;
        raw(name);
        if (micros == 0) {
            out_ += "null";
            return;
        }
        append_date(out_ += '"', micros);
        out_ += '"';
    }
    void close() { object_.close(); }

  private:
    std::string& out_;
    JsonObject object_;
    std::string_view fields_;
};

constexpr Field kIdentity[] = {Field::imsi,   Field::msisdn,    Field::imei,
                               Field::status, Field::rate_plan, Field::communication_plan};

}  // namespace

Values JasperSystem::values_at(std::uint32_t device, const Call& call, DeviceRow& row) const {
    if (call.stale_micros > 0) {
        const auto* image = state_.image_at(device, call.now_micros - call.stale_micros);
        if (image != nullptr) {
            row = image->row;
            return image->values;
        }
    }
    row = state_.devices[device];
    return state_.values_of(device);
}

void JasperSystem::append_value(std::string& out, std::uint32_t device, Field field,
                                const Values& values) const {
    const std::uint32_t value = values[static_cast<std::size_t>(field)];
    if (value != kNoText) return append_quoted(out, state_.text(value));
    const std::uint64_t number = derived_number(field, device);
    if (number != kNoNumber) {
        append_unsigned(out += '"', number);
        out += '"';
    } else if (info_of(field).null_when_unset) {
        out += "null";
    } else {
        append_quoted(out, fallback_text(field));
    }
}

void JasperSystem::append_details(std::string& out, std::uint32_t device, const DeviceRow& row,
                                  const Values& values, std::string_view fields) const {
    Members members(out, fields);
    if (members.wants("iccid")) {
        row.iccid.append(members.raw("iccid") += '"');
        out += '"';
    }
    for (std::size_t i = 0; i < kFieldCount; ++i) {
        const auto field = static_cast<Field>(i);
        std::string_view name = info_of(field).detail_name;
        if (field == Field::eid && knobs_.eid_is_euiccid) name = "euiccid";
        if (!name.empty() && members.wants(name))
            append_value(members.raw(name), device, field, values);
    }
    const std::int64_t added = std::int64_t{row.added_seconds} * kMicrosPerSecond;
    members.date("dateActivated", row.activated_micros);
    members.date("dateAdded", added);
    members.date("dateUpdated", row.updated_micros);
    members.date("dateShipped", added);
    if (members.wants("accountId")) {
        append_quoted(members.raw("accountId"), state_.accounts[row.account].id);
    }
    members.close();
}

void JasperSystem::append_usage(std::string& out, std::uint32_t device, const Values& values,
                                std::int64_t now_micros, std::string_view fields) const {
    const Usage usage = state_.usage_seen(device, now_micros);
    Members members(out, fields);
    if (members.wants("iccid")) {
        state_.devices[device].iccid.append(members.raw("iccid") += '"');
        out += '"';
    }
    for (const Field field : kIdentity) {
        const std::string_view name = info_of(field).name;
        if (members.wants(name)) append_value(members.raw(name), device, field, values);
    }
    members.number("ctdDataUsage", usage.bytes);
    members.number("ctdSMSUsage", usage.sms);
    members.number("ctdVoiceUsage", usage.voice_seconds);
    members.number("ctdSessionCount", usage.sessions);
    if (members.wants("overageLimitReached")) members.raw("overageLimitReached") += "false";
    if (members.wants("overageLimitOverride")) {
        append_value(members.raw("overageLimitOverride"), device, Field::overage_limit_override,
                     values);
    }
    members.close();
}

void JasperSystem::append_session(std::string& out, std::uint32_t device, const Values& values,
                                  std::int64_t now_micros, std::string_view fields) const {
    const Usage usage = state_.usage_seen(device, now_micros);
    const bool never = usage.session_started_micros == 0;
    const std::uint32_t fixed = values[static_cast<std::size_t>(Field::ipv4_address)];
    const std::uint32_t fixed6 = values[static_cast<std::size_t>(Field::ipv6_address)];
    Members members(out, fields);
    if (members.wants("iccid")) {
        state_.devices[device].iccid.append(members.raw("iccid") += '"');
        out += '"';
    }
    if (members.wants("ipAddress")) {
        members.raw("ipAddress");
        if (never)
            out += "null";
        else if (fixed != kNoText)
            append_quoted(out, state_.text(fixed));
        else
            append_quoted(out, "10." + std::to_string(device >> 16 & 255) + "." +
                                   std::to_string(device >> 8 & 255) + "." +
                                   std::to_string(device & 255));
    }
    if (!never && fixed6 != kNoText && members.wants("ipv6Address")) {
        append_quoted(members.raw("ipv6Address"), state_.text(fixed6));
    }
    members.date("dateSessionStarted", usage.session_started_micros);
    members.date("dateSessionEnded", usage.session_ended_micros);
    if (members.wants("apn")) members.raw("apn") += never ? "null" : "\"iot.example\"";
    members.close();
}

void JasperSystem::append_audit(std::string& out, const AuditRow& row) const {
    JsonObject audit(out);
    audit.add("field", info_of(row.field).name);
    const auto shown = [&](std::uint32_t value) {
        return value == kNoText ? fallback_text(row.field) : state_.text(value);
    };
    audit.add("priorValue", shown(row.prior));
    audit.add("value", shown(row.value));
    append_date(audit.add_raw("effectiveDate") += '"', row.effective_micros);
    out += '"';
    audit.add("status", name_of(row.status));
    audit.add("userName", state_.text(row.user));
    audit.add_null("delegatedUser");
    audit.add("ipAddress", "127.0.0.1");
    audit.close();
}

}  // namespace carryall::simulators::jasper
