// Reading ThingSpace's answers.
#include "carriers/thingspace/wire.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "carriers/thingspace/options.hpp"

namespace carryall::carriers::thingspace {

namespace {

constexpr std::size_t kMaxRequestIdBytes = 100;
constexpr std::size_t kIccidKeyDigits = 19;  // the 20th is a check digit
constexpr std::size_t kImeiKeyDigits = 14;   // then a check digit, or a software version
constexpr std::size_t kMdnDigits = 10;

// Found anywhere in a code, without case; the first that fits decides.
struct Mark {
    std::string_view text;
    Fault fault;
};
constexpr std::array kMarks = {
    Mark{"sessiontoken.expired", Fault::session},
    Mark{"sessiontoken.invalid", Fault::session},
    Mark{"unexpectederror", Fault::unexpected},
    Mark{"request_onhold", Fault::unexpected},
    Mark{"devicealreadyactive", Fault::state},
    Mark{"devicestate", Fault::state},
    Mark{"devicenotfound", Fault::device},
    Mark{"device.kind", Fault::device},
    Mark{"device.identifier", Fault::device},
    Mark{"device.account", Fault::device},
    Mark{"account.notdefined", Fault::account},
    Mark{"accountname", Fault::account},
    Mark{"accountnotfound", Fault::account},
    Mark{"noaccounts", Fault::account},
    Mark{"multipleaccounts", Fault::account},
    Mark{"sessiontoken", Fault::account},
    Mark{".notfound", Fault::input},
    Mark{"ippool", Fault::input},
    Mark{"maxrequestsexceeded", Fault::input},
    Mark{"numberofdevices", Fault::input},
    Mark{"customfield", Fault::input},
    Mark{"deserialization", Fault::input},
    Mark{"input_invalid", Fault::input},
};

struct Said {
    std::string code;
    std::string text;
};

// Three shapes of an error: UWS, the gateway's fault, OAuth's.
Said what_it_says(const base::json::value& body) {
    if (const std::string code = text_at(body, "errorCode"); !code.empty()) {
        return {code, text_at(body, "errorMessage")};
    }
    if (const base::json::value* fault = member(body, "fault")) {
        std::string text = text_at(*fault, "message");
        if (text.empty()) text = text_at(*fault, "description");
        return {text_at(*fault, "code"), std::move(text)};
    }
    return {text_at(body, "error"), text_at(body, "error_description")};
}

constexpr int kBadRequest = 400;
constexpr int kUnauthorized = 401;
constexpr int kNotFound = 404;
constexpr std::string_view kTokenEnded = "900901";

// What the body adds to the status. Only a refusal becomes something else by it.
void refine(const Said& said, Judged& judged) {
    Verdict& verdict = judged.verdict;
    if (verdict.http_status == kUnauthorized && said.code == kTokenEnded) {
        judged.fault = Fault::session;
    } else if (verdict.meaning == Meaning::refused && !said.code.empty()) {
        judged.fault = fault_of(said.code);
        verdict.failure = failure_of(judged.fault);
        // The gateway's own refusals have numbers: no such resource.
        if (base::all_digits(said.code)) verdict.failure = FailureClass::system;
    } else if (verdict.http_status == kNotFound) {
        verdict.failure = FailureClass::system;  // the address is wrong, not the line
    }
    if (judged.fault == Fault::session) verdict.meaning = Meaning::not_sent;
    if (judged.fault == Fault::unexpected) verdict.meaning = Meaning::unclear;
}

bool equal_heads(std::string_view a, std::string_view b, std::size_t digits) {
    return a.size() >= digits && b.size() >= digits ? a.substr(0, digits) == b.substr(0, digits)
                                                    : a == b;
}

bool any_equal(const std::vector<std::string>& all, std::string_view wanted, std::size_t digits) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& one) { return equal_heads(one, wanted, digits); });
}

