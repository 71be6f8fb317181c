// See lifecycle.hpp.
#include "thingspace/lifecycle.hpp"

#include <algorithm>
#include <array>

#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

struct FaultText {
    std::string_view code;
    std::string_view message;
};

constexpr std::array<FaultText, 11> kFaults{{
    {"", ""},
    {"UnifiedWebService.REQUEST_FAILED.DeviceNotFound", "The device could not be found."},
    {"UnifiedWebService.INPUT_INVALID.Device.Account.Invalid",
     "The device belongs to another account."},
    {"UnifiedWebService.INPUT_INVALID.Device.Identifier.Invalid",
     "The device identifiers are not valid for this request."},
    {"UnifiedWebService.REQUEST_FAILED.DeviceAlreadyActive", "The device is already active."},
    {"UnifiedWebService.REQUEST_FAILED.DeviceState.Invalid",
     "The device is not in a state that allows this request."},
    {"UnifiedWebService.REQUEST_FAILED",
     "The line has reached its number of provisioning actions for today."},
    {"UnifiedWebService.REQUEST_FAILED",
     "The line has reached its number of service plan changes for this month."},
    {"UnifiedWebService.REQUEST_FAILED", "The SIM or device is in use by another line."},
    {"UnifiedWebService.REQUEST_FAILED", "The line has no suspension days left."},
    {"UnifiedWebService.REQUEST_FAILED",
     "The network could not complete the request. Please try again later."},
}};

struct LedgerText {
    std::string_view word;
    std::string_view path;
};

constexpr std::array<LedgerText, 13> kLedgerTexts{{
    {"device_activate", "/thingspace/api/m2m/v1/devices/actions/activate"},
    {"device_deactivate", "/thingspace/api/m2m/v1/devices/actions/deactivate"},
    {"device_suspend", "/thingspace/api/m2m/v1/devices/actions/suspend"},
    {"device_restore", "/thingspace/api/m2m/v1/devices/actions/restore"},
    {"device_plan", "/thingspace/api/m2m/v1/devices/actions/plan"},
    {"device_custom_fields", "/thingspace/api/m2m/v1/devices/actions/customFields"},
    {"device_change_id", "/thingspace/api/m2m/v1/devices/4G/actions/deviceId"},
    {"device_suspension_status", "/thingspace/api/m2m/v1/devices/suspension/status"},
    {"resume_notice", "/thingspace/api/m2m/v1/devices/actions/suspend"},
    {"device_auto_restore", "/thingspace/api/m2m/v1/devices/actions/suspend"},
    {"device_add", "/thingspace/api/m2m/v1/devices/actions/add"},
    {"device_delete", "/thingspace/api/m2m/v1/devices/actions/delete"},
    {"device_admin", "/_sim/thingspace/line"},
}};

Outcome refused(DeviceFault fault) {
    return {fault, false};
}

// One change of one line, under way.
struct Step {
    World& world;
    const Knobs& knobs;
    const Order& order;
    std::uint32_t job;
    std::uint32_t row;
    Moment now;

    Line& line() const { return world.lines.rows[row]; }

    bool may_act() const {
        const auto today = static_cast<std::uint16_t>(now.seconds() / kSecondsPerDay);
        return knobs.actions_per_day == 0 || line().action_day != today ||
               line().actions_that_day < knobs.actions_per_day;
    }
    void count_action() const {
        const auto today = static_cast<std::uint16_t>(now.seconds() / kSecondsPerDay);
        Line& counted = line();
        if (counted.action_day != today) counted.actions_that_day = 0;
        counted.action_day = today;
        if (counted.actions_that_day < UINT8_MAX) ++counted.actions_that_day;
    }
    Outcome done(EventKind kind, bool changed) const {
        count_action();
        world.lines.note(row, kind, true, now.seconds());
        return {DeviceFault::none, changed};
    }
    Outcome failed(EventKind kind, DeviceFault fault) const {
        world.lines.note(row, kind, false, now.seconds());
        return refused(fault);
    }
};

