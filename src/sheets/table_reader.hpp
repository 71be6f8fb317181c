// Reads the table in a CSV or XLSX file row by row, in memory that does not grow with the file.
// What a file is, its bytes decide, never its name. What must stay true: nothing is guessed and
// nothing is lost in silence. A row that cannot be read as it was meant comes with a problem that
// says where and why; a file that cannot be trusted ends in an error. Rows read before such an
// error must then be thrown away by the caller, because the rest is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace carryall::sheets {

// Every number here bounds memory or time for a file that a stranger wrote.
struct Limits {
    std::uint64_t max_file_bytes = 256ULL << 20;
    std::uint64_t max_unpacked_bytes = 1ULL << 30;  // XLSX: all parts of the workbook together
    std::uint64_t max_unpacked_ratio = 200;         // XLSX: unpacked to packed, beyond 16 MB
    std::uint64_t max_zip_entries = 4096;           // XLSX: parts of the workbook
    std::size_t max_shared_text_bytes = 96U << 20;  // XLSX: the one thing kept in memory
    std::size_t max_columns = 200;
    std::size_t max_cell_bytes = 4096;
    std::int64_t max_rows = 1'000'001;  // filled rows, with the header
};

enum class CellKind {
    empty,
    text,
    number,   // XLSX only: the spreadsheet program holds a number, so digits beyond the 15th are
              // gone
    boolean,  // XLSX only: TRUE or FALSE
    error,    // XLSX only: #N/A and its like, or a formula whose result was never stored
};

struct Cell {
    std::string_view text;  // as stored, UTF-8, not trimmed
    CellKind kind = CellKind::empty;

    bool is_number() const { return kind == CellKind::number; }
};

// Valid until the next call of next().
struct Row {
    std::int64_t number = 0;  // 1-based, as the spreadsheet program shows it: blank rows count, a
                              // line end inside a quoted cell does not
    std::span<const Cell> cells;         // one a column of the header; missing ones are empty
    bool hidden = false;                 // XLSX: hidden by hand or by a filter
    std::optional<base::Error> problem;  // this row is unusable; reading can go on
};

struct Header {
    std::int64_t row_number = 0;
    std::vector<std::string> names;  // trimmed; empty where a column has no name
};

// How a workbook counts days (a property of the whole file).
enum class DateSystem { from_1900, from_1904 };

// Names match without regard to case, spaces, underscores and dashes: "ICC-ID" is "iccid".
std::string comparable_column_name(std::string_view name);

// The column that bears one of the names; empty if none does; an error if several do.
base::Result<std::optional<std::size_t>> find_column(const Header& header,
                                                     std::span<const std::string_view> names);
base::Result<std::optional<std::size_t>> find_column(const Header& header,
                                                     std::initializer_list<std::string_view> names);
// The same for a column that must be there; the error lists the names that would do.
base::Result<std::size_t> match_column(const Header& header,
                                       std::span<const std::string_view> names);
base::Result<std::size_t> match_column(const Header& header,
                                       std::initializer_list<std::string_view> names);

// "row 12, column ICCID", the form of Error::where everywhere in this folder. Columns without a
// name are called by their letters ("column C").
std::string place(std::int64_t row_number, const Header& header, std::size_t column);

class TableReader {
  public:
    struct Parts;  // the batch of rows and the parser of one format
    explicit TableReader(std::unique_ptr<Parts> parts);
    ~TableReader();
    TableReader(const TableReader&) = delete;
    TableReader& operator=(const TableReader&) = delete;

    const Header& header() const;
    // True: `row` holds the next filled row. False: the end, and everything was read. After an
    // error every further call returns the same error.
    base::Result<bool> next(Row& row);

    std::string_view format() const;      // "csv" or "xlsx"
    std::string_view sheet_name() const;  // XLSX: the sheet being read, else empty
    DateSystem date_system() const;
    // What the user should know though it is no error, e.g. that further sheets were left out.
    const std::vector<std::string>& notes() const;

  private:
    std::unique_ptr<Parts> parts_;
};

// Opens the file and reads as far as the header.
base::Result<std::unique_ptr<TableReader>> open_table(const std::filesystem::path& path,
                                                      const Limits& limits = {});
// The same for a table that is in memory already; `bytes` must outlive the reader.
base::Result<std::unique_ptr<TableReader>> open_table_bytes(std::string_view bytes,
                                                            const Limits& limits = {});

}  // namespace carryall::sheets
