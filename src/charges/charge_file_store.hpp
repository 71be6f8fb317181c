// The database's side of taking a file of charges whose rows are in `table_row`
// (row_check_store.hpp), in the same transaction: judge them all at once, store them.
#pragma once

#include "charges/charge_file.hpp"

namespace carryall::charges {

// `invalid_input`: the request names an account that is not one of Rev.io.
Result<void> check_account(db::Transaction& transaction, tenants::TenantId tenant_id,
                           const ChargeFileRequest& request);

// Finds each row's line and customer, and their sum. Adds what is wrong to the report.
Result<void> check_rows(db::Transaction& transaction, tenants::TenantId tenant_id,
                        const ChargeFileRequest& request, std::int64_t amount_decimals,
                        ChargeFileReport& report);

// Stores the file with its rows, which are all good.
Result<void> store_file(db::Transaction& transaction, const tenants::Caller& caller,
                        const ChargeFileRequest& request, ChargeFileReport& report);

}  // namespace carryall::charges
