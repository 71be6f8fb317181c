// From a hash to rows of a table, eight bytes a cell. Rows of one hash may be several: the caller
// says which one it means. A removed row leaves a mark, so that searches behind it still arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace carryall::simulators::telegence {

inline constexpr std::uint32_t kNoRow = UINT32_MAX;

class RowIndex {
  public:
    void clear() {
        cells_.assign(kFirstCells, Cell{});
        used_ = 0;
    }

    void add(std::uint64_t hash, std::uint32_t row) {
        if ((used_ + 1) * 2 > cells_.size()) grow();
        place(static_cast<std::uint32_t>(hash), row);
    }

    void remove(std::uint64_t hash, std::uint32_t row) {
        const std::size_t mask = cells_.size() - 1;
        for (std::size_t at = hash & mask; cells_[at].row != kNoRow; at = (at + 1) & mask) {
            if (cells_[at].row != row) continue;
            cells_[at].row = kRemoved;
            return;
        }
    }

    // The first row of that hash for which `fits(row)` holds.
    template <typename Fits>
    std::uint32_t find(std::uint64_t hash, Fits fits) const {
        const std::size_t mask = cells_.size() - 1;
        for (std::size_t at = hash & mask; cells_[at].row != kNoRow; at = (at + 1) & mask) {
            const Cell& cell = cells_[at];
            const bool same = cell.row != kRemoved && cell.hash == static_cast<std::uint32_t>(hash);
            if (same && fits(cell.row)) return cell.row;
        }
        return kNoRow;
    }

  private:
    struct Cell {
        std::uint32_t hash = 0;
        std::uint32_t row = kNoRow;
    };
    static constexpr std::uint32_t kRemoved = kNoRow - 1;
    static constexpr std::size_t kFirstCells = 1024;

    void place(std::uint32_t hash, std::uint32_t row) {
        const std::size_t mask = cells_.size() - 1;
        std::size_t at = hash & mask;
        while (cells_[at].row != kNoRow) at = (at + 1) & mask;
        cells_[at] = {hash, row};
        ++used_;
    }

    // Marks of removed rows are left behind.
    void grow() {
        std::vector<Cell> old(cells_.size() * 2);
        old.swap(cells_);
        used_ = 0;
        for (const Cell& cell : old) {
            if (cell.row < kRemoved) place(cell.hash, cell.row);
        }
    }

    std::vector<Cell> cells_ = std::vector<Cell>(kFirstCells);
    std::size_t used_ = 0;  // with the marks
};

}  // namespace carryall::simulators::telegence
