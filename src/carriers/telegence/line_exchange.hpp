// What every change of a line at Telegence shares: one PATCH of the line, and readings of the line
// for what stays unclear. What is to be brought about, and how a reading shows it, is a LineGoal.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "carriers/carrier.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

class LineGoal {
  public:
    virtual ~LineGoal() = default;
    // Why it cannot be asked for, before anything is sent.
    virtual std::optional<Refused> problem() const { return std::nullopt; }
    virtual std::string operation() const = 0;  // "Update Status"
    // Of the PATCH. `today` is wire_day() of Telegence's present day.
    virtual base::json::object body(const std::string& today) const = 0;
    // Whether the line is as it is to be.
    virtual bool is_reached(const LineDetails& line) const = 0;
    // Why this line will never get there; empty: it may.
    virtual std::string obstacle(const LineDetails&) const { return {}; }
    // The line was read and is to be changed after all: what is there already is not asked again.
    virtual void narrow(const LineDetails&) {}
    // Telegence's refusal in words that help; nullopt: as it was said.
    virtual std::optional<std::string> explain(const Answer&) const { return std::nullopt; }
    // The day (its begin, in Telegence's time) that Telegence keeps for the change; none: today.
    virtual std::optional<base::Instant> day() const { return std::nullopt; }
    // Of Applied.
    virtual base::json::object details() const { return {}; }
};

std::unique_ptr<Exchange> line_exchange(const Account& account, const Line& line,
                                        std::unique_ptr<LineGoal> goal, const Attempt& attempt);

}  // namespace carryall::carriers::telegence
