// Where our record and the carrier's line differ, and what becomes of the differences that are
// known already. Pure: sync_store.hpp reads the cases and writes the changes.
//
// What must stay true: what no reading told is not compared; a field that is not judged now keeps
// its difference as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "carriers/carrier.hpp"

namespace carryall::sync {

// Spelled "status", "ratePlan", "communicationPlan", "msisdn", "imei", "presence".
enum class DriftField { status, rate_plan, communication_plan, msisdn, imei, presence };
inline constexpr int kDriftFields = 6;
std::string_view to_string(DriftField field);
std::optional<DriftField> parse_drift_field(std::string_view text);

// What `presence` holds on either side.
inline constexpr std::string_view kPresent = "present";
inline constexpr std::string_view kArchived = "archived";
inline constexpr std::string_view kAbsent = "absent";

// What both sides say of a line. nullopt: our record has none, no reading told. An empty text: the
// carrier told that the line has none.
struct LineFacts {
    std::optional<std::string> status;
    std::optional<std::string> rate_plan;  // its code
    std::optional<std::string> communication_plan;
    std::optional<std::string> msisdn;
    std::optional<std::string> imei;
};

struct DeviceCase {
    std::int64_t device_id = 0;
    bool is_archived = false;
    LineFacts ours;
    std::int64_t line_id = 0;  // 0: the carrier does not know the line
    LineFacts theirs;
    base::Instant seen_at;  // when the carrier's side was read
    bool is_new = false;    // made since the reading began: it may have come too late to be shown
};

// A line of the carrier by itself: it differs while no device of ours stands for it.
struct LineCase {
    std::int64_t line_id = 0;
    bool is_ours_or_gone = false;
};

// One field of one case. Device 0: a line without device.
struct Judgement {
    std::int64_t device_id = 0;
    std::int64_t line_id = 0;
    DriftField field = DriftField::status;
    bool differs = false;
    std::optional<std::string> ours;
    std::optional<std::string> theirs;
};

// `missing_is_known`: a full reading has ended, so a device without a line is not at the carrier.
std::vector<Judgement> compare(const DeviceCase& device, const carriers::Carrier& carrier,
                               bool missing_is_known);
Judgement compare(const LineCase& line);

// The fields that a bulk change of this type may be changing.
std::set<DriftField> fields_touched_by(std::string_view change_type);

struct KnownDrift {
    std::int64_t drift_id = 0;
    std::int64_t device_id = 0;
    std::int64_t line_id = 0;
    DriftField field = DriftField::status;
    bool is_ignored = false;
    std::optional<std::string> ours;
    std::optional<std::string> theirs;
};

struct DriftChanges {
    std::vector<std::int64_t> settled;
    struct Updated {
        std::int64_t drift_id = 0;
        std::int64_t line_id = 0;
        std::optional<std::string> ours;
        std::optional<std::string> theirs;
    };
    std::vector<Updated> updated;
    std::vector<Judgement> opened;
};

// What the judgements make of the known differences.
DriftChanges drift_changes(const std::vector<Judgement>& judgements,
                           const std::vector<KnownDrift>& known);

}  // namespace carryall::sync
