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

bool is_absent(const base::json::value* value) {
    return value == nullptr || value->is_null() ||
           (value->is_string() && value->get_string().empty());
}

// Whole numbers are taken as text.
std::optional<std::string> as_text(const base::json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    if (value.is_int64()) return std::to_string(value.get_int64());
    return std::nullopt;
}

void keep(std::optional<base::Error>& first, std::string_view name, std::string message) {
    if (!first) first = base::invalid_input(std::move(message), std::string(name));
}

void remember(std::vector<std::string>& names, std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

std::optional<base::Error> unknown_name(const base::json::object& given,
                                        std::vector<std::string> known, std::string_view what) {
    for (const auto& [name, value] : given) {
        const std::string lower = base::ascii_lower(std::string_view(name));
        const bool is_known = std::any_of(known.begin(), known.end(), [&](const std::string& one) {
            return base::ascii_lower(std::string_view(one)) == lower;
        });
        if (is_known) continue;
        std::sort(known.begin(), known.end());
        std::string names;
        for (const std::string& one : known) names += (names.empty() ? "" : ", ") + one;
        return base::invalid_input("There is no " + std::string(what) + " \"" + std::string(name) +
                                       "\"; there are " + names,
                                   std::string(name));
    }
    return std::nullopt;
}

}  // namespace

void SettingsReader::fail(std::string_view name, std::string message) {
    keep(settings_error_, name, std::move(message));
}

void SettingsReader::fail_credential(std::string_view name, std::string message) {
    keep(credentials_error_, name, std::move(message));
}

const std::optional<base::Error>& SettingsReader::error() const {
    if (settings_error_) return settings_error_;
    return credentials_error_ ? credentials_error_ : missing_credential_;
}

std::optional<base::Error> SettingsReader::unknown_setting() const {
    return unknown_name(settings_, known_settings_, "setting");
}

std::optional<base::Error> SettingsReader::unknown_credential() const {
    return unknown_name(credentials_, known_credentials_, "credential");
}

void SettingsReader::note(std::string_view name) {
    remember(known_settings_, name);
}

void SettingsReader::note_credential(std::string_view name) {
    remember(known_credentials_, name);
}

const base::json::value* SettingsReader::value(std::string_view name) {
    note(name);
    const base::json::value* found = base::find_ignoring_case(settings_, name);
    return found == nullptr || found->is_null() ? nullptr : found;
}

std::string SettingsReader::setting(std::string_view name,
                                    std::optional<std::string_view> fallback) {
    const base::json::value* found = value(name);
    if (is_absent(found)) {
        if (fallback) return std::string(*fallback);
        fail(name, "The setting \"" + std::string(name) + "\" is missing");
        return {};
    }
    if (auto text = as_text(*found)) return std::move(*text);
    fail(name, "The setting \"" + std::string(name) + "\" must be a text");
    return {};
}

std::string SettingsReader::credential(std::string_view name) {
    note_credential(name);
    const base::json::value* found = base::find_ignoring_case(credentials_, name);
    if (is_absent(found)) {
        keep(missing_credential_, name, "The credential \"" + std::string(name) + "\" is missing");
        return {};
    }
    if (auto text = as_text(*found)) return std::move(*text);
    fail_credential(name, "The credential \"" + std::string(name) + "\" must be a text");
    return {};
}

std::string SettingsReader::base_url(std::string_view name,
                                     std::optional<std::string_view> fallback) {
    std::string url = setting(name, fallback);
    if (settings_error_) return url;
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
    if (settings_error_) return 0;
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
    const base::json::value* found = value(name);
    if (found == nullptr) return fallback;
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
    if (!settings_error_ && (!path.starts_with('/') || !is_visible_ascii(path) ||
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
    if (!settings_error_ && !is_token(header)) {
        fail(name, "The setting \"" + std::string(name) +
                       "\" must be a header name: letters, digits, '-' and '_'");
    }
    return header;
}

std::string basic_authorization(std::string_view username, std::string_view password) {
    return "Basic " + base::base64(std::string(username) + ':' + std::string(password));
}

}  // namespace carryall::carriers
