// Messages handed to a real mail server (tests/support/smtp_server.py), which opens them with
// Python's own parser: what it says of a message is what its reader sees.
#include "mail/smtp.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/json.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::mail {
namespace {

namespace json = base::json;

class Server {
  public:
    explicit Server(std::vector<std::string> options) {
        std::vector<std::string> command = {
            "/usr/bin/python3", (support::source_dir() / "tests/support/smtp_server.py").string(),
            "--folder", folder_.path().string()};
        command.insert(command.end(), options.begin(), options.end());
        process_ = std::make_unique<support::Process>(command);
        const json::value told = json::parse(process_->wait_for_line("listening"));
        server_.host = "127.0.0.1";
        server_.port = static_cast<int>(told.at("listening").as_int64());
        server_.ca_file = std::string(told.at("ca").as_string());
    }
    // As the server is to be asked; tests change it.
    SmtpServer& settings() { return server_; }
    json::object message() {
        const json::value told = json::parse(process_->wait_for_line("\"message\""));
        return told.at("message").as_object();
    }

  private:
    support::TempDir folder_;
    std::unique_ptr<support::Process> process_;
    SmtpServer server_;
};

Message message_to(const std::string& address) {
    Message message;
    message.from = "carryall@example.com";
    message.to = address;
    message.subject = "Bulk change 17 finished: PARTIAL";
    message.text = "Ümlauts, and a line\n.\nwith a dot alone\n";
    message.html = "<p>Ümlauts &amp; more</p>";
    message.message_id = "delivery-7.1@example.com";
    message.date = *base::parse_iso8601("2026-03-01T12:00:00Z");
    return message;
}

std::string header(const json::object& message, const std::string& name) {
    std::string found;
    for (const json::value& one : message.at("headers").as_array()) {
        if (one.as_array()[0].as_string() == name)
            found += std::string(one.as_array()[1].as_string());
    }
    return found;
}

class Smtp : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<Server>(
            std::vector<std::string>{"--user", "carryall", "--password", "s3cret"});
    }
    static void TearDownTestSuite() { server_.reset(); }

    static SmtpServer known() {
        SmtpServer settings = server_->settings();
        settings.username = "carryall";
        settings.password = base::Secret("s3cret");
        return settings;
    }
    static std::unique_ptr<Server> server_;
};
std::unique_ptr<Server> Smtp::server_;

TEST_F(Smtp, a_message_arrives_as_text_and_html_under_tls_with_a_password) {
    const SmtpReport report = send(known(), message_to("night.shift@example.com"));
    ASSERT_EQ(report.fate, Fate::taken) << report.error;
    EXPECT_EQ(report.code, 250);
    const json::object message = server_->message();
    EXPECT_EQ(message.at("from").as_string(), "carryall@example.com");
    EXPECT_EQ(header(message, "To"), "night.shift@example.com");
    EXPECT_EQ(header(message, "Subject"), "Bulk change 17 finished: PARTIAL");
    EXPECT_EQ(header(message, "Message-ID"), "<delivery-7.1@example.com>");
    EXPECT_EQ(header(message, "Date"), "Sun, 01 Mar 2026 12:00:00 +0000");
    EXPECT_TRUE(message.at("defects").as_array().empty());
    std::string text(message.at("parts").at("text/plain").as_string());
    std::erase(text, '\r');
    EXPECT_EQ(text, "Ümlauts, and a line\n.\nwith a dot alone\n");
    EXPECT_EQ(message.at("parts").at("text/html").as_string(), "<p>Ümlauts &amp; more</p>");
}

TEST_F(Smtp, a_subject_in_any_script_arrives_and_none_becomes_a_header) {
    Message message = message_to("a@example.com");
    message.subject = "Änderung 17 für München, 日本語のとても長い件名がここにあります, beendet";
    ASSERT_EQ(send(known(), message).fate, Fate::taken);
    EXPECT_EQ(header(server_->message(), "Subject"), message.subject);

    message.subject = "harmless\r\nBcc: victim@example.com\r\n\r\nbody";
    ASSERT_EQ(send(known(), message).fate, Fate::taken);
    const json::object seen = server_->message();
    EXPECT_EQ(header(seen, "Bcc"), "");
    EXPECT_EQ(header(seen, "Subject"), "harmless  Bcc: victim@example.com    body");
    EXPECT_EQ(seen.at("to").as_array().size(), 1U);
}

class SmtpWithFiles : public Smtp {
  protected:
    Attachment file_of(const std::string& name, const std::string& content) {
        const auto path = folder_.path() / std::to_string(++count_);
        std::ofstream(path, std::ios::binary) << content;
        return {name, "text/plain; charset=utf-8", path};
    }
    support::TempDir folder_;
    int count_ = 0;
};

