// Real PostgreSQL for tests: a fresh database per test suite, copied from a template that holds
// every migration. What must stay true: no test sees another one's rows, all suites of all programs
// may run at once, and the template is rebuilt by itself when a migration changes. Throws
// std::runtime_error.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;  // libpq's; tests that need no libpq need not see it

namespace carryall::support {

// One connection, for tests to prepare and to look at rows. Not for the code under test.
class Connection {
  public:
    explicit Connection(const std::string& conninfo);

    // Several statements separated by semicolons are one transaction.
    void run(const std::string& sql);
    // The first row's first column; empty for NULL. Throws if there is no row.
    std::string value(const std::string& sql);
    // Every row, columns as text, NULL as "<null>".
    std::vector<std::vector<std::string>> rows(const std::string& sql);

  private:
    struct Close {
        void operator()(pg_conn* connection) const;
    };
    std::unique_ptr<pg_conn, Close> connection_;
};

class TestDatabase {
  public:
    TestDatabase();
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    // libpq connection strings. The owner runs migrations; the application is the role whose rows
    // row-level security decides about; the admin is a superuser and sees everything.
    std::string owner_conninfo() const;
    std::string app_conninfo() const;
    std::string admin_conninfo() const;
    const std::string& name() const { return name_; }

    // As the admin, whom row-level security does not bind.
    void run(const std::string& sql);
    std::string value(const std::string& sql);
    std::vector<std::vector<std::string>> rows(const std::string& sql);

  private:
    std::string name_;
    std::unique_ptr<Connection> admin_;
};

// An empty database of the same private server, without any migration: for tests of migrating
// itself. It belongs to carryall_owner.
class EmptyDatabase {
  public:
    EmptyDatabase();
    ~EmptyDatabase();
    EmptyDatabase(const EmptyDatabase&) = delete;
    EmptyDatabase& operator=(const EmptyDatabase&) = delete;

    std::string owner_conninfo() const;
    std::string app_conninfo() const;
    std::string admin_conninfo() const;

  private:
    std::string name_;
};

// TEST_F(DatabaseTest, ...) or a fixture derived from it. A fixture with a SetUpTestSuite or
// TearDownTestSuite of its own calls these.
class DatabaseTest : public ::testing::Test {
  public:
    static void SetUpTestSuite();
    static void TearDownTestSuite();

  protected:
    static TestDatabase& database();

  private:
    static std::unique_ptr<TestDatabase> database_;
};

}  // namespace carryall::support
