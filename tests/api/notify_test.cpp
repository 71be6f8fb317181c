// Webhooks, recipients and deliveries as a client of the API sees them.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class Notifications : public ApiTest {
  protected:
    static json::value created(const std::string& path, const std::string& body) {
        const auto reply = ask("POST", path, body);
        EXPECT_EQ(reply.status, 201) << reply.body;
        EXPECT_TRUE(reply.header("location").starts_with(path + "/"));
        return json_of(reply);
    }
    static std::string place(const support::HttpReply& reply) {
        const auto problem = problem_of(reply, 400, "invalid_input");
        const auto* errors = problem.if_contains("errors");
        if (errors == nullptr) return {};
        const auto* pointer = errors->as_array().front().as_object().if_contains("pointer");
        return pointer == nullptr ? "" : std::string(pointer->as_string());
    }
};

TEST_F(Notifications, a_webhooks_secret_is_in_the_answer_that_made_it_and_in_no_other) {
    const json::value made =
        created("/v1/webhooks",
                R"({"url":"https://hooks.example.com","eventTypes":["bulk_change.paused"]})");
    const std::string secret(made.at("secret").as_string());
    EXPECT_TRUE(secret.starts_with("whsec_"));
    const std::string path = "/v1/webhooks/" + std::to_string(made.at("webhookId").as_int64());
    for (const std::string& target : {path, std::string("/v1/webhooks")}) {
        const auto reply = ask("GET", target);
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(reply.body.find("whsec_"), std::string::npos);
        EXPECT_EQ(reply.body.find(secret.substr(6)), std::string::npos);
    }
    const json::value rotated = json_of(ask("POST", path + "/rotate-secret"));
    EXPECT_NE(rotated.at("secret").as_string(), secret);
    EXPECT_TRUE(rotated.at("previousSecretUntil").is_string());
}

TEST_F(Notifications, a_mails_files_are_shown_with_its_delivery_and_their_keys_are_not) {
    const auto queue = [](const Tenant& tenant) {
        return database().value("SELECT queue_mail(" + std::to_string(tenant.id.value) +
                                R"(, NULL, 'a@example.com', 'List', 'text', '<p>text</p>', '[
            {"file_name": "17.txt", "content_type": "text/plain", "file_key": "charges/17.txt",
             "size_bytes": 4},
            {"file_name": "17.zip", "content_type": "application/zip", "file_key": "charges/17.zip",
             "size_bytes": 9}]'))");
    };
    const auto reply = ask("GET", "/v1/deliveries/" + queue(own()));
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(json_of(reply).at("attachments"), json::parse(R"([
        {"fileName": "17.txt", "contentType": "text/plain", "sizeBytes": 4},
        {"fileName": "17.zip", "contentType": "application/zip", "sizeBytes": 9}])"));
    EXPECT_EQ(reply.body.find("charges/"), std::string::npos);
    EXPECT_EQ(ask("GET", "/v1/deliveries/" + queue(foreign())).status, 404);
}

TEST_F(Notifications, urls_that_lead_into_a_network_are_refused_when_they_are_given) {
    for (const char* url : {"http://example.com", "https://localhost/", "https://10.0.0.1/",
                            "https://169.254.169.254/", "https://[::1]/", "nonsense"}) {
        EXPECT_EQ(place(ask("POST", "/v1/webhooks", "{\"url\":\"" + std::string(url) + "\"}")),
                  "/url")
            << url;
    }
}

TEST_F(Notifications, a_misspelt_member_or_type_is_refused_and_not_ignored) {
    EXPECT_EQ(place(ask("POST", "/v1/webhooks",
                        R"({"url":"https://example.com","eventType":["bulk_change.paused"]})")),
              "/eventType");
    EXPECT_EQ(place(ask("POST", "/v1/webhooks",
                        R"({"url":"https://example.com","eventTypes":["bulk.paused"]})")),
              "/eventTypes/0");
    EXPECT_EQ(place(ask("POST", "/v1/recipients", R"({"address":"a@example.com","active":1})")),
              "/active");
    EXPECT_EQ(place(ask("POST", "/v1/recipients", R"({"address":"a@example.com\r\nBcc: b"})")),
              "/address");
}

TEST_F(Notifications, a_test_makes_a_delivery_that_can_be_looked_at) {
    const json::value made = created("/v1/webhooks", R"({"url":"https://hooks.example.com/t"})");
    const std::string path = "/v1/webhooks/" + std::to_string(made.at("webhookId").as_int64());
    const auto asked = ask("POST", path + "/test");
    ASSERT_EQ(asked.status, 202) << asked.body;
    const json::value delivery = json_of(ask("GET", asked.header("location")));
    EXPECT_EQ(delivery.at("state").as_string(), "queued");
    EXPECT_EQ(delivery.at("eventType").as_string(), "webhook.test");
    problem_of(ask("POST", asked.header("location") + "/resend"), 409, "conflict");
    EXPECT_EQ(ask("PATCH", path, R"({"isActive":false})").status, 200);
    EXPECT_EQ(json_of(ask("GET", asked.header("location"))).at("state").as_string(), "parked");
    problem_of(ask("POST", path + "/test"), 409, "conflict");
}

TEST_F(Notifications, a_delivery_that_has_ended_is_sent_again) {
    const std::string path = "/v1/deliveries/" + std::to_string(own().ids.at("deliveryId"));
    const auto again = ask("POST", path + "/resend");
    ASSERT_EQ(again.status, 202) << again.body;
    EXPECT_EQ(json_of(again).at("state").as_string(), "queued");
}

TEST_F(Notifications, events_are_listed_by_type_and_subject) {
    const json::value paused = json_of(ask("GET", "/v1/events?type=bulk_change.paused"));
    ASSERT_EQ(paused.at("items").as_array().size(), 1U);
    const json::value& event = paused.at("items").as_array()[0];
    EXPECT_EQ(event.at("subject").as_string(), "bulk_change/999");
    EXPECT_EQ(event.at("data").at("reason").as_string(), "own tenant is tired");
    const auto finished = json_of(
        ask("GET", "/v1/events?subject=bulk_change/" + std::to_string(own().finished_change)));
    EXPECT_EQ(finished.at("items").as_array().size(), 1U);
}

TEST_F(Notifications, filters_that_cannot_be_are_refused) {
    problem_of(ask("GET", "/v1/deliveries?state=lost"), 400, "invalid_input");
    problem_of(ask("GET", "/v1/deliveries?channel=pigeon"), 400, "invalid_input");
    EXPECT_EQ(ask("GET", "/v1/deliveries?state=parked&channel=webhook").status, 200);
}

}  // namespace
}  // namespace carryall::api_tests
