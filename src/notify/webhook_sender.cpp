#include "notify/webhook_sender.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "notify/event_mail.hpp"
#include "notify/signature.hpp"
#include "notify/webhook_store.hpp"

namespace carryall::notify {
namespace {

namespace json = base::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Word of an event may be lost, and a retry's time comes without a word.
constexpr milliseconds kLookEvery{1'000};
constexpr std::chrono::seconds kCountEvery{15};
constexpr std::chrono::minutes kTidyEvery{1};
// Enough for what a person wants to see of an answer, and for a receiver that says a little more.
constexpr std::size_t kMaxAnswerBytes = 64U << 10;

// What a receiver reads: the specification's three members.
std::string body_of(const Event& event) {
    return json::serialize(json::object{
        {"type", event.type}, {"timestamp", event.created_at}, {"data", event.payload}});
}

prometheus::Counter& attempts_counter(bool is_sent) {
    const auto make = [](const char* outcome) -> prometheus::Counter& {
        return base::metrics::counter("carryall_delivery_attempts_total",
                                      "Attempts to deliver, by channel and outcome.",
                                      {{"channel", "webhook"}, {"outcome", outcome}});
    };
    static prometheus::Counter& sent = make("sent");
    static prometheus::Counter& failed = make("failed");
    return is_sent ? sent : failed;
}

}  // namespace

http::ClientRequest webhook_request(const ClaimedWebhook& webhook, const base::Secret& key,
                                    const std::optional<base::Secret>& previous_key,
                                    base::Instant now) {
    // The same for every attempt and every webhook: it names the event.
    const std::string id = "evt_" + base::to_string(webhook.event.id);
    const std::string timestamp =
        std::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
    http::ClientRequest request;
    request.method = http::Method::post;
    request.url = webhook.url;
    request.body = body_of(webhook.event);
    request.headers = http::HeaderList(
        {{"Content-Type", "application/json"},
         {"webhook-id", id},
         {"webhook-timestamp", timestamp},
         {"webhook-signature", webhook_signature(id, timestamp, request.body, key, previous_key)}});
    return request;
}

http::ClientOptions webhook_client_options(const WebhookRules& rules) {
    http::ClientOptions options;
    options.max_in_flight = kMaxWebhooksInFlight;
    // How many a receiver gets at once is decided by the claim.
    options.max_connections_per_host = kMaxWebhooksInFlight;
    options.max_body_bytes = kMaxAnswerBytes;
    options.guard = http::OutboundGuard::public_or(rules.private_networks);
    options.https_only = !rules.allows_http;
    return options;
}

WebhookSender::WebhookSender(WebhookSenderSettings settings, base::MasterKey key,
                             http::Client& client)
    : settings_(std::move(settings)), key_(std::move(key)), client_(client) {}

Result<void> WebhookSender::connect() {
    if (connection_ && connection_->is_usable()) return {};
    auto opened = db::Connection::open(settings_.database);
    if (!opened) return opened.error();
    CARRYALL_TRY(db::look_up_by_key_only(**opened, "carryall notify"));
    connection_ = std::move(opened).value();
    next_look_ = steady_clock::now();
    return connection_->listen("carryall_event");
}

Result<void> WebhookSender::work(milliseconds at_most) {
    const auto connected = connect();
    // Answers are taken whether the database is there or not.
    const bool is_flying = client_.in_flight() > 0;
    if (is_flying) collect(connected ? at_most : milliseconds(0));
    CARRYALL_TRY(connected);
    CARRYALL_TRY(write_down());
    const auto heard = connection_->wait_for_notifications(is_flying ? milliseconds(0) : at_most);
    if (!heard) return heard.error();
    if (!heard->empty() || steady_clock::now() >= next_look_) CARRYALL_TRY(look());
    if (steady_clock::now() >= next_count_) CARRYALL_TRY(count_open());
    if (steady_clock::now() >= next_tidying_) CARRYALL_TRY(tidy());
    return write_down();  // of what could not even be started
}

Result<void> WebhookSender::finish() {
    while (client_.in_flight() > 0) collect(kLookEvery);  // each has a time limit
    CARRYALL_TRY(connect());
    return write_down();
}

Result<void> WebhookSender::look() {
    next_look_ = steady_clock::now() + kLookEvery;
    const auto due = due_tenants(*connection_);
    if (!due) return due.error();
    for (const DueTenant& tenant : *due) CARRYALL_TRY(take(tenant));
    return {};
}

Result<void> WebhookSender::take(const DueTenant& tenant) {
    if (tenant.has_events) {
        const auto routed = route_events(*connection_, tenant.id, mail_of, settings_.no_mail);
        if (!routed) return routed.error();
        if (*routed == kEventsAtOnce) next_look_ = steady_clock::now();
    }
    // Those of events are parked as they are made; what others queue is parked here.
    if (tenant.has_mail && !settings_.no_mail.empty()) {
        CARRYALL_TRY(park_mail(*connection_, tenant.id, settings_.no_mail));
    }
    const std::size_t free = kMaxWebhooksInFlight - client_.in_flight();
    const int limit = std::min(kWebhooksAtOnce, static_cast<int>(free));
    if (limit == 0 || !(tenant.has_webhooks || tenant.has_events)) return {};
    auto claimed =
        claim_webhooks(*connection_, tenant.id, limit, settings_.timeout + kWebhookMargin);
    if (!claimed) return claimed.error();
    if (static_cast<int>(claimed->size()) == limit) next_look_ = steady_clock::now();
    for (ClaimedWebhook& webhook : *claimed) start(tenant.id, std::move(webhook));
    return {};
}

void WebhookSender::start(std::int64_t tenant_id, ClaimedWebhook webhook) {
    const base::Instant now = base::system_clock().now();
    const std::string context = secret_context(webhook.webhook_id);
    auto key = key_.open(webhook.sealed_key, context);
    std::optional<base::Secret> previous;
    if (key && !webhook.sealed_previous_key.empty()) {
        auto opened = key_.open(webhook.sealed_previous_key, context);
        if (opened) {
            previous = std::move(opened).value();
        } else {
            key = opened.error();
        }
    }
    Flight flight{tenant_id, std::move(webhook), now};
    if (!key) {
        http::ClientResponse unsent;
        unsent.transport = http::Transport::not_sent;
        unsent.reason = key.error().message;
        end(flight, judge(unsent, flight.webhook.failed, chance()), milliseconds(0));
        return;
    }
    http::ClientRequest request = webhook_request(flight.webhook, *key, previous, now);
    request.timeout = settings_.timeout;
    request.tag = next_tag_++;
    flights_.emplace(request.tag, std::move(flight));
    client_.start(std::move(request));
}

void WebhookSender::collect(milliseconds at_most) {
    std::vector<http::ClientResponse> responses;
    client_.wait(at_most, responses);
    for (const http::ClientResponse& response : responses) {
        const auto found = flights_.find(response.tag);
        CHECK(found != flights_.end());
        end(found->second, judge(response, found->second.webhook.failed, chance()),
            std::chrono::duration_cast<milliseconds>(response.elapsed));
        flights_.erase(found);
    }
}

void WebhookSender::end(const Flight& flight, Verdict verdict, milliseconds took) {
    attempts_counter(verdict.reason.empty()).Increment();
    ended_[flight.tenant_id].push_back({flight.webhook.id, flight.webhook.attempt,
                                        flight.webhook.webhook_id, std::move(verdict),
                                        flight.started_at, took});
    next_look_ = steady_clock::now();  // its place is free
}

Result<void> WebhookSender::write_down() {
    while (!ended_.empty()) {
        CARRYALL_TRY(
            complete_deliveries(*connection_, ended_.begin()->first, ended_.begin()->second));
        ended_.erase(ended_.begin());
    }
    return {};
}

Result<void> WebhookSender::tidy() {
    next_tidying_ = steady_clock::now() + kTidyEvery;
    const auto forgotten = tidy_deliveries(*connection_);
    if (!forgotten) return forgotten.error();
    if (*forgotten > 0) base::log::info("old_events_forgotten", {{"count", *forgotten}});
    return {};
}

Result<void> WebhookSender::count_open() {
    next_count_ = steady_clock::now() + kCountEvery;
    const auto open = open_deliveries(*connection_);
    if (!open) return open.error();
    for (const char* channel : {"webhook", "mail"}) {
        for (const char* state : {"queued", "sending", "parked", "unknown"}) {
            const auto found =
                std::find_if(open->begin(), open->end(), [&](const OpenDeliveries& one) {
                    return one.channel == channel && one.state == state;
                });
            base::metrics::gauge("carryall_deliveries",
                                 "Deliveries that are not sent, by channel and state, over all "
                                 "tenants.",
                                 {{"channel", channel}, {"state", state}})
                .Set(found == open->end() ? 0.0 : static_cast<double>(found->count));
        }
    }
    return {};
}

}  // namespace carryall::notify
