// Mail through real servers, the second one asked when the first refuses.
#include "notify/mail_sender.hpp"

#include <fstream>
#include <utility>

#include "files/folder_store.hpp"
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
                          {"carryall@example.com", servers, files_});
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

    // Puts a file into the store; what queue_mail is told of it.
    json::object stored(const std::string& key, const std::string& name,
                        const std::string& content) {
        const auto file = scratch_.path() / "list";
        std::ofstream(file, std::ios::binary) << content;
        const auto put = files_->put(key, file, "text/plain");
        EXPECT_TRUE(put) << (put ? "" : put.error().message);
        return {{"file_name", name},
                {"content_type", "text/plain; charset=utf-8"},
                {"file_key", key},
                {"size_bytes", content.size()}};
    }
    // As another part of the product queues a mail; empty: it was refused.
    std::string queue(const std::string& address, const json::array& attachments,
                      std::optional<std::int64_t> event = {}) {
        EXPECT_TRUE(connection_->work_for_tenant(1));
        const auto rows = connection_->exec(
            {"test_queue_mail",
             "SELECT queue_mail(1, $1, $2, 'List', 'See the file', '<p>See the file</p>', $3)"},
            db::Params().add(event).add(address).add(json::serialize(attachments)));
        return rows ? rows->string(0, 0) : "";
    }

    support::TempDir scratch_;
    std::shared_ptr<files::FileStore> files_ =
        std::make_shared<files::FolderStore>(files::FolderSettings{scratch_.path() / "store"});
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

TEST_F(MailSenderTest, a_message_goes_with_its_files_and_leaves_none_behind) {
    MailServer server;
    const auto folder = scratch_.path() / "tmp";
    std::filesystem::create_directory(folder);
    ::setenv("TMPDIR", folder.c_str(), 1);
    const std::string rows(200'000, 'r');
    queue("a@example.com", {stored("charges/1/17.txt", "17.txt", rows),
                            stored("charges/1/17.zip", "März.zip", "packed")});
    work({server.settings});
    ::unsetenv("TMPDIR");
    ASSERT_EQ(states(), "sent");
    const json::value told = json::parse(server.process->wait_for_line("\"message\""));
    const json::array& sent = told.at("message").at("attachments").as_array();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].at("name").as_string(), "17.txt");
    EXPECT_EQ(sent[0].at("sha256").as_string(), base::sha256_hex(rows));
    EXPECT_EQ(sent[1].at("name").as_string(), "März.zip");
    EXPECT_EQ(sent[1].at("sha256").as_string(), base::sha256_hex("packed"));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(MailSenderTest, a_file_that_is_gone_or_another_one_parks_the_message_unsent) {
    MailServer server;
    json::object missing = stored("charges/1/a.txt", "a.txt", "rows");
    missing["file_key"] = "charges/1/none.txt";
    queue("a@example.com", {missing});
    queue("b@example.com", {stored("charges/1/b.txt", "b.txt", "rows")});
    stored("charges/1/b.txt", "b.txt", "longer rows");
    work({server.settings});
    EXPECT_EQ(states(), "parked parked");
    EXPECT_EQ(server.taken(), 0);
    EXPECT_EQ(sql("SELECT reason FROM delivery WHERE address = 'a@example.com'"),
              "attachment a.txt: the file store has no charges/1/none.txt");
    EXPECT_EQ(sql("SELECT reason FROM delivery WHERE address = 'b@example.com'"),
              "attachment b.txt: charges/1/b.txt has 11 bytes in the file store instead of 4");
    // A person puts it right and sends it again.
    stored("charges/1/b.txt", "b.txt", "rows");
    ASSERT_TRUE(resend(
        *connection_, {1},
        {std::stoll(
            sql("SELECT delivery_id::text FROM delivery WHERE address = 'b@example.com'"))}));
    work({server.settings});
    EXPECT_EQ(states(), "parked sent");
}

