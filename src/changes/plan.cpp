// The order of planning and of applying. Applying locks the change first, so that of two that
// apply at once the second finds it started; and before it compares the devices, the starts of the
// tenant, so that no other change of one of them comes between.
#include "changes/plan.hpp"

#include "base/log.hpp"
#include "changes/control.hpp"
#include "changes/plan_store.hpp"
#include "changes/resolve.hpp"
#include "changes/start_store.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr int kMaxEffectiveDates = 1'000;

base::Error conflict(std::string message) {
    return {base::ErrorKind::conflict, std::move(message), {}};
}

// Empty: it is a plan that may be started now.
Result<std::optional<ApplyResult>> answer_without_starting(const StoredChange& change,
                                                           BulkChangeId id,
                                                           const std::string& plan_hash) {
    if (change.plan_hash.empty()) {
        return conflict("only a plan can be applied; this bulk change is " + change.status);
    }
    if (change.plan_hash != plan_hash) {
        return base::Error{base::ErrorKind::conflict,
                           "is not the hash of the plan; read the plan again and check it",
                           "/planHash"};
    }
    if (change.status != "PLANNED") return std::optional(ApplyResult{id, true, 0, {}});
    if (change.follows) {
        return conflict("this plan follows bulk change " + base::to_string(change.follows) +
                        " and is applied with it");
    }
    if (!change.write_is_enabled) return conflict("Writes disabled for this service provider");
    if (change.new_count == 0) {
        return conflict("no device of this plan can be changed; the plan says why of each");
    }
    return std::optional<ApplyResult>();
}

// A date may have become one that cannot be used since the plan was made: a device's, or that of
// the whole change.
Result<void> check_dates(db::Transaction& transaction, ChangeType type, base::Instant now) {
    CARRYALL_TRY(
        refuse_due_before(transaction, now - kSameDay,
                          check_effective_date(ChangeType::statusupdate, now - 2 * kSameDay, now)));
    const auto dates = effective_dates(transaction, kMaxEffectiveDates);
    if (!dates) return dates.error();
    std::vector<std::string> bad;
    std::vector<std::string> reasons;
    for (const std::string& date : *dates) {
        const auto instant = base::parse_iso8601(date);
        const std::string reason =
            instant ? check_effective_date(type, *instant, now) : "Invalid effective date";
        if (reason.empty()) continue;
        bad.push_back(date);
        reasons.push_back(reason);
    }
    if (bad.empty()) return {};
    return refuse_dates(transaction, bad, reasons);
}

// Judges the plan's accepted devices again and compares them with what the plan says.
struct Checked {
    Moved moved;
    VerdictTotals totals;
};
Result<Checked> check_again(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                            const StoredChange& change, std::optional<base::Instant> now) {
    CARRYALL_TRY(Stage::create(transaction));
    CARRYALL_TRY(create_plan_rows(transaction));
    CARRYALL_TRY(take_plan_rows(transaction, tenant_id, id, change.type));
    CARRYALL_TRY(check_dates(transaction, change.type, change.now));
    CARRYALL_TRY(stage_plan_rows(transaction, tenant_id));
    const auto provider = find_provider(transaction, tenant_id, change.service_provider_id, now);
    if (!provider) return provider.error();
    CHECK(provider->has_value());
    const auto facts = judge_facts(transaction, tenant_id, change.service_provider_id, change.type,
                                   change.portal, **provider);
    if (!facts) return facts.error();
    CARRYALL_TRY(judge_rows(transaction, *facts));
    // No other change is started between the comparison and the end of the transaction.
    CARRYALL_TRY(lock_starts(transaction, tenant_id));
    auto moved = find_moved(transaction, tenant_id, id, change.type);
    if (!moved) return moved.error();
    auto totals = count_verdicts(transaction, kDefaultPageSize, change.now);
    if (!totals) return totals.error();
    return Checked{std::move(moved).value(), std::move(totals).value()};
}

