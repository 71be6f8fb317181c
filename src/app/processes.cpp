// Builds the objects of the API and of the worker from the configuration.
#include "app/processes.hpp"

#include <csignal>
#include <cstdio>
#include <unistd.h>

#include "accounts/account_gauges.hpp"
#include "api/api.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "changes/worker.hpp"
#include "charges/reconciliation_worker.hpp"
#include "charges/worker.hpp"
#include "db/migrate.hpp"
#include "http/server.hpp"
#include "notify/notifier.hpp"
#include "sync/sync_worker.hpp"

namespace carryall::app {
namespace {

using base::Result;

// Blocks the ending signals in every thread started from now on, so that one place waits for them.
class EndSignals {
  public:
    EndSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);
    }
    void wait() const {
        int signal = 0;
        sigwait(&set_, &signal);
        base::log::info("stopping", {{"signal", signal}});
    }

  private:
    sigset_t set_{};
};

std::string host_and_process() {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    return std::string(host.data()) + ":" + std::to_string(getpid());
}

Result<base::MasterKey> prepare(const Config& config) {
    if (config.database_url.empty()) {
        return base::invalid_input("set database.url (or CARRYALL_DATABASE_URL)", "database.url");
    }
    auto key = load_master_key(config);
    if (!key) return key.error();
    CARRYALL_TRY(db::check_schema_is_current(config.database_url));
    return key;
}

// The worker's /metrics and /healthz, if it is to have them.
Result<std::unique_ptr<http::Server>> start_worker_metrics(const Config& config) {
    if (config.worker_metrics_port == 0) return std::unique_ptr<http::Server>();
    http::Router router;
    const auto gauges = std::make_shared<accounts::AccountGauges>(config.database_url);
    router.add(http::Method::get, "/metrics", [gauges](http::Request&) {
        return http::Response::text(200, base::metrics::exposition(gauges->read()),
                                    "text/plain; version=0.0.4");
    });
    router.add(http::Method::get, "/healthz",
               [](http::Request&) { return http::Response::text(200, "ok\n"); });
    http::ServerOptions options;
    options.address = config.worker_metrics_address;
    options.port = static_cast<std::uint16_t>(config.worker_metrics_port);
    options.handler_threads = 1;
    http::ServerHooks hooks;
    hooks.access_log = false;
    return http::Server::start(options, std::move(router), hooks);
}

// The configuration has checked them.
std::vector<http::Cidr> networks_of(const std::vector<std::string>& texts) {
    std::vector<http::Cidr> networks;
    networks.reserve(texts.size());
    for (const std::string& text : texts) networks.push_back(http::Cidr::parse(text).value());
    return networks;
}

changes::WorkerSettings worker_settings(const Config& config) {
    changes::WorkerSettings settings;
    settings.database = config.database_url;
    settings.runners = config.worker_runners;
    settings.max_in_flight = config.worker_max_in_flight;
    settings.lease = std::chrono::seconds(config.worker_lease_seconds);
    settings.retry.max_retries = config.worker_max_retries;
    settings.retry.backoff_base = std::chrono::milliseconds(config.worker_backoff_ms);
    settings.retry.backoff_max = std::chrono::milliseconds(config.worker_backoff_max_ms);
    settings.retry.ladder.clear();
    for (const int seconds : config.worker_read_back_seconds) {
        settings.retry.ladder.emplace_back(seconds);
    }
    if (config.worker_settling_seconds >= 0) {
        settings.settling_time = std::chrono::seconds(config.worker_settling_seconds);
    }
    settings.housekeeping = std::chrono::milliseconds(config.worker_housekeeping_ms);
    settings.callbacks_kept = std::chrono::days(config.worker_callback_days);
    settings.http.guard =
        http::OutboundGuard::public_or(networks_of(config.worker_private_networks));
    settings.name = host_and_process();
    return settings;
}

// Readers are other threads of the same process, under the same limits.
sync::SyncWorkerSettings reader_settings(const Config& config,
                                         const changes::WorkerSettings& worker) {
    sync::SyncWorkerSettings settings;
    settings.database = config.database_url;
    settings.readers = config.worker_inventory_readers;
    settings.max_in_flight = worker.max_in_flight;
    settings.lease = worker.lease;
    settings.retry.max_retries = worker.retry.max_retries;
    settings.retry.backoff_base = worker.retry.backoff_base;
    settings.retry.backoff_max = worker.retry.backoff_max;
    settings.name = worker.name;
    settings.http = worker.http;
    return settings;
}

// The same for the runners of charges.
charges::ChargeWorkerSettings charge_settings(const Config& config,
                                              const changes::WorkerSettings& worker) {
    charges::ChargeWorkerSettings settings;
    settings.database = config.database_url;
    settings.runners = config.worker_charge_runners;
    settings.max_in_flight = worker.max_in_flight;
    settings.lease = worker.lease;
    settings.retry = worker.retry;
    settings.settling_time = worker.settling_time;
    settings.housekeeping = worker.housekeeping;
    settings.name = worker.name;
    settings.http = worker.http;
    return settings;
}

