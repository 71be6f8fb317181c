// The edit of a device: everything is checked before anything is changed.
#include <algorithm>
#include <arpa/inet.h>

#include "jasper/jasper_dates.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::size_t kMaxValueBytes = 255;
constexpr std::int64_t kMaxDaysAhead = 180;
constexpr std::uint32_t kFine = 0;

bool is_address(int family, std::string_view text) {
    unsigned char bytes[sizeof(in6_addr)];
    return text.empty() || inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

bool is_overage(std::string_view text) {
    return text == "DEFAULT" || text == "TEMPORARY_OVERRIDE" || text == "PERMANENT_OVERRIDE";
}

// From tomorrow (as the zone of the text has it) to 180 days ahead.
std::optional<std::int64_t> effective_micros(std::string_view text, std::int64_t now_micros) {
    const auto due = parse_day_or_time(text);
    if (!due || *due <= now_micros || *due > now_micros + kMaxDaysAhead * kDayMicros) {
        return std::nullopt;
    }
    return due;
}

}  // namespace

std::uint32_t JasperSystem::right_refusal(Right right) const {
    const Role role = user_->role;
    if (role == Role::readonly) return kRoleLacksFunction;
    switch (right) {
        case Right::device:
        case Right::customer_custom:
            return kFine;
        case Right::customer:
            return role == Role::customer ? kRoleLacksFunction : kFine;
        case Right::operator_custom:
            return role == Role::op ? kFine : kNoOperatorCustom;
        case Right::account_custom:
            return role == Role::customer ? kNoAccountCustom : kFine;
        case Right::nobody:
            break;
    }
    return kUnknownParameter;
}

std::uint32_t JasperSystem::plan_refusal(Field field, std::string_view value) const {
    const std::uint32_t name = state_.find_text(value);
    if (field == Field::rate_plan) {
        return state_.has_rate_plan(account(), name) ? kFine : kInvalidRatePlan;
    }
    const auto& plans = account().communication_plans;
    if (std::find(plans.begin(), plans.end(), name) != plans.end()) return kFine;
    return state_.knows_communication_plan(name) ? kPlanOfOtherAccount : kInvalidCommunicationPlan;
}

std::uint32_t JasperSystem::refusal_of(Field field, std::string_view value, std::uint32_t device) {
    const DeviceRow& row = state_.devices[device];
    if (value.size() > kMaxValueBytes) return kInvalidJson;
    switch (field) {
        case Field::status: {
            const auto status = state_.status_of(value);
            if (!status) return kInvalidStatus;
            return state_.transitions_of(account().operator_name)
                .refusal(row.status, *status, row.activated_micros != 0);
        }
        case Field::rate_plan:
        case Field::communication_plan:
            if (row.status == kPurged || row.status == kReplaced) return kInvalidSimState;
            return plan_refusal(field, value);
        case Field::customer: {
            const auto& customers = account().customers;
            const auto found =
                std::find(customers.begin(), customers.end(), state_.find_text(value));
            return value.empty() || found != customers.end() ? kFine : kInvalidCustomer;
        }
        case Field::overage_limit_override:
            return is_overage(value) ? kFine : kInvalidOverage;
        case Field::ipv4_address:
            return is_address(AF_INET, value) ? kFine : kInvalidJson;
        case Field::ipv6_address:
            return is_address(AF_INET6, value) ? kFine : kInvalidJson;
        default:
            return kFine;
    }
}

bool JasperSystem::read_edit(const boost::json::object& body, std::uint32_t device,
                             const Call& call, Edit& edit, Reply& reply) {
    const auto refused = [&](std::uint32_t code, std::string_view detail) {
        refuse(reply, code, detail);
        return false;
    };
    for (const auto& member : body) {
        const std::string_view name{member.key().data(), member.key().size()};
        const bool dates = name == "effectiveDate";
        const auto field = field_of(name);
        if (!dates && (!field || info_of(*field).right == Right::nobody)) {
            return refused(kUnknownParameter, name);
        }
        if (!member.value().is_string()) return refused(kInvalidJson, name);
        const std::string_view value{member.value().get_string().data(),
                                     member.value().get_string().size()};
        if (dates) {
            const auto due = effective_micros(value, call.now_micros);
            if (!due) return refused(kInvalidDate, name);
            edit.due_micros = *due;
            continue;
        }
        std::uint32_t code = right_refusal(info_of(*field).right);
        if (code == kFine) code = refusal_of(*field, value, device);
        if (code != kFine) return refused(code, value);
        const bool is_unset = *field == Field::overage_limit_override && value == "DEFAULT";
        const std::uint32_t text = is_unset ? kNoText : state_.intern(value);
        if (text == kNoRow) return refused(kServerError, "");
        edit.changes[edit.count++] = {*field, text};
    }
    if (edit.count == 0) return refused(kFieldsMissing, "");
    return true;
}

// False: there is no room for a scheduled change.
bool JasperSystem::carry_out(const Edit& edit, std::uint32_t device, const Call& call,
                             bool& changed) {
    const JasperState::Author author{user_->name_text, call.now_micros, false};
    for (std::size_t i = 0; i < edit.count; ++i) {
        const auto& [field, value] = edit.changes[i];
        const bool waits =
            edit.due_micros != 0 && (knobs_.effective_date_covers_all || is_plan(field));
        const std::int64_t due = waits ? edit.due_micros : call.now_micros;
        const bool is_accepted = knobs_.answers_202 == Sometimes::always && !waits;
        const std::int64_t delay = knobs_.accepted_delay_millis * kMicrosPerMilli;
        if (!waits && !(is_accepted && delay > 0)) {
            changed = state_.change(device, field, value, author) || changed;
            continue;
        }
        if (!state_.schedule(device, field, value, waits ? due : due + delay, author)) return false;
        changed = true;
    }
    return true;
}

void JasperSystem::edit_device(const Request& request, std::uint32_t device, Call& call,
                               Reply& reply) {
    if (user_->role == Role::readonly) return refuse(reply, kRoleLacksFunction);
    if (request.body.empty()) return refuse(reply, kFieldsMissing);
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse(reply, kMalformedJson);
    Edit edit;
    if (!read_edit(*body, device, call, edit, reply)) return;
    bool changed = false;
    if (!carry_out(edit, device, call, changed)) return refuse(reply, kServerError);
    call.performed = true;
    call.changed = changed;
    append_json(call.fields, *body);
    const bool accepted = knobs_.answers_202 == Sometimes::always ||
                          (knobs_.answers_202 == Sometimes::scheduled && edit.due_micros != 0);
    reply.status = accepted ? 202 : 200;
    JsonObject answer(reply.body);
    answer.add("iccid", call.params[0]);
    answer.close();
}

}  // namespace carryall::simulators::jasper
