#include "http/address.hpp"

#include <gtest/gtest.h>

namespace carryall::http {
namespace {

struct Vector {
    std::string_view text;
    AddressClass expected;
};

using enum AddressClass;

constexpr Vector kVectors[] = {
    {"0.0.0.0", unspecified},
    {"0.1.2.3", unspecified},
    {"1.1.1.1", public_internet},
    {"8.8.8.8", public_internet},
    {"9.255.255.255", public_internet},
    {"10.0.0.0", private_network},
    {"10.255.255.255", private_network},
    {"11.0.0.0", public_internet},
    {"100.63.255.255", public_internet},
    {"100.64.0.0", shared},
    {"100.127.255.255", shared},
    {"100.128.0.0", public_internet},
    {"127.0.0.1", loopback},
    {"127.255.255.255", loopback},
    {"128.0.0.1", public_internet},
    {"169.253.255.255", public_internet},
    {"169.254.169.254", link_local},
    {"169.255.0.0", public_internet},
    {"172.15.255.255", public_internet},
    {"172.16.0.0", private_network},
    {"172.31.255.255", private_network},
    {"172.32.0.0", public_internet},
    {"192.0.0.8", reserved},
    {"192.0.2.1", reserved},
    {"192.0.3.1", public_internet},
    {"192.88.99.1", reserved},
    {"192.167.255.255", public_internet},
    {"192.168.0.1", private_network},
    {"192.169.0.0", public_internet},
    {"198.17.255.255", public_internet},
    {"198.18.0.0", reserved},
    {"198.19.255.255", reserved},
    {"198.20.0.0", public_internet},
    {"198.51.100.7", reserved},
    {"203.0.113.9", reserved},
    {"223.255.255.255", public_internet},
    {"224.0.0.1", multicast},
    {"239.255.255.255", multicast},
    {"240.0.0.1", reserved},
    {"255.255.255.255", reserved},
    {"::", unspecified},
    {"::1", loopback},
    {"::2", unspecified},  // IPv4-compatible 0.0.0.2
    {"::127.0.0.1", loopback},
    {"::ffff:127.0.0.1", loopback},
    {"::ffff:10.1.2.3", private_network},
    {"::ffff:169.254.169.254", link_local},
    {"::ffff:8.8.8.8", public_internet},
    {"::ffff:0:127.0.0.1", loopback},
    {"64:ff9b::127.0.0.1", loopback},
    {"64:ff9b::8.8.8.8", public_internet},
    {"64:ff9b:1::10.0.0.1", private_network},
    {"2002:7f00:1::", loopback},
    {"2002:0a00:1::1", private_network},
    {"2002:0808:808::1", public_internet},
    {"2001::1", reserved},
    {"2001:db8::1", reserved},
    {"2001:4860:4860::8888", public_internet},
    {"2606:4700:4700::1111", public_internet},
    {"3fff::1", reserved},
    {"4000::1", reserved},
    {"100::1", reserved},
    {"fc00::1", private_network},
    {"fd12:3456::1", private_network},
    {"fe80::1", link_local},
    {"febf::1", link_local},
    {"fec0::1", private_network},
    {"ff02::1", multicast},
};

TEST(Address, every_special_range_is_known_up_to_its_borders) {
    for (const Vector& vector : kVectors) {
        const auto address = IpAddress::parse(vector.text);
        ASSERT_TRUE(address) << vector.text;
        EXPECT_EQ(to_string(classify(*address)), to_string(vector.expected)) << vector.text;
    }
}

TEST(Address, the_public_guard_allows_public_addresses_only) {
    for (const Vector& vector : kVectors) {
        EXPECT_EQ(OutboundGuard::public_only().allows(*IpAddress::parse(vector.text)),
                  vector.expected == public_internet)
            << vector.text;
    }
}

TEST(Address, odd_spellings_are_no_addresses) {
    for (const std::string_view text : {"", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3",
                                        "1.2.3.4 ", "1.2.3.4/8", "::1%lo", "[::1]", "a.b.c.d"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(Address, a_network_contains_its_addresses_and_no_neighbour) {
    const auto ten = Cidr::parse("10.1.0.0/20");
    ASSERT_TRUE(ten);
    EXPECT_TRUE(ten->contains(*IpAddress::parse("10.1.15.255")));
    EXPECT_TRUE(ten->contains(*IpAddress::parse("::ffff:10.1.0.1")));
    EXPECT_FALSE(ten->contains(*IpAddress::parse("10.1.16.0")));
    EXPECT_FALSE(ten->contains(*IpAddress::parse("fd00::1")));
    EXPECT_TRUE(Cidr::parse("::/0")->contains(*IpAddress::parse("fd00::1")));
    EXPECT_TRUE(Cidr::parse("10.0.0.7")->contains(*IpAddress::parse("10.0.0.7")));
    EXPECT_FALSE(Cidr::parse("10.0.0.7")->contains(*IpAddress::parse("10.0.0.6")));
    for (const std::string_view text :
         {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "x/8", "::/129", "10.0.0.0/8/8"}) {
        EXPECT_FALSE(Cidr::parse(text)) << text;
    }
}

TEST(Address, an_operators_list_widens_or_narrows_the_guard) {
    const auto lan = *Cidr::parse("192.168.7.0/24");
    const auto inside = *IpAddress::parse("192.168.7.9");
    const auto outside = *IpAddress::parse("192.168.8.9");
    const auto world = *IpAddress::parse("8.8.8.8");
    EXPECT_TRUE(OutboundGuard::public_or({lan}).allows(inside));
    EXPECT_FALSE(OutboundGuard::public_or({lan}).allows(outside));
    EXPECT_TRUE(OutboundGuard::public_or({lan}).allows(world));
    EXPECT_TRUE(OutboundGuard::only({lan}).allows(inside));
    EXPECT_FALSE(OutboundGuard::only({lan}).allows(world));
    EXPECT_TRUE(OutboundGuard::anywhere().allows(outside));
}

}  // namespace
}  // namespace carryall::http
