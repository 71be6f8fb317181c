// Reads and parses; a mistake names the file or the argument.
#include "app/json_file.hpp"

#include <filesystem>
#include <fstream>

namespace carryall::app {
namespace {

namespace json = base::json;

// A JSON request is parsed here, so it is held in memory; files of devices are not.
constexpr std::uintmax_t kMaxJsonFileBytes = 256U << 20;

base::Result<json::object> read_file(const std::string& file,
                                     base::Result<json::value> (*parse)(std::string_view text)) {
    std::error_code failed;
    const std::uintmax_t bytes = std::filesystem::file_size(file, failed);
    std::ifstream stream(file, std::ios::binary);
    if (failed || !stream) return base::invalid_input("this file cannot be read", file);
    if (bytes > kMaxJsonFileBytes) {
        return base::Error{base::ErrorKind::too_large,
                           "a JSON request may have " + std::to_string(kMaxJsonFileBytes) +
                               " bytes; send the devices as a CSV file",
                           file};
    }
    std::string text(static_cast<std::size_t>(bytes), '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    auto parsed = parse(text);
    if (!parsed) return base::invalid_input("no JSON: " + parsed.error().message, file);
    if (!parsed->is_object()) return base::invalid_input("must be a JSON object", file);
    return std::move(parsed->get_object());
}

}  // namespace

base::Result<json::object> read_json_file(const std::string& file) {
    return read_file(file, base::parse_json);
}

base::Result<json::object> read_exact_json_file(const std::string& file) {
    return read_file(file, base::parse_json_exactly);
}

base::Result<json::object> members_of(const std::vector<std::string>& texts) {
    json::object members;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            return base::invalid_input(
                "write name=value, or name:=value where the value is JSON, not \"" + text + '"');
        }
        if (text[equals - 1] != ':') {
            members[text.substr(0, equals)] = text.substr(equals + 1);
            continue;
        }
        auto value = base::parse_json(text.substr(equals + 1));
        if (!value) return base::invalid_input(value.error().message, text.substr(0, equals - 1));
        members[text.substr(0, equals - 1)] = std::move(*value);
    }
    return members;
}

}  // namespace carryall::app
