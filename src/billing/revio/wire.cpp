// Reading Rev.io's answers.
#include "billing/revio/wire.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "billing/revio/charge_reading.hpp"

namespace carryall::billing::revio {

namespace {

namespace json = base::json;
using carriers::Meaning;
using carriers::Verdict;

constexpr std::string_view kSystem = "Rev.io";
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::size_t kMaxMessages = 5;
constexpr std::size_t kDateBytes = 10;

const json::value* member(const json::value& value, std::string_view name) {
    return value.is_object() ? value.get_object().if_contains(name) : nullptr;
}

std::string text_at(const json::value& value, std::string_view name) {
    const json::value* found = member(value, name);
    if (found == nullptr) return {};
    if (found->is_string()) return std::string(found->get_string());
    if (found->is_int64()) return std::to_string(found->get_int64());
    return {};
}

std::optional<std::int64_t> integer_at(const json::value& value, std::string_view name) {
    const json::value* found = member(value, name);
    if (found == nullptr) return std::nullopt;
    if (found->is_int64()) return found->get_int64();
    if (found->is_string()) return base::parse_int(found->get_string());
    return std::nullopt;
}

// Of an id that may be absent: null and 0 are none.
std::optional<std::int64_t> reference_at(const json::value& value, std::string_view name) {
    const auto id = integer_at(value, name);
    return id == 0 ? std::nullopt : id;
}

std::optional<base::Money> amount_at(const json::value& value, std::string_view name) {
    const json::value* found = member(value, name);
    if (found == nullptr) return std::nullopt;
    if (!found->is_string()) return base::Money::from_json(*found);
    const auto amount = base::Money::parse(found->get_string());
    return amount ? std::optional(*amount) : std::nullopt;
}

std::string date_at(const json::value& value, std::string_view name) {
    return text_at(value, name).substr(0, kDateBytes);
}

bool is_true(const json::value& value, std::string_view name) {
    const json::value* found = member(value, name);
    return found != nullptr && found->is_bool() && found->get_bool();
}

bool is_false(const json::value& value, std::string_view name) {
    const json::value* found = member(value, name);
    return found != nullptr && found->is_bool() && !found->get_bool();
}

std::string message_of(const json::value& body, std::string_view raw) {
    std::string said;
    const auto add = [&said](const json::value& error) {
        std::string text = text_at(error, "message");
        if (text.empty()) text = text_at(error, "error");
        if (text.empty()) return;
        if (!said.empty()) said += "; ";
        said += text;
    };
    if (body.is_array()) {
        const json::array& errors = body.get_array();
        for (std::size_t i = 0; i < std::min(errors.size(), kMaxMessages); ++i) add(errors[i]);
    } else {
        add(body);
    }
    return said.empty() ? carriers::describe_body(raw) : carriers::excerpt(said);
}

// The first number in the gateway's sentence: "Try again in 17 seconds", or a time "05:12:44".
std::optional<std::chrono::seconds> wait_in(std::string_view message) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    std::size_t at = 0;
    while (at < message.size() && !is_digit(message[at])) ++at;
    std::int64_t total = 0;
    int parts = 0;
    while (at < message.size() && is_digit(message[at]) && parts < 3) {
        std::size_t end = at;
        while (end < message.size() && is_digit(message[end])) ++end;
        const auto part = base::parse_int(message.substr(at, end - at));
        if (!part || *part > kSecondsPerDay) return std::nullopt;
        total = total * 60 + *part;
        ++parts;
        if (end + 1 >= message.size() || message[end] != ':') break;
        at = end + 1;
    }
    if (parts == 0) return std::nullopt;
    // One second more, as the original system waited: the gateway rounds down.
    return std::chrono::seconds(std::min(total, kSecondsPerDay) + 1);
}

// 429, and 403 for the daily quota: refused by the gateway in front of Rev.io, for the whole
// account.
void look_for_limit(const json::value& body, const std::string& message, Verdict& verdict) {
    const auto gateway_status = integer_at(body, "statusCode");
    const bool is_quota = verdict.meaning == Meaning::unauthorized && gateway_status == 403 &&
                          base::ascii_lower(message).find("quota") != std::string::npos;
    if (is_quota) {
        verdict.meaning = Meaning::throttled;
        verdict.failure = carriers::FailureClass::transient;
        verdict.whole_account = true;
    }
    if (verdict.meaning == Meaning::throttled && !verdict.retry_after) {
        verdict.retry_after = wait_in(message);
    }
}

// "ok": false with a 2xx, alone or in an array.
bool says_not_ok(const json::value& body) {
    if (body.is_array()) {
        return !body.get_array().empty() && is_false(body.get_array().front(), "ok");
    }
    return is_false(body, "ok");
}

template <class T, class Read>
std::optional<Page<T>> parse_page(const json::value& body, Read read) {
    const json::value* records = member(body, "records");
    const json::value* more = member(body, "has_more");
    if (!is_true(body, "ok") || records == nullptr || !records->is_array() || more == nullptr ||
        !more->is_bool()) {
        return std::nullopt;
    }
    Page<T> page;
    page.has_more = more->get_bool();
    for (const json::value& record : records->get_array()) {
        std::optional<T> item = read(record);
        if (!item) return std::nullopt;
        page.records.push_back(std::move(*item));
    }
    return page;
}

}  // namespace

