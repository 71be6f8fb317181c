// See status_rules.hpp. Decisions are made on Jasper's words, so that two of ours for one of them
// (Suspended and Deactivated) cannot be treated differently by mistake.
#include "carriers/jasper/status_rules.hpp"

#include <algorithm>
#include <array>

#include "carriers/carrier.hpp"
#include "carriers/settings.hpp"

namespace carryall::carriers::jasper {

namespace {

namespace json = base::json;
using Words = std::vector<std::string_view>;

struct Status {
    const char* ours;
    std::string_view wire;
};
// For one of Jasper's words the first is what an inventory shows.
constexpr std::array kStatuses = {
    Status{"Active", "ACTIVATED"},      Status{"Deactivated", "DEACTIVATED"},
    Status{"Suspended", "DEACTIVATED"},  // Jasper has no status of its own for it
    Status{"Inventory", "INVENTORY"},   Status{"Activation Ready", "ACTIVATION_READY"},
    Status{"Test Ready", "TEST_READY"}, Status{"Retired", "RETIRED"},
    Status{"Purged", "PURGED"},
};

struct Synonym {
    std::string_view word;  // as comparable_status() writes it
    const char* ours;
};
constexpr std::array kSynonyms = {
    Synonym{"activated", "Active"},
    Synonym{"restored", "Active"},
    Synonym{"pendingactivation", "Activation Ready"},
};

struct Row {
    std::string_view from;
    Words to;
};

const std::vector<Row>& built_in_matrix() {
    static const std::vector<Row> kMatrix = {
        {"TEST_READY", {"INVENTORY", "ACTIVATION_READY", "ACTIVATED", "DEACTIVATED", "RETIRED"}},
        {"INVENTORY", {"TEST_READY", "ACTIVATION_READY", "ACTIVATED", "DEACTIVATED", "RETIRED"}},
        {"ACTIVATION_READY", {"TEST_READY", "INVENTORY", "ACTIVATED", "DEACTIVATED", "RETIRED"}},
        {"ACTIVATED", {"DEACTIVATED", "RETIRED"}},
        {"DEACTIVATED", {"ACTIVATED", "RETIRED"}},
        {"RETIRED", {}},
        {"PURGED", {}},
    };
    return kMatrix;
}

bool contains(const Words& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// Jasper's word for any spelling; empty for one that is not known.
std::string_view wire_word(std::string_view word) {
    const auto known = known_status(word);
    return known ? wire_status(*known) : std::string_view();
}

// The published rule: a line that was in service does not go back to a status before it. Which of
// the others may become INVENTORY again is the operator's to set.
bool is_never_allowed(std::string_view from, std::string_view to) {
    if (from == "PURGED") return true;
    const bool was_in_service = from == "ACTIVATED" || from == "DEACTIVATED" || from == "RETIRED";
    if (!was_in_service) return false;
    return to == "TEST_READY" || to == "ACTIVATION_READY" ||
           (from == "ACTIVATED" && to == "INVENTORY");
}

const json::object* table_of(const json::object& settings) {
    const json::value* found = base::find_ignoring_case(settings, kStatusTransitions);
    return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

std::string quoted(std::string_view word) {
    return '"' + std::string(word) + '"';
}

std::optional<std::string> problem_of_row(std::string_view from, const json::value& targets) {
    if (!targets.is_array()) return quoted(from) + " must have a list of statuses";
    const std::string_view from_wire = wire_word(from);
    for (const json::value& target : targets.get_array()) {
        const std::string_view to =
            target.is_string() ? wire_word(target.get_string()) : std::string_view();
        if (to.empty()) return quoted(from) + " leads to a word that is no status";
        if (is_never_allowed(from_wire, to)) {
            return quoted(from) + " cannot become " + quoted(to) + " at Jasper";
        }
    }
    return std::nullopt;
}

// What Jasper's `from` may become. nullopt: nothing is known of that word.
std::optional<Words> targets_of(const json::object& settings, std::string_view from_wire,
                                std::string_view current) {
    const json::object* table = table_of(settings);
    if (table == nullptr || problem_of_transitions(settings)) {
        for (const Row& row : built_in_matrix()) {
            if (row.from == from_wire) return row.to;
        }
        return std::nullopt;
    }
    const std::string wanted = comparable_status(from_wire.empty() ? current : from_wire);
    bool is_found = !from_wire.empty();
    Words targets;
    for (const auto& [from, list] : *table) {
        const std::string_view wire = wire_word(from);
        if (comparable_status(wire.empty() ? std::string_view(from) : wire) != wanted) continue;
        is_found = true;
        for (const json::value& target : list.get_array()) {
            targets.push_back(wire_word(target.get_string()));
        }
    }
    if (!is_found) return std::nullopt;
    return targets;
}

}  // namespace

const std::vector<std::string>& all_statuses() {
    static const std::vector<std::string> kAll = [] {
        std::vector<std::string> all;
        for (const Status& status : kStatuses) all.emplace_back(status.ours);
        return all;
    }();
    return kAll;
}

std::optional<std::string> known_status(std::string_view word) {
    // The older interface writes "ACTIVATED_NAME".
    constexpr std::string_view kOldSuffix = "name";
    std::string wanted = comparable_status(word);
    if (wanted.ends_with(kOldSuffix)) wanted.resize(wanted.size() - kOldSuffix.size());
    for (const Status& status : kStatuses) {
        if (comparable_status(status.ours) == wanted) return status.ours;
    }
    for (const Synonym& synonym : kSynonyms) {
        if (synonym.word == wanted) return synonym.ours;
    }
    return std::nullopt;
}

std::string_view wire_status(std::string_view status) {
    for (const Status& known : kStatuses) {
        if (known.ours == status) return known.wire;
    }
    return {};
}

std::string status_of_wire(std::string_view wire) {
    for (const Status& known : kStatuses) {
        if (known.wire == wire) return known.ours;
    }
    return std::string(wire);
}

std::optional<std::string> problem_of_transitions(const json::object& settings) {
    const json::value* found = base::find_ignoring_case(settings, kStatusTransitions);
    if (found == nullptr || found->is_null()) return std::nullopt;
    if (!found->is_object()) return "it must be an object: from-status to list of statuses";
    for (const auto& [from, targets] : found->get_object()) {
        if (auto problem = problem_of_row(from, targets)) return problem;
    }
    return std::nullopt;
}

std::vector<std::string> transitions_from(const json::object& settings, std::string_view current) {
    const auto known = known_status(current);
    const std::string_view from = known ? wire_status(*known) : std::string_view();
    auto targets = targets_of(settings, from, current);
    const bool with_purge = may_purge(settings);
    std::vector<std::string> reachable;
    for (const std::string& status : all_statuses()) {
        if (known && status == *known) continue;
        const std::string_view wire = wire_status(status);
        const bool is_purge = wire == "PURGED";
        if (is_purge && (!with_purge || from == "PURGED")) continue;
        // Only a line that can have been in service is suspended.
        const bool is_odd = status == "Suspended" && targets && from != "ACTIVATED" &&
                            from != "DEACTIVATED" && !from.empty();
        const bool is_allowed = !targets || is_purge || contains(*targets, wire) || wire == from;
        if (is_allowed && !is_odd) reachable.push_back(status);
    }
    return reachable;
}

bool may_purge(const json::object& settings) {
    static const json::object kNoCredentials;
    return SettingsReader(settings, kNoCredentials).flag(kAllowPurge, false);
}

}  // namespace carryall::carriers::jasper
