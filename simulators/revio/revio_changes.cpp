// Changing records: JSON Patch, PUT and DELETE of service products, inventory assignment.
#include "json_text.hpp"
#include "revio/dates.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::size_t kMaxPatchOperations = 100;
constexpr std::size_t kMaxIdentifiers = 10'000;

std::size_t index_of(int resource) {
    return static_cast<std::size_t>(resource);
}

void answer_ok(Reply& reply, std::int64_t id) {
    JsonObject answer(reply.body);
    answer.add_bool("ok", true);
    answer.add_integer("id", id);
    answer.close();
}

// "/fields/2/value" is the third custom field; "/finance/bill_profile_id" is nested. The leading
// slash may be missing.
std::string field_of_path(std::string_view path) {
    if (!path.empty() && path.front() == '/') path.remove_prefix(1);
    for (std::size_t i = 0; i < kCustomFields; ++i) {
        if (path == "fields/" + std::to_string(i) + "/value") return "custom_" + std::to_string(i);
    }
    std::string name(path);
    for (char& c : name) {
        if (c == '/') c = '.';
    }
    return name.substr(0, 7) == "custom_" ? "?" : name;
}

void read_operation(const boost::json::value& value, Draft& draft) {
    const auto* operation = value.if_object();
    if (operation == nullptr) return draft.add_fault("A patch operation must be an object.");
    const std::string_view op = text_at(*operation, "op").value_or("");
    const auto path = text_at(*operation, "path");
    if (!path) return draft.add_fault("The path of a patch operation is required.");
    const auto* given = find(*operation, "value");
    if (op == "remove") {
        draft.set(field_of_path(*path), boost::json::value(nullptr));
    } else if (op != "replace" && op != "add") {
        draft.add_fault("The patch operation must be replace, add or remove.");
    } else if (given == nullptr) {
        draft.add_fault("The value of a patch operation is required.");
    } else {
        draft.set(field_of_path(*path), *given);
    }
}

}  // namespace

std::uint32_t RevioSystem::row_of(int resource, std::string_view text, Reply& reply) {
    const auto id = parse_integer(text);
    const std::uint32_t row = id ? tables_[index_of(resource)].find(*id) : kNoRow;
    if (row == kNoRow) {
        fail(reply, 404, std::string(schema_of(resource).singular) + " was not found.");
    }
    return row;
}

// activated_date and disconnected_date may only change when all service products carry the same
// date.
void RevioSystem::check_service_dates(const Draft& draft, std::uint32_t row, Draft& faults) const {
    const Table& products = tables_[kServiceProducts];
    const std::int64_t service = tables_[kServices].id_of(row);
    const std::pair<std::string_view, std::string_view> dates[] = {
        {"activated_date", "activated_date"}, {"disconnected_date", "canceled_date"}};
    std::vector<std::uint32_t> rows;
    products.collect(products.column("service_id"), std::to_string(service), rows);
    for (const auto& [of_service, of_product] : dates) {
        if (!draft.has(of_service)) continue;
        for (const std::uint32_t product : rows) {
            if (products.get(product, "service_id") != service) continue;
            if (products.get(product, of_product) == draft.integer(of_service)) continue;
            faults.add_fault(
                "The " + std::string(of_service) +
                " field can only be changed when all service products have this date.");
            break;
        }
    }
}

void RevioSystem::patch(int resource, const Request& request, Call& call, Reply& reply) {
    const std::uint32_t row = row_of(resource, call.params[0], reply);
    if (row == kNoRow) return;
    const auto* document = parse_json(request.body);
    const auto* operations = document == nullptr ? nullptr : document->if_array();
    if (operations == nullptr || operations->empty() || operations->size() > kMaxPatchOperations) {
        return fail(reply, 400, "The request body must be an array of patch operations.");
    }
    Table& table = tables_[index_of(resource)];
    Draft draft(table);
    for (const auto& operation : *operations) read_operation(operation, draft);
    if (resource == kServices) check_service_dates(draft, row, draft);
    if (resource == kServiceProducts && draft.has("status") &&
        draft.text("status") == "DISCONNECTED") {
        draft.add_fault("A service product is disconnected by DELETE.");
    }
    if (draft.has("customer_id")) check_reference(draft, "customer_id", kCustomers);
    if (!draft.is_sound()) return refuse(draft, reply);
    table.remember(row, call.now_micros);
    const bool changed = draft.commit(row);
    finish_write(call, request, table.id_of(row), changed);
    answer_ok(reply, table.id_of(row));
}

