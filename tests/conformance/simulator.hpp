// A running carryall-sim, spoken to over the real client, and its inventory as an adapter reads it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/exchange_play.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::conformance {

inline constexpr const char* kCorrelation = "conformance";

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
    // As an engine sends it: the account's address and headers, and the call's.
    http::ClientResponse send(const carriers::Account& account, const carriers::Call& call);

    // The simulator's clock goes forward, and now() with it.
    void pass(std::chrono::milliseconds time);
    base::Instant now() const;

  private:
    base::json::value admin(http::Method method, const std::string& path, std::string body);

    support::TempDir state_;
    support::Process process_;
    std::string url_;
    std::unique_ptr<http::Client> client_;
    std::chrono::milliseconds passed_{0};
};

struct ReadInventory {
    std::map<std::string, carriers::CarrierLine> lines;  // by ICCID, or by number without one
    std::vector<carriers::CarrierPlan> plans;
    std::set<std::string> communication_plans;
    std::vector<base::json::value> resumes;
    std::optional<carriers::InventoryFailed> failed;
};
ReadInventory read_inventory(Simulator& simulator, const carriers::Carrier& carrier,
                             const carriers::Account& account, carriers::InventoryScope scope = {});

}  // namespace carryall::conformance