Verdict malformed(std::string_view what) {
    Verdict verdict;
    verdict.reason = "Rev.io answered something that cannot be understood: " + std::string(what);
    return verdict;
}

Answer judge(const http::ClientResponse& response) {
    Answer answer{carriers::classify(kSystem, response), nullptr};
    if (response.transport != http::Transport::ok) return answer;
    auto parsed = base::parse_json(response.body);
    if (parsed) answer.body = std::move(*parsed);
    Verdict& verdict = answer.verdict;
    if (verdict.meaning == Meaning::accepted) {
        if (parsed && says_not_ok(answer.body)) {
            verdict.meaning = Meaning::refused;
            verdict.failure = carriers::FailureClass::validation;
            verdict.reason = "Rev.io refused: " + message_of(answer.body, response.body);
        } else if (!answer.body.is_object()) {
            verdict = malformed(carriers::describe_body(response.body));
        }
        return answer;
    }
    const std::string message = message_of(answer.body, response.body);
    verdict.reason += ": " + message;
    look_for_limit(answer.body, message, verdict);
    return answer;
}

std::optional<std::int64_t> created_id(const json::value& body) {
    const auto id = integer_at(body, "id");
    if (!is_true(body, "ok") || !id || *id < 1) return std::nullopt;
    return id;
}

std::optional<Page<Service>> parse_services(const json::value& body) {
    return parse_page<Service>(body, [](const json::value& record) -> std::optional<Service> {
        const auto id = integer_at(record, "service_id");
        const auto customer = integer_at(record, "customer_id");
        if (!id || !customer) return std::nullopt;
        Service service;
        service.id = *id;
        service.customer_id = *customer;
        service.number = text_at(record, "number");
        service.number2 = text_at(record, "number2");
        service.description = text_at(record, "description");
        service.activated_date = date_at(record, "activated_date");
        const json::value* end = member(record, "disconnected_date");
        service.is_active =
            end == nullptr || end->is_null() || (end->is_string() && end->get_string().empty());
        return service;
    });
}

std::optional<Page<ServiceProduct>> parse_service_products(const json::value& body) {
    return parse_page<ServiceProduct>(
        body, [](const json::value& record) -> std::optional<ServiceProduct> {
            const auto id = integer_at(record, "service_product_id");
            const auto service = integer_at(record, "service_id");
            const auto product = integer_at(record, "product_id");
            const std::string status = text_at(record, "status");
            if (!id || !service || !product || status.empty()) return std::nullopt;
            return ServiceProduct{*id, *service, *product,
                                  status != "DISCONNECTED" && status != "DENIED"};
        });
}

std::optional<Page<ChargeRecord>> parse_charges(const json::value& body) {
    auto page = parse_page<ChargeRecord>(
        body, [](const json::value& record) -> std::optional<ChargeRecord> {
            const auto id = integer_at(record, "charge_id");
            const auto customer = integer_at(record, "customer_id");
            if (!id || *id < 1 || !customer) return std::nullopt;
            ChargeRecord charge;
            charge.charge_id = *id;
            charge.customer_id = *customer;
            charge.service_id = reference_at(record, "service_id");
            charge.product_id = reference_at(record, "product_id");
            charge.product_type_id = reference_at(record, "product_type_id");
            charge.bill_id = reference_at(record, "bill_id");
            charge.amount = amount_at(record, "amount");
            charge.description = text_at(record, "description");
            charge.start_date = date_at(record, "start_date");
            charge.end_date = date_at(record, "end_date");
            charge.created_date = text_at(record, "created_date");
            return charge;
        });
    const auto count = integer_at(body, "record_count");
    if (!page || (count && *count != static_cast<std::int64_t>(page->records.size()))) {
        return std::nullopt;
    }
    return page;
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
        if (plain) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

std::optional<std::string> wire_date(std::string_view text) {
    const std::string_view date = text.substr(0, kDateBytes);
    if (date.size() != kDateBytes || !base::parse_iso8601(date)) return std::nullopt;
    if (text.size() > kDateBytes && text[kDateBytes] != 'T' && text[kDateBytes] != 'Z' &&
        text[kDateBytes] != ' ') {
        return std::nullopt;
    }
    return std::string(date) + 'Z';
}

}  // namespace carryall::billing::revio
