#include "notify/webhook_url.hpp"

#include <gtest/gtest.h>

namespace carryall::notify {
namespace {

TEST(WebhookUrl, may_be_any_public_host_with_tls) {
    for (const char* url : {"https://example.com", "https://hooks.example.com:8443/a/b?c=d",
                            "https://203.0.114.7/x", "https://[2606:4700::1111]/"}) {
        const auto checked = check_webhook_url(url, {});
        EXPECT_TRUE(checked) << url << ' ' << (checked ? "" : checked.error().message);
    }
}

TEST(WebhookUrl, that_leads_into_a_network_or_hides_where_it_leads_is_refused) {
    for (const char* url : {"https://localhost/",
                            "https://LOCALHOST:8443/",
                            "https://a.localhost/",
                            "https://127.0.0.1/",
                            "https://[::1]/",
                            "https://10.1.2.3/",
                            "https://192.168.0.1/",
                            "https://169.254.169.254/latest/meta-data/",
                            "https://[fe80::1]/",
                            "https://[::ffff:127.0.0.1]/",
                            "https://metadata.google.internal/",
                            "https://printer/",
                            "https://host.local/",
                            "https://2130706433/",
                            "https://0177.0.0.1/",
                            "https://0x7f.0x0.0x0.0x1/",
                            "https://127.1/",
                            "https://localhost./",
                            "https://0.0.0.0/",
                            "https://100.64.0.1/"}) {
        EXPECT_FALSE(check_webhook_url(url, {})) << url;
    }
}

TEST(WebhookUrl, that_is_none_is_refused) {
    for (const char* url :
         {"", "example.com", "//example.com", "ftp://example.com/", "https://", "https:///x",
          "https://user:pass@example.com/", "https://example.com:0/", "https://example.com:99999/",
          "https://exa mple.com/", "https://example.com/\r\nX: y", "javascript:alert(1)",
          "file:///etc/passwd", "https://example.com/#part"}) {
        EXPECT_FALSE(check_webhook_url(url, {})) << url;
    }
    std::string path(2'000, 'a');
    EXPECT_FALSE(check_webhook_url(path.insert(0, "https://example.com/"), {}));
}

TEST(WebhookUrl, without_tls_needs_the_operators_leave) {
    EXPECT_FALSE(check_webhook_url("http://example.com/", {}));
    EXPECT_TRUE(check_webhook_url("http://example.com/", {.allows_http = true}));
    EXPECT_FALSE(check_webhook_url("http://127.0.0.1/", {.allows_http = true}));
}

TEST(WebhookUrl, may_be_in_a_network_that_the_operator_lists) {
    const WebhookRules rules{true, {http::Cidr::parse("127.0.0.0/8").value()}};
    EXPECT_TRUE(check_webhook_url("http://127.0.0.1:8080/", rules));
    EXPECT_TRUE(check_webhook_url("http://hooks.internal/", rules));  // judged when connected to
    EXPECT_FALSE(check_webhook_url("http://10.0.0.1/", rules));
}

}  // namespace
}  // namespace carryall::notify
