// See database.hpp. The template is built under a name nobody copies from and renamed when
// complete, so a program that dies half-way leaves no half template behind.
#include "support/database.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <libpq-fe.h>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include "support/temp_dir.hpp"

// Debian's libpqxx 6.4 loses one libpq result whenever a statement finds its connection broken (it
// asks for the encoding before it owns the result). Tests break connections on purpose.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:PQmakeEmptyPGresult\nleak:libpqxx\n";
}

namespace carryall::support {
namespace {

// Any number will do, as long as every test program uses the same one.
constexpr std::string_view kLock = "SELECT pg_advisory_lock(5407001)";
constexpr std::string_view kUnlock = "SELECT pg_advisory_unlock(5407001)";

struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

ResultPtr execute(PGconn* connection, const std::string& sql) {
    ResultPtr result(PQexec(connection, sql.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        throw std::runtime_error(std::string(PQerrorMessage(connection)) + "in: " + sql);
    }
    return result;
}

std::string server_conninfo() {
    const char* conninfo = std::getenv("CARRYALL_TEST_DATABASE");
    if (conninfo == nullptr || *conninfo == '\0') {
        throw std::runtime_error(
            "this test needs a PostgreSQL of its own and CARRYALL_TEST_DATABASE does not name one: "
            "run ./dev test, or this program alone as ./dev with-database PROGRAM");
    }
    return conninfo;
}

// The last of two equal keywords counts in a connection string.
std::string conninfo_of(const std::string& database, const std::string& user = "") {
    return server_conninfo() + " dbname=" + database + (user.empty() ? "" : " user=" + user);
}

struct Migration {
    std::string name;
    std::string sql;
};

std::vector<Migration> read_migrations() {
    std::vector<Migration> migrations;
    const std::filesystem::path folder = source_dir() / "db" / "migrations";
    if (!std::filesystem::exists(folder)) return migrations;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".sql") continue;
        std::ostringstream text;
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        migrations.push_back({entry.path().filename().string(), text.str()});
    }
    std::sort(migrations.begin(), migrations.end(),
              [](const Migration& a, const Migration& b) { return a.name < b.name; });
    return migrations;
}

// FNV-1a: the name has to change with the text, nothing more.
std::string fingerprint(const std::vector<Migration>& migrations) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const Migration& migration : migrations) {
        for (const char c : migration.name + '\0' + migration.sql + '\0') {
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        }
    }
    return std::to_string(hash);
}

void create_roles(Connection& server) {
    for (const std::string role : {"carryall_owner", "carryall_app"}) {
        const std::string known = "SELECT count(*) FROM pg_roles WHERE rolname = '" + role + "'";
        if (server.value(known) == "0") {
            server.run("CREATE ROLE " + role + " LOGIN NOSUPERUSER NOCREATEDB NOBYPASSRLS");
        }
    }
}

// Call it with the lock held.
void create_template(Connection& server, const std::string& name,
                     const std::vector<Migration>& migrations) {
    const std::string known = "SELECT count(*) FROM pg_database WHERE datname = '" + name + "'";
    if (server.value(known) != "0") return;
    const std::string building = name + "_building";
    server.run("DROP DATABASE IF EXISTS " + building + " WITH (FORCE)");
    server.run("CREATE DATABASE " + building + " OWNER carryall_owner");
    {
        Connection owner(conninfo_of(building, "carryall_owner"));
        for (const Migration& migration : migrations) {
            try {
                owner.run("BEGIN");
                owner.run(migration.sql);
                owner.run("COMMIT");
            } catch (const std::runtime_error& error) {
                throw std::runtime_error("db/migrations/" + migration.name + " does not apply: " +
                                         std::string(error.what()).substr(0, 2000));
            }
        }
        owner.run("ANALYZE");
    }
    server.run("ALTER DATABASE " + building + " RENAME TO " + name);
}

std::string new_name() {
    static int count = 0;
    return "test_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
}