void RevioSystem::put_service_product(const Request& request, Call& call, Reply& reply) {
    const std::uint32_t row = row_of(kServiceProducts, call.params[0], reply);
    if (row == kNoRow) return;
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return fail(reply, 400, "The request body is not a valid JSON object.");
    Table& table = tables_[kServiceProducts];
    const std::string old_status(table.text(table.get(row, "status")));
    if (old_status == "DISCONNECTED")
        return fail(reply, 400, "The service product is disconnected.");
    Draft draft(table);
    // The owner stays when the body leaves it out.
    const std::int64_t customer =
        integer_at(*body, "customer_id").value_or(table.get(row, "customer_id"));
    boost::json::object whole(*body, boost::json::storage_ptr{});
    whole["customer_id"] = customer;
    draft.read(whole);
    for (const std::string_view name : {"service_id", "generate_proration"}) {
        if (!draft.has(name)) draft.add_fault("The " + std::string(name) + " field is required.");
    }
    if (!draft.has("status")) draft.set_text("status", old_status);
    if (draft.text("status") == "DISCONNECTED") {
        draft.add_fault("The status field may not be set to DISCONNECTED.");
    }
    const bool status_changes = draft.text("status") != old_status;
    const bool price_changes = draft.integer("rate") != table.get(row, "rate") ||
                               draft.integer("quantity") != table.get(row, "quantity");
    if (status_changes && price_changes) {
        draft.add_fault("The rate and quantity fields may not change together with status.");
    }
    check_reference(draft, "customer_id", kCustomers);
    check_reference(draft, "product_id", kProducts);
    check_reference(draft, "service_id", kServices);
    check_service_of_customer(draft);
    if (!draft.is_sound()) return refuse(draft, reply);
    table.remember(row, call.now_micros);
    const bool changed = draft.replace(row);
    finish_write(call, request, table.id_of(row), changed);
    answer_ok(reply, table.id_of(row));
}

void RevioSystem::disconnect_service_product(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return fail(reply, 400, "The request body is not a valid JSON object.");
    const auto id = integer_at(*body, "service_product_id");
    if (!id) return fail(reply, 400, "The service_product_id field is required.");
    const auto date = parse_date(text_at(*body, "effective_date").value_or(""));
    if (!date) return fail(reply, 400, "The effective_date field is not a valid date.");
    Table& table = tables_[kServiceProducts];
    const std::uint32_t row = table.find(*id);
    if (row == kNoRow) return fail(reply, 404, "ServiceProduct was not found.");
    if (table.text(table.get(row, "status")) == "DISCONNECTED") {
        return fail(reply, 400, "The service product is already disconnected.");
    }
    table.remember(row, call.now_micros);
    table.set_text(row, "status", "DISCONNECTED");
    table.set(row, "canceled_date", *date);
    table.set(row, "status_date", start_of_day(call.now_micros / kMicrosPerSecond));
    finish_write(call, request, *id, true);
    answer_ok(reply, *id);
}

void RevioSystem::close_customer(const Request& request, Call& call, Reply& reply) {
    const std::uint32_t row = row_of(kCustomers, call.params[0], reply);
    if (row == kNoRow) return;
    Table& table = tables_[kCustomers];
    table.remember(row, call.now_micros);
    const bool changed = table.text(table.get(row, "status")) != "CLOSED";
    table.set_text(row, "status", "CLOSED");
    table.set(row, "close_date", start_of_day(call.now_micros / kMicrosPerSecond));
    finish_write(call, request, table.id_of(row), changed);
    answer_ok(reply, table.id_of(row));
}

void RevioSystem::assign_service(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto* list = body == nullptr ? nullptr : find(*body, "identifiers");
    if (list == nullptr || !list->is_array() || list->get_array().empty() ||
        list->get_array().size() > kMaxIdentifiers) {
        return fail(reply, 400, "The identifiers field is required.");
    }
    const std::int64_t service = integer_at(*body, "service_id").value_or(0);
    const std::uint32_t service_row = tables_[kServices].find(service);
    if (service_row == kNoRow) {
        return fail(reply, 400, "Service " + std::to_string(service) + " was not found.");
    }
    Table& items = tables_[kInventoryItems];
    std::vector<std::string> faults;
    std::vector<std::uint32_t> rows;
    for (const auto& value : list->get_array()) {
        const std::string identifier(value.is_string() ? value.get_string().c_str() : "");
        std::vector<std::uint32_t> candidates;
        items.collect(items.column("identifier"), identifier, candidates);
        if (candidates.empty()) {
            faults.push_back("Inventory item " + identifier + " was not found.");
        } else {
            rows.push_back(candidates.back());
        }
    }
    if (!faults.empty()) {
        reply.status = 400;
        return append_faults(reply.body, faults);
    }
    bool changed = false;
    for (const std::uint32_t row : rows) {
        changed = changed || items.get(row, "service_id") != service;
        items.remember(row, call.now_micros);
        items.set(row, "service_id", service);
        items.set(row, "customer_id", tables_[kServices].get(service_row, "customer_id"));
        items.set_text(row, "status", "ASSIGNED");
    }
    finish_write(call, request, service, changed);
    answer_ok(reply, service);
}

void RevioSystem::unassign_customer(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto id = body == nullptr ? std::nullopt : integer_at(*body, "id");
    if (!id) return fail(reply, 400, "The id field is required.");
    Table& items = tables_[kInventoryItems];
    const std::uint32_t row = items.find(*id);
    if (row == kNoRow) return fail(reply, 404, "InventoryItem was not found.");
    const bool changed = items.get(row, "customer_id") != kNull;
    items.remember(row, call.now_micros);
    items.set(row, "customer_id", kNull);
    items.set(row, "service_id", kNull);
    items.set_text(row, "status", "AVAILABLE");
    finish_write(call, request, *id, changed);
    answer_ok(reply, *id);
}

}  // namespace carryall::simulators::revio
