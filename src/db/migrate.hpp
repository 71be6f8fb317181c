// Brings a database to the schema this program was built with. Migrations are the files of
// db/migrations, built into the program, applied in order, each in one transaction with its record;
// one that was applied and has changed since is refused. Several programs may start at once: an
// advisory lock lets one of them work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace carryall::db {

struct Migration {
    int version;
    std::string_view name;
    std::string_view sql;
};

// Those built into this program, by version.
const std::vector<Migration>& built_in_migrations();

struct MigrationReport {
    int before = 0;  // schema version found; 0 is an empty database
    int after = 0;
};

// `owner` connects as the role that owns the schema and may create roles. Creates the role
// carryall_app (the application's, which owns nothing) if it is missing and grants it to the
// connecting role.
base::Result<MigrationReport> migrate(const base::Secret& owner);

// Fails with `unavailable` and what to do if the database's schema is older or newer than this
// program.
base::Result<void> check_schema_is_current(const base::Secret& connection_string);

}  // namespace carryall::db
