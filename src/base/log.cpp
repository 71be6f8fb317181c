// The one place where log lines leave the process.
#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <vector>

#include "base/clock.hpp"

namespace carryall::base::log {
namespace {

constexpr std::string_view kRedacted = "[redacted]";

// Names of fields, headers, JSON members and query parameters whose values are secret.
constexpr std::array<std::string_view, 14> kSecretNames = {
    "authorization", "password",   "passwd",        "secret",    "token",
    "apikey",        "x-api-key",  "app-secret",    "app-id",    "ocp-apim-subscription-key",
    "api_key",       "credential", "client_secret", "session-id"};

struct Settings {
    Level level = Level::info;
    Format format = Format::json;
    std::string process = "carryall";
};

Settings& settings() {
    static Settings instance;
    return instance;
}

spdlog::logger& sink() {
    static const auto logger = [] {
        auto instance = std::make_shared<spdlog::logger>(
            "carryall", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        // The record is serialised by Boost.JSON: a JSON pattern of spdlog's does not escape its
        // message.
        instance->set_pattern("%v");
        instance->flush_on(spdlog::level::trace);
        return instance;
    }();
    return *logger;
}

thread_local std::vector<std::pair<std::string, boost::json::value>> scope_fields;

std::string_view name_of(Level level) {
    constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
    return kNames[static_cast<std::size_t>(level)];
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_secret_name(std::string_view name) {
    std::string folded(name);
    std::transform(folded.begin(), folded.end(), folded.begin(), lower);
    return std::any_of(kSecretNames.begin(), kSecretNames.end(), [&](std::string_view secret) {
        return folded.find(secret) != std::string::npos;
    });
}

boost::json::value clean(std::string_view key, const boost::json::value& value) {
    if (is_secret_name(key)) return boost::json::value(kRedacted);
    if (value.is_string()) return boost::json::value(redact(value.get_string()));
    return value;
}

std::string as_text(const boost::json::object& record) {
    std::string line;
    for (const auto& [key, value] : record) {
        if (!line.empty()) line += ' ';
        if (key != "time" && key != "level" && key != "event") line.append(key).append("=");
        line += value.is_string() ? std::string(value.get_string()) : serialize(value);
    }
    return line;
}

// Where the value that starts at `start` ends: at its closing quote if quoted, else at a separator.
std::size_t end_of_value(std::string_view text, std::size_t start, bool quoted) {
    if (quoted) {
        std::size_t at = start;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        return std::min(at, text.size());
    }
    return std::min(text.find_first_of("\r\n&,;\"'}", start), text.size());
}

// After the name at [start, end): skips `":`, `=`, `: ` and an opening quote. npos if no value
// follows.
std::size_t start_of_value(std::string_view text, std::size_t end, bool& quoted) {
    std::size_t at = end;
    while (at < text.size() && (text[at] == '"' || text[at] == ' ' || text[at] == '\\')) ++at;
    if (at >= text.size() || (text[at] != ':' && text[at] != '=')) return std::string_view::npos;
    ++at;
    while (at < text.size() && text[at] == ' ') ++at;
    quoted = at < text.size() && text[at] == '"';
    return quoted ? at + 1 : at;
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

}  // namespace

std::string redact(std::string_view text) {
    std::string out;
    std::size_t copied = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        if (!is_word(text[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_word(text[end])) ++end;
        const std::string_view word = text.substr(at, end - at);
        bool quoted = false;
        std::size_t value = std::string_view::npos;
        if (is_secret_name(word)) {
            value = start_of_value(text, end, quoted);
        } else if ((word == "Basic" || word == "Bearer") && end < text.size() && text[end] == ' ') {
            value = end + 1;
        }
        if (value != std::string_view::npos) {
            end = end_of_value(text, value, quoted);
            out.append(text.substr(copied, value - copied)).append(kRedacted);
            copied = end;
        }
        at = end;
    }
    out.append(text.substr(copied));
    return out;
}

void configure(Level level, Format format) {
    settings().level = level;
    settings().format = format;
}

void set_process_name(std::string name) {
    settings().process = std::move(name);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (level < settings().level) return;
    boost::json::object record;
    record["time"] = to_iso8601(system_clock().now());
    record["level"] = name_of(level);
    record["event"] = event;
    record["process"] = settings().process;
    for (const auto& [key, value] : scope_fields) record[key] = clean(key, value);
    for (const Field& field : fields) record[field.key] = clean(field.key, field.value);
    const std::string line =
        settings().format == Format::json ? serialize(record) : as_text(record);
    sink().info("{}", line);
}

Scope::Scope(std::initializer_list<Field> fields) : added_(fields.size()) {
    for (const Field& field : fields) scope_fields.emplace_back(field.key, field.value);
}

Scope::~Scope() {
    scope_fields.resize(scope_fields.size() - added_);
}

}  // namespace carryall::base::log
