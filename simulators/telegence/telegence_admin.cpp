// Telegence's admin routes: fleets, knobs, accounts, the catalogue, the truth about a line, and
// changes of a line behind the client's back.
#include "admin.hpp"
#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::string_view kLine = "line/";

std::string_view text_of(const boost::json::value& value) {
    return {value.get_string().data(), value.get_string().size()};
}

// Adds the {code, description} objects of a list. False: the list is wrong.
bool add_codes(const boost::json::object& body, std::string_view name, CodeTable& table) {
    const auto* list = find(body, name);
    if (list == nullptr) return true;
    if (!list->is_array()) return false;
    for (const auto& item : list->get_array()) {
        const auto* entry = item.if_object();
        const auto code = entry == nullptr ? std::nullopt : text_at(*entry, "code");
        if (!code || code->empty()) return false;
        if (!table.add(*code, text_at(*entry, "description").value_or(*code))) return false;
    }
    return true;
}

bool add_pools(const boost::json::object& body, IpPools& pools) {
    const auto* list = find(body, "pdps");
    if (list == nullptr) return true;
    if (!list->is_array()) return false;
    for (const auto& item : list->get_array()) {
        const auto* entry = item.if_object();
        if (entry == nullptr) return false;
        const auto name = text_at(*entry, "name");
        const auto first = parse_address(text_at(*entry, "firstAddress").value_or(""));
        const auto count = integer_at(*entry, "count");
        if (!name || !first || !count || *count < 1) return false;
        if (!pools.add_pool(*name, *first, static_cast<std::size_t>(*count))) return false;
    }
    return true;
}

void append_codes(std::string& out, const CodeTable& table) {
    out += '[';
    for (const CodeEntry& entry : table.entries()) {
        if (out.back() != '[') out += ',';
        JsonObject object(out);
        object.add("code", entry.code);
        object.add("description", entry.description);
        object.close();
    }
    out += ']';
}

void say_ok(Reply& reply) {
    reply.body = R"({"ok":true})";
}

}  // namespace

bool TelegenceSystem::administer(const Request& request, std::string_view path, Reply& reply) {
    const bool posts = request.method == Method::post;
    if (path == "fleet" && posts) {
        load_fleet(request, reply);
    } else if (path == "knobs" && posts) {
        set_knobs(request, reply);
    } else if (path == "accounts" && posts) {
        add_accounts(request, reply);
    } else if (path == "catalogue" && posts) {
        add_catalogue(request, reply);
    } else if (path == "catalogue" && request.method == Method::get) {
        show_catalogue(reply);
    } else if (path.starts_with(kLine) && (posts || request.method == Method::get)) {
        const std::uint32_t line = find_line(path.substr(kLine.size()));
        if (line == kNoRow)
            refuse_admin(reply, 404, "unknown line");
        else if (posts)
            drift_line(line, request, reply);
        else
            append_truth(reply.body, line);
    } else {
        return false;
    }
    return true;
}

void TelegenceSystem::set_knobs(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object");
    const std::string wrong = read_knobs(*body, knobs_);
    if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    for (Account& account : state_.accounts) {
        account.tokens = static_cast<double>(knobs_.requests_per_second);
        account.tokens_at_micros = clock_.now_micros();
    }
    say_ok(reply);
}

void TelegenceSystem::add_catalogue(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr || !add_codes(*body, "plans", state_.plans) ||
        !add_codes(*body, "features", state_.features) || !add_pools(*body, ip_pools_)) {
        return refuse_admin(reply, 400,
                            "expected {\"plans\":[{code,description}], \"features\":[the same], "
                            "\"pdps\":[{name,firstAddress,count}]} with ranges of their own");
    }
    say_ok(reply);
}

void TelegenceSystem::show_catalogue(Reply& reply) const {
    JsonObject catalogue(reply.body);
    append_codes(catalogue.add_raw("plans"), state_.plans);
    append_codes(catalogue.add_raw("features"), state_.features);
    std::string& bans = catalogue.add_raw("bans");
    bans += '[';
    for (const BillingAccount& ban : state_.bans) {
        if (bans.back() != '[') bans += ',';
        JsonObject object(bans);
        object.add("ban", ban.ban);
        object.add("fan", ban.fan);
        object.add("status", ban.status);
        object.add("appId", state_.accounts[ban.account].app_id);
        object.close();
    }
    bans += ']';
    catalogue.close();
}

