// What accepting a difference means for our record, or why it cannot be accepted. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "sync/drift_rules.hpp"

namespace carryall::sync {

// A difference as it stands while its row is locked.
struct DecidedDrift {
    std::int64_t drift_id = 0;
    std::int64_t device_id = 0;
    std::int64_t line_id = 0;
    DriftField field = DriftField::status;
    std::optional<std::string> theirs;
    std::string state;
    // An unfinished bulk change of the device touches the field.
    bool is_moving = false;
    bool is_archived = false;  // our device
    // Of the carrier's line, if a device is to be made of it.
    std::string integration;
    std::optional<std::string> iccid;
    std::optional<std::string> msisdn;
    std::optional<std::string> imei;
    std::optional<std::string> status;
    std::optional<std::string> rate_plan;
    std::optional<std::string> communication_plan;
    std::optional<std::string> owner;  // service provider whose device has this ICCID
};

// One member of a device; an empty value takes it away. `archived` holds "t" or "f".
struct DeviceEdit {
    std::int64_t drift_id = 0;
    std::int64_t device_id = 0;
    std::string member;  // status, ratePlan, communicationPlan, msisdn, imei or archived
    std::string value;
};
struct NewDevice {
    std::int64_t drift_id = 0;
    std::int64_t line_id = 0;
    std::string portal;
    std::string iccid;
    std::optional<std::string> msisdn;
    std::optional<std::string> imei;
    std::string status;
    std::optional<std::string> rate_plan;
    std::optional<std::string> communication_plan;
};
struct NotAcceptable {
    std::string reason;
};
using Acceptance = std::variant<DeviceEdit, NewDevice, NotAcceptable>;

Acceptance accept(const DecidedDrift& drift);

// Why a difference in this state cannot be decided; empty: it can.
std::string undecidable(const DecidedDrift& drift);

}  // namespace carryall::sync
