// The query string of a request, and numbers from text. Percent signs are decoded; a broken escape
// stays as it was sent, as most servers do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carryall::simulators {

inline constexpr std::size_t kMaxQueryParameters = 64;

std::optional<std::int64_t> parse_integer(std::string_view text);

// With percent signs decoded; `plus_is_blank` in a query string, not in a path.
std::string percent_decode(std::string_view text, bool plus_is_blank);

class Query {
  public:
    explicit Query(std::string_view text);

    // The first value of that name.
    std::optional<std::string_view> first(std::string_view name) const;
    std::vector<std::string_view> all(std::string_view name) const;
    // The integer value of that name, or `otherwise` when it is absent. Not a number: nothing.
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t otherwise) const;
    const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

  private:
    std::vector<std::pair<std::string, std::string>> items_;
};

}  // namespace carryall::simulators