// What follows an activation is compared with what it was planned for as well. The verdicts are
// those on the activation's devices: they are the same.
Result<void> check_following(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                             base::Instant now, ApplyResult& result) {
    constexpr auto kType = ChangeType::customerassignment;
    CARRYALL_TRY(clear_plan_rows(transaction));
    CARRYALL_TRY(take_plan_rows(transaction, tenant_id, id, kType));
    CARRYALL_TRY(check_dates(transaction, kType, now));
    CARRYALL_TRY(refuse_gone(transaction, tenant_id));
    auto moved = find_moved(transaction, tenant_id, id, kType);
    if (!moved) return moved.error();
    result.moved_count = moved->count;
    result.moved = std::move(moved->first);
    return {};
}

// The SIMs get their device records, and nobody else has taken them meanwhile.
Result<void> take_lines(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                        const StoredChange& change, BulkChangeId following) {
    if (change.type != ChangeType::newserviceactivation) return {};
    CARRYALL_TRY(make_devices(transaction, tenant_id, change.service_provider_id));
    CARRYALL_TRY(take_sims(transaction, tenant_id, id));
    CARRYALL_TRY(adopt_devices(transaction, tenant_id, id, change.type));
    if (!following) return {};
    return adopt_devices(transaction, tenant_id, following, ChangeType::customerassignment);
}

Result<queue::Attributes> attributes_of(const StoredChange& change, BulkChangeId following) {
    queue::Attributes attributes;
    if (change.type != ChangeType::newserviceactivation) return attributes;
    base::JsonErrors errors;
    const auto parameters = base::read_json<ChangeParameters>(change.request, errors);
    if (!parameters) return parameters.error();
    describe_activation(*parameters, following.value, attributes);
    return attributes;
}

// Both start, in the transaction of the caller. The one that follows sends nothing before the other
// has, so the consent to that one is enough.
Result<void> start_checked(db::Transaction& transaction, const tenants::Caller& caller,
                           BulkChangeId id, const StoredChange& change,
                           const FollowingChange& following, std::chrono::milliseconds until_due) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    CARRYALL_TRY(take_lines(transaction, tenant_id, id, change, following.id));
    CARRYALL_TRY(start_plan(transaction, tenant_id, id, caller.name, change.now));
    const auto waits = require_approval(transaction, tenant_id, id);
    if (!waits) return waits.error();
    if (!*waits) {
        const auto attributes = attributes_of(change, following.id);
        if (!attributes) return attributes.error();
        CARRYALL_TRY(enqueue_runners(transaction, tenant_id, id, change.correlation_id,
                                     change.open_page_count, until_due, *attributes));
    }
    if (!following.id) return {};
    CARRYALL_TRY(start_plan(transaction, tenant_id, following.id, caller.name, change.now));
    CARRYALL_TRY(enqueue_runners(transaction, tenant_id, following.id, change.correlation_id,
                                 following.open_page_count, until_due));
    return notify_change(transaction, tenant_id, following.id);
}

Result<ApplyResult> apply_in(db::Transaction& transaction, const tenants::Caller& caller,
                             BulkChangeId id, const std::string& plan_hash,
                             std::optional<base::Instant> now) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    CARRYALL_TRY(lock_change(transaction, tenant_id, id));
    const auto change = find_change(transaction, tenant_id, id, now);
    if (!change) return change.error();
    if (!*change) return base::not_found("the bulk change was not found");
    auto answered = answer_without_starting(**change, id, plan_hash);
    if (!answered) return answered.error();
    if (*answered) return std::move(**answered);
    auto checked = check_again(transaction, tenant_id, id, **change, now);
    if (!checked) return checked.error();
    ApplyResult result;
    result.id = id;
    result.moved_count = checked->moved.count;
    result.moved = std::move(checked->moved.first);
    if (result.moved_count > 0) return result;
    const auto following = lock_following(transaction, tenant_id, id, "PLANNED");
    if (!following) return following.error();
    if (following->id) {
        CARRYALL_TRY(
            check_following(transaction, tenant_id, following->id, (*change)->now, result));
        if (result.moved_count > 0) return result;
    }
    CARRYALL_TRY(
        start_checked(transaction, caller, id, **change, *following, checked->totals.until_due));
    CARRYALL_TRY(notify_change(transaction, tenant_id, id));
    CARRYALL_TRY(take_place(transaction, tenant_id, id));
    return result;
}

}  // namespace

