// Look-ups in requests and the makers of responses.
#include "http/message.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/text.hpp"

namespace carryall::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return base::ascii_lower(x) == base::ascii_lower(y); });
}

Response with_type(int status, std::string content_type) {
    Response response;
    response.status = status;
    response.headers.add("Content-Type", content_type);
    return response;
}

}  // namespace

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& [key, value] : items_) {
        if (same_name(key, name)) return value;
    }
    return std::nullopt;
}

void Headers::add(std::string_view name, std::string_view value) {
    items_.emplace_back(name, value);
}

void Headers::set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
}

void Headers::remove(std::string_view name) {
    std::erase_if(items_, [&](const auto& item) { return same_name(item.first, name); });
}

std::optional<std::string_view> Query::get(std::string_view name) const {
    for (const auto& [key, value] : items) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
    std::vector<std::string_view> out;
    for (const auto& [key, value] : items) {
        if (key == name) out.push_back(value);
    }
    return out;
}

std::string_view Request::header(std::string_view name) const {
    return headers.get(name).value_or(std::string_view{});
}

const std::string& Request::param(std::string_view name) const {
    const auto found = params.find(name);
    CHECK(found != params.end());
    return found->second;
}

Response Response::json(int status, std::string body) {
    Response response = with_type(status, "application/json");
    response.body = std::move(body);
    return response;
}

Response Response::text(int status, std::string body, std::string content_type) {
    Response response = with_type(status, std::move(content_type));
    response.body = std::move(body);
    return response;
}

Response Response::no_content() {
    Response response;
    response.status = 204;
    return response;
}

Response Response::file(FileBody file, std::string content_type) {
    Response response = with_type(200, std::move(content_type));
    response.body = std::move(file);
    return response;
}

Response Response::stream(StreamProducer producer, std::string content_type) {
    Response response = with_type(200, std::move(content_type));
    response.body = std::move(producer);
    return response;
}

Response Response::events(std::shared_ptr<SseSubscription> subscription) {
    Response response = with_type(200, "text/event-stream");
    response.headers.add("Cache-Control", "no-store");
    response.headers.add("X-Accel-Buffering", "no");  // nginx would hold events back otherwise
    response.body = std::move(subscription);
    return response;
}

}  // namespace carryall::http
