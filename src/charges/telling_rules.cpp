// Whom a run tells, under which name, and how it ended.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "base/text.hpp"
#include "charges/telling.hpp"
#include "mail/message.hpp"

namespace carryall::charges {
namespace {

using base::Money;

constexpr std::size_t kMaxNamedInstances = 10;

std::vector<std::size_t> all_parts(const ToldRun& run) {
    std::vector<std::size_t> parts(run.parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = i;
    return parts;
}

std::vector<std::size_t> parts_of(const ToldRun& run, const std::set<std::int64_t>& customers) {
    std::vector<std::size_t> parts;
    for (std::size_t i = 0; i < run.parts.size(); ++i) {
        if (customers.contains(run.parts[i].customer_id)) parts.push_back(i);
    }
    return parts;
}

// An address as it was first written, and whose lists it sees.
struct Listener {
    std::string address;
    bool sees_all = false;
    std::set<std::int64_t> customers;
};

}  // namespace

Audiences audiences_of(const ToldRun& run, const std::vector<std::string>& staff,
                       const std::vector<CustomerAddress>& customers) {
    Audiences audiences;
    std::map<std::string, Listener> listeners;  // by the address in lower case
    const auto listener = [&](const std::string& address) -> Listener* {
        if (!mail::check_address(address)) {
            audiences.refused.push_back(address);
            return nullptr;
        }
        Listener& one = listeners[base::ascii_lower(address)];
        if (one.address.empty()) one.address = address;
        return &one;
    };
    for (const std::string& address : staff) {
        if (Listener* one = listener(address)) one->sees_all = true;
    }
    for (const CustomerAddress& customer : customers) {
        if (Listener* one = listener(customer.address)) one->customers.insert(customer.customer_id);
    }
    const std::vector<std::size_t> all = all_parts(run);
    std::map<std::vector<std::size_t>, Audience> by_parts;
    for (const auto& [lower, one] : listeners) {
        auto parts = one.sees_all ? all : parts_of(run, one.customers);
        if (parts.empty()) continue;
        Audience& audience = by_parts[parts];
        audience.sees_all = parts == all;
        audience.parts = std::move(parts);
        audience.addresses.push_back(one.address);
    }
    for (auto& [parts, audience] : by_parts) audiences.all.push_back(std::move(audience));
    return audiences;
}

std::string summary_subject(const ToldRun& run, const std::vector<std::size_t>& parts) {
    std::vector<std::int64_t> instances;
    for (const std::size_t part : parts) {
        const std::int64_t instance = run.parts[part].instance_id;
        if (std::find(instances.begin(), instances.end(), instance) == instances.end()) {
            instances.push_back(instance);
        }
    }
    std::string what;
    if (run.source == "file") {
        what = fmt::format("File {}", run.file_id);
    } else if (run.source == "reversal") {
        what = fmt::format("Reversal {}", run.run.value);
    } else if (parts.size() == 1 && run.parts[parts.front()].queue_id != 0) {
        what = fmt::format("Queue {}", run.parts[parts.front()].queue_id);
    } else if (instances.size() == 1) {
        what = fmt::format("Instance {}", instances.front());
    } else {
        const std::size_t named = std::min(instances.size(), kMaxNamedInstances);
        what = fmt::format("Instances {}",
                           fmt::join(instances.begin(),
                                     instances.begin() + static_cast<std::ptrdiff_t>(named), ", "));
        if (named < instances.size()) what += fmt::format(" and {} more", instances.size() - named);
    }
    const std::string again = run.telling > 1 ? fmt::format(" (update {})", run.telling - 1) : "";
    return "Customer Charge Processing Summary - " + what + again;
}

std::string list_name(const std::string& source, std::int64_t file_id, std::int64_t queue_id,
                      int part_number) {
    if (source == "file" && part_number == 1) return fmt::format("{}.txt", file_id);
    if (queue_id != 0) return fmt::format("{}.txt", queue_id);
    return fmt::format("part-{}.txt", part_number);
}

std::string list_key(std::int64_t tenant_id, ChargeRunId run, const std::string& list_name,
                     std::int64_t list_version) {
    const std::string stem = list_name.substr(0, list_name.rfind('.'));
    const std::string version = list_version > 1 ? fmt::format("-v{}", list_version) : "";
    return fmt::format("charge-lists/{}/{}/{}{}.txt", tenant_id, run.value, stem, version);
}

ToldFigures figures_of(const ToldRun& run, const std::vector<std::size_t>& parts) {
    ToldFigures figures;
    figures.amount = Money();
    for (const std::size_t place : parts) {
        const ToldPart& part = run.parts[place];
        figures.counts.total += part.counts.total;
        figures.counts.charged += part.counts.charged;
        figures.counts.recorded += part.counts.recorded;
        figures.counts.skipped += part.counts.skipped;
        figures.counts.failed += part.counts.failed;
        figures.counts.parked += part.counts.parked;
        figures.devices += part.devices;
        figures.error_devices += part.error_devices;
        const auto amount = Money::parse(part.counts.charged_amount);
        if (figures.amount && amount) {
            figures.amount = figures.amount->plus(*amount);
        } else {
            figures.amount.reset();
        }
    }
    return figures;
}

const char* outcome_of(const ChargeCounts& counts) {
    if (counts.failed + counts.parked == 0) return "PROCESSED";
    return counts.charged + counts.recorded + counts.skipped == 0 ? "ERROR" : "PARTIAL";
}

}  // namespace carryall::charges
