// Reads the settings and credentials of an account at an outside system. The first mistake is kept
// with the name of the setting; its value is never repeated, for it may be a secret. Every name
// that is asked for is remembered, so that a name that nobody asks for (a mistyped one) is found.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace carryall::carriers {

inline constexpr std::int64_t kDefaultTimeoutSeconds = 30;
inline constexpr std::int64_t kMaxTimeoutSeconds = 300;

class SettingsReader {
  public:
    SettingsReader(const base::json::object& settings, const base::json::object& credentials)
        : settings_(settings), credentials_(credentials) {}
    const base::json::object& settings() const { return settings_; }
    const base::json::object& credentials() const { return credentials_; }

    // Empty with an error if it is absent and there is no fallback. Whole numbers are taken as
    // text.
    std::string setting(std::string_view name, std::optional<std::string_view> fallback = {});
    std::string credential(std::string_view name);
    // As it is given, for lists and objects; nullptr: absent or null.
    const base::json::value* value(std::string_view name);
    // There are such a setting, such a credential, which others read.
    void note(std::string_view name);
    void note_credential(std::string_view name);
    // http:// or https://, with a host, without query and user; trailing slashes removed.
    std::string base_url(std::string_view name, std::optional<std::string_view> fallback = {});
    // A positive whole number, as a number or as text.
    std::int64_t id(std::string_view name);
    // A whole number in these bounds, as a number or as text.
    std::int64_t whole_number(std::string_view name, std::int64_t lowest, std::int64_t highest,
                              std::int64_t fallback);
    // true or false, also as text.
    bool flag(std::string_view name, bool fallback);
    // What is appended to the base URL: begins with '/', no query; trailing slashes removed.
    std::string path(std::string_view name, std::string_view fallback);
    // "timeoutSeconds": how long one call may take.
    std::chrono::milliseconds call_timeout();
    // A name that may stand in an HTTP header.
    std::string header_name(std::string_view name, std::string_view fallback);

    void fail(std::string_view name, std::string message);
    void fail_credential(std::string_view name, std::string message);
    // The first mistake: of a setting, else of a credential, else a credential that is missing.
    const std::optional<base::Error>& error() const;
    // Apart, for those who write one of them. What is missing is no mistake of the credentials.
    const std::optional<base::Error>& settings_error() const { return settings_error_; }
    const std::optional<base::Error>& credentials_error() const { return credentials_error_; }
    // A name that was not asked for, and those that were; after everything has been read.
    std::optional<base::Error> unknown_setting() const;
    std::optional<base::Error> unknown_credential() const;

  private:
    const base::json::object& settings_;
    const base::json::object& credentials_;
    std::vector<std::string> known_settings_;
    std::vector<std::string> known_credentials_;
    std::optional<base::Error> settings_error_;
    std::optional<base::Error> credentials_error_;
    std::optional<base::Error> missing_credential_;
};

// "Basic …" for the Authorization header.
std::string basic_authorization(std::string_view username, std::string_view password);

}  // namespace carryall::carriers
