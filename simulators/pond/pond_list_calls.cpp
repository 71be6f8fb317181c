// Inventories, groups and package types.
#include <algorithm>

#include "json_text.hpp"
#include "pond/pond_pages.hpp"
#include "pond/pond_system.hpp"

namespace carryall::simulators::pond {
namespace {

constexpr std::string_view kBadBody = "Invalid request body";
constexpr std::int64_t kDefaultPageSize = 10;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxSimsPerRequest = 100'000;

std::uint32_t id_of(std::string_view text) {
    const auto value = parse_integer(text);
    return value && *value > 0 && *value <= INT32_MAX ? static_cast<std::uint32_t>(*value) : 0;
}

}  // namespace

bool PondSystem::read_page(const Query& query, std::string_view from, std::string_view size,
                           Page& page, Reply& reply) {
    const auto offset = query.integer(from, 0);
    const auto count = query.integer(size, kDefaultPageSize);
    if (!offset || *offset < 0 || !count || *count < 0) {
        fail(reply, 400, "Invalid paging parameters");
        return false;
    }
    page.offset = static_cast<std::size_t>(*offset);
    page.count = static_cast<std::size_t>(std::min(*count, knobs_.page_cap));
    return true;
}

// `count` tells the rows really on the page. The caller closes with "]}".
void PondSystem::open_list(const Page& page, std::string& out) const {
    out += "{\"total\":";
    append_unsigned(out, page.total);
    out += ",\"offset\":";
    append_unsigned(out, page.offset);
    out += ",\"count\":";
    append_unsigned(out, page.end() > page.offset ? page.end() - page.offset : 0);
    out += ",\"elements\":[";
}

void PondSystem::perform_inventory(const Request& request, Call& call, Reply& reply) {
    const Query query(request.query);
    Page page;
    if (call.endpoint == kInventoryList) {
        if (!read_page(query, "offset", "count", page, reply)) return;
        page.total = state_.inventories.size();
        open_list(page, reply.body);
        return write_page(
            state_.inventories, page.offset, page.count, reply.body,
            [](const Inventory&) { return true; },
            [&](const Inventory& item) { append_inventory(reply.body, item); });
    }
    const auto found = state_.inventories.find(id_of(call.params[1]));
    if (found == state_.inventories.end()) return fail(reply, 404, "Inventory not found");
    const std::uint32_t id = found->first;
    switch (call.endpoint) {
        case kInventoryGet:
            return append_inventory(reply.body, found->second);
        case kInventoryStatus:
            reply.body = R"({"status":"ACTIVE"})";
            return;
        case kInventoryBalance:
            reply.body = R"({"balanceCent":100000})";
            return;
        case kInventoryCurrency:
            reply.body = R"({"currency":"USD"})";
            return;
        case kInventoryGroups: {
            if (!read_page(query, "offset", "count", page, reply)) return;
            const auto fits = [id](const Group& group) { return group.inventory_id == id; };
            for (const auto& [key, group] : state_.groups) page.total += fits(group) ? 1 : 0;
            open_list(page, reply.body);
            return write_page(state_.groups, page.offset, page.count, reply.body, fits,
                              [&](const Group& group) { append_group(reply.body, group); });
        }
        case kInventoryTypes: {
            if (!read_page(query, "offset", "count", page, reply)) return;
            const auto fits = [id](const PackageType& type) { return type.inventory_id == id; };
            for (const auto& [key, type] : state_.package_types) page.total += fits(type) ? 1 : 0;
            open_list(page, reply.body);
            return write_page(
                state_.package_types, page.offset, page.count, reply.body, fits,
                [&](const PackageType& type) { append_package_type(reply.body, type); });
        }
        case kInventoryCreateGroup: {
            const auto* body = parse_json_object(request.body);
            const auto name = body == nullptr ? std::nullopt : text_at(*body, "name");
            if (!name || name->empty() || name->size() > kMaxNameBytes) {
                return fail(reply, 400, kBadBody);
            }
            append_group(reply.body, state_.add_group(id, 0, std::string(*name)));
            call.performed = call.changed = true;
            return;
        }
        case kInventoryCreateType:
            return create_package_type(request, call, reply);
        default:
            return change_inventory_sims(request, call, reply);
    }
}

void PondSystem::create_package_type(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto name = body == nullptr ? std::nullopt : text_at(*body, "name");
    if (!name || name->empty() || name->size() > kMaxNameBytes) return fail(reply, 400, kBadBody);
    PackageType type;
    type.id = state_.package_types.empty() ? 40117 : state_.package_types.rbegin()->first + 1;
    type.inventory_id = id_of(call.params[1]);
    type.name = *name;
    type.data_bytes = integer_at(*body, "dataUsageAllowanceInBytes").value_or(0);
    type.voice_seconds = integer_at(*body, "voiceUsageAllowanceInSeconds").value_or(0);
    type.sms_count = integer_at(*body, "smsUsageAllowanceInNums").value_or(0);
    type.activation_type = text_at(*body, "activationType").value_or("API");
    type.duration_seconds = integer_at(*body, "timeAllowanceInSeconds").value_or(2'592'000);
    append_package_type(reply.body, state_.package_types[type.id] = type);
    call.performed = call.changed = true;
}

// The body's shape is not public; {"iccids": [...], "parentGroupId": n} is our own.
void PondSystem::change_inventory_sims(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto* list = body == nullptr ? nullptr : find(*body, "iccids");
    if (list == nullptr || !list->is_array() || list->get_array().size() > kMaxSimsPerRequest) {
        return fail(reply, 400, kBadBody);
    }
    const std::uint32_t inventory = id_of(call.params[1]);
    std::uint32_t group_id = 0;
    for (const auto& [id, group] : state_.groups) {
        if (group.inventory_id == inventory && group_id == 0) group_id = id;
    }
    if (const auto wanted = integer_at(*body, "parentGroupId")) {
        const auto group = state_.groups.find(static_cast<std::uint32_t>(*wanted));
        if (group == state_.groups.end() || group->second.inventory_id != inventory) {
            return fail(reply, 400, "Group belongs to another inventory");
        }
        group_id = group->first;
    }
    if (group_id == 0) return fail(reply, 400, "Inventory has no group");
    std::vector<std::uint64_t> iccids;
    const bool adds = call.endpoint == kInventoryAddSims;
    for (const auto& item : list->get_array()) {
        const auto iccid = item.is_string()
                               ? iccid_of({item.get_string().data(), item.get_string().size()})
                               : std::nullopt;
        if (!iccid) {
            return fail(reply, 400, "iccid should be exactly 19 digits and only contain numbers");
        }
        const std::uint32_t sim = state_.find_sim(*iccid);
        if (adds && sim != kNoRow) return fail(reply, 400, "Sim exists already");
        if (!adds && (sim == kNoRow || state_.sims[sim].inventory_id != inventory)) {
            return fail(reply, 404, "Sim not found");
        }
        iccids.push_back(*iccid);
    }
    for (const std::uint64_t iccid : iccids) {
        if (adds)
            state_.add_sim(iccid, inventory, group_id, now_seconds(call));
        else
            state_.remove_sim(state_.find_sim(iccid), now_seconds(call));
    }
    call.performed = true;
    call.changed = !iccids.empty();
}

void PondSystem::perform_package_type(const Request& request, Call& call, Reply& reply) {
    const auto found = state_.package_types.find(id_of(call.params[1]));
    if (found == state_.package_types.end()) return fail(reply, 404, "Package type not found");
    if (call.endpoint == kTypeGet) return append_package_type(reply.body, found->second);
    const auto* body = parse_json_object(request.body);
    const auto status = body == nullptr ? std::nullopt : text_at(*body, "newPackageTypeStatus");
    if (status != "ACTIVE" && status != "NOT_ACTIVATED" && status != "DE_ACTIVATED") {
        return fail(reply, 400, kBadBody);
    }
    call.performed = true;
    call.changed = found->second.status != *status;
    found->second.status = *status;
}

void PondSystem::perform_group(const Request& request, Call& call, Reply& reply) {
    const auto found = state_.groups.find(id_of(call.params[1]));
    if (found == state_.groups.end()) return fail(reply, 404, "Group not found");
    Group& group = found->second;
    if (call.endpoint == kGroupGet) return append_group(reply.body, group);
    if (call.endpoint == kGroupSims) {
        Page page;
        if (!read_page(Query(request.query), "offset", "count", page, reply)) return;
        page.total = group.sims.size();
        open_list(page, reply.body);
        for (std::size_t i = page.offset; i < page.end(); ++i) {
            if (i > page.offset) reply.body += ',';
            append_sim(reply.body, group.sims[i], state_.sims[group.sims[i]]);
        }
        reply.body += "]}";
        return;
    }
    if (call.endpoint == kGroupDelete) {
        if (!group.sims.empty()) return fail(reply, 400, "Group is not empty");
        state_.groups.erase(found);
        call.performed = call.changed = true;
        reply.status = 204;
        return;
    }
    const auto* body = parse_json_object(request.body);
    if (call.endpoint == kGroupSubGroup) {
        const auto name = body == nullptr ? std::nullopt : text_at(*body, "name");
        if (!name || name->empty() || name->size() > kMaxNameBytes)
            return fail(reply, 400, kBadBody);
        append_group(reply.body,
                     state_.add_group(group.inventory_id, group.id, std::string(*name)));
        call.performed = call.changed = true;
        return;
    }
    const auto parent = body == nullptr ? std::nullopt : integer_at(*body, "parentGroupId");
    const auto target = state_.groups.find(static_cast<std::uint32_t>(parent.value_or(0)));
    if (target == state_.groups.end() || target->first == group.id ||
        target->second.inventory_id != group.inventory_id) {
        return fail(reply, 400, kBadBody);
    }
    call.performed = true;
    call.changed = group.parent_id != target->first;
    group.parent_id = target->first;
    reply.status = 204;
}

}  // namespace carryall::simulators::pond