namespace {

Result<std::string> seal(db::Transaction& transaction, const NewPlan& plan) {
    const auto sums = sum_plan(transaction, plan.tenant_id, plan.id, plan.type);
    if (!sums) return sums.error();
    const PlannedCalls calls =
        calls_for({plan.type, plan.integration, plan.devices_per_request, plan.accepted,
                   sums->rev_services, sums->rev_products, sums->removed_codes, sums->addresses});
    base::json::object summary{{"acceptedCount", plan.accepted},
                               {"refusedCount", plan.refused},
                               {"unchangedCount", sums->unchanged},
                               {"carrierCalls", to_json(calls)},
                               {"monthlyCost", to_json(sums->cost)}};
    summary["undo"] = plan.undo.empty() ? base::json::value(nullptr) : base::json::value(plan.undo);
    return seal_plan(transaction, plan.tenant_id, plan.id, plan.type, summary);
}

}  // namespace

// What follows has the same devices and verdicts. It is sealed first: the hash of the one plan
// covers the other.
Result<std::string> make_plan(db::Transaction& transaction, const NewPlan& plan) {
    const auto following = lock_following(transaction, plan.tenant_id, plan.id, "NEW");
    if (!following) return following.error();
    if (following->id) {
        NewPlan with_it = plan;
        with_it.id = following->id;
        with_it.type = ChangeType::customerassignment;
        const auto sealed = seal(transaction, with_it);
        if (!sealed) return sealed.error();
    }
    return seal(transaction, plan);
}

Result<void> start_as_plan(db::Transaction& transaction, const NewPlan& plan,
                           const std::string& applied_by, base::Instant now) {
    const auto hash = make_plan(transaction, plan);
    if (!hash) return hash.error();
    const auto following = lock_following(transaction, plan.tenant_id, plan.id, "PLANNED");
    if (!following) return following.error();
    if (following->id) {
        CARRYALL_TRY(start_plan(transaction, plan.tenant_id, following->id, applied_by, now));
    }
    return start_plan(transaction, plan.tenant_id, plan.id, applied_by, now);
}

Result<ApplyResult> apply_plan(db::Connection& connection, const tenants::Caller& caller,
                               BulkChangeId id, const std::string& plan_hash,
                               std::optional<base::Instant> now) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    if (plan_hash.empty()) return base::invalid_input("is required", "/planHash");
    auto result = db::in_transaction<ApplyResult>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<ApplyResult> {
            return apply_in(transaction, caller, id, plan_hash, now);
        });
    if (result && !result->replayed) {
        base::log::info(result->moved_count == 0 ? "plan_applied" : "plan_not_applied",
                        {{"bulkChangeId", id.value}, {"moved", result->moved_count}});
    }
    return result;
}

Result<std::int64_t> delete_old_plans(db::Connection& connection, std::chrono::seconds age,
                                      std::optional<base::Instant> now) {
    const auto tenants = tenants::active_tenants(connection);
    if (!tenants) return tenants.error();
    std::int64_t deleted = 0;
    for (const std::int64_t tenant : *tenants) {
        const auto gone = delete_plans_of(connection, tenant, age, now);
        if (!gone) return gone.error();
        deleted += *gone;
    }
    CARRYALL_TRY(connection.work_for_tenant(0));
    return deleted;
}

}  // namespace carryall::changes
