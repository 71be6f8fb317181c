// The two layers of ThingSpace's authentication: OAuth2 tokens of an app key, and sessions of a
// user.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "row_guid.hpp"

namespace carryall::simulators::thingspace {

struct User {
    std::string name;
    std::string password;
    std::vector<std::uint16_t> accounts;  // empty: all of them
    int failed_logins = 0;
    bool locked = false;
};

enum class SessionCheck : std::uint8_t { valid, malformed, unknown, expired };

class Credentials {
  public:
    explicit Credentials(std::uint64_t seed) : seed_(seed) {}
    void clear();
    void add_app_key(std::string_view key, std::string_view secret);
    User& add_user(std::string_view name, std::string_view password);
    User* find_user(std::string_view name);

    // The same token while it lives. False: no such app key and secret.
    bool issue_token(std::string_view authorization, std::int64_t now_micros, std::string& token,
                     std::int64_t& seconds_left);
    // `most_uses` 0: only time ends a token.
    bool accepts_bearer(std::string_view token, std::int64_t now_micros, std::int64_t most_uses);

    // Empty: refused. Five refusals in a row lock the user.
    std::string log_in(User& user, std::string_view password, std::int64_t now_micros);
    // Renews the session.
    SessionCheck use_session(std::string_view token, std::int64_t now_micros,
                             std::int64_t most_uses);
    // Whose session it is or was; the first user when it is nobody's.
    std::size_t user_of(std::string_view token) const;
    void log_out(std::string_view token);

    void expire_tokens();
    void expire_sessions();
    const User& user(std::size_t place) const { return users_[place]; }

  private:
    struct AppKey {
        std::string authorization;  // the whole header
        std::string token;
        std::int64_t issued_micros = 0;
        std::int64_t uses = 0;
    };
    struct Session {
        std::size_t user = 0;
        std::int64_t used_micros = 0;
        std::int64_t uses = 0;
        bool ended = false;
        bool expired = false;
    };

    std::uint64_t seed_;
    std::uint32_t tokens_issued_ = 0;
    std::vector<AppKey> app_keys_;
    std::vector<User> users_;
    std::vector<Session> sessions_;
};

}  // namespace carryall::simulators::thingspace
