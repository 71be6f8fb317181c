// /v1/charge-reconciliations and /v1/charge-differences: what Rev.io really holds beside what our
// ledger says, and what a person thinks of the differences.
#include <fmt/format.h>

#include "api/api.hpp"
#include "api/file_response.hpp"
#include "api/or_null.hpp"
#include "base/text.hpp"
#include "charges/reconciliation.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using charges::DifferenceId;
using charges::ReconciliationId;
using http::Method;
using http::Response;
using tenants::Permission;

json::value or_null_if_empty(const std::string& text) {
    return text.empty() ? json::value() : json::value(text);
}

void add_sum(json::object& document, const std::string& name, const charges::CountAndAmount& sum) {
    document[name + "Count"] = sum.count;
    document[name + "Amount"] = sum.amount;
}

json::object document_of(const charges::Reconciliation& one) {
    json::object document{
        {"chargeReconciliationId", one.id.value},
        {"chargeRunId", one.scope.run ? json::value(one.scope.run.value) : json::value()},
        {"integrationAuthenticationId", or_null(one.scope.integration_authentication_id)},
        {"billingPeriodStart", or_null_if_empty(one.scope.billing_period_start)},
        {"billingPeriodEnd", or_null_if_empty(one.scope.billing_period_end)},
        {"state", one.state},
        {"reason", or_null(one.reason)},
        {"customerCount", one.customers},
        {"customersRead", one.customers_read},
        {"pageCount", one.pages},
        {"recordCount", one.records}};
    add_sum(document, "intended", one.intended);
    add_sum(document, "sent", one.sent);
    add_sum(document, "found", one.found);
    add_sum(document, "missing", one.missing);
    add_sum(document, "extra", one.extra);
    document["wrongAmountCount"] = one.wrong_amount.count;
    document["wrongAmountDifference"] = one.wrong_amount.amount;
    document["otherCount"] = one.wrong_other;
    document["unknownCount"] = one.unknown;
    document["notJudgedCount"] = one.not_judged;
    document["differenceCount"] = one.differences;
    document["openDifferenceCount"] = one.open_differences;
    document["createdBy"] = one.created_by;
    document["createdAt"] = one.created_at;
    document["startedAt"] = or_null(one.started_at);
    document["finishedAt"] = or_null(one.finished_at);
    document["judgedUntil"] = or_null(one.judged_until);
    return document;
}

json::object document_of(const charges::ChargeDifference& one) {
    return {{"chargeDifferenceId", one.id.value},
            {"chargeReconciliationId", one.reconciliation.value},
            {"kind", one.kind},
            {"chargeId", or_null(one.charge_id)},
            {"revChargeId", or_null(one.revio_charge_id)},
            {"revCustomerId", one.rev_customer_id},
            {"chargeState", or_null(one.charge_state)},
            {"marker", one.marker},
            {"ourAmount", or_null(one.our_amount)},
            {"revAmount", or_null(one.revio_amount)},
            {"ours", or_null(one.ours)},
            {"theirs", or_null(one.theirs)},
            {"repair", one.repair},
            {"proposal", one.proposal},
            {"acceptedBy", or_null(one.accepted_by)},
            {"acceptedAt", or_null(one.accepted_at)},
            {"acceptedReason", or_null(one.accepted_reason)}};
}

Result<ReconciliationId> reconciliation_id(const Call& call) {
    const auto id = call.id("chargeReconciliationId", "charge reconciliation");
    if (!id) return id.error();
    return ReconciliationId{*id};
}

struct AskBody {
    std::optional<std::int64_t> charge_run_id;
    std::optional<std::int64_t> integration_authentication_id;
    std::optional<std::string> billing_period_start;
    std::optional<std::string> billing_period_end;
};
BOOST_DESCRIBE_STRUCT(AskBody, (),
                      (charge_run_id, integration_authentication_id, billing_period_start,
                       billing_period_end))

