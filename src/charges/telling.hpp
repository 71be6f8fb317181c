// What a finished run tells, and to whom: for each audience one summary mail with the lists that it
// may see. Pure.
//
// What must stay true: a customer's addresses see that customer's lists and figures only, whoever
// else is charged by the same run; an address gets one mail; nobody is dropped in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "charges/charge.hpp"
#include "charges/charge_list_rules.hpp"

namespace carryall::charges {

// A part of a run whose list is written.
struct ToldPart {
    int part_number = 0;
    std::int64_t instance_id = 0;  // 0: none
    std::int64_t queue_id = 0;
    std::int64_t customer_id = 0;  // 0: of several
    std::string customer;
    std::string account_number;
    std::string period_start;
    std::string period_end;
    ChargeCounts counts;
    std::int64_t devices = 0;
    std::int64_t error_devices = 0;
    std::int64_t list_version = 0;
    std::string list_name;
    std::string list_key;
    std::int64_t list_bytes = 0;
};

struct ToldRun {
    ChargeRunId run;
    std::string source;  // "instances", "file", "reversal"
    std::int64_t file_id = 0;
    std::int64_t telling = 1;  // how often the run was told, with this one
    std::string completed_at;  // as a person reads it
    std::vector<ToldPart> parts;
};

struct CustomerAddress {
    std::int64_t customer_id = 0;
    std::string address;
};

// Who sees which parts: the places in ToldRun::parts.
struct Audience {
    std::vector<std::size_t> parts;
    std::vector<std::string> addresses;
    bool sees_all = false;
};

struct Audiences {
    std::vector<Audience> all;
    std::vector<std::string> refused;  // what is no address
};

// Addresses that differ in case only are one. `staff` sees everything, also where one of them is a
// customer's address as well.
Audiences audiences_of(const ToldRun& run, const std::vector<std::string>& staff,
                       const std::vector<CustomerAddress>& customers);

// How the lists go with a mail.
struct MailFile {
    std::string name;
    std::int64_t list_count = 1;
    std::string link;  // empty: attached, or not to be had
    bool is_attached = false;
    std::string link_ends_at;  // of a link
    std::string problem;       // why it is neither attached nor linked
};

struct SummaryMail {
    std::string subject;
    std::string text;
    std::string html;
};

// "Customer Charge Processing Summary - Queue 501"
std::string summary_subject(const ToldRun& run, const std::vector<std::size_t>& parts);
SummaryMail summary_mail(const ToldRun& run, const Audience& audience,
                         const std::vector<ErrorCount>& errors, const MailFile& file);

// "{queueId}.txt", "{fileId}.txt"; where there is no queue, "part-{number}.txt".
std::string list_name(const std::string& source, std::int64_t file_id, std::int64_t queue_id,
                      int part_number);
std::string list_key(std::int64_t tenant_id, ChargeRunId run, const std::string& list_name,
                     std::int64_t list_version);

// All parts' counts together; nullopt as the amount: they cannot be added up.
struct ToldFigures {
    ChargeCounts counts;
    std::int64_t devices = 0;
    std::int64_t error_devices = 0;
    std::optional<base::Money> amount;
};
ToldFigures figures_of(const ToldRun& run, const std::vector<std::size_t>& parts);
// "PROCESSED": nothing went wrong; "ERROR": nothing else; "PARTIAL".
const char* outcome_of(const ChargeCounts& counts);

}  // namespace carryall::charges
