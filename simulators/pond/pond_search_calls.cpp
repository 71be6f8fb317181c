// Solr-style searches, and the calls that belong to no SIM, inventory or group.
#include "json_text.hpp"
#include "pond/pond_pages.hpp"
#include "pond/pond_system.hpp"

namespace carryall::simulators::pond {
namespace {

// One condition of a search, "field:value"; a value may end in '*'.
struct Condition {
    std::string_view field;
    std::string_view value;
    bool is_prefix = false;

    bool holds(std::string_view text) const {
        return is_prefix ? text.substr(0, value.size()) == value : text == value;
    }
};

// "a:b AND c:d" into conditions; "*:*" is no condition. False: not understood.
bool read_conditions(std::string_view text, std::vector<Condition>& conditions) {
    constexpr std::string_view kAnd = " AND ";
    while (!text.empty()) {
        const std::size_t end = text.find(kAnd);
        const std::string_view part = text.substr(0, end);
        const std::size_t colon = part.find(':');
        if (colon == std::string_view::npos) return false;
        Condition condition{part.substr(0, colon), part.substr(colon + 1)};
        if (condition.value.size() > 1 && condition.value.front() == '"' &&
            condition.value.back() == '"') {
            condition.value = condition.value.substr(1, condition.value.size() - 2);
        }
        if (!condition.value.empty() && condition.value.back() == '*') {
            condition.is_prefix = true;
            condition.value.remove_suffix(1);
        }
        const bool matches_all = condition.field == "*" && condition.is_prefix;
        if (!matches_all) conditions.push_back(condition);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + kAnd.size());
    }
    return true;
}

bool sim_fits(const SimRow& row, const std::vector<Condition>& conditions, bool& understood) {
    const auto enabled = [](bool on) { return on ? "ENABLED" : "DISABLED"; };
    for (const Condition& condition : conditions) {
        std::string text;
        if (condition.field == "sim_iccid")
            text = std::to_string(row.iccid);
        else if (condition.field == "parent_group_id")
            text = std::to_string(row.group_id);
        else if (condition.field == "inventory_id")
            text = std::to_string(row.inventory_id);
        else if (condition.field == "statusOfSim")
            text = name_of(row.life);
        else if (condition.field == "data_service_status")
            text = enabled(row.data);
        else if (condition.field == "voice_service_status")
            text = enabled(row.voice);
        else if (condition.field == "sms_service_status")
            text = enabled(row.sms);
        else
            understood = false;
        if (!understood || !condition.holds(text)) return false;
    }
    return true;
}

}  // namespace

void PondSystem::search_sims(const Query& query, const Call& call, Reply& reply) {
    Page page;
    if (!read_page(query, "start", "rows", page, reply)) return;
    std::vector<Condition> conditions;
    bool understood = read_conditions(query.first("q").value_or("*:*"), conditions);
    for (const std::string_view filter : query.all("fq")) {
        understood = understood && read_conditions(filter, conditions);
    }
    const bool with_terminated = query.first("withDeactivatedSims") == "true";
    const bool takes_all =
        conditions.empty() && (with_terminated || state_.terminated_or_removed == 0);
    std::vector<std::uint32_t> fitting;
    for (std::uint32_t i = 0; !takes_all && understood && i < state_.sims.size(); ++i) {
        const SimRow& row = state_.sims[i];
        const bool hidden = row.removed_seconds != 0 || row.life == SimLife::terminated;
        if (hidden && !with_terminated) continue;
        if (sim_fits(row, conditions, understood)) fitting.push_back(i);
    }
    if (!understood) return fail(reply, 400, "Invalid search query");
    page.total = takes_all ? state_.sims.size() : fitting.size();
    open_list(page, reply.body);
    for (std::size_t i = page.offset; i < page.end(); ++i) {
        if (i > page.offset) reply.body += ',';
        const std::uint32_t sim = takes_all ? static_cast<std::uint32_t>(i) : fitting[i];
        const SimImage* image = call.stale_micros > 0
                                    ? state_.image_at(sim, call.now_micros - call.stale_micros)
                                    : nullptr;
        append_search_row(reply.body, sim, image != nullptr ? image->sim : state_.sims[sim]);
    }
    reply.body += "]}";
}

// The catalogue searches know "*:*" only; a sharper query is refused rather than answered wrongly.
void PondSystem::search_catalogue(const Query& query, Call& call, Reply& reply) {
    Page page;
    if (!read_page(query, "start", "rows", page, reply)) return;
    if (query.first("q").value_or("*:*") != "*:*") return fail(reply, 400, "Invalid search query");
    const auto all = [](const auto&) { return true; };
    if (call.endpoint == kSearchPackage) {
        page.total = state_.packages.size();
        open_list(page, reply.body);
        for (std::size_t i = page.offset; i < page.end(); ++i) {
            if (i > page.offset) reply.body += ',';
            append_package(reply.body, static_cast<std::uint32_t>(i), state_.packages[i]);
        }
        reply.body += "]}";
    } else if (call.endpoint == kSearchType) {
        page.total = state_.package_types.size();
        open_list(page, reply.body);
        write_page(state_.package_types, page.offset, page.count, reply.body, all,
                   [&](const PackageType& type) { append_package_type(reply.body, type); });
    } else if (call.endpoint == kSearchInventory) {
        page.total = state_.inventories.size();
        open_list(page, reply.body);
        write_page(state_.inventories, page.offset, page.count, reply.body, all,
                   [&](const Inventory& item) { append_inventory(reply.body, item); });
    } else if (call.endpoint == kSearchGroup) {
        page.total = state_.groups.size();
        open_list(page, reply.body);
        write_page(state_.groups, page.offset, page.count, reply.body, all,
                   [&](const Group& group) { append_group(reply.body, group); });
    } else {
        open_list(page, reply.body);
        reply.body += "]}";
    }
}

void PondSystem::perform_other(const Request& request, Call& call, Reply& reply) {
    const Query query(request.query);
    switch (call.endpoint) {
        case kSearchSim:
            return search_sims(query, call, reply);
        case kAuthorization:
            reply.body = R"({"authorized":true,"read":true,"write":true})";
            return;
        case kOpenSessions:
            reply.body = R"({"total":0,"offset":0,"count":0,"elements":[]})";
            return;
        case kCountries:
            reply.body = R"({"total":3,"offset":0,"count":3,"elements":[)"
                         R"({"iso3":"CAN","name":"Canada"},{"iso3":"MEX","name":"Mexico"},)"
                         R"({"iso3":"USA","name":"United States"}]})";
            return;
        case kSimHistory:
            break;
        default:
            return search_catalogue(query, call, reply);
    }
    Page page;
    if (!read_page(query, "offset", "count", page, reply)) return;
    std::vector<std::uint32_t> removed;
    for (std::uint32_t i = 0; i < state_.sims.size(); ++i) {
        if (state_.sims[i].removed_seconds != 0) removed.push_back(i);
    }
    page.total = removed.size();
    open_list(page, reply.body);
    for (std::size_t i = page.offset; i < page.end(); ++i) {
        if (i > page.offset) reply.body += ',';
        append_sim(reply.body, removed[i], state_.sims[removed[i]]);
    }
    reply.body += "]}";
}

}  // namespace carryall::simulators::pond