// Ends the wait of the activation that this request began.
void end_pending(const Step& step, DeviceFault fault) {
    Line& line = step.line();
    if (line.state != LineState::pending || line.pending_job != step.job) return;
    const bool left_deactive =
        fault == DeviceFault::network && step.knobs.failed_activation_is_deactive;
    line.state = left_deactive ? LineState::deactive : line.state_before_pending;
    line.pending_job = kNoRow;
}

Outcome activate(const Step& step, bool fails) {
    Line& line = step.line();
    DeviceFault fault = DeviceFault::none;
    if (line.state == LineState::active)
        fault = DeviceFault::already_active;
    else if (line.state == LineState::suspend ||
             (line.state == LineState::pending && line.pending_job != step.job))
        fault = DeviceFault::bad_state;
    else if (!step.may_act())
        fault = DeviceFault::too_many_actions;
    else if (fails)
        fault = DeviceFault::network;
    if (fault != DeviceFault::none) {
        end_pending(step, fault);
        return step.failed(EventKind::activation, fault);
    }
    line.state = LineState::active;
    line.pending_job = kNoRow;
    line.plan = step.order.plan;
    line.zip = step.order.zip;
    line.activated_seconds = step.now.seconds();
    if (step.order.group != 0) line.group = step.order.group;
    if (step.order.fields != kNoRow) {
        line.fields = step.world.fields.changed(line.fields, step.order.fields);
    }
    step.world.lines.give_number(step.row);
    return step.done(EventKind::activation, true);
}

Outcome deactivate(const Step& step) {
    Line& line = step.line();
    const bool allowed = line.state == LineState::active ||
                         (line.state == LineState::suspend && step.knobs.deactivate_from_suspend);
    if (!allowed) return step.failed(EventKind::deactivation, DeviceFault::bad_state);
    const Outcome outcome = step.done(EventKind::deactivation, true);
    step.world.lines.end_suspension(step.row, step.now.seconds());
    step.world.lines.take_number(step.row);
    line.plan = kNoPlan;
    line.connected = false;
    line.state = LineState::deactive;
    if (step.order.delete_afterwards) step.world.lines.remove(step.row);
    return outcome;
}

Outcome suspend(const Step& step) {
    Line& line = step.line();
    if (line.state != LineState::active) {
        return step.failed(EventKind::suspension, DeviceFault::bad_state);
    }
    if (suspend_days(step.world, step.knobs, line, step.now).allowed == 0) {
        return step.failed(EventKind::suspension, DeviceFault::no_days_left);
    }
    line.state = LineState::suspend;
    line.with_billing = step.order.with_billing;
    line.connected = false;
    step.world.lines.begin_suspension(step.row, step.now.seconds());
    return step.done(EventKind::suspension, true);
}

Outcome restore(const Step& step) {
    Line& line = step.line();
    if (line.state != LineState::suspend) {
        return step.failed(EventKind::restore, DeviceFault::bad_state);
    }
    line.state = LineState::active;
    step.world.lines.end_suspension(step.row, step.now.seconds());
    return step.done(EventKind::restore, true);
}

Outcome change_plan(const Step& step) {
    Line& line = step.line();
    if (line.state != LineState::active) {
        return step.failed(EventKind::plan_change, DeviceFault::bad_state);
    }
    if (line.plan == step.order.plan) return step.done(EventKind::plan_change, false);
    const std::uint16_t month = month_of(step.now.seconds());
    if (line.plan_month != month) line.plan_changes_that_month = 0;
    line.plan_month = month;
    if (step.knobs.plan_changes_per_month > 0 &&
        line.plan_changes_that_month >= step.knobs.plan_changes_per_month) {
        return step.failed(EventKind::plan_change, DeviceFault::too_many_plan_changes);
    }
    if (line.plan_changes_that_month < UINT8_MAX) ++line.plan_changes_that_month;
    line.plan = step.order.plan;
    return step.done(EventKind::plan_change, true);
}

