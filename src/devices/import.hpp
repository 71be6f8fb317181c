// Import of the inventory from CSV or XLSX: one streaming pass over the file into a temporary
// table, then set-based statements. What must stay true: a row is stored wholly or reported with
// its number, column and reason; the same file twice changes nothing the second time; memory does
// not grow with the file; the whole import is one transaction, so a file that turns out to be
// broken leaves nothing behind.
//
// A column that is missing, and a cell that is empty, leave what is stored as it is; a cell with
// only "-" empties it. References go by name or code (customers also by Rev.io customer id).
// Service providers come without credentials: secrets have no place in spreadsheets.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devices/device.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::devices {

// Spelled "devices", "customers", "sites", "carrier-rate-plans", "communication-plans",
// "customer-rate-plans", "customer-rate-pools", "service-providers".
enum class ImportKind {
    devices,
    customers,
    sites,
    carrier_rate_plans,
    communication_plans,
    customer_rate_plans,
    customer_rate_pools,
    service_providers,
};
std::string_view to_string(ImportKind kind);
std::optional<ImportKind> parse_import_kind(std::string_view text);
// The columns of a kind by the names used in documentation, for help texts.
std::vector<std::string> import_columns(ImportKind kind);

// Bad rows beyond this are counted but not listed.
inline constexpr std::size_t kMaxReportedRows = 1'000;
inline constexpr std::int64_t kAnalyzeFromRows = 1'000;

struct ImportOptions {
    bool dry_run = false;         // check and count, store nothing
    bool all_or_nothing = false;  // one bad row: nothing is stored
    // Devices and carrier plans: for rows whose file has no service provider column.
    ServiceProviderId service_provider_id;
};

struct BadRow {
    std::int64_t row_number = 0;  // as a spreadsheet program shows it
    std::string column;           // may be empty
    std::string reason;
};

struct ImportReport {
    std::int64_t rows = 0;
    std::int64_t created = 0;
    std::int64_t updated = 0;
    std::int64_t unchanged = 0;
    std::int64_t bad = 0;          // rows == created + updated + unchanged + bad
    std::vector<BadRow> bad_rows;  // the first kMaxReportedRows of them
    bool bad_rows_are_complete = true;
    bool stored = false;             // false: dry run, or all_or_nothing with bad rows
    std::vector<std::string> notes;  // columns that were ignored, sheets that were left out
};

// `actor` is written into the devices' history.
base::Result<ImportReport> import_file(db::Connection& connection, TenantId tenant_id,
                                       ImportKind kind, const std::filesystem::path& file,
                                       const ImportOptions& options, std::string_view actor);

}  // namespace carryall::devices