// 15550100123 and 5550100123 are one line of this carrier.
std::string_view without_country(std::string_view number) {
    return number.size() == kMdnDigits + 1 && number.front() == '1' ? number.substr(1) : number;
}

void add_once(std::vector<std::string>& all, std::string id) {
    if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(std::move(id));
}

}  // namespace

Fault fault_of(std::string_view code) {
    if (code.empty()) return Fault::none;
    const std::string lower = base::ascii_lower(code);
    for (const Mark& mark : kMarks) {
        if (lower.find(mark.text) != std::string::npos) return mark.fault;
    }
    return Fault::other;
}

FailureClass failure_of(Fault fault) {
    switch (fault) {
        case Fault::input:
            return FailureClass::validation;
        case Fault::account:
        case Fault::session:
            return FailureClass::system;
        case Fault::none:
        case Fault::unexpected:
        case Fault::state:
        case Fault::device:
        case Fault::other:
            break;
    }
    return FailureClass::business;
}

std::string fault_text(std::string_view code, std::string_view text) {
    // "UnifiedWebService." says nothing to a person.
    for (const std::string_view family : {"INPUT_INVALID", "REQUEST_"}) {
        const std::size_t at = code.find(family);
        if (at != std::string_view::npos) code = code.substr(at);
    }
    std::string out = excerpt(text);
    if (code.empty()) return out;
    if (out.empty()) return excerpt(code);
    return out + " (" + excerpt(code) + ')';
}

Verdict malformed(std::string_view what) {
    Verdict verdict;
    verdict.reason =
        "ThingSpace answered something that cannot be understood: " + std::string(what);
    return verdict;
}

Judged judge(const http::ClientResponse& response, const Account& account) {
    Judged judged{classify(kSystem, response), nullptr, Fault::none};
    if (response.transport != http::Transport::ok) return judged;
    Verdict& verdict = judged.verdict;
    if (response.status == number_setting(account, "throttleStatus")) {
        verdict.meaning = Meaning::throttled;
        verdict.failure = FailureClass::transient;
        verdict.whole_account = true;
    }
    constexpr int kAccepted = 202;
    if (response.status == kAccepted) verdict.meaning = Meaning::accepted;
    auto parsed = base::parse_json(response.body);
    const bool is_json = parsed && (parsed->is_object() || parsed->is_array());
    if (verdict.meaning == Meaning::accepted) {
        if (!is_json) {
            judged.verdict = malformed(describe_body(response.body));
        } else if (const Said said = what_it_says(*parsed); !said.code.empty()) {
            judged.verdict =
                malformed("an error inside a success: " + fault_text(said.code, said.text));
        } else {
            verdict.reason.clear();
            judged.body = std::move(*parsed);
        }
        return judged;
    }
    Said said;
    if (is_json) said = what_it_says(*parsed);
    refine(said, judged);
    std::string text = fault_text(said.code, said.text);
    if (text.empty()) text = describe_body(response.body);
    verdict.reason += ": " + text;
    return judged;
}

const base::json::value* member(const base::json::value& value, std::string_view name) {
    return value.is_object() ? base::find_ignoring_case(value.get_object(), name) : nullptr;
}

std::string text_of(const base::json::value* value) {
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(base::trim(value->get_string()));
    if (value->is_int64()) return std::to_string(value->get_int64());
    if (value->is_uint64()) return std::to_string(value->get_uint64());
    if (value->is_bool()) return value->get_bool() ? "true" : "false";
    return {};
}

std::string text_at(const base::json::value& value, std::string_view name) {
    return text_of(member(value, name));
}

std::string lower_at(const base::json::value& value, std::string_view name) {
    return base::ascii_lower(text_at(value, name));
}

std::vector<const base::json::value*> each_of(const base::json::value* value) {
    std::vector<const base::json::value*> all;
    if (value == nullptr || value->is_null()) return all;
    if (!value->is_array()) return {value};
    all.reserve(value->get_array().size());
    for (const base::json::value& element : value->get_array()) all.push_back(&element);
    return all;
}

