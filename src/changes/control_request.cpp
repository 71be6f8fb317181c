// JSON and flat parameters to a ControlRequest.
#include "changes/control_request.hpp"

#include "base/text.hpp"

namespace carryall::changes {
namespace {

namespace json = base::json;
using Errors = std::vector<base::Error>;

constexpr const char* kThreshold = "/failureThreshold";

const json::value* find(const json::object& object, std::string_view name) {
    const json::value* found = base::find_ignoring_case(object, name);
    return found != nullptr && !found->is_null() ? found : nullptr;
}

// A whole number, as JSON or as text.
std::optional<int> whole(const json::value& value, const std::string& pointer, Errors& errors) {
    std::optional<std::int64_t> number;
    if (value.is_int64()) {
        number = value.get_int64();
    } else if (value.is_string()) {
        number = base::parse_int(base::trim(value.get_string()));
    }
    if (!number || *number < 0 || *number > kMaxDevicesPerChange) {
        errors.push_back(base::invalid_input("must be a whole number", pointer));
        return std::nullopt;
    }
    return static_cast<int>(*number);
}

void read_waves(const json::value& value, std::vector<int>& waves, Errors& errors) {
    const auto add = [&](const json::value& one) {
        if (const auto percent = whole(one, "/waves", errors)) waves.push_back(*percent);
    };
    if (value.is_array()) {
        if (value.get_array().empty() || value.get_array().size() > kMaxWaves) {
            errors.push_back(base::invalid_input("must list 1 to 10 percents", "/waves"));
            return;
        }
        for (const json::value& one : value.get_array()) add(one);
    } else if (value.is_string()) {
        std::string_view text = value.get_string();
        while (!text.empty() && waves.size() <= kMaxWaves) {
            add(json::value(base::take_part(text, ",")));
        }
    } else {
        errors.push_back(base::invalid_input("must be a list of percents", "/waves"));
    }
}

void read_flat_threshold(const json::object& request, ControlRequest& control, Errors& errors) {
    FailureThreshold threshold;
    bool is_given = false;
    const auto number = [&](std::string_view name) -> std::optional<int> {
        const json::value* value = find(request, name);
        if (value == nullptr) return std::nullopt;
        is_given = true;
        return whole(*value, '/' + std::string(name), errors);
    };
    threshold.count = number("failureThresholdCount");
    threshold.percent = number("failureThresholdPercent");
    threshold.after_devices = number("failureThresholdAfterDevices").value_or(0);
    if (!is_given) return;
    if (control.threshold) {
        errors.push_back(base::invalid_input("is given twice", kThreshold));
    }
    control.threshold = threshold;
}

void read_wave_approval(const json::value& value, ControlRequest& control, Errors& errors) {
    const bool is_text = value.is_string();
    control.waves_by_hand = is_text && value.get_string() == "manual";
    if (!control.waves_by_hand && !(is_text && value.get_string() == "automatic")) {
        errors.push_back(base::invalid_input("must be automatic or manual", "/waveApproval"));
    }
}

}  // namespace

Errors read_threshold(const json::value& value, FailureThreshold& out) {
    Errors errors;
    if (!value.is_object()) {
        errors.push_back(base::invalid_input("must be an object", kThreshold));
        return errors;
    }
    for (const auto& [key, member] : value.get_object()) {
        const std::string pointer = std::string(kThreshold) + '/' + std::string(key);
        const std::string name = base::ascii_lower(key);
        if (name == "count") {
            out.count = whole(member, pointer, errors);
        } else if (name == "percent") {
            out.percent = whole(member, pointer, errors);
        } else if (name == "afterdevices") {
            out.after_devices = whole(member, pointer, errors).value_or(0);
        } else {
            errors.push_back(base::invalid_input("is unknown", pointer));
        }
    }
    return errors;
}

Errors read_control(const json::object& request, ControlRequest& control) {
    Errors errors;
    if (const json::value* value = find(request, "failureThreshold")) {
        control.threshold.emplace();
        errors = read_threshold(*value, *control.threshold);
    }
    read_flat_threshold(request, control, errors);
    if (const json::value* value = find(request, "waves")) {
        read_waves(*value, control.waves, errors);
    }
    if (const json::value* value = find(request, "waveApproval")) {
        read_wave_approval(*value, control, errors);
    }
    if (const json::value* value = find(request, "maxConcurrency")) {
        control.max_concurrency = whole(*value, "/maxConcurrency", errors);
    }
    return errors.empty() ? check_control_request(control) : errors;
}

std::string canonical_text(const ControlRequest& control) {
    std::string text;
    const auto add = [&](std::string_view name, const std::optional<int>& number) {
        if (number) text.append(name).append(std::to_string(*number)).append(1, ' ');
    };
    if (control.threshold) {
        add("count", control.threshold->count);
        add("percent", control.threshold->percent);
        add("after", control.threshold->after_devices);
    }
    for (const int wave : control.waves) add("wave", wave);
    if (control.waves_by_hand) text += "by hand ";
    add("concurrency", control.max_concurrency);
    return text;
}

}  // namespace carryall::changes
