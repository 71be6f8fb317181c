#include "mail/message.hpp"

#include <algorithm>
#include <fmt/chrono.h>

#include "base/secret.hpp"
#include "base/utf8.hpp"

namespace carryall::mail {
namespace {

constexpr std::size_t kMaxLocalBytes = 64;
// An encoded word has at most 75 characters: "=?UTF-8?B?" and "?=" leave 63, which is base64 of 45.
constexpr std::size_t kWordBytes = 45;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_local_part(std::string_view text) {
    constexpr std::string_view kSymbols = "!#$%&'*+-/=?^_`{|}~.";
    return !text.empty() && text.size() <= kMaxLocalBytes && text.front() != '.' &&
           text.back() != '.' && text.find("..") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_alphanumeric(c) || kSymbols.find(c) != std::string_view::npos;
           });
}

bool is_domain(std::string_view text) {
    return text.find('.') != std::string_view::npos && text.find("..") == std::string_view::npos &&
           is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

// Whole characters, as many as fit; a byte that is none counts as one.
std::string_view front_characters(std::string_view text, std::size_t bytes) {
    std::size_t taken = 0;
    while (taken < text.size()) {
        const std::size_t size = std::max<std::size_t>(base::utf8_size(text.substr(taken)), 1);
        if (taken + size > bytes) break;
        taken += size;
    }
    return text.substr(0, taken);
}

}  // namespace

base::Result<void> check_address(std::string_view address) {
    const auto at = address.rfind('@');
    if (address.size() <= kMaxAddressBytes && at != std::string_view::npos &&
        at + 1 < address.size() && is_local_part(address.substr(0, at)) &&
        is_domain(address.substr(at + 1))) {
        return {};
    }
    return base::invalid_input("must be one mail address, such as night.shift@example.com");
}

std::string subject_header(std::string_view subject) {
    std::string clean(front_characters(subject, kMaxSubjectBytes));
    bool is_plain = clean.find("=?") == std::string::npos;
    for (char& c : clean) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) c = ' ';
        if (byte >= 0x80) is_plain = false;
    }
    if (is_plain) return clean;
    std::string header;
    for (std::string_view rest = clean; !rest.empty();) {
        const std::string_view word = front_characters(rest, kWordBytes);
        header += (header.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") + base::base64(word) + "?=";
        rest.remove_prefix(word.size());
    }
    return header;
}

std::string date_header(base::Instant date) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(date);
    return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000",
                       fmt::gmtime(seconds.time_since_epoch().count()));
}

}  // namespace carryall::mail
