// List, make, read and change a record of any small noun, as its description says.
#include "api/records.hpp"

#include "api/call.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using devices::Noun;
using http::Response;

constexpr std::size_t kMaxNameFilterBytes = 200;

bool has_field(const Noun& noun, std::string_view name) {
    return std::any_of(noun.fields.begin(), noun.fields.end(),
                       [&](const devices::Field& field) { return field.name == name; });
}

Result<devices::RecordFilter> filter_of(const Call& call) {
    devices::RecordFilter filter;
    filter.name_contains = call.query("name");
    if (filter.name_contains && filter.name_contains->size() > kMaxNameFilterBytes) {
        return bad_parameter("name",
                             "name may have " + std::to_string(kMaxNameFilterBytes) + " bytes");
    }
    const auto active = call.query_flag("isActive");
    if (!active) return active.error();
    filter.is_active = *active;
    const auto customer = call.query_integer("customerId");
    if (!customer) return customer.error();
    filter.customer_id = {customer->value_or(0)};
    const auto provider = call.query_integer("serviceProviderId");
    if (!provider) return provider.error();
    filter.service_provider_id = {provider->value_or(0)};
    return filter;
}

Result<Response> list(Call& call, const Noun& noun) {
    const auto filter = filter_of(call);
    if (!filter) return filter.error();
    return list_response(
        call, devices::list_records, [](json::object&& record) { return std::move(record); }, noun,
        *filter);
}

Result<json::object> object_body(Call& call, const RecordRoutes& resource,
                                 std::optional<std::int64_t> id) {
    auto body = call.json_body();
    if (!body) return body.error();
    if (!body->is_object()) return base::invalid_input("the body must be a JSON object");
    if (resource.check) CARRYALL_TRY(resource.check(call, id, body->get_object()));
    return std::move(body->get_object());
}

// The place says which member it is; the sentence should say so, too.
std::vector<base::Error> complete_sentences(const base::JsonErrors& mistakes) {
    std::vector<base::Error> errors = mistakes.items();
    for (base::Error& error : errors) error.message = error.where.substr(1) + ' ' + error.message;
    return errors;
}

Result<Response> create(Call& call, const RecordRoutes& resource) {
    const Noun& noun = resource.noun;
    const auto body = object_body(call, resource, {});
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    base::JsonErrors mistakes;
    const auto record =
        devices::create_record(**database, call.caller.tenant_id, noun, *body, mistakes);
    call.errors = complete_sentences(mistakes);
    if (!record) return record.error();
    const std::int64_t id = record->at(noun.id_name).as_int64();
    if (resource.written) CARRYALL_TRY(resource.written(call, id));
    Response response = json_response(*record, 201);
    response.headers.set("Location", resource.path + '/' + std::to_string(id));
    return response;
}

Result<Response> get(Call& call, const Noun& noun) {
    const auto id = call.id(noun.id_name, noun.label);
    if (!id) return id.error();
    auto database = call.database();
    if (!database) return database.error();
    const auto record = devices::get_record(**database, call.caller.tenant_id, noun, *id);
    if (!record) return record.error();
    return json_response(*record);
}

Result<Response> change(Call& call, const RecordRoutes& resource) {
    const Noun& noun = resource.noun;
    const auto id = call.id(noun.id_name, noun.label);
    if (!id) return id.error();
    const auto body = object_body(call, resource, *id);
    if (!body) return body.error();
    auto database = call.database();
    if (!database) return database.error();
    base::JsonErrors mistakes;
    const auto record =
        devices::update_record(**database, call.caller.tenant_id, noun, *id, *body, mistakes);
    call.errors = complete_sentences(mistakes);
    if (!record) return record.error();
    if (resource.written) CARRYALL_TRY(resource.written(call, *id));
    return json_response(*record);
}

}  // namespace

void add_record_routes(Routes& routes, const RecordRoutes& resource) {
    const Noun& noun = resource.noun;
    const std::string path = resource.path;
    const std::string one = path + "/{" + noun.id_name + '}';
    std::vector<std::string> filters{"name", "isActive"};
    for (const char* owner : {"customerId", "serviceProviderId"}) {
        if (has_field(noun, owner)) filters.emplace_back(owner);
    }
    filters.insert(filters.end(), {"limit", "pageToken"});
    routes.add({.method = http::Method::get,
                .pattern = path,
                .permission = tenants::Permission::read,
                .rate = RateClass::read,
                .query = filters,
                .handler = [&noun](Call& call) { return list(call, noun); }});
    routes.add({.method = http::Method::post,
                .pattern = path,
                .permission = resource.write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = [resource](Call& call) { return create(call, resource); }});
    routes.add({.method = http::Method::get,
                .pattern = one,
                .permission = tenants::Permission::read,
                .rate = RateClass::read,
                .handler = [&noun](Call& call) { return get(call, noun); }});
    routes.add({.method = http::Method::patch,
                .pattern = one,
                .permission = resource.write,
                .rate = RateClass::write,
                .body = Body::json,
                .handler = [resource](Call& call) { return change(call, resource); }});
}

}  // namespace carryall::api
