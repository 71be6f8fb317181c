// Telegence's lines and what they refer to. Lines are flat rows addressed by index, so that a
// million of them fit into some hundred megabytes. Invariants: a subscriber number belongs to one
// line for ever; a SIM is in at most one line that is not cancelled; nothing leaves
// `cancelled` but by an admin route.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "telegence/catalogue.hpp"
#include "telegence/days.hpp"
#include "telegence/digits.hpp"
#include "telegence/row_index.hpp"

namespace carryall::simulators::telegence {

inline constexpr std::size_t kMaxLines = 4'000'000;

enum class LineStatus : std::uint8_t { active, suspended, cancelled };

char letter_of(LineStatus status);
std::optional<LineStatus> status_of_letter(std::string_view letter);

struct LineRow {
    Digits sim;
    Digits imei;
    std::uint64_t number = 0;
    std::uint32_t features = 0;  // of FeatureLists
    std::uint32_t reason = 0;    // of Texts, as the next three
    std::uint32_t zip = 0;
    std::uint32_t technology = 0;
    std::uint32_t data_group = 0;
    std::uint32_t ip_address = 0;  // 0: none
    Day status_day = 0;
    Day activation_day = 0;
    Day plan_day = 0;
    std::uint16_t plan = kNone;
    std::uint16_t ban = 0;
    std::uint16_t waiting_changes = 0;
    std::uint16_t waiting_equipment = 0;  // of them
    LineStatus status = LineStatus::active;

    bool operator==(const LineRow&) const = default;
};

// What one PATCH asks for; what is absent stays as it is.
struct LineChange {
    std::uint32_t line = kNoRow;
    Day day = 0;
    std::uint16_t plan = kNone;
    std::optional<LineStatus> status;
    std::uint32_t reason = 0;
    Digits sim;
    Digits imei;
    std::uint32_t zip = 0;
    std::uint32_t technology = 0;
    std::uint32_t equipment_reason = 0;
    std::vector<std::uint16_t> add;
    std::vector<std::uint16_t> remove;

    bool changes_equipment() const { return !sim.empty() || !imei.empty(); }
    void clear();
};

// A line as it was before a change.
struct LineImage {
    std::int64_t until_micros = 0;
    LineRow row;
};

class TelegenceState {
  public:
    void reset();

    std::uint32_t find_number(std::uint64_t number) const;
    // The line that has this SIM and is not cancelled.
    std::uint32_t find_live_sim(const Digits& sim) const;
    // Also a cancelled one, when no other has it.
    std::uint32_t find_any_sim(const Digits& sim) const;
    // Takes the row as it is; number 0 takes the next free one. kNoRow: the number or the SIM is in
    // use, or the world is full.
    std::uint32_t add_line(const LineRow& row);
    // False: nothing differs from before. The caller has checked that the change is allowed.
    bool apply(const LineChange& change);
    void set_status(std::uint32_t line, LineStatus status);
    void set_sim(std::uint32_t line, const Digits& sim);
    void set_ban(std::uint32_t line, std::uint16_t ban);

    const Account& account_of(const LineRow& row) const { return accounts[bans[row.ban].account]; }
    std::uint16_t find_ban(std::string_view ban) const;
    // Appends lines of the account that are not cancelled, in the order of their making, behind the
    // first `skip` of them.
    void collect_listed(std::uint16_t account, std::size_t skip, std::size_t count,
                        std::vector<std::uint32_t>& out) const;

    // Remembers the line as it is, before a change; only while history is kept.
    void remember(std::uint32_t line, std::int64_t now_micros);
    void keep_history(bool on);
    // The line as it was at that time.
    const LineRow& row_at(std::uint32_t line, std::int64_t micros) const;

    std::vector<LineRow> lines;
    std::vector<Account> accounts;
    std::vector<BillingAccount> bans;
    CodeTable plans;
    CodeTable features;
    Texts texts;
    FeatureLists feature_lists;

  private:
    bool apply_features(LineRow& row, const LineChange& change);
    void list(std::uint32_t line, bool listed);

    RowIndex by_number_;
    RowIndex by_sim_;
    std::uint64_t next_number_ = 0;
    bool history_on_ = false;
    std::unordered_map<std::uint32_t, std::vector<LineImage>> history_;
};

}  // namespace carryall::simulators::telegence
