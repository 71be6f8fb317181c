// The systems this program plays. A further one is a folder and one line in registry.cpp.
#pragma once

#include <memory>
#include <vector>

#include "options.hpp"
#include "system.hpp"

namespace carryall::simulators {

std::vector<std::unique_ptr<System>> make_systems(const Options& options, const Clock& clock);

}  // namespace carryall::simulators
