// Takes a file of charges: its period and account, its rows, then set-based statements.
#include <fmt/format.h>

#include "base/log.hpp"
#include "charges/charge_file_store.hpp"
#include "charges/charge_setting.hpp"
#include "charges/optimization_rules.hpp"
#include "charges/table_import.hpp"

namespace carryall::charges {
namespace {

Result<std::string> read_date(std::string_view text, const char* member,
                              const base::TimeZone& zone) {
    auto date = read_billing_date(text, zone);
    if (date) return date;
    return base::invalid_input(std::string(member) + ' ' + date.error().message,
                               "parameter " + std::string(member));
}

// The request with its period as dates.
Result<ChargeFileRequest> checked(ChargeFileRequest request, const ChargeSetting& setting) {
    const auto zone = base::TimeZone::find(setting.billing_time_zone);
    if (!zone) return zone.error();
    auto start = read_date(request.billing_period_start, "billingPeriodStart", *zone);
    if (!start) return start.error();
    auto end = read_date(request.billing_period_end, "billingPeriodEnd", *zone);
    if (!end) return end.error();
    // Dates with four digits of a year are ordered as their texts are.
    if (*end < *start) {
        return base::invalid_input("billingPeriodEnd must not be before billingPeriodStart",
                                   "parameter billingPeriodEnd");
    }
    if (request.name.size() > kMaxFileNameBytes) {
        return base::invalid_input(fmt::format("name may have {} bytes", kMaxFileNameBytes),
                                   "parameter name");
    }
    if (request.name.empty()) request.name = *start + " to " + *end;
    request.billing_period_start = *std::move(start);
    request.billing_period_end = *std::move(end);
    return request;
}

Result<ChargeFileReport> run(db::Transaction& transaction, const tenants::Caller& caller,
                             const ChargeFileRequest& asked, const std::filesystem::path& file,
                             bool dry_run) {
    const auto setting = get_charge_setting(transaction, caller.tenant_id);
    if (!setting) return setting.error();
    const auto request = checked(asked, *setting);
    if (!request) return request.error();
    CARRYALL_TRY(check_account(transaction, caller.tenant_id, *request));
    ChargeFileReport report;
    CARRYALL_TRY(copy_table(transaction, file, file_columns_described(), report));
    CARRYALL_TRY(
        check_rows(transaction, caller.tenant_id, *request, setting->amount_decimals, report));
    sort_bad_rows(report);
    if (dry_run || report.bad > 0) return report;
    CARRYALL_TRY(store_file(transaction, caller, *request, report));
    return report;
}

}  // namespace

const std::vector<TableColumn>& file_columns_described() {
    static const std::vector<TableColumn> columns{
        {"iccid", "iccid", "text", CellRule::iccid, {"sim", "simIccid"}},
        {"msisdn", "msisdn", "text", CellRule::msisdn, {"subscriberNumber", "phoneNumber", "mdn"}},
        {"kind", "kind", "text", CellRule::kind, {"chargeKind", "chargeType"}},
        {"amount",
         "amount",
         "numeric",
         CellRule::amount,
         {"chargeAmount", "chargeAmt", "charge"},
         true},
        {"description", "description", "text", CellRule::description, {"chargeDescription"}, true},
        {"productId", "product_id", "bigint", CellRule::revio_id, {"revProductId"}},
        {"productTypeId", "product_type_id", "bigint", CellRule::revio_id, {"revProductTypeId"}},
    };
    return columns;
}

Result<ChargeFileReport> take_file(db::Connection& connection, const tenants::Caller& caller,
                                   const ChargeFileRequest& request,
                                   const std::filesystem::path& file, bool dry_run) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::billing_run));
    const auto report = db::in_transaction<ChargeFileReport>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) {
            return run(transaction, caller, request, file, dry_run);
        });
    if (report) {
        base::log::info("charge_file_taken", {{"tenantId", caller.tenant_id.value},
                                              {"by", caller.name},
                                              {"fileId", report->id.value},
                                              {"rows", report->rows},
                                              {"stored", report->stored_rows},
                                              {"bad", report->bad}});
    }
    return report;
}

}  // namespace carryall::charges
