// The configuration of every Carryall process: one TOML file, each setting also as an environment
// variable (api.port is CARRYALL_API_PORT), environment over file over default. A wrong
// configuration refuses to start and names the file, the key and what to do. `carryall config
// reference` prints all settings with their meaning.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/retention.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "files/file_store.hpp"
#include "files/link.hpp"

namespace carryall::app {

struct Config {
    // [database]
    base::Secret database_url;        // as carryall_app
    base::Secret database_owner_url;  // for migrate
    int database_connections = 12;    // of the API's pool
    // [keys]
    base::Secret master_key;  // 64 hexadecimal digits
    std::string master_key_file;
    // [api]
    std::string api_address = "127.0.0.1";
    int api_port = 8080;
    int api_threads = 8;
    int api_max_upload_mb = 512;
    std::string api_scratch_directory;  // empty: the system's
    int api_reads_per_minute = 1'200;
    int api_writes_per_minute = 300;
    int api_uploads_per_minute = 30;
    int api_callbacks_per_minute = 120'000;
    std::vector<std::string> api_trusted_proxies;  // CIDR, checked
    std::string api_public_url;                    // checked; without a slash at its end
    base::Secret api_metrics_token;
    int api_drain_seconds = 20;
    // [changes]
    int changes_page_size = 100;
    // [worker]
    int worker_runners = 4;
    int worker_max_in_flight = 32;
    int worker_lease_seconds = 60;
    int worker_max_retries = 8;
    int worker_backoff_ms = 5'000;
    int worker_backoff_max_ms = 900'000;
    std::vector<int> worker_read_back_seconds = {0,      300,    3'600,  86'400,
                                                 86'400, 86'400, 86'400, 86'400};
    int worker_settling_seconds = -1;  // -1: what the carrier's adapter says
    int worker_housekeeping_ms = 5'000;
    int worker_callback_days = accounts::kDefaultCallbackDays;
    int worker_inventory_readers = 2;
    int worker_metrics_port = 0;  // 0: none
    std::string worker_metrics_address = "127.0.0.1";
    std::vector<std::string> worker_private_networks;  // CIDR, checked
    // [webhooks]
    bool webhooks_allow_http = false;
    std::vector<std::string> webhooks_private_networks;  // CIDR, checked
    int webhooks_timeout_seconds = 15;
    // [mail]
    std::string mail_from;  // empty: no mail is sent
    std::string mail_host;
    int mail_port = 587;
    std::string mail_tls = "starttls";
    std::string mail_username;
    base::Secret mail_password;
    std::string mail_second_host;
    int mail_second_port = 587;
    std::string mail_second_tls = "starttls";
    std::string mail_second_username;
    base::Secret mail_second_password;
    std::string mail_ca_file;
    // [files]
    std::string files_directory = "/var/lib/carryall/files";
    std::string files_s3_bucket;  // empty: files are kept in files_directory
    std::string files_s3_region;
    std::string files_s3_endpoint;  // empty: AWS's of the region
    std::string files_s3_access_key;
    base::Secret files_s3_secret_key;
    bool files_s3_path_style = false;
    int files_link_days = 30;
    // [log]
    std::string log_level = "info";
    std::string log_format = "json";
};

struct Setting {
    std::string_view key;  // "api.port"
    std::string_view help;
    bool secret = false;
    std::function<base::Result<void>(Config&, std::string_view)> set;
    std::function<std::string(const Config&)> get;  // as it stands in TOML; secrets are never shown

    std::string environment_name() const;
};

const std::vector<Setting>& settings();

using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

// `file` empty: CARRYALL_CONFIG, or no file. Every mistake is reported, not only the first.
base::Result<Config> load_config(const std::string& file, const Environment& environment,
                                 std::vector<base::Error>& mistakes);

// The commented TOML file with all defaults.
std::string config_reference();

// Where files are kept, as [files] says.
files::FileStoreSettings file_store_settings(const Config& config);
files::LinkSettings link_settings(const Config& config);

// From keys.master_key or keys.master_key_file.
base::Result<base::MasterKey> load_master_key(const Config& config);

void configure_log(const Config& config, const std::string& process);

}  // namespace carryall::app
