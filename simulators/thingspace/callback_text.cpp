// See callback_text.hpp.
#include "thingspace/callback_text.hpp"

#include "hash.hpp"
#include "json_text.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::uint64_t kImsiStart = 311'480'000'000'000;

// Each thing that varies looks at its own bits.
enum Shift { kWordShift = 8, kFlagShift = 16, kFormShift = 24, kSpellingShift = 32 };

// The identifiers that a client can know the device by.
void append_known_ids(const CallbackContext& context, std::string& out) {
    const Delivery& delivery = context.delivery;
    if (context.job != nullptr && context.job->detail != nullptr) {
        const JobDetail& detail = *context.job->detail;
        if ((delivery.target & kStranger) != 0) {
            out += detail.strangers[delivery.target & ~kStranger].ids;
            return;
        }
        if (!detail.sent_ids.empty()) {
            out += detail.sent_ids;
            return;
        }
    }
    const Line& line = context.world.lines.rows[delivery.target];
    IdList ids(out, spelling_of(context.knobs, context.dice));
    if (takes_second(context.knobs.device_ids_form, context.dice >> kFormShift)) {
        const bool only_number = (delivery.given & (kGivenIccid | kGivenImei)) == 0;
        if (only_number && (delivery.given & kGivenMdn) != 0)
            return ids.mdn(delivery.mdn, Kind::mdn);
        if (only_number && delivery.given != 0) return ids.mdn(delivery.mdn, Kind::msisdn);
        if ((delivery.given & kGivenIccid) == 0 && delivery.given != 0) return ids.imei(line.imei);
        return ids.iccid(line.iccid);
    }
    out += '[';
    if (line.imei != 0) ids.imei(line.imei);
    ids.iccid(line.iccid);
    if ((delivery.given & kGivenMdn) != 0) ids.mdn(delivery.mdn, Kind::mdn);
    if ((delivery.given & kGivenMsisdn) != 0) ids.mdn(delivery.mdn, Kind::msisdn);
    out += ']';
}

// Every identifier of the line, with its number.
void append_all_ids(const CallbackContext& context, std::string& out) {
    const Line& line = context.world.lines.rows[context.delivery.target];
    IdList ids(out, spelling_of(context.knobs, context.dice));
    out += '[';
    ids.mdn(context.delivery.mdn, Kind::mdn);
    ids.mdn(context.delivery.mdn, Kind::msisdn);
    ids.mdn(context.delivery.mdn, Kind::min);
    ids.imsi(context.delivery.target);
    if (line.imei != 0) ids.imei(line.imei);
    ids.iccid(line.iccid);
    out += ']';
}

void append_flag(const CallbackContext& context, std::string_view name, std::string& out) {
    JsonObject object(out);
    if (takes_second(context.knobs.flag_type, context.dice >> kFlagShift))
        object.add(name, "true");
    else
        object.add_bool(name, true);
    object.close();
}

void append_activation(const CallbackContext& context, std::string& out) {
    JsonObject object(out);
    append_all_ids(context, object.add_raw("deviceIds"));
    object.add_raw("featureCodes") += R"(["12345"])";
    object.add("servicePlan", context.world.accounts.plans[context.delivery.plan].code);
    object.add("state", "active");
    append_ip(object.add_raw("ipAddress"), context.delivery.target);
    object.close();
}

void append_suspension(const CallbackContext& context, std::string& out) {
    const Delivery& delivery = context.delivery;
    const bool text = takes_second(context.knobs.flag_type, context.dice >> kFlagShift);
    JsonObject object(out);
    const auto add = [&object, text](std::string_view name, std::int64_t value) {
        if (text)
            object.add(name, std::to_string(value));
        else
            object.add_integer(name, value);
    };
    std::string& date = object.add_raw("expectedResumeDate");
    date += '"';
    if (delivery.resume_seconds != 0) append_timestamp(date, delivery.resume_seconds);
    date += '"';
    add("maxSuspendDaysAllowed", context.knobs.suspend_days_in_row);
    add("numDaysSuspendAllowedCurrent12Months", delivery.days_allowed);
    add("numDaysSuspendedLast12Months", delivery.days_used);
    object.close();
}

