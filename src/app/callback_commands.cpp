// callbacks: what carriers told by themselves, and what became of it.
#include "app/api_client.hpp"

namespace carryall::app {
namespace {

constexpr std::size_t kMaxListed = 1'000'000;

struct CallbackArguments {
    std::string state;
    std::string provider_id;
    std::string request_id;
    std::size_t limit = 50;
};

}  // namespace

void add_callback_command(CLI::App& root, Cli& cli) {
    static CallbackArguments arguments;
    auto* callbacks = root.add_subcommand("callbacks", "What carriers told by themselves");
    callbacks->add_option("--state", arguments.state, "new, matched, repeated, orphan or unasked");
    callbacks->add_option("--provider", arguments.provider_id, "Service provider's id");
    callbacks->add_option("--request", arguments.request_id, "The carrier's id of a request");
    callbacks->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    callbacks->callback([&cli] {
        cli.command = with_client(cli, [&cli](ApiClient& client) {
            return show_list(cli, client, "/v1/callbacks",
                             {{"state", arguments.state},
                              {"serviceProviderId", arguments.provider_id},
                              {"requestId", arguments.request_id}},
                             arguments.limit,
                             {"callbackId", "receivedAt", "state", "serviceProviderId", "requestId",
                              "bulkChangeId", "deviceChangeId", "remoteAddress"});
        });
    });
}

}  // namespace carryall::app