// A worker that charges reconciles, too.
charges::ReconciliationSettings reconciliation_settings(const Config& config,
                                                        const sync::SyncWorkerSettings& readers,
                                                        const changes::WorkerSettings& worker) {
    charges::ReconciliationSettings settings;
    settings.database = config.database_url;
    settings.is_on = config.worker_charge_runners > 0;
    settings.lease = worker.lease;
    settings.retry = readers.retry;
    settings.settling_time = worker.settling_time;
    settings.name = worker.name;
    settings.http = worker.http;
    return settings;
}

notify::WebhookRules webhook_rules(const Config& config) {
    return {config.webhooks_allow_http, networks_of(config.webhooks_private_networks)};
}

// A store that cannot be used now keeps nobody from changing lines: it is said, and files wait.
std::shared_ptr<files::FileStore> open_file_store(const Config& config) {
    std::shared_ptr<files::FileStore> store = files::make_file_store(file_store_settings(config));
    const auto usable = store->check();
    if (!usable) base::log::error("file_store_unusable", {{"reason", usable.error().message}});
    return store;
}

mail::Tls tls_of(const std::string& text) {
    if (text == "implicit") return mail::Tls::implicit;
    return text == "none" ? mail::Tls::none : mail::Tls::starttls;
}

mail::SmtpServer mail_server(const Config& config, const std::string& host, int port,
                             const std::string& tls, const std::string& username,
                             const base::Secret& password) {
    mail::SmtpServer server;
    server.host = host;
    server.port = port;
    server.tls = tls_of(tls);
    server.username = username;
    server.password = password;
    server.ca_file = config.mail_ca_file;
    return server;
}

notify::NotifierSettings notifier_settings(const Config& config,
                                           std::shared_ptr<files::FileStore> files) {
    notify::NotifierSettings settings;
    settings.database = config.database_url;
    settings.webhooks = webhook_rules(config);
    settings.webhook_timeout = std::chrono::seconds(config.webhooks_timeout_seconds);
    settings.mail.from = config.mail_from;
    settings.mail.files = std::move(files);
    if (config.mail_host.empty()) return settings;
    settings.mail.servers.push_back(mail_server(config, config.mail_host, config.mail_port,
                                                config.mail_tls, config.mail_username,
                                                config.mail_password));
    if (config.mail_second_host.empty()) return settings;
    settings.mail.servers.push_back(mail_server(
        config, config.mail_second_host, config.mail_second_port, config.mail_second_tls,
        config.mail_second_username, config.mail_second_password));
    return settings;
}

}  // namespace

Result<void> serve(const Config& config) {
    const EndSignals signals;
    auto key = prepare(config);
    if (!key) return key.error();
    db::Pool pool(config.database_url, static_cast<std::size_t>(config.database_connections));
    const tenants::PageTokens page_tokens(*key);
    api::Services services{pool, config.database_url, base::system_clock(), *key, page_tokens, {}};
    services.settings.max_upload_bytes = static_cast<std::uint64_t>(config.api_max_upload_mb) << 20;
    if (!config.api_scratch_directory.empty()) {
        services.settings.scratch_directory = config.api_scratch_directory;
    }
    services.settings.change_page_size = config.changes_page_size;
    services.settings.reads_per_minute = config.api_reads_per_minute;
    services.settings.writes_per_minute = config.api_writes_per_minute;
    services.settings.uploads_per_minute = config.api_uploads_per_minute;
    services.settings.callbacks_per_minute = config.api_callbacks_per_minute;
    services.settings.metrics_token = config.api_metrics_token;
    services.settings.webhooks = webhook_rules(config);
    const auto files = open_file_store(config);
    services.files = files.get();
    api::Api api(services);
    http::ServerOptions options;
    options.address = config.api_address;
    options.port = static_cast<std::uint16_t>(config.api_port);
    options.handler_threads = static_cast<std::size_t>(config.api_threads);
    options.spool_directory = services.settings.scratch_directory;
    options.trusted_proxies = networks_of(config.api_trusted_proxies);
    auto server = http::Server::start(options, api.router(), api.hooks());
    if (!server) return server.error();
    std::printf("carryall api listening on http://%s:%d\n", config.api_address.c_str(),
                static_cast<int>((*server)->port()));
    std::fflush(stdout);
    signals.wait();
    api.stop();
    (*server)->drain(std::chrono::seconds(config.api_drain_seconds));
    return {};
}

Result<void> work(const Config& config) {
    const EndSignals signals;
    auto key = prepare(config);
    if (!key) return key.error();
    auto metrics = start_worker_metrics(config);
    if (!metrics) return metrics.error();
    const changes::WorkerSettings settings = worker_settings(config);
    changes::Worker worker(settings, *key);
    const sync::SyncWorkerSettings reading = reader_settings(config, settings);
    sync::SyncWorker readers(reading, *key);
    charges::ChargeWorker chargers(charge_settings(config, settings), *key);
    charges::ReconciliationWorker reconciler(reconciliation_settings(config, reading, settings),
                                             *key);
    notify::Notifier notifier(notifier_settings(config, open_file_store(config)),
                              std::move(key).value());
    worker.start();
    readers.start();
    chargers.start();
    reconciler.start();
    notifier.start();
    std::printf("carryall worker running\n");
    std::fflush(stdout);
    signals.wait();
    readers.stop();
    chargers.stop();
    reconciler.stop();
    worker.stop();
    notifier.stop();
    return {};
}

}  // namespace carryall::app
