// Reading Telegence's answers, and the few pieces of requests that all share.
#include "carriers/telegence/wire.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "carriers/carrier.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

constexpr std::size_t kDayChars = 10;  // "2026-03-01"

// Digits of a number however it is punctuated.
std::string digits_of(std::string_view text) {
    std::string out;
    std::copy_if(text.begin(), text.end(), std::back_inserter(out),
                 [](char c) { return c >= '0' && c <= '9'; });
    return out;
}

std::string text_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::string:
            return std::string(base::trim(std::string_view(value.get_string())));
        case json::kind::null:
        case json::kind::array:
        case json::kind::object:
            return {};
        default:
            return base::json::serialize(value);
    }
}

bool is_same_name(std::string_view one, std::string_view other) {
    return one.size() == other.size() && base::ascii_lower(one) == base::ascii_lower(other);
}

// The errors that are known to come: {id, description}, {responseMessage, errorDescription},
// {message}, a plain text.
std::string error_text(const json::value& body, std::string_view raw) {
    const json::value* first = &body;
    if (body.is_array() && !body.get_array().empty()) first = &body.get_array().front();
    if (first->is_string()) return excerpt(first->get_string());
    if (!first->is_object()) return describe_body(raw);
    std::string said;
    for (const std::string_view name :
         {"responseMessage", "errorDescription", "description", "message", "error"}) {
        const std::string text = excerpt(member_text(first->get_object(), name));
        if (text.empty() || text == said) continue;
        said += (said.empty() ? "" : ": ") + text;
    }
    return said.empty() ? describe_body(raw) : said;
}

// "A Resource Required By Service Is Not Available": Telegence's back end is away for a while,
// under whatever status the text comes.
bool speaks_of_an_outage(std::string_view said) {
    const std::string text = base::ascii_lower(said);
    return text.find("resource") != std::string::npos &&
           text.find("not available") != std::string::npos;
}

bool is_error_inside_success(const json::value& body) {
    const auto* object = body.if_object();
    return object != nullptr && (!member_text(*object, "errorDescription").empty() ||
                                 !member_text(*object, "error").empty());
}

void doubt(Verdict& verdict, std::string reason) {
    verdict.meaning = Meaning::unclear;
    verdict.failure = FailureClass::transient;
    verdict.reason = std::move(reason);
}

void look_into_success(Answer& answer, std::string_view raw, bool is_json, Expect expect) {
    Verdict& verdict = answer.verdict;
    if (base::trim(raw).empty()) {
        if (expect == Expect::json) doubt(verdict, malformed("an empty answer").reason);
        return;
    }
    if (!is_json || (!answer.body.is_object() && !answer.body.is_array())) {
        return doubt(verdict, malformed(describe_body(raw)).reason);
    }
    if (is_error_inside_success(answer.body)) {
        answer.said = error_text(answer.body, raw);
        doubt(verdict, "Telegence answered an error inside a success: " + answer.said);
    }
}

}  // namespace

std::string member_text(const json::object& object, std::string_view name) {
    const json::value* found = base::find_ignoring_case(object, name);
    return found != nullptr ? text_of(*found) : std::string();
}

std::optional<std::string> wire_number(std::string_view msisdn) {
    if (msisdn.size() == kNumberDigits + 1 && msisdn.front() == '1') msisdn.remove_prefix(1);
    if (msisdn.size() != kNumberDigits || !base::all_digits(msisdn)) return std::nullopt;
    return std::string(msisdn);
}

Characteristics parse_characteristics(const json::value* list) {
    Characteristics out;
    if (list == nullptr) return out;
    if (const auto* object = list->if_object()) {
        for (const auto& [name, value] : *object)
            out.push_back({std::string(name), text_of(value)});
    }
    if (const auto* array = list->if_array()) {
        out.reserve(array->size());
        for (const json::value& item : *array) {
            const auto* pair = item.if_object();
            if (pair == nullptr) continue;
            out.push_back({member_text(*pair, "name"), member_text(*pair, "value")});
        }
    }
    return out;
}

