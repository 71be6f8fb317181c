// A table of options: name, what it means, where it goes.
#include "options.hpp"

#include <functional>

#include "query.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kMaxRate = 10'000'000;

struct Option {
    std::string_view name;
    std::string_view value;
    std::string help;
    std::function<bool(Options&, const std::string&)> set;
};

using Text = std::string& (*)(Options&);

Option text(std::string_view name, std::string_view value, const std::string& help, Text target) {
    Options defaults;
    const std::string& standard = target(defaults);
    return {name, value, standard.empty() ? help : help + " [" + standard + "]",
            [target](Options& options, const std::string& given) {
                target(options) = given;
                return !given.empty();
            }};
}

template <typename Target>
Option number(std::string_view name, const std::string& help, std::int64_t minimum,
              std::int64_t maximum, Target target) {
    Options defaults;
    return {name, "N", help + " [" + std::to_string(target(defaults)) + "]",
            [=](Options& options, const std::string& given) {
                const auto read = parse_integer(given);
                if (!read || *read < minimum || *read > maximum) return false;
                auto& place = target(options);
                place = static_cast<std::remove_reference_t<decltype(place)>>(*read);
                return true;
            }};
}

using Table = std::vector<Option>;

Table program_options() {
    return {
        number(
            "--port", "port on 127.0.0.1; 0 takes a free one", 0, 65'535,
            [](Options & o) -> auto& { return o.port; }),
        text(
            "--state", "DIR", "folder for `port` and `ledger.jsonl` (required)",
            [](Options & o) -> auto& { return o.state_directory; }),
        number(
            "--seed", "seed of ids and faults", 0, INT64_MAX,
            [](Options & o) -> auto& { return o.seed; }),
        number(
            "--threads", "event loops", 1, 16, [](Options & o) -> auto& { return o.threads; }),
        {"--fleet", "FILE", "CSV of 19-digit ICCIDs to load into POND; may be repeated",
         [](Options& options, const std::string& given) {
             options.fleets.push_back(given);
             return true;
         }},
    };
}

Table pond_options() {
    return {
        number(
            "--pond-rate", "POND requests a second, 0 is off", 0, kMaxRate,
            [](Options & o) -> auto& { return o.pond.requests_per_second; }),
        text(
            "--pond-api-key", "KEY", "POND ApiKey",
            [](Options & o) -> auto& { return o.pond.api_key; }),
        text(
            "--pond-user", "USER", "POND user", [](Options & o) -> auto& { return o.pond.user; }),
        text(
            "--pond-password", "PASSWORD", "POND password",
            [](Options & o) -> auto& { return o.pond.password; }),
        number(
            "--pond-distributor", "POND distributor id", 1, INT32_MAX,
            [](Options & o) -> auto& { return o.pond.distributor_id; }),
    };
}

Table revio_options() {
    return {
        text(
            "--revio-user", "USER@CLIENT", "Rev.io user and client code",
            [](Options & o) -> auto& { return o.revio.user; }),
        text(
            "--revio-password", "PASSWORD", "Rev.io password",
            [](Options & o) -> auto& { return o.revio.password; }),
        text(
            "--revio-key", "KEY", "Rev.io subscription key",
            [](Options & o) -> auto& { return o.revio.key; }),
        number(
            "--revio-limit-per-minute", "Rev.io calls a minute, 0 is off", 0, kMaxRate,
            [](Options & o) -> auto& { return o.revio.limit_per_minute; }),
        number(
            "--revio-quota-per-day", "Rev.io calls a day, 0 is off", 0, INT32_MAX,
            [](Options & o) -> auto& { return o.revio.quota_per_day; }),
    };
}

Table jasper_options() {
    return {
        text(
            "--jasper-user", "USER", "Jasper API user",
            [](Options & o) -> auto& { return o.jasper.user; }),
        text(
            "--jasper-key", "KEY", "Jasper API key",
            [](Options & o) -> auto& { return o.jasper.key; }),
        number(
            "--jasper-rate", "Jasper calls a second and user, 0 is off", 0, 100'000,
            [](Options & o) -> auto& { return o.jasper.calls_per_second; }),
        number(
            "--jasper-in-flight", "Jasper calls in flight a user, 0 is off", 0, 1'000,
            [](Options & o) -> auto& { return o.jasper.calls_in_flight; }),
    };
}

