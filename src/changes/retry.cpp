// Retrying what failed, and starting what was only stored. A device is never sent again on the
// strength of an old verdict: it is judged against the present first.
#include "changes/activation.hpp"
#include "changes/control.hpp"
#include "changes/plan.hpp"
#include "changes/plan_store.hpp"
#include "changes/resolve.hpp"
#include "changes/retry_store.hpp"
#include "changes/start_store.hpp"
#include "changes/submit.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr std::array<std::string_view, 4> kErrorClasses = {"validation", "business", "transient",
                                                           "system"};

Result<std::vector<std::string>> classes_of(const RetryFilter& filter) {
    if (filter.error_classes.empty()) {
        return std::vector<std::string>(kErrorClasses.begin(), kErrorClasses.end());
    }
    for (const std::string& name : filter.error_classes) {
        if (std::find(kErrorClasses.begin(), kErrorClasses.end(), name) == kErrorClasses.end()) {
            return base::invalid_input(
                "unknown error class \"" + name.substr(0, 40) +
                    "\"; known are validation, business, transient and system",
                "/errorClasses");
        }
    }
    return filter.error_classes;
}

Result<StoredChange> writable_change(db::Transaction& transaction, const tenants::Caller& caller,
                                     BulkChangeId id, std::optional<base::Instant> now) {
    auto change = find_change(transaction, caller.tenant_id.value, id, now);
    if (!change) return change.error();
    if (!*change) return base::not_found("the bulk change was not found");
    if (!(*change)->write_is_enabled) {
        return base::Error{
            base::ErrorKind::conflict, "Writes disabled for this service provider", {}};
    }
    return std::move(**change);
}

Result<void> check_can_be_retried(const StoredChange& change) {
    const auto refused = [](const char* reason) {
        return base::Error{base::ErrorKind::conflict, reason, {}};
    };
    if (change.status == "NEW") {
        return refused("the bulk change has not been started; start it first");
    }
    if (change.status == "PLANNED") {
        return refused("the bulk change is a plan; apply it first");
    }
    if (change.waits_for_approval) {
        return refused("the bulk change waits for an approval; nothing of it was tried yet");
    }
    if (change.is_cancelling) {
        return refused("the bulk change is being cancelled; retry when it has ended");
    }
    const bool is_local = change.type == ChangeType::customerassignment ||
                          change.type == ChangeType::customerrateplanchange;
    // Checking it again would fill in what the undo is to empty.
    if (change.undoes && is_local) {
        return refused("an undo is not retried; undo the original change again");
    }
    return {};
}

Result<ChangeParameters> parameters_of(const StoredChange& change) {
    base::JsonErrors errors;
    return base::read_json<ChangeParameters>(change.request, errors);
}

// A date that lay ahead when the device was refused may have come since. A change whose date is
// still ahead is not begun by a retry.
std::optional<std::string> still_ahead(const StoredChange& change,
                                       const ChangeParameters& effective) {
    return due_date(change.type, effective, change.first_due_at, change.now);
}

// Answers how many devices cannot be valid whatever the present is.
Result<std::int64_t> stage_failed(db::Transaction& transaction, std::int64_t tenant_id,
                                  BulkChangeId id, const StoredChange& change,
                                  const std::vector<std::string>& classes) {
    const auto parameters = parameters_of(change);
    if (!parameters) return parameters.error();
    CARRYALL_TRY(Stage::create(transaction));
    std::int64_t hopeless = 0;
    std::int64_t after = 0;
    while (true) {  // ends with the devices of the change: `after` only grows
        const auto batch = read_failed(transaction, tenant_id, id, change.type, classes, after);
        if (!batch) return batch.error();
        if (batch->last_ordinal == 0) return hopeless;
        after = batch->last_ordinal;
        hopeless += batch->hopeless;
        auto stage = Stage::open(transaction);
        if (!stage) return stage.error();
        for (const FailedDevice& device : batch->devices) {
            ChangeParameters effective = *parameters;
            References names;
            merge_parameters(effective, names, device.row);
            CARRYALL_TRY(stage->add(device.ordinal, device.row, change.type, effective, names,
                                    still_ahead(change, effective)));
        }
        CARRYALL_TRY(stage->finish());
    }
}

