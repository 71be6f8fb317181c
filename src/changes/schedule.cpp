// Moving and cancelling, piece by piece: every piece is a transaction, so that a schedule of a
// million devices neither holds a million locks nor is lost half-way. Who asks again goes on.
#include "changes/schedule.hpp"

#include "changes/notices.hpp"
#include "changes/resolve.hpp"
#include "changes/retry_store.hpp"
#include "changes/schedule_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

using Step = std::function<Result<PieceDone>(db::Transaction&, const SchedulePiece&)>;

// As many pieces as there are; answers how many rows they had. `after` only grows.
Result<std::int64_t> work_pieces(db::Connection& connection, SchedulePiece piece,
                                 const Step& step) {
    std::int64_t count = 0;
    while (true) {
        const auto done = db::in_transaction<PieceDone>(
            connection, piece.tenant_id,
            [&](db::Transaction& transaction) { return step(transaction, piece); });
        if (!done) return done.error();
        count += done->count;
        if (done->last == 0) return count;
        piece.after = done->last;
    }
}

Result<void> check_scope(const tenants::Caller& caller, const ScheduleScope& scope) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    if (scope.rows.size() > kMaxNamedRows) {
        return base::invalid_input(
            "at most " + std::to_string(kMaxNamedRows) + " rows are named at once",
            "/deviceChangeIds");
    }
    for (const DeviceChangeId id : scope.rows) {
        if (bulk_change_of(id) == scope.id) continue;
        return base::invalid_input(
            "deviceChangeId " + base::to_string(id) + " is no row of this bulk change",
            "/deviceChangeIds");
    }
    return {};
}

Result<StoredChange> change_of(db::Connection& connection, std::int64_t tenant_id, BulkChangeId id,
                               std::optional<base::Instant> now) {
    return db::in_transaction<StoredChange>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<StoredChange> {
            auto change = find_change(transaction, tenant_id, id, now);
            if (!change) return change.error();
            if (!*change) return base::not_found("the bulk change was not found");
            return std::move(**change);
        });
}

// What is left, and word to who watches the change.
Result<void> finish(db::Connection& connection, const SchedulePiece& piece,
                    ScheduleOutcome& outcome) {
    return db::in_transaction<void>(
        connection, piece.tenant_id, [&](db::Transaction& transaction) -> Result<void> {
            const auto rest = rest_of(transaction, piece);
            if (!rest) return rest.error();
            outcome.status = rest->status;
            outcome.left_count = rest->pending;
            return notify_change(transaction, piece.tenant_id, piece.scope.id);
        });
}

base::Error nothing_to_come() {
    return {base::ErrorKind::conflict,
            "nothing of this is still to come: it has begun, has ended or was cancelled",
            {}};
}

// Of the others every device has begun or ended, or is only planned.
bool has_rows_to_come(const StoredChange& change) {
    return change.status == "NEW" || change.status == "PENDING" || change.status == "PROCESSING";
}

}  // namespace

Result<ScheduleOutcome> move_schedule(db::Connection& connection, const tenants::Caller& caller,
                                      const ScheduleScope& scope, base::Instant to,
                                      const std::string& time_zone,
                                      std::optional<base::Instant> now) {
    CARRYALL_TRY(check_scope(caller, scope));
    const auto change = change_of(connection, caller.tenant_id.value, scope.id, now);
    if (!change) return change.error();
    const SchedulePiece piece{caller.tenant_id.value, scope, change->now, caller.name, 0};
    if (to <= piece.now) {
        return base::invalid_input("the new date must be ahead", "/effectiveDate");
    }
    const std::string problem = check_effective_date(change->type, to, piece.now);
    if (!problem.empty()) return base::invalid_input(problem, "/effectiveDate");
    const NewDate date{
        to, begins_at_its_date(change->type) ? std::string(section_name(change->type)) : ""};
    if ((change->waits_for_approval || change->is_approved) && has_rows_to_come(*change)) {
        // What was agreed to, or is looked at, has the date that it has.
        return base::Error{base::ErrorKind::conflict,
                           "this change needs an approval, and the date is part of what is agreed "
                           "to; cancel it (change cancel) and submit it with the new date",
                           {}};
    }
    ScheduleOutcome outcome;
    if (has_rows_to_come(*change)) {
        const auto changes =
            work_pieces(connection, piece, [&](db::Transaction& transaction, const auto& part) {
                return move_changes(transaction, part, date);
            });
        if (!changes) return changes.error();
        outcome.change_count = *changes;
    }
    // A row that is moved is past `after`, so it is not met again.
    const auto plans =
        work_pieces(connection, piece, [&](db::Transaction& transaction, const auto& part) {
            return move_plans(transaction, part, to);
        });
    if (!plans) return plans.error();
    outcome.plan_count = *plans;
    if (outcome.change_count + outcome.plan_count == 0) return nothing_to_come();
    if (outcome.change_count > 0) {
        CARRYALL_TRY(db::in_transaction<void>(
            connection, piece.tenant_id, [&](db::Transaction& transaction) {
                return refresh_dates(transaction, piece, time_zone, date, scope.rows.empty());
            }));
        CARRYALL_TRY(wake_changes(connection, piece.tenant_id, {scope.id}));
    }
    CARRYALL_TRY(finish(connection, piece, outcome));
    outcome.left_count -= outcome.change_count;
    return outcome;
}

Result<ScheduleOutcome> cancel_schedule(db::Connection& connection, const tenants::Caller& caller,
                                        const ScheduleScope& scope, const std::string& reason,
                                        std::optional<base::Instant> now) {
    CARRYALL_TRY(check_scope(caller, scope));
    if (reason.size() > kMaxCancelReasonBytes) {
        return base::invalid_input(
            "has more than " + std::to_string(kMaxCancelReasonBytes) + " bytes", "/reason");
    }
    const auto change = change_of(connection, caller.tenant_id.value, scope.id, now);
    if (!change) return change.error();
    const SchedulePiece piece{caller.tenant_id.value, scope, change->now, caller.name, 0};
    if (change->has_waves && has_rows_to_come(*change)) {
        // Pages that end outside their wave would leave the waves' count of open pages untrue.
        return base::Error{base::ErrorKind::conflict,
                           "this change runs in waves; cancel it as a whole (change cancel)",
                           {}};
    }
    const std::string told = "Cancelled by " + caller.name + (reason.empty() ? "" : ": " + reason);
    ScheduleOutcome outcome;
    if (has_rows_to_come(*change)) {
        const auto changes =
            work_pieces(connection, piece, [&](db::Transaction& transaction, const auto& part) {
                return cancel_changes(transaction, part, told);
            });
        if (!changes) return changes.error();
        outcome.change_count = *changes;
    }
    const auto plans =
        work_pieces(connection, piece, [&](db::Transaction& transaction, const auto& part) {
            return cancel_plans(transaction, part, told);
        });
    if (!plans) return plans.error();
    outcome.plan_count = *plans;
    if (outcome.change_count + outcome.plan_count == 0) return nothing_to_come();
    CARRYALL_TRY(finish(connection, piece, outcome));
    return outcome;
}

}  // namespace carryall::changes
