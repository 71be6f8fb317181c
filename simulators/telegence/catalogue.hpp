// What the carrier knows beside its lines: app ids, billing accounts, plans and features, and the
// short texts that lines share. All are small tables; a line refers to them by number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "telegence/days.hpp"

namespace carryall::simulators::telegence {

inline constexpr std::uint16_t kNone = UINT16_MAX;
inline constexpr std::size_t kMaxCatalogue = 60'000;

// Gives equal texts the same number. Number 0 is the empty text.
class Texts {
  public:
    Texts() = default;
    Texts(Texts&&) = default;  // not copyable: the list points into the map
    Texts& operator=(Texts&&) = default;

    std::uint32_t number_of(std::string_view text);
    const std::string& text_of(std::uint32_t number) const { return *texts_[number]; }

  private:
    std::unordered_map<std::string, std::uint32_t> numbers_{{"", 0}};
    std::vector<const std::string*> texts_{&numbers_.begin()->first};
};

struct CodeEntry {
    std::string code;
    std::string description;
};

// Plans, or features, by code.
class CodeTable {
  public:
    // kNone: unknown.
    std::uint16_t find(std::string_view code) const;
    // Replaces the description of a known code. False: the table is full.
    bool add(std::string_view code, std::string_view description);
    const CodeEntry& at(std::uint16_t index) const { return entries_[index]; }
    const std::vector<CodeEntry>& entries() const { return entries_; }

  private:
    std::vector<CodeEntry> entries_;
    std::map<std::string, std::uint16_t, std::less<>> indexes_;
};

// A feature on a line, from that day on.
struct FeatureOn {
    std::uint16_t feature = kNone;
    Day since = 0;
    auto operator<=>(const FeatureOn&) const = default;
};
using FeatureList = std::vector<FeatureOn>;

// The feature lists that lines have, each once: a fleet has few different ones. Number 0 is the
// empty list.
class FeatureLists {
  public:
    FeatureLists() = default;
    FeatureLists(FeatureLists&&) = default;  // as Texts
    FeatureLists& operator=(FeatureLists&&) = default;

    std::uint32_t number_of(const FeatureList& list);
    const FeatureList& list_of(std::uint32_t number) const { return *lists_[number]; }

  private:
    std::map<FeatureList, std::uint32_t> numbers_{{FeatureList{}, 0}};
    std::vector<const FeatureList*> lists_{&numbers_.begin()->first};
};

struct Account {
    std::string app_id;
    std::string secret;
    double tokens = 0;
    std::int64_t tokens_at_micros = 0;
    std::vector<std::int64_t> held_until;        // answers that have not left yet
    std::vector<std::uint32_t> listed_in_block;  // see TelegenceState::collect_listed
    std::size_t listed = 0;
};

struct BillingAccount {
    std::string ban;
    std::string fan;
    std::string status = "Active";
    std::uint16_t account = 0;
};

}  // namespace carryall::simulators::telegence
