#include "sync/sync_rules.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/text.hpp"
#include "devices/identifiers.hpp"

namespace carryall::sync {
namespace {

using carriers::CarrierLine;

// An empty text is told, too: the line has none.
void tidy(std::optional<std::string>& text) {
    if (text) *text = std::string(base::trim(*text));
}

// Every line has an ICCID or a number, and a status.
void drop_empty(std::optional<std::string>& text) {
    if (text && text->empty()) text.reset();
}

void take_over(CarrierLine& line, CarrierLine&& later) {
    const auto take = [](auto& member, auto& from) {
        if (from) member = std::move(from);
    };
    take(line.iccid, later.iccid);
    take(line.msisdn, later.msisdn);
    take(line.imei, later.imei);
    take(line.status, later.status);
    take(line.carrier_status, later.carrier_status);
    take(line.rate_plan, later.rate_plan);
    take(line.communication_plan, later.communication_plan);
    take(line.group, later.group);
    take(line.modified_at, later.modified_at);
    for (auto& [name, value] : later.details) line.details[name] = std::move(value);
}

}  // namespace

KeyedLines keyed_lines(std::vector<CarrierLine> lines) {
    KeyedLines result;
    result.lines.reserve(lines.size());
    std::unordered_map<std::string, std::size_t> places;
    for (CarrierLine& line : lines) {
        for (auto* text :
             {&line.iccid, &line.msisdn, &line.imei, &line.status, &line.carrier_status,
              &line.rate_plan, &line.communication_plan, &line.group}) {
            tidy(*text);
        }
        for (auto* text : {&line.iccid, &line.status, &line.carrier_status}) drop_empty(*text);
        if (line.msisdn && line.msisdn->starts_with('+')) line.msisdn->erase(0, 1);
        KeyedLine keyed;
        if (line.iccid) {
            keyed.iccid19 = line.iccid->substr(0, devices::kIccidKeyDigits);
            keyed.key = *keyed.iccid19;
        } else if (line.msisdn && !line.msisdn->empty()) {
            keyed.key = "msisdn:" + *line.msisdn;
        } else {
            ++result.nameless;
            continue;
        }
        const auto [place, is_new] = places.try_emplace(keyed.key, result.lines.size());
        if (is_new) {
            keyed.line = std::move(line);
            result.lines.push_back(std::move(keyed));
        } else {
            take_over(result.lines[place->second].line, std::move(line));
        }
    }
    return result;
}

std::optional<std::chrono::milliseconds> retry_in(const carriers::InventoryFailed& failed,
                                                  int retry_number, double jitter,
                                                  const RetryRules& rules) {
    using std::chrono::milliseconds;
    if (failed.failure != carriers::FailureClass::transient) return std::nullopt;
    // What the account as a whole is told to wait for says nothing against this reading.
    if (!failed.whole_account && retry_number >= rules.max_retries) return std::nullopt;
    auto wait = rules.backoff_base;
    for (int i = 0; i < retry_number && wait < rules.backoff_max; ++i) wait *= 2;
    wait = std::min(wait, rules.backoff_max);
    // Between half and the whole of it, so that accounts that failed together do not come back
    // together.
    wait = std::chrono::duration_cast<milliseconds>(wait * (0.5 + jitter / 2));
    if (failed.retry_after) wait = std::max(wait, milliseconds(*failed.retry_after));
    return wait;
}

void add_to_result(base::json::object& result, std::string_view list, base::json::value entry) {
    const std::string counter = std::string(list) + "Count";
    auto& count = result[counter];
    count = (count.is_int64() ? count.get_int64() : 0) + 1;
    auto& entries = result[list];
    if (!entries.is_array()) entries.emplace_array();
    if (entries.get_array().size() < kMaxListedPlans) {
        entries.get_array().push_back(std::move(entry));
    }
}

}  // namespace carryall::sync
