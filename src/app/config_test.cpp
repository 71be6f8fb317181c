// The mistakes that people make in configurations: each is refused, and the refusal names the file
// or variable, the key, and what to do.
#include "app/config.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <map>

#include "support/temp_dir.hpp"

namespace carryall::app {
namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_of(const Variables& variables) {
    return [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
}

struct Loaded {
    base::Result<Config> config;
    std::vector<base::Error> mistakes;
};

class ConfigTest : public ::testing::Test {
  protected:
    Loaded load(const std::string& toml, const Variables& variables = {}) {
        file_ = (folder_.path() / "carryall.toml").string();
        std::ofstream(file_) << toml;
        std::vector<base::Error> mistakes;
        auto config = load_config(file_, environment_of(variables), mistakes);
        return {std::move(config), mistakes};
    }

    support::TempDir folder_;
    std::string file_;
};

struct Mistake {
    std::string toml;
    std::string where;    // ends the place: line and key
    std::string message;  // a part of what is said
};

const std::vector<Mistake>& typical_mistakes() {
    static const std::vector<Mistake> all = {
        // Misspelt, in the wrong place, of the wrong case.
        {"[api]\nprot = 8080\n", ":2: api.prot", "no such setting"},
        {"port = 8080\n", ":1: port", "no such setting"},
        {"[server]\nport = 8080\n", ":2: server.port", "no such setting"},
        {"[api]\nPort = 8080\n", ":2: api.Port", "no such setting"},
        {"[databse]\nurl = \"x\"\n", ":2: databse.url", "no such setting"},
        {"[worker]\nlease = 60\n", ":2: worker.lease", "no such setting"},
        {"[log]\n\nformat.json = true\n", ":3: log.format.json", "no such setting"},
        {"[keys]\nmasterkey = \"00\"\n", ":2: keys.masterkey", "no such setting"},
        {"[api]\npublic_url = \"carryall.example.com\"\n", ":2: api.public_url", "https://"},
        {"[api.tls]\ncert = \"a\"\n", ":2: api.tls.cert", "no such setting"},
        // Numbers.
        {"[api]\nport = \"http\"\n", ":2: api.port", "whole number from 0 to 65535"},
        {"[api]\nport = 70000\n", ":2: api.port", "whole number from 0 to 65535"},
        {"[api]\nport = -1\n", ":2: api.port", "whole number from 0 to 65535"},
        {"[api]\nport = 80.5\n", ":2: api.port", "type that no setting has"},
        {"[api]\nthreads = 0\n", ":2: api.threads", "whole number from 1 to 256"},
        {"[api]\nthreads = \"\"\n", ":2: api.threads", "whole number from 1 to 256"},
        {"[api]\nmax_upload_mb = \"512MB\"\n", ":2: api.max_upload_mb", "whole number"},
        {"[api]\nmax_upload_mb = true\n", ":2: api.max_upload_mb", "whole number"},
        {"[database]\nconnections = 0\n", ":2: database.connections", "whole number from 1"},
        {"[database]\nconnections = 99999999999999999999\n", ":2", ""},
        {"[changes]\npage_size = 5000\n", ":2: changes.page_size", "whole number from 1 to 1000"},
        {"[worker]\nrunners = 0\n", ":2: worker.runners", "whole number from 1 to 64"},
        {"[worker]\nlease_seconds = \"1m\"\n", ":2: worker.lease_seconds", "whole number"},
        {"[worker]\nmax_retries = -1\n", ":2: worker.max_retries", "whole number from 0 to 100"},
        {"[worker]\nbackoff_ms = 0\n", ":2: worker.backoff_ms", "whole number"},
        {"[worker]\nsettling_seconds = 1e3\n", ":2: worker.settling_seconds", "type that no"},
        {"[api]\nport = 2026-01-01\n", ":2: api.port", "type that no setting has"},
        // Lists and choices.
        {"[worker]\nread_back_seconds = []\n", ":2: worker.read_back_seconds", "at least one"},
        {"[worker]\nread_back_seconds = [\"soon\"]\n", ":2: worker.read_back_seconds",
         "list of seconds"},
        {"[worker]\nread_back_seconds = [-5]\n", ":2: worker.read_back_seconds", "list of seconds"},
        {"[log]\nlevel = \"verbose\"\n", ":2: log.level", "must be one of"},
        {"[log]\nlevel = \"INFO\"\n", ":2: log.level", "must be one of"},
        {"[log]\nformat = \"xml\"\n", ":2: log.format", "must be one of"},
        {"[api]\ntrusted_proxies = [\"proxy.local\"]\n", ":2: api.trusted_proxies",
         "list of networks"},
        {"[api]\ncallbacks_per_minute = 0\n", ":2: api.callbacks_per_minute", "whole number"},
        // No TOML at all.
        {"[api\nport = 1\n", ":1", ""},
        {"[api]\nport 8080\n", ":2", ""},
        {"[log]\nlevel = info\n", ":2", ""},
        {"[api]\nport = 1\nport = 2\n", ":3", ""},
        {"[database]\nurl = \"host=x\n", ":2", ""},
        {"api:\n  port: 8080\n", ":1", ""},
    };
    return all;
}

TEST_F(ConfigTest, every_typical_mistake_names_file_line_key_and_what_is_allowed) {
    ASSERT_GE(typical_mistakes().size(), 30U);
    for (const Mistake& mistake : typical_mistakes()) {
        const Loaded loaded = load(mistake.toml);
        ASSERT_FALSE(loaded.config) << mistake.toml;
        const base::Error& error = loaded.config.error();
        EXPECT_EQ(error.kind, base::ErrorKind::invalid_input) << mistake.toml;
        EXPECT_EQ(error.where.rfind(file_, 0), 0U) << error.where;
        EXPECT_TRUE(error.where.ends_with(mistake.where)) << error.where;
        EXPECT_NE(error.message.find(mistake.message), std::string::npos) << error.message;
        EXPECT_FALSE(error.message.empty());
    }
}

TEST_F(ConfigTest, a_mistake_in_the_environment_names_the_variable) {
    for (const auto& [name, value] : Variables{{"CARRYALL_API_PORT", "eighty"},
                                               {"CARRYALL_LOG_LEVEL", "loud"},
                                               {"CARRYALL_WORKER_READ_BACK_SECONDS", "0,,1"},
                                               {"CARRYALL_WORKER_RUNNERS", " 4"}}) {
        const Loaded loaded = load("", {{name, value}});
        ASSERT_FALSE(loaded.config) << name;
        EXPECT_NE(loaded.config.error().where.find(name), std::string::npos)
            << loaded.config.error().where;
    }
}

TEST_F(ConfigTest, all_mistakes_are_told_at_once) {
    const Loaded loaded = load("[api]\nport = -1\nthreads = 0\n[log]\nlevel = \"x\"\n");
    ASSERT_FALSE(loaded.config);
    EXPECT_EQ(loaded.mistakes.size(), 3U);
}

TEST_F(ConfigTest, settings_of_the_file_store_that_do_not_fit_together_name_the_one_to_mend) {
    const std::vector<Mistake> mistakes = {
        {"directory = \"files\"", "files.directory", "whole path"},
        {"s3_region = \"eu-central-1\"", "files.s3_bucket", "or none of"},
        {"s3_bucket = \"lists\"", "files.s3_region", "region"},
        {"s3_bucket = \"lists\"\ns3_region = \"r\"\ns3_secret_key = \"s\"", "files.s3_access_key",
         "is needed"},
        {"s3_bucket = \"lists\"\ns3_region = \"r\"\ns3_endpoint = \"minio\"", "files.s3_endpoint",
         "scheme and host"}};
    for (const Mistake& mistake : mistakes) {
        const Loaded loaded = load("[files]\n" + mistake.toml + "\n");
        ASSERT_FALSE(loaded.config) << mistake.toml;
        EXPECT_EQ(loaded.mistakes.front().where, mistake.where) << mistake.toml;
        EXPECT_NE(loaded.mistakes.front().message.find(mistake.message), std::string::npos)
            << loaded.mistakes.front().message;
    }
    const Loaded good = load(
        "[files]\ns3_bucket = \"lists\"\ns3_region = \"eu-central-1\"\n"
        "s3_access_key = \"a\"\ns3_secret_key = \"s\"\n");
    ASSERT_TRUE(good.config);
    EXPECT_EQ(std::get<files::S3Settings>(file_store_settings(*good.config)).endpoint,
              "https://s3.eu-central-1.amazonaws.com");
}

TEST_F(ConfigTest, links_begin_with_the_public_address_without_a_slash) {
    const Loaded loaded =
        load("[api]\npublic_url = \"https://carryall.example.com/\"\n[files]\nlink_days = 7\n");
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(link_settings(*loaded.config).public_url, "https://carryall.example.com");
    EXPECT_EQ(link_settings(*loaded.config).valid, std::chrono::days(7));
}

TEST_F(ConfigTest, a_missing_file_is_named) {
    std::vector<base::Error> mistakes;
    const auto config = load_config("/nonexistent/carryall.toml", environment_of({}), mistakes);
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().where.find("/nonexistent/carryall.toml"), std::string::npos);
}

TEST_F(ConfigTest, the_environment_goes_before_the_file_and_the_file_before_the_default) {
    const Loaded loaded =
        load("[api]\nport = 1000\nthreads = 3\n", {{"CARRYALL_API_PORT", "2000"}});
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->api_port, 2000);
    EXPECT_EQ(loaded.config->api_threads, 3);
    EXPECT_EQ(loaded.config->worker_runners, Config{}.worker_runners);
}

