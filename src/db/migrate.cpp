// Applies the built-in migrations.
#include "db/migrate.hpp"

#include "base/log.hpp"
#include "db/postgres.hpp"

namespace carryall::db {
namespace {

using base::Error;

constexpr const char* kPrepare = R"(
SELECT pg_advisory_lock(hashtext('carryall.migrate'));
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carryall_app') THEN
        CREATE ROLE carryall_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: another database's migration was quicker
END $$;
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migration TO carryall_app;
)";

constexpr Query kApplied{"migrations_applied",
                         "SELECT version, sha256 FROM schema_migration ORDER BY version"};
constexpr Query kRecord{"migration_record",
                        "INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3)"};
Error newer_than_program(std::int64_t found) {
    return base::unavailable(
        "the database's schema is newer (" + std::to_string(found) + ") than this program (" +
        std::to_string(built_in_migrations().back().version) + "); install the newer program");
}

constexpr Query kVersion{"schema_version",
                         "SELECT coalesce(max(version), 0) FROM schema_migration"};

base::Result<void> apply(Connection& connection, const Migration& migration) {
    auto transaction = Transaction::begin(connection, 0);
    if (!transaction) return transaction.error();
    CARRYALL_TRY(transaction->exec_text(std::string(migration.sql)));
    CARRYALL_TRY(transaction->exec(
        kRecord,
        Params().add(migration.version).add(migration.name).add(base::sha256_hex(migration.sql))));
    CARRYALL_TRY(transaction->commit());
    base::log::info("migration_applied",
                    {{"version", migration.version}, {"name", migration.name}});
    return {};
}

}  // namespace

base::Result<MigrationReport> migrate(const base::Secret& owner) {
    auto connection = Connection::open(owner);
    if (!connection) return connection.error();
    CARRYALL_TRY((*connection)->exec_text(kPrepare));
    const auto applied = (*connection)->exec(kApplied);
    if (!applied) return applied.error();
    if (applied->size() > built_in_migrations().size()) {
        return newer_than_program(applied->integer(applied->size() - 1, 0));
    }
    MigrationReport report;
    for (const Migration& migration : built_in_migrations()) {
        const auto index = static_cast<std::size_t>(migration.version - 1);
        if (index < applied->size()) {
            report.before = report.after = migration.version;
            if (applied->text(index, 1) != base::sha256_hex(migration.sql)) {
                return base::internal_error(
                    "migration " + std::string(migration.name) +
                    " was applied in another form than this program holds; a released migration is "
                    "never edited. Use the program that created this database, or restore a "
                    "backup.");
            }
            continue;
        }
        CARRYALL_TRY(apply(**connection, migration));
        report.after = migration.version;
    }
    return report;
}

base::Result<void> check_schema_is_current(const base::Secret& connection_string) {
    auto connection = Connection::open(connection_string);
    if (!connection) return connection.error();
    const auto version = (*connection)->exec(kVersion);
    const int wanted = built_in_migrations().back().version;
    const std::int64_t found = version ? version->integer(0, 0) : 0;
    if (found < wanted) {
        return base::unavailable("the database's schema is at version " + std::to_string(found) +
                                 ", this program needs " + std::to_string(wanted) +
                                 "; run `carryall migrate`");
    }
    if (found > wanted) return newer_than_program(found);
    return {};
}

}  // namespace carryall::db
