// The figures of accounts, from their pace, their last minute and the changes that wait for them.
#include "accounts/account_report.hpp"
#include "accounts/pace_rules.hpp"

namespace carryall::accounts {
namespace {

using db::Params;
using db::Query;

constexpr Query kReport{"account_report", R"(
    SELECT s.service_provider_id, s.name, s.integration, s.rate_per_second, s.max_concurrency,
           s.day_quota, s.is_unpaced, p.learned_rate, p.learned_from,
           extract(epoch FROM now() - p.learned_at)::float8,
           coalesce(m.calls, 0) / 60.0, coalesce(m.devices, 0) / 60.0,
           CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date THEN p.quota_used ELSE 0 END,
           CASE WHEN p.paused_until > now()
                THEN ceil(extract(epoch FROM p.paused_until - now()))::bigint END,
           p.pause_reason,
           p.breaker_opened_at IS NOT NULL,
           greatest(0, extract(epoch FROM p.breaker_probe_at - now()))::bigint, p.breaker_reason,
           coalesce(b.open, 0)
    FROM service_provider s
    LEFT JOIN account_pace p
        ON p.pacing_key = coalesce(s.pacing_key, 'provider-' || s.service_provider_id)
    LEFT JOIN LATERAL (
        SELECT sum(calls) AS calls, sum(devices) AS devices FROM account_minute a
        WHERE a.pacing_key = p.pacing_key AND a.minute > now() - interval '1 minute') m ON true
    LEFT JOIN LATERAL (
        SELECT sum(c.new_count + c.waiting_count + c.unknown_count) AS open FROM bulk_change c
        WHERE c.tenant_id = $1 AND c.service_provider_id = s.service_provider_id
          AND c.status IN ('PENDING', 'PROCESSING')) b ON true
    WHERE s.tenant_id = $1 AND s.is_active
    ORDER BY s.service_provider_id)"};

double number(const db::Rows& rows, std::size_t row, int column) {
    const auto text = rows.optional_text(row, column);
    return text ? std::stod(*text) : 0;
}

void name_what_holds_up(AccountReport& report, const db::Rows& rows, std::size_t row) {
    std::int64_t seconds = rows.integer(row, 13);
    if (seconds > 0) {
        report.held_up_by = "pause";
        report.reason = rows.string(row, 14);
    }
    if (rows.boolean(row, 15)) {
        report.held_up_by = "breaker";
        report.reason = rows.string(row, 17);
        seconds = std::max(seconds, rows.integer(row, 16));
    }
    const base::Instant now = base::system_clock().now();
    if (report.limits.day_quota && report.quota_used >= *report.limits.day_quota) {
        report.held_up_by = "quota";
        report.reason = "the calls of this day are used up";
        const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
        seconds = std::chrono::ceil<std::chrono::seconds>(midnight - now).count();
    }
    if (!report.held_up_by.empty()) {
        report.held_up_until = base::to_iso8601(now + std::chrono::seconds(seconds));
    }
    const auto left =
        time_to_finish(report.backlog, report.devices_per_second, std::chrono::seconds(seconds));
    if (left) report.finishes_in_seconds = left->count();
}

}  // namespace

Result<std::vector<AccountReport>> report_accounts(db::Connection& connection,
                                                   std::int64_t tenant_id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id));
    const auto rows = connection.exec(kReport, Params().add(tenant_id));
    if (!rows) return rows.error();
    std::vector<AccountReport> reports;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        StoredAccount stored;
        stored.integration = rows->string(row, 2);
        if (!rows->is_null(row, 3)) stored.rate_per_second = number(*rows, row, 3);
        if (const auto most = rows->optional_integer(row, 4)) {
            stored.max_concurrency = static_cast<int>(*most);
        }
        stored.day_quota = rows->optional_integer(row, 5);
        stored.is_unpaced = rows->boolean(row, 6);
        AccountReport report;
        report.service_provider_id = rows->integer(row, 0);
        report.name = rows->string(row, 1);
        report.integration = stored.integration;
        report.limits = limits_of(stored);
        if (!rows->is_null(row, 7)) {
            const Learned learned{number(*rows, row, 7), number(*rows, row, 8),
                                  std::chrono::duration<double>(number(*rows, row, 9))};
            const auto rate = rate_now(report.limits.rate_per_second, learned);
            if (rate != report.limits.rate_per_second) report.learned_rate = rate;
        }
        report.calls_per_second = number(*rows, row, 10);
        report.devices_per_second = number(*rows, row, 11);
        report.quota_used = rows->integer(row, 12);
        report.backlog = rows->integer(row, 18);
        name_what_holds_up(report, *rows, row);
        reports.push_back(std::move(report));
    }
    return reports;
}

}  // namespace carryall::accounts
