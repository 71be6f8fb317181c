// For tests of the run engine: an HTTP client whose answers the test makes, and an exchange that
// follows a script. No sockets, no time.
#pragma once

#include <deque>
#include <functional>

#include "carriers/exchange.hpp"
#include "http/client.hpp"

namespace carryall::changes {

class FakeClient : public http::Client {
  public:
    // Answers a request; nothing: it stays in flight until cancel_all().
    using Answer = std::function<std::optional<http::ClientResponse>(const http::ClientRequest&)>;

    static http::ClientResponse ok(std::string body = "{}", int status = 200) {
        http::ClientResponse response;
        response.transport = http::Transport::ok;
        response.status = status;
        response.body = std::move(body);
        return response;
    }
    static http::ClientResponse failed(http::Transport transport) {
        http::ClientResponse response;
        response.transport = transport;
        response.reason = "as the test wants it";
        return response;
    }

    void start(http::ClientRequest request) override {
        started.push_back(request);
        pending_.push_back(std::move(request));
        most_in_flight = std::max(most_in_flight, pending_.size());
    }
    // The oldest answerable request only, so that tests see every order.
    void wait(std::chrono::milliseconds at_most, std::vector<http::ClientResponse>& out) override {
        waits.push_back(at_most);
        if (on_wait) on_wait();
        for (auto request = pending_.begin(); request != pending_.end(); ++request) {
            std::optional<http::ClientResponse> response =
                cancelled_ ? failed(http::Transport::lost) : answer(*request);
            if (!response) continue;
            response->tag = request->tag;
            out.push_back(std::move(*response));
            pending_.erase(request);
            break;
        }
        if (pending_.empty()) cancelled_ = false;
    }
    std::size_t in_flight() const override { return pending_.size(); }
    void wake() override {}
    void cancel_all() override { cancelled_ = !pending_.empty(); }

    Answer answer = [](const http::ClientRequest&) { return std::optional(ok()); };
    std::function<void()> on_wait;
    std::vector<http::ClientRequest> started;
    std::vector<std::chrono::milliseconds> waits;
    std::size_t most_in_flight = 0;

  private:
    std::deque<http::ClientRequest> pending_;
    bool cancelled_ = false;
};

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
