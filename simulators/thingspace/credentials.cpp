// See credentials.hpp.
#include "thingspace/credentials.hpp"

#include "base64.hpp"
#include "clock.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::int64_t kTokenMicros = 3600 * kMicrosPerSecond;
constexpr std::int64_t kSessionIdleMicros = 20 * 60 * kMicrosPerSecond;
constexpr int kFailuresThatLock = 5;
constexpr std::uint64_t kTokenSalt = 0x70b3;

}  // namespace

void Credentials::clear() {
    app_keys_.clear();
    users_.clear();
    sessions_.clear();
}

void Credentials::add_app_key(std::string_view key, std::string_view secret) {
    AppKey& made = app_keys_.emplace_back();
    made.authorization = "Basic " + base64(std::string(key).append(":").append(secret));
}

User& Credentials::add_user(std::string_view name, std::string_view password) {
    User* known = find_user(name);
    User& user = known != nullptr ? *known : users_.emplace_back();
    user = {std::string(name), std::string(password), {}, 0, false};
    return user;
}

User* Credentials::find_user(std::string_view name) {
    for (User& user : users_) {
        if (user.name == name) return &user;
    }
    return nullptr;
}

bool Credentials::issue_token(std::string_view authorization, std::int64_t now_micros,
                              std::string& token, std::int64_t& seconds_left) {
    for (AppKey& key : app_keys_) {
        if (key.authorization != authorization) continue;
        if (key.token.empty() || now_micros - key.issued_micros >= kTokenMicros) {
            key.token.clear();
            append_row_guid(key.token, seed_ ^ kTokenSalt, tokens_issued_++);
            key.issued_micros = now_micros;
            key.uses = 0;
        }
        token = key.token;
        seconds_left = (kTokenMicros - (now_micros - key.issued_micros)) / kMicrosPerSecond;
        return true;
    }
    return false;
}

bool Credentials::accepts_bearer(std::string_view token, std::int64_t now_micros,
                                 std::int64_t most_uses) {
    for (AppKey& key : app_keys_) {
        if (key.token != token || token.empty()) continue;
        const bool used_up = most_uses > 0 && key.uses >= most_uses;
        if (used_up || now_micros - key.issued_micros >= kTokenMicros) {
            key.token.clear();
            return false;
        }
        ++key.uses;
        return true;
    }
    return false;
}

std::string Credentials::log_in(User& user, std::string_view password, std::int64_t now_micros) {
    if (user.locked) return {};
    if (user.password != password) {
        user.locked = ++user.failed_logins >= kFailuresThatLock;
        return {};
    }
    user.failed_logins = 0;
    std::string token;
    append_row_guid(token, seed_, static_cast<std::uint32_t>(sessions_.size()));
    sessions_.push_back(
        {static_cast<std::size_t>(&user - users_.data()), now_micros, 0, false, false});
    return token;
}

SessionCheck Credentials::use_session(std::string_view token, std::int64_t now_micros,
                                      std::int64_t most_uses) {
    if (token.empty()) return SessionCheck::malformed;
    const std::uint32_t row = row_of_guid(token, seed_);
    if (row >= sessions_.size() || sessions_[row].ended) return SessionCheck::unknown;
    Session& session = sessions_[row];
    session.expired = session.expired || now_micros - session.used_micros >= kSessionIdleMicros ||
                      (most_uses > 0 && session.uses >= most_uses);
    if (session.expired) return SessionCheck::expired;
    session.used_micros = now_micros;
    ++session.uses;
    return SessionCheck::valid;
}

std::size_t Credentials::user_of(std::string_view token) const {
    const std::uint32_t row = row_of_guid(token, seed_);
    return row < sessions_.size() ? sessions_[row].user : 0;
}

void Credentials::log_out(std::string_view token) {
    const std::uint32_t row = row_of_guid(token, seed_);
    if (row < sessions_.size()) sessions_[row].ended = true;
}

void Credentials::expire_tokens() {
    for (AppKey& key : app_keys_) key.token.clear();
}

void Credentials::expire_sessions() {
    for (Session& session : sessions_) session.expired = true;
}

}  // namespace carryall::simulators::thingspace
