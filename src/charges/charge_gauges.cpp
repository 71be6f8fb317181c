// One family for the charges of all states, and one for each other figure.
#include "charges/charge_gauges.hpp"

namespace carryall::charges {
namespace {

using base::metrics::Labels;
using base::metrics::Snapshot;

struct Figure {
    const char* name;
    const char* help;
    std::optional<std::int64_t> (*of)(const ChargeStanding& standing);
};

std::optional<std::int64_t> to_finish(const ChargeStanding& standing) {
    return standing.load.calls == 0 ? 0 : seconds_to_send(standing.load);
}

constexpr Figure kFigures[] = {
    {"carryall_charge_oldest_unknown_seconds",
     "Since the outcome of the charge became unclear that has been unknown for longest.",
     [](const ChargeStanding& one) { return std::optional(one.oldest_unknown_seconds); }},
    {"carryall_charge_runs_stopped", "Runs that are stopped and wait for a person.",
     [](const ChargeStanding& one) { return std::optional(one.stopped_runs); }},
    {"carryall_charge_lists_to_store", "Charge lists of settled parts that are not stored yet.",
     [](const ChargeStanding& one) { return std::optional(one.lists_to_store); }},
    {"carryall_charge_oldest_list_seconds",
     "Since the part settled whose charge list has not been stored for longest.",
     [](const ChargeStanding& one) { return std::optional(one.oldest_list_seconds); }},
    {"carryall_charge_seconds_to_finish",
     "Until the open charges of runs that are not stopped have been sent at the account's pace.",
     to_finish},
};

Labels labels_of(const ChargeStanding& standing) {
    const auto& account = standing.service_provider_id;
    return {{"tenant", std::to_string(standing.tenant_id)},
            {"service_provider", account ? std::to_string(*account) : "none"},
            {"integration", standing.integration}};
}

Snapshot charges_by_state(const std::vector<ChargeStanding>& standings) {
    Snapshot snapshot{"carryall_charges",
                      "Charges that have not ended well, by state, of runs that have not finished "
                      "and of those made in the last 92 days.",
                      {}};
    for (const ChargeStanding& standing : standings) {
        const auto add = [&](const char* state, std::int64_t count) {
            Labels labels = labels_of(standing);
            labels.emplace("state", state);
            snapshot.gauges.push_back({std::move(labels), static_cast<double>(count)});
        };
        add("new", standing.fresh);
        add("unknown", standing.unknown);
        add("parked", standing.parked);
        add("failed", standing.failed);
    }
    return snapshot;
}

}  // namespace

std::vector<Snapshot> gauges_of(const std::vector<ChargeStanding>& standings) {
    std::vector<Snapshot> snapshots{charges_by_state(standings)};
    for (const Figure& figure : kFigures) {
        Snapshot snapshot{figure.name, figure.help, {}};
        for (const ChargeStanding& standing : standings) {
            const auto value = figure.of(standing);
            if (!value) continue;
            snapshot.gauges.push_back({labels_of(standing), static_cast<double>(*value)});
        }
        snapshots.push_back(std::move(snapshot));
    }
    return snapshots;
}

Result<std::vector<Snapshot>> read_charge_gauges(db::Connection& connection) {
    const auto standings = read_charge_standings(connection);
    if (!standings) return standings.error();
    return gauges_of(*standings);
}

}  // namespace carryall::charges
