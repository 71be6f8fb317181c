// Reads and checks the configuration. The table below is the only list of settings: file,
// environment, reference and check all come from it.
#include "app/config.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <toml++/toml.h>

#include "base/text.hpp"
#include "http/address.hpp"
#include "mail/message.hpp"

namespace carryall::app {
namespace {

using base::Error;
using base::Result;

Setting text(std::string_view key, std::string Config::*member, std::string_view help) {
    return {key, help, false,
            [member](Config& config, std::string_view value) -> Result<void> {
                config.*member = value;
                return {};
            },
            [member](const Config& config) { return "\"" + config.*member + "\""; }};
}

Setting secret(std::string_view key, base::Secret Config::*member, std::string_view help) {
    return {key, help, true,
            [member](Config& config, std::string_view value) -> Result<void> {
                config.*member = base::Secret(std::string(value));
                return {};
            },
            [](const Config&) { return std::string("\"\""); }};
}

Setting number(std::string_view key, int Config::*member, int least, int most,
               std::string_view help) {
    return {key, help, false,
            [member, least, most](Config& config, std::string_view value) -> Result<void> {
                const auto parsed = base::parse_int(value);
                if (!parsed || *parsed < least || *parsed > most) {
                    return base::invalid_input("must be a whole number from " +
                                               std::to_string(least) + " to " +
                                               std::to_string(most));
                }
                config.*member = static_cast<int>(*parsed);
                return {};
            },
            [member](const Config& config) { return std::to_string(config.*member); }};
}

Setting flag(std::string_view key, bool Config::*member, std::string_view help) {
    return {
        key, help, false,
        [member](Config& config, std::string_view value) -> Result<void> {
            if (value != "true" && value != "false") {
                return base::invalid_input("must be true or false");
            }
            config.*member = value == "true";
            return {};
        },
        [member](const Config& config) { return std::string(config.*member ? "true" : "false"); }};
}

Setting choice(std::string_view key, std::string Config::*member,
               std::vector<std::string_view> allowed, std::string_view help) {
    Setting setting = text(key, member, help);
    setting.set = [member, allowed](Config& config, std::string_view value) -> Result<void> {
        std::string list;
        for (const std::string_view one : allowed) {
            if (one == value) {
                config.*member = value;
                return {};
            }
            list += (list.empty() ? "" : ", ") + std::string(one);
        }
        return base::invalid_input("must be one of: " + list);
    };
    return setting;
}

// Whole seconds, separated by commas in the environment.
Result<std::vector<int>> parse_seconds(std::string_view value) {
    constexpr std::size_t kMaxRungs = 50;
    std::vector<int> seconds;
    std::stringstream parts{std::string(value)};
    for (std::string part; std::getline(parts, part, ',');) {
        const auto parsed = base::parse_int(base::trim(part));
        if (!parsed || *parsed < 0 || *parsed > 30 * 86'400 || seconds.size() == kMaxRungs) {
            return base::invalid_input("must be a list of seconds, such as [0, 300, 3600]");
        }
        seconds.push_back(static_cast<int>(*parsed));
    }
    if (seconds.empty()) return base::invalid_input("must name at least one time");
    return seconds;
}

Setting ladder(std::string_view key, std::vector<int> Config::*member, std::string_view help) {
    return {key, help, false,
            [member](Config& config, std::string_view value) -> Result<void> {
                auto seconds = parse_seconds(value);
                if (!seconds) return seconds.error();
                config.*member = *seconds;
                return {};
            },
            [member](const Config& config) {
                std::string list;
                for (const int one : config.*member) {
                    list += (list.empty() ? "" : ", ") + std::to_string(one);
                }
                return "[" + list + "]";
            }};
}

Setting networks(std::string_view key, std::vector<std::string> Config::*member,
                 std::string_view help) {
    return {key, help, false,
            [member](Config& config, std::string_view value) -> Result<void> {
                std::vector<std::string> all;
                std::stringstream parts{std::string(value)};
                for (std::string part; std::getline(parts, part, ',');) {
                    const std::string one(base::trim(part));
                    if (!http::Cidr::parse(one)) {
                        return base::invalid_input(
                            "must be a list of networks, such as [\"10.1.0.0/16\"]");
                    }
                    all.push_back(one);
                }
                config.*member = std::move(all);
                return {};
            },
            [member](const Config& config) {
                std::string list;
                for (const std::string& one : config.*member) {
                    list += (list.empty() ? "\"" : ", \"") + one + "\"";
                }
                return "[" + list + "]";
            }};
}

Setting mail_address(std::string_view key, std::string Config::*member, std::string_view help) {
    Setting setting = text(key, member, help);
    setting.set = [member](Config& config, std::string_view value) -> Result<void> {
        if (!value.empty()) CARRYALL_TRY(mail::check_address(value));
        config.*member = value;
        return {};
    };
    return setting;
}

Setting web_address(std::string_view key, std::string Config::*member, std::string_view help) {
    Setting setting = text(key, member, help);
    setting.set = [member](Config& config, std::string_view value) -> Result<void> {
        const bool is_web = value.starts_with("https://") || value.starts_with("http://");
        if (!value.empty() && (!is_web || value.find_first_of(" \t?#\"<>") != value.npos)) {
            return base::invalid_input("must be an address such as https://carryall.example.com");
        }
        while (value.ends_with('/')) value.remove_suffix(1);
        config.*member = value;
        return {};
    };
    return setting;
}

void check_files(const Config& config, std::vector<Error>& mistakes) {
    const bool has_s3 = !config.files_s3_region.empty() || !config.files_s3_endpoint.empty() ||
                        !config.files_s3_access_key.empty() || !config.files_s3_secret_key.empty();
    if (config.files_s3_bucket.empty() && has_s3) {
        mistakes.push_back(
            base::invalid_input("set files.s3_bucket, or none of files.s3_…", "files.s3_bucket"));
        return;
    }
    for (Error& mistake : files::mistakes_of(file_store_settings(config))) {
        mistakes.push_back(std::move(mistake));
    }
}

// What one setting alone does not show.
void check_mail(const Config& config, std::vector<Error>& mistakes) {
    if (config.mail_from.empty() != config.mail_host.empty()) {
        mistakes.push_back(
            base::invalid_input("set both mail.from and mail.host, or neither", "mail"));
    }
    if ((config.mail_tls == "none" && !config.mail_username.empty()) ||
        (config.mail_second_tls == "none" && !config.mail_second_username.empty())) {
        mistakes.push_back(base::invalid_input(
            "a password is not sent without TLS: set mail.tls to starttls or implicit", "mail"));
    }
}

// A TOML value as the text that the environment would hold.
Result<std::string> value_text(const toml::node& node) {
    if (const auto* string = node.as_string()) return string->get();
    if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
    if (const auto* boolean = node.as_boolean())
        return std::string(boolean->get() ? "true" : "false");
    if (const auto* array = node.as_array()) {
        std::string list;
        for (const toml::node& item : *array) {
            const auto one = value_text(item);
            if (!one) return one.error();
            list += (list.empty() ? "" : ",") + *one;
        }
        return list;
    }
    return base::invalid_input("has a type that no setting has");
}

const Setting* find_setting(std::string_view key) {
    for (const Setting& setting : settings()) {
        if (setting.key == key) return &setting;
    }
    return nullptr;
}

std::string place(const std::string& file, const toml::node& node, const std::string& key) {
    return file + ":" + std::to_string(node.source().begin.line) + ": " + key;
}

void read_table(const toml::table& table, const std::string& prefix, const std::string& file,
                Config& config, std::vector<Error>& mistakes) {
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        if (const auto* inner = node.as_table()) {
            read_table(*inner, key + ".", file, config, mistakes);
            continue;
        }
        const Setting* setting = find_setting(key);
        if (setting == nullptr) {
            mistakes.push_back(base::invalid_input(
                "there is no such setting; `carryall config reference` lists all",
                place(file, node, key)));
            continue;
        }
        const auto text = value_text(node);
        const auto done = text ? setting->set(config, *text) : Result<void>(text.error());
        if (!done) {
            mistakes.push_back(base::invalid_input(done.error().message, place(file, node, key)));
        }
    }
}

void read_file(const std::string& file, Config& config, std::vector<Error>& mistakes) {
    try {
        read_table(toml::parse_file(file), "", file, config, mistakes);
    } catch (const toml::parse_error& error) {
        mistakes.push_back(
            base::invalid_input(std::string(error.description()),
                                file + ":" + std::to_string(error.source().begin.line)));
    }
}

}  // namespace

