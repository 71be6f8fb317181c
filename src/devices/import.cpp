// Reads the file row by row into the database and puts the report together.
#include "devices/import.hpp"

#include <array>

#include "base/log.hpp"
#include "devices/import_store.hpp"
#include "devices/noun.hpp"

namespace carryall::devices {
namespace {

using base::Result;

constexpr std::array<std::string_view, 8> kKindNames{"devices",
                                                     "customers",
                                                     "sites",
                                                     "carrier-rate-plans",
                                                     "communication-plans",
                                                     "customer-rate-plans",
                                                     "customer-rate-pools",
                                                     "service-providers"};

constexpr std::size_t kMaxNotedColumns = 10;

std::vector<std::string_view> names_of(const ImportColumn& column) {
    std::vector<std::string_view> names{column.name};
    names.insert(names.end(), column.other_names.begin(), column.other_names.end());
    return names;
}

// Where each of the kind's columns stands in the file; empty: it is not there.
using Positions = std::vector<std::optional<std::size_t>>;

Result<Positions> find_positions(const sheets::Header& header, ImportKind kind) {
    Positions positions;
    for (const ImportColumn& column : columns_of(kind)) {
        const auto names = names_of(column);
        if (column.required) {
            const auto found = sheets::match_column(header, names);
            if (!found) return found.error();
            positions.emplace_back(*found);
        } else {
            const auto found = sheets::find_column(header, names);
            if (!found) return found.error();
            positions.push_back(*found);
        }
    }
    return positions;
}

// Ignoring such a column would leave a secret lying in a file that was sent on purpose.
Result<void> refuse_secrets(const sheets::Header& header, ImportKind kind) {
    if (kind != ImportKind::service_providers) return {};
    for (const std::string& name : header.names) {
        const std::string comparable = sheets::comparable_column_name(name);
        for (const std::string_view part :
             {"password", "secret", "apikey", "token", "credential"}) {
            if (comparable.find(part) == std::string::npos) continue;
            return base::invalid_input("the column \"" + name +
                                           "\" looks like a secret; credentials are not imported "
                                           "from files, set them on the service provider",
                                       "column " + name);
        }
    }
    return {};
}

void note_ignored_columns(const sheets::Header& header, const Positions& positions,
                          ImportReport& report) {
    std::string ignored;
    std::size_t count = 0;
    for (std::size_t i = 0; i < header.names.size(); ++i) {
        const bool used =
            std::find(positions.begin(), positions.end(), std::optional(i)) != positions.end();
        if (used || header.names[i].empty() || ++count > kMaxNotedColumns) continue;
        ignored += (ignored.empty() ? "" : ", ") + header.names[i];
    }
    if (count > kMaxNotedColumns) ignored += " and others";
    if (count > 0)
        report.notes.push_back("these columns are not known and were ignored: " + ignored);
}

void add_bad_row(ImportReport& report, std::int64_t row_number, std::string column,
                 std::string reason) {
    ++report.bad;
    if (report.bad_rows.size() >= kMaxReportedRows) return;
    report.bad_rows.push_back({row_number, std::move(column), std::move(reason)});
}

// "row 12, column ICCID" -> "ICCID"
std::string column_in(std::string_view place) {
    constexpr std::string_view kMark = "column ";
    const std::size_t at = place.find(kMark);
    if (at == std::string_view::npos) return {};
    return std::string(place.substr(at + kMark.size()));
}

// Reads one row's cells into `cells`; false: the row is bad and reported.
bool read_cells(const sheets::Row& row, ImportKind kind, const Positions& positions,
                std::vector<std::optional<std::string>>& cells, ImportReport& report) {
    if (row.problem) {
        add_bad_row(report, row.number, column_in(row.problem->where), row.problem->message);
        return false;
    }
    const auto& columns = columns_of(kind);
    for (std::size_t i = 0; i < columns.size(); ++i) {
        cells[i].reset();
        if (!positions[i]) continue;
        auto cell = read_cell(columns[i], row.cells[*positions[i]]);
        if (!cell) {
            add_bad_row(report, row.number, columns[i].name, cell.error().message);
            return false;
        }
        cells[i] = *std::move(cell);
    }
    return true;
}

Result<void> copy_rows(db::Transaction& transaction, sheets::TableReader& reader, ImportKind kind,
                       const Positions& positions, ImportReport& report) {
    auto copy = start_rows(transaction, kind);
    if (!copy) return copy.error();
    std::vector<std::optional<std::string>> cells(columns_of(kind).size());
    sheets::Row row;
    for (;;) {  // ends at sheets::Limits::max_rows at the latest
        const auto more = reader.next(row);
        if (!more) return more.error();
        if (!*more) return copy->finish();
        ++report.rows;
        if (!read_cells(row, kind, positions, cells, report)) continue;
        copy->field(row.number);
        for (const auto& cell : cells) {
            cell ? copy->field(std::string_view(*cell)) : copy->null();
        }
        CARRYALL_TRY(copy->end_row());
    }
}

void finish_report(ImportReport& report) {
    std::sort(report.bad_rows.begin(), report.bad_rows.end(),
              [](const BadRow& a, const BadRow& b) { return a.row_number < b.row_number; });
    if (report.bad_rows.size() > kMaxReportedRows) report.bad_rows.resize(kMaxReportedRows);
    report.bad_rows_are_complete = static_cast<std::int64_t>(report.bad_rows.size()) == report.bad;
    CHECK(report.rows == report.created + report.updated + report.unchanged + report.bad);
}

Result<ImportReport> run(db::Transaction& transaction, TenantId tenant_id, ImportKind kind,
                         const std::filesystem::path& file, const ImportOptions& options,
                         std::string_view actor) {
    auto reader = sheets::open_table(file);
    if (!reader) return reader.error();
    const sheets::Header& header = (*reader)->header();
    CARRYALL_TRY(refuse_secrets(header, kind));
    const auto positions = find_positions(header, kind);
    if (!positions) return positions.error();
    ImportReport report;
    note_ignored_columns(header, *positions, report);
    CARRYALL_TRY(prepare_import(transaction, tenant_id, kind));
    CARRYALL_TRY(copy_rows(transaction, **reader, kind, *positions, report));
    for (const std::string& note : (*reader)->notes()) report.notes.push_back(note);
    CARRYALL_TRY(check_rows(transaction, tenant_id, kind, options.service_provider_id, report));
    finish_report(report);
    const bool is_refused = options.all_or_nothing && report.bad > 0;
    report.stored = !options.dry_run && !is_refused;
    if (report.stored) CARRYALL_TRY(store_rows(transaction, tenant_id, kind, actor));
    return report;
}

}  // namespace

std::string_view to_string(ImportKind kind) {
    return kKindNames.at(static_cast<std::size_t>(kind));
}

std::optional<ImportKind> parse_import_kind(std::string_view text) {
    for (std::size_t i = 0; i < kKindNames.size(); ++i) {
        if (text == kKindNames[i]) return static_cast<ImportKind>(i);
    }
    return std::nullopt;
}

std::vector<std::string> import_columns(ImportKind kind) {
    std::vector<std::string> names;
    for (const ImportColumn& column : columns_of(kind)) names.emplace_back(column.name);
    return names;
}

Result<ImportReport> import_file(db::Connection& connection, TenantId tenant_id, ImportKind kind,
                                 const std::filesystem::path& file, const ImportOptions& options,
                                 std::string_view actor) {
    if (options.service_provider_id) {
        const auto provider =
            get_record(connection, tenant_id, kServiceProvider, options.service_provider_id.value);
        if (!provider && provider.error().kind == base::ErrorKind::not_found) {
            return base::invalid_input("there is no service provider with this id",
                                       "parameter serviceProviderId");
        }
        if (!provider) return provider.error();
    }
    auto report = db::in_transaction<ImportReport>(
        connection, tenant_id.value, [&](db::Transaction& transaction) {
            return run(transaction, tenant_id, kind, file, options, actor);
        });
    const bool is_duplicate = !report && report.error().kind == base::ErrorKind::conflict &&
                              report.error().where.starts_with("query ");
    if (is_duplicate) {
        return base::Error{base::ErrorKind::conflict,
                           "somebody stored one of these records at the same moment; nothing was "
                           "imported, start the import again",
                           {}};
    }
    if (!report) return report.error();
    const bool is_large = report->created + report->updated >= kAnalyzeFromRows;
    if (report->stored && is_large && kind == ImportKind::devices) {
        const auto analyzed = analyze_devices(connection);
        // The database does it by itself a little later.
        if (!analyzed) {
            base::log::warning("devices_not_analyzed", {{"reason", analyzed.error().message}});
        }
    }
    return report;
}

}  // namespace carryall::devices
