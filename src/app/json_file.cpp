// Reads and parses; a mistake names the file.
#include "app/json_file.hpp"

#include <filesystem>
#include <fstream>

namespace carryall::app {
namespace {

namespace json = base::json;

// A JSON request is parsed here, so it is held in memory; files of devices are not.
constexpr std::uintmax_t kMaxJsonFileBytes = 256U << 20;

}  // namespace

base::Result<json::object> read_json_file(const std::string& file) {
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
    auto parsed = base::parse_json(text);
    if (!parsed) return base::invalid_input("no JSON: " + parsed.error().message, file);
    if (!parsed->is_object()) return base::invalid_input("must be a JSON object", file);
    return std::move(parsed->get_object());
}

}  // namespace carryall::app