// An app id that is known gets a new secret and more billing accounts; a billing account that is
// known gets another FAN or status.
void TelegenceSystem::add_accounts(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto app_id = body == nullptr ? std::nullopt : text_at(*body, "appId");
    const auto secret = body == nullptr ? std::nullopt : text_at(*body, "appSecret");
    const auto* list = body == nullptr ? nullptr : find(*body, "bans");
    if (!app_id || !secret || list == nullptr || !list->is_array() ||
        state_.bans.size() + list->get_array().size() > kMaxCatalogue) {
        return refuse_admin(reply, 400, "expected {appId, appSecret, bans:[...], fan, status}");
    }
    for (const auto& ban : list->get_array()) {
        if (!ban.is_string()) return refuse_admin(reply, 400, "a BAN must be text");
    }
    std::size_t account = 0;
    while (account < state_.accounts.size() && state_.accounts[account].app_id != *app_id) {
        ++account;
    }
    if (account == state_.accounts.size()) add_account(*app_id, *secret);
    state_.accounts[account].secret = *secret;
    for (const auto& item : list->get_array()) {
        const std::uint16_t known = state_.find_ban(text_of(item));
        if (known != kNone && state_.bans[known].account != account) {
            return refuse_admin(reply, 400, "the BAN belongs to another app id");
        }
        BillingAccount& ban = known == kNone ? state_.bans.emplace_back() : state_.bans[known];
        ban.ban = text_of(item);
        ban.fan = text_at(*body, "fan").value_or("000055500001");
        ban.status = text_at(*body, "status").value_or("Active");
        ban.account = static_cast<std::uint16_t>(account);
    }
    say_ok(reply);
}

// By subscriber number or ICCID.
std::uint32_t TelegenceSystem::find_line(std::string_view text) const {
    if (const auto number = parse_number(text)) return state_.find_number(*number);
    const auto sim = parse_digits(text, 19, 20);
    return sim ? state_.find_any_sim(*sim) : kNoRow;
}

void TelegenceSystem::drift_line(std::uint32_t line, const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object");
    change_.clear();
    change_.line = line;
    change_.day = day_of(clock_.now_micros());
    const std::string wrong = read_drift(*body, line);
    if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    const auto ban = text_at(*body, "ban");
    state_.remember(line, clock_.now_micros());
    if (ban) state_.set_ban(line, state_.find_ban(*ban));
    state_.apply(change_);
    append_truth(reply.body, line);
}

// Fills change_. Not empty: what is wrong.
std::string TelegenceSystem::read_drift(const boost::json::object& body, std::uint32_t line) {
    for (const auto& member : body) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (!member.value().is_string()) return std::string(name) + " must be text";
        const std::string_view value = text_of(member.value());
        bool valid = true;
        if (name == "status") {
            change_.status = status_of_letter(value);
            valid = change_.status.has_value();
        } else if (name == "reasonCode") {
            change_.reason = state_.texts.number_of(value);
        } else if (name == "plan") {
            change_.plan = state_.plans.find(value);
            valid = change_.plan != kNone;
        } else if (name == "iccid") {
            change_.sim = parse_digits(value, 19, 20).value_or(Digits{});
            valid = !change_.sim.empty();
        } else if (name == "imei") {
            change_.imei = parse_digits(value, 14, 16).value_or(Digits{});
            valid = !change_.imei.empty();
        } else if (name == "addFeature" || name == "removeFeature") {
            const std::uint16_t feature = state_.features.find(value);
            valid = feature != kNone;
            (name == "addFeature" ? change_.add : change_.remove).push_back(feature);
        } else {
            valid = name == "ban" && state_.find_ban(value) != kNone;
        }
        if (!valid) return "unknown or wrong: " + std::string(name);
    }
    const Digits& sim = change_.sim.empty() ? state_.lines[line].sim : change_.sim;
    const std::uint32_t owner = state_.find_live_sim(sim);
    return owner == kNoRow || owner == line ? "" : "the SIM is in use by another line";
}

}  // namespace carryall::simulators::telegence
