// The switches for what the vendor leaves open.
#include <boost/json/array.hpp>
#include <string>

#include "admin.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::int64_t kMaxWindowMillis = 3'600'000;
constexpr std::int64_t kMaxPageCap = 100'000;

struct Number {
    std::string_view name;
    std::int64_t minimum;
    std::int64_t maximum;
    std::int64_t JasperKnobs::*target;
};

constexpr Number kNumbers[] = {
    {"requestsPerSecond", 0, kMaxCallsPerSecond, &JasperKnobs::calls_per_second},
    {"callsInFlight", 0, kMaxCallsInFlight, &JasperKnobs::calls_in_flight},
    {"windowMillis", 1, kMaxWindowMillis, &JasperKnobs::window_millis},
    {"acceptedDelayMillis", 0, kMaxWindowMillis, &JasperKnobs::accepted_delay_millis},
    {"pageCap", 1, kMaxPageCap, &JasperKnobs::page_cap},
    {"testBytes", 0, INT32_MAX, &JasperKnobs::test_bytes},
    {"testSms", 0, INT32_MAX, &JasperKnobs::test_sms},
    {"testVoiceSeconds", 0, INT32_MAX, &JasperKnobs::test_voice_seconds},
};

bool set_number(std::string_view name, const boost::json::value& value, JasperKnobs& knobs) {
    for (const Number& number : kNumbers) {
        if (number.name != name) continue;
        const auto read = integer_of(value);
        if (!read || *read < number.minimum || *read > number.maximum) return false;
        knobs.*number.target = *read;
        return true;
    }
    return false;
}

// One of two words.
bool choose(std::string_view word, std::string_view off, std::string_view on, bool& target) {
    if (word != off && word != on) return false;
    target = word == on;
    return true;
}

bool set_word(std::string_view name, std::string_view word, JasperKnobs& knobs) {
    if (name == "errorCharset") return choose(word, "UTF-8", "ISO-8859-1", knobs.errors_in_latin1);
    if (name == "largePages") return choose(word, "refuse", "cut", knobs.cuts_large_pages);
    if (name == "eidName") return choose(word, "eid", "euiccid", knobs.eid_is_euiccid);
    if (name == "effectiveDateCovers") {
        return choose(word, "plans", "all", knobs.effective_date_covers_all);
    }
    if (name == "afterTest" &&
        (word == kStatuses[kActivationReady] || word == kStatuses[kInventory])) {
        knobs.after_test = word;
        return true;
    }
    if (name != "accepted") return false;
    if (word == "never")
        knobs.answers_202 = Sometimes::never;
    else if (word == "scheduled")
        knobs.answers_202 = Sometimes::scheduled;
    else if (word == "always")
        knobs.answers_202 = Sometimes::always;
    else
        return false;
    return true;
}

bool set_throttle(const boost::json::object& body, JasperKnobs& knobs) {
    for (const auto& member : body) {
        const std::string_view name{member.key().data(), member.key().size()};
        const auto number = integer_of(member.value());
        const auto text = text_at(body, name);
        if (name == "status" && number && *number >= 200 && *number <= 599)
            knobs.throttle_status = static_cast<int>(*number);
        else if (name == "retryAfter" && number && *number >= 0 && *number <= 86'400)
            knobs.throttle_retry_after = *number;
        else if (name == "errorCode" && text)
            knobs.throttle_code = *text;
        else if (name == "errorMessage" && text)
            knobs.throttle_message = *text;
        else
            return false;
    }
    return true;
}

bool set_addresses(const boost::json::array& list, JasperKnobs& knobs) {
    knobs.allowed_addresses.clear();
    for (const auto& item : list) {
        if (!item.is_string()) return false;
        knobs.allowed_addresses.emplace_back(item.get_string().data(), item.get_string().size());
    }
    return true;
}

}  // namespace

void JasperSystem::set_knobs(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object");
    JasperKnobs knobs = knobs_;
    for (const auto& member : *body) {
        const std::string_view name{member.key().data(), member.key().size()};
        const auto& value = member.value();
        bool known = set_number(name, value, knobs);
        if (!known && value.is_string()) {
            known = set_word(name, {value.get_string().data(), value.get_string().size()}, knobs);
        } else if (name == "throttle" && value.is_object()) {
            known = set_throttle(value.get_object(), knobs);
        } else if (name == "allowedAddresses" && value.is_array()) {
            known = set_addresses(value.get_array(), knobs);
        }
        if (!known) return refuse_admin(reply, 400, "unknown or wrong knob: " + std::string(name));
    }
    knobs_ = knobs;
    reply.body = R"({"ok":true})";
}

}  // namespace carryall::simulators::jasper
