// Reading a fault plan, and deciding. Only rules with a probability, an every-nth or a per-key
// limit need counters, so a plan of plain latency costs no memory for a million devices.
#include "faults.hpp"

#include <array>
#include <optional>
#include <utility>

#include "hash.hpp"
#include "json_text.hpp"

namespace carryall::simulators {
namespace {

constexpr std::array<std::pair<std::string_view, FaultKind>, 26> kNames{{
    {"latency", FaultKind::latency},
    {"reset_before", FaultKind::reset_before},
    {"refuse_connection", FaultKind::refuse_connection},
    {"429", FaultKind::rate_limited},
    {"429_without_retry_after", FaultKind::rate_limited_without_retry_after},
    {"500", FaultKind::status_500},
    {"503", FaultKind::status_503},
    {"execute_then_hang", FaultKind::execute_then_hang},
    {"execute_then_reset", FaultKind::execute_then_reset},
    {"execute_then_500", FaultKind::execute_then_500},
    {"execute_late", FaultKind::execute_late},
    {"error_in_200", FaultKind::error_in_200},
    {"malformed_json", FaultKind::malformed_json},
    {"html_200", FaultKind::html_200},
    {"html_404", FaultKind::html_404},
    {"html_502", FaultKind::html_502},
    {"truncated", FaultKind::truncated},
    {"stale_read", FaultKind::stale_read},
    {"huge_body", FaultKind::huge_body},
    {"wrong_type", FaultKind::wrong_type},
    {"wrong_content_type", FaultKind::wrong_content_type},
    {"xml_403", FaultKind::xml_403},
    // Other words for the same, as people say them.
    {"rate_limited", FaultKind::rate_limited},
    {"internal_error", FaultKind::status_500},
    {"unavailable", FaultKind::status_503},
    {"lost", FaultKind::execute_then_reset},
}};

FaultKind kind_of(std::string_view name) {
    for (const auto& [text, kind] : kNames) {
        if (text == name) return kind;
    }
    return FaultKind::none;
}

// A proxy's error page and a refusal come instead of the work; a spoiled answer comes after it.
bool executes_by_habit(FaultKind kind) {
    switch (kind) {
        case FaultKind::reset_before:
        case FaultKind::refuse_connection:
        case FaultKind::rate_limited:
        case FaultKind::rate_limited_without_retry_after:
        case FaultKind::status_500:
        case FaultKind::status_503:
        case FaultKind::error_in_200:
        case FaultKind::html_200:
        case FaultKind::html_404:
        case FaultKind::xml_403:
        case FaultKind::html_502:
            return false;
        default:
            return true;
    }
}

double unit_interval(std::uint64_t hash) {
    return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

std::string read_match(const boost::json::object& match, FaultRule& rule) {
    for (const auto& member : match) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (name == "everyNth") {
            const auto nth = integer_of(member.value());
            if (!nth || *nth < 1) return "everyNth must be a positive integer";
            rule.every_nth = static_cast<std::uint64_t>(*nth);
        } else if (name == "writesOnly" && member.value().is_bool()) {
            rule.writes_only = member.value().get_bool();
        } else if (!member.value().is_string()) {
            return "unknown or wrong match member: " + std::string(name);
        } else {
            const std::string text{member.value().get_string().data(),
                                   member.value().get_string().size()};
            if (name == "action")
                rule.action = text;
            else if (name == "key")
                rule.key = text;
            else if (name == "keySuffix")
                rule.key_suffix = text;
            else
                return "unknown match member: " + std::string(name);
        }
    }
    return {};
}

struct Number {
    std::string_view name;
    std::int64_t maximum;
    std::int64_t* target;
};

std::string read_rule(const boost::json::value& value, FaultRule& rule) {
    const auto* object = value.if_object();
    if (object == nullptr) return "a rule must be an object";
    rule.kind = kind_of(text_at(*object, "fault").value_or(""));
    if (rule.kind == FaultKind::none) return "unknown fault";
    std::int64_t limit = 0;
    std::int64_t limit_per_key = 0;
    const std::array<Number, 6> numbers{
        {{"milliseconds", kMaxFaultMillis, &rule.milliseconds},
         {"jitterMilliseconds", kMaxFaultMillis, &rule.jitter_milliseconds},
         {"retryAfterSeconds", 86'400, &rule.retry_after_seconds},
         {"bytes", kMaxFaultBytes, &rule.bytes},
         {"limit", INT64_MAX, &limit},
         {"limitPerKey", INT64_MAX, &limit_per_key}}};
    for (const auto& member : *object) {
        const std::string_view name{member.key().data(), member.key().size()};
        bool known = name == "fault";
        for (const Number& number : numbers) {
            if (number.name != name) continue;
            const auto read = integer_of(member.value());
            if (!read || *read < 0 || *read > number.maximum)
                return std::string(name) + " is out of range";
            *number.target = *read;
            known = true;
        }
        if (name == "match" && member.value().is_object()) {
            if (auto wrong = read_match(member.value().get_object(), rule); !wrong.empty())
                return wrong;
            known = true;
        } else if (name == "probability") {
            const auto read = number_at(*object, name);
            if (!read || *read < 0 || *read > 1) return "probability must be from 0 to 1";
            rule.probability = *read;
            known = true;
        } else if (name == "execute" && member.value().is_bool()) {
            rule.executes = member.value().get_bool() ? 1 : 0;
            known = true;
        }
        if (!known) return "unknown or wrong rule member: " + std::string(name);
    }
    rule.limit = static_cast<std::uint64_t>(limit);
    rule.limit_per_key = static_cast<std::uint64_t>(limit_per_key);
    return {};
}

bool ends_with(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

}  // namespace

std::string_view name_of(FaultKind kind) {
    for (const auto& [text, named] : kNames) {
        if (named == kind) return text;
    }
    return "";
}

std::string FaultPlan::load(std::uint64_t seed, const boost::json::array& rules) {
    if (rules.size() > kMaxFaultRules) return "too many rules";
    std::vector<FaultRule> read(rules.size());
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (auto wrong = read_rule(rules[i], read[i]); !wrong.empty()) return wrong;
    }
    clear();
    seed_ = seed;
    rules_ = std::move(read);
    for (const FaultRule& rule : rules_) {
        counts_keys_ = counts_keys_ || rule.every_nth > 0 || rule.probability < 1 ||
                       rule.jitter_milliseconds > 0;
    }
    return {};
}

void FaultPlan::clear() {
    rules_.clear();
    asked_by_key_.clear();
    counts_keys_ = false;
}

bool FaultPlan::reads_the_past() const {
    for (const FaultRule& rule : rules_) {
        if (rule.kind == FaultKind::stale_read) return true;
    }
    return false;
}

bool FaultPlan::applies(FaultRule& rule, std::size_t index, const Call& call,
                        std::uint64_t call_hash, std::uint64_t nth) const {
    if (!rule.action.empty() && rule.action != call.action) return false;
    if (rule.writes_only && !call.writes) return false;
    if (rule.kind == FaultKind::stale_read && call.writes) return false;
    if (!rule.key.empty() && rule.key != call.key) return false;
    if (!ends_with(call.key, rule.key_suffix)) return false;
    if (rule.every_nth > 0 && nth % rule.every_nth != 0) return false;
    if (rule.probability < 1) {
        const std::uint64_t dice = mix(seed_ ^ mix(index ^ mix(call_hash ^ mix(nth))));
        if (unit_interval(dice) >= rule.probability) return false;
    }
    if (rule.limit > 0 && rule.hits >= rule.limit) return false;
    if (rule.limit_per_key > 0 && ++rule.hits_by_key[call_hash] > rule.limit_per_key) return false;
    ++rule.hits;
    return true;
}

Fault FaultPlan::decide(const Call& call) {
    Fault fault;
    if (rules_.empty()) return fault;
    const std::uint64_t call_hash = hash_text(call.key, hash_text(call.action));
    const std::uint64_t nth = counts_keys_ ? ++asked_by_key_[call_hash] : 1;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        FaultRule& rule = rules_[i];
        // Latency adds up with what follows; of the others the first one wins.
        if (rule.kind != FaultKind::latency && fault.kind != FaultKind::none) continue;
        if (!applies(rule, i, call, call_hash, nth)) continue;
        std::int64_t micros = rule.milliseconds * kMicrosPerMilli;
        if (rule.jitter_milliseconds > 0) {
            const double share = unit_interval(mix(~seed_ ^ mix(i ^ mix(call_hash ^ mix(nth)))));
            const auto jitter = static_cast<double>(rule.jitter_milliseconds * kMicrosPerMilli);
            micros += static_cast<std::int64_t>(share * jitter);
        }
        if (rule.kind == FaultKind::latency) {
            fault.latency_micros += micros;
            continue;
        }
        fault.kind = rule.kind;
        fault.micros = micros;
        fault.retry_after_seconds = rule.retry_after_seconds;
        fault.bytes = rule.bytes;
        fault.executes = rule.executes == -1 ? executes_by_habit(rule.kind) : rule.executes == 1;
    }
    return fault;
}

void FaultPlan::append_state(std::string& out) const {
    JsonObject state(out);
    append_unsigned(state.add_raw("seed"), seed_);
    std::string& list = state.add_raw("rules");
    list += '[';
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (i > 0) list += ',';
        JsonObject rule(list);
        rule.add("fault", name_of(rules_[i].kind));
        rule.add("action", rules_[i].action);
        rule.add_integer("hits", static_cast<std::int64_t>(rules_[i].hits));
        rule.close();
    }
    list += ']';
    state.close();
}

}  // namespace carryall::simulators
