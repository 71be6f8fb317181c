// Paged by headers. Without the number of pages the end of the list cannot be told from a page that
// was cut short.
#include "carriers/telegence/subscriber_list.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

constexpr const char* kPageTotal = "page-total";
constexpr const char* kRefreshed = "refresh-timestamp";

std::optional<ListedSubscriber> parse_row(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return std::nullopt;
    ListedSubscriber row;
    row.number = member_text(*object, "subscriberNumber");
    if (row.number.empty()) return std::nullopt;
    if (auto number = wire_number(row.number)) {
        row.number = std::move(*number);
        row.is_addressable = true;
    }
    row.fan = member_text(*object, "foundationAccountNumber");
    row.ban = member_text(*object, "billingAccountNumber");
    row.status = member_text(*object, "subscriberNumberStatus");
    return row;
}

}  // namespace

Call list_subscribers(const Account& account, std::int64_t page) {
    Call call;
    call.path = subscriber_list_path(account);
    call.operation = "List Subscribers";
    call.changes_state = false;
    call.timeout = account.call_timeout;
    call.headers = {{"current-page", std::to_string(page)},
                    {"page-size", std::to_string(page_size(account))}};
    call.answer_headers = {kPageTotal, kRefreshed};
    return call;
}

std::optional<std::vector<ListedSubscriber>> parse_subscribers(const json::value& body) {
    const auto* array = body.if_array();
    if (array == nullptr) return std::nullopt;
    std::vector<ListedSubscriber> rows;
    rows.reserve(array->size());
    for (const json::value& value : *array) {
        auto row = parse_row(value);
        if (!row) return std::nullopt;
        rows.push_back(std::move(*row));
    }
    // One odd number is a line that we cannot address; nothing but odd ones is no list.
    const bool is_nonsense =
        !rows.empty() && std::none_of(rows.begin(), rows.end(), [](const ListedSubscriber& row) {
            return row.is_addressable;
        });
    if (is_nonsense) return std::nullopt;
    return rows;
}

std::optional<std::int64_t> pages_of_list(const http::ClientResponse& response) {
    const std::string* text = response.header(kPageTotal);
    const auto total = text != nullptr ? base::parse_int(*text) : std::nullopt;
    return total && *total >= 0 ? total : std::nullopt;
}

std::optional<base::Instant> moment_of_list(const http::ClientResponse& response) {
    const std::string* text = response.header(kRefreshed);
    if (text == nullptr) return std::nullopt;
    const auto moment = base::parse_iso8601(base::trim(*text));
    return moment ? std::optional(*moment) : std::nullopt;
}

}  // namespace carryall::carriers::telegence
