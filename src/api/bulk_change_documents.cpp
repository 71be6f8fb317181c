// Domain structs to JSON, member by member.
#include "api/bulk_change_documents.hpp"

#include "api/or_null.hpp"
#include "base/time_zone.hpp"

namespace carryall::api {

namespace json = base::json;

json::object to_json(const changes::StateCounts& counts) {
    return {{"new", counts.fresh},           {"sending", counts.sending},
            {"waiting", counts.waiting},     {"unknown", counts.unknown},
            {"processed", counts.processed}, {"error", counts.error},
            {"parked", counts.parked},       {"cancelled", counts.cancelled}};
}

json::value to_json(const std::optional<changes::ScheduleDates>& dates) {
    if (!dates) return nullptr;
    const auto zone = base::TimeZone::find(dates->time_zone);
    const auto local = [&](const std::string& date) -> json::value {
        const auto instant = base::parse_iso8601(date);
        return zone && instant ? json::value(zone->text_of(*instant)) : json::value(nullptr);
    };
    return json::object{{"firstDueAt", dates->first},
                        {"lastDueAt", dates->last},
                        {"timeZone", dates->time_zone.empty() ? json::value(nullptr)
                                                              : json::value(dates->time_zone)},
                        {"firstDueAtLocal", local(dates->first)},
                        {"lastDueAtLocal", local(dates->last)}};
}

namespace {

// What is held, why, by whom, and how far the waves are.
void add_control(json::object& document, const changes::ControlInfo& info) {
    document["control"] = info.control;
    document["controlCause"] = or_null(info.cause);
    document["controlReason"] = or_null(info.reason);
    document["controlBy"] = or_null(info.by);
    document["controlSince"] = or_null(info.since);
    document["maxConcurrency"] = or_null(info.max_concurrency);
    document["withdrawnCount"] = info.withdrawn_count;
    document["approval"] = info.approval;
    document["approvedBy"] = or_null(info.approved_by);
    document["approvedAt"] = or_null(info.approved_at);
    document["wave"] = nullptr;
    if (info.wave_count > 0) {
        document["wave"] = json::object{{"current", info.wave}, {"of", info.wave_count}};
    }
    document["failureThreshold"] = nullptr;
    if (const auto& threshold = info.threshold) {
        json::object shown{{"failures", info.failure_count}, {"ended", info.ended_count}};
        if (threshold->count) shown["count"] = *threshold->count;
        if (threshold->percent) {
            shown["percent"] = *threshold->percent;
            shown["afterDevices"] = threshold->after_devices;
        }
        document["failureThreshold"] = std::move(shown);
    }
    document["waitsFor"] = nullptr;
    if (info.waits_for) {
        document["waitsFor"] =
            json::object{{"bulkChangeId", *info.waits_for},
                         {"reason", "waits for bulk change " + std::to_string(*info.waits_for) +
                                        ", which is " + info.waits_for_state}};
    }
}

}  // namespace

json::object to_json(const changes::ChangeSummary& summary) {
    json::object document{{"bulkChangeId", summary.id.value},
                          {"status", summary.status},
                          {"changeRequestType", summary.change_type},
                          {"portalType", summary.portal},
                          {"serviceProviderId", summary.service_provider_id},
                          {"serviceProvider", summary.service_provider},
                          {"integration", summary.integration},
                          {"source", summary.source},
                          {"fileName", or_null(summary.file_name)},
                          {"correlationId", summary.correlation_id},
                          {"createdBy", summary.created_by},
                          {"createdAt", summary.created_at},
                          {"startedAt", or_null(summary.started_at)},
                          {"finishedAt", or_null(summary.finished_at)},
                          {"deviceCount", summary.device_count},
                          {"counts", to_json(summary.counts)},
                          {"changeSetId", or_null(summary.change_set_id)},
                          {"dates", to_json(summary.dates)}};
    add_control(document, summary.control);
    return document;
}

json::object to_json(const changes::ChangeDetail& detail) {
    json::object document = to_json(detail.summary);
    document["request"] = detail.request;
    document["reasons"] = to_json(detail.reasons);
    const auto linked = [&](const char* name, const std::optional<changes::BulkChangeId>& id) {
        if (id) document[name] = id->value;
    };
    linked("followsBulkChangeId", detail.follows);
    linked("additionalBulkChangeId", detail.additional);
    return document;
}

json::object to_json(const changes::StepCounts& steps) {
    static constexpr const char* kNames[changes::kActivationSteps] = {
        "activateDevice", "requestIpProvision", "checkIpProvisionStatus"};
    json::object document;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        document[kNames[i]] = json::object{{"open", steps[i].open}, {"failed", steps[i].failed}};
    }
    return document;
}

