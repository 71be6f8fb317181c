// See api_users.hpp.
#include "jasper/api_users.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base64.hpp"
#include "http_request.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::string_view kScheme = "Basic ";

constexpr std::array<std::pair<std::string_view, Role>, 4> kRoles{{
    {"operator", Role::op},
    {"account", Role::account},
    {"customer", Role::customer},
    {"readonly", Role::readonly},
}};

}  // namespace

std::optional<Role> role_of(std::string_view name) {
    for (const auto& [text, role] : kRoles) {
        if (text == name) return role;
    }
    return std::nullopt;
}

std::string_view name_of(Role role) {
    return kRoles[static_cast<std::size_t>(role)].first;
}

bool CallWindow::admit(std::int64_t now_micros, std::int64_t calls, std::int64_t window_micros) {
    if (calls == 0) return true;
    const auto size = static_cast<std::size_t>(calls);
    if (admitted_micros_.size() != size) {
        admitted_micros_.assign(size, 0);
        oldest_ = 0;
    }
    if (now_micros - admitted_micros_[oldest_] < window_micros) return false;
    admitted_micros_[oldest_] = now_micros;
    oldest_ = (oldest_ + 1) % size;
    return true;
}

std::size_t InFlight::count(std::int64_t now_micros) {
    std::erase_if(leaves_micros_,
                  [now_micros](std::int64_t leaves) { return leaves <= now_micros; });
    return leaves_micros_.size();
}

void ApiUsers::put(ApiUser user) {
    remove(user.name);
    users_.push_back(std::move(user));
    index();
}

bool ApiUsers::remove(std::string_view name) {
    const auto removed =
        std::erase_if(users_, [name](const ApiUser& user) { return user.name == name; });
    index();
    return removed > 0;
}

void ApiUsers::clear() {
    users_.clear();
    by_credentials_.clear();
}

void ApiUsers::index() {
    by_credentials_.clear();
    for (ApiUser& user : users_) by_credentials_[base64(user.name + ":" + user.key)] = &user;
}

bool is_basic(std::string_view authorization) {
    return authorization.size() > kScheme.size() &&
           equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme);
}

ApiUser* ApiUsers::find(std::string_view authorization) {
    if (!is_basic(authorization)) return nullptr;
    const auto found = by_credentials_.find(authorization.substr(kScheme.size()));
    return found == by_credentials_.end() ? nullptr : found->second;
}

}  // namespace carryall::simulators::jasper