// What follows an activation is tried again for the devices that may become lines now.
Result<void> retry_following(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                             const StoredChange& change, RetryResult& result) {
    const auto following = reopen_following(transaction, tenant_id, id);
    if (!following) return following.error();
    result.busy_count += following->busy;
    result.additional_retried_count = following->devices;
    if (following->devices == 0) return {};
    CARRYALL_TRY(enqueue_runners(transaction, tenant_id, following->id, change.correlation_id,
                                 following->pages, std::chrono::milliseconds(0)));
    return notify_change(transaction, tenant_id, following->id);
}

// A retry begins what nobody has agreed to: rows that were refused at first are many perhaps.
Result<void> check_needs_no_approval(db::Transaction& transaction, std::int64_t tenant_id,
                                     const StoredChange& change, const VerdictTotals& totals) {
    if (change.is_approved) return {};
    const auto is_large = needs_approval(transaction, tenant_id, totals.rows - totals.refused);
    if (!is_large) return is_large.error();
    if (!*is_large) return {};
    return base::Error{base::ErrorKind::conflict,
                       "so many devices need an approval, which this bulk change never had; submit "
                       "its failed rows as a change of their own",
                       {}};
}

Result<RetryResult> retry_in(db::Transaction& transaction, const tenants::Caller& caller,
                             BulkChangeId id, const std::vector<std::string>& classes,
                             bool parked_too, std::optional<base::Instant> now) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    const auto change = writable_change(transaction, caller, id, now);
    if (!change) return change.error();
    CARRYALL_TRY(check_can_be_retried(*change));
    RetryResult result;
    result.id = id;
    const auto busy = lock_failed_pages(transaction, tenant_id, id, classes, parked_too);
    if (!busy) return busy.error();
    result.busy_count = *busy;
    const auto hopeless = stage_failed(transaction, tenant_id, id, *change, classes);
    if (!hopeless) return hopeless.error();
    const auto provider = find_provider(transaction, tenant_id, change->service_provider_id, now);
    if (!provider) return provider.error();
    CHECK(provider->has_value());
    const auto facts = judge_facts(transaction, tenant_id, change->service_provider_id,
                                   change->type, change->portal, **provider);
    if (!facts) return facts.error();
    JudgeFacts retried = *facts;
    retried.retried_change = id;
    CARRYALL_TRY(judge_rows(transaction, retried));
    CARRYALL_TRY(refuse_duplicates(transaction, tenant_id, id));
    if (change->is_approved) CARRYALL_TRY(refuse_unapproved(transaction, tenant_id, id));
    auto totals = count_verdicts(transaction, kDefaultPageSize, change->now);
    if (!totals) return totals.error();
    CARRYALL_TRY(check_needs_no_approval(transaction, tenant_id, *change, *totals));
    if (change->type == ChangeType::newserviceactivation) {
        CARRYALL_TRY(make_devices(transaction, tenant_id, change->service_provider_id));
        CARRYALL_TRY(take_sims(transaction, tenant_id, id));
    }
    NewChange description;
    description.type = change->type;
    description.portal = to_string(change->portal);
    description.log_description = validation_description(change->type, change->integration);
    description.correlation_id = change->correlation_id;
    const auto reopened = reopen(transaction, tenant_id, id, description, change->now);
    if (!reopened) return reopened.error();
    ReopenedParked parked;
    if (parked_too) {
        const auto done = reopen_parked(transaction, tenant_id, id);
        if (!done) return done.error();
        parked = *done;
    }
    result.retried_count = *reopened + parked.devices;
    result.refused_count = totals->refused + *hopeless;
    result.reasons = std::move(totals->reasons);
    result.status = result.retried_count > 0 ? "PROCESSING" : change->status;
    if (change->type == ChangeType::newserviceactivation) {
        CARRYALL_TRY(retry_following(transaction, tenant_id, id, *change, result));
    }
    if (result.retried_count == 0) return result;
    CARRYALL_TRY(enqueue_runners(
        transaction, tenant_id, id, change->correlation_id, totals->open_pages + parked.pages,
        parked.pages > 0 ? std::chrono::milliseconds(0) : totals->until_due));
    CARRYALL_TRY(notify_change(transaction, tenant_id, id));
    return result;
}