TEST_F(SmtpWithFiles, attachments_arrive_byte_by_byte_under_names_in_any_script) {
    std::string all;
    for (int i = 0; i < 100'000; ++i) all += static_cast<char>(i * 7 % 256);
    const std::vector<std::pair<std::string, std::string>> files = {
        {"17.txt", "one;two\r\n"},
        {"März 2026, \"Größe\" 100%.txt", all},
        {"日本語のとても長い名前のファイル、料金の一覧表、二千二十六年三月分.txt", ""}};
    Message message = message_to("a@example.com");
    for (const auto& [name, content] : files) {
        message.attachments.push_back(file_of(name, content));
    }
    const SmtpReport report = send(known(), message);
    ASSERT_EQ(report.fate, Fate::taken) << report.error;
    const json::object seen = server_->message();
    EXPECT_TRUE(seen.at("defects").as_array().empty());
    EXPECT_EQ(seen.at("parts").at("text/html").as_string(), message.html);
    const json::array& attachments = seen.at("attachments").as_array();
    ASSERT_EQ(attachments.size(), files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
        const json::object& one = attachments[i].as_object();
        EXPECT_EQ(one.at("name").as_string(), files[i].first);
        EXPECT_EQ(one.at("sha256").as_string(), base::sha256_hex(files[i].second)) << i;
        EXPECT_EQ(one.at("type").as_string(), "text/plain");
        EXPECT_EQ(one.at("encoding").as_string(), "base64");
        EXPECT_TRUE(one.at("defects").as_array().empty()) << one.at("defects");
    }
}

TEST_F(SmtpWithFiles, a_large_one_is_read_while_it_is_sent) {
    Message message = message_to("a@example.com");
    message.attachments = {file_of("large.txt", "rows")};
    std::filesystem::resize_file(message.attachments[0].file, 20u << 20);
    rusage before{};
    ::getrusage(RUSAGE_SELF, &before);
    ASSERT_EQ(send(known(), message).fate, Fate::taken);
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory on purpose
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 10 * 1'024);  // KiB
#endif
    EXPECT_EQ(server_->message().at("attachments").at(0).at("bytes").as_int64(), 20 << 20);
}

TEST_F(SmtpWithFiles, one_that_cannot_be_read_is_no_reason_to_send_without_it) {
    Message message = message_to("a@example.com");
    message.attachments = {{"a.txt", "text/plain", folder_.path() / "missing"}};
    const SmtpReport report = send(known(), message);
    EXPECT_EQ(report.fate, Fate::not_taken);
    EXPECT_NE(report.error.find("attachment"), std::string::npos) << report.error;
}

TEST_F(Smtp, what_the_server_says_of_a_message_decides_its_fate) {
    const SmtpReport refused = send(known(), message_to("refused@example.com"));
    EXPECT_EQ(refused.fate, Fate::refused) << refused.error;
    EXPECT_EQ(refused.code, 550);
    EXPECT_NE(refused.error.find("there is no such person"), std::string::npos) << refused.error;
    EXPECT_EQ(send(known(), message_to("refused.data@example.com")).fate, Fate::refused);
    const SmtpReport later = send(known(), message_to("later@example.com"));
    EXPECT_EQ(later.fate, Fate::not_taken) << later.error;
    EXPECT_EQ(later.code, 450);
}

TEST_F(Smtp, a_connection_lost_after_the_message_leaves_it_unclear) {
    const SmtpReport report = send(known(), message_to("lost@example.com"));
    EXPECT_EQ(report.fate, Fate::unclear) << report.error;
    // The server has it: to call it not sent would have sent it twice.
    EXPECT_EQ(server_->message().at("to").as_array()[0].as_string(), "lost@example.com");
}

TEST_F(Smtp, a_server_that_does_not_know_us_says_nothing_about_the_message) {
    SmtpServer wrong = known();
    wrong.password = base::Secret("wrong");
    wrong.timeout = std::chrono::milliseconds(10'000);
    const SmtpReport report = send(wrong, message_to("a@example.com"));
    EXPECT_EQ(report.fate, Fate::not_taken) << report.error;
    EXPECT_EQ(report.error.find("wrong"), std::string::npos) << report.error;

    EXPECT_EQ(send(server_->settings(), message_to("a@example.com")).fate, Fate::not_taken);
}

TEST_F(Smtp, a_certificate_that_is_not_trusted_ends_it_before_the_password) {
    SmtpServer stranger = known();
    stranger.ca_file.clear();
    const SmtpReport report = send(stranger, message_to("a@example.com"));
    EXPECT_EQ(report.fate, Fate::not_taken) << report.error;
    EXPECT_NE(report.error.find("certificate"), std::string::npos) << report.error;
}

TEST(SmtpWithoutTls, is_not_spoken_to_a_server_that_offers_none_unless_asked) {
    Server plain({"--tls", "none"});
    EXPECT_EQ(send(plain.settings(), message_to("a@example.com")).fate, Fate::not_taken);
    plain.settings().tls = Tls::none;
    EXPECT_EQ(send(plain.settings(), message_to("a@example.com")).fate, Fate::taken);
}

TEST(SmtpWithTlsFromTheStart, takes_a_message) {
    Server server({"--tls", "implicit"});
    server.settings().tls = Tls::implicit;
    const SmtpReport report = send(server.settings(), message_to("a@example.com"));
    EXPECT_EQ(report.fate, Fate::taken) << report.error;
}

TEST(SmtpWithoutServer, nobody_has_taken_anything) {
    SmtpServer nobody;
    nobody.host = "127.0.0.1";
    nobody.port = 1;
    EXPECT_EQ(send(nobody, message_to("a@example.com")).fate, Fate::not_taken);
}

}  // namespace
}  // namespace carryall::mail
