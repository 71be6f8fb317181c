// The whole program as an object, so that tests run it in their own process over real sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "clock.hpp"
#include "dispatcher.hpp"
#include "ledger.hpp"
#include "options.hpp"
#include "server.hpp"

namespace carryall::simulators {

class Simulator {
  public:
    // Throws std::runtime_error when the state folder, a fleet file or the port cannot be used.
    explicit Simulator(const Options& options);
    ~Simulator();

    std::uint16_t port() const { return server_->port(); }
    void stop();

  private:
    void load_fleet(const std::string& file);

    Clock clock_;
    Ledger ledger_;
    Dispatcher dispatcher_;
    std::unique_ptr<Server> server_;
};

}  // namespace carryall::simulators
