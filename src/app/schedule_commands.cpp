// schedules, recurring: what is still to come of changes, and changes that come again.
#include <iostream>

#include "app/api_client.hpp"
#include "app/json_file.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

using base::Result;
namespace json = base::json;

constexpr std::size_t kMaxListed = 1'000'000;

struct ScheduleArguments {
    std::int64_t id = 0;
    std::string provider;
    std::string device;
    std::string customer;
    std::string from;
    std::string before;
    std::size_t limit = 50;
    std::string to;
    std::string time_zone;
    std::string reason;
    std::vector<std::int64_t> rows;
};

std::string path_of(std::int64_t id, const char* what) {
    return "/v1/schedules/" + std::to_string(id) + '/' + what;
}

Result<void> list_schedules(const Cli& cli, ApiClient& client, const ScheduleArguments& arguments) {
    const auto provider = provider_id(client, arguments.provider);
    if (!provider) return provider.error();
    return show_list(
        cli, client, "/v1/schedules",
        {{"serviceProviderId", *provider},
         {"deviceId", arguments.device},
         {"customerId", arguments.customer},
         {"dueFrom", arguments.from},
         {"dueBefore", arguments.before}},
        arguments.limit,
        {"bulkChangeId", "changeRequestType", "status", "serviceProvider", "dates.firstDueAt",
         "dates.lastDueAt", "dates.firstDueAtLocal", "changeCount", "ratePlanCount", "createdBy"});
}

Result<void> list_rows(const Cli& cli, ApiClient& client, const ScheduleArguments& arguments) {
    return show_list(
        cli, client, path_of(arguments.id, "rows"),
        {{"deviceId", arguments.device},
         {"customerId", arguments.customer},
         {"dueFrom", arguments.from},
         {"dueBefore", arguments.before}},
        arguments.limit,
        {"deviceChangeId", "kind", "rowNumber", "identifier", "deviceId", "dueAt", "request"});
}

void add_rows(json::object& body, const ScheduleArguments& arguments) {
    if (arguments.rows.empty()) return;
    body["deviceChangeIds"] = json::array(arguments.rows.begin(), arguments.rows.end());
}

Result<void> move(const Cli& cli, ApiClient& client, const ScheduleArguments& arguments) {
    json::object body{{"effectiveDate", arguments.to}};
    if (!arguments.time_zone.empty()) body["timeZone"] = arguments.time_zone;
    add_rows(body, arguments);
    const auto answer = client.send(http::Method::post, path_of(arguments.id, "move"), body);
    if (!answer) return answer.error();
    print_object(cli, *answer);
    return {};
}

Result<void> cancel(const Cli& cli, ApiClient& client, const ScheduleArguments& arguments) {
    json::object body;
    if (!arguments.reason.empty()) body["reason"] = arguments.reason;
    add_rows(body, arguments);
    const auto answer = client.send(http::Method::post, path_of(arguments.id, "cancel"), body);
    if (!answer) return answer.error();
    print_object(cli, *answer);
    return {};
}

void add_filters(CLI::App* app, ScheduleArguments& arguments) {
    app->add_option("--device", arguments.device, "Device id")->check(whole_number());
    app->add_option("--customer", arguments.customer, "Customer id")->check(whole_number());
    app->add_option("--from", arguments.from, "Due at this date or later (ISO 8601)");
    app->add_option("--before", arguments.before, "Due before this date");
    app->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
}

void add_schedules(CLI::App& root, Cli& cli) {
    static ScheduleArguments arguments;
    auto* schedules = root.add_subcommand("schedules", "What is still to come of bulk changes");
    schedules->require_subcommand(1);
    const auto add = [&cli, schedules](const char* name, const char* help, auto action) {
        auto* app = schedules->add_subcommand(name, help);
        app->callback([&cli, action] {
            cli.command = with_client(
                cli, [&cli, action](ApiClient& client) { return action(cli, client, arguments); });
        });
        return app;
    };
    auto* list = add("list", "Changes with a date ahead, soonest first", list_schedules);
    list->add_option("--provider", arguments.provider, "Service provider, by name or id");
    add_filters(list, arguments);
    auto* rows = add("rows", "The devices of one change that wait for their date", list_rows);
    add_filters(rows, arguments);
    auto* moving = add("move", "Another date for what has not begun", move);
    moving->add_option("--to", arguments.to, "The new date; without an offset a local time")
        ->required();
    moving->add_option("--time-zone", arguments.time_zone, "Of the date, such as Europe/Berlin");
    auto* cancelling = add("cancel", "What has not begun is not carried out", cancel);
    cancelling->add_option("--reason", arguments.reason, "Why; kept with each device");
    for (auto* app : {rows, moving, cancelling}) {
        app->add_option("id", arguments.id, "The bulk change's id")->required();
    }
    for (auto* app : {moving, cancelling}) {
        app->add_option("--row", arguments.rows, "Only this device change's id; repeatable");
    }
}

struct RecurringArguments {
    std::int64_t id = 0;
    std::string file;
    std::string name;
    std::string rrule;
    std::string cron;
    std::string time_zone;
    std::string starts_at;
    std::string until;
    std::vector<std::string> filter;
    std::size_t limit = 50;
};

constexpr const char* kRecurring = "/v1/recurring-changes";

