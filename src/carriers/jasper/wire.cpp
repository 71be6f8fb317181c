// Reading Jasper's answers.
#include "carriers/jasper/wire.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace carryall::carriers::jasper {

namespace {

namespace json = base::json;

constexpr std::string_view kSystem = "Jasper";
constexpr std::size_t kMinIccidDigits = 18;
constexpr std::size_t kMaxIccidDigits = 22;
constexpr std::size_t kDayLength = 10;  // of "2025-06-29"
constexpr int kAcceptedLater = 202;
constexpr int kNotFound = 404;

// What the vendor's table of error codes says about a refusal.
enum class Kind {
    stop,   // credentials, role, package of the account: every call will fail
    setup,  // our settings are wrong
    input,  // this request is wrong
    rule,   // Jasper or the operator forbids it
    fault,  // Jasper's own trouble: nobody knows what was done
};
struct Code {
    std::int64_t code;
    Kind kind;
};
constexpr std::array kCodes = {
    Code{10000001, Kind::stop},  Code{10000030, Kind::stop},  Code{10000062, Kind::stop},
    Code{10000079, Kind::stop},  Code{10000080, Kind::stop},  Code{10000002, Kind::setup},
    Code{10000004, Kind::setup}, Code{10000008, Kind::setup}, Code{10000009, Kind::setup},
    Code{10000010, Kind::setup}, Code{10000024, Kind::setup}, Code{10000003, Kind::input},
    Code{10000005, Kind::input}, Code{10000006, Kind::input}, Code{10000007, Kind::input},
    Code{10000011, Kind::input}, Code{10000012, Kind::input}, Code{10000013, Kind::input},
    Code{10000014, Kind::input}, Code{10000015, Kind::input}, Code{10000016, Kind::input},
    Code{10000017, Kind::input}, Code{10000018, Kind::input}, Code{10000019, Kind::input},
    Code{10000020, Kind::input}, Code{10000021, Kind::input}, Code{10000022, Kind::input},
    Code{10000023, Kind::input}, Code{10000027, Kind::input}, Code{10000028, Kind::input},
    Code{10000031, Kind::input}, Code{10000032, Kind::input}, Code{10000049, Kind::input},
    Code{50001233, Kind::input}, Code{10000025, Kind::rule},  Code{10000026, Kind::rule},
    Code{10000029, Kind::rule},  Code{10000602, Kind::rule},  Code{50001231, Kind::rule},
    Code{50001234, Kind::rule},
};

std::optional<Kind> kind_of_code(std::string_view code) {
    constexpr std::int64_t kFamily = 10'000;
    const auto number = base::parse_int(code);
    if (!number) return std::nullopt;
    for (const Code& known : kCodes) {
        if (known.code == *number) return known.kind;
    }
    if (*number / kFamily == 2000) return Kind::rule;   // 2000xxxx: no such thing
    if (*number / kFamily == 3000) return Kind::fault;  // 3000xxxx
    return std::nullopt;
}

// Errors were seen in ISO-8859-1, whose characters are Unicode's first 256.
std::string to_utf8(const http::ClientResponse& response) {
    const std::string type = base::ascii_lower(response.content_type);
    const bool is_declared =
        type.find("iso-8859-1") != std::string::npos || type.find("latin1") != std::string::npos;
    if (!is_declared && base::is_utf8(response.body)) return response.body;
    std::string out;
    out.reserve(response.body.size());
    for (const char c : response.body) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xC0 | (byte >> 6));
            out += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return out;
}

std::string code_of(const json::object& body) {
    const json::value* found = body.if_contains("errorCode");
    if (found == nullptr) return {};
    if (found->is_int64()) return std::to_string(found->get_int64());
    return found->is_string() ? std::string(base::trim(found->get_string())) : std::string();
}

bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

// What a throttled answer looks like is not published; these are the words such texts have. A rate
// plan and an overage limit are none of them.
bool speaks_of_throttling(std::string_view message) {
    std::string text = base::ascii_lower(message);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return !is_letter(c); }, ' ');
    text = ' ' + text + ' ';
    for (const std::string_view other : {" rate plan", " overage limit"}) {
        for (auto at = text.find(other); at != std::string::npos; at = text.find(other)) {
            text.replace(at, other.size(), " ");
        }
    }
    for (const std::string_view word : {" too many ", " thrott", " rate ", " limit"}) {
        if (text.find(word) != std::string::npos) return true;
    }
    return false;
}

bool is_throttle_code(const Account& account, std::string_view code) {
    if (code.empty()) return false;
    const json::value* codes = account.settings.if_contains(kThrottleErrorCodes);
    if (codes == nullptr || !codes->is_array()) return false;
    const json::array& all = codes->get_array();
    return std::any_of(all.begin(), all.end(), [&](const json::value& known) {
        return known.is_string() && known.get_string() == code;
    });
}

void throttle(Verdict& verdict) {
    verdict.meaning = Meaning::throttled;
    verdict.failure = FailureClass::transient;
    verdict.whole_account = true;
}

