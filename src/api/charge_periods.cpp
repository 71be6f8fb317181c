// /v1/charge-periods: what billing periods came to, and their sign-off.
#include "api/api.hpp"
#include "charges/charge_period.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;
using tenants::Permission;

json::object document_of(const charges::ChargePeriod& period) {
    const charges::ChargeCounts& counts = period.counts;
    json::object document{{"billingPeriodStart", period.start},
                          {"billingPeriodEnd", period.end},
                          {"state", period.sign_off ? "signed_off" : "open"},
                          {"runCount", period.runs},
                          {"unfinishedRunCount", period.unfinished_runs},
                          {"counts",
                           {{"total", counts.total},
                            {"new", counts.fresh},
                            {"unknown", counts.unknown},
                            {"charged", counts.charged},
                            {"recorded", counts.recorded},
                            {"skipped", counts.skipped},
                            {"failed", counts.failed},
                            {"parked", counts.parked}}},
                          {"totalAmount", counts.total_amount},
                          {"chargedAmount", counts.charged_amount},
                          {"signOff", nullptr}};
    if (period.sign_off) {
        const charges::SignOff& sign_off = *period.sign_off;
        document["signOff"] = json::object{{"note", sign_off.note},
                                           {"signedOffBy", sign_off.signed_off_by},
                                           {"signedOffAt", sign_off.signed_off_at},
                                           {"chargeCount", sign_off.charges},
                                           {"chargedAmount", sign_off.charged_amount},
                                           {"customers", sign_off.customers},
                                           {"reversedLaterCount", sign_off.reversed_later},
                                           {"reversedLaterAmount", sign_off.reversed_later_amount}};
    }
    return document;
}

Result<Response> list(Call& call) {
    return list_response(call, charges::list_periods,
                         [](const auto& period) { return document_of(period); });
}

struct SignOffBody {
    std::string billing_period_start;
    std::string billing_period_end;
    std::string note;
};
BOOST_DESCRIBE_STRUCT(SignOffBody, (), (billing_period_start, billing_period_end, note))

Result<Response> sign_off(Call& call) {
    const auto body = call.body<SignOffBody>();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto period = charges::sign_off_period(
        **database, call.caller, body->billing_period_start, body->billing_period_end, body->note);
    if (!period) return period.error();
    return json_response(document_of(*period), 201);
}

}  // namespace

void add_charge_period_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = "/v1/charge-periods",
                .permission = Permission::billing_read,
                .rate = RateClass::read,
                .query = {"limit", "pageToken"},
                .handler = list});
    routes.add({.method = Method::post,
                .pattern = "/v1/charge-periods/sign-off",
                .permission = Permission::billing_run,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = sign_off});
}

}  // namespace carryall::api
