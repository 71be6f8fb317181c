// Telegence as a carrier: what it can do, its statuses and transitions.
#include "carriers/telegence/telegence.hpp"

#include "carriers/telegence/activation_wire.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

namespace {

class Telegence : public Carrier {
  public:
    Integration integration() const override { return Integration::telegence; }

    Capabilities capabilities() const override {
        Capabilities all;
        all.status_update = true;
        all.carrier_rate_plan_change = true;
        all.feature_change = true;
        all.equipment_change = true;
        all.new_activation = true;
        all.activations_per_request = kMaxActivations;
        all.calls_per_activation = 2;  // T1, T2
        all.addresses_per_request = kLinesPerAddressRequest;
        all.calls_per_address = 3;  // T8, T9, T10
        all.inventory_sync = true;
        all.status_is_repeat_safe = true;
        all.rate_plan_is_repeat_safe = true;
        all.status_can_be_undone = true;
        all.rate_plan_can_be_undone = true;
        all.schedules_days_ahead = kDaysAhead;
        all.settling_time = kSettlingTime;
        all.default_rate_per_second = kDefaultRate;
        all.default_max_concurrency = kDefaultConcurrency;
        return all;
    }

    const std::vector<std::string>& statuses() const override {
        static const std::vector<std::string> kStatuses = {"Active", "Suspended", "Deactivated"};
        return kStatuses;
    }

    std::optional<std::string> canonical_status(std::string_view word) const override {
        return platform_status(word);
    }

    std::vector<std::string> allowed_transitions(std::string_view current,
                                                 const base::json::object&) const override {
        const auto status = platform_status(current);
        if (status == "Active") return {"Suspended", "Deactivated"};
        if (status == "Suspended") return {"Active", "Deactivated"};
        if (status == "Deactivated" || !was_activated(current)) return {};
        // A word that only the carrier knows: it may judge, but restoring needs a suspended line.
        return {"Suspended", "Deactivated"};
    }

    std::string transition_advice(std::string_view current,
                                  std::string_view target) const override {
        if (platform_status(target) != "Active" || platform_status(current) == "Active") return {};
        return "a new activation is needed";
    }

    std::string activation_problem(std::string_view imei, const Activation& change) const override {
        return telegence::activation_problem(imei, change);
    }

    base::Result<Account> account(std::int64_t service_provider_id,
                                  SettingsReader& reader) const override {
        return make_account(service_provider_id, reader);
    }

    std::unique_ptr<Exchange> exchange(const Account& account, const Line& line,
                                       const Action& action,
                                       const Attempt& attempt) const override {
        return std::visit(Maker{account, line, attempt}, action);
    }

    std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                     const InventoryScope& scope) const override {
        return telegence::read_inventory(account, scope);
    }

  private:
    // None of these is published; docs/carriers/telegence.md says so.
    static constexpr int kDaysAhead = 30;
    static constexpr int kMaxActivations = 200;
    static constexpr std::chrono::seconds kSettlingTime{60};
    static constexpr double kDefaultRate = 10;
    static constexpr int kDefaultConcurrency = 10;

    struct Maker {
        const Account& account;
        const Line& line;
        const Attempt& attempt;

        std::unique_ptr<Exchange> operator()(const StatusChange& change) const {
            return status_exchange(account, line, change, attempt);
        }
        std::unique_ptr<Exchange> operator()(const RatePlanChange& change) const {
            return rate_plan_exchange(account, line, change, attempt);
        }
        std::unique_ptr<Exchange> operator()(const FeatureChange& change) const {
            return feature_exchange(account, line, change, attempt);
        }
        std::unique_ptr<Exchange> operator()(const EquipmentChange& change) const {
            return equipment_exchange(account, line, change, attempt);
        }
        std::unique_ptr<Exchange> operator()(const Activation& change) const {
            return activation_exchange(account, line, change, attempt);
        }
    };

    // Telegence has no line yet for a SIM that was never activated.
    static bool was_activated(std::string_view status) {
        const std::string word = comparable_status(status);
        return word != "inventory" && word != "pendingactivation" && word != "pending" &&
               word != "reserved";
    }
};

}  // namespace

const Carrier& carrier() {
    static const Telegence kTelegence;
    return kTelegence;
}

}  // namespace carryall::carriers::telegence
