// A Rev.io that knows charges only, without uniqueness, as the real one. Calls fail by plan. For
// tests of exchanges and readings.
#pragma once

#include <string>
#include <vector>

#include "billing/revio/charge.hpp"
#include "billing/revio/revio.hpp"
#include "billing/revio/revio_model_test.hpp"

namespace carryall::billing::revio {

inline constexpr std::int64_t kModelService = 99'120;

inline carriers::Account model_account() {
    const base::json::object credentials = {
        {"username", "ops@acme"}, {"password", "pw"}, {"subscriptionKey", "key"}};
    carriers::Account made = *account(9, {{"baseUrl", "https://rev.example"}}, credentials);
    made.write_is_enabled = true;
    return made;
}

inline Charge model_charge() {
    Charge charge;
    charge.rev_customer_id = kModelCustomer;
    charge.service_id = kModelService;
    charge.product_type_id = 311;
    charge.product_id = 0;
    charge.amount = *base::Money::parse("6.50");
    charge.description = "IoT 1GB - 912.4";
    charge.marker = "cry-7-RATE";
    charge.start_date = "2026-02-01";
    charge.end_date = "2026-02-28";
    return charge;
}

// As Rev.io shows it, with `changed` in its place.
inline base::json::object model_record(const Charge& charge, base::json::object changed = {}) {
    base::json::object record = {{"customer_id", charge.rev_customer_id},
                                 {"product_id", nullptr},
                                 {"product_type_id", charge.product_type_id.value_or(0)},
                                 {"bill_id", nullptr},
                                 {"description", sent_description(charge)},
                                 {"amount", 6.5},
                                 {"start_date", charge.start_date + "T00:00:00"},
                                 {"end_date", charge.end_date + "T00:00:00"},
                                 {"created_date", "2026-03-01T10:00:00.123"}};
    if (charge.service_id) record["service_id"] = *charge.service_id;
    for (auto& member : changed) record[member.key()] = member.value();
    return record;
}

struct ChargeModel {
    base::json::array charges;
    std::size_t page_size = 500;
    bool ignores_filters = false;
    std::int64_t next_id = 8'800'001;
    int writes_done = 0;

    std::int64_t add(base::json::object record) {
        if (!record.contains("charge_id")) record["charge_id"] = next_id++;
        charges.push_back(std::move(record));
        return charges.back().at("charge_id").to_number<std::int64_t>();
    }

    std::optional<http::ClientResponse> answer(const carriers::Call& call, Fault fault) {
        return answer_under(fault, [&] { return perform(call); });
    }

  private:
    http::ClientResponse perform(const carriers::Call& call) {
        if (call.method == http::Method::get) return list(call.path);
        ++writes_done;
        auto record = base::parse_json(call.body)->get_object();
        record["created_date"] = "2026-03-01T10:00:00.123";
        return created(add(std::move(record)));
    }

    static bool fits(const base::json::value& record, const char* name, const std::string& wanted) {
        const base::json::value* found = record.get_object().if_contains(name);
        return wanted.empty() || (found != nullptr && base::json::serialize(*found) == wanted);
    }

    http::ClientResponse list(const std::string& path) const {
        base::json::array all;
        for (const base::json::value& record : charges) {
            const bool is_wanted =
                fits(record, "customer_id", parameter(path, "search.customer_id")) &&
                fits(record, "service_id", parameter(path, "search.service_id"));
            if (ignores_filters || is_wanted) all.push_back(record);
        }
        return page_of(all, path, page_size);
    }
};

inline carriers::Played play_with(ChargeModel& model, const Charge& charge,
                                  const carriers::Attempt& attempt = {}) {
    const carriers::Account account = model_account();
    const auto exchange = create_charge(account, charge, attempt);
    return play(*exchange,
                [&](const carriers::Call& call) { return model.answer(call, Fault::none); });
}

// The attempt after one whose outcome is unknown.
inline carriers::Attempt resolving(bool settled) {
    carriers::Attempt attempt;
    attempt.resolving = true;
    attempt.settled = settled;
    attempt.unclear_since = *base::parse_iso8601("2026-03-01T10:00:00Z");
    return attempt;
}

inline const base::json::object& details_of(const carriers::Outcome& outcome) {
    return std::get<carriers::Applied>(outcome).details;
}

inline Charge unmarked() {
    Charge charge = model_charge();
    charge.marker.clear();
    return charge;
}

}  // namespace carryall::billing::revio