Table telegence_options() {
    return {
        number(
            "--telegence-rate", "Telegence requests a second of one app id, 0 is off", 0, kMaxRate,
            [](Options & o) -> auto& { return o.telegence.requests_per_second; }),
        text(
            "--telegence-app-id", "ID", "Telegence app-id",
            [](Options & o) -> auto& { return o.telegence.app_id; }),
        text(
            "--telegence-app-secret", "SECRET", "Telegence app-secret",
            [](Options & o) -> auto& { return o.telegence.app_secret; }),
        text(
            "--telegence-ban", "BAN", "Telegence billing account number",
            [](Options & o) -> auto& { return o.telegence.ban; }),
    };
}

Table thingspace_options() {
    return {
        text(
            "--thingspace-app-key", "KEY", "ThingSpace application key",
            [](Options & o) -> auto& { return o.thingspace.app_key; }),
        text(
            "--thingspace-app-secret", "SECRET", "ThingSpace application secret",
            [](Options & o) -> auto& { return o.thingspace.app_secret; }),
        text(
            "--thingspace-user", "USER", "ThingSpace user",
            [](Options & o) -> auto& { return o.thingspace.user; }),
        text(
            "--thingspace-password", "PASSWORD", "ThingSpace password",
            [](Options & o) -> auto& { return o.thingspace.password; }),
        text(
            "--thingspace-account", "NAME", "ThingSpace account",
            [](Options & o) -> auto& { return o.thingspace.account; }),
        number(
            "--thingspace-rate", "ThingSpace calls a second, 0 is off", 0, kMaxRate,
            [](Options & o) -> auto& { return o.thingspace.requests_per_second; }),
        number(
            "--thingspace-activates-per-minute", "ThingSpace activate calls a minute, 0 is off", 0,
            kMaxRate, [](Options & o) -> auto& { return o.thingspace.activates_per_minute; }),
    };
}

const Table& option_table() {
    static const Table table = [] {
        Table all;
        for (const auto& part : {program_options(), pond_options(), revio_options(),
                                 jasper_options(), telegence_options(), thingspace_options()}) {
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }();
    return table;
}

}  // namespace

std::string help_text() {
    std::string help =
        "carryall-sim: plays carriers and Rev.io on the loopback interface, with a ledger and "
        "faults.\n\n"
        "Usage: carryall-sim --state DIR [options]\n\n";
    for (const Option& option : option_table()) {
        std::string left = "  " + std::string(option.name) + " " + std::string(option.value);
        left.resize(left.size() < 36 ? 36 : left.size() + 1, ' ');
        help += left + option.help + "\n";
    }
    help +=
        "\nPOND answers under /pond/ds/u/distributorPPUService/v1, Jasper under\n"
        "/jasper/rws/api/v1, Telegence under /telegence, ThingSpace under /thingspace, Rev.io "
        "under\n"
        "/revio/v1, the simulator itself under /_sim. See docs/SIMULATORS.md.\n";
    return help;
}

CommandLine parse_options(const std::vector<std::string>& arguments, Options& options,
                          std::string& message) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "--help" || arguments[i] == "-h") return CommandLine::help;
        const Option* found = nullptr;
        for (const Option& option : option_table()) {
            if (option.name == arguments[i]) found = &option;
        }
        if (found == nullptr) {
            message = "unknown option " + arguments[i];
            return CommandLine::wrong;
        }
        if (i + 1 == arguments.size() || !found->set(options, arguments[i + 1])) {
            message = "missing or wrong value for " + arguments[i];
            return CommandLine::wrong;
        }
        ++i;
    }
    if (options.state_directory.empty()) {
        message = "--state DIR is required";
        return CommandLine::wrong;
    }
    return CommandLine::run;
}

}  // namespace carryall::simulators