bool is_code(std::string_view text) {
    return !text.empty() && text.size() <= kMaxCodeBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

std::string wire_day(base::Instant carrier_time) {
    return base::to_iso8601(carrier_time).substr(0, kDayChars) + 'Z';
}

std::optional<base::Instant> parse_day(std::string_view text) {
    const auto day = base::parse_iso8601(base::trim(text).substr(0, kDayChars));
    return day ? std::optional(*day) : std::nullopt;
}

json::array to_json(const Characteristics& list) {
    json::array out;
    out.reserve(list.size());
    for (const Characteristic& item : list) {
        out.push_back(json::object{{"name", item.name}, {"value", item.value}});
    }
    return out;
}

std::string_view LineDetails::value(std::string_view name) const {
    for (const Characteristic& item : characteristics) {
        if (is_same_name(item.name, name)) return item.value;
    }
    return {};
}

std::vector<Feature> LineDetails::features() const {
    static constexpr std::string_view kCode = "offeringcode";
    std::vector<Feature> out;
    for (const Characteristic& item : characteristics) {
        const std::string name = base::ascii_lower(item.name);
        if (!name.starts_with(kCode) || item.value.empty()) continue;
        const std::string nth = name.substr(kCode.size());
        if (!base::all_digits(nth)) continue;
        out.push_back({item.value, std::string(value("offeringDescription" + nth)),
                       std::string(value("offeringEffectiveDate" + nth)),
                       std::string(value("offeringExpirationDate" + nth))});
    }
    return out;
}

std::optional<LineDetails> parse_line(const json::value& body, std::string_view number) {
    if (const auto* array = body.if_array()) {
        for (const json::value& item : *array) {
            if (!item.is_object()) continue;
            if (auto line = parse_line(item, number)) return line;
        }
        return std::nullopt;
    }
    const auto* object = body.if_object();
    if (object == nullptr) return std::nullopt;
    if (wire_number(digits_of(member_text(*object, "subscriberNumber"))) != number) {
        return std::nullopt;
    }
    LineDetails line;
    line.characteristics =
        parse_characteristics(base::find_ignoring_case(*object, "serviceCharacteristic"));
    if (line.characteristics.empty()) return std::nullopt;
    return line;
}

std::optional<std::string> platform_status(std::string_view word) {
    struct Word {
        std::string_view of_theirs;  // as comparable_status() writes it
        std::string_view ours;
    };
    static constexpr std::array kWords = {
        Word{"a", "Active"},
        Word{"active", "Active"},
        Word{"r", "Active"},
        Word{"restored", "Active"},
        Word{"s", "Suspended"},
        Word{"suspended", "Suspended"},
        Word{"c", "Deactivated"},
        Word{"cancelled", "Deactivated"},
        Word{"canceled", "Deactivated"},
        Word{"deactivated", "Deactivated"},
    };
    const std::string wanted = comparable_status(word);
    for (const Word& known : kWords) {
        if (known.of_theirs == wanted) return std::string(known.ours);
    }
    return std::nullopt;
}

Answer judge(const http::ClientResponse& response, Expect expect) {
    constexpr int kLowestSuccess = 200;
    constexpr int kLowestRedirect = 300;
    Answer answer;
    answer.verdict = classify(kSystem, response);
    if (response.transport != http::Transport::ok) return answer;
    Verdict& verdict = answer.verdict;
    auto parsed = base::parse_json(response.body);
    const bool is_json = parsed.has_value();
    if (is_json) answer.body = std::move(*parsed);
    if (verdict.meaning == Meaning::accepted) {
        look_into_success(answer, response.body, is_json, expect);
        return answer;
    }
    if (response.status >= kLowestSuccess && response.status < kLowestRedirect) return answer;
    answer.said = error_text(answer.body, response.body);
    verdict.reason += ": " + answer.said;
    if (verdict.meaning == Meaning::refused && speaks_of_an_outage(answer.said)) {
        verdict.meaning = Meaning::unclear;
        verdict.failure = FailureClass::transient;
    }
    return answer;
}

bool is_doubtful_success(const Verdict& verdict) {
    constexpr int kSuccessClass = 2;
    constexpr int kStatusesPerClass = 100;
    return verdict.meaning == Meaning::unclear &&
           verdict.http_status / kStatusesPerClass == kSuccessClass;
}

Verdict malformed(std::string_view what) {
    Verdict verdict;
    verdict.reason = "Telegence answered something that cannot be understood: " + std::string(what);
    return verdict;
}

}  // namespace carryall::carriers::telegence
