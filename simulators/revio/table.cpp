// See table.hpp.
#include "revio/table.hpp"

#include <algorithm>

#include "hash.hpp"
#include "json_text.hpp"
#include "query.hpp"
#include "revio/dates.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::size_t kFirstBuckets = 256;
constexpr int kLengthBits = 16;  // of a text cell; the rest is the offset
constexpr std::size_t kMaxImagesPerRow = 64;

}  // namespace

std::size_t ColumnIndex::place_of(std::uint64_t hash) const {
    const std::size_t mask = buckets_.size() - 1;
    std::size_t at = hash & mask;
    while (buckets_[at].first != kNoRow && buckets_[at].hash != hash) at = (at + 1) & mask;
    return at;
}

void ColumnIndex::grow() {
    std::vector<Bucket> old(std::max(kFirstBuckets, buckets_.size() * 2));
    old.swap(buckets_);
    for (const Bucket& bucket : old) {
        if (bucket.first != kNoRow) buckets_[place_of(bucket.hash)] = bucket;
    }
}

void ColumnIndex::add(std::uint64_t hash, std::uint32_t row) {
    if (used_ * 2 >= buckets_.size()) grow();
    Bucket& bucket = buckets_[place_of(hash)];
    const auto node = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({row, kNoRow});
    if (bucket.first == kNoRow) {
        bucket = {hash, node, node};
        ++used_;
    } else {
        nodes_[bucket.last].next = node;
        bucket.last = node;
    }
}

void ColumnIndex::collect(std::uint64_t hash, std::vector<std::uint32_t>& rows) const {
    if (buckets_.empty()) return;
    for (std::uint32_t at = buckets_[place_of(hash)].first; at != kNoRow; at = nodes_[at].next) {
        rows.push_back(nodes_[at].row);
    }
}

Table::Table(const Schema& schema) : schema_(schema), next_id_(schema.first_id) {
    clear();
}

void Table::clear() {
    cells_ = {};
    arena_ = {};
    indexes_.clear();
    history_.clear();
    removed_.clear();
    next_id_ = schema_.first_id;
    for (const std::string_view name : schema_.indexed) indexes_[column(name)];
}

std::size_t Table::column(std::string_view name) const {
    for (std::size_t i = 0; i < schema_.fields.size(); ++i) {
        if (schema_.fields[i].name == name) return i;
    }
    return SIZE_MAX;
}

std::uint32_t Table::insert(std::int64_t id, std::int64_t now_micros) {
    if (rows() >= kMaxRows || (id != 0 && find(id) != kNoRow)) return kNoRow;
    const auto row = static_cast<std::uint32_t>(rows());
    cells_.resize(cells_.size() + schema_.fields.size(), kNull);
    if (id == 0) id = next_id_;
    next_id_ = std::max(next_id_, id + 1);
    set(row, 0, id);
    if (history_on_) history_[row].push_back({now_micros, {}});
    return row;
}

// Ids usually ascend without gaps; rows loaded with ids of their own are found by the index of
// column 0.
std::uint32_t Table::find(std::int64_t id) const {
    const std::int64_t guess = id - schema_.first_id;
    if (guess >= 0 && guess < static_cast<std::int64_t>(rows()) &&
        id_of(static_cast<std::uint32_t>(guess)) == id) {
        const auto row = static_cast<std::uint32_t>(guess);
        return is_removed(row) ? kNoRow : row;
    }
    if (!is_indexed(0)) return kNoRow;
    std::vector<std::uint32_t> found;
    collect(0, std::to_string(id), found);
    for (const std::uint32_t row : found) {
        if (id_of(row) == id && !is_removed(row)) return row;
    }
    return kNoRow;
}

std::string_view Table::text(std::int64_t cell) const {
    if (cell == kNull) return {};
    const auto bits = static_cast<std::uint64_t>(cell);
    return std::string_view(arena_).substr(bits >> kLengthBits, bits & ((1U << kLengthBits) - 1));
}

std::int64_t Table::store_text(std::string_view value) {
    value = value.substr(0, (std::size_t{1} << kLengthBits) - 1);
    const std::uint64_t cell = (std::uint64_t{arena_.size()} << kLengthBits) | value.size();
    arena_ += value;
    return static_cast<std::int64_t>(cell);
}

void Table::set(std::uint32_t row, std::size_t column, std::int64_t cell) {
    cells_[row * schema_.fields.size() + column] = cell;
    if (is_indexed(column)) index_cell(row, column);
}

void Table::index_cell(std::uint32_t row, std::size_t column) {
    const std::int64_t cell = get(row, column);
    if (cell == kNull) return;
    std::string value;
    append_value(value, column, cell);
    indexes_[column].add(hash_text(value), row);
}

void Table::collect(std::size_t column, std::string_view value,
                    std::vector<std::uint32_t>& rows) const {
    indexes_.at(column).collect(hash_text(value), rows);
}

void Table::append_value(std::string& out, std::size_t column, std::int64_t cell) const {
    if (cell == kNull) return;
    switch (schema_.fields[column].kind) {
        case Kind::integer:
            return append_integer(out, cell);
        case Kind::number:
            return append_double(out, std::bit_cast<double>(cell));
        case Kind::truth:
            out += cell != 0 ? "true" : "false";
            return;
        case Kind::text:
            out += text(cell);
            return;
        case Kind::date:
            return append_date(out, cell);
        case Kind::timestamp:
            return append_date_micros(out, cell);
    }
}

std::span<const std::int64_t> Table::now(std::uint32_t row) const {
    return std::span(cells_).subspan(row * schema_.fields.size(), schema_.fields.size());
}

std::optional<std::span<const std::int64_t>> Table::at(std::uint32_t row,
                                                       std::int64_t micros) const {
    const auto found = history_.find(row);
    if (found != history_.end()) {
        for (const Image& image : found->second) {
            if (image.until_micros <= micros) continue;
            if (image.cells.empty()) return std::nullopt;
            return std::span<const std::int64_t>(image.cells);
        }
    }
    return now(row);
}

void Table::remember(std::uint32_t row, std::int64_t now_micros) {
    if (!history_on_) return;
    auto& images = history_[row];
    if (images.size() == kMaxImagesPerRow) images.erase(images.begin());
    const auto cells = now(row);
    images.push_back({now_micros, {cells.begin(), cells.end()}});
}

void Table::keep_history(bool on) {
    history_on_ = on;
    if (!on) history_.clear();
}

}  // namespace carryall::simulators::revio
