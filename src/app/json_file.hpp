// A JSON object in a file, as commands take it: in memory, up to a limit.
#pragma once

#include <string>

#include "base/json.hpp"

namespace carryall::app {

base::Result<base::json::object> read_json_file(const std::string& file);

}  // namespace carryall::app
