// See charge_ledger_audit.hpp.
#include "app/charge_ledger_audit.hpp"

#include <fmt/format.h>

#include "app/ledger_audit.hpp"
#include "app/output.hpp"
#include "base/text.hpp"

namespace carryall::app {
namespace {

using base::Result;
using changes::Violation;
using charges::BelievedCharge;
using charges::ChargeState;

constexpr int kChargesAtOnce = 20'000;

// A charge's key in the ledger:
// customer/service/product/product type/start/end/amount/description, which may have slashes, too.
constexpr int kPlacesBeforeAmount = 6;

struct LedgerKey {
    std::string fact;
    base::Money amount;
};
std::optional<LedgerKey> parse_key(std::string_view key) {
    std::size_t end = 0;
    for (int i = 0; i < kPlacesBeforeAmount; ++i) {
        end = key.find('/', end);
        if (end == std::string_view::npos) return std::nullopt;
        ++end;
    }
    const std::size_t behind = key.find('/', end);
    if (behind == std::string_view::npos) return std::nullopt;
    const auto amount = base::parse_json(key.substr(end, behind - end));
    const auto money = amount ? base::Money::from_json(*amount) : std::nullopt;
    if (!money) return std::nullopt;
    return LedgerKey{std::string(key.substr(0, end)) + std::string(key.substr(behind + 1)), *money};
}

// The intents of one fact; without markers several may be the same.
struct Believed {
    std::int64_t charged = 0;
    std::int64_t unclear = 0;  // may or may not have been performed
    std::int64_t first_created_at_us = 0;
    std::int64_t first_id = 0;
    base::Money amount;
};

std::map<std::string, Believed> by_fact(const std::vector<BelievedCharge>& charges) {
    std::map<std::string, Believed> facts;
    for (const BelievedCharge& one : charges) {
        const auto [found, is_new] = facts.try_emplace(fact_of(one.charge));
        Believed& fact = found->second;
        if (is_new) {
            fact.first_created_at_us = one.created_at_us;
            fact.first_id = one.id.value;
            fact.amount = one.charge.amount;
        }
        fact.first_created_at_us = std::min(fact.first_created_at_us, one.created_at_us);
        fact.charged += one.state == ChargeState::charged;
        fact.unclear += one.state == ChargeState::fresh || one.state == ChargeState::unknown ||
                        one.state == ChargeState::parked;
    }
    return facts;
}

}  // namespace

void count_performed_charges(std::string_view lines, PerformedCharges& performed) {
    while (!lines.empty()) {
        const auto entry = base::parse_json(base::take_part(lines, "\n"));
        if (!entry) continue;
        if (cell(*entry, "system") == "sim" && cell(*entry, "action") == "reset") performed.clear();
        if (cell(*entry, "system") != "revio" || cell(*entry, "action") != "create_charge" ||
            cell(*entry, "performed") != "true") {
            continue;
        }
        const auto key = parse_key(cell(*entry, "key"));
        if (!key) continue;
        PerformedCharge& charge = performed[key->fact];
        if (charge.times++ > 0) continue;
        charge.first_at_us = base::parse_int(cell(*entry, "us")).value_or(0);
        charge.amount = key->amount;
    }
}

std::string fact_of(const billing::revio::Charge& charge) {
    return fmt::format("{}/{}/{}/{}/{}/{}/{}", charge.rev_customer_id,
                       charge.service_id.value_or(0), charge.product_id.value_or(0),
                       charge.product_type_id.value_or(0), charge.start_date, charge.end_date,
                       billing::revio::sent_description(charge));
}

std::vector<Violation> compare_charges_with_ledger(const std::vector<BelievedCharge>& believed,
                                                   const PerformedCharges& performed) {
    const auto facts = by_fact(believed);
    std::vector<Violation> found;
    const auto add = [&](const char* rule, std::string subject, std::string detail) {
        found.push_back({rule, 0, std::move(subject), std::move(detail)});
    };
    for (const auto& [fact, charge] : performed) {
        const auto intent = facts.find(fact);
        if (intent == facts.end()) {
            add("I2.create_charge", "Rev.io's ledger", "has " + fact + ", and there is no intent");
            continue;
        }
        const Believed& ours = intent->second;
        const std::string subject = fmt::format("charge {}", ours.first_id);
        if (charge.first_at_us < ours.first_created_at_us) {
            add("I2.create_charge", subject, "was performed before its intent was committed");
        }
        if (charge.times > ours.charged + ours.unclear) {
            add("I3.create_charge", subject,
                fmt::format("was performed {} times for {} charged and {} unclear intents",
                            charge.times, ours.charged, ours.unclear));
        }
        if (charge.amount != ours.amount) {
            add("I8.create_charge", subject,
                fmt::format("is {} here, and {} was charged", ours.amount.text(),
                            charge.amount.text()));
        }
    }
    for (const auto& [fact, ours] : facts) {
        const auto charge = performed.find(fact);
        const std::int64_t times = charge == performed.end() ? 0 : charge->second.times;
        if (times >= ours.charged) continue;
        add("I7.create_charge", fmt::format("charge {}", ours.first_id),
            fmt::format("{} intents are charged, and Rev.io performed {}", ours.charged, times));
    }
    return found;
}

Result<std::vector<Violation>> audit_charges_against_ledger(db::Connection& connection,
                                                            tenants::TenantId tenant_id,
                                                            const std::string& url) {
    // Nothing may be charged meanwhile: the two are read one after the other.
    std::vector<BelievedCharge> believed;
    PerformedCharges performed;
    CARRYALL_TRY(read_ledger_lines(
        url, [&](std::string_view lines) { count_performed_charges(lines, performed); }));
    std::int64_t after = 0;
    while (true) {
        auto charges = charges::believed_charges(connection, tenant_id, after, kChargesAtOnce);
        if (!charges) return charges.error();
        const bool is_last = charges->size() < static_cast<std::size_t>(kChargesAtOnce);
        if (!charges->empty()) after = charges->back().id.value;
        for (BelievedCharge& one : *charges) believed.push_back(std::move(one));
        if (is_last) break;
    }
    // A tenant that charges nothing has nothing to answer for.
    if (believed.empty()) return std::vector<Violation>();
    auto found = compare_charges_with_ledger(believed, performed);
    for (Violation& one : found) one.tenant_id = tenant_id.value;
    return found;
}

}  // namespace carryall::app
