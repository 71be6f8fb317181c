// Files in a bucket of an S3 service. What must stay true: what is uploaded carries its SHA-256, so
// that the service refuses bytes that changed on the way; nothing is repeated here, that is up to
// the caller.
#pragma once

#include <memory>

#include "files/file_store.hpp"
#include "http/client.hpp"

namespace carryall::files {

class S3Store final : public FileStore {
  public:
    explicit S3Store(S3Settings settings);

    Result<void> put(const std::string& key, const std::filesystem::path& file,
                     const std::string& content_type) override;
    Result<std::optional<std::uint64_t>> size_of(const std::string& key) override;
    Result<bool> get(const std::string& key, const std::filesystem::path& target) override;
    Result<void> check() override;

  private:
    http::ClientRequest request(
        http::Method method, std::string url,
        std::vector<std::pair<std::string, std::string>> headers = {}) const;
    // Why a HEAD, whose answer has no body, did not succeed; nullopt: nothing has this key.
    Result<std::optional<std::uint64_t>> absent_or_why(const std::string& key) const;

    const S3Settings settings_;
    const std::shared_ptr<const http::AwsSigning> signing_;
};

}  // namespace carryall::files
