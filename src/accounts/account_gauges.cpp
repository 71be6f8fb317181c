// One family for each figure, one member for each account that has it.
#include "accounts/account_gauges.hpp"

namespace carryall::accounts {
namespace {

using base::metrics::Snapshot;

struct Figure {
    const char* name;
    const char* help;
    std::optional<double> (*of)(const AccountReport& report);
};

template <class Number>
std::optional<double> known(const std::optional<Number>& number) {
    return number ? std::optional<double>(static_cast<double>(*number)) : std::nullopt;
}

std::optional<double> quota_left(const AccountReport& report) {
    if (!report.limits.day_quota) return std::nullopt;
    return static_cast<double>(
        std::max<std::int64_t>(0, *report.limits.day_quota - report.quota_used));
}

constexpr Figure kFigures[] = {
    {"carryall_account_allowed_calls_per_second",
     "Calls a second that the account may be called at now.",
     [](const AccountReport& report) {
         return report.learned_rate ? report.learned_rate : report.limits.rate_per_second;
     }},
    {"carryall_account_calls_per_second", "Calls a second of the last minute.",
     [](const AccountReport& report) { return std::optional<double>(report.calls_per_second); }},
    {"carryall_account_calls_in_flight", "Calls in flight that workers have reserved.",
     [](const AccountReport& report) { return known(report.calls_in_flight); }},
    {"carryall_account_backlog_devices", "Devices that have not ended, of changes that run.",
     [](const AccountReport& report) {
         return std::optional<double>(static_cast<double>(report.backlog));
     }},
    {"carryall_account_seconds_to_finish", "Until the backlog is done at the present pace.",
     [](const AccountReport& report) { return known(report.finishes_in_seconds); }},
    {"carryall_account_breaker_open", "1 while the circuit breaker holds the account up.",
     [](const AccountReport& report) {
         return std::optional<double>(report.breaker_is_open ? 1 : 0);
     }},
    {"carryall_account_day_quota_left", "Calls that are left of the day, by UTC.", quota_left},
    {"carryall_account_orphan_callbacks",
     "Callbacks for which no change was found, counted up to 100000.",
     [](const AccountReport& report) {
         return std::optional<double>(static_cast<double>(report.orphans));
     }},
};

}  // namespace

std::vector<Snapshot> gauges_of(const std::vector<AccountReport>& reports) {
    std::vector<Snapshot> snapshots;
    for (const Figure& figure : kFigures) {
        Snapshot snapshot{figure.name, figure.help, {}};
        for (const AccountReport& report : reports) {
            const auto value = figure.of(report);
            if (!value) continue;
            snapshot.gauges.push_back(
                {{{"tenant", std::to_string(report.tenant_id)},
                  {"service_provider", std::to_string(report.service_provider_id)},
                  {"integration", report.integration}},
                 *value});
        }
        snapshots.push_back(std::move(snapshot));
    }
    return snapshots;
}

Result<std::vector<Snapshot>> read_account_gauges(db::Connection& connection) {
    const auto reports = report_all_accounts(connection);
    if (!reports) return reports.error();
    return gauges_of(*reports);
}

}  // namespace carryall::accounts
