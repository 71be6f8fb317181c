// What Telegence does by itself as time passes: changes of a future day, activations, static IP
// provisioning.
#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::size_t kManyHappenings = 1000;  // a million services may be due at once
constexpr std::string_view kLinePath = "/telegence/sp/mobility/lineconfig/api/v1/service/";
constexpr std::string_view kBatchPath =
    "/telegence/sp/mobilityactivations/api/v1/serviceactivation/";
constexpr std::string_view kIpPath = "/telegence/sp/mobility/ipmgmt/api/v1/ipprovisioning";

void add_number(JsonObject& object, std::string_view name, std::uint64_t number) {
    std::string& out = object.add_raw(name);
    out += '"';
    append_number(out, number);
    out += '"';
}

}  // namespace

void TelegenceSystem::schedule(std::int64_t due_micros, EventKind kind, std::uint32_t row) {
    events_.push({due_micros, events_made_++, kind, row});
}

void TelegenceSystem::let_time_pass(std::int64_t now_micros, std::vector<Happening>& happened) {
    while (!events_.empty() && events_.top().due_micros <= now_micros &&
           happened.size() < kManyHappenings) {
        const Event event = events_.top();
        events_.pop();
        run_event(event, happened);
    }
}

void TelegenceSystem::run_event(const Event& event, std::vector<Happening>& happened) {
    switch (event.kind) {
        case EventKind::change:
            happened.emplace_back();
            return run_change(event, happened.back());
        case EventKind::batch_reserved:
            return activations_.reserve(event.row);
        case EventKind::batch_active:
            return run_activation(event, happened);
        case EventKind::ip_complete:
            return run_ip_batch(event, happened);
    }
}

// A change that is not possible any more on its day is dropped, and the ledger says why.
void TelegenceSystem::run_change(const Event& event, Happening& happening) {
    const LineChange change = std::move(scheduled_[event.row]);
    free_scheduled_.push_back(event.row);
    LineRow& row = state_.lines[change.line];
    --row.waiting_changes;
    if (change.changes_equipment()) --row.waiting_equipment;
    happening.micros = event.due_micros;
    happening.action = "scheduled_change";
    append_number(happening.key, row.number);
    happening.path.append(kLinePath).append(happening.key);
    const std::string_view conflict = conflict_of(change);
    if (!conflict.empty()) {
        happening.performed = happening.changed = false;
        JsonObject fields(happening.fields);
        fields.add("dropped", conflict);
        return fields.close();
    }
    append_change(happening.fields, change, false);
    const LineRow before = row;
    carry_out(change, event.due_micros);
    happening.changed = !(before == row);
}

void TelegenceSystem::run_activation(const Event& event, std::vector<Happening>& happened) {
    std::string id;
    batch_ids_.append(id, event.row);
    activations_.activate(event.row, state_, [&](const Service& service, std::uint32_t line) {
        const LineRow& row = state_.lines[line];
        Happening& happening = happened.emplace_back();
        happening.micros = event.due_micros;
        happening.action = "activate_service";
        happening.key = text_of(service.sim);
        happening.path.append(kBatchPath).append(id);
        JsonObject fields(happening.fields);
        fields.add("requestId", id);
        add_number(fields, "subscriberNumber", row.number);
        fields.add("billingAccountNumber", state_.bans[row.ban].ban);
        fields.add("singleUserCode", code_of_plan(row.plan));
        fields.close();
    });
}

void TelegenceSystem::run_ip_batch(const Event& event, std::vector<Happening>& happened) {
    std::string id;
    ip_batch_ids_.append(id, event.row);
    for (IpEntry& entry : ip_pools_.batches[event.row].entries) {
        LineRow& row = state_.lines[entry.line];
        if (entry.fails_at == IpStep::none && row.status != LineStatus::active) {
            entry.fails_at = IpStep::profile_update;
        }
        if (entry.fails_at != IpStep::none) {
            ip_pools_.release(entry.address);
            continue;
        }
        state_.remember(entry.line, event.due_micros);
        if (row.ip_address != 0) ip_pools_.release(row.ip_address);
        row.ip_address = entry.address;
        Happening& happening = happened.emplace_back();
        happening.micros = event.due_micros;
        happening.action = "assign_ip";
        append_number(happening.key, row.number);
        happening.path = kIpPath;
        JsonObject fields(happening.fields);
        fields.add("batchId", id);
        append_address(fields.add_raw("ipAddress") += '"', entry.address);
        happening.fields += '"';
        fields.close();
    }
}

}  // namespace carryall::simulators::telegence
