// The order of a submission: what needs no device is checked first, then the rows are copied into
// the stage (and hashed for the idempotency key), judged, counted, and stored or thrown away.
#include "changes/submit.hpp"

#include "base/log.hpp"
#include "changes/control.hpp"
#include "changes/control_request.hpp"
#include "changes/parameters.hpp"
#include "changes/plan.hpp"
#include "changes/plan_budget.hpp"
#include "changes/schedule_store.hpp"
#include "changes/start_store.hpp"
#include "changes/submission.hpp"

namespace carryall::changes {

using base::Result;

RequestHash::RequestHash(const BulkChangeRequest& request, std::string_view providers) {
    add(providers);
    add(to_string(request.change_type));
    add(request.portal ? to_string(*request.portal) : "");
    add(request.process_changes ? "process" : "store");
    add(request.all_or_nothing ? "all or nothing" : "");
    add(canonical_text(request.control));
    if (request.start_at) add("start at " + base::to_iso8601(*request.start_at));
    add_parameters(request.parameters, request.references, request.change_type);
    if (request.change_type == ChangeType::newserviceactivation) {
        add_parameters(request.parameters, request.references, ChangeType::customerassignment);
    }
}

void RequestHash::add(const DeviceRow& row, ChangeType type) {
    constexpr std::size_t kChunkBytes = 1 << 16;
    add(row.identifier);
    add(to_string(row.kind));
    add(row.problem);
    for (const auto& [field, text] : row.rejected) {
        add(field);
        add(text);
    }
    if (row.has_own) add_parameters(row.own, row.references, type);
    pending_ += '\x1e';
    if (pending_.size() > kChunkBytes) fold();
}

Result<void> RequestHash::add_all(DeviceSource& devices, ChangeType type) {
    DeviceRow row;
    while (true) {
        const auto more = devices.next(row);
        if (!more) return more.error();
        if (!*more) return {};
        add(row, type);
    }
}

void RequestHash::add_parameters(const ChangeParameters& parameters, const References& names,
                                 ChangeType type) {
    add(base::json::serialize(section_of(parameters, type)));
    add(names.customer.value_or(""));
    add(names.site.value_or(""));
    add(names.customer_rate_plan.value_or(""));
    add(names.customer_pool.value_or(""));
}

Result<void> check_replay(const EarlierChange& earlier, const std::string& request_hash) {
    if (earlier.request_hash == request_hash) return {};
    return base::Error{base::ErrorKind::conflict,
                       "this Idempotency-Key was used for another request; send the same request "
                       "or a new key",
                       "Idempotency-Key"};
}

base::Error key_is_taken() {
    return {base::ErrorKind::conflict,
            "this Idempotency-Key is being used by another request; ask again", "Idempotency-Key"};
}

base::Error too_many_devices() {
    return {
        base::ErrorKind::too_large,
        "a bulk change has at most " + std::to_string(kMaxDevicesPerChange) + " devices; split it",
        "/devices"};
}

Result<SubmitResult> answered_before(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id) {
    const auto stored = read_submission(transaction, tenant_id, id);
    if (!stored) return stored.error();
    SubmitResult result;
    result.id = id;
    result.replayed = true;
    result.status = stored->status;
    result.correlation_id = stored->correlation_id;
    result.device_count = stored->device_count;
    result.refused_count = stored->refused;
    result.accepted_count = stored->device_count - stored->refused;
    result.reasons = stored->reasons;
    auto dates = stored_dates(transaction, tenant_id, id);
    if (!dates) return dates.error();
    result.dates = std::move(*dates);
    result.additional_id = stored->additional_id;
    result.waits_for_approval = stored->waits_for_approval;
    return result;
}

namespace {

// Answers as the earlier request with this key was answered.
Result<SubmitResult> replay(db::Transaction& transaction, std::int64_t tenant_id,
                            const EarlierChange& earlier, const std::string& request_hash) {
    CARRYALL_TRY(check_replay(earlier, request_hash));
    return answered_before(transaction, tenant_id, earlier.id);
}

}  // namespace

// A key that was used answers before anything else is asked: what has changed since (a switched-off
// provider, a plan that is gone) does not matter to what was done then.
Result<std::optional<SubmitResult>> Submission::answer_again() {
    if (!options_.idempotency_key || request_.dry_run) return std::optional<SubmitResult>();
    const auto earlier = find_key(transaction_, tenant(), *options_.idempotency_key, provider_.now);
    if (!earlier) return earlier.error();
    if (!*earlier) return std::optional<SubmitResult>();
    if (const auto read = hash_.add_all(devices_, request_.change_type); !read) {
        return fail(read.error());
    }
    request_hash_ = hash_.finish();
    auto result = replay(transaction_, tenant(), **earlier, request_hash_);
    if (!result) return result.error();
    return std::optional(std::move(result).value());
}

Result<void> Submission::find_provider_facts() {
    const auto facts =
        find_provider(transaction_, tenant(), request_.service_provider_id, options_.now);
    if (!facts) return facts.error();
    if (!*facts || !(*facts)->is_active) {
        return fail(
            {base::ErrorKind::not_found, "Service provider not found", "/serviceProviderId"});
    }
    provider_ = **facts;
    return {};
}

Result<void> Submission::stage_row(Stage& stage, DeviceRow& row) {
    const ChangeType type = request_.change_type;
    hash_.add(row, type);
    if (!row.has_own) {
        row.parameter_problem = rules_->shared_problem();
        has_due_dates_ = has_due_dates_ || rules_->due_at();
        return stage.add(row_count_, row, type, request_.parameters, request_.references,
                         rules_->due_at());
    }
    ChangeParameters effective = request_.parameters;
    References names = request_.references;
    merge_parameters(effective, names, row);
    rules_->canonicalise(effective);
    if (row.parameter_problem.empty()) {
        row.parameter_problem = rules_->problem_of(effective, names);
    }
    has_own_dates_ = has_own_dates_ || effective_date_of(row.own, type);
    const auto due_at = rules_->due_at(effective);
    has_due_dates_ = has_due_dates_ || due_at;
    return stage.add(row_count_, row, type, effective, names, due_at);
}

Result<void> Submission::stage_rows() {
    if (share_ == nullptr) CARRYALL_TRY(Stage::create(transaction_));  // a set's is there already
    auto stage = Stage::open(transaction_);
    if (!stage) return stage.error();
    DeviceRow row;
    while (true) {
        const auto more = devices_.next(row);
        if (!more) return fail(more.error());
        if (!*more) break;
        if (++row_count_ > kMaxDevicesPerChange) {
            return fail(too_many_devices());
        }
        CARRYALL_TRY(stage_row(*stage, row));
    }
    if (row_count_ == 0) {
        return fail(base::invalid_input("the request names no device", "/devices"));
    }
    request_hash_ = hash_.finish();
    return stage->finish();
}

Result<void> Submission::leave_others_rows() {
    if (share_ == nullptr) return {};
    const auto kept = keep_own_rows(transaction_, tenant(), request_.service_provider_id, *share_);
    if (!kept) return kept.error();
    row_count_ = *kept;
    return {};
}

Result<void> Submission::judge() {
    const auto facts = judge_facts(transaction_, tenant(), request_.service_provider_id,
                                   request_.change_type, request_.portal, provider_);
    if (!facts) return facts.error();
    CARRYALL_TRY(judge_rows(transaction_, *facts));
    auto totals =
        count_verdicts(transaction_, rules_->page_size(options_.page_size), provider_.now);
    if (!totals) return totals.error();
    totals_ = std::move(totals).value();
    CHECK(totals_.rows == row_count_);
    return {};
}

Result<void> Submission::find_dates() {
    if (!has_due_dates_) return {};
    auto dates = staged_dates(transaction_);
    if (!dates) return dates.error();
    dates_ = std::move(*dates);
    if (dates_) dates_->time_zone = request_.time_zone;
    return {};
}

Result<void> Submission::warn_of_others(BulkChangeId id, SubmitResult& result) {
    const auto warned =
        warn_of_pending(transaction_, tenant(), id, request_.change_type, provider_.now);
    if (!warned) return warned.error();
    result.warned_count = *warned;
    if (*warned == 0) return {};
    result.warnings.push_back(std::to_string(*warned) +
                              " devices have another change to come that this one contradicts; "
                              "each device's warning names it");
    return {};
}

// Of a plan that is to begin at once: what the worker would refuse. By a date ahead the carrier may
// let the line do more.
Result<void> Submission::warn_of_budgets(BulkChangeId id, SubmitResult& result) {
    const bool is_plan = request_.dry_run || waits_;
    if (!is_plan || has_due_dates_) return {};
    const auto room = room_of_lines(transaction_, tenant(), request_.change_type, provider_);
    if (!room) return room.error();
    if (room->over.empty()) return {};
    result.warnings.push_back(std::to_string(room->over.size()) +
                              " devices have used up what the carrier lets a line do and would be "
                              "refused now; each device's warning says when it can again");
    return note_lines(transaction_, tenant(), id, room->over);
}

Result<void> Submission::start(BulkChangeId id, const queue::Attributes& attributes) {
    const auto waits = require_approval(transaction_, tenant(), id);
    if (!waits) return waits.error();
    if (*waits) return {};
    return enqueue_runners(transaction_, tenant(), id, correlation_id_, totals_.open_pages,
                           totals_.until_due, attributes);
}

bool Submission::starts() const {
    return request_.process_changes && !request_.dry_run && totals_.refused < totals_.rows;
}

NewChange Submission::new_change(ChangeType type) const {
    const bool all_refused = totals_.refused == totals_.rows;
    NewChange change;
    change.tenant_id = tenant();
    change.service_provider_id = request_.service_provider_id;
    change.type = type;
    change.portal = totals_.portal;
    // A plan is NEW until it is sealed, and so is what a second person must agree to.
    change.status = request_.dry_run || waits_ ? "NEW"
                    : all_refused              ? "ERROR"
                    : starts()                 ? "PENDING"
                                               : "NEW";
    base::json::object parameters;
    parameters[section_name(change.type)] = section_of(request_.parameters, change.type);
    change.request = base::json::serialize(parameters);
    change.source = devices_.format();
    change.file_name = options_.file_name;
    change.correlation_id = correlation_id_;
    change.created_by = caller_.name;
    change.log_description = validation_description(change.type, provider_.integration);
    change.page_size = rules_->page_size(options_.page_size);
    if (share_ != nullptr) change.change_set_id = share_->change_set_id;
    change.control = request_.control;
    return change;
}

// The customer's assignment waits for the activation of each device: changes of one device are
// carried out in the order in which they were accepted.
Result<BulkChangeId> Submission::store_following(const NewChange& activation, BulkChangeId id) {
    NewChange change = new_change(ChangeType::customerassignment);
    // It sends nothing before the activation does, so the consent to that one, whose plan covers
    // its own, is enough.
    change.status = activation.status == "NEW" ? "NEW" : starts() ? "PENDING" : activation.status;
    change.page_size = activation.page_size;
    change.follows = id;
    change.control = {};  // it waits for the activation, whose waves and limits are its own
    CARRYALL_TRY(turn_to_following_change(transaction_));
    const auto following = insert_change(transaction_, change, totals_, provider_.now);
    if (!following) return following.error();
    CARRYALL_TRY(insert_devices(transaction_, *following, change, totals_, provider_.now));
    if (dates_) CARRYALL_TRY(note_dates(transaction_, tenant(), *following, *dates_));
    if (starts()) {
        CARRYALL_TRY(enqueue_runners(transaction_, tenant(), *following, correlation_id_,
                                     totals_.open_pages, totals_.until_due));
    }
    CARRYALL_TRY(notify_change(transaction_, tenant(), *following));
    return *following;
}

Result<SubmitResult> Submission::store(SubmitResult result) {
    const auto is_large = needs_approval(transaction_, tenant(), totals_.rows - totals_.refused);
    if (!is_large) return is_large.error();
    waits_ = starts() && *is_large;
    const NewChange change = new_change(request_.change_type);
    const bool is_activation = change.type == ChangeType::newserviceactivation;
    // A plan leaves no trace in the inventory: SIMs get their records when it is applied.
    const bool takes_sims = is_activation && !request_.dry_run;
    if (takes_sims) {
        CARRYALL_TRY(make_devices(transaction_, tenant(), request_.service_provider_id));
    }
    const auto id = insert_change(transaction_, change, totals_, provider_.now);
    if (!id) return id.error();
    if (takes_sims) CARRYALL_TRY(take_sims(transaction_, tenant(), *id));
    if (options_.idempotency_key && !request_.dry_run) {
        const auto taken = take_key(transaction_, tenant(), *options_.idempotency_key,
                                    request_hash_, *id, provider_.now);
        if (!taken) return taken.error();
        // Another request with this key was faster; what this one wrote is thrown away.
        if (!*taken) {
            key_was_taken_ = true;
            return key_is_taken();
        }
    }
    CARRYALL_TRY(insert_devices(transaction_, *id, change, totals_, provider_.now));
    if (dates_) CARRYALL_TRY(note_dates(transaction_, tenant(), *id, *dates_));
    CARRYALL_TRY(warn_of_others(*id, result));
    CARRYALL_TRY(warn_of_budgets(*id, result));
    if (request_.dry_run) CARRYALL_TRY(list_refused(result));
    queue::Attributes attributes;
    if (is_activation && request_.parameters.customer_assignment) {
        const auto following = store_following(change, *id);
        if (!following) return following.error();
        result.additional_id = *following;
    }
    describe_activation(request_.parameters, result.additional_id.value, attributes);
    if (waits_) {
        CARRYALL_TRY(start_as_plan(transaction_, new_plan(*id), caller_.name, provider_.now));
    }
    if (starts()) CARRYALL_TRY(start(*id, attributes));
    result.id = *id;
    result.status = starts() ? "PENDING" : change.status;
    result.waits_for_approval = waits_;
    if (request_.dry_run) return plan(std::move(result));
    CARRYALL_TRY(notify_change(transaction_, tenant(), *id));
    return result;
}

NewPlan Submission::new_plan(BulkChangeId id) const {
    NewPlan plan;
    plan.tenant_id = tenant();
    plan.id = id;
    plan.type = request_.change_type;
    plan.integration = provider_.integration;
    plan.devices_per_request = rules_->devices_per_request();
    plan.accepted = totals_.rows - totals_.refused;
    plan.refused = totals_.refused;
    return plan;
}

Result<SubmitResult> Submission::plan(SubmitResult result) {
    auto hash = make_plan(transaction_, new_plan(result.id));
    if (!hash) return hash.error();
    result.plan_hash = std::move(hash).value();
    result.status = "PLANNED";
    return result;
}

// For whom nothing runs: what was found wrong.
Result<void> Submission::list_refused(SubmitResult& result) {
    auto refused = first_refused(transaction_, kMaxListedRefusals);
    if (!refused) return refused.error();
    result.devices = std::move(refused).value();
    return {};
}

Result<SubmitResult> Submission::finish() {
    SubmitResult result;
    result.correlation_id = correlation_id_;
    result.device_count = totals_.rows;
    result.refused_count = totals_.refused;
    result.accepted_count = totals_.rows - totals_.refused;
    result.reasons = totals_.reasons;
    result.warnings = request_.warnings;
    result.warnings.insert(result.warnings.end(), devices_.warnings().begin(),
                           devices_.warnings().end());
    if (has_own_dates_ && !request_.time_zone.empty()) {
        result.warnings.emplace_back(
            "timeZone is that of the change's own dates; dates in devices' rows without an "
            "offset were taken as UTC");
    }
    CARRYALL_TRY(find_dates());
    result.dates = dates_;
    result.refused = request_.all_or_nothing && totals_.refused > 0;
    if (!result.refused) return store(std::move(result));
    CARRYALL_TRY(list_refused(result));
    return result;
}

Result<SubmitResult> Submission::run() {
    CARRYALL_TRY(find_provider_facts());
    auto again = answer_again();
    if (!again) return again.error();
    if (*again) return std::move(**again);
    correlation_id_ =
        options_.correlation_id.empty() ? base::random_uuid() : options_.correlation_id;
    if (!provider_.write_is_enabled) {
        return fail({base::ErrorKind::conflict, "Writes disabled for this service provider",
                     "/serviceProviderId"});
    }
    auto rules = EffectiveRules::make(request_, provider_, devices_.may_have_own(), errors_);
    if (!rules) return rules.error();
    rules_ = std::move(rules).value();
    const auto& activation = request_.parameters.new_service_activation;
    if (activation && activation->strict.value_or(false)) request_.all_or_nothing = true;
    CARRYALL_TRY(resolve_request(transaction_, tenant(), provider_.integration, request_, errors_));
    CARRYALL_TRY(stage_rows());
    CARRYALL_TRY(leave_others_rows());
    CARRYALL_TRY(judge());
    return finish();
}

namespace {

Result<void> check_options(const SubmitOptions& options) {
    if (options.page_size < 1 || options.page_size > kMaxPageSize) {
        return base::invalid_input("the page size must be between 1 and " +
                                   std::to_string(kMaxPageSize));
    }
    if (!options.idempotency_key) return {};
    const std::string& key = *options.idempotency_key;
    if (key.empty() || key.size() > kMaxIdempotencyKeyBytes) {
        return base::invalid_input(
            "an Idempotency-Key has 1 to " + std::to_string(kMaxIdempotencyKeyBytes) + " bytes",
            "Idempotency-Key");
    }
    return {};
}

// What only was stored or planned gets its place when it is started.
Result<void> start_last(db::Transaction& transaction, const tenants::Caller& caller,
                        const SubmitResult& result) {
    if (result.status != "PENDING") return {};
    return take_place(transaction, caller.tenant_id.value, result.id);
}

struct Attempt {
    Result<SubmitResult> result;
    bool key_was_taken = false;
};

// In its own scope, so that what was not committed is rolled back when it ends.
Attempt attempt(db::Connection& connection, const tenants::Caller& caller,
                const BulkChangeRequest& request, DeviceSource& devices,
                const SubmitOptions& options, std::vector<base::Error>& errors,
                std::string& request_hash) {
    auto transaction = db::Transaction::begin(connection, caller.tenant_id.value);
    if (!transaction) return {transaction.error()};
    Submission submission(*transaction, caller, request, devices, options, errors);
    auto result = submission.run();
    request_hash = submission.request_hash();
    if (!result) return {result.error(), submission.key_was_taken()};
    if (!result->id || result->replayed) return {std::move(result)};  // nothing to keep
    if (const auto placed = start_last(*transaction, caller, *result); !placed) {
        return {placed.error()};
    }
    const auto committed = transaction->commit();
    if (!committed) return {committed.error()};
    return {std::move(result)};
}

// After another request with the same key was faster: its change is committed, so it is found.
Result<SubmitResult> answer_as_winner(db::Connection& connection, const tenants::Caller& caller,
                                      const SubmitOptions& options, const std::string& request_hash,
                                      const base::Error& lost) {
    auto transaction = db::Transaction::begin(connection, caller.tenant_id.value);
    if (!transaction) return transaction.error();
    const base::Instant now = options.now.value_or(base::system_clock().now());
    const auto earlier =
        find_key(*transaction, caller.tenant_id.value, *options.idempotency_key, now);
    if (!earlier) return earlier.error();
    if (!*earlier) return lost;
    return replay(*transaction, caller.tenant_id.value, **earlier, request_hash);
}

}  // namespace

Result<void> check_submission(const tenants::Caller& caller, const SubmitOptions& options) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    return check_options(options);
}

