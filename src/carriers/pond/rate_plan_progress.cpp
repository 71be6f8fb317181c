// As stored with the device change. Unknown or damaged members are read as absent: then POND's own
// list of packages decides, which is slower but as safe.
#include "carriers/pond/rate_plan_progress.hpp"

namespace carryall::carriers::pond {

namespace {

namespace json = base::json;

json::array to_array(const std::vector<std::string>& ids) {
    json::array out;
    for (const std::string& id : ids) out.emplace_back(id);
    return out;
}

std::vector<std::string> strings_at(const json::object& object, std::string_view name) {
    std::vector<std::string> out;
    const json::value* found = object.if_contains(name);
    if (found == nullptr || !found->is_array()) return out;
    for (const json::value& id : found->get_array()) {
        if (id.is_string()) out.emplace_back(id.get_string());
    }
    return out;
}

std::string string_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->get_string())
                                                  : std::string();
}

}  // namespace

json::value RatePlanProgress::to_json() const {
    if (is_empty()) return nullptr;
    json::object out;
    if (is_adding) out["adding"] = true;
    if (before) out["before"] = to_array(*before);
    if (!new_package.empty()) out["packageId"] = new_package;
    if (!terminated.empty()) out["terminated"] = to_array(terminated);
    if (compensation) {
        out["compensating"] = {{"reason", compensation->reason},
                               {"packageId", compensation->stuck_package}};
    }
    return out;
}

RatePlanProgress RatePlanProgress::from_json(const json::value& value) {
    RatePlanProgress progress;
    if (!value.is_object()) return progress;
    const json::object& object = value.get_object();
    const json::value* adding = object.if_contains("adding");
    progress.is_adding = adding != nullptr && adding->is_bool() && adding->get_bool();
    if (object.contains("before")) progress.before = strings_at(object, "before");
    progress.new_package = string_at(object, "packageId");
    progress.terminated = strings_at(object, "terminated");
    const json::value* compensating = object.if_contains("compensating");
    if (compensating != nullptr && compensating->is_object()) {
        const json::object& inner = compensating->get_object();
        progress.compensation =
            Compensation{string_at(inner, "reason"), string_at(inner, "packageId")};
    }
    return progress;
}

}  // namespace carryall::carriers::pond
