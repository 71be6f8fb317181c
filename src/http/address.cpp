// Classification of addresses after the IANA special-purpose registries, as a table: the first row
// that contains the address decides.
#include "http/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/text.hpp"

namespace carryall::http {
namespace {

struct Range {
    std::array<std::uint8_t, 16> network;
    int bits;
    AddressClass address_class;
};

using enum AddressClass;

constexpr std::array kV4Ranges = {
    Range{{0}, 8, unspecified},
    Range{{10}, 8, private_network},
    Range{{100, 64}, 10, shared},
    Range{{127}, 8, loopback},
    Range{{169, 254}, 16, link_local},
    Range{{172, 16}, 12, private_network},
    Range{{192, 0, 0}, 24, reserved},     // protocol assignments
    Range{{192, 0, 2}, 24, reserved},     // documentation
    Range{{192, 31, 196}, 24, reserved},  // AS112
    Range{{192, 52, 193}, 24, reserved},  // AMT
    Range{{192, 88, 99}, 24, reserved},   // 6to4 relay, deprecated
    Range{{192, 168}, 16, private_network},
    Range{{192, 175, 48}, 24, reserved},  // AS112
    Range{{198, 18}, 15, reserved},       // benchmarking
    Range{{198, 51, 100}, 24, reserved},  // documentation
    Range{{203, 0, 113}, 24, reserved},   // documentation
    Range{{224}, 4, multicast},
    Range{{240}, 4, reserved},  // class E and broadcast
};

// Everything outside 2000::/3 is reserved; see classify().
constexpr std::array kV6Ranges = {
    Range{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 128, unspecified},
    Range{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, loopback},
    Range{{0xfc}, 7, private_network},
    Range{{0xfe, 0x80}, 10, link_local},
    Range{{0xfe, 0xc0}, 10, private_network},  // site-local, deprecated
    Range{{0xff}, 8, multicast},
    Range{{0x20, 0x01}, 23, reserved},              // Teredo, ORCHID, benchmarking and the like
    Range{{0x20, 0x01, 0x0d, 0xb8}, 32, reserved},  // documentation
    Range{{0x3f, 0xff}, 20, reserved},              // documentation
};

bool same_prefix(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
                 int bits) {
    const auto whole = static_cast<std::size_t>(bits / 8);
    if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) {
        return false;
    }
    const int rest = bits % 8;
    return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

IpAddress v4_at(const IpAddress& address, std::size_t offset) {
    IpAddress out;
    std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(offset), 4, out.bytes.begin());
    return out;
}

// The IPv4 address that an IPv6 address stands for, if any.
std::optional<IpAddress> hidden_v4(const IpAddress& address) {
    static constexpr std::array<std::uint8_t, 16> kMapped = {0, 0, 0, 0, 0,   0,
                                                             0, 0, 0, 0, 255, 255};
    static constexpr std::array<std::uint8_t, 16> kTranslated = {0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    static constexpr std::array<std::uint8_t, 16> kNat64 = {0, 0x64, 0xff, 0x9b};
    static constexpr std::array<std::uint8_t, 16> kNat64Local = {0, 0x64, 0xff, 0x9b, 0, 1};
    static constexpr std::array<std::uint8_t, 16> k6to4 = {0x20, 0x02};
    if (same_prefix(address.bytes, kMapped, 96)) return v4_at(address, 12);
    if (same_prefix(address.bytes, kTranslated, 96)) return v4_at(address, 12);
    if (same_prefix(address.bytes, kNat64, 96)) return v4_at(address, 12);
    if (same_prefix(address.bytes, kNat64Local, 48)) return v4_at(address, 12);
    if (same_prefix(address.bytes, k6to4, 16)) return v4_at(address, 2);
    if (same_prefix(address.bytes, {}, 96)) return v4_at(address, 12);  // compatible, deprecated
    return std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string copy(text);
    IpAddress out;
    if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) return out;
    out.is_v6 = true;
    if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::from(const sockaddr& address) {
    IpAddress out;
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
        return out;
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
        out.is_v6 = true;
        return out;
    }
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
    return text.data();
}

std::string_view to_string(AddressClass address_class) {
    static constexpr std::array<std::string_view, 8> kNames = {
        "public",     "unspecified", "loopback",  "private",
        "link-local", "shared",      "multicast", "reserved"};
    return kNames[static_cast<std::size_t>(address_class)];
}

AddressClass classify(const IpAddress& address) {
    if (!address.is_v6) {
        for (const Range& range : kV4Ranges) {
            if (same_prefix(address.bytes, range.network, range.bits)) return range.address_class;
        }
        return public_internet;
    }
    for (const Range& range : kV6Ranges) {
        if (same_prefix(address.bytes, range.network, range.bits)) return range.address_class;
    }
    if (const auto v4 = hidden_v4(address)) return classify(*v4);
    return (address.bytes[0] & 0xe0) == 0x20 ? public_internet : reserved;
}

base::Result<Cidr> Cidr::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    const int width = address && address->is_v6 ? 128 : 32;
    std::optional<std::int64_t> bits = width;
    if (slash != std::string_view::npos) bits = base::parse_int(text.substr(slash + 1));
    if (!address || !bits || *bits < 0 || *bits > width) {
        return base::invalid_input("\"" + std::string(text) +
                                   "\" is not a network; expected for example 10.0.0.0/8");
    }
    Cidr out;
    out.network_ = *address;
    out.prefix_bits_ = static_cast<int>(*bits);
    return out;
}

bool Cidr::contains(const IpAddress& address) const {
    if (address.is_v6 != network_.is_v6) {
        // A mapped address is the IPv4 address it names.
        const auto v4 = address.is_v6 ? hidden_v4(address) : std::nullopt;
        return v4 && contains(*v4);
    }
    return same_prefix(address.bytes, network_.bytes, prefix_bits_);
}

bool OutboundGuard::allows(const IpAddress& address) const {
    if (policy_ == Policy::anywhere) return true;
    const auto contains = [&](const Cidr& network) { return network.contains(address); };
    if (std::any_of(listed_.begin(), listed_.end(), contains)) return true;
    return policy_ == Policy::public_or_listed && classify(address) == public_internet;
}

}  // namespace carryall::http
