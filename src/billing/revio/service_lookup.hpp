// Reads the active services of one line, by each number that it may be known by, over all pages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "billing/revio/wire.hpp"
#include "carriers/carrier.hpp"

namespace carryall::billing::revio {

class ServiceLookup {
  public:
    // Empty numbers are skipped.
    ServiceLookup(const carriers::Account& account, std::vector<std::string> numbers);

    // The next call; nullopt: everything has been read.
    std::optional<carriers::Call> next() const;
    // The answer to it. A verdict: it cannot be used, and the lookup has failed.
    std::optional<carriers::Verdict> take(const http::ClientResponse& response);
    // Exact matches that are not disconnected, each once.
    const std::vector<Service>& active() const { return active_; }

  private:
    void keep(Service service);

    const carriers::Account& account_;
    std::vector<std::string> numbers_;
    std::size_t current_ = 0;  // index into numbers_
    int page_ = 1;
    std::vector<Service> active_;
};

}  // namespace carryall::billing::revio
