// Calls on one SIM or one package. A write sets call.performed exactly when it was carried out.
#include <algorithm>

#include "json_text.hpp"
#include "pond/pond_system.hpp"

namespace carryall::simulators::pond {
namespace {

constexpr std::string_view kBadIccid = "iccid should be exactly 19 digits and only contain numbers";
constexpr std::string_view kBadBody = "Invalid request body";
constexpr std::string_view kSpeedPrefix = "SPEED_";
constexpr std::string_view kSpeedSuffix = "_KBPS";

// Absent: true and untouched. Present with another text than the two: false.
bool read_switch(const boost::json::object& body, std::string_view name, bool& on, bool& seen) {
    if (find(body, name) == nullptr) return true;
    const auto text = text_at(body, name);
    if (text != "ENABLED" && text != "DISABLED") return false;
    on = text == "ENABLED";
    seen = true;
    return true;
}

std::optional<std::uint8_t> throttle_of(std::string_view text) {
    if (text == "NO_LIMIT") return std::uint8_t{0};
    if (text.substr(0, kSpeedPrefix.size()) != kSpeedPrefix) return std::nullopt;
    text.remove_prefix(kSpeedPrefix.size());
    if (text.size() <= kSpeedSuffix.size()) return std::nullopt;
    if (text.substr(text.size() - kSpeedSuffix.size()) != kSpeedSuffix) return std::nullopt;
    text.remove_suffix(kSpeedSuffix.size());
    const auto speed = parse_integer(text);
    if (!speed || *speed < 100 || *speed > 5000 || *speed % 100 != 0) return std::nullopt;
    return static_cast<std::uint8_t>(*speed / 100);
}

void append_throttle(std::string& out, std::uint8_t steps) {
    JsonObject object(out);
    object.add("simThrottleSpeed",
               steps == 0 ? "NO_LIMIT" : "SPEED_" + std::to_string(steps * 100) + "_KBPS");
    object.close();
}

void answer_empty(Call& call, Reply& reply, bool changed) {
    call.performed = true;
    call.changed = changed;
    reply.status = 204;
}

}  // namespace

void PondSystem::perform_sim(const Request& request, Call& call, Reply& reply) {
    if (call.endpoint == kPackageInfo) return show_package(call, reply);
    if (call.endpoint == kPackageStatus) return set_package_status(request, call, reply);
    const auto iccid = iccid_of(call.params[1]);
    if (!iccid) return fail(reply, 400, kBadIccid);
    const std::uint32_t sim = state_.find_sim(*iccid);
    if (sim == kNoRow || state_.sims[sim].removed_seconds != 0) {
        return fail(reply, 404, "Sim not found");
    }
    if (call.writes && state_.sims[sim].life == SimLife::terminated) {
        return fail(reply, 400, "Sim is terminated");
    }
    const SimImage* image =
        call.stale_micros > 0 ? state_.image_at(sim, call.now_micros - call.stale_micros) : nullptr;
    const SimRow& row = image != nullptr ? image->sim : state_.sims[sim];
    switch (call.endpoint) {
        case kSimGet:
        case kSimInfo:
            return append_sim(reply.body, sim, row);
        case kSimStatusGet:
            return append_sim_status(reply.body, row);
        case kSimThrottleGet:
            return append_throttle(reply.body, row.throttle);
        case kSimPackages:
            return list_packages(request, sim, call, reply);
        case kSimStatusSet:
            return set_status(request, sim, call, reply);
        case kSimSetParent:
            return set_parent(request, sim, call, reply);
        case kSimAddPackage:
            return add_package(request, sim, call, reply);
        case kSimPurge:
            return purge(sim, call, reply);
        case kSimThrottleSet:
            return set_throttle(request, sim, call, reply);
        case kSimSendSms:
            return send_sms(request, sim, call, reply);
        default:
            return answer_empty(call, reply, false);  // a network refresh changes nothing here
    }
}

void PondSystem::set_status(const Request& request, std::uint32_t sim, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    SimRow& row = state_.sims[sim];
    bool data = row.data;
    bool voice = row.voice;
    bool sms = row.sms;
    bool seen = false;
    if (body == nullptr || !read_switch(*body, "simDataServiceStatus", data, seen) ||
        !read_switch(*body, "simVoiceServiceStatus", voice, seen) ||
        !read_switch(*body, "simSmsServiceStatus", sms, seen) || !seen) {
        return fail(reply, 400, kBadBody);
    }
    const bool changed = data != row.data || voice != row.voice || sms != row.sms;
    state_.remember(sim, call.now_micros);
    row.data = data;
    row.voice = voice;
    row.sms = sms;
    row.modified_seconds = now_seconds(call);
    JsonObject fields(call.fields);
    fields.add_bool("data", data);
    fields.add_bool("voice", voice);
    fields.add_bool("sms", sms);
    fields.close();
    answer_empty(call, reply, changed);
}

void PondSystem::set_parent(const Request& request, std::uint32_t sim, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto id = body == nullptr ? std::nullopt : integer_at(*body, "parentGroupId");
    if (!id || *id < 1 || *id > INT32_MAX) return fail(reply, 400, kBadBody);
    const auto group = state_.groups.find(static_cast<std::uint32_t>(*id));
    if (group == state_.groups.end()) return fail(reply, 404, "Group not found");
    if (group->second.inventory_id != state_.sims[sim].inventory_id) {
        return fail(reply, 400, "Group belongs to another inventory");
    }
    const bool changed = state_.sims[sim].group_id != group->first;
    state_.remember(sim, call.now_micros);
    state_.move_sim(sim, group->first);
    state_.sims[sim].modified_seconds = now_seconds(call);
    JsonObject fields(call.fields);
    fields.add_integer("parentGroupId", *id);
    fields.close();
    answer_empty(call, reply, changed);
}

void PondSystem::add_package(const Request& request, std::uint32_t sim, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto id = body == nullptr ? std::nullopt : integer_at(*body, "packageTypeId");
    if (!id || *id < 1 || *id > INT32_MAX) return fail(reply, 400, kBadBody);
    const auto type = state_.package_types.find(static_cast<std::uint32_t>(*id));
    if (type == state_.package_types.end()) return fail(reply, 400, "Package type not found");
    if (type->second.inventory_id != state_.sims[sim].inventory_id) {
        return fail(reply, 400, "Package type belongs to another inventory");
    }
    if (type->second.status != "ACTIVE") return fail(reply, 400, "Package type is not active");
    state_.remember(sim, call.now_micros);
    const std::uint32_t package = state_.add_package(sim, type->first, now_seconds(call));
    if (package == kNoRow) return fail(reply, 500, "No room for another package");
    append_package(reply.body, package, state_.packages[package]);
    JsonObject fields(call.fields);
    fields.add_integer("packageTypeId", *id);
    fields.add_raw("packageId") += '"';
    state_.append_package_id(call.fields, package);
    call.fields += '"';
    fields.close();
    call.performed = call.changed = true;
}

void PondSystem::purge(std::uint32_t sim, Call& call, Reply& reply) {
    state_.remember(sim, call.now_micros);
    state_.terminate_sim(sim, now_seconds(call));
    answer_empty(call, reply, true);
}

void PondSystem::set_throttle(const Request& request, std::uint32_t sim, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto steps =
        throttle_of(body == nullptr ? "" : text_at(*body, "simThrottleSpeed").value_or(""));
    if (!steps) return fail(reply, 400, kBadBody);
    state_.remember(sim, call.now_micros);
    const bool changed = state_.sims[sim].throttle != *steps;
    state_.sims[sim].throttle = *steps;
    append_throttle(call.fields, *steps);
    answer_empty(call, reply, changed);
}

void PondSystem::send_sms(const Request& request, std::uint32_t, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr || !text_at(*body, "senderCli") || !text_at(*body, "message")) {
        return fail(reply, 400, kBadBody);
    }
    answer_empty(call, reply, true);
}