// A refusal (4xx) by Jasper's own code.
void refine(const Account& account, std::string_view code, std::string_view message,
            Verdict& verdict) {
    if (is_throttle_code(account, code)) return throttle(verdict);
    const auto kind = kind_of_code(code);
    if (!kind) {
        constexpr int kWrongCredentials = 401;
        // Gateways like to say it with 403.
        if (verdict.http_status != kWrongCredentials && speaks_of_throttling(message)) {
            throttle(verdict);
        }
        return;
    }
    switch (*kind) {
        case Kind::stop:
            verdict.meaning = Meaning::unauthorized;
            verdict.failure = FailureClass::system;
            return;
        case Kind::setup:
            verdict.failure = FailureClass::system;
            return;
        case Kind::input:
            verdict.failure = FailureClass::validation;
            return;
        case Kind::rule:
            verdict.failure = FailureClass::business;
            return;
        case Kind::fault:
            verdict.meaning = Meaning::unclear;
            verdict.failure = FailureClass::transient;
            return;
    }
}

bool is_refusal(Meaning meaning) {
    return meaning == Meaning::refused || meaning == Meaning::unauthorized;
}

// Not Jasper's form of an error: somebody else has answered.
void judge_foreign(std::string_view body, Verdict& verdict) {
    verdict.reason += ": " + describe_body(body);
    if (verdict.meaning == Meaning::refused && verdict.http_status == kNotFound) {
        verdict.failure = FailureClass::system;
        verdict.reason += " (is \"baseUrl\" the address of the REST API?)";
    }
}

}  // namespace

std::string_view text_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

Verdict malformed(std::string_view what) {
    Verdict verdict;
    verdict.reason = "Jasper answered something that cannot be understood: " + std::string(what);
    return verdict;
}

Answer judge(const Account& account, const http::ClientResponse& response) {
    Answer answer{classify(kSystem, response), nullptr, {}, false};
    if (response.transport != http::Transport::ok) return answer;
    Verdict& verdict = answer.verdict;
    if (response.status == kAcceptedLater) {
        verdict = Verdict{};
        verdict.meaning = Meaning::accepted;
        verdict.http_status = kAcceptedLater;
        answer.is_queued = true;
    }
    const bool accepted = verdict.meaning == Meaning::accepted;
    const std::string text = to_utf8(response);
    auto parsed = base::parse_json(text);
    if (!parsed || !parsed->is_object()) {
        if (accepted)
            verdict = malformed(describe_body(text));
        else
            judge_foreign(text, verdict);
        return answer;
    }
    answer.body = std::move(*parsed);
    const json::object& body = answer.body.get_object();
    answer.code = code_of(body);
    const std::string_view message = text_at(body, "errorMessage");
    if (accepted) {
        if (answer.code.empty() && message.empty()) return answer;
        verdict = Verdict{};
        verdict.reason = "Jasper answered an error inside a success";
    }
    if (is_refusal(verdict.meaning)) refine(account, answer.code, message, verdict);
    if (answer.code.empty() && message.empty() && verdict.http_status == kNotFound) {
        judge_foreign(text, verdict);
        return answer;
    }
    verdict.reason += ": " + (message.empty() ? describe_body(text) : excerpt(message));
    if (!answer.code.empty()) verdict.reason += " (" + excerpt(answer.code) + ')';
    return answer;
}

bool is_iccid(std::string_view text) {
    return text.size() >= kMinIccidDigits && text.size() <= kMaxIccidDigits &&
           base::all_digits(text);
}

bool is_about(const json::value& body, std::string_view iccid) {
    return body.is_object() && text_at(body.get_object(), "iccid") == iccid;
}

std::optional<Details> parse_details(const json::value& body, std::string_view iccid) {
    if (!is_about(body, iccid)) return std::nullopt;
    const json::object& object = body.get_object();
    const Details details{text_at(object, "status"), text_at(object, "ratePlan"),
                          text_at(object, "communicationPlan")};
    if (details.status.empty()) return std::nullopt;
    return details;
}

std::optional<bool> is_last_page(const json::object& body) {
    const json::value* found = body.if_contains("lastPage");
    if (found == nullptr) return std::nullopt;
    if (found->is_bool()) return found->get_bool();
    if (!found->is_string()) return std::nullopt;
    const std::string word = base::ascii_lower(std::string_view(found->get_string()));
    if (word == "true") return true;
    if (word == "false") return false;
    return std::nullopt;
}

std::optional<base::Instant> parse_date(std::string_view text) {
    std::string iso(base::trim(text));
    if (iso.size() == kDayLength + 1 && iso.back() == 'Z') iso.pop_back();
    if (iso.size() > kDayLength && iso[kDayLength] == ' ') iso[kDayLength] = 'T';
    constexpr std::size_t kZoneLength = 5;  // "+0000"
    const std::size_t zone = iso.size() - std::min(iso.size(), kZoneLength);
    if (zone > kDayLength && (iso[zone] == '+' || iso[zone] == '-')) {
        iso.insert(zone + 3, 1, ':');
    }
    const auto instant = base::parse_iso8601(iso);
    if (!instant) return std::nullopt;
    return *instant;
}

std::string wire_day(std::chrono::sys_days day) {
    return base::to_iso8601(day).substr(0, kDayLength) + 'Z';
}

std::string wire_time(base::Instant instant) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(instant);
    std::string text = base::to_iso8601(seconds);
    text.pop_back();  // "Z"
    return text + "%2B00:00";
}

}  // namespace carryall::carriers::jasper
