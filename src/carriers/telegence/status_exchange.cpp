// Status of a line: suspend (mode S), restore (R), cancel (C, final). A line that is neither active
// nor suspended gets service only by a new activation, which is another call of Telegence's.
#include "base/text.hpp"
#include "carriers/refusal.hpp"
#include "carriers/telegence/line_exchange.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

namespace {

struct Mode {
    std::string_view status;
    const char* letter;
};
constexpr Mode kModes[] = {{"Active", "R"}, {"Suspended", "S"}, {"Deactivated", "C"}};

class StatusGoal : public LineGoal {
  public:
    StatusGoal(const Mode& mode, std::string reason_code)
        : mode_(mode), reason_code_(std::move(reason_code)) {}

    std::string operation() const override { return "Update Status"; }

    std::optional<Refused> problem() const override {
        if (is_code(reason_code_)) return std::nullopt;
        return Refused{FailureClass::validation,
                       "A reason code of Telegence has 1 to 64 visible characters"};
    }

    base::json::object body(const std::string& today) const override {
        return {{"mode", mode_.letter}, {"reasonCode", reason_code_}, {"effectiveDate", today}};
    }

    bool is_reached(const LineDetails& line) const override {
        return platform_status(line.value("subscriberStatus")) == mode_.status;
    }

    std::string obstacle(const LineDetails& line) const override {
        if (platform_status(line.value("subscriberStatus")) != "Deactivated") return {};
        return "The line is cancelled at Telegence; a new activation is needed";
    }

  private:
    const Mode& mode_;
    const std::string reason_code_;
};

// By our record, which may have changed since the change was accepted. Of an active line Telegence
// judges, and of one whose status we do not know.
bool can_be_restored(std::string_view recorded) {
    const auto status = platform_status(recorded);
    return recorded.empty() || status == "Suspended" || status == "Active";
}

}  // namespace

std::unique_ptr<Exchange> status_exchange(const Account& account, const Line& line,
                                          const StatusChange& change, const Attempt& attempt) {
    for (const Mode& mode : kModes) {
        if (mode.status != change.target) continue;
        if (mode.status == "Active" && !attempt.resolving && !can_be_restored(line.status)) {
            return refusing_exchange(FailureClass::business,
                                     "Only a suspended line can be restored at Telegence, and this "
                                     "one is " +
                                         excerpt(line.status) + "; a new activation is needed");
        }
        std::string reason = change.reason_code;
        if (reason.empty()) reason = status_reason_code(account, mode.status);
        return line_exchange(account, line, std::make_unique<StatusGoal>(mode, std::move(reason)),
                             attempt);
    }
    return refusing_exchange(FailureClass::validation, "Telegence has no such status");
}

}  // namespace carryall::carriers::telegence
