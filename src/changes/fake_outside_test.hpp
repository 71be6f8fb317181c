// For tests of the run engine: an exchange that follows a script. No sockets, no time.
#pragma once

#include <deque>
#include <functional>

#include "carriers/exchange.hpp"
#include "http/fake_client_test.hpp"

namespace carryall::changes {

using http::FakeClient;

// What an exchange was told, kept by the test beyond the exchange's life.
struct Told {
    int begun = 0;
    std::vector<http::Transport> transports;
};

class ScriptedExchange : public carriers::Exchange {
  public:
    ScriptedExchange(std::vector<carriers::Step> steps, Told& told,
                     base::json::value progress = nullptr)
        : steps_(steps.begin(), steps.end()), told_(told), progress_(std::move(progress)) {}

    carriers::Step begin() override {
        ++told_.begun;
        return next();
    }
    carriers::Step proceed(const http::ClientResponse& response) override {
        told_.transports.push_back(response.transport);
        if (response.transport == http::Transport::not_sent) {
            return carriers::Outcome(carriers::NotSent{response.reason, {}, false});
        }
        if (response.transport != http::Transport::ok) {
            return carriers::Outcome(carriers::Unknown{response.reason});
        }
        return next();
    }
    base::json::value progress() const override { return progress_; }

  private:
    carriers::Step next() {
        CHECK(!steps_.empty());
        carriers::Step step = std::move(steps_.front());
        steps_.pop_front();
        return step;
    }

    std::deque<carriers::Step> steps_;
    Told& told_;
    base::json::value progress_;
};

inline carriers::Call call(const std::string& path, bool changes_state = true) {
    carriers::Call result;
    result.path = path;
    result.method = changes_state ? http::Method::post : http::Method::get;
    result.operation = "Try";
    result.changes_state = changes_state;
    return result;
}

}  // namespace carryall::changes
