// POND's objects as JSON. Field names as on the wire; the search rows alone are in snake case.
#include "json_text.hpp"
#include "pond/pond_system.hpp"

namespace carryall::simulators::pond {
namespace {

constexpr std::int64_t kFirstImsi = 310'000'000'000'000;
constexpr std::uint32_t kCatalogueSeconds = 1'767'000'000;
constexpr int kOcsGroup = 88;

std::string_view enabled(bool on) {
    return on ? "ENABLED" : "DISABLED";
}

std::string iccid_text(std::uint64_t iccid) {
    std::string text = std::to_string(iccid);
    return text.insert(0, kIccidDigits - text.size(), '0');
}

}  // namespace

void PondSystem::append_epoch(std::string& out, std::uint32_t seconds) const {
    append_integer(out, std::int64_t{seconds} * (knobs_.epoch_in_milliseconds ? 1000 : 1));
}

void PondSystem::append_sim(std::string& out, std::uint32_t sim, const SimRow& row) const {
    const std::int64_t imsi = kFirstImsi + 1 + sim;
    JsonObject object(out);
    object.add("iccid", iccid_text(row.iccid));
    object.add_integer("parentGroupId", row.group_id);
    object.add_integer("inventoryId", row.inventory_id);
    append_epoch(object.add_raw("epochCreated"), row.created_seconds);
    append_epoch(object.add_raw("epochModified"), row.modified_seconds);
    if (row.removed_seconds != 0) append_epoch(object.add_raw("epochRemoved"), row.removed_seconds);
    object.add_integer("mappedImsi", imsi);
    object.add_integer("whitelistId", 5);
    object.add_raw("imsis") += "[{\"imsiId\":2,\"imsiNumber\":";
    append_integer(out, imsi);
    out += "}]";
    object.close();
}

void PondSystem::append_sim_status(std::string& out, const SimRow& row) const {
    JsonObject object(out);
    object.add("simDataServiceStatus", enabled(row.data));
    object.add("simVoiceServiceStatus", enabled(row.voice));
    object.add("simSmsServiceStatus", enabled(row.sms));
    object.add("statusOfSim", name_of(row.life));
    object.add("status", row.data || row.voice || row.sms ? "ACTIVE" : "SUSPENDED");
    object.close();
}

void PondSystem::append_search_row(std::string& out, std::uint32_t sim, const SimRow& row) const {
    const auto group = state_.groups.find(row.group_id);
    const auto inventory = state_.inventories.find(row.inventory_id);
    JsonObject object(out);
    object.add("sim_iccid", iccid_text(row.iccid));
    object.add_integer("imsi_mapped", kFirstImsi + 1 + sim);
    append_epoch(object.add_raw("epoch_created"), row.created_seconds);
    append_epoch(object.add_raw("epoch_modified"), row.modified_seconds);
    if (row.removed_seconds != 0)
        append_epoch(object.add_raw("epoch_removed"), row.removed_seconds);
    object.add("data_service_status", enabled(row.data));
    object.add("voice_service_status", enabled(row.voice));
    object.add("sms_service_status", enabled(row.sms));
    object.add_integer("parent_group_id", row.group_id);
    if (group != state_.groups.end()) object.add("parent_group_name", group->second.name);
    object.add_integer("inventory_id", row.inventory_id);
    if (inventory != state_.inventories.end()) {
        object.add("inventory_name", inventory->second.name);
    }
    object.add("inventory_type", "WHOLESALE");
    object.add_integer("parent_distributor_id", options_.distributor_id);
    object.add_integer("whitelist_id", 5);
    object.add("statusOfSim", name_of(row.life));
    object.close();
}

void PondSystem::append_package(std::string& out, std::uint32_t package,
                                const PackageRow& row) const {
    const auto found = state_.package_types.find(row.type_id);
    const PackageType type = found == state_.package_types.end() ? PackageType{} : found->second;
    const auto duration = static_cast<std::uint32_t>(type.duration_seconds);
    JsonObject object(out);
    object.add_raw("packageId") += '"';
    state_.append_package_id(out, package);
    out += '"';
    object.add("simIccid", iccid_text(state_.sims[row.sim].iccid));
    append_epoch(object.add_raw("dateCreated"), row.created_seconds);
    if (row.activated_seconds != 0) {
        append_epoch(object.add_raw("dateActivated"), row.activated_seconds);
        append_epoch(object.add_raw("dateExpiry"), row.activated_seconds + duration);
    }
    if (row.terminated_seconds != 0) {
        append_epoch(object.add_raw("dateTerminated"), row.terminated_seconds);
    }
    constexpr std::uint32_t kYearSeconds = 31'536'000;
    append_epoch(object.add_raw("windowActivationStart"), row.created_seconds);
    append_epoch(object.add_raw("windowActivationEnd"), row.created_seconds + kYearSeconds);
    object.add("status", name_of(row.status));
    object.add_integer("packageTypeId", row.type_id);
    object.add_integer("timeAllowanceInSeconds", type.duration_seconds);
    object.add_integer("voiceUsageRemainingInSeconds", type.voice_seconds);
    object.add_integer("dataUsageRemainingInBytes", type.data_bytes);
    object.add_integer("smsUsageRemainingInNums", type.sms_count);
    object.close();
}

void PondSystem::append_package_type(std::string& out, const PackageType& type) const {
    JsonObject object(out);
    object.add_integer("packageTypeId", type.id);
    object.add("name", type.name);
    object.add_raw("supportedCountries") += R"(["USA","CAN","MEX"])";
    object.add_integer("voiceUsageAllowanceInSeconds", type.voice_seconds);
    object.add_integer("dataUsageAllowanceInBytes", type.data_bytes);
    object.add_integer("smsUsageAllowanceInNums", type.sms_count);
    object.add_integer("timeAllowanceInSeconds", type.duration_seconds);
    object.add_integer("activationTimeAllowanceInSeconds", 31'536'000);
    object.add("activationType", type.activation_type);
    append_epoch(object.add_raw("dateEarliestActivation"), kCatalogueSeconds);
    append_epoch(object.add_raw("dateEarliestAvailable"), kCatalogueSeconds);
    append_epoch(object.add_raw("dateLatestAvailable"), 2'082'758'400);
    object.add("dataUsageAllowanceType", "LIMITED");
    object.add("voiceUsageAllowanceType", "LIMITED");
    object.add("smsUsageAllowanceType", "LIMITED");
    append_epoch(object.add_raw("epochCreated"), kCatalogueSeconds);
    append_epoch(object.add_raw("epochModified"), kCatalogueSeconds);
    object.add("status", type.status);
    if (type.status == "DE_ACTIVATED")
        append_epoch(object.add_raw("dateDeactivated"), kCatalogueSeconds);
    else
        object.add_integer("dateDeactivated", 0);
    object.close();
}

void PondSystem::append_group(std::string& out, const Group& group) const {
    std::int64_t subgroups = 0;
    for (const auto& [id, other] : state_.groups) subgroups += other.parent_id == group.id ? 1 : 0;
    JsonObject object(out);
    object.add_integer("id", group.id);
    if (group.parent_id != 0) object.add_integer("parentGroupId", group.parent_id);
    object.add_integer("ocsGroupId", kOcsGroup);
    object.add_integer("inventoryId", group.inventory_id);
    object.add("name", group.name);
    object.add_integer("numberOfSubgroups", subgroups);
    object.add_integer("numberOfSims", static_cast<std::int64_t>(group.sims.size()));
    append_epoch(object.add_raw("dateCreated"), kCatalogueSeconds);
    append_epoch(object.add_raw("dateModified"), kCatalogueSeconds);
    object.close();
}

void PondSystem::append_inventory(std::string& out, const Inventory& inventory) const {
    JsonObject object(out);
    object.add_integer("id", inventory.id);
    object.add("name", inventory.name);
    append_epoch(object.add_raw("dateCreatedEpoch"), kCatalogueSeconds);
    append_epoch(object.add_raw("dateModifiedEpoch"), kCatalogueSeconds);
    object.add_integer("distributorId", options_.distributor_id);
    object.add_integer("parentInventoryId", 0);
    object.add_integer("ocsGroupId", kOcsGroup);
    object.add("type", "WHOLESALE");
    object.add("status", "ACTIVE");
    object.add_integer("dateDeactivated", 0);
    object.close();
}

}  // namespace carryall::simulators::pond
