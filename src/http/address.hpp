// IP addresses, what kind of network they belong to, and the outbound guard that decides where this
// process may connect. The guard is asked about the very address that is about to be connected to,
// never about a name: a name may resolve to something else a moment later.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct sockaddr;

namespace carryall::http {

struct IpAddress {
    bool is_v6 = false;
    std::array<std::uint8_t, 16> bytes{};  // an IPv4 address uses the first four

    static std::optional<IpAddress> parse(std::string_view text);
    static std::optional<IpAddress> from(const sockaddr& address);  // nullopt: neither v4 nor v6
    std::string to_string() const;
    bool operator==(const IpAddress&) const = default;
};

enum class AddressClass {
    public_internet,
    unspecified,      // 0.0.0.0/8, ::
    loopback,         // 127.0.0.0/8, ::1
    private_network,  // RFC 1918, fc00::/7, fec0::/10
    link_local,       // 169.254.0.0/16 (cloud metadata services), fe80::/10
    shared,           // 100.64.0.0/10, carrier-grade NAT
    multicast,
    reserved,  // documentation, benchmarking, class E, broadcast, every unassigned IPv6 range
};

std::string_view to_string(AddressClass address_class);

// IPv4 hidden in IPv6 (mapped, compatible, translated by NAT64, 6to4) is judged as the IPv4
// address that it reaches.
AddressClass classify(const IpAddress& address);

class Cidr {
  public:
    // "10.0.0.0/8", "fd00::/8"; a bare address is a network of one.
    static base::Result<Cidr> parse(std::string_view text);
    bool contains(const IpAddress& address) const;

  private:
    IpAddress network_;
    int prefix_bits_ = 0;
};

class OutboundGuard {
  public:
    // For URLs that a tenant gives, such as webhooks.
    static OutboundGuard public_only() { return OutboundGuard(Policy::public_or_listed, {}); }
    // The same, and also the networks that the operator lists in the configuration.
    static OutboundGuard public_or(std::vector<Cidr> listed) {
        return OutboundGuard(Policy::public_or_listed, std::move(listed));
    }
    // Only the listed networks.
    static OutboundGuard only(std::vector<Cidr> listed) {
        return OutboundGuard(Policy::listed, std::move(listed));
    }
    // For URLs that the operator himself configures, such as carriers' base URLs.
    static OutboundGuard anywhere() { return OutboundGuard(Policy::anywhere, {}); }

    bool allows(const IpAddress& address) const;

  private:
    enum class Policy { anywhere, public_or_listed, listed };
    OutboundGuard(Policy policy, std::vector<Cidr> listed)
        : policy_(policy), listed_(std::move(listed)) {}

    Policy policy_;
    std::vector<Cidr> listed_;
};

}  // namespace carryall::http
