// Jasper's statuses in the platform's words, and which may follow which. Jasper publishes no
// matrix: every operator sets which moves its accounts may make, so an account can have a table of
// its own.
//
// What must stay true: a word that is not known is never taken for one that is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace carryall::carriers::jasper {

// What an account's settings are called.
inline constexpr std::string_view kStatusTransitions = "statusTransitions";
inline constexpr std::string_view kAllowPurge = "allowPurge";

const std::vector<std::string>& all_statuses();
// The one of all_statuses() that `word` means; none if it means none of them.
std::optional<std::string> known_status(std::string_view word);
// As Jasper spells it: "ACTIVATED" for "Active"; empty for a word that is none of all_statuses().
std::string_view wire_status(std::string_view status);
// The platform's word for one of Jasper's; a word that is not known is kept as it is.
std::string status_of_wire(std::string_view wire);

// "statusTransitions": {"INVENTORY": ["ACTIVATED", …], …} replaces the built-in matrix; from-words
// that it lacks may become nothing. Words in Jasper's spelling or ours. The error says what is
// wrong.
std::optional<std::string> problem_of_transitions(const base::json::object& settings);
// Under such settings; an invalid table counts as none. From a word that is not known the carrier
// may judge.
std::vector<std::string> transitions_from(const base::json::object& settings,
                                          std::string_view current);
// "allowPurge" is true. Nothing brings a purged SIM back.
bool may_purge(const base::json::object& settings);

}  // namespace carryall::carriers::jasper