std::string Setting::environment_name() const {
    std::string name = "CARRYALL_";
    for (const char c : key) {
        name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return name;
}

const std::vector<Setting>& settings() {
    static const std::vector<Setting> all = {
        secret(
            "database.url", &Config::database_url,
            "Connection string of the application role carryall_app, as libpq takes it. Required."),
        secret(
            "database.owner_url", &Config::database_owner_url,
            "Connection string of the role that owns the schema. Only `carryall migrate` uses it."),
        number("database.connections", &Config::database_connections, 1, 500,
               "Connections of the API; a request waits 2 s for one, then answers 503."),
        secret("keys.master_key", &Config::master_key,
               "64 hexadecimal digits that seal the carriers' credentials. Prefer the file."),
        text("keys.master_key_file", &Config::master_key_file,
             "A file that holds the master key. Back it up: without it stored credentials are "
             "lost."),
        text("api.address", &Config::api_address,
             "Where the API listens. TLS belongs to the proxy in front."),
        number("api.port", &Config::api_port, 0, 65'535, "0 takes any free port."),
        number("api.threads", &Config::api_threads, 1, 256, "Requests handled at once."),
        number("api.max_upload_mb", &Config::api_max_upload_mb, 1, 10'000,
               "Largest uploaded file."),
        text("api.scratch_directory", &Config::api_scratch_directory,
             "Where uploads wait while they are read. Empty: the system's temporary folder."),
        number("api.reads_per_minute", &Config::api_reads_per_minute, 1, 1'000'000,
               "For each token."),
        number("api.writes_per_minute", &Config::api_writes_per_minute, 1, 1'000'000,
               "For each token."),
        number("api.uploads_per_minute", &Config::api_uploads_per_minute, 1, 1'000'000,
               "For each token."),
        number("api.callbacks_per_minute", &Config::api_callbacks_per_minute, 1, 10'000'000,
               "Carriers' callbacks, for each source address."),
        networks("api.trusted_proxies", &Config::api_trusted_proxies,
                 "Proxies in front, whose X-Forwarded-For is believed. Without them all clients "
                 "behind a proxy count as one source, and callbacks are refused."),
        web_address("api.public_url", &Config::api_public_url,
                    "How others reach this API, such as https://carryall.example.com. Links in "
                    "mails begin with it; set it for the workers too."),
        secret("api.metrics_token", &Config::api_metrics_token,
               "If set, /metrics asks for it as a bearer token."),
        number("api.drain_seconds", &Config::api_drain_seconds, 0, 600,
               "How long requests in flight may take to finish at shutdown."),
        number("changes.page_size", &Config::changes_page_size, 1, 1'000,
               "Devices a page: claimed, sent and written down together."),
        number("worker.runners", &Config::worker_runners, 1, 64,
               "Pages worked at once by this process."),
        number("worker.max_in_flight", &Config::worker_max_in_flight, 1, 1'000,
               "Calls at once of one runner; an account's own limit may be lower."),
        number("worker.lease_seconds", &Config::worker_lease_seconds, 1, 3'600,
               "After it, a page whose worker died is taken over."),
        number("worker.max_retries", &Config::worker_max_retries, 0, 100,
               "Of a device, after failures that are temporary and surely did nothing."),
        number("worker.backoff_ms", &Config::worker_backoff_ms, 1, 3'600'000,
               "Wait before the first retry; doubled each time, with a quarter of jitter."),
        number("worker.backoff_max_ms", &Config::worker_backoff_max_ms, 1, 86'400'000,
               "Longest wait."),
        ladder("worker.read_back_seconds", &Config::worker_read_back_seconds,
               "When a device whose outcome is unknown is read back at the carrier; then it is "
               "parked."),
        number("worker.settling_seconds", &Config::worker_settling_seconds, -1, 86'400,
               "How long a carrier may take to show a change. -1: what is known of each carrier."),
        number("worker.housekeeping_ms", &Config::worker_housekeeping_ms, 100, 600'000,
               "How often lost messages are rebuilt and due rate plans applied."),
        number("worker.callback_days", &Config::worker_callback_days, accounts::kLeastCallbackDays,
               3'650, "How long carriers' callbacks are kept, whatever became of them."),
        number("worker.inventory_readers", &Config::worker_inventory_readers, 0, 64,
               "Accounts whose inventory this worker reads at once. 0: it reads none."),
        number("worker.metrics_port", &Config::worker_metrics_port, 0, 65'535,
               "Serves /metrics and /healthz of the worker. 0: not served."),
        text("worker.metrics_address", &Config::worker_metrics_address, "Where they are served."),
        networks(
            "worker.private_networks", &Config::worker_private_networks,
            "Private networks in which carriers may be called; else only public addresses are. "
            "Tenants choose where their accounts are, so this closes your own network to them."),
        flag("webhooks.allow_http", &Config::webhooks_allow_http,
             "Webhooks to http:// addresses too, which anybody on the way can read."),
        networks("webhooks.private_networks", &Config::webhooks_private_networks,
                 "Private networks to which webhooks may be sent; else only to public addresses. "
                 "Tenants choose where their webhooks go."),
        number("webhooks.timeout_seconds", &Config::webhooks_timeout_seconds, 1, 60,
               "How long a receiver may take for its answer."),
        mail_address("mail.from", &Config::mail_from,
                     "The address that mail comes from. Empty: no mail is sent, and messages are "
                     "parked."),
        text("mail.host", &Config::mail_host, "The mail server."),
        number("mail.port", &Config::mail_port, 1, 65'535, "587 for starttls, 465 for implicit."),
        choice("mail.tls", &Config::mail_tls, {"starttls", "implicit", "none"},
               "none only for a server on the same machine; no password is sent without TLS."),
        text("mail.username", &Config::mail_username, "Empty: without authentication."),
        secret("mail.password", &Config::mail_password, "Its password."),
        text("mail.second_host", &Config::mail_second_host,
             "Asked when the first server does not take a message. Empty: there is none."),
        number("mail.second_port", &Config::mail_second_port, 1, 65'535, "As mail.port."),
        choice("mail.second_tls", &Config::mail_second_tls, {"starttls", "implicit", "none"},
               "As mail.tls."),
        text("mail.second_username", &Config::mail_second_username, "As mail.username."),
        secret("mail.second_password", &Config::mail_second_password, "Its password."),
        text("mail.ca_file", &Config::mail_ca_file,
             "PEM file of the authorities that mail servers' certificates come from. Empty: the "
             "system's."),
        text("files.directory", &Config::files_directory,
             "Where files are kept (lists that are mailed, downloads). API and workers need the "
             "same one: on several machines, a shared folder or S3."),
        text("files.s3_bucket", &Config::files_s3_bucket,
             "Keeps files in this bucket of an S3 service instead. Empty: in files.directory."),
        text("files.s3_region", &Config::files_s3_region, "The bucket's region."),
        text("files.s3_endpoint", &Config::files_s3_endpoint,
             "Scheme and host of the service. Empty: AWS's of the region."),
        text("files.s3_access_key", &Config::files_s3_access_key,
             "May put, get and list in the bucket: s3:PutObject, s3:GetObject, s3:ListBucket."),
        secret("files.s3_secret_key", &Config::files_s3_secret_key, "Its secret."),
        flag("files.s3_path_style", &Config::files_s3_path_style,
             "The bucket in the path instead of in the host's name, as MinIO wants it."),
        number("files.link_days", &Config::files_link_days, 1, 365,
               "How long links to files in mails open them."),
        choice("log.level", &Config::log_level, {"debug", "info", "warning", "error"},
               "debug, info, warning or error."),
        choice("log.format", &Config::log_format, {"json", "text"},
               "json for machines, text for a terminal."),
    };
    return all;
}

Environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
    };
}

Result<Config> load_config(const std::string& file, const Environment& environment,
                           std::vector<Error>& mistakes) {
    Config config;
    const std::string path = !file.empty() ? file : environment("CARRYALL_CONFIG").value_or("");
    if (!path.empty()) read_file(path, config, mistakes);
    for (const Setting& setting : settings()) {
        const auto value = environment(setting.environment_name());
        if (!value) continue;
        const auto done = setting.set(config, *value);
        if (!done) {
            mistakes.push_back(base::invalid_input(
                done.error().message, "environment variable " + setting.environment_name()));
        }
    }
    check_mail(config, mistakes);
    check_files(config, mistakes);
    if (!mistakes.empty()) return mistakes.front();
    return config;
}

std::string config_reference() {
    const Config defaults;
    std::string out =
        "# Carryall's settings and their defaults. Each can also be given in the environment:\n"
        "# api.port as CARRYALL_API_PORT. The file's path: --config or CARRYALL_CONFIG.\n";
    std::string section;
    for (const Setting& setting : settings()) {
        const std::string_view key = setting.key;
        const std::string_view in = key.substr(0, key.find('.'));
        if (in != section) {
            section = in;
            out += "\n[" + section + "]\n";
        }
        out.append("# ").append(setting.help).append("\n");
        out.append(key.substr(in.size() + 1))
            .append(" = ")
            .append(setting.get(defaults))
            .append("\n");
    }
    return out;
}

files::FileStoreSettings file_store_settings(const Config& config) {
    if (config.files_s3_bucket.empty()) return files::FolderSettings{config.files_directory};
    files::S3Settings s3;
    s3.endpoint = config.files_s3_endpoint.empty()
                      ? "https://s3." + config.files_s3_region + ".amazonaws.com"
                      : config.files_s3_endpoint;
    s3.region = config.files_s3_region;
    s3.bucket = config.files_s3_bucket;
    s3.access_key = config.files_s3_access_key;
    s3.secret_key = config.files_s3_secret_key;
    s3.path_style = config.files_s3_path_style;
    return s3;
}

files::LinkSettings link_settings(const Config& config) {
    return {config.api_public_url, std::chrono::days(config.files_link_days)};
}

Result<base::MasterKey> load_master_key(const Config& config) {
    if (!config.master_key.empty()) return base::MasterKey::from_hex(config.master_key.reveal());
    if (config.master_key_file.empty()) {
        return base::invalid_input(
            "set keys.master_key_file to a file with 64 hexadecimal digits (for a new "
            "installation: "
            "`openssl rand -hex 32`)",
            "keys.master_key_file");
    }
    std::ifstream file(config.master_key_file);
    if (!file) {
        return base::invalid_input("the file " + config.master_key_file + " cannot be read",
                                   "keys.master_key_file");
    }
    std::stringstream all;
    all << file.rdbuf();
    return base::MasterKey::from_hex(base::trim(all.str()));
}

void configure_log(const Config& config, const std::string& process) {
    using base::log::Format;
    using base::log::Level;
    Level level = Level::info;
    if (config.log_level == "debug") level = Level::debug;
    if (config.log_level == "warning") level = Level::warning;
    if (config.log_level == "error") level = Level::error;
    base::log::configure(level, config.log_format == "json" ? Format::json : Format::text);
    base::log::set_process_name(process);
}

}  // namespace carryall::app