Result<SubmitResult> submit_in(db::Transaction& transaction, const tenants::Caller& caller,
                               BulkChangeRequest request, DeviceSource& devices,
                               const SubmitOptions& options, std::vector<base::Error>& errors) {
    CARRYALL_TRY(check_submission(caller, options));
    CHECK(!options.idempotency_key);
    Submission submission(transaction, caller, std::move(request), devices, options, errors);
    auto result = submission.run();
    if (!result && errors.empty()) errors.push_back(result.error());
    if (!result || !result->id) return result;
    CARRYALL_TRY(start_last(transaction, caller, *result));
    return result;
}

Result<SubmitResult> submit(db::Connection& connection, const tenants::Caller& caller,
                            BulkChangeRequest request, DeviceSource& devices,
                            const SubmitOptions& options, std::vector<base::Error>& errors) {
    const auto finished = [&](Result<SubmitResult> result) {
        if (!result && errors.empty()) errors.push_back(result.error());
        return result;
    };
    if (const auto good = check_submission(caller, options); !good) return finished(good.error());
    if (request.service_provider_ids) {
        return finished(base::invalid_input(
            "a change for several accounts is a change set: send it to /v1/change-sets",
            "/serviceProviderIds"));
    }
    std::string request_hash;
    Attempt made = attempt(connection, caller, request, devices, options, errors, request_hash);
    if (made.key_was_taken) {
        return finished(
            answer_as_winner(connection, caller, options, request_hash, made.result.error()));
    }
    if (!made.result) return finished(std::move(made.result));
    base::log::info("bulk_change_submitted", {{"bulkChangeId", made.result->id.value},
                                              {"devices", made.result->device_count},
                                              {"refused", made.result->refused_count},
                                              {"correlationId", made.result->correlation_id}});
    return std::move(made.result);
}

}  // namespace carryall::changes
