// POND's admin routes: fleets, package types, knobs, the true state of one SIM, first use of a
// package.
#include "admin.hpp"
#include "json_text.hpp"
#include "pond/pond_system.hpp"

namespace carryall::simulators::pond {
namespace {

constexpr std::uint32_t kDefaultInventory = 310;
constexpr std::uint32_t kDefaultGroup = 7001;

struct FleetPlan {
    std::uint32_t inventory_id = kDefaultInventory;
    std::uint32_t group_id = kDefaultGroup;
    std::uint32_t package_type_id = 0;
    bool active = true;
    std::uint32_t now_seconds = 0;
};

// One SIM of a fleet: active means in service, all switches on, its package (if any) ACTIVE.
bool load_sim(PondState& state, std::uint64_t iccid, const FleetPlan& plan) {
    const std::uint32_t sim =
        state.add_sim(iccid, plan.inventory_id, plan.group_id, plan.now_seconds);
    if (sim == kNoRow) return false;
    SimRow& row = state.sims[sim];
    row.data = row.voice = row.sms = plan.active;
    if (plan.active) row.life = SimLife::in_service;
    if (plan.package_type_id == 0) return true;
    const std::uint32_t package = state.add_package(sim, plan.package_type_id, plan.now_seconds);
    if (plan.active && package != kNoRow) {
        state.set_package_status(package, PackageStatus::ACTIVE, plan.now_seconds);
    }
    return true;
}

void report_load(Reply& reply, std::size_t loaded, std::size_t skipped) {
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", static_cast<std::int64_t>(loaded));
    report.add_integer("skipped", static_cast<std::int64_t>(skipped));
    report.close();
}

// Lines of a CSV; the ICCID is the first column that has 19 digits. A header line has none.
std::optional<std::uint64_t> iccid_in_line(std::string_view line) {
    while (!line.empty()) {
        const std::size_t comma = line.find_first_of(",;\t");
        std::string_view cell = line.substr(0, comma);
        while (!cell.empty() && (cell.back() == '\r' || cell.back() == '"' || cell.back() == ' ')) {
            cell.remove_suffix(1);
        }
        while (!cell.empty() && (cell.front() == '"' || cell.front() == ' ')) cell.remove_prefix(1);
        if (const auto iccid = iccid_of(cell)) return iccid;
        if (comma == std::string_view::npos) break;
        line.remove_prefix(comma + 1);
    }
    return std::nullopt;
}

void load_csv(PondState& state, std::string_view text, const FleetPlan& plan, Reply& reply) {
    std::size_t loaded = 0;
    std::size_t skipped = 0;
    bool first = true;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        const auto iccid = iccid_in_line(line);
        if (iccid && load_sim(state, *iccid, plan))
            ++loaded;
        else if (!first && line.size() > 1)
            ++skipped;
        first = false;
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    report_load(reply, loaded, skipped);
}

bool read_id(const boost::json::object& body, std::string_view name, std::uint32_t& target) {
    if (find(body, name) == nullptr) return true;
    const auto value = integer_at(body, name);
    if (!value || *value < 1 || *value > INT32_MAX) return false;
    target = static_cast<std::uint32_t>(*value);
    return true;
}

}  // namespace

bool PondSystem::administer(const Request& request, std::string_view path, Reply& reply) {
    const bool posts = request.method == Method::post;
    constexpr std::string_view kSim = "sim/";
    constexpr std::string_view kUsage = "/usage";
    if (path == "fleet" && posts) {
        load_fleet(request, reply);
    } else if (path == "knobs" && posts) {
        set_knobs(request, reply);
    } else if (path == "package-types" && posts) {
        add_package_types(request, reply);
    } else if (path.substr(0, kSim.size()) == kSim && request.method == Method::get) {
        show_state(path.substr(kSim.size()), reply);
    } else if (path.substr(0, kSim.size()) == kSim && posts &&
               path.size() == kSim.size() + kIccidDigits + kUsage.size() &&
               path.ends_with(kUsage)) {
        simulate_usage(path.substr(kSim.size(), kIccidDigits), request, reply);
    } else {
        return false;
    }
    return true;
}

void PondSystem::load_fleet(const Request& request, Reply& reply) {
    FleetPlan plan;
    plan.now_seconds = static_cast<std::uint32_t>(clock_.now_micros() / kMicrosPerSecond);
    const std::size_t start = request.body.find_first_not_of(" \r\n\t");
    const bool is_json = start != std::string_view::npos && request.body[start] == '{';
    std::uint64_t first = 0;
    std::int64_t count = 0;
    if (is_json) {
        const auto* body = parse_json_object(request.body);
        if (body == nullptr || !read_id(*body, "inventoryId", plan.inventory_id) ||
            !read_id(*body, "groupId", plan.group_id) ||
            !read_id(*body, "packageTypeId", plan.package_type_id)) {
            return refuse_admin(reply, 400, "wrong fleet description");
        }
        plan.active = bool_at(*body, "active").value_or(true);
        const auto iccid = iccid_of(text_at(*body, "firstIccid").value_or(""));
        count = integer_at(*body, "count").value_or(1);
        if (!iccid || count < 1 || count > static_cast<std::int64_t>(kMaxSims)) {
            return refuse_admin(reply, 400,
                                "firstIccid must have 19 digits, count must be positive");
        }
        first = *iccid;
    }
    if (!state_.inventories.contains(plan.inventory_id)) {
        return refuse_admin(reply, 400, "unknown inventory");
    }
    if (plan.package_type_id != 0 && !state_.package_types.contains(plan.package_type_id)) {
        return refuse_admin(reply, 400, "unknown package type");
    }
    if (!state_.groups.contains(plan.group_id)) {
        state_.add_group(plan.inventory_id, 0, "Group " + std::to_string(plan.group_id),
                         plan.group_id);
    }
    if (state_.groups[plan.group_id].inventory_id != plan.inventory_id) {
        return refuse_admin(reply, 400, "the group belongs to another inventory");
    }
    if (!is_json) return load_csv(state_, request.body, plan, reply);
    std::size_t loaded = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        if (load_sim(state_, first + static_cast<std::uint64_t>(i), plan)) ++loaded;
    }
    report_load(reply, loaded, static_cast<std::size_t>(count) - loaded);
}

