// /v1/recurring-changes: requests that are carried out again and again.
#include "api/api.hpp"
#include "api/or_null.hpp"
#include "base/text.hpp"
#include "changes/recurring.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using changes::RecurringChange;
using changes::RecurringChangeId;
using changes::RecurringStep;
using http::Method;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/recurring-changes";
constexpr const char* kOne = "/v1/recurring-changes/{recurringChangeId}";
constexpr const char* kPause = "/v1/recurring-changes/{recurringChangeId}/pause";
constexpr const char* kResume = "/v1/recurring-changes/{recurringChangeId}/resume";

json::object document_of(const RecurringChange& change, bool with_runs) {
    const bool is_cron = change.rule.kind == changes::RuleKind::cron;
    const auto zone = base::TimeZone::find(change.rule.time_zone);
    json::array next;
    for (const base::Instant at : change.next_runs) {
        next.emplace_back(
            json::object{{"at", base::to_iso8601(at)},
                         {"local", zone ? json::value(zone->text_of(at)) : json::value(nullptr)}});
    }
    json::object document{
        {"recurringChangeId", change.id.value},
        {"name", change.name},
        {"state", change.state},
        {"serviceProviderId", change.service_provider_id},
        {"changeRequestType", change.change_type},
        {"request", change.request},
        {"deviceCount",
         change.device_filter.is_null() ? json::value(change.device_count) : json::value(nullptr)},
        {"deviceFilter", change.device_filter},
        {"rrule", is_cron ? json::value(nullptr) : json::value(change.rule.text)},
        {"cron", is_cron ? json::value(change.rule.text) : json::value(nullptr)},
        {"timeZone", change.rule.time_zone},
        {"startsAt", base::to_text(change.rule.starts_at)},
        {"until", change.rule.ends_at ? json::value(base::to_iso8601(*change.rule.ends_at))
                                      : json::value(nullptr)},
        {"nextRunAt", or_null(change.next_run_at)},
        {"nextRuns", std::move(next)},
        {"createdBy", change.created_by},
        {"createdAt", change.created_at}};
    if (!with_runs) return document;
    json::array past;
    for (const changes::RecurringRun& run : change.past_runs) {
        past.emplace_back(json::object{{"runAt", run.run_at},
                                       {"outcome", run.outcome},
                                       {"bulkChangeId", or_null(run.bulk_change_id)},
                                       {"reason", or_null(run.reason)}});
    }
    document["pastRuns"] = std::move(past);
    return document;
}

struct NewBody {
    std::string name;
    json::value request;
    std::optional<json::value> device_filter;
    std::optional<std::string> rrule;
    std::optional<std::string> cron;
    std::string time_zone;
    std::optional<std::string> starts_at;
    std::optional<std::string> until;
};
BOOST_DESCRIBE_STRUCT(NewBody, (),
                      (name, request, device_filter, rrule, cron, time_zone, starts_at, until))

// A local time of the zone; one with an offset becomes what the zone's clocks show then.
Result<base::LocalTime> local_of(std::string_view text, const base::TimeZone& zone) {
    text = base::trim(text);
    if (!base::has_offset(text)) return base::parse_local_time(text);
    const auto instant = base::parse_iso8601(text);
    if (!instant) return instant.error();
    return zone.local(*instant);
}

Result<changes::RuleText> rule_of(const NewBody& body, base::Instant now) {
    if (body.rrule.has_value() == body.cron.has_value()) {
        return base::invalid_input("give rrule or cron", "/rrule");
    }
    const auto zone = base::TimeZone::find(body.time_zone);
    if (!zone) return base::invalid_input(zone.error().message, "/timeZone");
    changes::RuleText rule;
    rule.kind = body.cron ? changes::RuleKind::cron : changes::RuleKind::rrule;
    rule.text = body.cron ? *body.cron : *body.rrule;
    rule.time_zone = zone->name();
    rule.starts_at = std::chrono::floor<std::chrono::minutes>(zone->local(now));
    if (body.starts_at) {
        const auto start = local_of(*body.starts_at, *zone);
        if (!start) return base::invalid_input(start.error().message, "/startsAt");
        rule.starts_at = *start;
    }
    if (!body.until) return rule;
    if (!body.cron) return base::invalid_input("an rrule has its end in UNTIL or COUNT", "/until");
    const auto end = local_of(*body.until, *zone);
    if (!end) return base::invalid_input(end.error().message, "/until");
    rule.ends_at = zone->meaning_of(*end).last;
    return rule;
}

Result<Response> create(Call& call) {
    const auto body = call.body<NewBody>();
    if (!body) return body.error();
    changes::NewRecurringChange wanted;
    wanted.name = body->name;
    if (!body->request.is_object()) return base::invalid_input("must be an object", "/request");
    wanted.request = body->request.get_object();
    if (body->device_filter) {
        if (!body->device_filter->is_object()) {
            return base::invalid_input("must be an object", "/deviceFilter");
        }
        wanted.device_filter = body->device_filter->get_object();
    }
    auto rule = rule_of(*body, call.services.clock.now());
    if (!rule) return rule.error();
    wanted.rule = std::move(*rule);
    auto database = call.database();
    if (!database) return database.error();
    const auto made = changes::create_recurring(**database, call.caller, wanted, call.errors);
    if (!made) return made.error();
    Response response = json_response(document_of(*made, true), 201);
    response.headers.set("Location", std::string(kPath) + '/' + base::to_string(made->id));
    return response;
}

Result<Response> list(Call& call) {
    const auto page = call.page();
    if (!page) return page.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found = changes::list_recurring(**database, call.services.page_tokens,
                                               call.caller.tenant_id, *page);
    if (!found) return found.error();
    json::array items;
    for (const RecurringChange& change : found->items) {
        items.emplace_back(document_of(change, false));
    }
    return page_response(std::move(items), found->next_token);
}

Result<Response> get(Call& call) {
    const auto id = call.id("recurringChangeId", "recurring change");
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto found =
        changes::get_recurring(**database, call.caller.tenant_id, RecurringChangeId{*id});
    if (!found) return found.error();
    return json_response(document_of(*found, true));
}

Handler stepping(RecurringStep step) {
    return [step](Call& call) -> Result<Response> {
        const auto id = call.id("recurringChangeId", "recurring change");
        if (!id) return id.error();
        auto database = call.database();
        if (!database) return database.error();
        CARRYALL_TRY(
            changes::step_recurring(**database, call.caller, RecurringChangeId{*id}, step));
        if (step == RecurringStep::remove) {
            return json_response(json::object{{"recurringChangeId", *id}, {"state", "deleted"}});
        }
        const auto found =
            changes::get_recurring(**database, call.caller.tenant_id, RecurringChangeId{*id});
        if (!found) return found.error();
        return json_response(document_of(*found, true));
    };
}

}  // namespace

void add_recurring_change_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = kPath,
                .permission = Permission::read,
                .query = {"limit", "pageToken"},
                .handler = list});
    routes.add(
        {.method = Method::get, .pattern = kOne, .permission = Permission::read, .handler = get});
    const auto write = [&routes](Method method, const char* pattern, Body body, Handler handler) {
        routes.add({.method = method,
                    .pattern = pattern,
                    .permission = Permission::change_submit,
                    .rate = RateClass::write,
                    .body = body,
                    .handler = std::move(handler)});
    };
    write(Method::post, kPath, Body::json, create);
    write(Method::del, kOne, Body::none, stepping(RecurringStep::remove));
    write(Method::post, kPause, Body::none, stepping(RecurringStep::pause));
    write(Method::post, kResume, Body::none, stepping(RecurringStep::resume));
}

}  // namespace carryall::api