void print_recurring(const Cli& cli, const json::value& change) {
    if (cli.json || !change.is_object()) return print_json(change);
    json::object flat = change.get_object();
    const json::value next = flat.contains("nextRuns") ? flat["nextRuns"] : json::array();
    const json::value past = flat.contains("pastRuns") ? flat["pastRuns"] : json::array();
    flat.erase("nextRuns");
    flat.erase("pastRuns");
    print_object(cli, flat);
    const Row columns{"at", "local"};
    std::cout << "\nnext runs\n" << format_table(columns, cells(next.get_array(), columns));
    if (past.get_array().empty()) return;
    const Row seen{"runAt", "outcome", "bulkChangeId", "reason"};
    std::cout << "\npast runs\n" << format_table(seen, cells(past.get_array(), seen));
}

// "status=Active customerId=7"
Result<json::object> filter_of(const std::vector<std::string>& conditions) {
    json::object filter;
    for (const std::string& condition : conditions) {
        const std::size_t equals = condition.find('=');
        if (equals == std::string::npos) {
            return base::invalid_input("must look like status=Active", condition);
        }
        const std::string value = condition.substr(equals + 1);
        const auto number = base::parse_int(value);
        filter[condition.substr(0, equals)] = number ? json::value(*number) : json::value(value);
    }
    return filter;
}

Result<void> add_recurring(const Cli& cli, ApiClient& client, const RecurringArguments& arguments) {
    auto request = read_json_file(arguments.file);
    if (!request) return request.error();
    json::object body{{"name", arguments.name},
                      {"timeZone", arguments.time_zone},
                      {"request", std::move(*request)}};
    for (const auto& [name, text] : {std::pair{"rrule", &arguments.rrule},
                                     {"cron", &arguments.cron},
                                     {"startsAt", &arguments.starts_at},
                                     {"until", &arguments.until}}) {
        if (!text->empty()) body[name] = *text;
    }
    if (!arguments.filter.empty()) {
        auto filter = filter_of(arguments.filter);
        if (!filter) return filter.error();
        body["deviceFilter"] = std::move(*filter);
    }
    const auto made = client.send(http::Method::post, kRecurring, body);
    if (!made) return made.error();
    print_recurring(cli, *made);
    return {};
}

Result<void> list_recurring(const Cli& cli, ApiClient& client,
                            const RecurringArguments& arguments) {
    return show_list(cli, client, kRecurring, {}, arguments.limit,
                     {"recurringChangeId", "name", "state", "changeRequestType", "rrule", "cron",
                      "timeZone", "nextRunAt", "createdBy"});
}

void add_recurring_commands(CLI::App& root, Cli& cli) {
    static RecurringArguments arguments;
    auto* recurring = root.add_subcommand("recurring", "Changes that come again and again");
    recurring->require_subcommand(1);
    auto* list = recurring->add_subcommand("list", "All of them, with the next run");
    list->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    list->callback([&cli] {
        cli.command = with_client(
            cli, [&cli](ApiClient& client) { return list_recurring(cli, client, arguments); });
    });
    auto* add = recurring->add_subcommand("add", "Store a request and when it comes again");
    add->add_option("file", arguments.file, "The BulkChangeRequest as JSON")->required();
    add->add_option("--name", arguments.name, "What people call it")->required();
    auto* rrule =
        add->add_option("--rrule", arguments.rrule, "Such as FREQ=WEEKLY;BYDAY=MO;UNTIL=20271231");
    add->add_option("--cron", arguments.cron, "Such as '0 3 * * 1'; needs --until")
        ->excludes(rrule);
    add->add_option("--time-zone", arguments.time_zone, "Of the rule, such as Europe/Berlin")
        ->required();
    add->add_option("--starts-at", arguments.starts_at, "Local date and time; default: now");
    add->add_option("--until", arguments.until, "The last date of a cron rule");
    add->add_option("--filter", arguments.filter,
                    "Instead of devices in the request: status=Active, customerId=7, …");
    add->callback([&cli] {
        cli.command = with_client(
            cli, [&cli](ApiClient& client) { return add_recurring(cli, client, arguments); });
    });
    const auto one = [&cli, recurring](const char* name, const char* help, http::Method method,
                                       const char* suffix) {
        auto* app = recurring->add_subcommand(name, help);
        app->add_option("id", arguments.id, "The recurring change's id")->required();
        app->callback([&cli, method, suffix] {
            cli.command =
                with_client(cli, [&cli, method, suffix](ApiClient& client) -> Result<void> {
                    const std::string path =
                        std::string(kRecurring) + '/' + std::to_string(arguments.id) + suffix;
                    const auto answer =
                        method == http::Method::get ? client.get(path) : client.send(method, path);
                    if (!answer) return answer.error();
                    if (method == http::Method::del) {
                        print_object(cli, *answer);
                    } else {
                        print_recurring(cli, *answer);
                    }
                    return {};
                });
        });
    };
    one("show", "One of them: its next and its past runs", http::Method::get, "");
    one("pause", "It rests; dates that pass are not caught up", http::Method::post, "/pause");
    one("resume", "It goes on with its next date", http::Method::post, "/resume");
    one("delete", "It ends; what it made stays", http::Method::del, "");
}

}  // namespace

void add_schedule_commands(CLI::App& root, Cli& cli) {
    add_schedules(root, cli);
    add_recurring_commands(root, cli);
}

}  // namespace carryall::app
