// The fault plan: which requests of a system go wrong, and how. A decision depends only on the
// seed, the rule, the request's action and key, and how many times that key was asked for before:
// the same requests meet the same faults whatever else runs beside them. (The one exception is a
// rule's total `limit`.)
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "reply.hpp"
#include "system.hpp"

namespace carryall::simulators {

inline constexpr std::size_t kMaxFaultRules = 64;
inline constexpr std::int64_t kMaxFaultMillis = 3'600'000;
inline constexpr std::int64_t kMaxFaultBytes = std::int64_t{256} * 1024 * 1024;

enum class FaultKind : std::uint8_t {
    none,
    latency,
    reset_before,
    refuse_connection,
    rate_limited,
    rate_limited_without_retry_after,
    status_500,
    status_503,
    execute_then_hang,
    execute_then_reset,
    execute_then_500,
    execute_late,
    error_in_200,
    malformed_json,
    html_200,
    html_404,
    html_502,
    truncated,
    stale_read,
    huge_body,
    wrong_type,
    wrong_content_type,
    xml_403
};

std::string_view name_of(FaultKind kind);

struct FaultRule {
    FaultKind kind = FaultKind::none;
    std::string action;      // empty: every action
    std::string key;         // the whole key
    std::string key_suffix;  // how it ends
    std::uint64_t every_nth = 0;
    double probability = 1.0;
    std::int64_t milliseconds = 0;
    std::int64_t jitter_milliseconds = 0;
    std::int64_t retry_after_seconds = 1;
    std::int64_t bytes = 0;
    bool writes_only = false;
    int executes = -1;  // -1: the kind's own habit
    std::uint64_t limit = 0;
    std::uint64_t limit_per_key = 0;
    std::uint64_t hits = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> hits_by_key;
};

// What was decided for one request.
struct Fault {
    FaultKind kind = FaultKind::none;
    std::int64_t latency_micros = 0;
    std::int64_t micros = 0;
    std::int64_t retry_after_seconds = 0;
    std::int64_t bytes = 0;
    bool executes = true;
};

class FaultPlan {
  public:
    // Replaces the plan. A non-empty result says what is wrong, and nothing was replaced.
    std::string load(std::uint64_t seed, const boost::json::array& rules);
    void clear();
    bool empty() const { return rules_.empty(); }
    bool reads_the_past() const;

    Fault decide(const Call& call);
    void append_state(std::string& out) const;

  private:
    bool applies(FaultRule& rule, std::size_t index, const Call& call, std::uint64_t call_hash,
                 std::uint64_t nth) const;

    std::uint64_t seed_ = 0;
    bool counts_keys_ = false;
    std::vector<FaultRule> rules_;
    std::unordered_map<std::uint64_t, std::uint64_t> asked_by_key_;
};

// Spoils an answer that perform() has written, as the fault demands (fault_bodies.cpp).
void spoil_reply(const Fault& fault, System& system, Reply& reply);

}  // namespace carryall::simulators
