// Mail through real servers, the second one asked when the first refuses.
#include "notify/mail_sender.hpp"

#include "support/notify.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::notify {
namespace {

using namespace std::chrono_literals;
namespace json = base::json;

struct MailServer {
    explicit MailServer(const std::vector<std::string>& options = {}) {
        std::vector<std::string> command = {
            "/usr/bin/python3", (support::source_dir() / "tests/support/smtp_server.py").string(),
            "--folder", folder.path().string()};
        command.insert(command.end(), options.begin(), options.end());
        process = std::make_unique<support::Process>(command);
        const json::value told = json::parse(process->wait_for_line("listening"));
        settings.host = "127.0.0.1";
        settings.port = static_cast<int>(told.at("listening").as_int64());
        settings.ca_file = std::string(told.at("ca").as_string());
    }
    // How many messages it has taken.
    int taken() const {
        int count = 0;
        const std::string all = process->output();
        for (auto at = all.find("{\"message\""); at != std::string::npos;
             at = all.find("{\"message\"", at + 1)) {
            ++count;
        }
        return count;
    }

    support::TempDir folder;
    std::unique_ptr<support::Process> process;
    mail::SmtpServer settings;
};

class MailSenderTest : public NotifyTest {
  protected:
    void work(const std::vector<mail::SmtpServer>& servers) {
        MailSender sender(base::Secret(database().app_conninfo()),
                          {"carryall@example.com", servers});
        const std::atomic<bool> stopping{false};
        for (int i = 0; i < 100; ++i) {
            const auto worked = sender.work(0ms, stopping);
            ASSERT_TRUE(worked) << worked.error().message;
            const auto due = due_tenants(*connection_);
            ASSERT_TRUE(due);
            if (due->empty()) return;
        }
        FAIL() << "it does not come to an end";
    }
};

TEST_F(MailSenderTest, each_recipient_gets_a_message_of_its_own_once) {
    MailServer server;
    make_recipient("a@example.com");
    make_recipient("b@example.com");
    emit();
    route();
    work({server.settings});
    EXPECT_EQ(states(), "sent sent");
    for (const char* address : {"a@example.com", "b@example.com"}) {
        const json::value told = json::parse(server.process->wait_for_line("\"message\""));
        const json::value& message = told.at("message");
        ASSERT_EQ(message.at("to").as_array().size(), 1U);
        EXPECT_EQ(message.at("to").as_array()[0].as_string(), address);
        const std::string text(message.at("parts").at("text/plain").as_string());
        EXPECT_NE(text.find("Bulk change 17 finished: PARTIAL"), std::string::npos) << text;
    }
    EXPECT_EQ(server.taken(), 2);
}

TEST_F(MailSenderTest, the_second_server_is_asked_when_the_first_refuses) {
    MailServer first({"--refuse", "554"});
    MailServer second;
    make_recipient("a@example.com");
    emit();
    route();
    work({first.settings, second.settings});
    EXPECT_EQ(states(), "sent");
    EXPECT_EQ(sql("SELECT status::text FROM delivery_attempt"), "250");
}

TEST_F(MailSenderTest, what_all_refuse_waits_for_a_person_and_what_none_takes_for_later) {
    MailServer first;
    MailServer second;
    make_recipient("refused@example.com");
    make_recipient("later@example.com");
    emit();
    route();
    work({first.settings, second.settings});
    EXPECT_EQ(states(), "parked queued");
    EXPECT_EQ(sql("SELECT count(*) FROM delivery_attempt WHERE error LIKE '%; %'"), "2");
}

TEST_F(MailSenderTest, an_unclear_end_is_not_given_to_the_second_server_nor_sent_again) {
    MailServer first;
    MailServer second;
    make_recipient("lost@example.com");
    emit();
    route();
    work({first.settings, second.settings});
    EXPECT_EQ(states(), "unknown");
    let_time_come();
    work({first.settings, second.settings});
    EXPECT_EQ(first.taken(), 1);
    EXPECT_EQ(second.taken(), 0);
}

TEST_F(MailSenderTest, a_server_that_is_away_is_no_reason_to_lose_a_message) {
    mail::SmtpServer nobody;
    nobody.host = "127.0.0.1";
    nobody.port = 1;
    make_recipient("a@example.com");
    emit();
    route();
    work({nobody});
    EXPECT_EQ(states(), "queued");
    MailServer server;
    let_time_come();
    work({server.settings});
    EXPECT_EQ(states(), "sent");
}

}  // namespace
}  // namespace carryall::notify
