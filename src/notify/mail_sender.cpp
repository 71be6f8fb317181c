#include "notify/mail_sender.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "notify/fetched_files.hpp"

namespace carryall::notify {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{1'000};
// After it, a message whose attachments are still not here is left for later.
constexpr std::chrono::seconds kFetchTime{300};
// Longer than both servers may take; with attachments also than these may take.
constexpr MailLease kLease{std::chrono::seconds(300), std::chrono::seconds(900)};

prometheus::Counter& attempts_counter(std::string_view state) {
    const auto make = [](const char* outcome) -> prometheus::Counter& {
        return base::metrics::counter("carryall_delivery_attempts_total",
                                      "Attempts to deliver, by channel and outcome.",
                                      {{"channel", "mail"}, {"outcome", outcome}});
    };
    static prometheus::Counter& sent = make("sent");
    static prometheus::Counter& failed = make("failed");
    static prometheus::Counter& unknown = make("unknown");
    if (state == "sent") return sent;
    return state == "unknown" ? unknown : failed;
}

}  // namespace

MailSender::MailSender(base::Secret database, MailSettings settings)
    : database_(std::move(database)), settings_(std::move(settings)) {
    CHECK(!settings_.servers.empty() && settings_.servers.size() <= kMaxMailServers);
    CHECK(settings_.files != nullptr);
}

Result<void> MailSender::connect() {
    if (connection_ && connection_->is_usable()) return {};
    auto opened = db::Connection::open(database_);
    if (!opened) return opened.error();
    CARRYALL_TRY(db::look_up_by_key_only(**opened, "carryall mail"));
    connection_ = std::move(opened).value();
    next_look_ = steady_clock::now();
    return connection_->listen("carryall_event");
}

Result<void> MailSender::work(milliseconds at_most, const std::atomic<bool>& stopping) {
    CARRYALL_TRY(connect());
    CARRYALL_TRY(write_down());
    const auto heard = connection_->wait_for_notifications(at_most);
    if (!heard) return heard.error();
    if (heard->empty() && steady_clock::now() < next_look_) return {};
    next_look_ = steady_clock::now() + kLookEvery;
    const auto due = due_tenants(*connection_);
    if (!due) return due.error();
    for (const DueTenant& tenant : *due) {
        if (!tenant.has_mail || stopping) continue;
        const auto sent = send_one(tenant.id);
        if (!sent) return sent.error();
        if (*sent) next_look_ = steady_clock::now();  // it may have more
    }
    return {};
}

Result<void> MailSender::finish() {
    CARRYALL_TRY(connect());
    return write_down();
}

Result<bool> MailSender::send_one(std::int64_t tenant_id) {
    const auto claimed = claim_mail(*connection_, tenant_id, kLease);
    if (!claimed) return claimed.error();
    if (!claimed->has_value()) return false;
    const ClaimedMail& mail = **claimed;
    const base::Instant started_at = base::system_clock().now();
    const auto started = steady_clock::now();
    Verdict verdict = fetch_and_send(tenant_id, mail);
    attempts_counter(verdict.state).Increment();
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - started);
    ended_ = {tenant_id,
              {mail.id, mail.attempt, WebhookId{}, std::move(verdict), started_at, took}};
    CARRYALL_TRY(write_down());
    return true;
}

Verdict MailSender::fetch_and_send(std::int64_t tenant_id, const ClaimedMail& claimed) {
    if (!claimed.has_attachments) return send(tenant_id, claimed, {});
    const auto wanted = attachments_of(*connection_, {tenant_id}, claimed.id);
    if (!wanted) return judge_unsent(wanted.error().message, false, claimed.failed, chance());
    const auto started = steady_clock::now();
    FetchedFiles fetched;
    for (const DeliveryAttachment& one : *wanted) {
        const auto missing = fetched.fetch(*settings_.files, one);
        if (missing) {
            return judge_unsent(missing->reason, missing->needs_person, claimed.failed, chance());
        }
    }
    if (steady_clock::now() - started > kFetchTime) {
        return judge_unsent("the file store was too slow with the attachments", false,
                            claimed.failed, chance());
    }
    return send(tenant_id, claimed, fetched.attachments());
}

int MailSender::chance() {
    return std::uniform_int_distribution<int>(0, 999)(random_);
}

Verdict MailSender::send(std::int64_t tenant_id, const ClaimedMail& claimed,
                         std::vector<mail::Attachment> attachments) {
    mail::Message message;
    message.attachments = std::move(attachments);
    message.from = settings_.from;
    message.to = claimed.address;
    message.subject = claimed.mail.subject;
    message.text = claimed.mail.text;
    message.html = claimed.mail.html;
    message.message_id = "delivery-" + base::to_string(claimed.id) + "." +
                         std::to_string(tenant_id) +
                         settings_.from.substr(settings_.from.rfind('@'));
    message.date = base::system_clock().now();
    const mail::SmtpReport first = mail::send(settings_.servers.front(), message);
    std::optional<mail::SmtpReport> second;
    if (settings_.servers.size() > 1 && may_try_another(first)) {
        base::log::warning("mail_server_refused",
                           {{"delivery", claimed.id.value}, {"reason", first.error}});
        second = mail::send(settings_.servers.back(), message);
    }
    return judge(first, second, claimed.failed, chance());
}

Result<void> MailSender::write_down() {
    if (!ended_) return {};
    CARRYALL_TRY(complete_deliveries(*connection_, ended_->tenant_id, {ended_->result}));
    ended_.reset();
    return {};
}

}  // namespace carryall::notify
