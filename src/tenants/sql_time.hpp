// How SQL writes an instant for JSON: ISO 8601 in UTC, whatever the session's time zone is.
#pragma once

#include <string>

namespace carryall::tenants {

// For a column (or expression) of type timestamptz; NULL stays NULL.
inline std::string iso8601(const std::string& column) {
    return "to_char(" + column + R"( AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))";
}

}  // namespace carryall::tenants
