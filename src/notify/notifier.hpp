// The threads that tell those outside: one routes events and sends webhooks, one sends mail if a
// mail server is configured. Both come back when the database does.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "notify/mail_sender.hpp"
#include "notify/webhook_sender.hpp"

namespace carryall::notify {

struct NotifierSettings {
    base::Secret database;  // as the application role
    WebhookRules webhooks;
    std::chrono::seconds webhook_timeout{15};
    MailSettings mail;
};

class Notifier {
  public:
    Notifier(NotifierSettings settings, base::MasterKey key);
    ~Notifier();  // as stop()
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    void start();
    // Begins no further delivery, lets those in flight end, writes them down, joins the threads.
    void stop();

  private:
    void send_webhooks();
    void send_mail();

    NotifierSettings settings_;
    base::MasterKey key_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace carryall::notify
