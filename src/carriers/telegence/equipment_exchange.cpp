// Equipment of a line: another SIM, another device, or both. Telegence takes it at once; it has no
// date here.
#include "base/text.hpp"
#include "carriers/telegence/line_exchange.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

namespace {

// The digits that identify: an ICCID may come with or without its check digit, an IMEI with a
// check digit or with a software version.
constexpr std::size_t kIccidDigits = 19;
constexpr std::size_t kMinImeiDigits = 14;
constexpr std::size_t kMaxImeiDigits = 16;
constexpr int kNotFound = 404;

bool is_iccid(std::string_view text) {
    return (text.size() == kIccidDigits || text.size() == kIccidDigits + 1) &&
           base::all_digits(text);
}

bool is_imei(std::string_view text) {
    return text.size() >= kMinImeiDigits && text.size() <= kMaxImeiDigits && base::all_digits(text);
}

bool is_same(std::string_view wanted, std::string_view shown, std::size_t digits) {
    return wanted.empty() || (shown.size() >= digits && base::all_digits(shown) &&
                              shown.substr(0, digits) == wanted.substr(0, digits));
}

class EquipmentGoal : public LineGoal {
  public:
    explicit EquipmentGoal(EquipmentChange change) : change_(std::move(change)) {}

    std::string operation() const override { return "Change Equipment"; }

    std::optional<Refused> problem() const override {
        if (change_.iccid.empty() && change_.imei.empty()) {
            return wrong("Neither an ICCID nor an IMEI is given");
        }
        if (!change_.iccid.empty() && !is_iccid(change_.iccid)) {
            return wrong("The new ICCID has not 19 or 20 digits");
        }
        if (!change_.imei.empty() && !is_imei(change_.imei)) {
            return wrong("The new IMEI has not 14 to 16 digits");
        }
        if (!is_code(change_.reason_code)) {
            return wrong("A reason code of Telegence has 1 to 64 visible characters");
        }
        return std::nullopt;
    }

    base::json::object body(const std::string&) const override {
        Characteristics list = {{"reasonCode", change_.reason_code}};
        const auto add = [&](const char* name, const std::string& value) {
            if (!value.empty()) list.push_back({name, value});
        };
        add("serviceZipCode", change_.zip_code);
        add("technologyType", change_.technology_type);
        add("IMEI", change_.imei);
        add("sim", change_.iccid);
        return {{"serviceCharacteristic", to_json(list)}};
    }

    // What the network has seen (NWIMEI) proves nothing: the SIM may sit in that device already.
    bool is_reached(const LineDetails& line) const override {
        return is_same(change_.iccid, line.value("sim"), kIccidDigits) &&
               is_same(change_.imei, line.value("BLIMEI"), kMinImeiDigits);
    }

    std::string obstacle(const LineDetails& line) const override {
        if (platform_status(line.value("subscriberStatus")) != "Deactivated") return {};
        return "The line is cancelled at Telegence; its equipment cannot be changed";
    }

    std::optional<std::string> explain(const Answer& answer) const override {
        if (answer.verdict.http_status != kNotFound || answer.said != "/service/") {
            return std::nullopt;
        }
        return "The device requires an eSIM profile (Telegence answered HTTP 404: /service/)";
    }

    base::json::object details() const override {
        base::json::object out;
        if (!change_.iccid.empty()) out["iccid"] = change_.iccid;
        if (!change_.imei.empty()) out["imei"] = change_.imei;
        return out;
    }

  private:
    static Refused wrong(std::string reason) {
        return {FailureClass::validation, std::move(reason)};
    }

    const EquipmentChange change_;
};

}  // namespace

std::unique_ptr<Exchange> equipment_exchange(const Account& account, const Line& line,
                                             const EquipmentChange& change,
                                             const Attempt& attempt) {
    EquipmentChange whole = change;
    if (whole.reason_code.empty()) whole.reason_code = equipment_reason_code(account);
    return line_exchange(account, line, std::make_unique<EquipmentGoal>(std::move(whole)), attempt);
}

}  // namespace carryall::carriers::telegence
