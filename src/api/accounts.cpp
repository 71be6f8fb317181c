// /v1/accounts: how the accounts at carriers stand.
#include "accounts/account_report.hpp"
#include "api/api.hpp"
#include "api/or_null.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Response;
namespace json = base::json;

json::object describe(const accounts::AccountReport& report) {
    return {
        {"serviceProviderId", report.service_provider_id},
        {"name", report.name},
        {"integration", report.integration},
        {"ratePerSecond", or_null(report.limits.rate_per_second)},
        {"maxConcurrency", or_null(report.limits.max_concurrency)},
        {"dayQuota", or_null(report.limits.day_quota)},
        {"learnedRatePerSecond", or_null(report.learned_rate)},
        {"callsPerSecond", report.calls_per_second},
        {"devicesPerSecond", report.devices_per_second},
        {"quotaUsed", report.quota_used},
        {"heldUpBy",
         report.held_up_by.empty() ? json::value(nullptr) : json::value(report.held_up_by)},
        {"heldUpReason", report.reason.empty() ? json::value(nullptr) : json::value(report.reason)},
        {"heldUpUntil", or_null(report.held_up_until)},
        {"backlog", report.backlog},
        {"finishesInSeconds", or_null(report.finishes_in_seconds)}};
}

Result<Response> list_accounts(Call& call) {
    auto database = call.database();
    if (!database) return database.error();
    const auto reports = accounts::report_accounts(**database, call.caller.tenant_id.value);
    if (!reports) return reports.error();
    json::array items;
    for (const accounts::AccountReport& report : *reports) items.push_back(describe(report));
    return json_response(json::object{{"items", std::move(items)}});
}

}  // namespace

void add_account_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = "/v1/accounts",
                .permission = tenants::Permission::read,
                .handler = list_accounts});
}

}  // namespace carryall::api
