// See activations.hpp.
#include "telegence/activations.hpp"

namespace carryall::simulators::telegence {

std::uint32_t Activations::submit(const Batch& batch, const std::vector<Service>& entries) {
    const auto row = static_cast<std::uint32_t>(batches.size());
    Batch& added = batches.emplace_back(batch);
    added.first = static_cast<std::uint32_t>(services.size());
    added.count = static_cast<std::uint16_t>(entries.size());
    services.insert(services.end(), entries.begin(), entries.end());
    for (const Service& service : entries) {
        if (!service.refused) under_way_.insert(hash_of(service.sim));
    }
    return row;
}

void Activations::reserve(std::uint32_t batch) {
    const Batch& due = batches[batch];
    for (std::uint32_t at = due.first; at < due.first + due.count; ++at) {
        services[at].status =
            services[at].refused ? ServiceStatus::rejected : ServiceStatus::reserved;
    }
}

std::uint32_t Activations::activate_one(Service& service, const Batch& batch,
                                        TelegenceState& state) {
    if (service.status != ServiceStatus::reserved) return kNoRow;
    under_way_.erase(hash_of(service.sim));
    LineRow row;
    row.sim = service.sim;
    row.imei = service.imei;
    row.zip = service.zip;
    row.technology = service.technology;
    row.ban = service.ban;
    row.plan = state.plans.find(state.texts.text_of(service.plan_code));
    row.status_day = row.activation_day = row.plan_day = day_of(batch.active_micros);
    FeatureList features = state.feature_lists.list_of(service.features);
    for (FeatureOn& feature : features) feature.since = row.activation_day;
    row.features = state.feature_lists.number_of(features);
    const std::uint32_t line = state.add_line(row);
    if (line == kNoRow) {  // given to another line by an equipment change meanwhile
        service.status = ServiceStatus::rejected;
        service.error = state.texts.number_of("SIM is in use by another line");
        return kNoRow;
    }
    service.status = ServiceStatus::active;
    service.number = state.lines[line].number;
    return line;
}

}  // namespace carryall::simulators::telegence