Result<Response> ask(Call& call) {
    const auto body = call.body<AskBody>();
    if (!body) return body.error();
    charges::ReconciliationScope scope;
    scope.run = {body->charge_run_id.value_or(0)};
    scope.integration_authentication_id = body->integration_authentication_id;
    scope.billing_period_start = body->billing_period_start.value_or("");
    scope.billing_period_end = body->billing_period_end.value_or("");
    auto database = call.database();
    if (!database) return database.error();
    const auto asked = charges::ask_reconciliation(**database, call.caller, scope);
    if (!asked) return asked.error();
    const auto one = charges::get_reconciliation(**database, call.caller.tenant_id, asked->id);
    if (!one) return one.error();
    Response response = json_response(document_of(*one), asked->is_new ? 201 : 200);
    if (asked->is_new) {
        response.headers.set("Location",
                             "/v1/charge-reconciliations/" + base::to_string(asked->id));
    }
    return response;
}

Result<Response> list(Call& call) {
    const auto run = call.query_integer("chargeRunId");
    if (!run) return run.error();
    return list_response(
        call, charges::list_reconciliations, [](const auto& one) { return document_of(one); },
        charges::ChargeRunId{run->value_or(0)});
}

Result<Response> get(Call& call) {
    const auto id = reconciliation_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto one = charges::get_reconciliation(**database, call.caller.tenant_id, *id);
    if (!one) return one.error();
    return json_response(document_of(*one));
}

Result<Response> list_differences(Call& call) {
    const auto id = reconciliation_id(call);
    if (!id) return id.error();
    charges::DifferenceFilter filter;
    filter.reconciliation = *id;
    filter.kind = call.query("kind").value_or("");
    if (!filter.kind.empty() && !base::has_word(charges::kDifferenceKinds, filter.kind)) {
        return bad_parameter("kind",
                             fmt::format("kind must be one of {}", charges::kDifferenceKinds));
    }
    const auto accepted = call.query_flag("isAccepted");
    if (!accepted) return accepted.error();
    filter.is_accepted = *accepted;
    {
        auto database = call.database();
        if (!database) return database.error();
        const auto one = charges::get_reconciliation(**database, call.caller.tenant_id, *id);
        if (!one) return one.error();
    }
    return list_response(
        call, charges::list_differences, [](const auto& one) { return document_of(one); }, filter);
}

Result<Response> difference_file(Call& call) {
    const auto id = reconciliation_id(call);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto one = charges::get_reconciliation(**database, call.caller.tenant_id, *id);
    if (!one) return one.error();
    return csv_response(call, "charge-reconciliation-" + base::to_string(*id) + ".csv",
                        [&](sheets::CsvWriter& writer) {
                            return charges::write_differences(**database, call.caller.tenant_id,
                                                              *id, writer);
                        });
}

struct AcceptBody {
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(AcceptBody, (), (reason))

Result<Response> accept(Call& call) {
    const auto id = call.id("chargeDifferenceId", "difference");
    if (!id) return id.error();
    const auto body = call.body<AcceptBody>();
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto one =
        charges::accept_difference(**database, call.caller, DifferenceId{*id}, body->reason);
    if (!one) return one.error();
    return json_response(document_of(*one));
}

}  // namespace

void add_charge_reconciliation_routes(Routes& routes) {
    const std::string one = "/v1/charge-reconciliations/{chargeReconciliationId}";
    const auto read = [&](const std::string& path, Handler handler,
                          std::vector<std::string> query) {
        routes.add({.method = Method::get,
                    .pattern = path,
                    .permission = Permission::billing_read,
                    .rate = RateClass::read,
                    .query = std::move(query),
                    .handler = std::move(handler)});
    };
    const auto act = [&](const std::string& path, Handler handler) {
        routes.add({.method = Method::post,
                    .pattern = path,
                    .permission = Permission::billing_run,
                    .rate = RateClass::write,
                    .body = Body::json,
                    .handler = std::move(handler)});
    };
    read("/v1/charge-reconciliations", list, {"chargeRunId", "limit", "pageToken"});
    act("/v1/charge-reconciliations", ask);
    read(one, get, {});
    read(one + "/differences", list_differences, {"kind", "isAccepted", "limit", "pageToken"});
    read(one + "/differences.csv", difference_file, {});
    act("/v1/charge-differences/{chargeDifferenceId}/accept", accept);
}

}  // namespace carryall::api
