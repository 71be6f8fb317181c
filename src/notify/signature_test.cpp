#include "notify/signature.hpp"

#include <gtest/gtest.h>

namespace carryall::notify {
namespace {

// The example that the specification's own libraries test with.
const std::string kKey(
    "\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c"
    "\xf6\x48\xa3\x62\xda\x2d\xa4\xb0",
    24);
constexpr const char* kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr const char* kTimestamp = "1614265330";
constexpr const char* kBody = "{\"test\": 2432232314}";
constexpr const char* kSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

TEST(Signature, is_that_of_the_specification) {
    EXPECT_EQ(webhook_signature(kId, kTimestamp, kBody, base::Secret(kKey), std::nullopt),
              kSignature);
}

TEST(Signature, covers_id_time_and_body) {
    const base::Secret key(kKey);
    EXPECT_NE(webhook_signature("msg_other", kTimestamp, kBody, key, std::nullopt), kSignature);
    EXPECT_NE(webhook_signature(kId, "1614265331", kBody, key, std::nullopt), kSignature);
    EXPECT_NE(webhook_signature(kId, kTimestamp, "{\"test\": 1}", key, std::nullopt), kSignature);
}

TEST(Signature, of_the_secret_before_follows_while_secrets_change) {
    const base::Secret now("another key of some length");
    const std::string both = webhook_signature(kId, kTimestamp, kBody, now, base::Secret(kKey));
    EXPECT_EQ(both,
              webhook_signature(kId, kTimestamp, kBody, now, std::nullopt) + " " + kSignature);
}

TEST(Secret, is_new_each_time_and_shown_as_the_specification_says) {
    EXPECT_EQ(webhook_secret_text(base::Secret(kKey)).reveal(),
              "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const base::Secret one = new_webhook_key();
    EXPECT_EQ(one.reveal().size(), 32U);
    EXPECT_FALSE(new_webhook_key().equals_in_constant_time(one.reveal()));
}

}  // namespace
}  // namespace carryall::notify
