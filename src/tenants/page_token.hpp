// Page tokens: where a list goes on, handed to a client and taken back. Opaque and sealed with the
// master key, bound to the tenant and to the question (filter and order) it came from, so that a
// foreign, tampered or mixed-up token is refused instead of showing the wrong page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "tenants/tenant.hpp"

namespace carryall::tenants {

inline constexpr int kDefaultPageLimit = 100;
inline constexpr int kMaxPageLimit = 500;
inline constexpr std::size_t kMaxPageTokenBytes = 4096;

struct PageRequest {
    int limit = kDefaultPageLimit;
    std::string token;  // empty: the first page
};

template <class T>
struct Page {
    std::vector<T> items;
    std::string next_token;  // empty: this was the last page
};

// `invalid_input` unless 1 <= limit <= kMaxPageLimit.
base::Result<int> check_limit(int limit);

class PageTokens {
  public:
    explicit PageTokens(base::MasterKey key) : key_(std::move(key)) {}
    // `question` names the list, its filter and its order; `cursor` is the last item's sort key.
    std::string make(TenantId tenant, std::string_view question, std::string_view cursor) const;
    base::Result<std::string> open(TenantId tenant, std::string_view question,
                                   std::string_view token) const;

  private:
    base::MasterKey key_;
};

}  // namespace carryall::tenants
