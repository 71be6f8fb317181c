// Charges by an uploaded file: a row names a line, a kind, an amount and what to say about it. A
// file is for one billing period, and either for one Rev.io account or for customers without
// Rev.io. Uploading charges nobody: a run does (enqueue.hpp), once for each file.
//
// What must stay true: all rows of a file are stored or none, and stored rows never change; every
// row names one line of the tenant and what its account needs; amounts are as the file has them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "charges/charge.hpp"
#include "charges/table_report.hpp"
#include "charges/table_rules.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

inline constexpr std::size_t kMaxFileNameBytes = 200;

struct ChargeFileRequest {
    std::string name;  // empty: called after its period
    // Of Rev.io; none: the file is for customers without Rev.io.
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start, billing_period_end;  // dates, or instants
};

struct ChargeFileReport : TableReport {
    ChargeFileId id;                 // none: nothing was stored
    std::string total_amount = "0";  // of the good rows
};

// Checks the rows and, unless one is bad or it is a dry run, stores them all. `invalid_input` with
// the request's parameter: a period that is none, an account that is not one of Rev.io.
Result<ChargeFileReport> take_file(db::Connection& connection, const tenants::Caller& caller,
                                   const ChargeFileRequest& request,
                                   const std::filesystem::path& file, bool dry_run);
const std::vector<TableColumn>& file_columns_described();

struct ChargeFile {
    ChargeFileId id;
    std::string name;
    std::optional<std::int64_t> integration_authentication_id;
    std::string billing_period_start, billing_period_end;
    std::int64_t row_count = 0;
    std::optional<std::int64_t> charge_run_id;  // of the run that charges it
    std::string uploaded_by, uploaded_at;
};
// Newest first.
Result<tenants::Page<ChargeFile>> list_files(db::Connection& connection,
                                             const tenants::PageTokens& tokens,
                                             tenants::TenantId tenant_id,
                                             const tenants::PageRequest& page);
struct ChargeFileDetail {
    ChargeFile file;
    std::string total_amount;
};
Result<ChargeFileDetail> get_file(db::Connection& connection, tenants::TenantId tenant_id,
                                  ChargeFileId id);

}  // namespace carryall::charges
