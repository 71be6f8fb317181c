// The engine in small: plays the exchanges of several devices at once over the real client, joins
// the calls that may share a request, keeps a session where the carrier has them, and tries again
// as the real engine does. No pacing, no lease, no database: changes/page_run has those.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "conformance/simulator.hpp"

namespace carryall::conformance {

struct SmallDevice {
    carriers::Line line;
    carriers::Action action;
    carriers::Attempt attempt;  // the next one
    carriers::Outcome outcome = carriers::Unknown{"not begun"};
    std::string_view kind() const { return carriers::kind_of(outcome); }
    bool has_ended() const { return kind() == "applied" || kind() == "refused"; }
};

class SmallEngine {
  public:
    // `account` must outlive the engine.
    SmallEngine(Simulator& simulator, const carriers::Carrier& carrier,
                const carriers::Account& account)
        : simulator_(simulator), carrier_(carrier), account_(account) {}

    // One attempt for each device that has not ended. Afterwards its next attempt resolves, waits
    // or begins anew; the settling time is taken as passed if it resolves.
    void attempt(std::vector<SmallDevice>& devices);
    // Until all have ended, or after `most` attempts. `between` lets time pass at the carrier.
    using Between = std::function<void(std::vector<SmallDevice>&)>;
    void run(std::vector<SmallDevice>& devices, const Between& between, int most = 6);

    // One call, signed in. Without a session it is answered as not sent.
    http::ClientResponse send(carriers::Call call);
    carriers::SignInStep sign_in(std::string_view ended);

    const std::string& last_problem() const { return last_problem_; }  // of signing in

  private:
    Simulator& simulator_;
    const carriers::Carrier& carrier_;
    const carriers::Account& account_;
    base::json::value session_;
    std::string last_problem_;
};

using MakeExchange = std::function<std::unique_ptr<carriers::Exchange>(const carriers::Attempt&)>;

// One exchange alone, of a system that need not be a carrier with sessions.
// Until Applied or Refused; unknown outcomes are read back, with the settling time taken as passed.
// What the carrier has only accepted is asked for again after the time that it takes.
carriers::Outcome run_to_end(Simulator& simulator, const carriers::Account& account,
                             const MakeExchange& make);
// One attempt, to whatever end.
carriers::Outcome run_once(Simulator& simulator, const carriers::Account& account,
                           const MakeExchange& make, carriers::Attempt attempt = {});

}  // namespace carryall::conformance
