// events, webhooks, recipients, deliveries: what happened, who hears of it, and what became of it.
#include "app/api_client.hpp"

namespace carryall::app {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;

constexpr std::size_t kMaxListed = 1'000'000;

struct NotifyArguments {
    std::int64_t id = 0;
    std::string url;
    std::string address;
    std::string description;
    std::vector<std::string> types;
    std::string type;
    std::string subject;
    std::string channel;
    std::string state;
    std::string webhook;
    std::string event;
    std::size_t limit = 50;
};

const Row kWebhookColumns = {"webhookId", "url",          "eventTypes",
                             "isActive",  "failingSince", "disabledReason"};
const Row kRecipientColumns = {"recipientId", "address", "eventTypes", "isActive"};

Result<void> show(const Cli& cli, const Result<json::value>& document) {
    if (!document) return document.error();
    print_object(cli, *document);
    return {};
}

void add_id(CLI::App* app, NotifyArguments& arguments, const char* help) {
    app->add_option("id", arguments.id, help)->required()->check(whole_number());
}

void add_types(CLI::App* app, NotifyArguments& arguments) {
    app->add_option("--types", arguments.types,
                    "Types of events, such as bulk_change.finished; none: every type")
        ->delimiter(',');
}

void add_limit(CLI::App* app, NotifyArguments& arguments) {
    app->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
}

json::array types_of(const NotifyArguments& arguments) {
    return json::array(arguments.types.begin(), arguments.types.end());
}

// `webhooks enable 3`, `recipients disable 4`.
void add_switch(CLI::App* group, Cli& cli, NotifyArguments& arguments, const std::string& path,
                bool is_on) {
    auto* app = group->add_subcommand(is_on ? "enable" : "disable",
                                      is_on ? "Deliver again" : "Deliver no more");
    add_id(app, arguments, "Its id");
    on_command(app, cli, arguments,
               [path, is_on](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.send(Method::patch, path + std::to_string(given.id),
                                                json::object{{"isActive", is_on}}));
               });
}

void add_types_command(CLI::App* group, Cli& cli, NotifyArguments& arguments,
                       const std::string& path) {
    auto* app = group->add_subcommand("types", "Change the types of events it hears of");
    add_id(app, arguments, "Its id");
    add_types(app, arguments);
    on_command(app, cli, arguments,
               [path](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.send(Method::patch, path + std::to_string(given.id),
                                                json::object{{"eventTypes", types_of(given)}}));
               });
}

void add_posting(CLI::App* group, Cli& cli, NotifyArguments& arguments, const char* name,
                 const char* help, const std::string& path, const std::string& verb) {
    auto* app = group->add_subcommand(name, help);
    add_id(app, arguments, "Its id");
    on_command(app, cli, arguments,
               [path, verb](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.post(path + std::to_string(given.id) + verb));
               });
}

void add_event_command(CLI::App& root, Cli& cli, NotifyArguments& arguments) {
    auto* app = root.add_subcommand("events", "What happened, newest first");
    app->add_option("--type", arguments.type, "Only this type, such as bulk_change.finished");
    app->add_option("--subject", arguments.subject, "Only of this, such as bulk_change/17");
    add_limit(app, arguments);
    on_command(app, cli, arguments,
               [](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show_list(out, client, "/v1/events",
                                    {{"type", given.type}, {"subject", given.subject}}, given.limit,
                                    {"eventId", "createdAt", "type", "subject"});
               });
}

void add_webhook_commands(CLI::App& root, Cli& cli, NotifyArguments& arguments) {
    auto* group = root.add_subcommand("webhooks", "Where programs hear of events");
    const std::string path = "/v1/webhooks/";
    auto* create = group->add_subcommand("create", "Make one; its secret is shown this once");
    create->add_option("url", arguments.url, "https://…, reached from the internet")->required();
    create->add_option("--description", arguments.description, "What it is for");
    add_types(create, arguments);
    on_command(create, cli, arguments,
               [](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.send(Method::post, "/v1/webhooks",
                                                json::object{{"url", given.url},
                                                             {"description", given.description},
                                                             {"eventTypes", types_of(given)}}));
               });
    add_switch(group, cli, arguments, path, true);
    add_switch(group, cli, arguments, path, false);
    add_types_command(group, cli, arguments, path);
    add_posting(group, cli, arguments, "rotate-secret",
                "A new secret; the old one signs too for a day", path, "/rotate-secret");
    add_posting(group, cli, arguments, "test", "Send an event of type webhook.test", path, "/test");
    group->callback([&cli, group] {
        if (!group->get_subcommands().empty()) return;
        cli.command = with_client(cli, [&cli](ApiClient& client) {
            return show_short_list(cli, client, "/v1/webhooks", kWebhookColumns);
        });
    });
}

void add_recipient_commands(CLI::App& root, Cli& cli, NotifyArguments& arguments) {
    auto* group = root.add_subcommand("recipients", "Who hears of events by mail");
    const std::string path = "/v1/recipients/";
    auto* add = group->add_subcommand("add", "Add one");
    add->add_option("address", arguments.address, "Mail address")->required();
    add_types(add, arguments);
    on_command(add, cli, arguments,
               [](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.send(Method::post, "/v1/recipients",
                                                json::object{{"address", given.address},
                                                             {"eventTypes", types_of(given)}}));
               });
    add_switch(group, cli, arguments, path, true);
    add_switch(group, cli, arguments, path, false);
    add_types_command(group, cli, arguments, path);
    group->callback([&cli, group] {
        if (!group->get_subcommands().empty()) return;
        cli.command = with_client(cli, [&cli](ApiClient& client) {
            return show_short_list(cli, client, "/v1/recipients", kRecipientColumns);
        });
    });
}

void add_delivery_commands(CLI::App& root, Cli& cli, NotifyArguments& arguments) {
    auto* group = root.add_subcommand("deliveries", "What was told to whom, and what became of it");
    group->require_subcommand(1);
    auto* list = group->add_subcommand("list", "Deliveries, newest first");
    list->add_option("--channel", arguments.channel, "webhook or mail");
    list->add_option("--state", arguments.state, "queued, sending, sent, parked or unknown");
    list->add_option("--webhook", arguments.webhook, "Only to this webhook, by id");
    list->add_option("--event", arguments.event, "Only of this event, by id");
    add_limit(list, arguments);
    on_command(list, cli, arguments,
               [](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show_list(out, client, "/v1/deliveries",
                                    {{"channel", given.channel},
                                     {"state", given.state},
                                     {"webhookId", given.webhook},
                                     {"eventId", given.event}},
                                    given.limit,
                                    {"deliveryId", "createdAt", "channel", "state", "eventType",
                                     "webhookId", "address", "attemptCount", "dueAt", "reason"});
               });
    auto* one = group->add_subcommand("show", "One delivery with its attempts");
    add_id(one, arguments, "Delivery");
    on_command(one, cli, arguments,
               [](const Cli& out, ApiClient& client, const NotifyArguments& given) {
                   return show(out, client.get("/v1/deliveries/" + std::to_string(given.id)));
               });
    add_posting(group, cli, arguments, "resend", "Send one again that has ended", "/v1/deliveries/",
                "/resend");
}

}  // namespace

void add_notify_commands(CLI::App& root, Cli& cli) {
    static NotifyArguments arguments;
    add_event_command(root, cli, arguments);
    add_webhook_commands(root, cli, arguments);
    add_recipient_commands(root, cli, arguments);
    add_delivery_commands(root, cli, arguments);
}

}  // namespace carryall::app
