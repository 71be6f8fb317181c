// Device identifiers: {"id":"…","kind":"…"}. ICCIDs and IMEIs are kept as one word each, MDNs as
// the place in the pool of numbers, so that a million lines stay small.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carryall::simulators::thingspace {

enum class Kind : std::uint8_t { iccid, imei, mdn, msisdn, imsi, min, esn, meid, eid };

// How a kind is spelled on the wire; the carrier is not consistent.
enum class Spelling : std::uint8_t { lower, upper, title, camel };

std::optional<Kind> kind_of(std::string_view word);  // without case
void append_kind(std::string& out, Kind kind, Spelling spelling);

// Three to eighteen decimal digits, leading zeros kept. 0: it cannot be packed.
std::uint64_t pack_digits(std::string_view text);
void append_digits(std::string& out, std::uint64_t packed);

// An ICCID of 18 to 20 digits that starts with 89. 0: not one.
std::uint64_t pack_iccid(std::string_view text);
void append_iccid(std::string& out, std::uint64_t packed);
std::string iccid_text(std::uint64_t packed);

// Phone numbers are given out one after the other; 0 is no number.
inline constexpr std::uint64_t kFirstMdn = 5'550'000'000;
void append_mdn(std::string& out, std::uint32_t mdn);
std::uint32_t mdn_of(std::string_view ten_digits);

// Which identifiers a request named.
inline constexpr std::uint8_t kGivenIccid = 1;
inline constexpr std::uint8_t kGivenImei = 2;
inline constexpr std::uint8_t kGivenMdn = 4;
inline constexpr std::uint8_t kGivenMsisdn = 8;

// One device as a request names it; `json` is what was sent.
struct GivenIds {
    std::uint64_t iccid = 0;
    std::uint64_t imei = 0;
    std::uint32_t mdn = 0;
    std::uint8_t given = 0;
    bool unusual = false;  // an identifier that no line of ours can have
    const boost::json::value* json = nullptr;
};

enum class IdProblem : std::uint8_t { none, missing, kind, id };

// `value` is an array of identifiers of one device, or one identifier.
IdProblem read_ids(const boost::json::value& value, GivenIds& ids);

}  // namespace carryall::simulators::thingspace
