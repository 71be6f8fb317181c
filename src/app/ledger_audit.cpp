// See ledger_audit.hpp.
#include "app/ledger_audit.hpp"

#include "app/output.hpp"
#include "base/text.hpp"
#include "http/transfer.hpp"

namespace carryall::app {
namespace {

using base::Result;
using changes::BelievedDevice;
using changes::Violation;
namespace json = base::json;

constexpr int kDevicesAtOnce = 5'000;
constexpr int kLedgerLinesAtOnce = 100'000;
constexpr std::size_t kIccidDigits = 19;
constexpr std::chrono::seconds kCallTimeout{60};

Result<std::string> fetch(const std::string& url) {
    http::TransferRequest request;
    request.url = url;
    request.timeout = kCallTimeout;
    auto answer = http::transfer(request);
    if (!answer) return answer.error();
    if (answer->status != 200) {
        return base::unavailable("the simulator answered " + std::to_string(answer->status) +
                                 "; is this the address that carryall-sim printed?");
    }
    return std::move(answer->body);
}

std::int64_t performed_times(const PerformedCounts& counts, const char* action,
                             const std::string& iccid) {
    const auto found = counts.find({action, iccid.substr(0, kIccidDigits)});
    return found == counts.end() ? 0 : found->second;
}

// What POND's three services should be; nullopt: the status says nothing about them.
std::optional<bool> services_enabled(const std::string& status) {
    const std::string lower = base::ascii_lower(status);
    if (lower == "active") return true;
    for (const char* off : {"inactive", "suspended", "deactivated", "terminated"}) {
        if (lower == off) return false;
    }
    return std::nullopt;
}

std::vector<std::string> active_plans(const json::value& truth) {
    std::vector<std::string> plans;
    const json::value* packages =
        truth.is_object() ? truth.get_object().if_contains("packages") : nullptr;
    if (packages == nullptr || !packages->is_array()) return plans;
    for (const json::value& package : packages->get_array()) {
        if (cell(package, "status") != "ACTIVE") continue;
        const std::string type = cell(package, "packageType.packageTypeId");
        plans.push_back(type.empty() ? cell(package, "packageTypeId") : type);
    }
    return plans;
}

}  // namespace

Result<void> read_ledger_lines(const std::string& url,
                               const std::function<void(std::string_view lines)>& consume) {
    std::int64_t since = 0;
    while (true) {
        const auto lines = fetch(url + "/_sim/ledger?since=" + std::to_string(since) +
                                 "&limit=" + std::to_string(kLedgerLinesAtOnce));
        if (!lines) return lines.error();
        if (lines->empty()) return {};
        consume(*lines);
        const std::size_t before = lines->rfind('\n', lines->size() - 2);
        const auto last = base::parse_json(
            std::string_view(*lines).substr(before == std::string::npos ? 0 : before + 1));
        const auto seq = last ? base::parse_int(cell(*last, "seq")) : std::nullopt;
        if (!seq || *seq <= since) return {};
        since = *seq;
    }
}

void count_performed(std::string_view lines, PerformedCounts& counts) {
    while (!lines.empty()) {
        const auto entry = base::parse_json(base::take_part(lines, "\n"));
        if (!entry) continue;
        if (cell(*entry, "system") == "sim" && cell(*entry, "action") == "reset") counts.clear();
        if (cell(*entry, "system") == "pond" && cell(*entry, "performed") == "true") {
            ++counts[{cell(*entry, "action"), cell(*entry, "key")}];
        }
    }
}

std::vector<Violation> compare_with_carrier(const BelievedDevice& device,
                                            const PerformedCounts& performed,
                                            const json::value& truth) {
    std::vector<Violation> found;
    const auto add = [&](const char* rule, const std::string& detail) {
        found.push_back({rule, 0, "device " + device.iccid, detail});
    };
    const std::int64_t added = performed_times(performed, "add_package", device.iccid);
    if (added > device.started_plan_changes) {
        add("I3.add_package", "packages were added " + std::to_string(added) + " times for " +
                                  std::to_string(device.started_plan_changes) + " plan changes");
    }
    if (device.is_unclear) return found;
    if (device.processed_status_changes > 0 &&
        performed_times(performed, "sim_status", device.iccid) == 0) {
        add("I4.performed", "its status is processed, and POND never did it");
    }
    const auto enabled = services_enabled(device.status);
    const std::string data = cell(truth, "status.simDataServiceStatus");
    if (enabled && device.processed_status_changes > 0 &&
        data != (*enabled ? "ENABLED" : "DISABLED")) {
        add("I6.status", "is " + device.status + " here; data service at POND: " + data);
    }
    if (device.processed_plan_changes > 0 && device.carrier_plan_id) {
        const auto plans = active_plans(truth);
        if (plans != std::vector<std::string>{std::to_string(*device.carrier_plan_id)}) {
            std::string list;
            for (const std::string& plan : plans) list += (list.empty() ? "" : ", ") + plan;
            add("I6.plan", "has plan " + std::to_string(*device.carrier_plan_id) +
                               " here; active at POND: " + (list.empty() ? "none" : list));
        }
    }
    return found;
}

Result<std::vector<Violation>> audit_against_ledger(db::Connection& connection,
                                                    tenants::TenantId tenant_id,
                                                    const std::string& url) {
    PerformedCounts performed;
    CARRYALL_TRY(
        read_ledger_lines(url, [&](std::string_view lines) { count_performed(lines, performed); }));
    std::vector<Violation> found;
    std::int64_t after = 0;
    while (true) {
        const auto devices =
            changes::believed_devices(connection, tenant_id, "pond", after, kDevicesAtOnce);
        if (!devices) return devices.error();
        for (const BelievedDevice& device : *devices) {
            const auto text = fetch(url + "/_sim/pond/sim/" + device.iccid.substr(0, kIccidDigits));
            if (!text) return text.error();
            const auto truth = base::parse_json(*text);
            if (!truth) return base::internal_error("the simulator's answer is no JSON");
            for (Violation& one : compare_with_carrier(device, performed, *truth)) {
                one.tenant_id = tenant_id.value;
                found.push_back(std::move(one));
            }
            after = device.device_id;
        }
        if (static_cast<int>(devices->size()) < kDevicesAtOnce) return found;
    }
}

}  // namespace carryall::app
