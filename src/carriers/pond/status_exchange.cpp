// Status update at POND: one POST of the three service flags. Sending the same flags twice changes
// nothing, and yet an unclear outcome is settled by reading the flags back: a change by somebody
// else in between must not be overwritten unseen.
//
// This is the hot path of the platform (20,000 devices a second): one allocation for the path, one
// for the body, and no JSON where POND sends none.
#include <algorithm>

#include "base/text.hpp"
#include "carriers/pond/pond.hpp"
#include "carriers/pond/wire.hpp"

namespace carryall::carriers::pond {

namespace {

constexpr std::string_view kEnableAll =
    R"({"simDataServiceStatus":"ENABLED",)"
    R"("simVoiceServiceStatus":"ENABLED","simSmsServiceStatus":"ENABLED"})";
constexpr std::string_view kDisableAll =
    R"({"simDataServiceStatus":"DISABLED",)"
    R"("simVoiceServiceStatus":"DISABLED","simSmsServiceStatus":"DISABLED"})";

class StatusExchange : public Exchange {
  public:
    StatusExchange(const Account& account, std::string_view iccid, const StatusChange& change,
                   const Attempt& attempt)
        : account_(account),
          is_known_(is_known(change.target)),
          enables_(base::ascii_lower(change.target) == "active"),
          reading_(attempt.resolving),
          settled_(attempt.settled),
          standing_(attempt.resolving ? Standing::unclear : Standing::untouched) {
        const auto wire = wire_iccid(iccid);
        if (!wire) return;  // begin() refuses
        path_.reserve(account.path_prefix.size() + kIccidDigits + 16);
        path_.append(account.path_prefix).append("/sim/").append(*wire).append("/status");
    }

    Step begin() override {
        if (path_.empty()) {
            return Outcome(Refused{FailureClass::validation,
                                   "POND knows SIMs by an ICCID of 19 digits (20 with the check "
                                   "digit); this one has another form"});
        }
        // "Actve" must not switch a line off.
        if (!is_known_) {
            return Outcome(Refused{FailureClass::validation, "POND has no such status"});
        }
        return reading_ ? read_back() : update();
    }

    Step proceed(const http::ClientResponse& response) override {
        if (reading_) return on_read_back(response);
        const Answer answer = judge(response, Expect::nothing);
        if (answer.verdict.meaning == Meaning::accepted) return Outcome(Applied{});
        return conclude(answer.verdict, true, standing_);
    }

  private:
    static bool is_known(std::string_view target) {
        const auto& all = carrier().statuses();
        return std::any_of(all.begin(), all.end(), [&](const std::string& status) {
            return status == target || base::ascii_lower(status) == base::ascii_lower(target);
        });
    }

    Step update() {
        reading_ = false;
        if (!account_.write_is_enabled) {
            return Outcome(Refused{FailureClass::business, std::string(kWritesDisabled)});
        }
        Call call;
        call.method = http::Method::post;
        call.path = std::move(path_);
        call.body = enables_ ? kEnableAll : kDisableAll;
        call.operation = "Update Status";
        call.timeout = account_.call_timeout;
        return call;
    }

    Step read_back() {
        Call call;
        call.path = path_;
        call.operation = "Read Back Status";
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    Step on_read_back(const http::ClientResponse& response) {
        const Answer answer = judge(response, Expect::object);
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing_);
        }
        const auto flags = parse_service_flags(answer.body);
        if (!flags) {
            return conclude(malformed("no status of the three services"), false, standing_);
        }
        if (enables_ ? flags->all_enabled : flags->all_disabled) return Outcome(Applied{});
        if (!settled_) {
            return Outcome(Unknown{"POND does not show the new status yet; it may still come"});
        }
        standing_ = Standing::untouched;
        return update();
    }

    const Account& account_;
    std::string path_;  // empty: the ICCID cannot be POND's
    bool is_known_;
    bool enables_;
    bool reading_;
    bool settled_;
    Standing standing_;
};

}  // namespace

std::unique_ptr<Exchange> status_exchange(const Account& account, const Line& line,
                                          const StatusChange& change, const Attempt& attempt) {
    return std::make_unique<StatusExchange>(account, line.iccid, change, attempt);
}

}  // namespace carryall::carriers::pond
