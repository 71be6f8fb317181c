// Plans, account facts, callback registrations, and the state of a request.
#include "http_request.hpp"
#include "json_text.hpp"
#include "thingspace/callback_text.hpp"
#include "thingspace/thingspace_system.hpp"

namespace carryall::simulators::thingspace {
namespace {

void append_plan(std::string& out, const Plan& plan) {
    JsonObject object(out);
    object.add("name", plan.name);
    object.add("code", plan.code);
    object.add_integer("sizeKb", plan.size_kb);
    object.add("carrierServicePlanCode", "84777");
    object.add_raw("extendedAttributes") += "[]";
    object.close();
}

void append_registration(std::string& out, const Registration& one, const Account& account) {
    JsonObject object(out);
    object.add("accountName", account.name);
    object.add("serviceName", one.service);
    object.add("url", one.url);
    if (!one.username.empty()) {
        object.add("username", one.username);
        object.add("password", one.password);
    }
    object.close();
}

void append_service(std::string& out, std::string_view account, std::string_view service) {
    JsonObject object(out);
    object.add("accountName", account);
    object.add("serviceName", service);
    object.close();
}

}  // namespace

void ThingspaceSystem::list_plans(const Call& call, Reply& reply) {
    if (account_of(call.params[0], reply) == kNone) return;
    const auto& plans = world_.accounts.plans;
    reply.body += '[';
    for (std::size_t i = 1; i < plans.size(); ++i) {
        if (i > 1) reply.body += ',';
        append_plan(reply.body, plans[i]);
    }
    reply.body += ']';
}

void ThingspaceSystem::show_account(const Call& call, Reply& reply) {
    const std::uint16_t place = account_of(call.params[0], reply);
    if (place == kNone) return;
    const Account& account = world_.accounts.accounts[place];
    JsonObject object(reply.body);
    object.add("accountName", account.name);
    object.add("accountNumber", account.name);
    object.add("organizationName", "Simulated organization");
    object.add_bool("isProvisioningAllowed", account.provisioning_allowed);
    object.add_raw("carriers") += R"(["Verizon Wireless"])";
    object.add_raw("features") += "[]";
    object.add_raw("iPPools") +=
        R"([{"poolName":"Default-Pool","poolType":"Dynamic","isDefaultPool":true}])";
    object.add_raw("servicePlans") += '[';
    for (std::size_t i = 1; i < world_.accounts.plans.size(); ++i) {
        if (i > 1) reply.body += ',';
        append_plan(reply.body, world_.accounts.plans[i]);
    }
    reply.body += ']';
    object.close();
}

void ThingspaceSystem::list_callbacks(const Call& call, Reply& reply) {
    const std::uint16_t account = account_of(call.params[0], reply);
    if (account == kNone) return;
    bool first = true;
    reply.body += '[';
    for (const Registration& one : world_.accounts.registrations) {
        if (!one.active || one.account != account) continue;
        if (!first) reply.body += ',';
        first = false;
        append_registration(reply.body, one, world_.accounts.accounts[account]);
    }
    reply.body += ']';
}

void ThingspaceSystem::register_callback(Call& call, Reply& reply) {
    const std::uint16_t account = account_of(call.params[0], reply);
    if (account == kNone) return;
    const auto service = body_ == nullptr ? std::nullopt : text_at(*body_, "name");
    const auto url = body_ == nullptr ? std::nullopt : text_at(*body_, "url");
    if (!service || !url || !is_callback_service(*service)) {
        return fail(reply, 400, "INPUT_INVALID.Callback.ServiceName.Invalid",
                    "name must be a callback service and url its listener.");
    }
    const auto target = parse_callback_url(*url);
    if (!target) {
        return fail(reply, 400, "INPUT_INVALID.Callback.Url.Invalid",
                    "The url cannot be called: this simulator calls http://host:port/path only.");
    }
    Registration& one = world_.accounts.registration(account, *service);
    call.performed = true;
    call.changed = !one.active || one.url != *url;
    one.url = *url;
    one.username = text_at(*body_, "username").value_or("");
    one.password = text_at(*body_, "password").value_or("");
    one.target = *target;
    one.version = world_.accounts.new_version();
    one.active = true;
    JsonObject fields(call.fields);
    fields.add("service", *service);
    fields.add("url", *url);
    fields.close();
    append_service(reply.body, call.params[0], *service);
}

void ThingspaceSystem::remove_callback(Call& call, Reply& reply) {
    const std::uint16_t account = account_of(call.params[0], reply);
    if (account == kNone) return;
    Registration* one = world_.accounts.find_registration(account, call.params[1]);
    if (one == nullptr || !one->active) {
        return fail(reply, 400, "REQUEST_FAILED.Callback.NotFound",
                    "No listener is registered for this service.");
    }
    one->active = false;
    engine_.forget_waiting(*one);
    call.performed = call.changed = true;
    JsonObject fields(call.fields);
    fields.add("service", one->service);
    fields.close();
    append_service(reply.body, call.params[0], one->service);
}

void ThingspaceSystem::show_request(Call& call, Reply& reply, bool with_devices) {
    const std::uint16_t account = account_of(call.params[0], reply);
    if (account == kNone) return;
    const std::uint32_t number = engine_.find_job(call.params[1]);
    if (number == kNoRow || engine_.job(number).order.account != account) {
        return fail(reply, 400, "INPUT_INVALID.RequestId.Invalid",
                    "The request could not be found.");
    }
    const Job& job = engine_.job(number);
    const std::size_t most = with_devices ? kMaxListedResults : 1;
    const bool has_status = job.order.action <= Action::restore && job.devices <= most;
    if (!has_status) {
        return fail(reply, static_cast<int>(knobs_.status_error_status), knobs_.status_error_code,
                    "The status of this request cannot be shown. Use callbacks instead.");
    }
    JsonObject object(reply.body);
    object.add("requestId", call.params[1]);
    object.add("status", job.left > 0     ? "Pending"
                         : job.failed > 0 ? failed_word(knobs_, number)
                                          : "Success");
    if (with_devices) append_subrequests(object.add_raw("subrequests"), job);
    object.close();
}

void ThingspaceSystem::append_subrequests(std::string& out, const Job& job) const {
    std::vector<DeviceResult> results;
    if (job.devices == 1) {
        results.push_back({job.first_target, job.left == 0,
                           job.failed > 0 ? DeviceFault::network : DeviceFault::none});
    } else {
        results = job.detail->results;
    }
    out += '[';
    for (std::size_t i = 0; i < results.size(); ++i) {
        const DeviceResult& result = results[i];
        if (i > 0) out += ',';
        JsonObject one(out);
        const bool stranger = (result.target & kStranger) != 0;
        one.add("id", stranger ? job.detail->strangers[result.target & ~kStranger].key
                               : iccid_text(world_.lines.rows[result.target].iccid));
        one.add("kind", "iccid");
        one.add("status", !result.done                        ? "Pending"
                          : result.fault != DeviceFault::none ? failed_word(knobs_, i)
                                                              : "Success");
        one.close();
    }
    out += ']';
}

}  // namespace carryall::simulators::thingspace
