// change pause, resume, cancel, approve, set: what may be asked of a bulk change that runs.
#include "app/api_client.hpp"
#include "app/watch.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

constexpr int kMostDevices = 1'000'000;  // of a change

struct Arguments {
    std::int64_t id = 0;
    std::string reason;
    bool is_threshold_ignored = false;
    int failures = 0;
    int failure_percent = 0;
    int failure_after = 0;
    std::string concurrency;
    std::string plan_hash;
    bool is_watched = false;
};

std::string path_of(const Arguments& arguments) {
    return "/v1/bulk-changes/" + std::to_string(arguments.id);
}

Result<void> show(Cli& cli, ApiClient& client, const Arguments& arguments,
                  const Result<json::value>& answer) {
    if (!answer) return answer.error();
    if (arguments.is_watched) return watch_change(cli, client, arguments.id, {});
    print_object(cli, *answer);
    return {};
}

Result<void> hold(Cli& cli, ApiClient& client, const Arguments& arguments, const char* action) {
    json::object body;
    if (!arguments.reason.empty()) body["reason"] = arguments.reason;
    return show(cli, client, arguments,
                client.send(http::Method::post, path_of(arguments) + action, body));
}

Result<void> resume(Cli& cli, ApiClient& client, const Arguments& arguments) {
    json::object body;
    if (arguments.is_threshold_ignored) body["ignoreThreshold"] = true;
    json::object threshold;
    if (arguments.failures > 0) threshold["count"] = arguments.failures;
    if (arguments.failure_percent > 0) threshold["percent"] = arguments.failure_percent;
    if (arguments.failure_after > 0) threshold["afterDevices"] = arguments.failure_after;
    if (!threshold.empty()) body["failureThreshold"] = std::move(threshold);
    return show(cli, client, arguments,
                client.send(http::Method::post, path_of(arguments) + "/resume", body));
}

Result<void> set(Cli& cli, ApiClient& client, const Arguments& arguments) {
    const auto number = base::parse_int(arguments.concurrency);
    if (!number && arguments.concurrency != "none") {
        return base::invalid_input("--max-concurrency takes a number, or none");
    }
    json::object body;
    body["maxConcurrency"] = number ? json::value(*number) : json::value(nullptr);
    return show(cli, client, arguments, client.send(http::Method::patch, path_of(arguments), body));
}

Result<void> approve(Cli& cli, ApiClient& client, const Arguments& arguments) {
    return show(cli, client, arguments,
                client.send(http::Method::post, path_of(arguments) + "/approve",
                            json::object{{"planHash", arguments.plan_hash}}));
}

}  // namespace

void add_control_commands(CLI::App& change, Cli& cli) {
    static Arguments arguments;
    const auto add = [&](const char* name, const char* help, auto action) {
        auto* app = change.add_subcommand(name, help);
        app->add_option("id", arguments.id, "The bulk change's id")->required();
        app->callback([&cli, action] { cli.command = with_client(cli, action); });
        return app;
    };
    const auto reason = [&](CLI::App* app) {
        app->add_option("--reason", arguments.reason, "Why, for those who see it");
    };
    reason(add("pause", "Begin no further device; calls in flight end",
               [&](ApiClient& client) { return hold(cli, client, arguments, "/pause"); }));
    auto* go_on = add("resume", "Go on with a paused change, or with its next wave",
                      [&](ApiClient& client) { return resume(cli, client, arguments); });
    go_on->add_flag("--ignore-threshold", arguments.is_threshold_ignored,
                    "Whatever fails from now on");
    go_on->add_option("--failures", arguments.failures, "Pause again at so many failures")
        ->check(CLI::Range(1, kMostDevices));
    go_on
        ->add_option("--failure-percent", arguments.failure_percent,
                     "Pause again at so many percent of failures")
        ->check(CLI::Range(1, 100));
    go_on
        ->add_option("--failure-after", arguments.failure_after,
                     "With --failure-percent: once so many devices have ended")
        ->check(CLI::Range(1, kMostDevices));
    auto* end = add("cancel", "End what was not begun; scheduled customer plans are withdrawn",
                    [&](ApiClient& client) { return hold(cli, client, arguments, "/cancel"); });
    reason(end);
    auto* agree = add("approve", "Agree, as a second person, to what a change would do",
                      [&](ApiClient& client) { return approve(cli, client, arguments); });
    agree->add_option("--plan-hash", arguments.plan_hash, "Of the plan that you have looked at")
        ->required();
    for (auto* app : {go_on, end, agree}) {
        app->add_flag("--watch", arguments.is_watched, "Follow it to its end");
    }
    add("set", "Set what may change while a change runs",
        [&](ApiClient& client) { return set(cli, client, arguments); })
        ->add_option("--max-concurrency", arguments.concurrency,
                     "Calls in flight over all workers; none: as many as the account allows")
        ->required();
}

}  // namespace carryall::app
