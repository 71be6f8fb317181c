// What the values of an optimisation may be: amounts, dates, device results, the instance itself.
// Pure. What must stay true: an amount goes from its source text into the database digit by digit;
// nothing here computes with floating point, and nothing is rounded. A number cell of a workbook is
// the one exception, because the spreadsheet program itself keeps it as floating point: it means
// the 15 digits that the program shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "charges/optimization.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::charges {

struct DecimalRule {
    std::int64_t max_whole = 1'000'000'000;  // the largest number, and with a minus the smallest
    std::size_t max_fraction_digits = 6;     // zeros at the end do not count
    bool may_be_negative = false;
};

// "12.50" as the database takes it, without needless zeros. No exponent, no "1,5", no currency.
Result<std::string> read_decimal(std::string_view text, const DecimalRule& rule);
// Without its exponent, digit by digit: JSON may write 12.5 as 1.25E1. Empty if `text` is no
// number, or one with an absurd exponent.
std::optional<std::string> plain_number(std::string_view text);
// The number that a spreadsheet program shows for a stored one ("0.30000000000000004" is "0.3",
// "1E-3" is "0.001"); empty if `text` is no number.
std::optional<std::string> shown_number(std::string_view text);

// "2026-03-01" as it is; an instant ("2026-03-01T05:00:00Z") becomes its date in `zone`, and a time
// without an offset is meant there.
Result<std::string> read_billing_date(std::string_view text, const base::TimeZone& zone);

// An array of up to `most` mail addresses.
Result<std::vector<std::string>> read_addresses(const base::json::value& value, std::size_t most);

// --- device results ------------------------------------------------------------------------------

enum class ResultRule { id, iccid, msisdn, portal, name, amount, usage, count };

// A column of a file, and a member of a device result in JSON.
struct ResultColumn {
    const char* name;    // "rateCharge"
    const char* column;  // of the temporary table
    const char* type;    // in SQL
    ResultRule rule;
    std::vector<std::string_view> other_names;  // besides `name`, compared as sheets does
    bool required = false;                      // in a file's header and in each of its rows
};
const std::vector<ResultColumn>& result_columns_described();
// Whether a file's column that is none of them looks like money, usage or a product: to ignore it
// would leave something uncharged.
bool looks_chargeable(std::string_view column_name);

// One cell as text for the database; empty for an empty one.
Result<std::optional<std::string>> read_result_cell(const ResultColumn& column,
                                                    const sheets::Cell& cell);

// As result_columns_described() orders them.
using ResultCells = std::vector<std::optional<std::string>>;

// --- the instance in JSON ------------------------------------------------------------------------

struct QueueRequest {
    QueueId id;
    std::optional<std::string> total_cost;
    std::optional<std::string> run_end_time;
    std::string pointer;  // "/commGroups/0/queues/1"
    // Empty: not mentioned, those that are stored stay.
    std::optional<std::vector<ResultCells>> device_results;
};

struct CommGroupRequest {
    CommGroupId id;
    std::string pointer;
    std::vector<QueueRequest> queues;
};

struct InstanceRequest {
    PortalType portal_type = PortalType::m2m;
    std::optional<std::int64_t> customer_id;
    std::optional<std::string> rev_customer_id;
    std::optional<std::string> customer;  // by name
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start;
    std::string billing_period_end;
    std::optional<std::string> run_end_time;
    std::vector<std::string> customer_emails;
    std::vector<CommGroupRequest> comm_groups;
};

// Mistakes go to `errors`; then the request must not be used.
InstanceRequest read_instance(const base::json::value& body, const base::TimeZone& zone,
                              base::JsonErrors& errors);

}  // namespace carryall::charges
