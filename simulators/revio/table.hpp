// A Rev.io resource as a flat table: every row is a run of 64-bit cells described by the resource's
// fields, texts lie in one append-only arena. So a million charges cost some 200 bytes each, and
// listing, searching and printing are written once for all resources.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace carryall::simulators::revio {

inline constexpr std::int64_t kNull = INT64_MIN;
inline constexpr std::uint32_t kNoRow = UINT32_MAX;
inline constexpr std::size_t kMaxRows = 8'000'000;
inline constexpr std::int64_t kMaxId = INT32_MAX;

enum class Kind : std::uint8_t { integer, number, truth, text, date, timestamp };

// Bits of Field::rules.
inline constexpr unsigned kReadOnly = 0;
inline constexpr unsigned kWritable = 1;
inline constexpr unsigned kRequired = 2 | kWritable;
inline constexpr unsigned kZeroIsAbsent = 4;
inline constexpr unsigned kAtLeastOne = 8;
inline constexpr unsigned kNotNegative = 16;
inline constexpr unsigned kHidden = 32;  // accepted and kept, but not part of the record

struct Field {
    std::string_view name;  // "finance.bill_profile_id" is printed nested
    Kind kind;
    unsigned rules = kReadOnly;
    std::size_t max_length = 0;  // of a text; 0: 4000
};

struct Schema {
    std::string_view path;      // as in the URL: "Charges"
    std::string_view singular;  // for messages: "Charge"
    std::int64_t first_id;
    std::span<const Field> fields;  // the first one is the id
    std::span<const std::string_view> indexed;
};

// Rows by the value of one column, in the order of insertion. A changed value leaves its old entry
// behind, so a reader checks the value again.
class ColumnIndex {
  public:
    void add(std::uint64_t hash, std::uint32_t row);
    void collect(std::uint64_t hash, std::vector<std::uint32_t>& rows) const;

  private:
    struct Bucket {
        std::uint64_t hash = 0;
        std::uint32_t first = kNoRow;
        std::uint32_t last = kNoRow;
    };
    struct Node {
        std::uint32_t row;
        std::uint32_t next;
    };
    std::size_t place_of(std::uint64_t hash) const;
    void grow();

    std::vector<Bucket> buckets_;
    std::vector<Node> nodes_;
    std::size_t used_ = 0;
};

class Table {
  public:
    explicit Table(const Schema& schema);

    const Schema& schema() const { return schema_; }
    // Removed ones, too.
    std::size_t rows() const { return cells_.size() / schema_.fields.size(); }
    std::size_t column(std::string_view name) const;  // SIZE_MAX: none
    void clear();

    // A new row of nulls. id 0: the next one. kNoRow: full, or the id is taken.
    std::uint32_t insert(std::int64_t id, std::int64_t now_micros);
    std::uint32_t find(std::int64_t id) const;
    // Gone for every reader, also of the past. Its id is not given again.
    void remove(std::uint32_t row) { removed_.insert(row); }
    bool is_removed(std::uint32_t row) const { return !removed_.empty() && removed_.contains(row); }
    std::size_t removed() const { return removed_.size(); }
    std::int64_t id_of(std::uint32_t row) const { return get(row, 0); }

    std::int64_t get(std::uint32_t row, std::size_t column) const {
        return cells_[row * schema_.fields.size() + column];
    }
    std::int64_t get(std::uint32_t row, std::string_view name) const {
        return get(row, column(name));
    }
    double number(std::uint32_t row, std::string_view name) const {
        return std::bit_cast<double>(get(row, name));
    }
    std::string_view text(std::int64_t cell) const;
    void set(std::uint32_t row, std::size_t column, std::int64_t cell);
    void set(std::uint32_t row, std::string_view name, std::int64_t cell) {
        set(row, column(name), cell);
    }
    void set_text(std::uint32_t row, std::string_view name, std::string_view value) {
        set(row, column(name), store_text(value));
    }
    std::int64_t store_text(std::string_view value);
    static std::int64_t cell_of(double value) {
        return std::bit_cast<std::int64_t>(value == 0 ? 0.0 : value);  // -0.0 has the bits of kNull
    }

    // The cells of a row as they were at that time; nothing: the row did not exist yet.
    std::optional<std::span<const std::int64_t>> at(std::uint32_t row, std::int64_t micros) const;
    std::span<const std::int64_t> now(std::uint32_t row) const;
    void remember(std::uint32_t row, std::int64_t now_micros);  // before a change
    void keep_history(bool on);

    // Rows that may have this value in an indexed column.
    bool is_indexed(std::size_t column) const { return indexes_.contains(column); }
    void collect(std::size_t column, std::string_view value,
                 std::vector<std::uint32_t>& rows) const;

    // The value as text, for searching; nulls are empty.
    void append_value(std::string& out, std::size_t column, std::int64_t cell) const;

  private:
    struct Image {
        std::int64_t until_micros;
        std::vector<std::int64_t> cells;  // empty: did not exist
    };
    void index_cell(std::uint32_t row, std::size_t column);

    const Schema& schema_;
    std::vector<std::int64_t> cells_;
    std::string arena_;
    std::unordered_map<std::size_t, ColumnIndex> indexes_;
    std::int64_t next_id_;
    bool history_on_ = false;
    std::unordered_map<std::uint32_t, std::vector<Image>> history_;
    std::unordered_set<std::uint32_t> removed_;
};

}  // namespace carryall::simulators::revio