void append_identifier_change(const CallbackContext& context, std::string& out) {
    JsonObject object(out);
    append_all_ids(context, object.add_raw("deviceIds"));
    object.add("servicePlan", context.world.accounts.plans[context.delivery.plan].code);
    object.close();
}

void append_response(const CallbackContext& context, std::string& out) {
    JsonObject response(out);
    switch (context.delivery.action) {
        case Action::activate:
            append_activation(context, response.add_raw("activateResponse"));
            break;
        case Action::deactivate:
            append_flag(context, "deactivated", response.add_raw("deactivateResponse"));
            break;
        case Action::suspend:
        case Action::suspension_status:
            append_suspension(context, response.add_raw("suspendResponse"));
            break;
        case Action::restore:
            append_flag(context, "restored", response.add_raw("restoreResponse"));
            break;
        case Action::device_id:
            append_identifier_change(context, response.add_raw("changeIdentifierResponse"));
            break;
        default:
            if (!context.knobs.other_response_member.empty()) {
                response.add_raw(context.knobs.other_response_member) += "{}";
            }
    }
    response.close();
}

void append_fault(DeviceFault fault, std::string& out) {
    JsonObject object(out);
    object.add("faultcode", code_of(fault));
    object.add("faultstring", message_of(fault));
    object.add_null("faultactor");
    object.add_null("detail");
    object.close();
}

}  // namespace

void append_callback(std::string& out, const CallbackContext& context) {
    const Delivery& delivery = context.delivery;
    const bool failed = delivery.fault != DeviceFault::none;
    JsonObject body(out);
    if (!context.registration.username.empty()) {
        body.add("username", context.registration.username);
        body.add("password", context.registration.password);
    }
    if (context.job != nullptr) body.add("requestId", context.request_id);
    append_known_ids(context, body.add_raw("deviceIds"));
    if (failed || context.job == nullptr) {
        body.add_null("deviceResponse");
    } else {
        append_response(context, body.add_raw("deviceResponse"));
    }
    if (failed) append_fault(delivery.fault, body.add_raw("faultResponse"));
    body.add("status", failed ? failed_word(context.knobs, context.dice >> kWordShift) : "Success");
    body.add_integer("callbackCount", delivery.tries);
    body.add_integer("maxCallbackThreshold", kCallbackTries);
    std::string& comment = body.add_raw("comment");
    comment += '"';
    if (delivery.action == Action::resume_notice) {
        comment += "The device will be resumed on ";
        append_timestamp(comment, delivery.resume_seconds);
    }
    comment += '"';
    body.close();
}

Spelling spelling_of(const Knobs& knobs, std::uint64_t dice) {
    const auto wanted = static_cast<std::uint64_t>(knobs.kind_spelling);
    return static_cast<Spelling>(wanted < 4 ? wanted : (dice >> kSpellingShift) & 3);
}

bool takes_second(Form form, std::uint64_t dice) {
    return form == Form::second || (form == Form::vary && (dice & 1) != 0);
}

std::string_view failed_word(const Knobs& knobs, std::uint64_t dice) {
    return takes_second(knobs.status_word, dice) ? "Failure" : "Failed";
}

void IdList::open() {
    out_ += first_ ? R"({"id":")" : R"(,{"id":")";
    first_ = false;
}

void IdList::close(Kind kind) {
    out_ += R"(","kind":")";
    append_kind(out_, kind, spelling_);
    out_ += "\"}";
}

void IdList::iccid(std::uint64_t packed) {
    open();
    append_iccid(out_, packed);
    close(Kind::iccid);
}

void IdList::imei(std::uint64_t packed) {
    open();
    append_digits(out_, packed);
    close(Kind::imei);
}

void IdList::mdn(std::uint32_t number, Kind kind) {
    open();
    if (kind == Kind::msisdn) out_ += '1';
    append_mdn(out_, number);
    close(kind);
}

void IdList::imsi(std::uint32_t row) {
    open();
    append_unsigned(out_, kImsiStart + row);
    close(Kind::imsi);
}

void append_ip(std::string& out, std::uint32_t row) {
    out += "\"10.";
    append_unsigned(out, (row >> 16) & 255);
    out += '.';
    append_unsigned(out, (row >> 8) & 255);
    out += '.';
    append_unsigned(out, row & 255);
    out += '"';
}

}  // namespace carryall::simulators::thingspace
