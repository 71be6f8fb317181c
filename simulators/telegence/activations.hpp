// Batches of activations and their way from pending to active or rejected. What will become of a
// service is decided when the batch is submitted; the clock only brings it to light.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "telegence/digits.hpp"
#include "telegence/telegence_state.hpp"

namespace carryall::simulators::telegence {

inline constexpr std::size_t kMaxBatchServices = 200;
inline constexpr std::size_t kMaxServices = 8'000'000;

enum class ServiceStatus : std::uint8_t { pending, reserved, active, rejected };

// One entry of a batch; codes as numbers of the state's tables.
struct Service {
    Digits sim;
    Digits imei;
    std::uint64_t number = 0;    // once active
    std::uint32_t features = 0;  // with day 0
    std::uint32_t zip = 0;
    std::uint32_t technology = 0;
    std::uint32_t plan_code = 0;  // of Texts: the plan may be unknown
    std::uint32_t error = 0;      // of Texts; not 0: will be rejected
    std::uint16_t ban = 0;
    ServiceStatus status = ServiceStatus::pending;
    bool refused = false;  // will be rejected
};

struct Batch {
    std::int64_t submitted_micros = 0;
    std::int64_t reserved_micros = 0;
    std::int64_t active_micros = 0;
    std::uint32_t first = 0;
    std::uint16_t count = 0;
    std::uint16_t account = 0;
    bool needs_esim = false;
};

class Activations {
  public:
    void reset() { *this = Activations{}; }

    // Pending or reserved in some batch.
    bool is_under_way(const Digits& sim) const { return under_way_.contains(hash_of(sim)); }
    bool has_room(std::size_t count) const { return services.size() + count <= kMaxServices; }
    std::uint32_t submit(const Batch& batch, const std::vector<Service>& entries);
    // The first step of a batch: those that cannot be done are rejected, the others reserved.
    void reserve(std::uint32_t batch);
    // The last step: calls `tell(service, line)` for each that became active.
    template <typename Tell>
    void activate(std::uint32_t batch, TelegenceState& state, Tell tell) {
        const Batch& done = batches[batch];
        for (std::uint32_t at = done.first; at < done.first + done.count; ++at) {
            const std::uint32_t line = activate_one(services[at], done, state);
            if (line != kNoRow) tell(services[at], line);
        }
    }

    std::vector<Batch> batches;
    std::vector<Service> services;

  private:
    std::uint32_t activate_one(Service& service, const Batch& batch, TelegenceState& state);

    std::unordered_set<std::uint64_t> under_way_;
};

}  // namespace carryall::simulators::telegence
