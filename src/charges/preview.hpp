// What a run would charge, without a row in the ledger: totals by customer and product, compared
// with the period before, and everything that would not simply be charged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "charges/charge.hpp"
#include "db/postgres.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

inline constexpr int kMaxPreviewCustomers = 1'000;
inline constexpr int kMaxPreviewWarnings = 200;

struct PreviewCustomer {
    std::int64_t customer_id = 0;
    std::string customer;
    std::int64_t charges = 0;
    std::string amount;                      // of what would be charged or recorded
    std::string parked_amount;               // of what would wait for a person
    std::optional<std::string> last_amount;  // charged for the period before; none: nothing was
    std::optional<std::string> last_period_start;
};
struct PreviewProduct {
    std::string kind;
    std::optional<std::int64_t> product_id, product_type_id;
    std::int64_t charges = 0;
    std::string amount;
};
struct PreviewVerdict {
    std::string state;  // "new", "recorded", "skipped", "parked"
    std::int64_t charges = 0;
    std::string amount;
};
struct PreviewWarning {
    std::optional<std::int64_t> instance_id;  // none: it is of the file
    std::int64_t device_id = 0;
    std::string iccid, kind, amount, reason;
};
struct PreviewGroup {  // without a winning queue
    std::int64_t instance_id = 0;
    std::int64_t comm_group_id = 0;
    std::string reason;
};
struct Preview {
    std::int64_t charges = 0;
    std::string amount;
    std::vector<PreviewVerdict> verdicts;
    std::vector<PreviewCustomer> customers;  // the largest first, at most kMaxPreviewCustomers
    std::vector<PreviewProduct> products;
    std::vector<PreviewWarning> warnings;  // the largest first, at most kMaxPreviewWarnings
    std::vector<PreviewGroup> groups_without_queue;
};

// Errors as order_run's.
Result<Preview> preview_run(db::Connection& connection, const tenants::Caller& caller,
                            const std::vector<std::int64_t>& instances);
// Errors as order_file's.
Result<Preview> preview_file(db::Connection& connection, const tenants::Caller& caller,
                             ChargeFileId file);

}  // namespace carryall::charges
