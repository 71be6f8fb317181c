// Features of a line: any number of offering codes added and removed by one PATCH. After a reading
// only what is missing is sent, for Telegence may refuse to add what is there.
#include <algorithm>

#include "base/text.hpp"
#include "carriers/telegence/line_exchange.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

namespace {

using Codes = std::vector<std::string>;

bool is_same_code(std::string_view one, std::string_view other) {
    return base::ascii_lower(one) == base::ascii_lower(other);
}

bool contains(const Codes& codes, std::string_view code) {
    return std::any_of(codes.begin(), codes.end(),
                       [&](const std::string& other) { return is_same_code(other, code); });
}

Codes without_repeats(const Codes& codes) {
    Codes out;
    for (const std::string& code : codes) {
        if (!contains(out, code)) out.push_back(code);
    }
    return out;
}

class FeatureGoal : public LineGoal {
  public:
    FeatureGoal(const FeatureChange& change, base::Instant carrier_now)
        : add_(without_repeats(change.add)),
          remove_(without_repeats(change.remove)),
          carrier_now_(carrier_now) {}

    std::string operation() const override { return "Change Features"; }

    std::optional<Refused> problem() const override {
        if (add_.empty() && remove_.empty()) return wrong("No feature is to be added or removed");
        for (const Codes* codes : {&add_, &remove_}) {
            if (!std::all_of(codes->begin(), codes->end(), is_code)) {
                return wrong("A feature code of Telegence has 1 to 64 visible characters");
            }
        }
        for (const std::string& code : add_) {
            if (contains(remove_, code)) {
                return wrong("The feature " + code + " is to be added and removed at once");
            }
        }
        return std::nullopt;
    }

    base::json::object body(const std::string& today) const override {
        Characteristics list;
        for (const std::string& code : add_) list.push_back({"addOfferingCode", code});
        for (const std::string& code : remove_) list.push_back({"removeOfferingCode", code});
        return {{"effectiveDate", today}, {"serviceCharacteristic", to_json(list)}};
    }

    bool is_reached(const LineDetails& line) const override {
        const Codes present = present_codes(line);
        return std::all_of(add_.begin(), add_.end(),
                           [&](const std::string& code) { return contains(present, code); }) &&
               std::none_of(remove_.begin(), remove_.end(),
                            [&](const std::string& code) { return contains(present, code); });
    }

    std::string obstacle(const LineDetails& line) const override {
        if (platform_status(line.value("subscriberStatus")) != "Deactivated") return {};
        return "The line is cancelled at Telegence; its features cannot be changed";
    }

    void narrow(const LineDetails& line) override {
        const Codes present = present_codes(line);
        std::erase_if(add_, [&](const std::string& code) { return contains(present, code); });
        std::erase_if(remove_, [&](const std::string& code) { return !contains(present, code); });
    }

  private:
    static Refused wrong(std::string reason) {
        return {FailureClass::validation, std::move(reason)};
    }

    // A feature that ends today or has ended may still be listed, with its last day.
    Codes present_codes(const LineDetails& line) const {
        Codes codes;
        for (const Feature& feature : line.features()) {
            const auto last_day = parse_day(feature.expires);
            if (!last_day || *last_day > carrier_now_) codes.push_back(feature.code);
        }
        return codes;
    }

    Codes add_;
    Codes remove_;
    const base::Instant carrier_now_;
};

}  // namespace

std::unique_ptr<Exchange> feature_exchange(const Account& account, const Line& line,
                                           const FeatureChange& change, const Attempt& attempt) {
    auto goal = std::make_unique<FeatureGoal>(change, carrier_time(account, attempt.now));
    return line_exchange(account, line, std::move(goal), attempt);
}

}  // namespace carryall::carriers::telegence
