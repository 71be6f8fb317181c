#include "base/file_name.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/utf8.hpp"

namespace carryall::base {
namespace {

bool is_kept(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

}  // namespace

Result<void> check_file_name(std::string_view name) {
    const bool is_good =
        !name.empty() && name.size() <= kMaxFileNameBytes && is_utf8(name) &&
        std::none_of(name.begin(), name.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\';
        });
    if (is_good) return {};
    return invalid_input("must be a file's name without its folder, of at most " +
                         std::to_string(kMaxFileNameBytes) + " bytes");
}

std::string attachment_disposition(std::string_view file_name) {
    const bool is_plain = std::all_of(file_name.begin(), file_name.end(), [](char c) {
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
    });
    if (is_plain) return "attachment; filename=\"" + std::string(file_name) + '"';
    std::string value = "attachment; filename*=UTF-8''";
    for (const char c : file_name) {
        value +=
            is_kept(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return value;
}

}  // namespace carryall::base
