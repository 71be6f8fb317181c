// The charge list of a part as text: tab-separated, one row a device, a summary at its end. Pure.
//
// What must stay true: a cell never breaks its row, and none is executed by a spreadsheet program;
// the total is the sum of the rows above it, and amounts are decimal from end to end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.hpp"
#include "charges/charge.hpp"

namespace carryall::charges {

// One charge as the list reads it; texts as stored.
struct ListedCharge {
    std::int64_t position = 0;  // in its part
    std::int64_t device_id = 0;
    std::string msisdn;
    std::string iccid;
    std::string kind;  // "rate", "overage", "usage", "sms"
    std::string state;
    std::string amount;
    std::string revio_charge_id;  // empty: none
    std::string reason;
    std::string charged_at;  // of charged and recorded ones, as ISO 8601
    std::string portal;
    std::string service_provider;
    std::string period_start;
    std::string period_end;
    bool is_adopted = false;
};

// Of a whole list. Amounts are of what was charged or recorded.
struct ListFigures {
    std::int64_t devices = 0;
    std::int64_t error_devices = 0;               // with a charge that was not made
    std::map<std::string, std::int64_t> charges;  // by state
    base::Money amount;
    std::vector<std::string> notes;  // what is wrong with the list itself
    std::int64_t left_out_notes = 0;

    std::int64_t charges_in(std::string_view state) const;
    std::int64_t successful() const { return charges_in("charged") + charges_in("recorded"); }
    void note(std::string text);
};

// A kind of error and how often it happened.
struct ErrorCount {
    std::string state;
    std::string text;
    std::int64_t count = 0;
};

inline constexpr std::size_t kMaxListNotes = 100;
inline constexpr int kMaxErrorKinds = 50;  // in a summary; others are counted together

// What must be said of the part: above the summary's figures.
struct ListSubject {
    std::string file_name;
    std::string part_note;       // why there is nothing to charge
    std::string charged_amount;  // as the part's counters have it
    std::int64_t charge_count = 0;
};

// With tabs, line ends and other controls as blanks, and harmless to spreadsheet programs.
std::string list_cell(std::string_view text);

std::string list_header();
// The row of one device, whose charges these are (at least one); counts it in `figures`.
std::string list_row(const std::vector<ListedCharge>& charges, ListFigures& figures);
// Compares the rows with the part's counters, too: a difference is said.
std::string list_summary(const ListSubject& subject, ListFigures& figures,
                         const std::vector<ErrorCount>& errors);

}  // namespace carryall::charges
