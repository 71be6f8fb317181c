#include "notify/signature.hpp"

#include <array>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace carryall::notify {
namespace {

constexpr std::size_t kKeyBytes = 32;  // the specification asks for 24 to 64

std::string sign(std::string_view content, const base::Secret& key) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.reveal().size()),
               reinterpret_cast<const unsigned char*>(content.data()), content.size(),
               digest.data(), &size) != nullptr);
    return "v1," + base::base64({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

base::Secret new_webhook_key() {
    std::string bytes(kKeyBytes, '\0');
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), kKeyBytes) == 1);
    return base::Secret(std::move(bytes));
}

base::Secret webhook_secret_text(const base::Secret& key) {
    return base::Secret("whsec_" + base::base64(key.reveal()));
}

std::string webhook_signature(std::string_view id, std::string_view timestamp,
                              std::string_view body, const base::Secret& key,
                              const std::optional<base::Secret>& previous_key) {
    std::string content;
    content.append(id).append(".").append(timestamp).append(".").append(body);
    std::string signatures = sign(content, key);
    if (previous_key) signatures += ' ' + sign(content, *previous_key);
    return signatures;
}

}  // namespace carryall::notify
