// Where carriers post what they tell by themselves: keeps every body, answers 200.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/json.hpp"
#include "http/server.hpp"

namespace carryall::conformance {

class CallbackListener {
  public:
    CallbackListener() {
        http::Router router;
        router.add(http::Method::post, "/callbacks", [this](http::Request& request) {
            const std::lock_guard lock(mutex_);
            bodies_.push_back(base::parse_json(request.body).value_or(nullptr));
            return http::Response{};
        });
        http::ServerHooks hooks;
        hooks.access_log = false;
        server_ = http::Server::start({}, std::move(router), std::move(hooks)).value();
    }

    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(server_->port()) + "/callbacks";
    }
    base::json::array bodies() {
        const std::lock_guard lock(mutex_);
        return bodies_;
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        bodies_.clear();
    }

  private:
    std::mutex mutex_;
    base::json::array bodies_;
    std::unique_ptr<http::Server> server_;  // last: its threads end first
};

}  // namespace carryall::conformance
