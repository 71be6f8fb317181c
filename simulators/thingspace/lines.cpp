// See lines.hpp.
#include "thingspace/lines.hpp"

#include <algorithm>

#include "hash.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::size_t kFirstCells = 1024;
constexpr std::size_t kMaxImagesPerLine = 64;
constexpr std::uint32_t kYearSeconds = 365 * static_cast<std::uint32_t>(kSecondsPerDay);

constexpr std::array<std::string_view, 6> kStateNames{"preactive", "pendingactivation", "active",
                                                      "suspend",   "deactive",          "deleted"};

}  // namespace

std::optional<LineState> line_state_of(std::string_view word) {
    std::string plain;
    for (const char c : word) {
        if (c == ' ' || c == '-' || c == '_') continue;
        plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (plain == "suspended") plain = "suspend";
    if (plain == "deactivated") plain = "deactive";
    if (plain == "pending") plain = "pendingactivation";
    for (std::size_t i = 0; i < kStateNames.size(); ++i) {
        if (kStateNames[i] == plain) return static_cast<LineState>(i);
    }
    return std::nullopt;
}

std::string_view name_of(LineState state) {
    return kStateNames[static_cast<std::size_t>(state)];
}

void Lines::Index::clear() {
    cells_.assign(kFirstCells, kNoRow);
    used_ = 0;
}

std::size_t Lines::Index::cell_of(std::uint64_t key, const std::vector<Line>& rows) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = mix(key) & mask;
    while (cells_[at] != kNoRow && rows[cells_[at]].*key_ != key) at = (at + 1) & mask;
    return at;
}

std::uint32_t Lines::Index::find(std::uint64_t key, const std::vector<Line>& rows) const {
    return cells_[cell_of(key, rows)];
}

void Lines::Index::insert(std::uint32_t row, const std::vector<Line>& rows) {
    if ((used_ + 1) * 2 > cells_.size()) {
        std::vector<std::uint32_t> old(cells_.size() * 2, kNoRow);
        old.swap(cells_);
        for (const std::uint32_t kept : old) {
            if (kept != kNoRow) cells_[cell_of(rows[kept].*key_, rows)] = kept;
        }
    }
    cells_[cell_of(rows[row].*key_, rows)] = row;
    ++used_;
}

// Closes the gap, so that no probe ends too early.
void Lines::Index::erase(std::uint64_t key, const std::vector<Line>& rows) {
    const std::size_t mask = cells_.size() - 1;
    std::size_t gap = cell_of(key, rows);
    if (cells_[gap] == kNoRow) return;
    for (std::size_t at = (gap + 1) & mask; cells_[at] != kNoRow; at = (at + 1) & mask) {
        const std::size_t home = mix(rows[cells_[at]].*key_) & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            cells_[gap] = cells_[at];
            gap = at;
        }
    }
    cells_[gap] = kNoRow;
    --used_;
}

void Lines::clear() {
    rows = {};
    suspensions = {};
    events = {};
    by_iccid_.clear();
    by_imei_.clear();
    number_owners_.assign(1, kNoRow);
    history_.clear();
}

std::uint32_t Lines::find_mdn(std::uint32_t mdn) const {
    return mdn < number_owners_.size() ? number_owners_[mdn] : kNoRow;
}

std::uint32_t Lines::add(std::uint64_t iccid, std::uint64_t imei, std::uint32_t created_seconds) {
    if (rows.size() >= kMaxLines || find_iccid(iccid) != kNoRow) return kNoRow;
    if (imei != 0 && find_imei(imei) != kNoRow) return kNoRow;
    const auto row = static_cast<std::uint32_t>(rows.size());
    const std::uint32_t created = std::max(created_seconds, newest_created());
    Line& line = rows.emplace_back();
    line.iccid = iccid;
    line.imei = imei;
    line.created_seconds = created;
    by_iccid_.insert(row, rows);
    if (imei != 0) by_imei_.insert(row, rows);
    return row;
}

void Lines::remove(std::uint32_t row) {
    take_number(row);
    by_iccid_.erase(rows[row].iccid, rows);
    if (rows[row].imei != 0) by_imei_.erase(rows[row].imei, rows);
    rows[row].state = LineState::deleted;
}

void Lines::set_iccid(std::uint32_t row, std::uint64_t iccid) {
    by_iccid_.erase(rows[row].iccid, rows);
    rows[row].iccid = iccid;
    by_iccid_.insert(row, rows);
}

void Lines::set_imei(std::uint32_t row, std::uint64_t imei) {
    if (rows[row].imei != 0) by_imei_.erase(rows[row].imei, rows);
    rows[row].imei = imei;
    if (imei != 0) by_imei_.insert(row, rows);
}

void Lines::give_number(std::uint32_t row) {
    take_number(row);
    rows[row].mdn = static_cast<std::uint32_t>(number_owners_.size());
    number_owners_.push_back(row);
}

void Lines::take_number(std::uint32_t row) {
    if (rows[row].mdn != 0) number_owners_[rows[row].mdn] = kNoRow;
    rows[row].mdn = 0;
}

void Lines::begin_suspension(std::uint32_t row, std::uint32_t seconds) {
    const auto place = static_cast<std::uint32_t>(suspensions.size());
    suspensions.push_back({rows[row].last_suspension, seconds, 0});
    rows[row].last_suspension = place;
}

void Lines::end_suspension(std::uint32_t row, std::uint32_t seconds) {
    const std::uint32_t place = rows[row].last_suspension;
    if (place != kNoRow && suspensions[place].to_seconds == 0) {
        suspensions[place].to_seconds = std::max(seconds, 1U);
    }
}

std::uint32_t Lines::suspended_days(const Line& line, std::uint32_t seconds) const {
    const std::uint32_t year_ago = seconds > kYearSeconds ? seconds - kYearSeconds : 0;
    std::uint32_t days = 0;
    for (std::uint32_t at = line.last_suspension; at != kNoRow; at = suspensions[at].previous) {
        const Suspension& one = suspensions[at];
        const std::uint32_t to = one.to_seconds == 0 ? seconds : one.to_seconds;
        if (to <= year_ago) break;
        const std::uint32_t from = std::max(one.from_seconds, year_ago);
        const std::uint32_t length = to > from ? to - from : 0;
        days += (length + static_cast<std::uint32_t>(kSecondsPerDay) - 1) /
                static_cast<std::uint32_t>(kSecondsPerDay);
    }
    return days;
}

void Lines::note(std::uint32_t row, EventKind kind, bool confirmed, std::uint32_t seconds) {
    Line& line = rows[row];
    const auto place = static_cast<std::uint32_t>(events.size());
    events.push_back({line.last_event, seconds, line.mdn, line.plan, kind, confirmed});
    line.last_event = place;
}

void Lines::keep_history(bool on) {
    history_on_ = on;
    if (!on) history_.clear();
}

void Lines::remember(std::uint32_t row, std::int64_t now_micros) {
    if (!history_on_) return;
    auto& images = history_[row];
    if (images.size() == kMaxImagesPerLine) images.erase(images.begin());
    images.push_back({now_micros, rows[row]});
}

const Line& Lines::as_of(std::uint32_t row, std::int64_t micros) const {
    const auto found = history_.find(row);
    if (found != history_.end()) {
        for (const Image& image : found->second) {
            if (image.until_micros > micros) return image.line;
        }
    }
    return rows[row];
}

}  // namespace carryall::simulators::thingspace
