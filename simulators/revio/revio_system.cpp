// Routes, gateway and credentials of Rev.io. The order of checks is the gateway's: key, then Basic,
// then limits, then the request itself.
#include "revio/revio_system.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base64.hpp"
#include "hash.hpp"
#include "json_text.hpp"

namespace carryall::simulators::revio {
namespace {

using enum Method;

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::size_t kMaxKeyTextBytes = 200;
// A charge may be told from others by the end of its description only.
constexpr std::size_t kMaxKeyDescriptionBytes = 1500;

constexpr Route kRoutes[] = {
    {get, "SystemStatus", kSystemStatus, "system_status", false},
    {post, "Charges", kCreate + kCharges, "create_charge", true},
    {get, "Charges", kList + kCharges, "list_charges", false},
    {get, "Charges/{}", kShow + kCharges, "get_charge", false},
    {post, "Services", kCreate + kServices, "create_service", true},
    {get, "Services", kList + kServices, "list_services", false},
    {get, "Services/{}", kShow + kServices, "get_service", false},
    {patch, "Services/{}", kPatch + kServices, "patch_service", true},
    {post, "ServiceProduct", kCreate + kServiceProducts, "create_service_product", true},
    {get, "ServiceProduct", kList + kServiceProducts, "list_service_products", false},
    {get, "ServiceProduct/{}", kShow + kServiceProducts, "get_service_product", false},
    {put, "ServiceProduct/{}", kPut + kServiceProducts, "put_service_product", true},
    {patch, "ServiceProduct/{}", kPatch + kServiceProducts, "patch_service_product", true},
    {del, "ServiceProduct", kDelete + kServiceProducts, "disconnect_service_product", true},
    {post, "Customers", kCreate + kCustomers, "create_customer", true},
    {get, "Customers", kList + kCustomers, "list_customers", false},
    {get, "Customers/{}", kShow + kCustomers, "get_customer", false},
    {patch, "Customers/{}", kPatch + kCustomers, "patch_customer", true},
    {del, "Customers/{}", kDelete + kCustomers, "close_customer", true},
    {patch, "InventoryItem/assignService", kAssignService, "assign_service", true},
    {patch, "InventoryItem/UnassignCustomer", kUnassignCustomer, "unassign_customer", true},
    {post, "InventoryItem", kCreate + kInventoryItems, "create_inventory_item", true},
    {get, "InventoryItem", kList + kInventoryItems, "list_inventory_items", false},
    {get, "InventoryItem/{}", kShow + kInventoryItems, "get_inventory_item", false},
    {get, "ServiceInventory", kServiceInventory, "list_service_inventory", false},
    {post, "Products", kCreate + kProducts, "create_product", true},
    {get, "Products", kList + kProducts, "list_products", false},
    {get, "Products/{}", kShow + kProducts, "get_product", false},
    {get, "ProductTypes", kList + kProductTypes, "list_product_types", false},
    {get, "ProductTypes/{}", kShow + kProductTypes, "get_product_type", false},
    {get, "Providers", kList + kProviders, "list_providers", false},
    {get, "Providers/{}", kShow + kProviders, "get_provider", false},
    {get, "ServiceTypes", kList + kServiceTypes, "list_service_types", false},
    {get, "ServiceTypes/{}", kShow + kServiceTypes, "get_service_type", false},
    {get, "Packages", kList + kPackages, "list_packages", false},
    {get, "Packages/{}", kShow + kPackages, "get_package", false},
    {get, "PackageProducts", kList + kPackageProducts, "list_package_products", false},
    {get, "PackageProducts/{}", kShow + kPackageProducts, "get_package_product", false},
    {get, "UsagePlanGroups", kList + kUsagePlanGroups, "list_usage_plan_groups", false},
    {get, "UsagePlanGroups/{}", kShow + kUsagePlanGroups, "get_usage_plan_group", false},
    {get, "Agents", kList + kAgents, "list_agents", false},
    {get, "Agents/{}", kShow + kAgents, "get_agent", false},
    {get, "BillProfiles", kList + kBillProfiles, "list_bill_profiles", false},
    {get, "BillProfiles/{}", kShow + kBillProfiles, "get_bill_profile", false},
    {get, "InventoryTypes", kList + kInventoryTypes, "list_inventory_types", false},
    {get, "InventoryTypes/{}", kShow + kInventoryTypes, "get_inventory_type", false},
};

// Rounded up, so that a client that waits exactly so long is served.
std::int64_t seconds_until(std::int64_t due_micros, std::int64_t now_micros) {
    return std::max<std::int64_t>(
        1, (due_micros - now_micros + kMicrosPerSecond - 1) / kMicrosPerSecond);
}

std::string clock_text(std::int64_t seconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%02d:%02d:%02d", static_cast<int>(seconds / 3600),
                  static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
    return text.data();
}

// At most so many bytes, never cut inside a UTF-8 sequence.
std::string_view key_text(const boost::json::object& body, std::string_view name,
                          std::size_t limit = kMaxKeyTextBytes) {
    const std::string_view whole = text_at(body, name).value_or("");
    std::size_t length = std::min(whole.size(), limit);
    while (length < whole.size() && length > 0 && (whole[length] & 0xc0) == 0x80) --length;
    return whole.substr(0, length);
}

// What makes two charges the same one: whom, for what, for which time, how much, and the words.
void append_charge_key(const boost::json::object& body, std::string& key) {
    for (const std::string_view name :
         {"customer_id", "service_id", "product_id", "product_type_id"}) {
        append_integer(key, integer_at(body, name).value_or(0));
        key += '/';
    }
    for (const std::string_view name : {"start_date", "end_date"}) {
        key.append(key_text(body, name)) += '/';
    }
    append_double(key, number_at(body, "amount").value_or(0));
    key += '/';
    key += key_text(body, "description", kMaxKeyDescriptionBytes);
}

// The business key of a create, so that the ledger can tell the same thing done twice.
void append_create_key(int resource, const boost::json::object& body, std::string& key) {
    const auto number = [&body](std::string_view name) {
        return std::to_string(integer_at(body, name).value_or(0));
    };
    switch (resource) {
        case kCharges:
            append_charge_key(body, key);
            break;
        case kServices:
            key.append("number/").append(key_text(body, "number"));
            break;
        case kServiceProducts:
            key = "service/" + number("service_id") + "/product/" + number("product_id");
            break;
        case kInventoryItems:
            key.append("identifier/").append(key_text(body, "identifier"));
            break;
        default:
            key.append(schema_of(resource).singular)
                .append("/")
                .append(key_text(body, "description"));
    }
}

}  // namespace

RevioSystem::RevioSystem(const RevioOptions& options, const Clock& clock)
    : options_(options),
      authorization_("Basic " + base64(options.user + ":" + options.password)),
      clock_(clock) {
    tables_.reserve(kResourceCount);
    for (int resource = 0; resource < kResourceCount; ++resource) {
        tables_.emplace_back(schema_of(resource));
    }
    reset();
}

const Router& RevioSystem::router() const {
    static const Router router(kRoutes, true);
    return router;
}

void RevioSystem::reset() {
    for (Table& table : tables_) table.clear();
    knobs_ = {};
    knobs_.limit_per_minute = options_.limit_per_minute;
    knobs_.quota_per_day = options_.quota_per_day;
    window_start_micros_ = window_calls_ = day_start_micros_ = day_calls_ = 0;
    add_catalogue();
}

void RevioSystem::keep_history(bool on) {
    for (Table& table : tables_) table.keep_history(on);
}

void RevioSystem::identify(const Request& request, Call& call) {
    const int operation = call.endpoint / 100 * 100;
    const int resource = call.endpoint % 100;
    if (!call.params[0].empty()) {
        call.key.append(schema_of(resource).singular).append("/").append(call.params[0]);
        return;
    }
    if (!call.writes) {
        call.key = request.query;
        return;
    }
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return;
    if (operation == kCreate) return append_create_key(resource, *body, call.key);
    if (operation == kDelete) {
        call.key =
            "ServiceProduct/" + std::to_string(integer_at(*body, "service_product_id").value_or(0));
    } else if (call.endpoint == kAssignService) {
        call.key = "Service/" + std::to_string(integer_at(*body, "service_id").value_or(0));
    } else {
        call.key = "InventoryItem/" + std::to_string(integer_at(*body, "id").value_or(0));
    }
}

bool RevioSystem::admit(const Request& request, const Call& call, Reply& reply) {
    const std::string_view key = request.header("Ocp-Apim-Subscription-Key");
    if (key != options_.key) {
        reply.status = 401;
        write_gateway_error(401,
                            key.empty()
                                ? "Access denied due to missing subscription key. Make sure "
                                  "to include subscription key when making requests to an "
                                  "API."
                                : "Access denied due to invalid subscription key. Make sure "
                                  "to provide a valid key for an active subscription.",
                            reply);
        return false;
    }
    if (request.header("Authorization") != authorization_) {
        fail(reply, 401, "Invalid user name, client code or password.");
        return false;
    }
    return within_limits(call.now_micros, reply);
}

// Refused calls do not count, as in the real gateway.
bool RevioSystem::within_limits(std::int64_t now_micros, Reply& reply) {
    if (!within_minute(now_micros, reply) || !within_day(now_micros, reply)) return false;
    ++window_calls_;
    ++day_calls_;
    return true;
}

bool RevioSystem::within_minute(std::int64_t now_micros, Reply& reply) {
    const std::int64_t window_micros = knobs_.window_seconds * kMicrosPerSecond;
    if (now_micros >= window_start_micros_ + window_micros) {
        window_start_micros_ = now_micros;
        window_calls_ = 0;
    }
    if (knobs_.limit_per_minute == 0 || window_calls_ < knobs_.limit_per_minute) return true;
    const auto wait =
        std::to_string(seconds_until(window_start_micros_ + window_micros, now_micros));
    const std::string messages[] = {
        "Rate limit is exceeded. Try again in " + wait + " seconds.",
        "Too many requests. Please wait " + wait + " seconds before the next call.",
        "Too many requests."};
    reply.status = 429;
    write_gateway_error(429, messages[knobs_.message_variant], reply);
    if (knobs_.says_retry_after) reply.add_header("Retry-After", wait);
    return false;
}

bool RevioSystem::within_day(std::int64_t now_micros, Reply& reply) {
    if (now_micros >= day_start_micros_ + kDaySeconds * kMicrosPerSecond) {
        day_start_micros_ = now_micros;
        day_calls_ = 0;
    }
    if (knobs_.quota_per_day == 0 || day_calls_ < knobs_.quota_per_day) return true;
    const std::int64_t wait =
        seconds_until(day_start_micros_ + kDaySeconds * kMicrosPerSecond, now_micros);
    reply.status = 403;
    write_gateway_error(
        403, "Out of call volume quota. Quota will be replenished in " + clock_text(wait) + ".",
        reply);
    if (knobs_.says_retry_after) reply.add_header("Retry-After", std::to_string(wait));
    return false;
}

void RevioSystem::perform(const Request& request, Call& call, Reply& reply) {
    const int resource = call.endpoint % 100;
    switch (call.endpoint) {
        case kSystemStatus:
            reply.body = R"({"ok":true,"status":"OK"})";
            return;
        case kAssignService:
            return assign_service(request, call, reply);
        case kUnassignCustomer:
            return unassign_customer(request, call, reply);
        case kServiceInventory:
            return list(kInventoryItems, request, call, reply);
        case kDelete + kServiceProducts:
            return disconnect_service_product(request, call, reply);
        case kDelete + kCustomers:
            return close_customer(request, call, reply);
        case kPut + kServiceProducts:
            return put_service_product(request, call, reply);
        default:
            break;
    }
    switch (call.endpoint - resource) {
        case kList:
            return list(resource, request, call, reply);
        case kShow:
            return show(resource, call, reply);
        case kCreate:
            return create(resource, request, call, reply);
        default:
            return patch(resource, request, call, reply);
    }
}

void RevioSystem::fail(Reply& reply, int status, std::string_view message) {
    reply.status = status;
    reply.body.clear();
    write_error(status, message, reply);
}

void RevioSystem::refuse(const Draft& draft, Reply& reply) {
    reply.status = 400;
    reply.body.clear();
    draft.append_faults(reply.body);
}

void RevioSystem::write_error(int, std::string_view message, Reply& reply) {
    append_faults(reply.body, {std::string(message)});
}

void RevioSystem::write_gateway_error(int status, std::string_view message, Reply& reply) {
    JsonObject error(reply.body);
    error.add_integer("statusCode", status);
    error.add("message", message);
    error.close();
}

}  // namespace carryall::simulators::revio
