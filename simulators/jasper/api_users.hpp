// Who may call Jasper's API and how much: users with their keys, the calls of the last second, the
// calls in flight.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carryall::simulators::jasper {

inline constexpr std::int64_t kMaxCallsPerSecond = 100'000;
inline constexpr std::int64_t kMaxCallsInFlight = 1'000;

// What a user may do: an operator everything, an account user no operator custom fields, a
// customer user neither those nor account custom fields, customer or plan lists; readonly no edits.
enum class Role : std::uint8_t { op, account, customer, readonly };
std::optional<Role> role_of(std::string_view name);
std::string_view name_of(Role role);

// Admits at most so many calls in any window of time. Refused calls do not count.
class CallWindow {
  public:
    bool admit(std::int64_t now_micros, std::int64_t calls, std::int64_t window_micros);

  private:
    std::vector<std::int64_t> admitted_micros_;  // a ring of as many as are allowed
    std::size_t oldest_ = 0;
};

// Calls whose answers are held back. Answers that leave at once are never in flight when another
// request is looked at.
class InFlight {
  public:
    std::size_t count(std::int64_t now_micros);
    void add(std::int64_t leaves_micros) { leaves_micros_.push_back(leaves_micros); }

  private:
    std::vector<std::int64_t> leaves_micros_;
};

struct ApiUser {
    std::string name;
    std::string key;
    std::string account_id;
    Role role = Role::account;
    std::optional<std::int64_t> calls_per_second;  // absent: the common limit; 0: none
    std::optional<std::int64_t> calls_in_flight;
    std::vector<std::string> allowed_addresses;  // empty: the common list
    std::uint32_t name_text = 0;
    CallWindow window;
    InFlight in_flight;
};

class ApiUsers {
  public:
    // Replaces a user of the same name: its old key fails from then on.
    void put(ApiUser user);
    bool remove(std::string_view name);
    void clear();
    // By the value of an Authorization header; nullptr: unknown user or wrong key.
    ApiUser* find(std::string_view authorization);
    std::deque<ApiUser>& all() { return users_; }

  private:
    void index();

    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    std::deque<ApiUser> users_;
    std::unordered_map<std::string, ApiUser*, Hash, std::equal_to<>> by_credentials_;
};

// Whether the header carries Basic credentials at all.
bool is_basic(std::string_view authorization);

}  // namespace carryall::simulators::jasper
