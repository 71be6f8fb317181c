// Every integration by name, and the adapters that exist. A new carrier is added here
// (docs/ADDING_A_CARRIER.md).
#include <array>

#include "carriers/carrier.hpp"
#include "carriers/pond/pond.hpp"

namespace carryall::carriers {

namespace {

struct Name {
    Integration integration;
    std::string_view spelling;  // as in database and JSON
    std::string_view display;   // as in log descriptions
};

constexpr std::array kNames = {
    Name{Integration::jasper, "jasper", "Jasper"},
    Name{Integration::thingspace, "thingspace", "ThingSpace"},
    Name{Integration::pond, "pond", "POND"},
    Name{Integration::telegence, "telegence", "Telegence"},
    Name{Integration::revio, "revio", "Rev.io"},
};

}  // namespace

std::string_view to_string(Integration integration) {
    for (const Name& name : kNames) {
        if (name.integration == integration) return name.spelling;
    }
    return "";
}

std::string_view display_name(Integration integration) {
    for (const Name& name : kNames) {
        if (name.integration == integration) return name.display;
    }
    return "";
}

std::optional<Integration> parse_integration(std::string_view text) {
    for (const Name& name : kNames) {
        if (name.spelling == text) return name.integration;
    }
    return std::nullopt;
}

http::HeaderList Account::header_list(std::string_view correlation_id,
                                      const HeaderFields& more) const {
    HeaderFields all = headers;
    if (!correlation_header.empty() && !correlation_id.empty()) {
        all.emplace_back(correlation_header, correlation_id);
    }
    all.insert(all.end(), more.begin(), more.end());
    return http::HeaderList(all);
}

const Carrier* find_carrier(Integration integration) {
    switch (integration) {
        case Integration::pond:
            return &pond::carrier();
        case Integration::jasper:
        case Integration::thingspace:
        case Integration::telegence:
        case Integration::revio:
            break;
    }
    return nullptr;
}

}  // namespace carryall::carriers