void drop(const std::string& database) {
    try {
        Connection(conninfo_of("postgres")).run("DROP DATABASE " + database + " WITH (FORCE)");
    } catch (const std::runtime_error& error) {
        // No harm: the whole server goes when the test run ends.
        std::fprintf(stderr, "%s was not dropped: %s\n", database.c_str(), error.what());
    }
}

}  // namespace

void Connection::Close::operator()(pg_conn* connection) const {
    PQfinish(connection);
}

Connection::Connection(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    // NOTICEs ("does not exist, skipping") would drown what a failed test says.
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
}

void Connection::run(const std::string& sql) {
    execute(connection_.get(), sql);
}

std::string Connection::value(const std::string& sql) {
    const ResultPtr result = execute(connection_.get(), sql);
    if (PQntuples(result.get()) < 1 || PQnfields(result.get()) < 1) {
        throw std::runtime_error("no row from: " + sql);
    }
    return PQgetvalue(result.get(), 0, 0);
}

std::vector<std::vector<std::string>> Connection::rows(const std::string& sql) {
    const ResultPtr result = execute(connection_.get(), sql);
    std::vector<std::vector<std::string>> rows;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        std::vector<std::string>& columns = rows.emplace_back();
        for (int column = 0; column < PQnfields(result.get()); ++column) {
            const bool null = PQgetisnull(result.get(), row, column) != 0;
            columns.emplace_back(null ? "<null>" : PQgetvalue(result.get(), row, column));
        }
    }
    return rows;
}

TestDatabase::TestDatabase() : name_(new_name()) {
    const std::vector<Migration> migrations = read_migrations();
    const std::string source = "carryall_template_" + fingerprint(migrations);
    Connection server(conninfo_of("postgres"));
    // Held while copying too: PostgreSQL refuses to copy a database that somebody is connected to.
    server.run(std::string(kLock));
    create_roles(server);
    create_template(server, source, migrations);
    server.run("CREATE DATABASE " + name_ + " TEMPLATE " + source + " OWNER carryall_owner");
    server.run(std::string(kUnlock));
    admin_ = std::make_unique<Connection>(admin_conninfo());
}

TestDatabase::~TestDatabase() {
    admin_.reset();
    drop(name_);
}

std::string TestDatabase::owner_conninfo() const {
    return conninfo_of(name_, "carryall_owner");
}
std::string TestDatabase::app_conninfo() const {
    return conninfo_of(name_, "carryall_app");
}
std::string TestDatabase::admin_conninfo() const {
    return conninfo_of(name_);
}

void TestDatabase::run(const std::string& sql) {
    admin_->run(sql);
}
std::string TestDatabase::value(const std::string& sql) {
    return admin_->value(sql);
}
std::vector<std::vector<std::string>> TestDatabase::rows(const std::string& sql) {
    return admin_->rows(sql);
}

EmptyDatabase::EmptyDatabase() : name_(new_name()) {
    Connection server(conninfo_of("postgres"));
    server.run(std::string(kLock));
    create_roles(server);
    server.run("CREATE DATABASE " + name_ + " OWNER carryall_owner");
    server.run(std::string(kUnlock));
}

EmptyDatabase::~EmptyDatabase() {
    drop(name_);
}

std::string EmptyDatabase::owner_conninfo() const {
    return conninfo_of(name_, "carryall_owner");
}
std::string EmptyDatabase::app_conninfo() const {
    return conninfo_of(name_, "carryall_app");
}
std::string EmptyDatabase::admin_conninfo() const {
    return conninfo_of(name_);
}

std::unique_ptr<TestDatabase> DatabaseTest::database_;

void DatabaseTest::SetUpTestSuite() {
    database_ = std::make_unique<TestDatabase>();
}

void DatabaseTest::TearDownTestSuite() {
    database_.reset();
}

TestDatabase& DatabaseTest::database() {
    if (!database_) {
        throw std::runtime_error(
            "no database: a fixture with its own SetUpTestSuite calls DatabaseTest's");
    }
    return *database_;
}

}  // namespace carryall::support
