// Sends mail, for one thread, one message after the other. What must stay true: a message that a
// server may have taken is not sent again by itself; the second server is asked only if the first
// surely has not taken it; a message goes with all its attachments as they were when it was queued,
// or not at all.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "files/file_store.hpp"
#include "mail/smtp.hpp"
#include "notify/delivery.hpp"
#include "notify/dispatch_store.hpp"

namespace carryall::notify {

inline constexpr std::size_t kMaxMailServers = 2;

struct MailSettings {
    std::string from;                         // checked; empty: no mail is sent
    std::vector<mail::SmtpServer> servers;    // the first, and the one for when it refuses
    std::shared_ptr<files::FileStore> files;  // where attachments are
};

class MailSender {
  public:
    MailSender(base::Secret database, MailSettings settings);

    // One round: waits at most `at_most` for word of a message, then sends what is due, unless
    // `stopping` says otherwise.
    Result<void> work(std::chrono::milliseconds at_most, const std::atomic<bool>& stopping);
    // Writes down what could not be written before.
    Result<void> finish();

  private:
    struct Ended {
        std::int64_t tenant_id = 0;
        AttemptResult result;
    };
    Result<void> connect();
    Result<bool> send_one(std::int64_t tenant_id);
    Verdict fetch_and_send(std::int64_t tenant_id, const ClaimedMail& mail);
    Verdict send(std::int64_t tenant_id, const ClaimedMail& mail,
                 std::vector<mail::Attachment> attachments);
    int chance();
    Result<void> write_down();

    base::Secret database_;
    MailSettings settings_;
    std::unique_ptr<db::Connection> connection_;
    std::optional<Ended> ended_;
    std::chrono::steady_clock::time_point next_look_;
    std::mt19937 random_{std::random_device{}()};
};

}  // namespace carryall::notify
