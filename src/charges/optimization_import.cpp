// Takes device results from a file: the table's rows, then set-based statements. What must stay
// true: all rows are stored or none, and each bad one is told with its row, column and reason.
#include "base/log.hpp"
#include "charges/optimization_result_store.hpp"
#include "charges/optimization_rules.hpp"
#include "charges/optimization_write_store.hpp"
#include "charges/table_import.hpp"

namespace carryall::charges {
namespace {

Result<ResultsReport> run(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                          const std::filesystem::path& file, bool dry_run) {
    const auto locked = lock_instance(transaction, tenant_id, id);
    if (!locked) return locked.error();
    if (!*locked) return base::not_found("There is no such optimization instance");
    ResultsReport report;
    CARRYALL_TRY(copy_table(transaction, file, result_columns_described(), report));
    CARRYALL_TRY(check_results(transaction, tenant_id, id, report));
    sort_bad_rows(report);
    if (dry_run || report.bad > 0) return report;
    CARRYALL_TRY(store_results(transaction, tenant_id, report));
    return report;
}

}  // namespace

Result<ResultsReport> import_results(db::Connection& connection, const tenants::Caller& caller,
                                     InstanceId id, const std::filesystem::path& file,
                                     bool dry_run) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::billing_run));
    const auto report = db::in_transaction<ResultsReport>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) {
            return run(transaction, caller.tenant_id, id, file, dry_run);
        });
    if (report) {
        base::log::info("optimization_results_imported", {{"tenantId", caller.tenant_id.value},
                                                          {"by", caller.name},
                                                          {"instanceId", id.value},
                                                          {"rows", report->rows},
                                                          {"stored", report->stored_rows},
                                                          {"removed", report->removed_rows},
                                                          {"bad", report->bad}});
    }
    return report;
}

}  // namespace carryall::charges
