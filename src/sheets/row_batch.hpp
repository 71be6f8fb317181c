// The rows that a parser has found and the caller has not taken yet. Parsers push cells in, the
// reader takes whole rows out; a parser fills at most one chunk of input at a time, so the batch
// stays small. What must stay true: the first failure ends the file, and rows before it come first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::sheets {

struct StoredCell {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    std::uint32_t column = 0;
    CellKind kind = CellKind::empty;
};

// Something wrong at a place. The column's name joins it when it is handed out, because the first
// rows are read before the header is known.
struct Finding {
    base::ErrorKind kind = base::ErrorKind::invalid_input;
    std::string message;
    std::int64_t row_number = 0;        // 0: the whole file
    std::optional<std::size_t> column;  // none: the whole row
};

struct StoredRow {
    std::int64_t number = 0;
    std::size_t first_cell = 0;
    std::size_t cell_count = 0;
    std::size_t cells_beyond = 0;  // filled cells right of the widest column that is kept
    bool hidden = false;
    std::optional<Finding> problem;
};

class RowBatch {
  public:
    explicit RowBatch(const Limits& limits) : limits_(limits), width_(limits.max_columns) {}

    // The parser's side. Empty cells may be left out. After fail() everything else is ignored.
    void begin_row(std::int64_t number, bool hidden = false);
    void add_cell(std::size_t column, std::string_view text, CellKind kind);
    void set_problem(std::string message, std::size_t column);
    void end_row();  // keeps the row only if a cell is filled
    void drop_row();
    void fail(base::Error error);
    // The same with the open row as the place.
    void fail_at(base::ErrorKind kind, std::string message, std::optional<std::size_t> column);
    bool failed() const { return failure_.has_value(); }
    void set_end() { at_end_ = true; }

    // The reader's side.
    const StoredRow* front() const;  // null: the parser must be asked for more, or the end
    const StoredCell* cells_of(const StoredRow& row) const {
        return cells_.data() + row.first_cell;
    }
    std::string_view text_of(const StoredCell& cell) const;
    void pop() { ++taken_; }
    // Forgets the rows that were taken and keeps a row that is still open. Invalidates views.
    void compact();
    // From now on cells right of the header only count, they are not kept.
    void set_width(std::size_t columns) { width_ = columns; }
    bool at_end() const { return at_end_; }
    const Finding& failure() const { return *failure_; }

  private:
    const Limits limits_;
    std::size_t width_;
    std::string text_;
    std::vector<StoredCell> cells_;
    std::vector<StoredRow> rows_;
    std::size_t taken_ = 0;
    StoredRow open_row_;
    std::size_t open_text_ = 0;  // where the open row's text begins
    bool filled_ = false;
    std::int64_t rows_seen_ = 0;
    std::optional<Finding> failure_;
    bool at_end_ = false;
};

}  // namespace carryall::sheets