TEST_F(ConfigTest, the_printed_reference_is_a_valid_file_that_changes_nothing) {
    const Loaded loaded = load(config_reference());
    ASSERT_TRUE(loaded.config) << loaded.config.error().message << loaded.config.error().where;
    for (const Setting& setting : settings()) {
        EXPECT_EQ(setting.get(*loaded.config), setting.get(Config{})) << setting.key;
        EXPECT_FALSE(setting.help.empty()) << setting.key;
    }
}

TEST_F(ConfigTest, a_secret_is_in_no_message_and_in_no_reference) {
    const Loaded loaded = load("[keys]\nmaster_key = \"c0ffee-is-no-key\"\n");
    ASSERT_TRUE(loaded.config);
    const auto key = load_master_key(*loaded.config);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().message.find("c0ffee"), std::string::npos);
    for (const Setting& setting : settings()) {
        EXPECT_EQ(setting.get(*loaded.config).find("c0ffee"), std::string::npos) << setting.key;
    }
}

TEST_F(ConfigTest, wrong_key_files_say_what_is_wrong) {
    std::ofstream(folder_.path() / "short.key") << "abcd\n";
    for (const std::string& file : {std::string("/nonexistent/key"), folder_.path().string(),
                                    (folder_.path() / "short.key").string()}) {
        const Loaded loaded = load("[keys]\nmaster_key_file = \"" + file + "\"\n");
        ASSERT_TRUE(loaded.config);
        const auto key = load_master_key(*loaded.config);
        ASSERT_FALSE(key) << file;
        EXPECT_FALSE(key.error().message.empty());
    }
    const Loaded none = load("");
    EXPECT_FALSE(load_master_key(*none.config));
}

}  // namespace
}  // namespace carryall::app
