// Creating records. Every fault of a body is reported, one entry each; nothing is created with a
// fault.
#include <cmath>

#include "json_text.hpp"
#include "revio/dates.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::int64_t kApiUser = 17;
constexpr std::size_t kMaxLoggedBodyBytes = 4096;

std::size_t index_of(int resource) {
    return static_cast<std::size_t>(resource);
}

bool is_inventory_status(std::string_view status) {
    return status == "AVAILABLE" || status == "ASSIGNED" || status == "UNAVAILABLE";
}

}  // namespace

void RevioSystem::check_reference(Draft& draft, std::string_view field, int resource) const {
    if (!draft.has(field)) return;
    const std::int64_t id = draft.integer(field);
    if (tables_[index_of(resource)].find(id) != kNoRow) return;
    draft.add_fault(std::string(schema_of(resource).singular) + " " + std::to_string(id) +
                    " was not found.");
}

void RevioSystem::check_service_of_customer(Draft& draft) const {
    if (!draft.has("service_id") || !draft.has("customer_id")) return;
    const Table& services = tables_[kServices];
    const std::uint32_t row = services.find(draft.integer("service_id"));
    if (row == kNoRow) return;  // reported as a missing reference
    if (services.get(row, "customer_id") == draft.integer("customer_id")) return;
    draft.add_fault("Service " + std::to_string(draft.integer("service_id")) +
                    " does not belong to the customer.");
}

void RevioSystem::check_charge(Draft& draft) const {
    const bool by_product = draft.has("product_id");
    if (by_product == draft.has("product_type_id")) {
        draft.add_fault("Exactly one of product_id and product_type_id is required.");
    }
    check_reference(draft, "product_id", kProducts);
    check_reference(draft, "product_type_id", kProductTypes);
    check_reference(draft, "customer_id", kCustomers);
    check_reference(draft, "service_id", kServices);
    check_reference(draft, "service_product_id", kServiceProducts);
    check_service_of_customer(draft);
    if (draft.has("start_date") && draft.has("end_date") &&
        draft.integer("end_date") < draft.integer("start_date")) {
        draft.add_fault("The end_date field must not be before start_date.");
    }
    if (!draft.has("amount") && draft.has("rate") && draft.has("quantity")) {
        draft.set_number("amount", draft.number("rate") * draft.number("quantity"));
    }
}

void RevioSystem::check_service(Draft& draft, std::int64_t today) const {
    check_reference(draft, "customer_id", kCustomers);
    check_reference(draft, "provider_id", kProviders);
    check_reference(draft, "service_type_id", kServiceTypes);
    check_reference(draft, "package_id", kPackages);
    check_reference(draft, "usage_plan_group_id", kUsagePlanGroups);
    if (!draft.has("effective_date")) draft.set_integer("effective_date", today);
}

void RevioSystem::check_service_product(Draft& draft, std::int64_t today) const {
    check_reference(draft, "customer_id", kCustomers);
    check_reference(draft, "product_id", kProducts);
    check_reference(draft, "package_id", kPackages);
    check_reference(draft, "service_id", kServices);
    check_service_of_customer(draft);
    if (!draft.has("status")) {
        draft.set_text("status", "ACTIVE");
    } else if (draft.text("status") != "ACTIVE" && draft.text("status") != "PENDING") {
        draft.add_fault("The status field must be ACTIVE or PENDING.");
    }
    if (!draft.has("quantity")) draft.set_number("quantity", 1);
    if (!draft.has("activated_date")) {
        draft.set_integer("activated_date",
                          draft.has("effective_date") ? draft.integer("effective_date") : today);
    }
    draft.set_integer("status_date", today);
}

void RevioSystem::check_inventory_item(Draft& draft) const {
    check_reference(draft, "inventory_type_id", kInventoryTypes);
    check_reference(draft, "customer_id", kCustomers);
    if (!draft.has("status"))
        draft.set_text("status", "AVAILABLE");
    else if (!is_inventory_status(draft.text("status"))) {
        draft.add_fault("The status field must be AVAILABLE, ASSIGNED or UNAVAILABLE.");
    }
}

void RevioSystem::check_customer(Draft& draft) const {
    check_reference(draft, "parent_customer_id", kCustomers);
    check_reference(draft, "agent_id", kAgents);
    check_reference(draft, "finance.bill_profile_id", kBillProfiles);
    if (!draft.has("status")) draft.set_text("status", "OPEN");
}

void RevioSystem::create(int resource, const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return fail(reply, 400, "The request body is not a valid JSON object.");
    Table& table = tables_[index_of(resource)];
    const std::int64_t today = start_of_day(call.now_micros / kMicrosPerSecond);
    Draft draft(table);
    draft.read(*body);
    switch (resource) {
        case kCharges:
            check_charge(draft);
            break;
        case kServices:
            check_service(draft, today);
            break;
        case kServiceProducts:
            check_service_product(draft, today);
            break;
        case kInventoryItems:
            check_inventory_item(draft);
            break;
        case kCustomers:
            check_customer(draft);
            break;
        default:
            check_reference(draft, "product_type_id", kProductTypes);
            check_reference(draft, "provider_id", kProviders);
    }
    if (!draft.is_sound()) return refuse(draft, reply);
    const std::uint32_t row = table.insert(0, call.now_micros);
    if (row == kNoRow) return fail(reply, 500, "No room for another record.");
    draft.commit(row);
    if (const std::size_t created = table.column("created_date"); created != SIZE_MAX) {
        table.set(row, created, call.now_micros);
        if (const auto by = table.column("created_by"); by != SIZE_MAX)
            table.set(row, by, kApiUser);
    }
    const std::int64_t id = table.id_of(row);
    reply.status = 201;
    reply.add_header("Location",
                     "/revio/v1/" + std::string(table.schema().path) + "/" + std::to_string(id));
    finish_write(call, request, id, true);
    JsonObject answer(reply.body);
    answer.add_bool("ok", true);
    if (knobs_.ids_are_text)
        answer.add("id", std::to_string(id));
    else
        answer.add_integer("id", id);
    answer.close();
}

void RevioSystem::finish_write(Call& call, const Request& request, std::int64_t id, bool changed) {
    call.performed = true;
    call.changed = changed;
    JsonObject fields(call.fields);
    fields.add_integer("id", id);
    const auto* body = parse_json(request.body);
    if (body != nullptr && request.body.size() <= kMaxLoggedBodyBytes) {
        append_json(fields.add_raw("request"), *body);
    }
    fields.close();
}

}  // namespace carryall::simulators::revio
