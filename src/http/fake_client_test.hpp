// For tests of what drives calls: an HTTP client whose answers the test makes. No sockets, no time.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "http/client.hpp"

namespace carryall::http {

class FakeClient : public Client {
  public:
    // Answers a request; nothing: it stays in flight until cancel_all().
    using Answer = std::function<std::optional<ClientResponse>(const ClientRequest&)>;

    static ClientResponse ok(std::string body = "{}", int status = 200) {
        ClientResponse response;
        response.transport = Transport::ok;
        response.status = status;
        response.body = std::move(body);
        return response;
    }
    static ClientResponse failed(Transport transport) {
        ClientResponse response;
        response.transport = transport;
        response.reason = "as the test wants it";
        return response;
    }

    void start(ClientRequest request) override {
        started.push_back(request);
        pending_.push_back(std::move(request));
        most_in_flight = std::max(most_in_flight, pending_.size());
    }
    // The oldest answerable request only, so that tests see every order.
    void wait(std::chrono::milliseconds at_most, std::vector<ClientResponse>& out) override {
        waits.push_back(at_most);
        if (on_wait) on_wait();
        for (auto request = pending_.begin(); request != pending_.end(); ++request) {
            std::optional<ClientResponse> response =
                cancelled_ ? failed(Transport::lost) : answer(*request);
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

    Answer answer = [](const ClientRequest&) { return std::optional(ok()); };
    std::function<void()> on_wait;
    std::vector<ClientRequest> started;
    std::vector<std::chrono::milliseconds> waits;
    std::size_t most_in_flight = 0;

  private:
    std::deque<ClientRequest> pending_;
    bool cancelled_ = false;
};

}  // namespace carryall::http
