// ThingSpace's admin routes: lines behind the client's back, accounts, credentials, knobs, and what
// became of the callbacks.
#include "admin.hpp"
#include "json_text.hpp"
#include "thingspace/fleet.hpp"
#include "thingspace/thingspace_system.hpp"

namespace carryall::simulators::thingspace {
namespace {

void say_ok(Reply& reply) {
    reply.body = R"({"ok":true})";
}

// The objects of a list, or the one object itself.
std::vector<const boost::json::object*> objects_of(const boost::json::value* document) {
    std::vector<const boost::json::object*> objects;
    if (document == nullptr) return objects;
    if (const auto* one = document->if_object()) objects.push_back(one);
    if (const auto* list = document->if_array()) {
        for (const auto& item : *list) objects.push_back(item.if_object());
    }
    return objects;
}

}  // namespace

bool ThingspaceSystem::administer(const Request& request, std::string_view path, Reply& reply) {
    constexpr std::string_view kLine = "line/";
    const bool posts = request.method == Method::post;
    const bool gets = request.method == Method::get;
    if (path == "fleet" && posts) {
        load_fleet(request, reply);
    } else if (path == "knobs" && posts) {
        const auto* body = parse_json_object(request.body);
        const std::string wrong =
            body == nullptr ? "expected an object" : change_knobs(*body, knobs_);
        if (!wrong.empty()) refuse_admin(reply, 400, wrong);
        if (wrong.empty()) say_ok(reply);
    } else if (path == "callbacks" && gets) {
        engine_.append_counts(reply.body);
    } else if (path.starts_with(kLine) && gets) {
        show_line(path.substr(kLine.size()), reply);
    } else if (path.starts_with(kLine) && posts) {
        change_line(path.substr(kLine.size()), request, reply);
    } else if (path == "accounts" && posts) {
        add_accounts(request, reply);
    } else if (path == "plans" && posts) {
        add_plans(request, reply);
    } else if (path == "credentials" && posts) {
        add_credentials(request, reply);
    } else if (path == "expire" && posts) {
        expire(request, reply);
    } else {
        return false;
    }
    return true;
}

void ThingspaceSystem::load_fleet(const Request& request, Reply& reply) {
    Fleet fleet(world_, static_cast<std::uint32_t>(clock_.now_micros() / kMicrosPerSecond));
    const std::string wrong = fleet.load(request.body);
    const Moment now{clock_.now_micros()};
    for (const std::uint32_t row : fleet.suspended()) engine_.schedule_restore(row, now);
    if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", static_cast<std::int64_t>(fleet.loaded()));
    report.add_integer("skipped", static_cast<std::int64_t>(fleet.skipped()));
    report.close();
}

// The truth, whatever faults and staleness say on the wire.
void ThingspaceSystem::show_line(std::string_view text, Reply& reply) {
    const std::uint64_t iccid = pack_iccid(text);
    const std::uint32_t row = iccid == 0 ? kNoRow : world_.lines.find_iccid(iccid);
    if (row == kNoRow) return refuse_admin(reply, 404, "unknown line");
    const Line& line = world_.lines.rows[row];
    JsonObject object(reply.body);
    object.add("iccid", text);
    object.add("state", name_of(line.state));
    object.add("accountName", world_.accounts.accounts[line.account].name);
    object.add("servicePlan", world_.accounts.plans[line.plan].code);
    std::string number;
    if (line.mdn != 0) append_mdn(number, line.mdn);
    object.add("mdn", number);
    std::string imei;
    if (line.imei != 0) append_digits(imei, line.imei);
    object.add("imei", imei);
    object.add_integer("deviceId", row + 1);
    object.add_bool("connected", line.connected);
    object.add_bool("withBilling", line.with_billing);
    object.add_integer("actionsThatDay", line.actions_that_day);
    object.add_integer("planChangesThatMonth", line.plan_changes_that_month);
    const Moment now{clock_.now_micros()};
    object.add_integer("suspendedDays", suspend_days(world_, knobs_, line, now).used);
    append_custom_fields(object.add_raw("customFields"), line);
    append_device(object.add_raw("device"), row, line, true);
    object.close();
}

bool ThingspaceSystem::set_line(std::uint32_t row, const boost::json::object& wanted,
                                std::string& wrong) {
    Line& line = world_.lines.rows[row];
    const std::uint32_t seconds = Moment{clock_.now_micros()}.seconds();
    if (const auto code = text_at(wanted, "servicePlan")) {
        const std::uint16_t plan = code->empty() ? kNoPlan : world_.accounts.find_plan(*code);
        wrong = plan == kNone ? "unknown servicePlan" : "";
        if (plan != kNone) line.plan = plan;
    }
    if (const auto imei = text_at(wanted, "imei")) {
        const std::uint64_t packed = pack_digits(*imei);
        const bool free = packed != 0 && world_.lines.find_imei(packed) == kNoRow;
        if (free) world_.lines.set_imei(row, packed);
        if (!free) wrong = "imei is not valid or in use";
    }
    if (const auto on = bool_at(wanted, "connected")) line.connected = *on;
    if (const auto* fields = find(wanted, "customFields"); fields != nullptr) {
        line.fields = fleet_fields(world_.fields, line.fields, *fields, wrong);
    }
    if (!wrong.empty()) return false;
    const auto word = text_at(wanted, "state");
    if (!word) return true;
    const auto state = line_state_of(*word);
    if (!state) {
        wrong = "unknown state";
        return false;
    }
    put_in_state(world_, row, *state, seconds);
    if (*state == LineState::suspend) engine_.schedule_restore(row, {clock_.now_micros()});
    return true;
}

// Somebody else changed the line: in the ledger, but no client is told.
void ThingspaceSystem::change_line(std::string_view text, const Request& request, Reply& reply) {
    const std::uint64_t iccid = pack_iccid(text);
    const std::uint32_t row = iccid == 0 ? kNoRow : world_.lines.find_iccid(iccid);
    const auto* wanted = parse_json_object(request.body);
    if (row == kNoRow) return refuse_admin(reply, 404, "unknown line");
    if (wanted == nullptr) return refuse_admin(reply, 400, "expected an object");
    const Moment now{clock_.now_micros()};
    world_.lines.remember(row, now.micros);
    std::string wrong;
    if (!set_line(row, *wanted, wrong)) return refuse_admin(reply, 400, wrong);
    engine_.record(Action::admin, text, {}, {DeviceFault::none, true}, row, now);
    say_ok(reply);
}

void ThingspaceSystem::add_accounts(const Request& request, Reply& reply) {
    for (const auto* wanted : objects_of(parse_json(request.body))) {
        const auto name = wanted == nullptr ? std::nullopt : text_at(*wanted, "accountName");
        if (!name || name->empty()) {
            return refuse_admin(reply, 400, "every account needs an accountName");
        }
        Account& account = world_.accounts.accounts[world_.accounts.add_account(*name)];
        account.provisioning_allowed =
            bool_at(*wanted, "isProvisioningAllowed").value_or(account.provisioning_allowed);
    }
    say_ok(reply);
}

void ThingspaceSystem::add_plans(const Request& request, Reply& reply) {
    for (const auto* wanted : objects_of(parse_json(request.body))) {
        const auto code = wanted == nullptr ? std::nullopt : text_at(*wanted, "code");
        if (!code || code->empty()) return refuse_admin(reply, 400, "every plan needs a code");
        world_.accounts.add_plan({std::string(*code),
                                  std::string(text_at(*wanted, "name").value_or(*code)),
                                  integer_at(*wanted, "sizeKb").value_or(0)});
    }
    say_ok(reply);
}

void ThingspaceSystem::add_credentials(const Request& request, Reply& reply) {
    const auto* wanted = parse_json_object(request.body);
    const auto key = wanted == nullptr ? std::nullopt : text_at(*wanted, "appKey");
    const auto name = wanted == nullptr ? std::nullopt : text_at(*wanted, "username");
    if (!key && !name) return refuse_admin(reply, 400, "expected appKey or username");
    if (key) credentials_.add_app_key(*key, text_at(*wanted, "appSecret").value_or(""));
    if (name) {
        std::vector<std::uint16_t> allowed;
        const auto* list = find(*wanted, "accounts");
        for (std::size_t i = 0; list != nullptr && list->is_array() && i < list->get_array().size();
             ++i) {
            const auto& item = list->get_array()[i];
            const std::string_view account =
                item.is_string() ? std::string_view(item.get_string()) : std::string_view{};
            allowed.push_back(world_.accounts.find_account(account));
            if (allowed.back() == kNone) return refuse_admin(reply, 400, "unknown account");
        }
        credentials_.add_user(*name, text_at(*wanted, "password").value_or("")).accounts = allowed;
    }
    say_ok(reply);
}

void ThingspaceSystem::expire(const Request& request, Reply& reply) {
    const auto* wanted = parse_json_object(request.body);
    if (wanted == nullptr) return refuse_admin(reply, 400, "expected an object");
    if (bool_at(*wanted, "tokens").value_or(false)) credentials_.expire_tokens();
    if (bool_at(*wanted, "sessions").value_or(false)) credentials_.expire_sessions();
    if (const auto name = text_at(*wanted, "unlock")) {
        User* user = credentials_.find_user(*name);
        if (user == nullptr) return refuse_admin(reply, 404, "unknown user");
        user->locked = false;
        user->failed_logins = 0;
    }
    say_ok(reply);
}

}  // namespace carryall::simulators::thingspace
