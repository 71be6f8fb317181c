// settings: what the tenant has set for all its users.
#include "app/api_client.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;

base::Result<void> run(const Cli& cli, ApiClient& client, const std::string& threshold) {
    if (threshold.empty()) {
        const auto settings = client.get("/v1/tenant");
        if (!settings) return settings.error();
        print_object(cli, *settings);
        return {};
    }
    const auto number = base::parse_int(threshold);
    if (!number && threshold != "none") {
        return base::invalid_input("--approval-threshold takes a number of devices, or none");
    }
    json::object body;
    body["approvalThresholdDevices"] = number ? json::value(*number) : json::value(nullptr);
    const auto settings = client.send(http::Method::patch, "/v1/tenant", body);
    if (!settings) return settings.error();
    print_object(cli, *settings);
    return {};
}

}  // namespace

void add_settings_command(CLI::App& root, Cli& cli) {
    static std::string threshold;
    auto* settings = root.add_subcommand("settings", "What the tenant has set for all its users");
    settings->add_option("--approval-threshold", threshold,
                         "A change for more devices waits for a second person; none: no change");
    settings->callback([&cli] {
        cli.command =
            with_client(cli, [&cli](ApiClient& client) { return run(cli, client, threshold); });
    });
}

}  // namespace carryall::app
