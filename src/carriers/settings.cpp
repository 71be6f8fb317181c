// Checks of settings: strict, because a wrong one is found here by a sentence or at the carrier by
// thousands of failed devices.
#include "carriers/settings.hpp"

#include <algorithm>

#include "base/secret.hpp"
#include "base/text.hpp"

namespace carryall::carriers {

namespace {

constexpr std::int64_t kMaxId = 2'147'483'647;

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

}  // namespace

void SettingsReader::fail(std::string_view name, std::string message) {
    if (!error_) error_ = base::invalid_input(std::move(message), std::string(name));
}

std::string SettingsReader::text(const base::json::object& from, std::string_view where,
                                 std::string_view name, std::optional<std::string_view> fallback) {
    const base::json::value* found = base::find_ignoring_case(from, name);
    if (found == nullptr || found->is_null() ||
        (found->is_string() && found->get_string().empty())) {
        if (fallback) return std::string(*fallback);
        fail(name, std::string(where) + " \"" + std::string(name) + "\" is missing");
        return {};
    }
    if (found->is_string()) return std::string(found->get_string());
    if (found->is_int64()) return std::to_string(found->get_int64());
    fail(name, std::string(where) + " \"" + std::string(name) + "\" must be a text");
    return {};
}

std::string SettingsReader::setting(std::string_view name,
                                    std::optional<std::string_view> fallback) {
    return text(settings_, "The setting", name, fallback);
}

std::string SettingsReader::credential(std::string_view name) {
    return text(credentials_, "The credential", name, {});
}

std::string SettingsReader::base_url(std::string_view name,
                                     std::optional<std::string_view> fallback) {
    std::string url = setting(name, fallback);
    if (error_) return url;
    while (!url.empty() && url.back() == '/') url.pop_back();
    const std::string_view view = url;
    const std::string lower = base::ascii_lower(view.substr(0, 8));
    const std::size_t start = lower.starts_with("https://")  ? 8
                              : lower.starts_with("http://") ? 7
                                                             : std::string_view::npos;
    if (start == std::string_view::npos || view.size() <= start || view[start] == '/' ||
        !is_visible_ascii(view) || view.find_first_of("?#@") != std::string_view::npos) {
        fail(name, "The setting \"" + std::string(name) +
                       "\" must be an address such as https://host/path, without query and user");
    }
    return url;
}

std::int64_t SettingsReader::id(std::string_view name) {
    const std::string digits = setting(name);
    if (error_) return 0;
    const auto value = base::parse_int(digits);
    if (!value || *value < 1 || *value > kMaxId) {
        fail(name, "The setting \"" + std::string(name) + "\" must be a positive whole number");
        return 0;
    }
    return *value;
}

std::int64_t SettingsReader::whole_number(std::string_view name, std::int64_t lowest,
                                          std::int64_t highest, std::int64_t fallback) {
    const auto value = base::parse_int(setting(name, std::to_string(fallback)));
    if (value && *value >= lowest && *value <= highest) return *value;
    fail(name, "The setting \"" + std::string(name) + "\" must be a whole number from " +
                   std::to_string(lowest) + " to " + std::to_string(highest));
    return fallback;
}

bool SettingsReader::flag(std::string_view name, bool fallback) {
    const base::json::value* found = base::find_ignoring_case(settings_, name);
    if (found == nullptr || found->is_null()) return fallback;
    if (found->is_bool()) return found->get_bool();
    const std::string text =
        found->is_string() ? base::ascii_lower(std::string_view(found->get_string())) : "";
    if (text != "true" && text != "false") {
        fail(name, "The setting \"" + std::string(name) + "\" must be true or false");
    }
    return text == "true";
}

std::string SettingsReader::path(std::string_view name, std::string_view fallback) {
    std::string path = setting(name, fallback);
    while (!path.empty() && path.back() == '/') path.pop_back();
    if (!error_ && (!path.starts_with('/') || !is_visible_ascii(path) ||
                    path.find_first_of("?#") != std::string::npos)) {
        fail(name, "The setting \"" + std::string(name) +
                       "\" must be a path such as /api/v1/service, without query");
    }
    return path;
}

std::chrono::milliseconds SettingsReader::call_timeout() {
    return std::chrono::seconds(
        whole_number("timeoutSeconds", 1, kMaxTimeoutSeconds, kDefaultTimeoutSeconds));
}

std::string SettingsReader::header_name(std::string_view name, std::string_view fallback) {
    std::string header = setting(name, fallback);
    if (!error_ && !is_token(header)) {
        fail(name, "The setting \"" + std::string(name) +
                       "\" must be a header name: letters, digits, '-' and '_'");
    }
    return header;
}

std::string basic_authorization(std::string_view username, std::string_view password) {
    return "Basic " + base::base64(std::string(username) + ':' + std::string(password));
}

}  // namespace carryall::carriers