void PondSystem::list_packages(const Request& request, std::uint32_t sim, const Call& call,
                               Reply& reply) {
    const Query query(request.query);
    Page page;
    if (!read_page(query, "offset", "count", page, reply)) return;
    std::vector<PackageStatus> wanted;
    for (const std::string_view name : query.all("packageStatuses")) {
        const auto status = package_status_of(name);
        if (!status) return fail(reply, 400, "Invalid packageStatuses");
        wanted.push_back(*status);
    }
    const auto fits = [&wanted](const PackageRow& row) {
        return wanted.empty() ||
               std::find(wanted.begin(), wanted.end(), row.status) != wanted.end();
    };
    std::vector<std::pair<std::uint32_t, const PackageRow*>> found;
    const SimImage* image =
        call.stale_micros > 0 ? state_.image_at(sim, call.now_micros - call.stale_micros) : nullptr;
    if (image != nullptr) {
        for (const auto& [index, row] : image->packages) {
            if (fits(row)) found.emplace_back(index, &row);
        }
    } else {
        for (std::uint32_t at = state_.sims[sim].first_package; at != kNoRow;
             at = state_.packages[at].next) {
            if (fits(state_.packages[at])) found.emplace_back(at, &state_.packages[at]);
        }
    }
    // Sorted by packageId: a UUID, so the order says nothing about age.
    const bool descending = query.first("sortOrder") == "DESC";
    std::sort(found.begin(), found.end(), [this, descending](const auto& a, const auto& b) {
        std::string left;
        std::string right;
        state_.append_package_id(left, a.first);
        state_.append_package_id(right, b.first);
        return descending ? right < left : left < right;
    });
    page.total = found.size();
    open_list(page, reply.body);
    for (std::size_t i = page.offset; i < page.end(); ++i) {
        if (i > page.offset) reply.body += ',';
        append_package(reply.body, found[i].first, *found[i].second);
    }
    reply.body += "]}";
}

