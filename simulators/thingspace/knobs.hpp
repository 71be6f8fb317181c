// What can be switched at run time by POST /_sim/thingspace/knobs: the rules that the carrier
// leaves to the contract, the shapes it is not consistent about, and the accidents of its
// callbacks.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

namespace carryall::simulators::thingspace {

// One of two forms, or now this and now that (decided by the seed).
enum class Form : std::uint8_t { first, second, vary };

struct Knobs {
    // Pace of the work behind a request id.
    std::int64_t delay_min_millis = 200;
    std::int64_t delay_max_millis = 1500;
    bool shuffle = true;
    std::int64_t callback_first_millis = 0;
    // Limits; 0 switches one off.
    std::int64_t requests_per_second = 0;
    std::int64_t activates_per_minute = 100;
    std::int64_t throttle_status = 429;
    std::string throttle_code = "900800";
    std::string throttle_message = "Message throttled out";
    std::int64_t retry_after_seconds = 0;
    std::int64_t devices_per_request = 10'000;
    std::int64_t devices_per_delete = 100;
    // Rules of a line.
    std::int64_t actions_per_day = 5;
    std::int64_t plan_changes_per_month = 4;
    std::int64_t suspend_days_in_row = 90;
    std::int64_t suspend_days_a_year = 180;
    bool deactivate_from_suspend = false;
    bool failed_activation_is_deactive = true;
    std::int64_t fail_every_nth = 0;
    std::string fail_suffix;
    // Callbacks.
    std::int64_t duplicate_every_nth = 0;
    std::int64_t drop_every_nth = 0;
    std::string drop_suffix;
    std::int64_t retry_millis = 300'000;
    std::int64_t callback_timeout_millis = 10'000;
    std::int64_t callback_connections = 8;
    // Shapes.
    Form status_word = Form::first;      // Failed, Failure
    Form flag_type = Form::first;        // true, "true"
    Form device_ids_form = Form::first;  // [{…}], {…}
    std::int64_t kind_spelling = 0;      // of Spelling; 4: vary
    std::string preactive_word = "preactive";
    std::string pending_word = "pending activation";
    std::string other_response_member;  // in deviceResponse of plan and custom field changes
    bool unknown_resource_is_xml = false;
    // Reads.
    std::int64_t page_cap = 2000;
    bool device_id_attribute = true;
    std::int64_t status_error_status = 400;
    std::string status_error_code = "REQUEST_FAILED";
    // Sessions; 0: time alone ends them.
    std::int64_t session_uses = 0;
    std::int64_t token_uses = 0;
};

// Changes the named knobs. A non-empty result says what is wrong, and then nothing was changed.
std::string change_knobs(const boost::json::object& wanted, Knobs& knobs);

}  // namespace carryall::simulators::thingspace
