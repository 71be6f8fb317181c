// Jasper's world: accounts with their plans, devices, audit rows, scheduled changes, usage. Devices
// are flat rows addressed by index and texts are kept once, so that a million devices fit into some
// hundred megabytes. Invariants: every device that was not removed stands exactly once in its
// account's change log; every change of a value has an audit row, unless it was made silently.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jasper/change_log.hpp"
#include "jasper/jasper_fields.hpp"
#include "jasper/transitions.hpp"

namespace carryall::simulators::jasper {

inline constexpr std::size_t kMaxDevices = 4'000'000;
inline constexpr std::size_t kMaxAuditRows = 32'000'000;
inline constexpr std::size_t kMaxScheduled = 8'000'000;
inline constexpr std::size_t kMaxTexts = 32'000'000;
inline constexpr std::uint32_t kNoRow = UINT32_MAX;
inline constexpr std::uint32_t kNoText = 0;  // the empty text

// 18 to 22 digits: the last 18 as one number, the digits in front of them and the length as
// another.
struct Iccid {
    std::uint64_t low = 0;
    std::uint32_t head = 0;

    bool operator==(const Iccid&) const = default;
    static std::optional<Iccid> parse(std::string_view text);
    void append(std::string& out) const;
    Iccid plus(std::uint64_t count) const;
};

struct DeviceRow {
    Iccid iccid;
    std::int64_t updated_micros = 0;
    std::int64_t activated_micros = 0;  // 0: never
    std::uint32_t added_seconds = 0;
    std::uint32_t rate_plan = kNoText;
    std::uint32_t communication_plan = kNoText;
    std::uint32_t customer = kNoText;
    std::uint32_t first_cell = kNoRow;  // of its other values
    std::uint32_t last_audit = kNoRow;
    std::uint32_t place = 0;  // in the account's change log
    std::uint16_t account = 0;
    std::uint8_t status = kActivated;
    bool removed = false;
};

enum class AuditStatus : std::uint8_t { completed, scheduled, failed };
std::string_view name_of(AuditStatus status);

struct AuditRow {
    std::int64_t made_micros = 0;
    std::int64_t effective_micros = 0;
    std::uint32_t prior = kNoText;
    std::uint32_t value = kNoText;
    std::uint32_t user = kNoText;
    std::uint32_t older = kNoRow;  // of the same device
    Field field = Field::status;
    AuditStatus status = AuditStatus::completed;
};

struct Scheduled {
    std::int64_t due_micros = 0;
    std::uint64_t order = 0;
    std::uint32_t device = kNoRow;
    std::uint32_t value = kNoText;
    std::uint32_t audit = kNoRow;
    Field field = Field::status;
    bool operator>(const Scheduled& other) const {
        return due_micros != other.due_micros ? due_micros > other.due_micros : order > other.order;
    }
};

struct RatePlan {
    std::uint32_t name = kNoText;
    std::string type;
};

struct Account {
    std::string id;
    std::string operator_name;
    bool has_api = true;
    std::vector<RatePlan> rate_plans;
    std::vector<std::uint32_t> communication_plans;
    std::vector<std::uint32_t> customers;
    ChangeLog log;
};

// Of the cycle it was counted in; a later cycle starts from zero.
struct Usage {
    std::uint32_t cycle = 0;
    std::uint32_t sms = 0;
    std::uint32_t voice_seconds = 0;
    std::uint32_t sessions = 0;
    std::uint64_t bytes = 0;
    std::int64_t session_started_micros = 0;  // 0: never
    std::int64_t session_ended_micros = 0;    // 0: still open
};

// A device with its values, as it was before a change.
struct DeviceImage {
    std::int64_t until_micros = 0;
    DeviceRow row;
    std::array<std::uint32_t, kFieldCount> values{};
};

using Values = std::array<std::uint32_t, kFieldCount>;  // texts, by Field

class JasperState {
  public:
    JasperState();
    void reset();

    // Text kept once. kNoRow: no room for a new one.
    std::uint32_t intern(std::string_view text);
    std::uint32_t find_text(std::string_view text) const;  // kNoRow: nobody has it
    std::string_view text(std::uint32_t id) const { return texts_[id]; }

    // kNoRow: no such account.
    std::uint32_t find_account(std::string_view id) const;
    std::uint32_t add_account(Account account);
    bool has_rate_plan(const Account& account, std::uint32_t name) const;
    bool knows_communication_plan(std::uint32_t name) const;  // of any account
    Transitions& transitions_of(const std::string& operator_name);

    // The status with that name, made when it is new; nothing when there is no room.
    std::optional<std::uint8_t> add_status(std::string_view name);
    std::optional<std::uint8_t> status_of(std::string_view name) const;
    const std::vector<std::string>& statuses() const { return status_names_; }

    std::uint32_t find_device(const Iccid& iccid) const;  // also finds a removed one
    // kNoRow: exists already, or the world is full.
    std::uint32_t add_device(const DeviceRow& row, std::int64_t now_micros);
    void remove_device(std::uint32_t device);
    void expect_devices(std::size_t count, std::uint16_t account);

    std::uint32_t value_of(std::uint32_t device, Field field) const;
    Values values_of(std::uint32_t device) const;

    struct Author {
        std::uint32_t user = kNoText;
        std::int64_t now_micros = 0;
        bool silent = false;  // no audit row, and the device does not look modified
    };
    // False when the device had that value already.
    bool change(std::uint32_t device, Field field, std::uint32_t value, const Author& author);
    // Sets a value of a device that nobody has seen yet.
    void set_value(std::uint32_t device, Field field, std::uint32_t value);
    // False: too many are waiting.
    bool schedule(std::uint32_t device, Field field, std::uint32_t value, std::int64_t due_micros,
                  const Author& author);
    // The next change that is due, or nothing. The caller applies it with settle().
    std::optional<Scheduled> take_due(std::int64_t now_micros);
    bool settle(const Scheduled& due);

    // Remembers devices before they change, for reads of the past.
    void keep_history(bool on);
    const DeviceImage* image_at(std::uint32_t device, std::int64_t micros) const;

    Usage& usage_of(std::uint32_t device, std::int64_t now_micros);
    Usage usage_seen(std::uint32_t device, std::int64_t now_micros) const;

    std::vector<DeviceRow> devices;
    std::vector<AuditRow> audits;
    std::deque<Account> accounts;
    std::uint64_t dropped_audit_rows = 0;

  private:
    struct Cell {
        std::uint32_t value;
        std::uint32_t next;
        Field field;
    };

    void add_catalogue();
    void remember(std::uint32_t device, std::int64_t now_micros);
    void touch(std::uint32_t device, std::int64_t now_micros);
    std::uint32_t add_audit(std::uint32_t device, const AuditRow& row);
    std::size_t cell_of(const Iccid& iccid) const;
    void grow_index();

    std::deque<std::string> texts_;
    std::unordered_map<std::string_view, std::uint32_t> text_ids_;
    std::vector<std::string> status_names_;
    std::vector<std::uint32_t> status_texts_;
    std::map<std::string, Transitions> transitions_;
    std::vector<std::uint32_t> index_;  // open addressing by ICCID
    std::vector<Cell> cells_;
    std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> scheduled_;
    std::uint64_t next_order_ = 0;
    std::unordered_map<std::uint32_t, Usage> usage_;
    bool history_on_ = false;
    std::unordered_map<std::uint32_t, std::vector<DeviceImage>> history_;
};

}  // namespace carryall::simulators::jasper
