// The lines of all accounts: flat rows with an index by ICCID, by IMEI and by phone number. A row
// is never reused; a deleted line leaves the indexes and keeps its row, so that row numbers are
// device ids that only grow. Invariants: two lines that are not deleted never share an ICCID or an
// IMEI; createdAt never falls from row to row.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carryall::simulators::thingspace {

inline constexpr std::uint32_t kNoRow = UINT32_MAX;
inline constexpr std::size_t kMaxLines = 8'000'000;

enum class LineState : std::uint8_t { preactive, pending, active, suspend, deactive, deleted };

// Compared without case, blanks and hyphens.
std::optional<LineState> line_state_of(std::string_view word);
std::string_view name_of(LineState state);

struct Line {
    std::uint64_t iccid = 0;  // packed
    std::uint64_t imei = 0;   // packed; 0: none known
    std::int64_t busy_until_micros = 0;
    std::uint32_t mdn = 0;
    std::uint32_t created_seconds = 0;
    std::uint32_t activated_seconds = 0;
    std::uint32_t zip = 0;
    std::uint32_t fields = 0;
    std::uint32_t pending_job = kNoRow;
    std::uint32_t last_event = kNoRow;
    std::uint32_t last_suspension = kNoRow;
    std::uint16_t account = 0;
    std::uint16_t plan = 0;
    std::uint16_t group = 0;
    std::uint16_t action_day = 0;
    std::uint16_t plan_month = 0;
    std::uint8_t actions_that_day = 0;
    std::uint8_t plan_changes_that_month = 0;
    LineState state = LineState::preactive;
    LineState state_before_pending = LineState::preactive;
    bool with_billing = false;
    bool connected = false;
};

struct Suspension {
    std::uint32_t previous = kNoRow;
    std::uint32_t from_seconds = 0;
    std::uint32_t to_seconds = 0;  // 0: still suspended
};

enum class EventKind : std::uint8_t {
    activation,
    deactivation,
    suspension,
    restore,
    plan_change,
    device_change,
    mdn_change
};

struct LineEvent {
    std::uint32_t previous = kNoRow;
    std::uint32_t seconds = 0;
    std::uint32_t mdn = 0;
    std::uint16_t plan = 0;
    EventKind kind = EventKind::activation;
    bool confirmed = false;
};

class Lines {
  public:
    Lines() { clear(); }
    void clear();

    std::uint32_t find_iccid(std::uint64_t iccid) const { return by_iccid_.find(iccid, rows); }
    std::uint32_t find_imei(std::uint64_t imei) const { return by_imei_.find(imei, rows); }
    std::uint32_t find_mdn(std::uint32_t mdn) const;

    // kNoRow: ICCID or IMEI are in use, or the store is full.
    std::uint32_t add(std::uint64_t iccid, std::uint64_t imei, std::uint32_t created_seconds);
    void remove(std::uint32_t row);
    // The caller has checked that the new one is free.
    void set_iccid(std::uint32_t row, std::uint64_t iccid);
    void set_imei(std::uint32_t row, std::uint64_t imei);
    void give_number(std::uint32_t row);  // a new one; the old one is not given out again
    void take_number(std::uint32_t row);

    void begin_suspension(std::uint32_t row, std::uint32_t seconds);
    void end_suspension(std::uint32_t row, std::uint32_t seconds);
    // Days of suspension in the year before `seconds`, started days counted.
    std::uint32_t suspended_days(const Line& line, std::uint32_t seconds) const;
    void note(std::uint32_t row, EventKind kind, bool confirmed, std::uint32_t seconds);

    void keep_history(bool on);
    // Keeps the line as it is, before a change; only while history is kept.
    void remember(std::uint32_t row, std::int64_t now_micros);
    const Line& as_of(std::uint32_t row, std::int64_t micros) const;
    std::uint32_t newest_created() const { return rows.empty() ? 0 : rows.back().created_seconds; }

    std::vector<Line> rows;
    std::vector<Suspension> suspensions;
    std::vector<LineEvent> events;

  private:
    // Open addressing; cells hold row numbers.
    class Index {
      public:
        explicit Index(std::uint64_t Line::*key) : key_(key) {}
        void clear();
        std::uint32_t find(std::uint64_t key, const std::vector<Line>& rows) const;
        void insert(std::uint32_t row, const std::vector<Line>& rows);
        void erase(std::uint64_t key, const std::vector<Line>& rows);

      private:
        std::size_t cell_of(std::uint64_t key, const std::vector<Line>& rows) const;

        std::uint64_t Line::*key_;
        std::vector<std::uint32_t> cells_;
        std::size_t used_ = 0;
    };
    struct Image {
        std::int64_t until_micros;
        Line line;
    };

    Index by_iccid_{&Line::iccid};
    Index by_imei_{&Line::imei};
    std::vector<std::uint32_t> number_owners_;  // by phone number
    bool history_on_ = false;
    std::unordered_map<std::uint32_t, std::vector<Image>> history_;
};

}  // namespace carryall::simulators::thingspace
