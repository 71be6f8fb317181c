// The two long-running processes, wired together here and nowhere else: the API and the worker.
#pragma once

#include "app/config.hpp"

namespace carryall::app {

// Both run until SIGTERM or SIGINT, then drain. The API prints its address on standard output once
// it listens.
base::Result<void> serve(const Config& config);
base::Result<void> work(const Config& config);

}  // namespace carryall::app