void PondSystem::show_package(Call& call, Reply& reply) {
    const std::uint32_t package = state_.find_package(call.params[1]);
    if (package == kNoRow) return fail(reply, 404, "Package not found");
    const PackageRow* row = &state_.packages[package];
    if (call.stale_micros > 0) {
        const auto* image = state_.image_at(row->sim, call.now_micros - call.stale_micros);
        if (image != nullptr) {
            row = nullptr;
            for (const auto& [index, old] : image->packages) {
                if (index == package) row = &old;
            }
        }
    }
    if (row == nullptr) return fail(reply, 404, "Package not found");
    append_package(reply.body, package, *row);
}

void PondSystem::set_package_status(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto status =
        package_status_of(body == nullptr ? "" : text_at(*body, "packageStatus").value_or(""));
    if (!status) return fail(reply, 400, kBadBody);
    const std::uint32_t package = state_.find_package(call.params[1]);
    if (package == kNoRow) return fail(reply, 404, "Package not found");
    const PackageRow& row = state_.packages[package];
    if (state_.sims[row.sim].life == SimLife::terminated) {
        return fail(reply, 400, "Sim is terminated");
    }
    if (row.status == PackageStatus::TERMINATED) {
        return fail(reply, 400, "Package is already terminated");
    }
    const bool changed = row.status != *status;
    state_.remember(row.sim, call.now_micros);
    if (changed) state_.set_package_status(package, *status, now_seconds(call));
    JsonObject fields(call.fields);
    fields.add("packageStatus", name_of(*status));
    fields.add("iccid", std::to_string(state_.sims[row.sim].iccid));
    fields.add_integer("packageTypeId", row.type_id);
    fields.close();
    answer_empty(call, reply, changed);
}

}  // namespace carryall::simulators::pond
