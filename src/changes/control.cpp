// The wishes of people, checked and stored with the change locked.
#include "changes/control.hpp"

#include <functional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "changes/control_store.hpp"
#include "changes/resolve.hpp"

namespace carryall::changes {
namespace {

using base::Result;

using Action = std::function<Result<void>(db::Transaction&, const ControlRow&)>;

// With the change locked.
Result<void> act(db::Connection& connection, const tenants::Caller& caller, BulkChangeId id,
                 const Action& action) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    return db::in_transaction<void>(
        connection, caller.tenant_id.value, [&](db::Transaction& transaction) -> Result<void> {
            const auto row = lock_control(transaction, caller.tenant_id.value, id);
            if (!row) return row.error();
            if (!*row) return base::not_found("the bulk change was not found");
            CARRYALL_TRY(action(transaction, **row));
            return notify_change(transaction, caller.tenant_id.value, id);
        });
}

Result<std::optional<std::string>> checked(const std::optional<std::string>& reason) {
    if (!reason) return std::optional<std::string>();
    const std::string_view text = base::trim(*reason);
    if (text.size() > kMaxControlReasonBytes) {
        return base::invalid_input(
            "a reason has at most " + std::to_string(kMaxControlReasonBytes) + " bytes", "/reason");
    }
    return text.empty() ? std::optional<std::string>() : std::optional(std::string(text));
}

void note(const char* event, const tenants::Caller& caller, BulkChangeId id) {
    base::log::info(event, {{"bulkChangeId", id.value}, {"by", caller.name}});
}

Result<void> resume_in(db::Transaction& transaction, const tenants::Caller& caller, BulkChangeId id,
                       const Resumption& wanted, const ControlRow& row) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    const auto may = may_act(ControlAction::resume, row.facts);
    if (!may) return may.error();
    if (!*may) return {};
    const bool is_told = wanted.ignore_threshold || wanted.threshold;
    if (row.facts.cause == ControlCause::threshold && !is_told) {
        return base::Error{base::ErrorKind::conflict,
                           "too many devices failed; resume with ignoreThreshold or with another "
                           "failureThreshold",
                           {}};
    }
    if (is_told) CARRYALL_TRY(store_threshold(transaction, tenant_id, id, wanted.threshold));
    CARRYALL_TRY(store_running(transaction, tenant_id, id, caller.name));
    if (row.wave_has_ended) CARRYALL_TRY(begin_next_wave(transaction, tenant_id, id));
    return enqueue_runners(transaction, tenant_id, id, row.correlation_id, row.open_page_count, {});
}

Result<void> approve_in(db::Transaction& transaction, const tenants::Caller& caller,
                        BulkChangeId id, const std::string& plan_hash) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    const auto row = lock_approval(transaction, tenant_id, id);
    if (!row) return row.error();
    if (!*row) return base::not_found("the bulk change was not found");
    const auto may = may_approve((*row)->facts, caller.name, plan_hash);
    if (!may) return may.error();
    if (!*may) return {};
    CARRYALL_TRY(store_approval(transaction, tenant_id, id, caller.name, plan_hash));
    CARRYALL_TRY(enqueue_runners(transaction, tenant_id, id, (*row)->correlation_id,
                                 (*row)->open_page_count, {}));
    return notify_change(transaction, tenant_id, id);
}

}  // namespace

Result<void> pause_change(db::Connection& connection, const tenants::Caller& caller,
                          BulkChangeId id, const std::optional<std::string>& reason) {
    const auto text = checked(reason);
    if (!text) return text.error();
    const Action pause = [&](db::Transaction& transaction, const ControlRow& row) -> Result<void> {
        const auto may = may_act(ControlAction::pause, row.facts);
        if (!may) return may.error();
        if (!*may) return {};
        return store_held(transaction, caller.tenant_id.value, id, Control::paused, caller.name,
                          *text);
    };
    CARRYALL_TRY(act(connection, caller, id, pause));
    note("bulk_change_paused", caller, id);
    return {};
}

Result<void> resume_change(db::Connection& connection, const tenants::Caller& caller,
                           BulkChangeId id, const Resumption& wanted) {
    if (wanted.threshold) {
        ControlRequest request;
        request.threshold = wanted.threshold;
        const auto mistakes = check_control_request(request);
        if (!mistakes.empty()) return mistakes.front();
        if (wanted.ignore_threshold) {
            return base::invalid_input("give ignoreThreshold or failureThreshold, not both",
                                       "/ignoreThreshold");
        }
    }
    const Action resume = [&](db::Transaction& transaction, const ControlRow& row) {
        return resume_in(transaction, caller, id, wanted, row);
    };
    CARRYALL_TRY(act(connection, caller, id, resume));
    note("bulk_change_resumed", caller, id);
    return {};
}

Result<void> cancel_change(db::Connection& connection, const tenants::Caller& caller,
                           BulkChangeId id, const std::optional<std::string>& reason) {
    const auto text = checked(reason);
    if (!text) return text.error();
    const Action cancel = [&](db::Transaction& transaction, const ControlRow& row) -> Result<void> {
        const auto may = may_act(ControlAction::cancel, row.facts);
        if (!may) return may.error();
        if (!*may) return {};
        const std::int64_t tenant_id = caller.tenant_id.value;
        CARRYALL_TRY(
            store_held(transaction, tenant_id, id, Control::cancelling, caller.name, *text));
        // One message beside those of the account, which may be held up.
        return enqueue_runners(transaction, tenant_id, id, row.correlation_id, 1, {});
    };
    CARRYALL_TRY(act(connection, caller, id, cancel));
    note("bulk_change_cancelled", caller, id);
    return {};
}

Result<void> limit_change(db::Connection& connection, const tenants::Caller& caller,
                          BulkChangeId id, std::optional<int> max_concurrency) {
    ControlRequest request;
    request.max_concurrency = max_concurrency;
    const auto mistakes = check_control_request(request);
    if (!mistakes.empty()) return mistakes.front();
    const Action limit = [&](db::Transaction& transaction, const ControlRow& row) -> Result<void> {
        if (row.facts.has_finished) {
            return base::Error{
                base::ErrorKind::conflict, "the bulk change has ended as " + row.facts.status, {}};
        }
        return store_concurrency(transaction, caller.tenant_id.value, id, max_concurrency);
    };
    return act(connection, caller, id, limit);
}

Result<void> approve_change(db::Connection& connection, const tenants::Caller& caller,
                            BulkChangeId id, const std::string& plan_hash) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    if (plan_hash.empty()) return base::invalid_input("is required", "/planHash");
    CARRYALL_TRY(db::in_transaction<void>(connection, caller.tenant_id.value,
                                          [&](db::Transaction& transaction) {
                                              return approve_in(transaction, caller, id, plan_hash);
                                          }));
    note("bulk_change_approved", caller, id);
    return {};
}

}  // namespace carryall::changes
