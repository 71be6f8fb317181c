// Which status may follow which, as an operator has set it. The vendor publishes no matrix; the one
// built in is a proposal, and an operator's own can be loaded.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "jasper/jasper_fields.hpp"

namespace carryall::simulators::jasper {

inline constexpr std::size_t kMaxStatuses = 32;

class Transitions {
  public:
    Transitions();

    // 0 when the move is allowed, else the error code. 10000029 forbids a way back to a
    // pre-activation status only to a device that has been activated.
    std::uint32_t refusal(std::uint8_t from, std::uint8_t to, bool was_activated) const;

    // {"ACTIVATED": {"INVENTORY": "no", "RETIRED": "yes", "TEST_READY": "10000029"}}: changes the
    // named cells. A non-empty result says what is wrong, and nothing was changed.
    std::string load(const boost::json::object& matrix, const std::vector<std::string>& statuses);
    void append(std::string& out, const std::vector<std::string>& statuses) const;

  private:
    std::array<std::array<std::uint32_t, kMaxStatuses>, kMaxStatuses> cells_{};
};

}  // namespace carryall::simulators::jasper
