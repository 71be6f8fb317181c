// What can be changed at run time by POST /_sim/telegence/knobs: mostly what AT&T does not publish,
// so that a client can be held against every guess.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "telegence/ip_pools.hpp"

namespace carryall::simulators::telegence {

enum class Casing : std::uint8_t { lower_camel, pascal, lower, upper };
enum class StatusCasing : std::uint8_t { capital, lower, upper };
enum class PatchAnswer : std::uint8_t { details, thin, empty, text };

struct Knobs {
    std::int64_t requests_per_second = 10;  // of one app id; 0: no limit
    std::int64_t calls_in_flight = 0;       // of one app id; 0: no limit
    bool says_retry_after = true;
    std::int64_t page_cap = 1000;
    bool is_unavailable = false;        // every call is answered 503
    bool speaks_plain_text_503 = true;  // else as JSON
    Casing casing = Casing::lower_camel;
    StatusCasing status_casing = StatusCasing::capital;
    PatchAnswer patch_answer = PatchAnswer::details;
    std::int64_t activation_http_status = 200;
    bool accepts_repeated_status = true;  // S on a suspended line, R on an active one
    bool ignores_unknown_names = false;   // of characteristics
    bool rejects_unknown_codes = false;   // at activation: the entry, instead of the whole batch
    std::int64_t reserved_after_seconds = 60;
    std::int64_t active_after_seconds = 120;
    std::vector<std::string> reject_sim_suffixes;
    std::string esim_only_prefix;
    std::int64_t ip_reservation_seconds = 900;
    std::int64_t ip_checked_after_seconds = 5;
    std::int64_t ip_reserved_after_seconds = 10;
    std::int64_t ip_complete_after_seconds = 20;
    std::vector<std::string> fail_ip_suffixes;  // of subscriber numbers
    IpStep fail_ip_step = IpStep::ip_reservation;
};

// Changes the knobs that are named. Not empty: what is wrong, and nothing was changed.
std::string read_knobs(const boost::json::object& body, Knobs& knobs);

bool ends_with_any(std::string_view text, const std::vector<std::string>& suffixes);

// Writes the member names of a JSON text in that casing; the values stay.
void recase_names(std::string& json, Casing casing);
std::string recased_header(std::string_view name, Casing casing);

}  // namespace carryall::simulators::telegence
