#include "notify/event_mail.hpp"

#include <gtest/gtest.h>

namespace carryall::notify {
namespace {

Event event_of(const std::string& type, const std::string& payload) {
    return {{7}, type, "bulk_change/17", base::json::parse(payload), "2026-03-01T12:00:00Z"};
}

TEST(EventMail, says_what_happened_in_its_subject_and_lists_the_facts) {
    const EventMail mail =
        mail_of(event_of("bulk_change.finished",
                         R"({"bulkChangeId":17,"status":"PARTIAL","counts":{"error":3}})"),
                "Acme");
    EXPECT_EQ(mail.subject, "Bulk change 17 finished: PARTIAL");
    EXPECT_NE(mail.text.find("status: PARTIAL\n"), std::string::npos) << mail.text;
    EXPECT_NE(mail.text.find("counts.error: 3\n"), std::string::npos) << mail.text;
    EXPECT_NE(mail.text.find("Tenant: Acme\nEvent: 7, bulk_change.finished"), std::string::npos);
    EXPECT_NE(mail.html.find("<th align=\"left\">counts.error</th><td>3</td>"), std::string::npos)
        << mail.html;
}

TEST(EventMail, whatever_a_fact_holds_is_text) {
    const std::string evil = R"({"status":"<script>alert(1)</script>{{tenant}}","bulkChangeId":1})";
    const EventMail mail = mail_of(event_of("bulk_change.finished", evil), "<b>Acme</b>");
    EXPECT_EQ(mail.html.find("<script>"), std::string::npos) << mail.html;
    EXPECT_EQ(mail.html.find("<b>Acme"), std::string::npos) << mail.html;
    EXPECT_NE(mail.text.find("<script>alert(1)</script>{{tenant}}"), std::string::npos)
        << mail.text;
}

TEST(EventMail, long_lists_are_cut_and_say_so) {
    std::string devices;
    for (int i = 1; i <= 30; ++i) {
        devices += (i > 1 ? "," : "") + std::string("{\"deviceId\":") + std::to_string(i) + "}";
    }
    const EventMail mail =
        mail_of(event_of("device_change.parked",
                         R"({"bulkChangeId":17,"count":30,"devices":[)" + devices + "]}"),
                "Acme");
    EXPECT_EQ(mail.subject, "Bulk change 17: 30 parked, waiting for a person");
    EXPECT_NE(mail.text.find("{\"deviceId\":10}"), std::string::npos);
    EXPECT_EQ(mail.text.find("{\"deviceId\":11}"), std::string::npos);
    EXPECT_NE(mail.text.find("devices: and 20 more"), std::string::npos) << mail.text;
}

TEST(EventMail, tells_of_charge_runs) {
    EXPECT_EQ(
        mail_of(event_of("charge_run.finished", R"({"chargeRunId":9,"status":"PARTIAL"})"), "Acme")
            .subject,
        "Charge run 9 finished: PARTIAL");
    EXPECT_EQ(mail_of(event_of("charge_run.stopped",
                               R"({"chargeRunId":9,"reason":"the password is refused"})"),
                      "Acme")
                  .subject,
              "Charge run 9 is stopped: the password is refused");
    EXPECT_EQ(mail_of(event_of("charge_run.list_not_stored",
                               R"({"chargeRunId":9,"queueId":501,"reason":"no such bucket"})"),
                      "Acme")
                  .subject,
              "Charge run 9: the charge list of queue 501 cannot be stored");
}

TEST(EventMail, of_a_type_without_a_sentence_names_type_and_subject) {
    EXPECT_EQ(mail_of(event_of("charge.finished", "{}"), "Acme").subject,
              "charge.finished: bulk_change/17");
}

}  // namespace
}  // namespace carryall::notify
