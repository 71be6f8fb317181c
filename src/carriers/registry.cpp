// Every integration by name, and the adapters that exist. A new carrier is added here
// (docs/ADDING_A_CARRIER.md).
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "carriers/carrier.hpp"
#include "carriers/jasper/jasper.hpp"
#include "carriers/pond/pond.hpp"
#include "carriers/telegence/telegence.hpp"
#include "carriers/thingspace/thingspace.hpp"

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

std::string comparable_status(std::string_view word) {
    std::string out;
    for (const char c : word) {
        if (c != ' ' && c != '-' && c != '_') out += base::ascii_lower(c);
    }
    return out;
}

std::optional<std::string> Carrier::canonical_status(std::string_view word) const {
    const std::string wanted = comparable_status(word);
    for (const std::string& status : statuses()) {
        if (comparable_status(status) == wanted) return status;
    }
    return std::nullopt;
}

std::string Carrier::transition_advice(std::string_view, std::string_view) const {
    return {};
}

std::vector<LineBudget> Carrier::line_budgets(const base::json::object&) const {
    return {};
}

std::string Carrier::activation_problem(std::string_view, const Activation&) const {
    return std::string(display_name(integration())) + " cannot activate new lines in this version";
}

bool Carrier::is_same_status(std::string_view one, std::string_view other) const {
    return comparable_status(canonical_status(one).value_or(std::string(one))) ==
           comparable_status(canonical_status(other).value_or(std::string(other)));
}

std::string Carrier::ended_part(const http::ClientResponse&) const {
    return {};
}

std::unique_ptr<SignIn> Carrier::sign_in(const Account&, const base::json::value&,
                                         std::string_view) const {
    return nullptr;
}

HeaderFields Carrier::session_headers(const base::json::value&) const {
    return {};
}

std::unique_ptr<InventoryReading> Carrier::read_inventory(const Account&,
                                                          const InventoryScope&) const {
    return nullptr;
}

std::optional<Notice> Carrier::parse_notice(const base::json::value&) const {
    return std::nullopt;
}

http::HeaderList Account::header_list(std::string_view correlation_id,
                                      const HeaderFields& more) const {
    return http::HeaderList(header_fields(correlation_id, more));
}

HeaderFields Account::header_fields(std::string_view correlation_id,
                                    const HeaderFields& more) const {
    HeaderFields all = headers;
    if (!correlation_header.empty() && !correlation_id.empty()) {
        all.emplace_back(correlation_header, correlation_id);
    }
    std::erase_if(all, [&more](const auto& own) {
        const std::string name = base::ascii_lower(own.first);
        return std::any_of(more.begin(), more.end(), [&name](const auto& other) {
            return base::ascii_lower(other.first) == name;
        });
    });
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

const Carrier* find_carrier(Integration integration) {
    switch (integration) {
        case Integration::pond:
            return &pond::carrier();
        case Integration::telegence:
            return &telegence::carrier();
        case Integration::jasper:
            return &jasper::carrier();
        case Integration::thingspace:
            return &thingspace::carrier();
        case Integration::revio:
            break;
    }
    return nullptr;
}

}  // namespace carryall::carriers
