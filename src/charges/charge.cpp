#include "charges/charge.hpp"

#include <array>

namespace carryall::charges {
namespace {

constexpr std::array<std::string_view, kChargeStateCount> kStates = {
    "new", "unknown", "charged", "recorded", "skipped", "failed", "parked"};

}  // namespace

std::string_view to_string(ChargeState state) {
    return kStates[static_cast<std::size_t>(state)];
}

std::optional<ChargeState> parse_charge_state(std::string_view text) {
    for (std::size_t i = 0; i < kStates.size(); ++i) {
        if (kStates[i] == text) return static_cast<ChargeState>(i);
    }
    return std::nullopt;
}

}  // namespace carryall::charges
