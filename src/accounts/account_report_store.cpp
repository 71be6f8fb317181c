// The figures of accounts, from their pace, their last minute and the changes that wait for them.
#include "accounts/account_report.hpp"
#include "accounts/pace_rules.hpp"

namespace carryall::accounts {
namespace {

using db::Params;
using db::Query;

constexpr Query kReport{"account_report", "SELECT * FROM account_standing($1)"};
constexpr Query kReportAll{"account_report_all", "SELECT * FROM every_account_standing()"};

double number(const db::Rows& rows, std::size_t row, int column) {
    const auto text = rows.optional_text(row, column);
    return text ? std::stod(*text) : 0;
}

void name_what_holds_up(AccountReport& report, const std::vector<Blackout>& blackouts,
                        const db::Rows& rows, std::size_t row) {
    std::int64_t seconds = rows.integer(row, 14);
    if (seconds > 0) {
        report.held_up_by = "pause";
        report.reason = rows.string(row, 15);
    }
    if (report.breaker_is_open) {
        report.held_up_by = "breaker";
        report.reason = rows.string(row, 18);
        seconds = std::max(seconds, rows.integer(row, 17));
    }
    const base::Instant now = base::system_clock().now();
    if (report.limits.day_quota && report.quota_used >= *report.limits.day_quota) {
        report.held_up_by = "quota";
        report.reason = "the calls of this day are used up";
        const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
        seconds = std::chrono::ceil<std::chrono::seconds>(midnight - now).count();
    }
    base::Instant free_at = now + std::chrono::seconds(seconds);
    if (const auto still = standstill_at(blackouts, free_at)) {
        report.held_up_by = "blackout";
        report.reason = still->name;
        free_at = still->until;
    }
    if (!report.held_up_by.empty()) report.held_up_until = base::to_iso8601(free_at);
    const auto work =
        time_to_finish(report.backlog, report.devices_per_second, std::chrono::seconds(0));
    const auto done = work ? finish_beside(blackouts, free_at, *work) : std::nullopt;
    if (!done) return;
    report.finishes_in_seconds =
        report.backlog > 0 ? std::chrono::ceil<std::chrono::seconds>(*done - now).count() : 0;
}

Result<AccountReport> report_at(const db::Rows& rows, std::size_t row) {
    StoredAccount stored;
    stored.integration = rows.string(row, 3);
    if (!rows.is_null(row, 4)) stored.rate_per_second = number(rows, row, 4);
    if (const auto most = rows.optional_integer(row, 5)) {
        stored.max_concurrency = static_cast<int>(*most);
    }
    stored.day_quota = rows.optional_integer(row, 6);
    stored.is_unpaced = rows.boolean(row, 7);
    AccountReport report;
    report.tenant_id = rows.integer(row, 0);
    report.service_provider_id = rows.integer(row, 1);
    report.name = rows.string(row, 2);
    report.integration = stored.integration;
    report.limits = limits_of(stored);
    if (!rows.is_null(row, 8)) {
        const Learned learned{number(rows, row, 8), number(rows, row, 9),
                              std::chrono::duration<double>(number(rows, row, 10))};
        const auto rate = rate_now(report.limits.rate_per_second, learned);
        if (rate != report.limits.rate_per_second) report.learned_rate = rate;
    }
    report.calls_per_second = number(rows, row, 11);
    report.devices_per_second = number(rows, row, 12);
    report.quota_used = rows.integer(row, 13);
    report.breaker_is_open = rows.boolean(row, 16);
    report.backlog = rows.integer(row, 19);
    // Only where they are limited are they counted.
    if (report.limits.max_concurrency) report.calls_in_flight = rows.integer(row, 20);
    report.orphans = rows.integer(row, 21);
    const auto blackouts = read_blackouts(rows.text(row, 22));
    if (!blackouts) return blackouts.error();
    name_what_holds_up(report, *blackouts, rows, row);
    return report;
}

Result<std::vector<AccountReport>> reports_of(const db::Rows& rows) {
    std::vector<AccountReport> reports;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        auto report = report_at(rows, row);
        if (!report) return report.error();
        reports.push_back(std::move(*report));
    }
    return reports;
}

}  // namespace

Result<std::vector<AccountReport>> report_accounts(db::Connection& connection,
                                                   std::int64_t tenant_id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kReport, Params().add(tenant_id));
    if (!rows) return rows.error();
    return reports_of(*rows);
}

Result<std::vector<AccountReport>> report_all_accounts(db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kReportAll);
    if (!rows) return rows.error();
    return reports_of(*rows);
}

}  // namespace carryall::accounts
