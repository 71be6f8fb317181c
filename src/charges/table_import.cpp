#include "charges/table_import.hpp"

#include <algorithm>

#include "charges/row_check_store.hpp"

namespace carryall::charges {
namespace {

constexpr std::size_t kMaxNotedColumns = 10;

// Where each of our columns stands in the file; empty: it is not there.
using Positions = std::vector<std::optional<std::size_t>>;

Result<Positions> find_positions(const sheets::Header& header,
                                 const std::vector<TableColumn>& columns) {
    Positions positions;
    bool names_devices = false;
    for (const TableColumn& column : columns) {
        std::vector<std::string_view> names{column.name};
        names.insert(names.end(), column.other_names.begin(), column.other_names.end());
        if (column.required) {
            const auto found = sheets::match_column(header, names);
            if (!found) return found.error();
        }
        const auto found = sheets::find_column(header, names);
        if (!found) return found.error();
        positions.push_back(*found);
        const bool is_name = column.rule == CellRule::iccid || column.rule == CellRule::msisdn;
        names_devices |= is_name && found->has_value();
    }
    if (!names_devices) {
        return base::invalid_input("the file names no devices; a column iccid or msisdn is needed");
    }
    return positions;
}

Result<void> look_at_others(const sheets::Header& header, const Positions& positions,
                            TableReport& report) {
    std::string ignored;
    std::size_t count = 0;
    for (std::size_t i = 0; i < header.names.size(); ++i) {
        const std::string& name = header.names[i];
        const bool is_used =
            std::find(positions.begin(), positions.end(), std::optional(i)) != positions.end();
        if (is_used || name.empty()) continue;
        if (looks_chargeable(name)) {
            return base::invalid_input("the column \"" + name +
                                           "\" is not known but looks like something to charge; "
                                           "rename it or take it out",
                                       "column " + name);
        }
        if (++count <= kMaxNotedColumns) ignored += (ignored.empty() ? "" : ", ") + name;
    }
    if (count > kMaxNotedColumns) ignored += " and others";
    if (count > 0) {
        report.notes.push_back("these columns are not known and were ignored: " + ignored);
    }
    return {};
}

void add_bad_row(TableReport& report, std::int64_t row_number, std::string column,
                 std::string reason) {
    ++report.bad;
    if (report.bad_rows.size() >= devices::kMaxReportedRows) return;
    report.bad_rows.push_back({row_number, std::move(column), std::move(reason)});
}

// "row 12, column ICCID" -> "ICCID"
std::string column_in(std::string_view place) {
    constexpr std::string_view kMark = "column ";
    const std::size_t at = place.find(kMark);
    return at == std::string_view::npos ? std::string()
                                        : std::string(place.substr(at + kMark.size()));
}

// False: the row is bad and told.
bool read_cells(const sheets::Row& row, const std::vector<TableColumn>& columns,
                const Positions& positions, TableCells& cells, TableReport& report) {
    if (row.problem) {
        add_bad_row(report, row.number, column_in(row.problem->where), row.problem->message);
        return false;
    }
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

Result<void> copy_rows(db::Transaction& transaction, sheets::TableReader& reader,
                       const std::vector<TableColumn>& columns, const Positions& positions,
                       TableReport& report) {
    auto copy = start_rows(transaction, columns);
    if (!copy) return copy.error();
    TableCells cells(columns.size());
    sheets::Row row;
    for (;;) {  // ends at sheets::Limits::max_rows at the latest
        const auto more = reader.next(row);
        if (!more) return more.error();
        if (!*more) return copy->finish();
        ++report.rows;
        if (!read_cells(row, columns, positions, cells, report)) continue;
        copy->field(row.number);
        for (const auto& cell : cells) copy->field(cell);
        CARRYALL_TRY(copy->end_row());
    }
}

}  // namespace

Result<void> copy_table(db::Transaction& transaction, const std::filesystem::path& file,
                        const std::vector<TableColumn>& columns, TableReport& report) {
    auto reader = sheets::open_table(file);
    if (!reader) return reader.error();
    const sheets::Header& header = (*reader)->header();
    const auto positions = find_positions(header, columns);
    if (!positions) return positions.error();
    CARRYALL_TRY(look_at_others(header, *positions, report));
    CARRYALL_TRY(prepare_rows(transaction, columns));
    CARRYALL_TRY(copy_rows(transaction, **reader, columns, *positions, report));
    for (const std::string& note : (*reader)->notes()) report.notes.push_back(note);
    return {};
}

void sort_bad_rows(TableReport& report) {
    std::sort(report.bad_rows.begin(), report.bad_rows.end(),
              [](const auto& a, const auto& b) { return a.row_number < b.row_number; });
    if (report.bad_rows.size() > devices::kMaxReportedRows) {
        report.bad_rows.resize(devices::kMaxReportedRows);
    }
}

}  // namespace carryall::charges
