// Seals and opens secrets with libsodium; hashes with OpenSSL, which is four times faster at
// SHA-256.
#include "base/secret.hpp"

#include <array>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/ids.hpp"

namespace carryall::base {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr char kFormatVersion = 1;

void start_sodium() {
    static const bool started = sodium_init() >= 0;
    CHECK(started);
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

std::string random_bytes(std::size_t size) {
    start_sodium();
    std::string bytes(size, '\0');
    randombytes_buf(bytes.data(), bytes.size());
    return bytes;
}

std::string encrypt(std::string_view plain, std::string_view key, std::string_view context) {
    std::string sealed = random_bytes(kNonce);
    sealed.resize(kNonce + plain.size() + kTag);
    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes_of(sealed) + kNonce, nullptr, bytes_of(plain),
                                               plain.size(), bytes_of(context), context.size(),
                                               nullptr, bytes_of(sealed), bytes_of(key));
    return sealed;
}

bool decrypt(std::string_view sealed, std::string_view key, std::string_view context,
             std::string& plain) {
    if (sealed.size() < kNonce + kTag) return false;
    plain.resize(sealed.size() - kNonce - kTag);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               bytes_of(plain), nullptr, nullptr, bytes_of(sealed) + kNonce, sealed.size() - kNonce,
               bytes_of(context), context.size(), bytes_of(sealed), bytes_of(key)) == 0;
}

std::string hmac(std::string_view key, std::string_view data) {
    std::string tag(crypto_auth_hmacsha256_BYTES, '\0');
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, bytes_of(key), key.size());
    crypto_auth_hmacsha256_update(&state, bytes_of(data), data.size());
    crypto_auth_hmacsha256_final(&state, bytes_of(tag));
    return tag;
}

std::string hex_of(std::string_view bytes) {
    std::string hex(2 * bytes.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), bytes_of(bytes), bytes.size());
    hex.pop_back();
    return hex;
}

constexpr std::size_t kSealedKey = kNonce + MasterKey::kBytes + kTag;

}  // namespace

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        text_ = std::move(other.text_);
        other.wipe();
    }
    return *this;
}

void Secret::wipe() noexcept {
    sodium_memzero(text_.data(), text_.size());
    text_.clear();
}

bool Secret::equals_in_constant_time(std::string_view other) const {
    return text_.size() == other.size() &&
           sodium_memcmp(text_.data(), other.data(), other.size()) == 0;
}

Result<MasterKey> MasterKey::from_hex(std::string_view hex) {
    start_sodium();
    std::string bytes(kBytes, '\0');
    std::size_t written = 0;
    const int failed = sodium_hex2bin(bytes_of(bytes), bytes.size(), hex.data(), hex.size(),
                                      nullptr, &written, nullptr);
    if (failed != 0 || written != kBytes || hex.size() != 2 * kBytes) {
        return invalid_input("the master key must be 64 hexadecimal digits (32 bytes)");
    }
    MasterKey key;
    key.bytes_ = Secret(std::move(bytes));
    return key;
}

MasterKey MasterKey::generate() {
    MasterKey key;
    key.bytes_ = Secret(random_bytes(kBytes));
    return key;
}

Secret MasterKey::to_hex() const {
    return Secret(hex_of(bytes_.reveal()));
}

std::string MasterKey::seal(const Secret& secret, std::string_view context) const {
    const Secret data_key(random_bytes(kBytes));
    std::string sealed(1, kFormatVersion);
    sealed += encrypt(data_key.reveal(), bytes_.reveal(), context);
    sealed += encrypt(secret.reveal(), data_key.reveal(), context);
    return sealed;
}

Result<Secret> MasterKey::open(std::string_view sealed, std::string_view context) const {
    start_sodium();
    const Error error = internal_error(
        "a stored secret does not open: it was sealed with another master key, or altered");
    if (sealed.size() < 1 + kSealedKey || sealed.front() != kFormatVersion) return error;
    sealed.remove_prefix(1);
    std::string data_key;
    std::string plain;
    if (!decrypt(sealed.substr(0, kSealedKey), bytes_.reveal(), context, data_key)) return error;
    const Secret key(std::move(data_key));
    if (!decrypt(sealed.substr(kSealedKey), key.reveal(), context, plain)) return error;
    return Secret(std::move(plain));
}

std::string MasterKey::keyed_hash(std::string_view purpose, std::string_view data) const {
    const Secret key(hmac(bytes_.reveal(), purpose));
    return hex_of(hmac(key.reveal(), data));
}

std::string sha256_hex(std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return hex_of({reinterpret_cast<const char*>(digest.data()), size});
}

Secret random_token(std::size_t bytes) {
    const std::string raw = random_bytes(bytes);
    constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    std::string text(sodium_base64_encoded_len(raw.size(), kVariant), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes_of(raw), raw.size(), kVariant);
    text.pop_back();
    return Secret(std::move(text));
}

std::string base64(std::string_view data) {
    std::string text(sodium_base64_encoded_len(data.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes_of(data), data.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();
    return text;
}

std::string random_uuid() {
    std::string raw = random_bytes(16);
    constexpr unsigned char kVersion4 = 0x40;
    constexpr unsigned char kVariant1 = 0x80;
    bytes_of(raw)[6] = static_cast<unsigned char>((bytes_of(raw)[6] & 0x0f) | kVersion4);
    bytes_of(raw)[8] = static_cast<unsigned char>((bytes_of(raw)[8] & 0x3f) | kVariant1);
    std::string hex = hex_of(raw);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) hex.insert(dash, 1, '-');
    return hex;
}

}  // namespace carryall::base
