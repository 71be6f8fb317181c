// Writes an instance that came as JSON, with the device results that its queues bring.
#include "base/log.hpp"
#include "charges/charge_setting.hpp"
#include "charges/optimization_result_store.hpp"
#include "charges/optimization_write_store.hpp"
#include "charges/row_check_store.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;

// The device results of all queues in one sequence, and back to their places in the body.
class ResultRows {
  public:
    explicit ResultRows(const InstanceRequest& request) {
        for (const CommGroupRequest& group : request.comm_groups) {
            for (const QueueRequest& queue : group.queues) {
                if (queue.device_results) queues_.push_back(&queue);
            }
        }
    }

    Result<std::int64_t> copy(db::Transaction& transaction) const {
        auto copy = start_rows(transaction, result_columns_described());
        if (!copy) return copy.error();
        std::int64_t row_number = 0;
        for (const QueueRequest* queue : queues_) {
            for (const TableCells& cells : *queue->device_results) {
                copy->field(++row_number);
                for (const auto& cell : cells) copy->field(cell);
                CARRYALL_TRY(copy->end_row());
            }
        }
        CARRYALL_TRY(copy->finish());
        return row_number;
    }

    std::string pointer_of(std::int64_t row_number) const {
        std::int64_t before = 0;
        for (const QueueRequest* queue : queues_) {
            const auto size = static_cast<std::int64_t>(queue->device_results->size());
            if (row_number <= before + size) {
                return queue->pointer + "/deviceResults/" + std::to_string(row_number - before - 1);
            }
            before += size;
        }
        CHECK(false);
    }

  private:
    std::vector<const QueueRequest*> queues_;
};

Result<void> put_results(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                         const InstanceRequest& request, ResultsReport& report,
                         base::JsonErrors& errors) {
    const ResultRows rows(request);
    CARRYALL_TRY(prepare_rows(transaction, result_columns_described()));
    const auto copied = rows.copy(transaction);
    if (!copied) return copied.error();
    report.rows = *copied;
    if (report.rows == 0) return {};
    CARRYALL_TRY(check_results(transaction, tenant_id, id, report));
    for (const devices::BadRow& bad : report.bad_rows) {
        errors.add(rows.pointer_of(bad.row_number) + '/' + bad.column, bad.reason);
    }
    if (report.bad > 0) return errors.items().front();
    return store_results(transaction, tenant_id, report);
}

Result<PutInstance> put(db::Transaction& transaction, const tenants::Caller& caller, InstanceId id,
                        const InstanceRequest& request, base::JsonErrors& errors) {
    const TenantId tenant_id = caller.tenant_id;
    PutInstance done;
    const auto locked = lock_instance(transaction, tenant_id, id);
    if (!locked) return locked.error();
    done.is_new = !*locked;
    const auto customer_id = find_references(transaction, tenant_id, id, request, errors);
    if (!customer_id) return customer_id.error();
    if (!errors.empty()) return errors.items().front();
    const auto removed = write_instance(transaction, caller, id, request, *customer_id);
    if (!removed) return removed.error();
    done.results.removed_rows = *removed;
    CARRYALL_TRY(put_results(transaction, tenant_id, id, request, done.results, errors));
    const auto misfit = find_misfit(transaction, tenant_id, id);
    if (!misfit) return misfit.error();
    if (*misfit) {
        errors.add("/portalType", "does not fit the device results that the queue " +
                                      std::to_string(**misfit) +
                                      " holds; send deviceResults [] with it to empty them");
        return errors.items().front();
    }
    return done;
}

}  // namespace

Result<PutInstance> put_instance(db::Connection& connection, const tenants::Caller& caller,
                                 InstanceId id, const json::value& body, base::JsonErrors& errors) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::billing_run));
    const auto setting = get_charge_setting(connection, caller.tenant_id);
    if (!setting) return setting.error();
    const auto zone = base::TimeZone::find(setting->billing_time_zone);
    if (!zone) return zone.error();
    const InstanceRequest request = read_instance(body, *zone, errors);
    if (!errors.empty()) return errors.items().front();
    const auto done = db::in_transaction<PutInstance>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) {
            errors = {};  // of the try before
            return put(transaction, caller, id, request, errors);
        });
    if (done) {
        base::log::info("optimization_instance_put", {{"tenantId", caller.tenant_id.value},
                                                      {"instanceId", id.value},
                                                      {"by", caller.name},
                                                      {"results", done->results.stored_rows}});
    }
    return done;
}

}  // namespace carryall::charges
