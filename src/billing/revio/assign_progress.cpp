// As stored with the device change. Damaged members are read as absent: then Rev.io's own records
// decide.
#include "billing/revio/assign_progress.hpp"

namespace carryall::billing::revio {

namespace json = base::json;

json::value AssignProgress::to_json() const {
    json::object out;
    if (is_creating_service) out["creatingService"] = true;
    if (service_id != 0) {
        out["revioServiceId"] = service_id;
        out["activatedDate"] = activated_date;
    }
    if (creating_product != 0) out["creatingProduct"] = creating_product;
    if (out.empty()) return nullptr;
    return out;
}

AssignProgress AssignProgress::from_json(const json::value& value) {
    AssignProgress progress;
    if (!value.is_object()) return progress;
    const json::object& object = value.get_object();
    const auto id = [&](std::string_view name) {
        const json::value* found = object.if_contains(name);
        return found != nullptr && found->is_int64() ? found->get_int64() : 0;
    };
    const json::value* creating = object.if_contains("creatingService");
    progress.is_creating_service =
        creating != nullptr && creating->is_bool() && creating->get_bool();
    progress.service_id = id("revioServiceId");
    progress.creating_product = id("creatingProduct");
    const json::value* date = object.if_contains("activatedDate");
    if (date != nullptr && date->is_string()) progress.activated_date = date->get_string();
    return progress;
}

}  // namespace carryall::billing::revio
