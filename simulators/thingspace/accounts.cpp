// See accounts.hpp.
#include "thingspace/accounts.hpp"

#include <array>
#include <netdb.h>
#include <sys/socket.h>

#include "clock.hpp"
#include "json_text.hpp"
#include "query.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::size_t kMaxGroups = 60'000;

constexpr std::array<std::string_view, 16> kServices{
    "CarrierService",
    "DeviceService",
    "DeviceUsage",
    "DevicePRLInformation",
    "DeviceProfileService",
    "DeviceSuspensionStatus",
    "DiagnosticsService",
    "EnhancedConnectivityService",
    "SMSDeliveryConfirmation",
    "StateService",
    "ExternalProvisioningChanges",
    "ResumeTrackingNotification",
    "SubscriptionNotificationService",
    "PromoChanges",
    "AlertService",
    "NiddService",
};

std::optional<in_addr> resolve(const std::string& host) {
    addrinfo wanted{};
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return std::nullopt;
    const in_addr address = reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return address;
}

}  // namespace

bool CallWindow::allows(std::int64_t now_micros, std::int64_t span_micros, std::int64_t limit) {
    if (limit == 0) return true;
    if (now_micros - start_micros_ >= span_micros) {
        start_micros_ = now_micros;
        calls_ = 0;
    }
    if (calls_ >= limit) return false;
    ++calls_;
    return true;
}

void Accounts::clear(std::string_view first_account) {
    accounts.clear();
    registrations.clear();
    plans = {{"", "", 0}};
    groups_ = {""};
    add_account(first_account);
    for (const int megabytes : {1, 5, 10, 25, 50, 150}) {
        const std::string size = std::to_string(megabytes) + "MB";
        add_plan({"M2M-" + size, "M2M " + size + " plan", std::int64_t{megabytes} * 1024});
    }
}

std::uint16_t Accounts::add_account(std::string_view name) {
    const std::uint16_t known = find_account(name);
    if (known != kNone) return known;
    accounts.push_back({std::string(name), true, {}});
    return static_cast<std::uint16_t>(accounts.size() - 1);
}

std::uint16_t Accounts::find_account(std::string_view name) const {
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        if (accounts[i].name == name) return static_cast<std::uint16_t>(i);
    }
    return kNone;
}

std::uint16_t Accounts::add_plan(const Plan& plan) {
    const std::uint16_t known = find_plan(plan.code);
    if (known != kNone) {
        plans[known] = plan;
        return known;
    }
    plans.push_back(plan);
    return static_cast<std::uint16_t>(plans.size() - 1);
}

std::uint16_t Accounts::find_plan(std::string_view code) const {
    for (std::size_t i = 1; i < plans.size(); ++i) {
        if (plans[i].code == code) return static_cast<std::uint16_t>(i);
    }
    return kNone;
}

std::uint16_t Accounts::group(std::string_view name) {
    const std::uint16_t known = find_group(name);
    if (known != kNone) return known;
    if (groups_.size() >= kMaxGroups) return 0;
    groups_.emplace_back(name);
    return static_cast<std::uint16_t>(groups_.size() - 1);
}

std::uint16_t Accounts::find_group(std::string_view name) const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        if (groups_[i] == name) return static_cast<std::uint16_t>(i);
    }
    constexpr std::string_view kDefault = "Default: ";
    const bool is_default = name.substr(0, kDefault.size()) == kDefault &&
                            find_account(name.substr(kDefault.size())) != kNone;
    return is_default ? 0 : kNone;
}

void Accounts::append_group(std::string& out, std::uint16_t group, std::uint16_t account) const {
    if (group == 0)
        append_quoted(out, "Default: " + accounts[account].name);
    else
        append_quoted(out, groups_[group]);
}

Registration* Accounts::find_registration(std::uint16_t account, std::string_view service) {
    for (Registration& one : registrations) {
        if (one.account == account && one.service == service) return &one;
    }
    return nullptr;
}

Registration& Accounts::registration(std::uint16_t account, std::string_view service) {
    if (Registration* known = find_registration(account, service)) return *known;
    Registration& made = registrations.emplace_back();
    made.place = static_cast<std::uint16_t>(registrations.size() - 1);
    made.account = account;
    made.service = service;
    return made;
}

std::optional<CallbackUrl> parse_callback_url(std::string_view url) {
    constexpr std::string_view kScheme = "http://";
    if (url.substr(0, kScheme.size()) != kScheme) return std::nullopt;
    url.remove_prefix(kScheme.size());
    const std::size_t slash = url.find_first_of("/?");
    CallbackUrl target;
    target.authority = url.substr(0, slash);
    if (slash != std::string_view::npos) target.path = url.substr(slash);
    if (target.path.empty() || target.path.front() != '/') target.path.insert(0, "/");
    const std::size_t colon = target.authority.rfind(':');
    const std::string host = target.authority.substr(0, colon);
    std::int64_t port = 80;
    if (colon != std::string::npos) {
        port = parse_integer(std::string_view(target.authority).substr(colon + 1)).value_or(0);
    }
    if (host.empty() || port < 1 || port > 65'535) return std::nullopt;
    for (const char c : target.authority + target.path) {
        if (c <= ' ' || c == '@') return std::nullopt;
    }
    const auto address = resolve(host);
    if (!address) return std::nullopt;
    target.address.sin_family = AF_INET;
    target.address.sin_port = htons(static_cast<std::uint16_t>(port));
    target.address.sin_addr = *address;
    return target;
}

bool is_callback_service(std::string_view name) {
    for (const std::string_view known : kServices) {
        if (known == name) return true;
    }
    return false;
}

}  // namespace carryall::simulators::thingspace
