#include "notify/notifier.hpp"

#include "base/log.hpp"

namespace carryall::notify {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStopLook{100};
constexpr milliseconds kRecoveryPause{500};
constexpr const char* kNoMail =
    "no mail server is configured; set mail.from and mail.host of the worker, then resend";

void log_failure(const char* event, const base::Error& error) {
    // The runners already say that the database is away.
    if (error.kind == base::ErrorKind::unavailable) return;
    base::log::error(event, {{"reason", error.message}, {"where", error.where}});
}

}  // namespace

Notifier::Notifier(NotifierSettings settings, base::MasterKey key)
    : settings_(std::move(settings)), key_(std::move(key)) {}

Notifier::~Notifier() {
    stop();
}

void Notifier::start() {
    CHECK(threads_.empty());
    threads_.emplace_back([this] { send_webhooks(); });
    if (!settings_.mail.servers.empty()) threads_.emplace_back([this] { send_mail(); });
}

void Notifier::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Notifier::send_webhooks() {
    const auto client = http::make_client(webhook_client_options(settings_.webhooks));
    const WebhookSenderSettings settings{settings_.database, settings_.webhook_timeout,
                                         settings_.mail.servers.empty() ? kNoMail : ""};
    WebhookSender sender(settings, key_, *client);
    while (!stopping_) {
        const auto worked = sender.work(kStopLook);
        if (worked) continue;
        log_failure("webhooks_failed", worked.error());
        std::this_thread::sleep_for(kRecoveryPause);
    }
    const auto finished = sender.finish();
    if (!finished) log_failure("webhooks_not_written_down", finished.error());
}

void Notifier::send_mail() {
    MailSender sender(settings_.database, settings_.mail);
    while (!stopping_) {
        const auto worked = sender.work(kStopLook, stopping_);
        if (worked) continue;
        log_failure("mail_failed", worked.error());
        std::this_thread::sleep_for(kRecoveryPause);
    }
    const auto finished = sender.finish();
    if (!finished) log_failure("mail_not_written_down", finished.error());
}

}  // namespace carryall::notify
