// Rate plan of a line: its single user code. Telegence takes the change for a later day and keeps
// it until then; such a change is done when a reading shows the plan.
#include "base/text.hpp"
#include "carriers/telegence/line_exchange.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

namespace {

constexpr const char* kPlan = "singleUserCode";

// The day that is meant. Midnight is a date as somebody wrote it, whatever the time zone.
std::optional<base::Instant> day_of(const Account& account,
                                    const std::optional<base::Instant>& date) {
    if (!date) return std::nullopt;
    const auto day = std::chrono::floor<std::chrono::days>(*date);
    if (day == *date) return base::Instant(day);
    return base::Instant(std::chrono::floor<std::chrono::days>(carrier_time(account, *date)));
}

class RatePlanGoal : public LineGoal {
  public:
    RatePlanGoal(const RatePlanChange& change, std::optional<base::Instant> day,
                 base::Instant carrier_now)
        : code_(change.code),
          has_communication_plan_(!change.communication_plan.empty()),
          day_(day && *day > carrier_now ? day : std::nullopt) {}

    std::string operation() const override { return "Change Rate Plan"; }

    std::optional<Refused> problem() const override {
        if (!is_code(code_)) {
            return Refused{FailureClass::validation,
                           "The rate plan has no single user code of Telegence"};
        }
        if (has_communication_plan_) {
            return Refused{FailureClass::validation, "Telegence has no communication plans"};
        }
        return std::nullopt;
    }

    base::json::object body(const std::string& today) const override {
        return {{"effectiveDate", day_ ? wire_day(*day_) : today},
                {"serviceCharacteristic", to_json({{kPlan, code_}})}};
    }

    bool is_reached(const LineDetails& line) const override {
        return base::ascii_lower(line.value(kPlan)) == base::ascii_lower(code_);
    }

    std::string obstacle(const LineDetails& line) const override {
        if (platform_status(line.value("subscriberStatus")) != "Deactivated") return {};
        return "The line is cancelled at Telegence; its plan cannot be changed";
    }

    std::optional<base::Instant> day() const override { return day_; }

  private:
    const std::string code_;
    const bool has_communication_plan_;
    const std::optional<base::Instant> day_;  // none: at once
};

}  // namespace

std::unique_ptr<Exchange> rate_plan_exchange(const Account& account, const Line& line,
                                             const RatePlanChange& change, const Attempt& attempt) {
    auto goal = std::make_unique<RatePlanGoal>(change, day_of(account, change.effective_date),
                                               carrier_time(account, attempt.now));
    return line_exchange(account, line, std::move(goal), attempt);
}

}  // namespace carryall::carriers::telegence