void PondSystem::set_knobs(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object");
    PondKnobs knobs = knobs_;
    for (const auto& member : *body) {
        const std::string_view name{member.key().data(), member.key().size()};
        const auto number = integer_of(member.value());
        if (name == "epochUnit" && member.value().is_string()) {
            knobs.epoch_in_milliseconds = member.value().get_string() == "milliseconds";
        } else if (name == "pageCap" && number && *number > 0) {
            knobs.page_cap = *number;
        } else if (name == "requestsPerSecond" && number && *number >= 0) {
            knobs.requests_per_second = *number;
        } else if (name == "retryAfter" && member.value().is_bool()) {
            knobs.says_retry_after = member.value().get_bool();
        } else {
            return refuse_admin(reply, 400, "unknown or wrong knob: " + std::string(name));
        }
    }
    knobs_ = knobs;
    tokens_ = static_cast<double>(knobs_.requests_per_second);
    tokens_at_micros_ = clock_.now_micros();
    reply.body = R"({"ok":true})";
}

void PondSystem::add_package_types(const Request& request, Reply& reply) {
    const auto* document = parse_json(request.body);
    const auto* list = document == nullptr ? nullptr : document->if_array();
    if (list == nullptr) return refuse_admin(reply, 400, "expected an array of package types");
    for (const auto& item : *list) {
        PackageType type;
        type.inventory_id = kDefaultInventory;
        const auto* body = item.if_object();
        if (body == nullptr || !read_id(*body, "packageTypeId", type.id) || type.id == 0 ||
            !read_id(*body, "inventoryId", type.inventory_id)) {
            return refuse_admin(reply, 400, "every package type needs a packageTypeId");
        }
        type.name = text_at(*body, "name").value_or("Package type");
        type.status = text_at(*body, "status").value_or("ACTIVE");
        type.activation_type = text_at(*body, "activationType").value_or("API");
        type.data_bytes = integer_at(*body, "dataUsageAllowanceInBytes").value_or(0);
        state_.inventories.try_emplace(type.inventory_id,
                                       Inventory{type.inventory_id, "Added inventory"});
        state_.package_types[type.id] = type;
    }
    report_load(reply, list->size(), 0);
}

// The truth, whatever faults and staleness say on the wire.
void PondSystem::show_state(std::string_view text, Reply& reply) {
    const auto iccid = iccid_of(text);
    const std::uint32_t sim = iccid ? state_.find_sim(*iccid) : kNoRow;
    if (sim == kNoRow) return refuse_admin(reply, 404, "unknown SIM");
    const SimRow& row = state_.sims[sim];
    JsonObject object(reply.body);
    append_sim(object.add_raw("sim"), sim, row);
    append_sim_status(object.add_raw("status"), row);
    object.add_raw("packages") += '[';
    for (std::uint32_t at = row.first_package; at != kNoRow; at = state_.packages[at].next) {
        if (at != row.first_package) reply.body += ',';
        append_package(reply.body, at, state_.packages[at]);
    }
    reply.body += ']';
    object.close();
}

// The SIM is used or attaches for the first time: packages that wait for it become ACTIVE.
void PondSystem::simulate_usage(std::string_view text, const Request& request, Reply& reply) {
    const auto iccid = iccid_of(text);
    const std::uint32_t sim = iccid ? state_.find_sim(*iccid) : kNoRow;
    if (sim == kNoRow) return refuse_admin(reply, 404, "unknown SIM");
    const auto* body = parse_json_object(request.body);
    const auto event = body == nullptr ? std::nullopt : text_at(*body, "event");
    if (event != "PDP" && event != "LU") return refuse_admin(reply, 400, "event must be PDP or LU");
    const std::int64_t now = clock_.now_micros();
    std::int64_t activated = 0;
    for (std::uint32_t at = state_.sims[sim].first_package; at != kNoRow;
         at = state_.packages[at].next) {
        const PackageRow& package = state_.packages[at];
        const bool waits = package.status == PackageStatus::NOT_ACTIVE &&
                           state_.package_types[package.type_id].activation_type == *event;
        if (!waits) continue;
        state_.remember(sim, now);
        state_.set_package_status(at, PackageStatus::ACTIVE,
                                  static_cast<std::uint32_t>(now / kMicrosPerSecond));
        ++activated;
    }
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("activated", activated);
    report.close();
}

}  // namespace carryall::simulators::pond
