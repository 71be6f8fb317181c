// Charge intents of N device results, made in one transaction, beside a plain INSERT ... SELECT of
// the same rows into a table with the same columns, constraints and indexes, in the same run.
// Prints seconds, statements, the server's processor time and how much the process's peak memory
// grew.
//
//   ./dev with-database build/release/bench/bench_charge_intents [RESULTS]
//
// Of a shared machine and a database without durability: compare the two with each other.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

#include "base/metrics.hpp"
#include "charges/enqueue.hpp"
#include "support/database.hpp"

namespace carryall {
namespace {

constexpr int kDefaultResults = 100'000;
constexpr std::int64_t kFirstIccid = 8910300000000000000;
constexpr std::int64_t kInstance = 71;
constexpr db::Query kServer{"bench_server", "SELECT pg_backend_pid()"};

long peak_kilobytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

// User and system time of the session's server process.
double server_cpu_seconds(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;  // state … cmajflt
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// Each result costs something for its plan and for its overage: two charges.
void prepare(support::TestDatabase& database, int results) {
    database.run(R"(
        INSERT INTO tenant (name) VALUES ('bench');
        INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES
            (1, 'rev', 'revio', true), (1, 'pond', 'pond', true);
        INSERT INTO customer (tenant_id, name, rev_customer_id) VALUES (1, 'Acme', '4102');
        INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
            customer_id, integration_authentication_id, billing_period_start, billing_period_end,
            run_end_time, imported_by)
            VALUES (1, 71, 'm2m', 1, 1, '2026-02-01', '2026-02-28', now(), 'bench');
        INSERT INTO optimization_comm_group VALUES (1, 711, 71);
        INSERT INTO optimization_queue VALUES (1, 7101, 711, 20, now());
        ALTER TABLE device SET (autovacuum_enabled = false);
        ALTER TABLE optimization_device_result SET (autovacuum_enabled = false))");
    const std::string count = std::to_string(results);
    database.run(
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status, customer_id) "
        "SELECT 1, 2, 'm2m', (" +
        std::to_string(kFirstIccid) + " + n)::text, 'Active', 1 FROM generate_series(1, " + count +
        ") n");
    database.run(
        "INSERT INTO optimization_device_result (tenant_id, optimization_queue_id, portal, "
        "device_id, rate_plan_name, usage_mb, rate_charge_amount, overage_charge_amount, "
        "rev_product_type_id) SELECT 1, 7101, 'm2m', n, 'IoT 1GB', 912.4, 6.504, 1.003, 311 "
        "FROM generate_series(1, " +
        count + ") n");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Seconds; none: it failed.
std::optional<double> make(support::TestDatabase& database) {
    auto opened = db::Connection::open(base::Secret(database.app_conninfo()));
    if (!opened) return std::nullopt;
    db::Connection& connection = **opened;
    tenants::Caller caller;
    caller.tenant_id = {1};
    caller.name = "bench";
    caller.role = tenants::Role::billing;
    const auto run = charges::order_run(connection, caller, {kInstance});
    if (!run) {
        std::printf("not ordered: %s\n", run.error().message.c_str());
        return std::nullopt;
    }
    const auto server = connection.exec(kServer);
    if (!server) return std::nullopt;
    auto& statements = base::metrics::counter("carryall_db_statements_total", "");
    const double statements_before = statements.Value();
    const double server_before = server_cpu_seconds(server->string(0, 0));
    const long memory_before = peak_kilobytes();
    const auto start = std::chrono::steady_clock::now();
    const auto made = charges::make_intents(connection, 1, run->id, charges::InstanceId{kInstance});
    const double seconds = seconds_since(start);
    if (!made) {
        std::printf("not made: %s\n", made.error().message.c_str());
        return std::nullopt;
    }
    std::printf(
        "%lld charges made: %.2f s, %.0f round trips, %.2f s of the server, +%ld KB\n",
        static_cast<long long>(made->charges), seconds, statements.Value() - statements_before,
        server_cpu_seconds(server->string(0, 0)) - server_before, peak_kilobytes() - memory_before);
    return seconds;
}

double copy(support::TestDatabase& database) {
    database.run("CREATE TABLE charge_copy (LIKE charge INCLUDING ALL)");
    const auto start = std::chrono::steady_clock::now();
    database.run("INSERT INTO charge_copy OVERRIDING SYSTEM VALUE SELECT * FROM charge");
    return seconds_since(start);
}

}  // namespace
}  // namespace carryall

int main(int argc, char** argv) {
    using namespace carryall;
    const int results = argc > 1 ? std::atoi(argv[1]) : kDefaultResults;
    support::TestDatabase database;
    prepare(database, results);
    const auto made = make(database);
    if (!made) return 1;
    const double copied = copy(database);
    std::printf("the same rows by INSERT ... SELECT: %.2f s, ratio %.2f\n", copied, *made / copied);
    return 0;
}
