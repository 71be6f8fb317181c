#include "files/s3_rules.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"

namespace carryall::files {
namespace {

using base::Error;
using base::ErrorKind;

// As slow as a line may be before a transfer is given up.
constexpr std::uint64_t kLeastBytesPerSecond = 256 * 1'024;
constexpr std::chrono::seconds kBesidesTheBytes{60};

std::string encoded(std::string_view text, std::string_view kept = {}) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    constexpr std::string_view kUnreserved = "-._~";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            kUnreserved.find(c) != std::string_view::npos || kept.find(c) != std::string_view::npos;
        if (is_plain) {
            out += c;
        } else {
            out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return out;
}

std::string content_of(std::string_view body, std::string_view tag) {
    const std::string begin = "<" + std::string(tag) + ">";
    const auto at = body.find(begin);
    if (at == std::string_view::npos) return {};
    body.remove_prefix(at + begin.size());
    const auto end = body.find('<');
    return end == std::string_view::npos ? std::string() : std::string(body.substr(0, end));
}

// What a person can mend.
struct Advice {
    std::string_view code;
    std::string_view text;
};
constexpr std::array<Advice, 11> kAdvice = {{
    {"NoSuchBucket", "the bucket does not exist: make it, or correct files.s3_bucket"},
    {"InvalidAccessKeyId", "the service does not know files.s3_access_key"},
    {"SignatureDoesNotMatch", "files.s3_secret_key is not the one of files.s3_access_key"},
    {"RequestTimeTooSkewed",
     "the clock of this machine is wrong by more than the service allows: let it be set by NTP"},
    {"RequestExpired",
     "the clock of this machine is wrong by more than the service allows: let it be set by NTP"},
    {"AccessDenied",
     "files.s3_access_key may not do this: allow it s3:PutObject and s3:GetObject in the bucket "
     "and s3:ListBucket on it (without the last, an absent file looks forbidden)"},
    {"AuthorizationHeaderMalformed", "files.s3_region is not the region of the bucket"},
    {"PermanentRedirect", "the bucket is elsewhere: correct files.s3_endpoint and files.s3_region"},
    {"TemporaryRedirect", "the bucket is elsewhere: correct files.s3_endpoint and files.s3_region"},
    {"InvalidBucketName", "files.s3_bucket cannot be the name of a bucket"},
    {"QuotaExceeded", "the bucket is full: free some of it, or raise its quota"},
}};

bool is_passing(int status, std::string_view code) {
    return status >= 500 || status == 429 || code == "SlowDown" || code == "RequestTimeout" ||
           code == "OperationAborted";
}

}  // namespace

std::string s3_url(const S3Settings& settings, std::string_view key, const S3Query& query) {
    CHECK(std::is_sorted(query.begin(), query.end()));
    std::string url = settings.endpoint;
    if (settings.path_style) {
        url += "/" + encoded(settings.bucket) + (key.empty() ? "" : "/");
    } else {
        url.insert(url.find("://") + 3, settings.bucket + ".");
        url += '/';
    }
    url += encoded(key, "/");
    char before = '?';
    for (const auto& [name, value] : query) {
        url += before + encoded(name) + "=" + encoded(value);
        before = '&';
    }
    return url;
}

std::chrono::milliseconds transfer_time(std::uint64_t bytes) {
    return kBesidesTheBytes + std::chrono::seconds(bytes / kLeastBytesPerSecond);
}

std::string s3_error_code(std::string_view body) {
    return content_of(body, "Code");
}

bool is_absent(const http::ClientResponse& response) {
    return response.transport == http::Transport::ok && response.status == 404 &&
           s3_error_code(response.body) == "NoSuchKey";
}

Error s3_failure(const S3Settings& settings, const http::ClientResponse& response) {
    const std::string where = "S3 bucket " + settings.bucket + " at " + settings.endpoint + ": ";
    if (response.transport == http::Transport::timeout) {
        return {ErrorKind::timeout, where + "no answer within the time allowed", {}};
    }
    if (response.transport == http::Transport::not_sent) {
        return base::unavailable(where + "cannot be reached (" + response.reason +
                                 "); if it stays so, correct files.s3_endpoint");
    }
    if (response.transport != http::Transport::ok) {
        return base::unavailable(where + "the connection was lost (" + response.reason + ")");
    }
    const std::string code = s3_error_code(response.body);
    const std::string answer =
        std::to_string(response.status) + (code.empty() ? "" : " " + code) + " was answered";
    const auto advice = std::find_if(kAdvice.begin(), kAdvice.end(),
                                     [&code](const Advice& one) { return one.code == code; });
    if (advice != kAdvice.end()) {
        return base::internal_error(where + std::string(advice->text) + " (" + answer + ")");
    }
    if (is_passing(response.status, code)) return base::unavailable(where + answer);
    const std::string said = content_of(response.body, "Message");
    return base::internal_error(where + answer + (said.empty() ? "" : ": " + said));
}

}  // namespace carryall::files
