// The numbers that name a line: ICCID (the SIM), IMEI (the equipment), MSISDN (the phone number; on
// the mobility portal the subscriber number). Parsed once at the edge, distinct types inside. What
// must stay true: nothing is repaired. A damaged identifier is refused with a sentence that says
// what is wrong and what to do, because a guess can cancel a stranger's line.
//
// ICCID: 19 or 20 digits, starting with 89. The 20th digit is a Luhn check digit over the first 19
// and is checked; POND and others write 19 digits without it. It is stored as the inventory gives
// it, and a device is found by its first 19 digits (device.iccid19, unique in a tenant), so both
// forms name the same device.
//
// For set-based look-ups (joins over many identifiers): pass key() and join on
// (tenant_id, iccid19): `unnest($2::text[]) … JOIN device d ON d.tenant_id = $1 AND d.iccid19 = k`.
// Never join on left(d.iccid, 19): `left` is not leakproof, so under row-level security the planner
// may not use an index for it. (tenant_id, msisdn) and (tenant_id, imei) have indexes but are not
// unique: more than one device can answer.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::devices {

inline constexpr std::size_t kIccidKeyDigits = 19;

class Iccid {
  public:
    static base::Result<Iccid> parse(std::string_view text);
    const std::string& text() const { return text_; }
    // The first 19 digits: what two spellings of one ICCID have in common.
    std::string key() const { return text_.substr(0, kIccidKeyDigits); }
    friend bool operator==(const Iccid& a, const Iccid& b) { return a.key() == b.key(); }

  private:
    explicit Iccid(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// 15 digits, of which the last is a Luhn check digit, or 14 without it, or 16 (IMEISV). Wrong check
// digits are refused for 15; 14 and 16 have none.
class Imei {
  public:
    static base::Result<Imei> parse(std::string_view text);
    const std::string& text() const { return text_; }
    auto operator<=>(const Imei&) const = default;

  private:
    explicit Imei(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// 7 to 15 digits; a leading + is dropped. Nothing else is: 2125550100 and 12125550100 are two
// numbers, because only the carrier knows whether they are one.
class Msisdn {
  public:
    static base::Result<Msisdn> parse(std::string_view text);
    const std::string& text() const { return text_; }
    auto operator<=>(const Msisdn&) const = default;

  private:
    explicit Msisdn(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// The same from a cell of a file: explains first what a spreadsheet program did to it.
base::Result<Iccid> iccid_of(const sheets::Cell& cell);
base::Result<Imei> imei_of(const sheets::Cell& cell);
base::Result<Msisdn> msisdn_of(const sheets::Cell& cell);

// The digit that Luhn's rule appends to `digits`.
char luhn_check_digit(std::string_view digits);

}  // namespace carryall::devices
