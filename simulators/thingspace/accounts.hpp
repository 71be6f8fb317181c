// Accounts, service plans, groups, and where each account wants its callbacks.
#pragma once

#include <cstdint>
#include <deque>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carryall::simulators::thingspace {

inline constexpr std::uint16_t kNone = UINT16_MAX;
inline constexpr std::uint16_t kNoPlan = 0;  // the first plan stands for none

// Counts calls of one span of time after the other.
class CallWindow {
  public:
    bool allows(std::int64_t now_micros, std::int64_t span_micros, std::int64_t limit);

  private:
    std::int64_t start_micros_ = 0;
    std::int64_t calls_ = 0;
};

struct Plan {
    std::string code;
    std::string name;
    std::int64_t size_kb = 0;
};

struct Account {
    std::string name;
    bool provisioning_allowed = true;  // false: devices must be added before they are activated
    CallWindow activates;
};

// http://host:port/path
struct CallbackUrl {
    sockaddr_in address{};
    std::string authority;
    std::string path;
};

// A service of an account with its listener, and the callbacks that wait for a free connection.
// Registering again keeps the place and raises the version.
struct Registration {
    std::uint16_t place = 0;  // in the list of all
    std::uint16_t account = 0;
    std::string service;
    std::string url;
    std::string username;
    std::string password;
    CallbackUrl target;
    std::uint32_t version = 0;
    bool active = false;
    std::deque<std::uint32_t> ready;  // delivery numbers
};

class Accounts {
  public:
    void clear(std::string_view first_account);

    std::uint16_t add_account(std::string_view name);
    std::uint16_t find_account(std::string_view name) const;
    std::uint16_t add_plan(const Plan& plan);
    std::uint16_t find_plan(std::string_view code) const;
    std::uint16_t group(std::string_view name);  // made when it is new; 0 for no text
    std::uint16_t find_group(std::string_view name) const;
    void append_group(std::string& out, std::uint16_t group, std::uint16_t account) const;

    // Nothing: nobody ever registered there.
    Registration* find_registration(std::uint16_t account, std::string_view service);
    Registration& registration(std::uint16_t account, std::string_view service);
    std::uint32_t new_version() { return ++versions_; }  // never the same twice, not even by clear

    std::deque<Account> accounts;
    std::vector<Plan> plans;
    std::deque<Registration> registrations;

  private:
    std::vector<std::string> groups_;
    std::uint32_t versions_ = 0;
};

// Nothing: not an http URL, or its host is unknown.
std::optional<CallbackUrl> parse_callback_url(std::string_view url);
bool is_callback_service(std::string_view name);

}  // namespace carryall::simulators::thingspace