void add_ids(const base::json::value* device_ids, Ids& ids) {
    for (const base::json::value* one : each_of(device_ids)) {
        std::string id = text_at(*one, "id");
        if (!base::all_digits(id)) continue;
        const std::string kind = base::ascii_lower(text_at(*one, "kind"));
        if (kind == "iccid") add_once(ids.iccids, std::move(id));
        if (kind == "imei") add_once(ids.imeis, std::move(id));
        if (kind == "mdn") add_once(ids.mdns, std::move(id));
        if (kind == "msisdn") add_once(ids.msisdns, std::move(id));
    }
}

bool is_about(const Ids& ids, const Line& line) {
    if (!ids.iccids.empty() && !line.iccid.empty()) {
        return any_equal(ids.iccids, line.iccid, kIccidKeyDigits);
    }
    if (!ids.imeis.empty() && !line.imei.empty()) {
        return any_equal(ids.imeis, line.imei, kImeiKeyDigits);
    }
    if (line.msisdn.empty()) return false;
    const auto is_its_number = [&](const std::string& number) {
        return without_country(number) == without_country(line.msisdn);
    };
    return std::any_of(ids.mdns.begin(), ids.mdns.end(), is_its_number) ||
           std::any_of(ids.msisdns.begin(), ids.msisdns.end(), is_its_number);
}

std::string number_of(const Ids& ids, const Account& account) {
    const bool with_country = text_setting(account, "phoneNumberForm") == "msisdn";
    if (with_country && !ids.msisdns.empty()) return ids.msisdns.front();
    if (!ids.mdns.empty()) {
        const std::string& mdn = ids.mdns.front();
        return with_country && mdn.size() == kMdnDigits ? '1' + mdn : mdn;
    }
    return ids.msisdns.empty() ? std::string() : std::string(without_country(ids.msisdns.front()));
}

std::string ip_address_at(const base::json::value& value) {
    std::string address = text_at(value, "ipAddress");
    return address == "0.0.0.0" ? std::string() : excerpt(address);
}

std::string request_id_at(const base::json::value& value) {
    const std::string id = lower_at(value, "requestId");
    const bool is_fit =
        id.size() <= kMaxRequestIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
        });
    return is_fit ? id : std::string();
}

std::string api_path(std::initializer_list<std::string_view> parts) {
    std::string path = "/m2m/v1";
    for (const std::string_view part : parts) path.append(part);
    return path;
}

std::optional<ListedLine> parse_listed_line(const base::json::value& row, const Account& account) {
    if (!row.is_object()) return std::nullopt;
    ListedLine line;
    add_ids(member(row, "deviceIds"), line.ids);
    line.account_name = text_at(row, "accountName");
    line.ip_address = ip_address_at(row);
    line.number = number_of(line.ids, account);
    for (const base::json::value* carrier : each_of(member(row, "carrierInformations"))) {
        line.state = text_at(*carrier, "state");
        line.service_plan = text_at(*carrier, "servicePlan");
        if (!line.state.empty()) break;
    }
    return line;
}

LineState state_of(std::string_view word) {
    const std::string plain = comparable_status(word);
    if (plain == "active" || plain == "activated") return LineState::active;
    if (plain == "suspend" || plain == "suspended") return LineState::suspended;
    if (plain == "deactive" || plain == "deactivated") return LineState::deactivated;
    if (plain == "preactive") return LineState::preactive;
    if (plain.find("pending") != std::string::npos) return LineState::pending;
    return LineState::other;
}

std::string platform_status(std::string_view word) {
    switch (state_of(word)) {
        case LineState::active:
            return "Active";
        case LineState::suspended:
            return "Suspended";
        case LineState::deactivated:
            return "Deactivated";
        case LineState::pending:
            return "Pending Activation";
        case LineState::preactive:
            return "Inventory";
        case LineState::other:
            break;
    }
    return std::string(word);
}

}  // namespace carryall::carriers::thingspace
