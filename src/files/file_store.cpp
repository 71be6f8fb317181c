#include "files/file_store.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "files/folder_store.hpp"
#include "files/s3_store.hpp"

namespace carryall::files {
namespace {

using base::Error;

bool is_key_part(std::string_view part) {
    return !part.empty() && part.size() <= kMaxKeyPartBytes && part.front() != '.' &&
           std::none_of(part.begin(), part.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
           });
}

bool consists_of(std::string_view text, std::string_view symbols) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               symbols.find(c) != std::string_view::npos;
    });
}

// "https://host:9000" -> "host"; empty: it is no such thing.
std::string_view host_of(std::string_view endpoint) {
    const auto scheme = endpoint.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::string_view name = endpoint.substr(0, scheme);
    const std::string_view rest = endpoint.substr(scheme + 3);
    const std::string_view host = rest.substr(0, rest.find(':'));
    const std::string_view port = rest.substr(std::min(host.size() + 1, rest.size()));
    const bool is_good =
        (name == "http" || name == "https") && consists_of(host, ".-") &&
        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
        (port.empty() == (host.size() == rest.size()));
    return is_good ? host : std::string_view();
}

bool is_address(std::string_view host) {
    return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::vector<Error> mistakes_in(const FolderSettings& settings) {
    if (settings.directory.is_absolute()) return {};
    return {
        base::invalid_input("must be a folder's whole path, beginning with /", "files.directory")};
}

std::vector<Error> mistakes_in(const S3Settings& settings) {
    std::vector<Error> mistakes;
    const auto wrong = [&mistakes](const char* text, const char* key) {
        mistakes.push_back(base::invalid_input(text, key));
    };
    const std::string& bucket = settings.bucket;
    if (bucket.size() < 3 || bucket.size() > 63 || !consists_of(bucket, ".-")) {
        wrong("must be a bucket's name: 3 to 63 of a-z, 0-9, '-' and '.'", "files.s3_bucket");
    }
    if (settings.region.empty() || !consists_of(settings.region, "-")) {
        wrong("must be the bucket's region, such as eu-central-1", "files.s3_region");
    }
    const std::string_view host = host_of(settings.endpoint);
    if (host.empty()) {
        wrong("must be scheme and host, such as https://s3.eu-central-1.amazonaws.com",
              "files.s3_endpoint");
    } else if (is_address(host) && !settings.path_style) {
        wrong("an address takes no bucket in front of it: set files.s3_path_style to true",
              "files.s3_path_style");
    }
    if (settings.access_key.empty()) {
        wrong("is needed with files.s3_bucket", "files.s3_access_key");
    }
    if (settings.secret_key.empty()) {
        wrong("is needed with files.s3_bucket", "files.s3_secret_key");
    }
    return mistakes;
}

}  // namespace

Result<void> check_key(std::string_view key) {
    const Error error = base::invalid_input(
        "a file's key must be parts joined by '/': not empty, not longer than " +
        std::to_string(kMaxKeyPartBytes) + " bytes, not beginning with a dot, without controls");
    if (key.size() > kMaxKeyBytes || !base::is_utf8(key)) return error;
    for (std::string_view rest = key;;) {
        const auto slash = rest.find('/');
        if (!is_key_part(rest.substr(0, slash))) return error;
        if (slash == std::string_view::npos) return {};
        rest.remove_prefix(slash + 1);
    }
}

Result<void> check_content_type(std::string_view content_type) {
    constexpr std::size_t kMaxBytes = 100;
    const auto slash = content_type.find('/');
    const bool is_good = content_type.size() <= kMaxBytes && slash != std::string_view::npos &&
                         slash > 0 && slash + 1 < content_type.size() &&
                         std::all_of(content_type.begin(), content_type.end(),
                                     [](char c) { return c >= 0x20 && c < 0x7f; });
    if (is_good) return {};
    return base::invalid_input("must be a content type, such as text/plain; charset=utf-8");
}

std::vector<Error> mistakes_of(const FileStoreSettings& settings) {
    return std::visit([](const auto& one) { return mistakes_in(one); }, settings);
}

std::unique_ptr<FileStore> make_file_store(const FileStoreSettings& settings) {
    if (const auto* s3 = std::get_if<S3Settings>(&settings)) return std::make_unique<S3Store>(*s3);
    return std::make_unique<FolderStore>(std::get<FolderSettings>(settings));
}

}  // namespace carryall::files
