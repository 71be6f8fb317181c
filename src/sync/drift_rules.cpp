// The comparison, and the life of a difference: open, other values, settled.
#include "sync/drift_rules.hpp"

#include <array>
#include <map>
#include <tuple>

namespace carryall::sync {
namespace {

using carriers::Carrier;

constexpr std::array<std::string_view, kDriftFields> kNames{
    "status", "ratePlan", "communicationPlan", "msisdn", "imei", "presence"};

// The 15th digit of an IMEI is a check digit or, with the 16th, the software's version: neither
// tells one piece of equipment from another.
constexpr std::size_t kImeiDigits = 14;

bool same_equipment(std::string_view one, std::string_view other) {
    return one.substr(0, kImeiDigits) == other.substr(0, kImeiDigits);
}

bool is_in_use(const LineFacts& theirs) {
    if (!theirs.status) return false;
    const std::string status = carriers::comparable_status(*theirs.status);
    return status == "active" || status == "activated";
}

class Comparison {
  public:
    Comparison(const DeviceCase& device, const Carrier& carrier)
        : device_(device), carrier_(carrier) {}

    std::vector<Judgement> fields() {
        const LineFacts& ours = device_.ours;
        const LineFacts& theirs = device_.theirs;
        field(DriftField::status, ours.status, theirs.status,
              [this](std::string_view one, std::string_view other) {
                  return carrier_.is_same_status(one, other);
              });
        const auto equal = [](std::string_view one, std::string_view other) {
            return one == other;
        };
        field(DriftField::rate_plan, ours.rate_plan, theirs.rate_plan, equal);
        field(DriftField::communication_plan, ours.communication_plan, theirs.communication_plan,
              equal);
        field(DriftField::msisdn, ours.msisdn, theirs.msisdn, equal);
        field(DriftField::imei, ours.imei, theirs.imei, same_equipment);
        return std::move(all_);
    }

    // A device that was put away is compared no more, except that its line should not be in use.
    std::vector<Judgement> archived() {
        for (int i = 0; i < kDriftFields; ++i) add(static_cast<DriftField>(i), false, {}, {});
        if (device_.line_id != 0 && is_in_use(device_.theirs)) {
            Judgement& presence = all_.back();
            presence.differs = true;
            presence.ours = kArchived;
            presence.theirs = kPresent;
        }
        return std::move(all_);
    }

    void presence(bool is_there) {
        if (is_there) return add(DriftField::presence, false, {}, {});
        add(DriftField::presence, true, std::string(kPresent), std::string(kAbsent));
    }

  private:
    template <class Same>
    void field(DriftField name, const std::optional<std::string>& ours,
               const std::optional<std::string>& theirs, Same same) {
        if (!theirs) return;
        const bool differs = !same(ours.value_or(""), *theirs);
        add(name, differs, ours, theirs);
    }
    void add(DriftField name, bool differs, std::optional<std::string> ours,
             std::optional<std::string> theirs) {
        all_.push_back({device_.device_id, device_.line_id, name, differs, std::move(ours),
                        std::move(theirs)});
    }

    const DeviceCase& device_;
    const Carrier& carrier_;
    std::vector<Judgement> all_;
};

// A difference of a device is the same whichever line of the carrier shows it.
using Key = std::tuple<std::int64_t, std::int64_t, DriftField>;
template <class Item>
Key key_of(const Item& item) {
    return {item.device_id, item.device_id != 0 ? 0 : item.line_id, item.field};
}

}  // namespace

std::string_view to_string(DriftField field) {
    return kNames.at(static_cast<std::size_t>(field));
}

std::optional<DriftField> parse_drift_field(std::string_view text) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == text) return static_cast<DriftField>(i);
    }
    return std::nullopt;
}

std::vector<Judgement> compare(const DeviceCase& device, const Carrier& carrier,
                               bool missing_is_known) {
    Comparison comparison(device, carrier);
    if (device.is_archived) return comparison.archived();
    const bool is_there = device.line_id != 0;
    if (is_there || (missing_is_known && !device.is_new)) comparison.presence(is_there);
    return comparison.fields();
}

Judgement compare(const LineCase& line) {
    Judgement presence{0, line.line_id, DriftField::presence, !line.is_ours_or_gone, {}, {}};
    if (presence.differs) {
        presence.ours = kAbsent;
        presence.theirs = kPresent;
    }
    return presence;
}

std::set<DriftField> fields_touched_by(std::string_view change_type) {
    // An activation gives a line its plan and its number, a termination may take it away.
    if (change_type == "statusupdate") {
        return {DriftField::status, DriftField::rate_plan, DriftField::msisdn,
                DriftField::presence};
    }
    if (change_type == "carrierrateplanchange") {
        return {DriftField::rate_plan, DriftField::communication_plan};
    }
    return {};
}

DriftChanges drift_changes(const std::vector<Judgement>& judgements,
                           const std::vector<KnownDrift>& known) {
    std::map<Key, const KnownDrift*> by_key;
    for (const KnownDrift& drift : known) by_key[key_of(drift)] = &drift;
    DriftChanges changes;
    for (const Judgement& judgement : judgements) {
        const auto found = by_key.find(key_of(judgement));
        if (found == by_key.end()) {
            if (judgement.differs) changes.opened.push_back(judgement);
            continue;
        }
        const KnownDrift& drift = *found->second;
        if (!judgement.differs) {
            changes.settled.push_back(drift.drift_id);
            continue;
        }
        const bool is_same = drift.ours == judgement.ours && drift.theirs == judgement.theirs;
        if (is_same && (drift.line_id == judgement.line_id || drift.is_ignored)) continue;
        if (drift.is_ignored) {
            changes.settled.push_back(drift.drift_id);
            changes.opened.push_back(judgement);
        } else {
            changes.updated.push_back(
                {drift.drift_id, judgement.line_id, judgement.ours, judgement.theirs});
        }
    }
    return changes;
}

}  // namespace carryall::sync
