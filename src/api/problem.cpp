// Builds the problem documents.
#include "api/problem.hpp"

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "http/problem.hpp"

namespace carryall::api {
namespace {

using base::Error;
using base::ErrorKind;
namespace json = base::json;

// Messages of these kinds may name hosts, tables or files; they go to the log, not to the caller.
std::string_view public_detail(const Error& error) {
    switch (error.kind) {
        case ErrorKind::internal:
            return "Something went wrong on our side and was written to the log. Give the instance "
                   "of this answer to whoever runs this server.";
        case ErrorKind::unavailable:
            return "A part that this needs does not answer at the moment. Nothing was changed by "
                   "this request that is not complete; try again after the seconds of Retry-After.";
        case ErrorKind::timeout:
            return "This took longer than it may. Look at the present state before you try again.";
        default:
            return error.message;
    }
}

// A mistake at a pointer says only what is wrong ("is required"); alone, it needs its subject.
std::string summary_of(const Error& first) {
    const std::string_view detail = public_detail(first);
    const bool lacks_subject = first.where.starts_with('/') && !detail.empty() &&
                               detail.front() >= 'a' && detail.front() <= 'z';
    return lacks_subject ? first.where.substr(1) + ' ' + std::string(detail) : std::string(detail);
}

std::string_view title_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid_input:
            return "The request is not valid";
        case ErrorKind::unauthenticated:
            return "A valid API token is needed";
        case ErrorKind::forbidden:
            return "This is not for this token to do";
        case ErrorKind::not_found:
            return "Not found";
        case ErrorKind::conflict:
            return "This contradicts the present state";
        case ErrorKind::too_large:
            return "Too large";
        case ErrorKind::rate_limited:
            return "Too many requests";
        case ErrorKind::unavailable:
            return "Not available at the moment";
        case ErrorKind::timeout:
            return "No answer in time";
        case ErrorKind::internal:
            return "Our fault";
    }
    return "Error";
}

bool is_about_the_inside(ErrorKind kind) {
    return kind == ErrorKind::internal || kind == ErrorKind::unavailable ||
           kind == ErrorKind::timeout;
}

json::array items_of(const std::vector<Error>& errors) {
    json::array items;
    for (const Error& error : errors) {
        if (items.size() == kMaxProblemItems) break;
        if (error.where.empty() && errors.size() == 1) continue;  // the detail says it all
        json::object item = place_of(error.where);
        item["detail"] = public_detail(error);
        items.push_back(std::move(item));
    }
    return items;
}

}  // namespace

std::string problem_urn(ErrorKind kind) {
    return "urn:carryall:problem:" + std::string(base::to_string(kind));
}

json::object place_of(std::string_view where) {
    json::object place;
    const auto after = [&where](std::string_view prefix) -> std::optional<std::string_view> {
        if (!where.starts_with(prefix)) return std::nullopt;
        return where.substr(prefix.size());
    };
    if (where.empty()) return place;
    if (where.front() == '/') {
        place["pointer"] = where;
    } else if (const auto row = after("row ")) {
        const std::size_t comma = row->find(", column ");
        const auto number = base::parse_int(row->substr(0, comma));
        if (!number) {
            place["where"] = where;
            return place;
        }
        place["row"] = *number;
        if (comma != std::string_view::npos) {
            place["column"] = row->substr(comma + std::string_view(", column ").size());
        }
    } else if (const auto parameter = after("parameter ")) {
        place["parameter"] = *parameter;
    } else if (const auto header = after("header ")) {
        place["header"] = *header;
    } else {
        place["where"] = where;
    }
    return place;
}

http::Response problem_response(const std::vector<Error>& errors, std::string_view request_id) {
    CHECK(!errors.empty());
    const Error& first = errors.front();
    const int status = http::status_of(first.kind);
    if (is_about_the_inside(first.kind)) {
        base::log::write(
            first.kind == ErrorKind::internal ? base::log::Level::error : base::log::Level::warning,
            "request_failed",
            {{"kind", base::to_string(first.kind)},
             {"error", first.message},
             {"where", first.where},
             {"requestId", request_id}});
    }
    json::object body{{"type", problem_urn(first.kind)},
                      {"title", title_of(first.kind)},
                      {"status", status},
                      {"detail", summary_of(first)},
                      {"instance", request_id}};
    if (!is_about_the_inside(first.kind)) {
        json::array items = items_of(errors);
        if (!items.empty()) body["errors"] = std::move(items);
        if (errors.size() > kMaxProblemItems) {
            body["moreErrors"] = errors.size() - kMaxProblemItems;
        }
    }
    http::Response response = http::Response::json(status, json::serialize(body));
    response.headers.set("Content-Type", kProblemType);
    if (first.kind == ErrorKind::unavailable) {
        response.headers.set("Retry-After", std::to_string(kUnavailableRetrySeconds));
    }
    if (first.kind == ErrorKind::unauthenticated) {
        response.headers.set("WWW-Authenticate", "Bearer realm=\"carryall\"");
    }
    return response;
}

http::Response problem_response(const Error& error, std::string_view request_id) {
    return problem_response(std::vector<Error>{error}, request_id);
}

void complete_problem(http::Response& response, std::string_view request_id) {
    if (response.status < 400) return;
    auto* text = std::get_if<std::string>(&response.body);
    if (text == nullptr || text->find("urn:carryall:problem:") != std::string::npos) return;
    const auto type = response.headers.get("Content-Type");
    if (!type || !type->starts_with(kProblemType)) return;
    const auto parsed = base::parse_json(*text);
    if (!parsed || !parsed->is_object()) return;
    json::object body{{"type", problem_urn(http::kind_of(response.status))}};
    for (const auto& [key, value] : parsed->get_object()) {
        if (key != "type" && key != "instance" && key != "requestId" && key != "request_id") {
            body[key] = value;
        }
    }
    if (!request_id.empty()) body["instance"] = request_id;
    *text = json::serialize(body);
}

}  // namespace carryall::api