json::object to_json(const changes::DeviceChange& device) {
    return {{"deviceChangeId", device.id.value},
            {"bulkChangeId", changes::bulk_change_of(device.id).value},
            {"rowNumber", device.row_number},
            {"identifier", device.identifier},
            {"deviceId", or_null(device.device_id)},
            {"iccid", or_null(device.iccid)},
            {"msisdn", or_null(device.msisdn)},
            {"status", device.status},
            {"state", device.state},
            {"retryNumber", device.retry_number},
            {"readBackCount", device.read_back_count},
            {"dueAt", or_null(device.due_at)},
            {"sentAt", or_null(device.sent_at)},
            {"errorClass", or_null(device.error_class)},
            {"reason", or_null(device.reason)},
            {"finishedAt", or_null(device.finished_at)},
            {"request", device.request},
            {"warning", or_null(device.warning)}};
}

json::object to_json(const changes::LoggedStep& entry) {
    json::object document{{"deviceChangeId", entry.device_change_id.value},
                          {"attempt", entry.attempt},
                          {"step", entry.step},
                          {"portalType", entry.portal},
                          {"logEntryDescription", entry.log_entry_description},
                          {"actionText", entry.action_text},
                          {"requestText", entry.request_text},
                          {"responseText", entry.response_text},
                          {"responseStatus", entry.response_status},
                          {"hasErrors", entry.has_errors},
                          {"errorText", or_null(entry.error_text)},
                          {"processBy", entry.process_by},
                          {"retryNumber", entry.retry_number},
                          {"correlationId", entry.correlation_id},
                          {"startedAt", entry.started_at},
                          {"processedDate", entry.processed_at}};
    // Each portal's log has its own name for the id.
    document[entry.id_name] = entry.device_change_id.value;
    return document;
}

json::object to_json(const changes::Progress& progress) {
    json::object document{
        {"bulkChangeId", progress.id.value},    {"status", progress.status},
        {"deviceCount", progress.device_count}, {"counts", to_json(progress.counts)},
        {"dates", to_json(progress.dates)},     {"finished", progress.finished}};
    add_control(document, progress.control);
    return document;
}

json::array to_json(const std::vector<changes::ReasonCount>& reasons) {
    json::array out;
    for (const changes::ReasonCount& one : reasons) {
        out.push_back(json::object{
            {"reason", one.reason}, {"errorClass", one.error_class}, {"count", one.count}});
    }
    return out;
}

json::array to_json(const std::vector<changes::RefusedDevice>& devices) {
    json::array out;
    for (const changes::RefusedDevice& one : devices) {
        out.push_back(json::object{
            {"rowNumber", one.row_number}, {"identifier", one.identifier}, {"reason", one.reason}});
    }
    return out;
}

json::object to_json(const changes::SubmitResult& result) {
    json::array warnings;
    for (const std::string& warning : result.warnings) warnings.emplace_back(warning);
    json::object document{
        {"deviceCount", result.device_count},   {"acceptedCount", result.accepted_count},
        {"refusedCount", result.refused_count}, {"reasons", to_json(result.reasons)},
        {"warnings", std::move(warnings)},      {"correlationId", result.correlation_id},
        {"dates", to_json(result.dates)},       {"warnedCount", result.warned_count}};
    if (result.id) {
        document["bulkChangeId"] = result.id.value;
        document["status"] = result.status;
        document["waitsForApproval"] = result.waits_for_approval;
    }
    if (result.additional_id) document["additionalBulkChangeId"] = result.additional_id.value;
    if (result.id && result.plan_hash.empty()) {
        document["replayed"] = result.replayed;
        return document;
    }
    document["dryRun"] = true;
    if (result.id) document["planHash"] = result.plan_hash;
    document["devices"] = to_json(result.devices);
    return document;
}

json::object to_json(const changes::RetryResult& result) {
    return {{"bulkChangeId", result.id.value},
            {"status", result.status},
            {"retriedCount", result.retried_count},
            {"refusedCount", result.refused_count},
            {"busyCount", result.busy_count},
            {"additionalRetriedCount", result.additional_retried_count},
            {"reasons", to_json(result.reasons)}};
}

json::object to_json(const changes::PlanDetail& plan) {
    json::object document = to_json(plan.change);
    for (const auto& [name, value] : plan.sums) document[name] = value;
    document["planHash"] = plan.plan_hash;
    document["reasons"] = to_json(plan.reasons);
    document["expiresAt"] = or_null(plan.expires_at);
    document["appliedAt"] = or_null(plan.applied_at);
    document["appliedBy"] = or_null(plan.applied_by);
    document["undoesBulkChangeId"] =
        plan.undoes ? json::value(plan.undoes.value) : json::value(nullptr);
    document["finishesInSeconds"] = or_null(plan.finishes_in_seconds);
    if (plan.additional) document["additionalBulkChangeId"] = plan.additional->value;
    return document;
}

json::object to_json(const changes::PlannedDevice& device) {
    return {{"deviceChangeId", device.id.value},
            {"rowNumber", device.row_number},
            {"identifier", device.identifier},
            {"deviceId", or_null(device.device_id)},
            {"iccid", or_null(device.iccid)},
            {"verdict", device.verdict},
            {"reversibility", or_null(device.reversibility)},
            {"reason", or_null(device.reason)},
            {"warning", or_null(device.warning)},
            {"dueAt", or_null(device.due_at)},
            {"before", device.before},
            {"after", device.target}};
}

}  // namespace carryall::api
