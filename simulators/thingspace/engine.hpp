// The work behind a request id: every device of a request is carried out at its own time on the
// virtual clock, and each result becomes one callback. One queue orders all that is due: devices,
// tries of callbacks, the end of suspensions. All calls happen under the system's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "ledger.hpp"
#include "thingspace/identifiers.hpp"
#include "thingspace/lifecycle.hpp"

namespace carryall::simulators::thingspace {

inline constexpr int kCallbackTries = 4;
// A target with this bit is not a line but an entry of the job's `strangers`.
inline constexpr std::uint32_t kStranger = std::uint32_t{1} << 31;
inline constexpr std::size_t kMaxListedResults = 100;

// A device that no line of the simulator is.
struct Stranger {
    std::string key;
    std::string ids;  // as sent, JSON
};

struct DeviceResult {
    std::uint32_t target = 0;
    bool done = false;
    DeviceFault fault = DeviceFault::none;
};

struct JobDetail {
    std::vector<Stranger> strangers;
    std::vector<DeviceResult> results;  // only of small requests
    std::string sent_ids;               // of an identifier change
};

struct Job {
    Order order;
    std::uint32_t devices = 0;
    std::uint32_t taken = 0;
    std::uint32_t left = 0;
    std::uint32_t failed = 0;
    std::uint32_t first_target = 0;
    std::unique_ptr<JobDetail> detail;

    JobDetail& details() {
        if (detail == nullptr) detail = std::make_unique<JobDetail>();
        return *detail;
    }
};

// One callback on its way, with what the line was when the action ended.
struct Delivery {
    std::uint32_t job = kNoRow;
    std::uint32_t target = 0;
    std::uint32_t mdn = 0;
    std::uint32_t resume_seconds = 0;
    std::uint16_t days_used = 0;
    std::uint16_t days_allowed = 0;
    std::uint16_t plan = kNoPlan;
    std::uint16_t registration = 0;
    Action action = Action::activate;
    DeviceFault fault = DeviceFault::none;
    std::uint8_t given = 0;
    std::uint8_t tries = 0;
};

struct CallbackCounts {
    std::uint64_t sent = 0;          // tries that went out
    std::uint64_t acknowledged = 0;  // callbacks that were taken
    std::uint64_t refused = 0;       // tries without a 2xx
    std::uint64_t failed = 0;        // given up after the last try
    std::uint64_t dropped = 0;       // by knob
    std::uint64_t duplicated = 0;    // by knob
    std::uint64_t unregistered = 0;  // nobody listens
};

class Engine {
  public:
    Engine(World& world, const Knobs& knobs, std::uint64_t seed);
    void clear();
    void write_to(Ledger& ledger) { ledger_ = &ledger; }

    // A request with `devices` devices, of which each is then taken once.
    std::uint32_t open(const Order& order, std::uint32_t devices);
    void take(std::uint32_t job, const GivenIds& ids, Moment now);
    void take_line(std::uint32_t job, std::uint32_t row, std::uint8_t given, Moment now);
    Job& job(std::uint32_t number) { return jobs_[number]; }
    void append_request_id(std::string& out, std::uint32_t job) const;
    std::uint32_t find_line(const GivenIds& ids) const;
    std::uint32_t find_job(std::string_view request_id) const;

    // False: nothing more is due now.
    bool run_due(Moment now, std::size_t limit);
    std::int64_t next_due_micros() const;  // INT64_MAX: nothing waits
    void schedule_restore(std::uint32_t row, Moment now);

    // A device's line in the ledger.
    void record(Action action, std::string_view key, std::string_view request_id,
                const Outcome& outcome, std::uint32_t row, Moment now);

    // The sender's side.
    std::uint64_t ticket_of(std::uint32_t delivery) const {
        return (std::uint64_t{generation_} << 32) | delivery;
    }
    void write_callback(std::uint32_t delivery, std::string& body);  // and counts the try
    void settle(std::uint64_t ticket, bool acknowledged, Moment now);
    void forget_waiting(Registration& registration);
    void append_counts(std::string& out) const;

  private:
    enum class WorkKind : std::uint8_t { device, retry, resume_notice, auto_restore };
    struct Work {
        std::int64_t due_micros = 0;
        std::uint32_t order = 0;
        std::uint32_t job = 0;  // of a retry: the delivery; of a restore: the suspension
        std::uint32_t target = 0;
        WorkKind kind = WorkKind::device;
        std::uint8_t given = 0;
        DeviceFault fault = DeviceFault::none;
        bool operator>(const Work& other) const {
            return due_micros != other.due_micros ? due_micros > other.due_micros
                                                  : order > other.order;
        }
    };

    void enqueue(std::uint32_t job, std::uint32_t target, std::uint8_t given, DeviceFault fault,
                 Moment now);
    std::uint32_t line_to_activate(std::uint32_t job, std::uint32_t row, const GivenIds& ids,
                                   DeviceFault& fault, Moment now);
    void begin_activation(std::uint32_t job, std::uint32_t row, Moment now);
    std::uint32_t note_stranger(std::uint32_t job, const GivenIds& ids);
    void run(const Work& work, Moment now);
    void run_device(const Work& work, Moment now);
    bool network_fails(const Order& order, std::string_view key);
    void run_resume_notice(const Work& work, Moment now);
    void run_auto_restore(const Work& work, Moment now);
    void deliver(std::uint16_t account, std::string_view key, const Delivery& delivery);
    void put_ready(const Delivery& delivery, Registration& registration);
    void drop_delivery(std::uint32_t number) { free_deliveries_.push_back(number); }

    World& world_;
    const Knobs& knobs_;
    std::uint64_t seed_;
    Ledger* ledger_ = nullptr;
    std::uint32_t generation_ = 0;  // grows with every clear, so that late results are recognised
    std::vector<Job> jobs_;
    std::priority_queue<Work, std::vector<Work>, std::greater<>> due_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_deliveries_;
    CallbackCounts counts_;
    std::uint64_t devices_waiting_ = 0;
    std::uint64_t device_calls_ = 0;
    std::uint64_t callbacks_ = 0;
    // Scratch, so that a device costs no allocation.
    std::string text_;
    std::string guid_;
    std::string key_;
};

}  // namespace carryall::simulators::thingspace
