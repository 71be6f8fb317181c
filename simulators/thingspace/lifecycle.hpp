// What one action does to one line: the carrier's transition table and its limits. Everything is
// decided when the action is carried out, not when it was asked for.
#pragma once

#include <cstdint>
#include <string_view>

#include "thingspace/accounts.hpp"
#include "thingspace/custom_fields.hpp"
#include "thingspace/knobs.hpp"
#include "thingspace/lines.hpp"

namespace carryall::simulators::thingspace {

struct World {
    Accounts accounts;
    Lines lines;
    CustomFields fields;
};

enum class Action : std::uint8_t {
    activate,
    deactivate,
    suspend,
    restore,
    plan,
    custom_fields,
    device_id,
    suspension_status,
    resume_notice,  // nobody asked
    auto_restore,   // nobody asked
    add,
    remove,
    admin
};

// The word of a device's line in the ledger, and the path of the request that led to it.
std::string_view ledger_word(Action action);
std::string_view path_of(Action action);

enum class DeviceFault : std::uint8_t {
    none,
    not_found,
    wrong_account,
    bad_identifier,
    already_active,
    bad_state,
    too_many_actions,
    too_many_plan_changes,
    in_use,
    no_days_left,
    network
};

std::string_view code_of(DeviceFault fault);  // with the service prefix
std::string_view message_of(DeviceFault fault);

// What a request asks for, the same for all its devices.
struct Order {
    Action action = Action::activate;
    bool with_billing = false;
    bool delete_afterwards = false;
    bool new_number = false;
    bool names_sku = false;  // stands for the IMEI of a new line
    std::uint16_t account = 0;
    std::uint16_t plan = kNoPlan;
    std::uint16_t group = 0;
    std::uint32_t zip = 0;
    std::uint32_t fields = kNoRow;  // a change, of CustomFields
    std::uint64_t new_iccid = 0;
    std::uint64_t new_imei = 0;
};

struct Moment {
    std::int64_t micros = 0;
    std::uint32_t seconds() const { return static_cast<std::uint32_t>(micros / 1'000'000); }
};

struct Outcome {
    DeviceFault fault = DeviceFault::none;
    bool changed = false;
};

// `fails`: the network refuses, whatever the rules say. `job` tells whose activation is pending.
Outcome carry_out(World& world, const Knobs& knobs, const Order& order, std::uint32_t job,
                  std::uint32_t row, bool fails, Moment now);

struct SuspendDays {
    std::uint32_t used = 0;     // in the last twelve months, started days counted
    std::uint32_t allowed = 0;  // still, in the same twelve months
};
SuspendDays suspend_days(const World& world, const Knobs& knobs, const Line& line, Moment now);

// When the carrier restores a suspended line by itself; 0 for another line.
std::uint32_t resume_seconds(const World& world, const Knobs& knobs, const Line& line);

// Ends a suspension that lasted as long as it may.
bool restore_by_itself(World& world, std::uint32_t row, std::uint32_t suspension, Moment now);

}  // namespace carryall::simulators::thingspace
