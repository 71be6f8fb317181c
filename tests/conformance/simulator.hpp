// A running carryall-sim and an engine of one device: sends what an exchange says over the real
// client, and tries again as the real engine does.
#pragma once

#include <memory>
#include <string>

#include "carriers/carrier.hpp"
#include "carriers/exchange_play.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::conformance {

class Simulator {
  public:
    Simulator();
    const std::string& url() const { return url_; }

    // Admin routes; the answer must be a success.
    base::json::value get(const std::string& path);
    base::json::value post(const std::string& path, const base::json::value& body);
    // The next request of `action` goes wrong.
    void fail_once(std::string_view system, std::string_view action, std::string_view fault);
    // How often the action was carried out, by the simulator's own book.
    std::int64_t performed(std::string_view system, std::string_view action);

    http::ClientResponse send(http::ClientRequest request);

  private:
    base::json::value admin(http::Method method, const std::string& path, std::string body);

    support::TempDir state_;
    support::Process process_;
    std::string url_;
    std::unique_ptr<http::Client> client_;
};

using MakeExchange = std::function<std::unique_ptr<carriers::Exchange>(const carriers::Attempt&)>;

// Until Applied or Refused; unknown outcomes are read back, with the settling time taken as passed.
carriers::Outcome run_to_end(Simulator& simulator, const carriers::Account& account,
                             const MakeExchange& make);

}  // namespace carryall::conformance
