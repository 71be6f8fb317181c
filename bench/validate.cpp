// Validation, measured: a CSV of N rows from its first byte to the committed change, for each
// change type, against an inventory that was written a moment ago and never analysed (what a
// planner likes least). Prints seconds, rows/s, statements, and how much the process's peak memory
// grew. Then the same file as a plan, with the plain submission as its peer: planning, and applying
// what was planned.
//
//   ./dev with-database build/release/bench/bench_validate [ROWS]
//
// Of a shared machine and a database without durability: compare rows with each other.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

#include "base/metrics.hpp"
#include "changes/plan.hpp"
#include "changes/submit.hpp"
#include "support/database.hpp"
#include "support/temp_dir.hpp"

namespace carryall {
namespace {

constexpr int kDefaultRows = 200'000;
constexpr std::int64_t kFirstIccid = 8910300000000000000;
constexpr int kWrongEvery = 100;  // one row in so many names no device

struct Run {
    const char* name;
    changes::ChangeType type;
    const char* parameters;
    const char* columns;  // beside the ICCID
    const char* values;
};

constexpr Run kRuns[] = {
    {"status", changes::ChangeType::statusupdate, R"("updateStatus": "Suspended")", "", ""},
    {"carrier plan", changes::ChangeType::carrierrateplanchange, R"("carrierRatePlan": "P1")", "",
     ""},
    {"carrier plan, own", changes::ChangeType::carrierrateplanchange, R"("colour": 1)",
     ",CarrierRatePlan", ",P1"},
    {"customer plan", changes::ChangeType::customerrateplanchange,
     R"("customerRatePlan": "GOLD", "customerDataAllocationMB": "10.5")", "", ""},
    {"assignment", changes::ChangeType::customerassignment, R"("revCustomerId": "R-1")", "", ""},
    {"assignment, own", changes::ChangeType::customerassignment, R"("colour": 1)",
     ",RevCustomerId,CustomerRatePlan", ",R-1,GOLD"},
};

constexpr db::Query kServer{"bench_server", "SELECT pg_backend_pid()"};

double own_cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

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

void prepare(support::TestDatabase& database, int rows) {
    database.run(
        "INSERT INTO tenant (name) VALUES ('bench');"
        "INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES (1, "
        "'POND', 'pond', true);"
        "INSERT INTO customer (tenant_id, name, rev_customer_id) VALUES (1, 'Acme', 'R-1');"
        "INSERT INTO site (tenant_id, customer_id, name) VALUES (1, 1, 'HQ');"
        "INSERT INTO customer_rate_plan (tenant_id, code, name) VALUES (1, 'GOLD', 'Gold');"
        "INSERT INTO carrier_rate_plan (tenant_id, service_provider_id, code, name, plan_uuid, "
        "carrier_plan_id) VALUES (1, 1, 'P1', 'Plan', 'uuid', 71)");
    database.run(
        "ALTER TABLE device SET (autovacuum_enabled = false);"
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, msisdn, status) "
        "SELECT 1, 1, 'm2m', (" +
        std::to_string(kFirstIccid) +
        " + n)::text, (15550000000 + n)::text, 'Active' FROM generate_series(1, " +
        std::to_string(rows) + ") n");
}

std::filesystem::path write_file(const std::filesystem::path& folder, const Run& run, int rows) {
    const auto path = folder / "upload.csv";
    std::ofstream file(path, std::ios::binary);
    file << "ICCID" << run.columns << '\n';
    for (int i = 1; i <= rows; ++i) {
        const std::int64_t number = i % kWrongEvery == 0 ? i + std::int64_t{1'000'000'000} : i;
        file << kFirstIccid + number << run.values << '\n';
    }
    return path;
}

tenants::Caller bench_caller() {
    tenants::Caller caller;
    caller.tenant_id = {1};
    caller.name = "bench";
    caller.role = tenants::Role::admin;
    return caller;
}

// Seconds; 0: it failed.
double measure(db::Connection& connection, const std::filesystem::path& path, const Run& run,
               int rows, bool is_plan, changes::SubmitResult& done) {
    std::vector<base::Error> errors;
    auto request = changes::parse_request(
        base::parse_json(R"({"serviceProviderId": 1, "changeType": ")" +
                         std::string(changes::to_string(run.type)) + "\", " + run.parameters +
                         (is_plan ? R"(, "dryRun": true})" : "}"))
            .value(),
        errors);
    const tenants::Caller caller = bench_caller();
    auto& statements = base::metrics::counter("carryall_db_statements_total", "");
    const std::string server = connection.exec(kServer)->string(0, 0);
    const double statements_before = statements.Value();
    const double server_before = server_cpu_seconds(server);
    const double own_before = own_cpu_seconds();
    const long memory_before = peak_kilobytes();
    const auto start = std::chrono::steady_clock::now();
    auto table = sheets::open_table(path);
    auto devices = changes::table_devices(request->request, std::move(*table));
    const auto result =
        changes::submit(connection, caller, request->request, **devices, {}, errors);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (!result) {
        std::printf("%s: %s %s\n", run.name, result.error().where.c_str(),
                    result.error().message.c_str());
        return 0;
    }
    done = *result;
    const std::string name = std::string(run.name) + (is_plan ? ", plan" : "");
    std::printf("%-24s %9lld %9lld %8.2f %9.0f %8.2f %8.2f %11.0f %9ld %9ld\n", name.c_str(),
                static_cast<long long>(result->accepted_count),
                static_cast<long long>(result->refused_count), seconds.count(),
                rows / seconds.count(), own_cpu_seconds() - own_before,
                server_cpu_seconds(server) - server_before, statements.Value() - statements_before,
                peak_kilobytes() - memory_before, peak_kilobytes());
    return result->accepted_count == rows - rows / kWrongEvery ? seconds.count() : 0;
}

// What the plain submission left in the queue would hold the plan's devices back.
constexpr db::Query kForget{"bench_forget", R"(
    UPDATE bulk_change SET status = 'NEW' WHERE tenant_id = 1 AND status = 'PENDING')"};

bool measure_both(db::Connection& connection, const std::filesystem::path& folder, const Run& run,
                  int rows) {
    const auto path = write_file(folder, run, rows);
    changes::SubmitResult result;
    const double plain = measure(connection, path, run, rows, false, result);
    const bool is_forgotten =
        connection.work_for_tenant(1).has_value() && connection.exec(kForget).has_value();
    const double planned = measure(connection, path, run, rows, true, result);
    if (plain == 0 || planned == 0 || !is_forgotten) return false;
    const auto start = std::chrono::steady_clock::now();
    const auto applied =
        changes::apply_plan(connection, bench_caller(), result.id, result.plan_hash);
    const std::chrono::duration<double> applying = std::chrono::steady_clock::now() - start;
    std::printf("%-24s plan / plain %.2f, apply %.2f s, apply / plain %.2f\n", "", planned / plain,
                applying.count(), applying.count() / plain);
    return applied && applied->moved_count == 0 && connection.exec(kForget).has_value();
}

int run_all(int rows) {
    support::TestDatabase database;
    const support::TempDir folder;
    prepare(database, rows);
    auto connection = db::Connection::open(base::Secret(database.app_conninfo()));
    if (!connection) return 1;
    std::printf("%-24s %9s %9s %8s %9s %8s %8s %11s %9s %9s\n", "", "accepted", "refused",
                "seconds", "rows/s", "own CPU", "db CPU", "statements", "grown KiB", "peak KiB");
    bool good = true;
    for (const Run& run : kRuns) {
        good = measure_both(**connection, folder.path(), run, rows) && good;
    }
    return good ? 0 : 1;
}

}  // namespace
}  // namespace carryall

int main(int argc, char** argv) {
    return carryall::run_all(argc > 1 ? std::atoi(argv[1]) : carryall::kDefaultRows);
}
