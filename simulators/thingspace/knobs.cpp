// The names of the knobs and what each takes.
#include "thingspace/knobs.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "json_text.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::int64_t kMany = 10'000'000;
constexpr std::int64_t kYearMillis = std::int64_t{366} * 86'400'000;

struct NumberKnob {
    std::string_view name;
    std::int64_t Knobs::*target;
    std::int64_t minimum;
    std::int64_t maximum;
};

constexpr NumberKnob kNumbers[] = {
    {"delayMinMs", &Knobs::delay_min_millis, 0, kYearMillis},
    {"delayMaxMs", &Knobs::delay_max_millis, 0, kYearMillis},
    {"callbackFirstMs", &Knobs::callback_first_millis, 0, kYearMillis},
    {"requestsPerSecond", &Knobs::requests_per_second, 0, kMany},
    {"activatesPerMinute", &Knobs::activates_per_minute, 0, kMany},
    {"throttleStatus", &Knobs::throttle_status, 400, 599},
    {"retryAfterSeconds", &Knobs::retry_after_seconds, 0, 86'400},
    {"devicesPerRequest", &Knobs::devices_per_request, 1, kMany},
    {"devicesPerDelete", &Knobs::devices_per_delete, 1, kMany},
    {"actionsPerDay", &Knobs::actions_per_day, 0, 255},
    {"planChangesPerMonth", &Knobs::plan_changes_per_month, 0, 255},
    {"suspendDaysInRow", &Knobs::suspend_days_in_row, 1, 3650},
    {"suspendDaysAYear", &Knobs::suspend_days_a_year, 1, 3650},
    {"failEveryNth", &Knobs::fail_every_nth, 0, kMany},
    {"duplicateEveryNth", &Knobs::duplicate_every_nth, 0, kMany},
    {"dropEveryNth", &Knobs::drop_every_nth, 0, kMany},
    {"retryIntervalMs", &Knobs::retry_millis, 0, kYearMillis},
    {"callbackTimeoutMs", &Knobs::callback_timeout_millis, 1, kYearMillis},
    {"callbackConnections", &Knobs::callback_connections, 1, 256},
    {"pageCap", &Knobs::page_cap, 1, kMany},
    {"statusErrorStatus", &Knobs::status_error_status, 400, 599},
    {"sessionUses", &Knobs::session_uses, 0, kMany},
    {"tokenUses", &Knobs::token_uses, 0, kMany},
};

struct SwitchKnob {
    std::string_view name;
    bool Knobs::*target;
};

constexpr SwitchKnob kSwitches[] = {
    {"shuffle", &Knobs::shuffle},
    {"deactivateFromSuspend", &Knobs::deactivate_from_suspend},
    {"failedActivationIsDeactive", &Knobs::failed_activation_is_deactive},
    {"unknownResourceIsXml", &Knobs::unknown_resource_is_xml},
    {"deviceIdAttribute", &Knobs::device_id_attribute},
};

struct TextKnob {
    std::string_view name;
    std::string Knobs::*target;
};

constexpr TextKnob kTexts[] = {
    {"throttleCode", &Knobs::throttle_code},
    {"throttleMessage", &Knobs::throttle_message},
    {"failSuffix", &Knobs::fail_suffix},
    {"dropSuffix", &Knobs::drop_suffix},
    {"preactiveWord", &Knobs::preactive_word},
    {"pendingWord", &Knobs::pending_word},
    {"otherResponseMember", &Knobs::other_response_member},
    {"statusErrorCode", &Knobs::status_error_code},
};

struct FormKnob {
    std::string_view name;
    Form Knobs::*target;
    std::array<std::string_view, 2> words;
};

constexpr FormKnob kForms[] = {
    {"failedWord", &Knobs::status_word, {"Failed", "Failure"}},
    {"flagType", &Knobs::flag_type, {"bool", "text"}},
    {"deviceIdsForm", &Knobs::device_ids_form, {"array", "object"}},
};

constexpr std::array<std::string_view, 5> kSpellings{"lower", "upper", "title", "camel", "vary"};

bool take_number(std::string_view name, const boost::json::value& value, Knobs& knobs) {
    for (const NumberKnob& knob : kNumbers) {
        if (knob.name != name) continue;
        const auto number = integer_of(value);
        if (!number || *number < knob.minimum || *number > knob.maximum) return false;
        knobs.*knob.target = *number;
        return true;
    }
    return false;
}

bool take_switch(std::string_view name, bool on, Knobs& knobs) {
    for (const SwitchKnob& knob : kSwitches) {
        if (knob.name != name) continue;
        knobs.*knob.target = on;
        return true;
    }
    return false;
}

bool take_text(std::string_view name, std::string_view text, Knobs& knobs) {
    for (const TextKnob& knob : kTexts) {
        if (knob.name != name) continue;
        knobs.*knob.target = text;
        return true;
    }
    for (const FormKnob& knob : kForms) {
        if (knob.name != name) continue;
        if (text == "vary")
            knobs.*knob.target = Form::vary;
        else if (text == knob.words[0] || text == knob.words[1])
            knobs.*knob.target = text == knob.words[0] ? Form::first : Form::second;
        else
            return false;
        return true;
    }
    for (std::size_t i = 0; name == "kindCase" && i < kSpellings.size(); ++i) {
        if (kSpellings[i] != text) continue;
        knobs.kind_spelling = static_cast<std::int64_t>(i);
        return true;
    }
    return false;
}

bool take(std::string_view name, const boost::json::value& value, Knobs& knobs) {
    if (value.is_bool()) return take_switch(name, value.get_bool(), knobs);
    if (value.is_string() &&
        take_text(name, {value.get_string().data(), value.get_string().size()}, knobs)) {
        return true;
    }
    return take_number(name, value, knobs);
}

}  // namespace

std::string change_knobs(const boost::json::object& wanted, Knobs& knobs) {
    Knobs changed = knobs;
    for (const auto& member : wanted) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (!take(name, member.value(), changed)) {
            return "unknown or wrong knob: " + std::string(name);
        }
    }
    if (changed.delay_max_millis < changed.delay_min_millis) {
        return "delayMaxMs must not be below delayMinMs";
    }
    knobs = changed;
    return {};
}

}  // namespace carryall::simulators::thingspace
