// Collects cells into rows under the limits. What must stay true: blank rows vanish, rows before a
// failure stay.
#include "sheets/row_batch.hpp"

#include <utility>

#include "base/text.hpp"

namespace carryall::sheets {

void RowBatch::begin_row(std::int64_t number, bool hidden) {
    open_row_ = StoredRow{};
    open_row_.number = number;
    open_row_.hidden = hidden;
    open_row_.first_cell = cells_.size();
    open_text_ = text_.size();
    filled_ = false;
}

void RowBatch::add_cell(std::size_t column, std::string_view text, CellKind kind) {
    if (failure_ || text.empty()) return;
    if (text.size() > limits_.max_cell_bytes) {
        return fail_at(base::ErrorKind::too_large,
                       "The cell is longer than " + std::to_string(limits_.max_cell_bytes) +
                           " bytes, which no value of a device is. If the file is CSV, a quote "
                           "may have been opened in this row and not closed.",
                       column);
    }
    // Most cells begin with a visible character; only the others are worth a closer look.
    const auto first = static_cast<unsigned char>(text.front());
    const bool blank = (first <= ' ' || first >= 0x80) && base::trim(text).empty();
    filled_ = filled_ || !blank;
    if (column >= width_) {
        if (!blank) ++open_row_.cells_beyond;
        return;
    }
    cells_.push_back({static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(column),
                      kind});
    text_.append(text);
    ++open_row_.cell_count;
}

void RowBatch::set_problem(std::string message, std::size_t column) {
    if (open_row_.problem) return;
    filled_ = true;
    open_row_.problem =
        Finding{base::ErrorKind::invalid_input, std::move(message), open_row_.number, column};
}

void RowBatch::end_row() {
    if (failure_) return;
    if (!filled_) return drop_row();
    if (++rows_seen_ > limits_.max_rows) {
        return fail_at(base::ErrorKind::too_large,
                       "The table has more than " + std::to_string(limits_.max_rows) +
                           " filled rows. Split it into several files.",
                       std::nullopt);
    }
    rows_.push_back(std::move(open_row_));
    open_row_ = StoredRow{};
    open_row_.first_cell = cells_.size();
    open_text_ = text_.size();
    filled_ = false;
}

void RowBatch::drop_row() {
    cells_.resize(open_row_.first_cell);
    text_.resize(open_text_);
    open_row_.cell_count = 0;
}

void RowBatch::fail(base::Error error) {
    if (!failure_) failure_ = Finding{error.kind, std::move(error.message), 0, std::nullopt};
}

void RowBatch::fail_at(base::ErrorKind kind, std::string message,
                       std::optional<std::size_t> column) {
    if (!failure_) failure_ = Finding{kind, std::move(message), open_row_.number, column};
}

const StoredRow* RowBatch::front() const {
    return taken_ < rows_.size() ? &rows_[taken_] : nullptr;
}

std::string_view RowBatch::text_of(const StoredCell& cell) const {
    return std::string_view(text_).substr(cell.offset, cell.length);
}

void RowBatch::compact() {
    if (taken_ < rows_.size()) return;
    rows_.clear();
    taken_ = 0;
    text_.erase(0, open_text_);
    cells_.erase(cells_.begin(),
                 cells_.begin() + static_cast<std::ptrdiff_t>(open_row_.first_cell));
    for (StoredCell& cell : cells_) cell.offset -= static_cast<std::uint32_t>(open_text_);
    open_text_ = 0;
    open_row_.first_cell = 0;
}

}  // namespace carryall::sheets
