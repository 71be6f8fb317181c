// JSON objects as commands take them: in a file, in memory up to a limit, or member by member.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace carryall::app {

base::Result<base::json::object> read_json_file(const std::string& file);
// The same where amounts of money stand in it: base::parse_json_exactly.
base::Result<base::json::object> read_exact_json_file(const std::string& file);

// The members of an object as arguments: "name=Acme" or, where the value is no text,
// "ratePerSecond:=50".
base::Result<base::json::object> members_of(const std::vector<std::string>& texts);

}  // namespace carryall::app
