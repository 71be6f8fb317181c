// Joins a format's parser with the batch of rows: reads the header, then hands out rows of its
// width. What must stay true: a row is handed out whole or with its problem.
#include "sheets/table_reader.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/text.hpp"
#include "sheets/csv_parser.hpp"
#include "sheets/file_kind.hpp"
#include "sheets/row_batch.hpp"
#include "sheets/xlsx_parser.hpp"

namespace carryall::sheets {

using Parser = std::variant<std::unique_ptr<CsvParser>, std::unique_ptr<XlsxParser>>;

struct TableReader::Parts {
    Parts(const Limits& given, Parser opened)
        : limits(given), batch(given), parser(std::move(opened)) {}

    const XlsxParser* workbook() const {
        const auto* held = std::get_if<std::unique_ptr<XlsxParser>>(&parser);
        return held != nullptr ? held->get() : nullptr;
    }
    // The next row, or null at the end or at a failure.
    const StoredRow* next_stored();
    base::Error placed(const Finding& finding) const;
    base::Result<void> read_header();
    base::Result<void> add_name(const StoredCell& cell, const StoredRow& row);
    base::Result<void> check_names() const;
    base::Result<void> expect_data();
    void hand_out(const StoredRow& stored, Row& row);

    const Limits limits;
    RowBatch batch;
    Parser parser;
    Header header;
    std::vector<Cell> cells;
    std::vector<std::string> no_notes;
};

const StoredRow* TableReader::Parts::next_stored() {
    // Ends: every fill() reads on in the file, sets the end or fails.
    while (batch.front() == nullptr && !batch.failed() && !batch.at_end()) {
        batch.compact();
        std::visit([this](auto& held) { held->fill(batch); }, parser);
    }
    return batch.front();
}

base::Error TableReader::Parts::placed(const Finding& finding) const {
    std::string where;
    if (finding.column) {
        where = place(finding.row_number, header, *finding.column);
    } else if (finding.row_number > 0) {
        where = "row " + std::to_string(finding.row_number);
    }
    return {finding.kind, finding.message, std::move(where)};
}

base::Result<void> TableReader::Parts::add_name(const StoredCell& cell, const StoredRow& row) {
    if (cell.kind == CellKind::error) {
        return base::invalid_input("A column name is an error of the spreadsheet. Type it again.",
                                   place(row.number, header, cell.column));
    }
    if (header.names.size() <= cell.column) header.names.resize(cell.column + 1);
    header.names[cell.column] = std::string(base::trim(batch.text_of(cell)));
    return {};
}

base::Result<void> TableReader::Parts::check_names() const {
    std::unordered_map<std::string, std::string> seen;
    for (const std::string& name : header.names) {
        if (name.empty()) continue;
        const auto [before, added] = seen.emplace(comparable_column_name(name), name);
        if (added) continue;
        return base::invalid_input("Two columns are called " + before->second +
                                       (before->second == name ? "" : " and " + name) +
                                       ". Rename or delete one of them.",
                                   "row " + std::to_string(header.row_number));
    }
    return {};
}

base::Result<void> TableReader::Parts::read_header() {
    const StoredRow* row = next_stored();
    if (row == nullptr) {
        if (batch.failed()) return placed(batch.failure());
        return base::invalid_input(
            "The table is empty. Its first row must hold the column names, and each further row "
            "one device.");
    }
    if (row->problem) return placed(*row->problem);
    header.row_number = row->number;
    if (row->cells_beyond > 0) {
        return base::Error{base::ErrorKind::too_large,
                           "The table has more than " + std::to_string(limits.max_columns) +
                               " columns. Delete those that are not needed.",
                           "row " + std::to_string(row->number)};
    }
    for (std::size_t i = 0; i < row->cell_count; ++i) {
        CARRYALL_TRY(add_name(batch.cells_of(*row)[i], *row));
    }
    while (!header.names.empty() && header.names.back().empty()) header.names.pop_back();
    CARRYALL_TRY(check_names());
    batch.set_width(header.names.size());
    batch.pop();
    return expect_data();
}

base::Result<void> TableReader::Parts::expect_data() {
    if (next_stored() != nullptr || batch.failed()) return {};  // next() tells of the failure
    return base::invalid_input(
        "The table has column names but no rows. Add one row for each device.",
        "row " + std::to_string(header.row_number));
}

void TableReader::Parts::hand_out(const StoredRow& stored, Row& row) {
    cells.assign(header.names.size(), Cell{});
    std::size_t beyond = stored.cells_beyond;
    for (std::size_t i = 0; i < stored.cell_count; ++i) {
        const StoredCell& cell = batch.cells_of(stored)[i];
        const std::string_view text = batch.text_of(cell);
        if (cell.column < cells.size()) {
            cells[cell.column] = {text, cell.kind};
        } else if (!base::trim(text).empty()) {
            ++beyond;
        }
    }
    row.number = stored.number;
    row.cells = cells;
    row.hidden = stored.hidden;
    row.problem.reset();
    if (stored.problem) {
        row.problem = placed(*stored.problem);
    } else if (beyond > 0) {
        row.problem = base::invalid_input(
            "The row has values to the right of the last named column, " + header.names.back() +
                ". A cell that holds a separator must be in quotes.",
            "row " + std::to_string(stored.number));
    }
}

TableReader::TableReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TableReader::~TableReader() = default;

const Header& TableReader::header() const {
    return parts_->header;
}

base::Result<bool> TableReader::next(Row& row) {
    const StoredRow* stored = parts_->next_stored();
    if (stored == nullptr) {
        if (parts_->batch.failed()) return parts_->placed(parts_->batch.failure());
        return false;
    }
    parts_->hand_out(*stored, row);
    parts_->batch.pop();
    return true;
}

std::string_view TableReader::format() const {
    return parts_->workbook() != nullptr ? "xlsx" : "csv";
}

std::string_view TableReader::sheet_name() const {
    const XlsxParser* workbook = parts_->workbook();
    return workbook != nullptr ? std::string_view(workbook->sheet_name()) : std::string_view{};
}

DateSystem TableReader::date_system() const {
    const XlsxParser* workbook = parts_->workbook();
    return workbook != nullptr ? workbook->date_system() : DateSystem::from_1900;
}

const std::vector<std::string>& TableReader::notes() const {
    const XlsxParser* workbook = parts_->workbook();
    return workbook != nullptr ? workbook->notes() : parts_->no_notes;
}

namespace {

base::Result<Parser> open_parser(ByteSource source, const Limits& limits) {
    auto start = recognise(source);
    if (!start) return std::move(start).error();
    if (std::holds_alternative<ZipStart>(*start)) {
        auto workbook = XlsxParser::open(std::move(source), limits);
        if (!workbook) return std::move(workbook).error();
        return Parser(std::move(*workbook));
    }
    auto csv = CsvParser::open(std::move(source), std::get<TextStart>(*start), limits);
    if (!csv) return std::move(csv).error();
    return Parser(std::move(*csv));
}

base::Result<std::unique_ptr<TableReader>> open_source(base::Result<ByteSource> source,
                                                       const Limits& limits) {
    if (!source) return std::move(source).error();
    auto parser = open_parser(std::move(*source), limits);
    if (!parser) return std::move(parser).error();
    auto parts = std::make_unique<TableReader::Parts>(limits, std::move(*parser));
    CARRYALL_TRY(parts->read_header());
    return std::make_unique<TableReader>(std::move(parts));
}

}  // namespace

base::Result<std::unique_ptr<TableReader>> open_table(const std::filesystem::path& path,
                                                      const Limits& limits) {
    return open_source(ByteSource::of_file(path, limits.max_file_bytes), limits);
}

base::Result<std::unique_ptr<TableReader>> open_table_bytes(std::string_view bytes,
                                                            const Limits& limits) {
    return open_source(ByteSource::of_bytes(bytes, limits.max_file_bytes), limits);
}

}  // namespace carryall::sheets
