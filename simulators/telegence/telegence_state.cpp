// See telegence_state.hpp.
#include "telegence/telegence_state.hpp"

#include <algorithm>

#include "hash.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::size_t kBlockLines = 1024;
constexpr std::size_t kMaxImagesPerLine = 64;
constexpr std::uint64_t kFirstFreeNumber = 2'145'550'100;

// True when it differed.
template <typename Value>
bool replace(Value& place, const Value& value) {
    if (place == value) return false;
    place = value;
    return true;
}

}  // namespace

char letter_of(LineStatus status) {
    switch (status) {
        case LineStatus::active:
            return 'A';
        case LineStatus::suspended:
            return 'S';
        case LineStatus::cancelled:
            break;
    }
    return 'C';
}

std::optional<LineStatus> status_of_letter(std::string_view letter) {
    if (letter == "A") return LineStatus::active;
    if (letter == "S") return LineStatus::suspended;
    if (letter == "C") return LineStatus::cancelled;
    return std::nullopt;
}

void LineChange::clear() {
    line = kNoRow;
    plan = kNone;
    status.reset();
    sim = imei = {};
    day = 0;
    reason = zip = technology = equipment_reason = 0;
    add.clear();
    remove.clear();
}

void TelegenceState::reset() {
    const bool history_on = history_on_;
    *this = TelegenceState{};
    history_on_ = history_on;
    next_number_ = kFirstFreeNumber;
}

std::uint32_t TelegenceState::find_number(std::uint64_t number) const {
    return by_number_.find(mix(number),
                           [&](std::uint32_t row) { return lines[row].number == number; });
}

std::uint32_t TelegenceState::find_live_sim(const Digits& sim) const {
    return by_sim_.find(hash_of(sim), [&](std::uint32_t row) {
        return lines[row].sim == sim && lines[row].status != LineStatus::cancelled;
    });
}

std::uint32_t TelegenceState::find_any_sim(const Digits& sim) const {
    const std::uint32_t live = find_live_sim(sim);
    if (live != kNoRow) return live;
    return by_sim_.find(hash_of(sim), [&](std::uint32_t row) { return lines[row].sim == sim; });
}

std::uint32_t TelegenceState::add_line(const LineRow& row) {
    if (lines.size() >= kMaxLines || find_live_sim(row.sim) != kNoRow) return kNoRow;
    const bool takes_next = row.number == 0;
    while (takes_next && find_number(next_number_) != kNoRow) ++next_number_;
    const std::uint64_t number = takes_next ? next_number_ : row.number;
    if (find_number(number) != kNoRow) return kNoRow;
    const auto line = static_cast<std::uint32_t>(lines.size());
    lines.push_back(row);
    lines[line].number = number;
    by_number_.add(mix(number), line);
    by_sim_.add(hash_of(row.sim), line);
    if (row.status != LineStatus::cancelled) list(line, true);
    return line;
}

bool TelegenceState::apply(const LineChange& change) {
    LineRow& row = lines[change.line];
    bool changed = apply_features(row, change);
    if (change.plan != kNone && replace(row.plan, change.plan)) {
        row.plan_day = change.day;
        changed = true;
    }
    if (!change.sim.empty() && !(row.sim == change.sim)) {
        set_sim(change.line, change.sim);
        changed = true;
    }
    if (!change.imei.empty()) changed |= replace(row.imei, change.imei);
    if (change.zip != 0) changed |= replace(row.zip, change.zip);
    if (change.technology != 0) changed |= replace(row.technology, change.technology);
    if (change.status && *change.status != row.status) {
        set_status(change.line, *change.status);
        row.status_day = change.day;
        row.reason = change.reason;
        changed = true;
    }
    return changed;
}

bool TelegenceState::apply_features(LineRow& row, const LineChange& change) {
    if (change.add.empty() && change.remove.empty()) return false;
    FeatureList list = feature_lists.list_of(row.features);
    const auto place_of = [&list](std::uint16_t feature) {
        return std::find_if(list.begin(), list.end(),
                            [&](const FeatureOn& on) { return on.feature == feature; });
    };
    for (const std::uint16_t feature : change.remove) {
        if (const auto place = place_of(feature); place != list.end()) list.erase(place);
    }
    for (const std::uint16_t feature : change.add) {
        if (place_of(feature) == list.end()) list.push_back({feature, change.day});
    }
    return replace(row.features, feature_lists.number_of(list));
}

void TelegenceState::set_status(std::uint32_t line, LineStatus status) {
    const bool was_listed = lines[line].status != LineStatus::cancelled;
    const bool is_listed = status != LineStatus::cancelled;
    lines[line].status = status;
    if (was_listed != is_listed) list(line, is_listed);
}

void TelegenceState::set_sim(std::uint32_t line, const Digits& sim) {
    by_sim_.remove(hash_of(lines[line].sim), line);
    lines[line].sim = sim;
    by_sim_.add(hash_of(sim), line);
}

void TelegenceState::set_ban(std::uint32_t line, std::uint16_t ban) {
    const bool listed = lines[line].status != LineStatus::cancelled;
    if (listed) list(line, false);
    lines[line].ban = ban;
    if (listed) list(line, true);
}

std::uint16_t TelegenceState::find_ban(std::string_view ban) const {
    for (std::size_t i = 0; i < bans.size(); ++i) {
        if (bans[i].ban == ban) return static_cast<std::uint16_t>(i);
    }
    return kNone;
}

// Counts for blocks of rows, so that a page far behind is found without looking at every row.
void TelegenceState::list(std::uint32_t line, bool listed) {
    Account& account = accounts[bans[lines[line].ban].account];
    const std::size_t block = line / kBlockLines;
    if (block >= account.listed_in_block.size()) account.listed_in_block.resize(block + 1);
    account.listed_in_block[block] += listed ? 1U : UINT32_MAX;
    account.listed += listed ? 1U : SIZE_MAX;
}

void TelegenceState::collect_listed(std::uint16_t account, std::size_t skip, std::size_t count,
                                    std::vector<std::uint32_t>& out) const {
    const auto& blocks = accounts[account].listed_in_block;
    for (std::size_t block = 0; block < blocks.size() && count > 0; ++block) {
        if (blocks[block] <= skip) {
            skip -= blocks[block];
            continue;
        }
        const std::size_t end = std::min(lines.size(), (block + 1) * kBlockLines);
        for (std::size_t line = block * kBlockLines; line < end && count > 0; ++line) {
            const LineRow& row = lines[line];
            const bool fits =
                row.status != LineStatus::cancelled && bans[row.ban].account == account;
            if (!fits) continue;
            if (skip > 0) {
                --skip;
                continue;
            }
            out.push_back(static_cast<std::uint32_t>(line));
            --count;
        }
    }
}

void TelegenceState::remember(std::uint32_t line, std::int64_t now_micros) {
    if (!history_on_) return;
    auto& images = history_[line];
    if (images.size() == kMaxImagesPerLine) images.erase(images.begin());
    images.push_back({now_micros, lines[line]});
}

void TelegenceState::keep_history(bool on) {
    history_on_ = on;
    if (!on) history_.clear();
}

const LineRow& TelegenceState::row_at(std::uint32_t line, std::int64_t micros) const {
    const auto found = history_.find(line);
    if (found == history_.end()) return lines[line];
    for (const LineImage& image : found->second) {
        if (image.until_micros > micros) return image.row;
    }
    return lines[line];
}

}  // namespace carryall::simulators::telegence
