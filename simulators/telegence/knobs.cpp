// See knobs.hpp.
#include "telegence/knobs.hpp"

#include <optional>
#include <span>
#include <utility>

#include "json_text.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;

struct NumberKnob {
    std::string_view name;
    std::int64_t Knobs::*place;
    std::int64_t least;
};
constexpr NumberKnob kNumbers[] = {
    {"requestsPerSecond", &Knobs::requests_per_second, 0},
    {"callsInFlight", &Knobs::calls_in_flight, 0},
    {"pageCap", &Knobs::page_cap, 1},
    {"activationHttpStatus", &Knobs::activation_http_status, 200},
    {"reservedAfterSeconds", &Knobs::reserved_after_seconds, 0},
    {"activeAfterSeconds", &Knobs::active_after_seconds, 0},
    {"ipReservationSeconds", &Knobs::ip_reservation_seconds, 1},
    {"ipCheckedAfterSeconds", &Knobs::ip_checked_after_seconds, 0},
    {"ipReservedAfterSeconds", &Knobs::ip_reserved_after_seconds, 0},
    {"ipCompleteAfterSeconds", &Knobs::ip_complete_after_seconds, 0},
};

struct SwitchKnob {
    std::string_view name;
    bool Knobs::*place;
};
constexpr SwitchKnob kSwitches[] = {
    {"retryAfter", &Knobs::says_retry_after},
    {"unavailable", &Knobs::is_unavailable},
    {"plainText503", &Knobs::speaks_plain_text_503},
    {"acceptRepeatedStatus", &Knobs::accepts_repeated_status},
    {"ignoreUnknownNames", &Knobs::ignores_unknown_names},
    {"rejectUnknownCodes", &Knobs::rejects_unknown_codes},
};

struct ListKnob {
    std::string_view name;
    std::vector<std::string> Knobs::*place;
};
constexpr ListKnob kLists[] = {
    {"rejectSimSuffixes", &Knobs::reject_sim_suffixes},
    {"failIpSuffixes", &Knobs::fail_ip_suffixes},
};

template <typename Choice>
using Word = std::pair<std::string_view, Choice>;

constexpr Word<Casing> kCasings[] = {{"lowerCamel", Casing::lower_camel},
                                     {"PascalCase", Casing::pascal},
                                     {"lowercase", Casing::lower},
                                     {"UPPERCASE", Casing::upper}};
constexpr Word<StatusCasing> kStatusCasings[] = {{"Capital", StatusCasing::capital},
                                                 {"lowercase", StatusCasing::lower},
                                                 {"UPPERCASE", StatusCasing::upper}};
constexpr Word<PatchAnswer> kPatchAnswers[] = {{"details", PatchAnswer::details},
                                               {"thin", PatchAnswer::thin},
                                               {"empty", PatchAnswer::empty},
                                               {"text", PatchAnswer::text}};
constexpr Word<IpStep> kIpSteps[] = {{"profileCheck", IpStep::profile_check},
                                     {"ipReservation", IpStep::ip_reservation},
                                     {"profileUpdate", IpStep::profile_update}};

template <typename Choice>
bool choose(std::span<const Word<Choice>> words, std::string_view text, Choice& choice) {
    for (const auto& [word, meaning] : words) {
        if (word != text) continue;
        choice = meaning;
        return true;
    }
    return false;
}

bool read_list(const boost::json::value& value, std::vector<std::string>& list) {
    if (!value.is_array()) return false;
    list.clear();
    for (const auto& item : value.get_array()) {
        if (!item.is_string()) return false;
        list.emplace_back(item.get_string().data(), item.get_string().size());
    }
    return true;
}

bool read_text(std::string_view name, std::string_view text, Knobs& knobs) {
    if (name == "answerCasing") return choose<Casing>(kCasings, text, knobs.casing);
    if (name == "statusCasing")
        return choose<StatusCasing>(kStatusCasings, text, knobs.status_casing);
    if (name == "patchAnswer") return choose<PatchAnswer>(kPatchAnswers, text, knobs.patch_answer);
    if (name == "failIpStep") return choose<IpStep>(kIpSteps, text, knobs.fail_ip_step);
    if (name != "esimOnlyPrefix") return false;
    knobs.esim_only_prefix = text;
    return true;
}

bool read_knob(std::string_view name, const boost::json::value& value, Knobs& knobs) {
    for (const NumberKnob& knob : kNumbers) {
        if (knob.name != name) continue;
        const auto number = integer_of(value);
        if (!number || *number < knob.least || *number > kMost) return false;
        knobs.*knob.place = *number;
        return true;
    }
    for (const SwitchKnob& knob : kSwitches) {
        if (knob.name != name) continue;
        if (value.is_bool()) knobs.*knob.place = value.get_bool();
        return value.is_bool();
    }
    for (const ListKnob& knob : kLists) {
        if (knob.name == name) return read_list(value, knobs.*knob.place);
    }
    return value.is_string() &&
           read_text(name, {value.get_string().data(), value.get_string().size()}, knobs);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

void recase(std::string& text, std::size_t begin, std::size_t end, Casing casing) {
    if (casing == Casing::pascal && begin < end) text[begin] = upper(text[begin]);
    if (casing == Casing::lower || casing == Casing::upper) {
        for (std::size_t i = begin; i < end; ++i) {
            text[i] = casing == Casing::lower ? lower(text[i]) : upper(text[i]);
        }
    }
}

}  // namespace

std::string read_knobs(const boost::json::object& body, Knobs& knobs) {
    Knobs read = knobs;
    for (const auto& member : body) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (!read_knob(name, member.value(), read)) {
            return "unknown or wrong knob: " + std::string(name);
        }
    }
    if (read.activation_http_status > 299) return "activationHttpStatus must be from 200 to 299";
    if (read.active_after_seconds < read.reserved_after_seconds) {
        return "activeAfterSeconds must not be below reservedAfterSeconds";
    }
    knobs = std::move(read);
    return {};
}

bool ends_with_any(std::string_view text, const std::vector<std::string>& suffixes) {
    for (const std::string& suffix : suffixes) {
        if (!suffix.empty() && text.ends_with(suffix)) return true;
    }
    return false;
}

void recase_names(std::string& json, Casing casing) {
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] != '"') continue;
        const std::size_t begin = i + 1;
        for (i = begin; i < json.size() && json[i] != '"'; ++i) {
            if (json[i] == '\\') ++i;
        }
        if (i + 1 < json.size() && json[i + 1] == ':') recase(json, begin, i, casing);
    }
}

std::string recased_header(std::string_view name, Casing casing) {
    std::string text(name);
    recase(text, 0, text.size(), casing);
    return text;
}

}  // namespace carryall::simulators::telegence
