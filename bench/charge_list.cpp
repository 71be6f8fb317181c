// The charge list of one part with N charges, measured: from the first query to the closed file.
// Prints seconds, rows/s, the file's size, and how much the process's peak memory grew.
//
//   ./dev with-database build/release/bench/bench_charge_list [CHARGES]
//
// Of a shared machine and a database without durability: compare rows with each other.
#include "charges/charge_list.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>

#include "charges/part_check_store.hpp"
#include "support/database.hpp"
#include "support/temp_dir.hpp"

namespace carryall {
namespace {

constexpr int kDefaultCharges = 1'000'000;
constexpr charges::PartId kPart{1, {1}, 1};

long peak_kilobytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

// Two charges a device, one in ten failed.
void prepare(support::TestDatabase& database, int charges) {
    database.run(
        "INSERT INTO tenant (name) VALUES ('bench');"
        "INSERT INTO service_provider (tenant_id, name, integration) VALUES (1, 'POND', 'pond');"
        "INSERT INTO customer (tenant_id, name) VALUES (1, 'Acme');"
        "INSERT INTO charge_run (tenant_id, source, state, created_by, correlation_id) VALUES (1, "
        "'instances', 'sending', 'bench', 'c');"
        "INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number, customer_id, "
        "optimization_queue_id, billing_period_start, billing_period_end) VALUES (1, 1, 1, 1, 501, "
        "'2026-03-01', '2026-03-31')");
    const std::string count = std::to_string(charges);
    database.run(
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, msisdn, status) SELECT "
        "1, 1, 'm2m', (8910300000000000000 + n)::text, (15550000000 + n)::text, 'Active' FROM "
        "generate_series(1, (" +
        count + " + 1) / 2) n");
    database.run(
        "INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id, "
        "device_id, customer_id, service_provider_id, portal, kind, billing_period_start, "
        "billing_period_end, amount, description, start_date, end_date, state, reason, "
        "revio_charge_id, settled_at, integration_authentication_id) SELECT 1, 1, 1, n, "
        "'instance', 1, (n + 1) / 2, 1, 1, 'm2m', "
        "CASE n % 2 WHEN 1 THEN 'rate' ELSE 'overage' END, '2026-03-01', '2026-03-31', 1.25, "
        "'text', "
        "'2026-03-02', '2026-03-31', CASE n % 10 WHEN 0 THEN 'failed' ELSE 'charged' END, "
        "CASE n % 10 WHEN 0 THEN 'product 77 is unknown' END, CASE WHEN n % 10 <> 0 THEN n END, "
        "now(), 1 FROM generate_series(1, " +
        count + ") n");
    database.run(
        "UPDATE charge_run_part SET state = 'settled', settled_at = now(), list_version = 1, "
        "charge_count = c.total, charged_count = c.charged, failed_count = c.total - c.charged, "
        "charged_amount = c.charged * 1.25 FROM (SELECT count(*) AS total, count(revio_charge_id) "
        "AS charged FROM charge) c");
}

int run(int count) {
    support::TestDatabase database;
    prepare(database, count);
    const support::TempDir folder;
    const auto file = folder.path() / "list.txt";
    const auto connection = db::Connection::open(base::Secret(database.app_conninfo()));
    CHECK(connection.has_value());
    CHECK(db::look_up_by_key_only(**connection, "bench").has_value());
    const auto part = charges::load_part_to_list(**connection, kPart);
    CHECK(part.has_value() && part->has_value());
    const long before = peak_kilobytes();
    const auto started = std::chrono::steady_clock::now();
    const auto figures = charges::write_charge_list(**connection, (*part)->order, file);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    CHECK(figures.has_value() && figures->notes.empty());
    std::printf("%lld devices, %.1f s, %.0f rows/s, %.1f MB, memory +%.1f MB, total %s\n",
                static_cast<long long>(figures->devices), took.count(),
                static_cast<double>(figures->devices) / took.count(),
                static_cast<double>(std::filesystem::file_size(file)) / 1e6,
                static_cast<double>(peak_kilobytes() - before) / 1e3,
                figures->amount.text().c_str());
    return 0;
}

}  // namespace
}  // namespace carryall

int main(int argc, char** argv) {
    return carryall::run(argc > 1 ? std::atoi(argv[1]) : carryall::kDefaultCharges);
}