// A store that is away.
class NoStore : public files::FileStore {
  public:
    base::Result<void> put(const std::string&, const std::filesystem::path&,
                           const std::string&) override {
        return base::unavailable("away");
    }
    base::Result<std::optional<std::uint64_t>> size_of(const std::string&) override {
        return base::unavailable("the store is away");
    }
    base::Result<bool> get(const std::string&, const std::filesystem::path&) override {
        return base::unavailable("away");
    }
    base::Result<void> check() override { return base::unavailable("away"); }
};

TEST_F(MailSenderTest, a_store_that_is_away_is_no_reason_to_lose_a_message) {
    MailServer server;
    queue("a@example.com", {stored("charges/1/a.txt", "a.txt", "rows")});
    const auto present = std::exchange(files_, std::make_shared<NoStore>());
    work({server.settings});
    EXPECT_EQ(states(), "queued");
    EXPECT_NE(sql("SELECT reason FROM delivery").find("the store is away"), std::string::npos);
    files_ = present;
    let_time_come();
    work({server.settings});
    EXPECT_EQ(states(), "sent");
    EXPECT_EQ(server.taken(), 1);
}

TEST_F(MailSenderTest, files_go_to_the_second_server_too_and_wait_for_a_person_when_both_refuse) {
    MailServer first({"--refuse", "554"});
    MailServer second;
    queue("a@example.com", {stored("charges/1/a.txt", "a.txt", "rows")});
    queue("refused.data@example.com", {stored("charges/1/b.txt", "b.txt", "rows")});
    work({first.settings, second.settings});
    EXPECT_EQ(states(), "sent parked");
    const json::value told = json::parse(second.process->wait_for_line("\"message\""));
    EXPECT_EQ(told.at("message").at("attachments").at(0).at("name").as_string(), "a.txt");
    EXPECT_EQ(sql("SELECT count(*)::text FROM delivery_attachment"), "2");
}

TEST_F(MailSenderTest, the_same_mail_of_an_event_is_queued_once_and_shown_with_its_files) {
    const std::int64_t event = emit().value;
    const json::array files = {stored("charges/1/a.txt", "a.txt", "rows")};
    const std::string id = queue("a@example.com", files, event);
    EXPECT_EQ(queue("a@example.com", files, event), id);
    EXPECT_EQ(sql("SELECT count(*)::text FROM delivery"), "1");
    const auto shown = get_delivery(*connection_, {1}, {std::stoll(id)});
    ASSERT_TRUE(shown);
    ASSERT_EQ(shown->attachments.size(), 1U);
    EXPECT_EQ(shown->attachments[0].file_name, "a.txt");
    EXPECT_EQ(shown->attachments[0].file_key, "charges/1/a.txt");
    EXPECT_EQ(shown->attachments[0].size_bytes, 4U);
    EXPECT_FALSE(get_delivery(*connection_, {2}, {std::stoll(id)}));
    // Of nothing in particular, each is a mail of its own.
    EXPECT_NE(queue("a@example.com", {}), queue("a@example.com", {}));
}

TEST_F(MailSenderTest, more_than_a_mail_can_carry_is_refused_where_it_is_decided) {
    json::object half = stored("charges/1/a.txt", "a.txt", "rows");
    half["size_bytes"] = kMaxAttachedBytes / 2 + 1;
    EXPECT_EQ(queue("a@example.com", {half, half}), "");
    half["size_bytes"] = kMaxAttachedBytes / 2;
    queue("a@example.com", {half, half});
    json::object wrong = half;
    wrong["file_name"] = "../a.txt";
    EXPECT_EQ(queue("a@example.com", {wrong}), "");
    EXPECT_EQ(queue("a@example.com", json::array(kMaxAttachments + 1, wrong)), "");
    EXPECT_EQ(states(), "queued");
}

TEST_F(MailSenderTest, without_a_server_what_is_queued_waits_for_a_person) {
    queue("a@example.com", {});
    ASSERT_TRUE(park_mail(*connection_, 1, "no mail server"));
    EXPECT_EQ(states(), "parked");
    EXPECT_EQ(sql("SELECT reason FROM delivery"), "no mail server");
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
