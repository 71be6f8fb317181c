// One line a system.
#include "registry.hpp"

#include "jasper/jasper_system.hpp"
#include "pond/pond_system.hpp"
#include "revio/revio_system.hpp"
#include "telegence/telegence_system.hpp"
#include "thingspace/thingspace_system.hpp"

namespace carryall::simulators {

std::vector<std::unique_ptr<System>> make_systems(const Options& options, const Clock& clock) {
    std::vector<std::unique_ptr<System>> systems;
    systems.push_back(std::make_unique<pond::PondSystem>(options.pond, options.seed, clock));
    systems.push_back(std::make_unique<revio::RevioSystem>(options.revio, clock));
    systems.push_back(std::make_unique<jasper::JasperSystem>(options.jasper, clock));
    systems.push_back(
        std::make_unique<telegence::TelegenceSystem>(options.telegence, options.seed, clock));
    systems.push_back(
        std::make_unique<thingspace::ThingspaceSystem>(options.thingspace, options.seed, clock));
    return systems;
}

}  // namespace carryall::simulators