// Of what a second person must agree to, a plan is made first.
Result<void> start(db::Transaction& transaction, const tenants::Caller& caller, BulkChangeId id,
                   const StoredChange& change) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    const auto is_large = needs_approval(transaction, tenant_id, change.new_count);
    if (!is_large) return is_large.error();
    if (!*is_large) {
        const auto started = start_change(transaction, tenant_id, id);
        if (!started) return started.error();
        CHECK(*started);  // it was locked and NEW
        return {};
    }
    const auto provider =
        find_provider(transaction, tenant_id, change.service_provider_id, change.now);
    if (!provider) return provider.error();
    CHECK(provider->has_value());
    const auto batch = devices_per_request(change.type, **provider);
    if (!batch) return batch.error();
    NewPlan plan;
    plan.tenant_id = tenant_id;
    plan.id = id;
    plan.type = change.type;
    plan.integration = change.integration;
    plan.devices_per_request = *batch;
    plan.accepted = change.new_count;
    plan.refused = change.device_count - change.new_count;
    return start_as_plan(transaction, plan, caller.name, change.now);
}

Result<void> process_in(db::Transaction& transaction, const tenants::Caller& caller,
                        BulkChangeId id) {
    const std::int64_t tenant_id = caller.tenant_id.value;
    CARRYALL_TRY(lock_change(transaction, tenant_id, id));
    const auto change = writable_change(transaction, caller, id, std::nullopt);
    if (!change) return change.error();
    if (change->status != "NEW") {
        return base::Error{
            base::ErrorKind::conflict,
            "only a bulk change that is NEW can be started; this one is " + change->status,
            {}};
    }
    if (change->follows) {
        return base::Error{base::ErrorKind::conflict,
                           "this bulk change follows bulk change " +
                               base::to_string(change->follows) + " and is started with it",
                           {}};
    }
    // As of a plan: what was meant for a day is no longer wanted on another.
    if (change->first_due_at && *change->first_due_at < change->now - kSameDay) {
        return base::Error{base::ErrorKind::conflict,
                           "the date of the bulk change has passed; cancel it and submit it again",
                           {}};
    }
    CARRYALL_TRY(start(transaction, caller, id, *change));
    const auto waits = require_approval(transaction, tenant_id, id);
    if (!waits) return waits.error();
    if (!*waits) {
        CARRYALL_TRY(enqueue_runners(transaction, tenant_id, id, change->correlation_id,
                                     change->open_page_count, {}));
    }
    CARRYALL_TRY(start_following(transaction, tenant_id, id));
    CARRYALL_TRY(notify_change(transaction, tenant_id, id));
    return take_place(transaction, tenant_id, id);
}

}  // namespace

Result<RetryResult> retry_failed(db::Connection& connection, const tenants::Caller& caller,
                                 BulkChangeId id, const RetryFilter& filter,
                                 std::optional<base::Instant> now) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    const auto classes = classes_of(filter);
    if (!classes) return classes.error();
    return db::in_transaction<RetryResult>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<RetryResult> {
            return retry_in(transaction, caller, id, *classes, filter.error_classes.empty(), now);
        });
}

Result<void> process_change(db::Connection& connection, const tenants::Caller& caller,
                            BulkChangeId id) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    return db::in_transaction<void>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) { return process_in(transaction, caller, id); });
}

}  // namespace carryall::changes
