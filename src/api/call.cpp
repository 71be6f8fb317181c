// Reading requests and writing plain answers.
#include "api/call.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace carryall::api {
base::Error bad_parameter(std::string_view name, std::string message) {
    return base::invalid_input(std::move(message), "parameter " + std::string(name));
}

base::Result<std::int64_t> Call::id(std::string_view name, std::string_view what) const {
    const auto value = base::parse_int(request.param(name));
    if (!value || *value <= 0) return base::not_found("There is no such " + std::string(what));
    return *value;
}

std::optional<std::string> Call::query(std::string_view name) const {
    const auto value = request.query.get(name);
    if (!value || value->empty()) return std::nullopt;
    return std::string(*value);
}

base::Result<std::optional<std::int64_t>> Call::query_integer(std::string_view name) const {
    const auto text = query(name);
    if (!text) return std::optional<std::int64_t>();
    const auto value = base::parse_int(*text);
    if (!value) return bad_parameter(name, std::string(name) + " must be a whole number");
    return value;
}

base::Result<std::optional<bool>> Call::query_flag(std::string_view name) const {
    const auto text = query(name);
    if (!text) return std::optional<bool>();
    if (*text == "true") return std::optional<bool>(true);
    if (*text == "false") return std::optional<bool>(false);
    return bad_parameter(name, std::string(name) + " must be true or false");
}

base::Result<std::optional<base::Instant>> Call::query_instant(std::string_view name) const {
    const auto text = query(name);
    if (!text) return std::optional<base::Instant>();
    const auto value = base::parse_iso8601(*text);
    if (!value) return bad_parameter(name, value.error().message);
    return std::optional<base::Instant>(*value);
}

base::Result<tenants::PageRequest> Call::page() const {
    tenants::PageRequest page;
    const auto limit = query_integer("limit");
    if (!limit) return limit.error();
    if (*limit) {
        if (**limit < 1 || **limit > tenants::kMaxPageLimit) {
            return bad_parameter(
                "limit", "limit must be between 1 and " + std::to_string(tenants::kMaxPageLimit));
        }
        page.limit = static_cast<int>(**limit);
    }
    page.token = query("pageToken").value_or("");
    return page;
}

namespace {

base::Result<void> check_json_body(const std::string& body) {
    if (body.empty()) {
        return base::invalid_input("the body is empty; a JSON object is expected");
    }
    // PostgreSQL's text cannot hold U+0000, and no name or number of ours has it.
    if (body.find("\\u0000") != std::string::npos) {
        return base::invalid_input("the body holds the character U+0000, which no field takes");
    }
    return {};
}

}  // namespace

base::Result<base::json::value> Call::json_body() const {
    CARRYALL_TRY(check_json_body(request.body));
    return base::parse_json(request.body);
}

base::Result<base::json::value> Call::exact_json_body() const {
    CARRYALL_TRY(check_json_body(request.body));
    return base::parse_json_exactly(request.body);
}

std::optional<std::string> Call::header(std::string_view name) const {
    const std::string_view value = request.header(name);
    if (value.empty()) return std::nullopt;
    return std::string(value);
}

http::Response json_response(const base::json::value& body, int status) {
    return http::Response::json(status, base::json::serialize(body));
}

http::Response page_response(base::json::array items, const std::string& next_page_token) {
    base::json::object body{{"items", std::move(items)}};
    if (!next_page_token.empty()) body["nextPageToken"] = next_page_token;
    return json_response(body);
}

}  // namespace carryall::api
