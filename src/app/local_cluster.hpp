// A private PostgreSQL for one machine, so that a newcomer configures nothing: server, database,
// roles, master key and configuration in one folder that can be deleted as a whole. What must stay
// true: it listens on a unix socket only, inside a folder that nobody but its user and root can
// enter; what is committed survives a crash of the machine; running it again changes nothing.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace carryall::app {

struct LocalCluster {
    std::filesystem::path folder;
    std::filesystem::path config_file;  // for --config
    bool was_made = false;              // by this call, not found
    bool was_started = false;
    int schema_version = 0;
};

// Makes what is missing, starts it, brings the schema up to date.
base::Result<LocalCluster> local_up(const std::filesystem::path& folder);

enum class StopMode {
    fast,       // clients are cut off, everything is written down
    immediate,  // as a crash would: the next start recovers
};
// Success too if it does not run.
base::Result<void> local_down(const std::filesystem::path& folder, StopMode mode);

base::Result<bool> local_is_running(const std::filesystem::path& folder);

}  // namespace carryall::app