Outcome change_identifier(const Step& step) {
    Lines& lines = step.world.lines;
    const Order& order = step.order;
    const EventKind kind = order.new_number ? EventKind::mdn_change : EventKind::device_change;
    if (step.line().state != LineState::active) return step.failed(kind, DeviceFault::bad_state);
    if ((order.new_iccid != 0 && lines.find_iccid(order.new_iccid) != kNoRow) ||
        (order.new_imei != 0 && lines.find_imei(order.new_imei) != kNoRow)) {
        return step.failed(kind, DeviceFault::in_use);
    }
    if (order.new_iccid != 0) lines.set_iccid(step.row, order.new_iccid);
    if (order.new_imei != 0) lines.set_imei(step.row, order.new_imei);
    if (order.new_number) lines.give_number(step.row);
    return step.done(kind, true);
}

Outcome set_fields(const Step& step) {
    Line& line = step.line();
    const std::uint32_t fields = step.world.fields.changed(line.fields, step.order.fields);
    const bool changed = fields != line.fields;
    line.fields = fields;
    return {DeviceFault::none, changed};
}

EventKind event_of(const Order& order) {
    switch (order.action) {
        case Action::deactivate:
            return EventKind::deactivation;
        case Action::suspend:
            return EventKind::suspension;
        case Action::restore:
            return EventKind::restore;
        case Action::plan:
            return EventKind::plan_change;
        default:
            return order.new_number ? EventKind::mdn_change : EventKind::device_change;
    }
}

}  // namespace

std::string_view ledger_word(Action action) {
    return kLedgerTexts[static_cast<std::size_t>(action)].word;
}

std::string_view path_of(Action action) {
    return kLedgerTexts[static_cast<std::size_t>(action)].path;
}

std::string_view code_of(DeviceFault fault) {
    return kFaults[static_cast<std::size_t>(fault)].code;
}

std::string_view message_of(DeviceFault fault) {
    return kFaults[static_cast<std::size_t>(fault)].message;
}

Outcome carry_out(World& world, const Knobs& knobs, const Order& order, std::uint32_t job,
                  std::uint32_t row, bool fails, Moment now) {
    const Step step{world, knobs, order, job, row, now};
    const LineState state = step.line().state;
    if (state == LineState::deleted) return refused(DeviceFault::not_found);
    if (step.line().account != order.account) return refused(DeviceFault::wrong_account);
    if (order.action == Action::suspension_status) return {};
    world.lines.remember(row, now.micros);
    if (order.action == Action::activate) return activate(step, fails);
    if (order.action == Action::custom_fields) {
        return fails ? refused(DeviceFault::network) : set_fields(step);
    }
    if (!step.may_act()) return step.failed(event_of(order), DeviceFault::too_many_actions);
    if (fails) return step.failed(event_of(order), DeviceFault::network);
    switch (order.action) {
        case Action::deactivate:
            return deactivate(step);
        case Action::suspend:
            return suspend(step);
        case Action::restore:
            return restore(step);
        case Action::plan:
            return change_plan(step);
        default:
            return change_identifier(step);
    }
}

SuspendDays suspend_days(const World& world, const Knobs& knobs, const Line& line, Moment now) {
    SuspendDays days;
    days.used = world.lines.suspended_days(line, now.seconds());
    const auto yearly = static_cast<std::uint32_t>(knobs.suspend_days_a_year);
    days.allowed = yearly > days.used ? yearly - days.used : 0;
    return days;
}

// What was left when the suspension began decides, not what is left now.
std::uint32_t resume_seconds(const World& world, const Knobs& knobs, const Line& line) {
    if (line.state != LineState::suspend || line.last_suspension == kNoRow) return 0;
    const std::uint32_t began = world.lines.suspensions[line.last_suspension].from_seconds;
    const Moment then{std::int64_t{began} * 1'000'000};
    const std::uint32_t days = std::min(suspend_days(world, knobs, line, then).allowed,
                                        static_cast<std::uint32_t>(knobs.suspend_days_in_row));
    return began + days * static_cast<std::uint32_t>(kSecondsPerDay);
}

bool restore_by_itself(World& world, std::uint32_t row, std::uint32_t suspension, Moment now) {
    Line& line = world.lines.rows[row];
    if (line.state != LineState::suspend || line.last_suspension != suspension) return false;
    world.lines.remember(row, now.micros);
    line.state = LineState::active;
    world.lines.end_suspension(row, now.seconds());
    world.lines.note(row, EventKind::restore, true, now.seconds());
    return true;
}

}  // namespace carryall::simulators::thingspace
