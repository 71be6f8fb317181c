// Each operation has a client of its own: few are carried out, from many threads, and each moves
// many bytes.
#include "files/s3_store.hpp"

#include <array>
#include <cstdio>
#include <openssl/evp.h>

#include "base/check.hpp"
#include "base/hex.hpp"
#include "files/s3_rules.hpp"

namespace carryall::files {
namespace {

constexpr std::chrono::milliseconds kQuestionTime{30'000};
constexpr std::size_t kMaxErrorBytes = 1u << 20;
// SHA-256 of nothing.
constexpr const char* kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "rbe"),
                                                                  &std::fclose);
    if (file == nullptr) return base::internal_error("cannot read " + path.string());
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(),
                                                                       &EVP_MD_CTX_free);
    CHECK(hash != nullptr && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1);
    std::array<char, 1u << 16> bytes{};
    while (const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file.get())) {
        CHECK(EVP_DigestUpdate(hash.get(), bytes.data(), got) == 1);
    }
    if (std::ferror(file.get()) != 0) return base::internal_error("cannot read " + path.string());
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(EVP_DigestFinal_ex(hash.get(), digest.data(), &size) == 1);
    return base::to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

http::ClientResponse carry_out(http::ClientRequest request) {
    http::ClientOptions options;
    options.max_in_flight = 1;
    options.max_body_bytes = kMaxErrorBytes;
    // The operator says where the service is, tenants do not.
    options.guard = http::OutboundGuard::anywhere();
    const auto client = http::make_client(options);
    const auto at_most = request.timeout;
    client->start(std::move(request));
    std::vector<http::ClientResponse> responses;
    while (responses.empty()) client->wait(at_most, responses);
    return std::move(responses.front());
}

bool is_success(const http::ClientResponse& response) {
    return response.transport == http::Transport::ok && response.status >= 200 &&
           response.status < 300;
}

}  // namespace

S3Store::S3Store(S3Settings settings)
    : settings_(std::move(settings)),
      signing_(std::make_shared<http::AwsSigning>(
          http::AwsSigning{settings_.region, "s3", settings_.access_key, settings_.secret_key})) {}

http::ClientRequest S3Store::request(
    http::Method method, std::string url,
    std::vector<std::pair<std::string, std::string>> headers) const {
    http::ClientRequest request;
    request.method = method;
    request.url = std::move(url);
    request.timeout = kQuestionTime;
    request.signing = signing_;
    if (method != http::Method::put) headers.emplace_back("x-amz-content-sha256", kEmptyHash);
    request.headers = http::HeaderList(headers);
    return request;
}

Result<void> S3Store::put(const std::string& key, const std::filesystem::path& file,
                          const std::string& content_type) {
    CARRYALL_TRY(check_key(key));
    CARRYALL_TRY(check_content_type(content_type));
    std::error_code failed;
    const std::uint64_t bytes = std::filesystem::file_size(file, failed);
    if (failed) return base::internal_error("cannot read " + file.string());
    if (bytes > kMaxFileBytes) {
        return base::Error{base::ErrorKind::too_large,
                           file.string() + " is larger than an S3 service takes at once",
                           {}};
    }
    const auto hash = sha256_of_file(file);
    if (!hash) return hash.error();
    http::ClientRequest upload =
        request(http::Method::put, s3_url(settings_, key),
                {{"Content-Type", content_type}, {"x-amz-content-sha256", *hash}});
    upload.body_file = file;
    upload.timeout = transfer_time(bytes);
    const http::ClientResponse response = carry_out(std::move(upload));
    if (!is_success(response)) return s3_failure(settings_, response);
    return {};
}

Result<std::optional<std::uint64_t>> S3Store::size_of(const std::string& key) {
    CARRYALL_TRY(check_key(key));
    const http::ClientResponse response =
        carry_out(request(http::Method::head, s3_url(settings_, key)));
    if (is_success(response) && response.content_length) {
        return std::optional(*response.content_length);
    }
    if (response.transport != http::Transport::ok || response.status >= 500) {
        return s3_failure(settings_, response);
    }
    return absent_or_why(key);
}

Result<std::optional<std::uint64_t>> S3Store::absent_or_why(const std::string& key) const {
    const http::ClientResponse response =
        carry_out(request(http::Method::get, s3_url(settings_, key), {{"Range", "bytes=0-0"}}));
    if (is_absent(response)) return std::optional<std::uint64_t>();
    if (is_success(response)) {
        return base::unavailable("S3 bucket " + settings_.bucket +
                                 ": the service shows the file and denies it");
    }
    return s3_failure(settings_, response);
}

Result<bool> S3Store::get(const std::string& key, const std::filesystem::path& target) {
    const auto bytes = size_of(key);
    if (!bytes) return bytes.error();
    if (!bytes->has_value()) return false;
    http::ClientRequest download = request(http::Method::get, s3_url(settings_, key));
    download.answer_file = target;
    download.max_answer_file_bytes = kMaxFileBytes;
    download.timeout = transfer_time(**bytes);
    const http::ClientResponse response = carry_out(std::move(download));
    if (is_success(response)) return true;
    if (is_absent(response)) return false;
    return s3_failure(settings_, response);
}

Result<void> S3Store::check() {
    const http::ClientResponse response = carry_out(
        request(http::Method::get, s3_url(settings_, {}, {{"list-type", "2"}, {"max-keys", "1"}})));
    if (!is_success(response)) return s3_failure(settings_, response);
    return {};
}

}  // namespace carryall::files
