// Asks the database that all migrations make whether tenants are kept apart: what a migration's
// text promises and what PostgreSQL enforces may differ. What must stay true: each rule is a query
// that lists offenders, is empty for our schema, and is proven here to find an offender that was
// put there.
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/database.hpp"

namespace carryall::support {
namespace {

// Tables that belong to the installation and not to a tenant. A new one needs its reason here.
//   tenant            the list of tenants itself
//   account_pace      an account at a carrier, which tenants may share; names no tenant
//   account_minute    the same
//   account_turn      the same
//   queue_group       accounts' pacing keys: order among messages
//   queue_message     ids only, a hint; a worker then works inside the tenant that it names
//   schema_migration  which migrations have run
const std::string kNotATenants =
    "'tenant', 'account_pace', 'account_minute', 'account_turn', 'queue_group', "
    "'queue_message', 'schema_migration'";

const std::string kOurs =
    " n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.objid = c.oid) ";

const std::string kTables =
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    " WHERE c.relkind IN ('r', 'p') AND" +
    kOurs;

const std::string kHasTenant =
    " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid "
    "             AND a.attname = 'tenant_id' AND NOT a.attisdropped) ";

const std::string kWithoutTenant = "SELECT c.relname" + kTables + " AND NOT (true" + kHasTenant +
                                   ") AND c.relname NOT IN (" + kNotATenants + ")";

const std::string kNullableTenant =
    "SELECT c.relname" + kTables + kHasTenant +
    " AND NOT (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid "
    "          AND a.attname = 'tenant_id')";

const std::string kNotForced = "SELECT c.relname" + kTables + kHasTenant +
                               " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";

// Permissive policies are joined by OR: one that is too generous opens the table, so each must
// compare the tenant, for reading and for writing. Restrictive ones only take away.
const std::string kWeakPolicy =
    "SELECT c.relname" + kTables + kHasTenant +
    " AND (NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' "
    "                      AND p.polpermissive) "
    "      OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND ("
    "          p.polqual IS NULL OR p.polwithcheck IS NULL "
    "          OR pg_get_expr(p.polqual, c.oid) NOT LIKE '%tenant_id%' "
    "          OR pg_get_expr(p.polwithcheck, c.oid) NOT LIKE '%tenant_id%')))";

// PostgreSQL checks foreign keys without regard to row-level security.
const std::string kCrossTenantKey =
    "SELECT k.conname FROM pg_constraint k WHERE k.contype = 'f' "
    "AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.confrelid "
    "            AND a.attname = 'tenant_id' AND NOT a.attisdropped) "
    "AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid "
    "                AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey))";

const std::string kBypassingView =
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE" + kOurs +
    " AND (c.relkind = 'm' OR (c.relkind = 'v' "
    "      AND NOT coalesce(c.reloptions::text[] && ARRAY['security_invoker=true', "
    "          'security_invoker=on'], false)))";

// These run as the owner, whom only FORCE ROW LEVEL SECURITY binds. Each needs its reason here.
//   analyze_devices  ANALYZE is for owners, and reads no row that it would show
const std::string kMayRunAsOwner = "'analyze_devices'";

// Without a search_path of its own such a function runs whatever its caller puts before ours.
const std::string kDefinerFunction =
    "SELECT c.proname FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace WHERE" + kOurs +
    " AND c.prosecdef AND (c.proname NOT IN (" + kMayRunAsOwner +
    ") OR NOT coalesce(c.proconfig::text LIKE '%search_path=%', false))";

// TRUNCATE, REFERENCES and TRIGGER are not bound by row-level security.
const std::string kTooManyRights =
    "SELECT c.relname" + kTables +
    " AND has_table_privilege('carryall_app', c.oid, 'TRUNCATE, REFERENCES, TRIGGER')";

const std::string kMightyRole =
    "SELECT r.rolname FROM pg_roles r WHERE r.rolname = 'carryall_app' AND ("
    "r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication "
    "OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid))";

const std::string kOwnedByApplication =
    "SELECT c.relname FROM pg_class c WHERE c.relowner = 'carryall_app'::regrole "
    "UNION ALL SELECT proname FROM pg_proc WHERE proowner = 'carryall_app'::regrole "
    "UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = 'carryall_app'::regrole "
    "UNION ALL SELECT datname FROM pg_database WHERE datdba = 'carryall_app'::regrole "
    "UNION ALL SELECT nspname FROM pg_namespace "
    "    WHERE nspname = 'public' AND has_schema_privilege('carryall_app', oid, 'CREATE')";

constexpr const char* kProtect =
    "ALTER TABLE thing ENABLE ROW LEVEL SECURITY; ALTER TABLE thing FORCE ROW LEVEL SECURITY; "
    "CREATE POLICY own ON thing USING (tenant_id = 1) WITH CHECK (tenant_id = 1);";
constexpr const char* kThing = "CREATE TABLE thing (tenant_id bigint NOT NULL, id int UNIQUE);";

struct Rule {
    std::string name;
    std::string advice;
    std::string offenders;              // the query
    std::vector<std::string> offences;  // each makes one offender, called thing...
};

std::vector<Rule> rules() {
    const std::string thing = kThing;
    const std::string safe = thing + kProtect;
    return {
        {"tenant_id",
         "give it a tenant_id, or list it in kNotATenants with the reason",
         kWithoutTenant,
         {"CREATE TABLE thing (id int)"}},
        {"tenant_id_not_null",
         "declare tenant_id NOT NULL",
         kNullableTenant,
         {"CREATE TABLE thing (tenant_id bigint)"}},
        {"forced",
         "ENABLE and FORCE ROW LEVEL SECURITY",
         kNotForced,
         {thing, safe + "ALTER TABLE thing NO FORCE ROW LEVEL SECURITY",
          safe + "ALTER TABLE thing DISABLE ROW LEVEL SECURITY"}},
        {"policy",
         "one policy FOR ALL, USING and WITH CHECK on tenant_id",
         kWeakPolicy,
         {thing, thing + "CREATE POLICY own ON thing USING (tenant_id = 1)",
          thing + "CREATE POLICY own ON thing FOR SELECT USING (tenant_id = 1)",
          thing + "CREATE POLICY own ON thing USING (tenant_id = 1) WITH CHECK (true)",
          safe + "CREATE POLICY wide ON thing USING (true) WITH CHECK (tenant_id = 1)"}},
        {"foreign_key",
         "make it a composite key that begins with tenant_id",
         kCrossTenantKey,
         {safe + "CREATE TABLE part (tenant_id bigint, "
                 "thing_id int CONSTRAINT thing_of_part REFERENCES thing (id))"}},
        {"view",
         "WITH (security_invoker = true), and no materialized view",
         kBypassingView,
         {"CREATE VIEW thing AS SELECT 1", "CREATE MATERIALIZED VIEW thing AS SELECT 1"}},
        {"function",
         "SECURITY INVOKER; if not, list it in kMayRunAsOwner and SET its search_path",
         kDefinerFunction,
         {"CREATE FUNCTION thing() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"}},
        {"rights",
         "grant SELECT, INSERT, UPDATE and DELETE at most",
         kTooManyRights,
         {safe + "GRANT TRUNCATE ON thing TO carryall_app",
          safe + "GRANT ALL ON thing TO carryall_app"}},
        {"owner",
         "the owner role owns everything",
         kOwnedByApplication,
         {thing + "ALTER TABLE thing OWNER TO carryall_app",
          "CREATE SCHEMA thing AUTHORIZATION carryall_app"}},
    };
}

class CatalogTest : public DatabaseTest {};

TEST_F(CatalogTest, tenants_are_kept_apart_by_the_database) {
    for (const Rule& rule : rules()) {
        for (const auto& offender : database().rows(rule.offenders)) {
            ADD_FAILURE() << offender.at(0) << ": " << rule.name << ": " << rule.advice;
        }
    }
}

TEST_F(CatalogTest, every_rule_finds_an_offender) {
    for (const Rule& rule : rules()) {
        for (const std::string& offence : rule.offences) {
            database().run("BEGIN; " + offence);
            bool found = false;
            for (const auto& offender : database().rows(rule.offenders)) {
                found |= offender.at(0).starts_with("thing");
            }
            database().run("ROLLBACK");
            EXPECT_TRUE(found) << rule.name << " does not notice: " << offence;
        }
    }
}

TEST_F(CatalogTest, a_protected_table_breaks_no_rule) {
    database().run(std::string("BEGIN; ") + kThing + kProtect +
                   "GRANT SELECT, INSERT, UPDATE, DELETE ON thing TO carryall_app; "
                   "CREATE VIEW thing_view WITH (security_invoker = true) AS SELECT 1");
    for (const Rule& rule : rules()) {
        for (const auto& offender : database().rows(rule.offenders)) {
            EXPECT_FALSE(offender.at(0).starts_with("thing")) << rule.name;
        }
    }
    database().run("ROLLBACK");
}

// Roles belong to the whole server, so the offence is one that other tests running now do not
// notice.
TEST_F(CatalogTest, the_application_role_has_no_power_over_row_level_security) {
    EXPECT_EQ(database().value("SELECT count(*) FROM pg_roles WHERE rolname = 'carryall_app'"),
              "1");
    EXPECT_TRUE(database().rows(kMightyRole).empty());
    database().run("BEGIN; ALTER ROLE carryall_app CREATEDB");
    EXPECT_FALSE(database().rows(kMightyRole).empty());
    database().run("ROLLBACK; BEGIN; GRANT carryall_owner TO carryall_app");
    EXPECT_FALSE(database().rows(kMightyRole).empty());
    database().run("ROLLBACK");
}

// What the policies promise, tried on one table: their text is right, and so is what they compare
// with.
TEST_F(CatalogTest, the_application_reaches_the_rows_of_its_own_tenant_only) {
    database().run(
        "INSERT INTO tenant (name) VALUES ('one'), ('two');"
        "INSERT INTO service_provider (tenant_id, name, integration) "
        "SELECT id, 'POND', 'pond' FROM tenant");
    Connection application(database().app_conninfo());
    const std::string count = "SELECT count(*) FROM service_provider";
    EXPECT_EQ(application.value(count), "0");
    const std::string one = database().value("SELECT id FROM tenant WHERE name = 'one'");
    const std::string two = database().value("SELECT id FROM tenant WHERE name = 'two'");
    application.run("SELECT set_config('carryall.tenant_id', '" + one + "', false)");
    EXPECT_EQ(application.value(count), "1");
    EXPECT_EQ(application.value(count + " WHERE tenant_id = " + two), "0");
    EXPECT_THROW(application.run("UPDATE service_provider SET tenant_id = " + two),
                 std::runtime_error);
    EXPECT_THROW(application.run("INSERT INTO service_provider (tenant_id, name, integration) "
                                 "VALUES (" +
                                 two + ", 'other', 'pond')"),
                 std::runtime_error);
}

}  // namespace
}  // namespace carryall::support
