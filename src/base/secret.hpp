// Secret: a text that cannot be printed, formatted, serialised or compared with ==. It is wiped
// when it goes. crypto: passwords of carriers and tokens, sealed for the database. Source:
// libsodium's documentation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace carryall::base {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
    Secret& operator=(const Secret& other) = default;
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    bool empty() const { return text_.empty(); }
    // The one way out. Search for this name to see every place where a secret is used.
    const std::string& reveal() const { return text_; }
    bool equals_in_constant_time(std::string_view other) const;

  private:
    void wipe() noexcept;
    std::string text_;
};

// The operator's master key: 32 bytes, kept outside the database (docs/OPERATING.md, "Keys").
class MasterKey {
  public:
    static constexpr std::size_t kBytes = 32;
    // From 64 hexadecimal digits.
    static Result<MasterKey> from_hex(std::string_view hex);
    static MasterKey generate();
    Secret to_hex() const;

    // XChaCha20-Poly1305 under a key of its own for each value, itself sealed by the master key.
    // `context` (for example "service_provider/17") is authenticated: a sealed value moved to
    // another row does not open.
    std::string seal(const Secret& secret, std::string_view context) const;
    Result<Secret> open(std::string_view sealed, std::string_view context) const;
    // HMAC-SHA-256 in lower-case hexadecimal under a key of its own for each purpose: the same for
    // the same data, and without the master key neither made nor guessed at.
    std::string keyed_hash(std::string_view purpose, std::string_view data) const;

  private:
    Secret bytes_;
};

// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view data);
// `bytes` random bytes as URL-safe base64 without padding.
Secret random_token(std::size_t bytes);
std::string base64(std::string_view data);

}  // namespace carryall::base
