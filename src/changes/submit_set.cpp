// A set is submitted in one transaction. The rows are read once to see which accounts they belong
// to (and hashed for the idempotency key), then once for each account that has lines among them.
#include "changes/submit_set.hpp"

#include "base/log.hpp"
#include "changes/start_store.hpp"
#include "changes/submit_set_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr const char* kAt = "/serviceProviderIds";

class SetSubmission {
  public:
    SetSubmission(db::Transaction& transaction, const tenants::Caller& caller,
                  const BulkChangeRequest& request, const DeviceSourceFactory& devices,
                  const SubmitOptions& options, std::vector<base::Error>& errors)
        : transaction_(transaction),
          caller_(caller),
          request_(request),
          devices_(devices),
          options_(options),
          errors_(errors) {}

    Result<SubmitSetResult> run();
    Result<SubmitSetResult> replay(const EarlierChange& earlier);
    const std::string& request_hash() const { return request_hash_; }
    bool key_was_taken() const { return key_was_taken_; }

  private:
    std::int64_t tenant() const { return caller_.tenant_id.value; }
    Result<void> find_providers();
    Result<void> stage_identifiers();
    Result<std::vector<std::int64_t>> providers_with_rows();
    Result<SubmitResult> submit_part(const SetProvider& provider, const SetShare& share);
    Result<void> submit_parts(SubmitSetResult& result, SetShare& share);
    Result<void> take_the_key(const SubmitSetResult& result, base::Instant now);

    db::Transaction& transaction_;
    const tenants::Caller& caller_;
    const BulkChangeRequest& request_;
    const DeviceSourceFactory& devices_;
    const SubmitOptions& options_;
    std::vector<base::Error>& errors_;
    std::vector<SetProvider> providers_;
    std::string request_hash_;
    bool key_was_taken_ = false;
};

// The accounts as they were asked for: "all" stays the same request when an account is added.
std::string providers_as_asked(const BulkChangeRequest& request) {
    std::vector<std::int64_t> ids = *request.service_provider_ids;
    std::sort(ids.begin(), ids.end());
    std::string text = "set";
    for (const std::int64_t id : ids) text += ' ' + std::to_string(id);
    return text;
}

void add_part(SubmitSetResult& set, SetPart part) {
    set.device_count += part.result.device_count;
    set.accepted_count += part.result.accepted_count;
    set.refused_count += part.result.refused_count;
    set.refused = set.refused || part.result.refused;
    set.changes.push_back(std::move(part));
}

Result<void> SetSubmission::find_providers() {
    // Its SIMs need not be in the inventory, which tells the account of every other device.
    if (request_.change_type == ChangeType::newserviceactivation) {
        return base::invalid_input("an activation names one account, by serviceProviderId", kAt);
    }
    const std::vector<std::int64_t>& asked = *request_.service_provider_ids;
    auto found = find_set_providers(transaction_, tenant(), asked);
    if (!found) return found.error();
    providers_ = std::move(found).value();
    if (providers_.empty() && asked.empty()) {
        return base::Error{base::ErrorKind::conflict, "there is no active account at a carrier",
                           kAt};
    }
    for (const std::int64_t id : asked) {
        const bool is_there =
            std::any_of(providers_.begin(), providers_.end(),
                        [id](const SetProvider& one) { return one.service_provider_id == id; });
        if (is_there) continue;
        return base::Error{base::ErrorKind::not_found,
                           "Service provider not found: " + std::to_string(id), kAt};
    }
    return {};
}

Result<void> SetSubmission::stage_identifiers() {
    CARRYALL_TRY(Stage::create(transaction_));
    auto stage = Stage::open(transaction_);
    if (!stage) return stage.error();
    auto source = devices_();
    if (!source) return source.error();
    RequestHash hash(request_, providers_as_asked(request_));
    DeviceRow row;
    std::int64_t count = 0;
    while (true) {
        const auto more = (*source)->next(row);
        if (!more) return more.error();
        if (!*more) break;
        if (++count > kMaxDevicesPerChange) return too_many_devices();
        hash.add(row, request_.change_type);
        CARRYALL_TRY(
            stage->add(count, row, request_.change_type, ChangeParameters(), References(), {}));
    }
    if (count == 0) return base::invalid_input("the request names no device", "/devices");
    request_hash_ = hash.finish();
    return stage->finish();
}

// In the order of their ids. Where no row names anybody's line, the first account says so.
Result<std::vector<std::int64_t>> SetSubmission::providers_with_rows() {
    std::vector<std::int64_t> ids;
    for (const SetProvider& provider : providers_) ids.push_back(provider.service_provider_id);
    auto with_rows = staged_providers(transaction_, tenant(), ids);
    if (!with_rows) return with_rows.error();
    if (with_rows->empty()) with_rows->push_back(ids.front());
    return with_rows;
}

Result<SubmitResult> SetSubmission::submit_part(const SetProvider& provider,
                                                const SetShare& share) {
    CARRYALL_TRY(Stage::clear(transaction_));
    auto source = devices_();
    if (!source) return source.error();
    BulkChangeRequest request = request_;
    request.service_provider_id = provider.service_provider_id;
    request.service_provider_ids.reset();
    SubmitOptions options = options_;
    options.idempotency_key.reset();
    const std::size_t before = errors_.size();
    Submission submission(transaction_, caller_, std::move(request), **source, options, errors_,
                          &share);
    auto result = submission.run();
    for (std::size_t i = before; i < errors_.size(); ++i) {
        errors_[i].message = provider.name + ": " + errors_[i].message;
        if (errors_[i].where == "/serviceProviderId") errors_[i].where = kAt;
    }
    if (!result && errors_.size() > before) return errors_[before];
    return result;
}

Result<void> SetSubmission::submit_parts(SubmitSetResult& result, SetShare& share) {
    share.takes_the_rest = true;
    for (const SetProvider& provider : providers_) {
        const auto& ids = share.service_provider_ids;
        if (std::find(ids.begin(), ids.end(), provider.service_provider_id) == ids.end()) continue;
        auto part = submit_part(provider, share);
        if (!part) return part.error();
        add_part(result, {provider.service_provider_id, provider.name, std::move(part).value()});
        share.takes_the_rest = false;
    }
    return {};
}

Result<void> SetSubmission::take_the_key(const SubmitSetResult& result, base::Instant now) {
    if (!options_.idempotency_key || request_.dry_run) return {};
    const auto taken = take_key(transaction_, tenant(), *options_.idempotency_key, request_hash_,
                                result.changes.front().result.id, now);
    if (!taken) return taken.error();
    key_was_taken_ = !*taken;
    return key_was_taken_ ? Result<void>(key_is_taken()) : Result<void>();
}

Result<SubmitSetResult> SetSubmission::replay(const EarlierChange& earlier) {
    CARRYALL_TRY(check_replay(earlier, request_hash_));
    const auto parts = set_of(transaction_, tenant(), earlier.id);
    if (!parts) return parts.error();
    SubmitSetResult result;
    result.replayed = true;
    for (const StoredPart& part : *parts) {
        auto answered = answered_before(transaction_, tenant(), part.id);
        if (!answered) return answered.error();
        result.change_set_id = part.change_set_id;
        result.correlation_id = answered->correlation_id;
        add_part(result,
                 {part.service_provider_id, part.service_provider, std::move(answered).value()});
    }
    return result;
}

Result<SubmitSetResult> SetSubmission::run() {
    CARRYALL_TRY(find_providers());
    CARRYALL_TRY(stage_identifiers());
    const auto facts =
        find_provider(transaction_, tenant(), providers_.front().service_provider_id, options_.now);
    if (!facts) return facts.error();
    const base::Instant now = (*facts)->now;
    if (options_.idempotency_key && !request_.dry_run) {
        const auto earlier = find_key(transaction_, tenant(), *options_.idempotency_key, now);
        if (!earlier) return earlier.error();
        if (*earlier) return replay(**earlier);
    }
    auto ids = providers_with_rows();
    if (!ids) return ids.error();
    SubmitSetResult result;
    result.correlation_id = options_.correlation_id;
    const auto id = insert_set(transaction_, tenant(), caller_.name, result.correlation_id, now);
    if (!id) return id.error();
    SetShare share{*id, std::move(ids).value()};
    CARRYALL_TRY(submit_parts(result, share));
    const bool is_stored = !result.refused && result.changes.front().result.id;
    if (!is_stored) return result;
    result.change_set_id = *id;
    CARRYALL_TRY(take_the_key(result, now));
    for (const SetPart& part : result.changes) {
        if (part.result.status != "PENDING") continue;
        CARRYALL_TRY(take_place(transaction_, tenant(), part.result.id));
    }
    return result;
}

struct Attempt {
    Result<SubmitSetResult> result;
    bool key_was_taken = false;
};

// In its own scope, so that what was not committed is rolled back when it ends.
Attempt attempt(db::Connection& connection, const tenants::Caller& caller,
                const BulkChangeRequest& request, const DeviceSourceFactory& devices,
                const SubmitOptions& options, std::vector<base::Error>& errors) {
    auto transaction = db::Transaction::begin(connection, caller.tenant_id.value);
    if (!transaction) return {transaction.error()};
    SetSubmission submission(*transaction, caller, request, devices, options, errors);
    auto result = submission.run();
    if (!result) return {result.error(), submission.key_was_taken()};
    if (result->change_set_id == 0 || result->replayed) return {std::move(result)};
    const auto committed = transaction->commit();
    if (!committed) return {committed.error()};
    return {std::move(result)};
}

}  // namespace

Result<SubmitSetResult> submit_set(db::Connection& connection, const tenants::Caller& caller,
                                   const BulkChangeRequest& request,
                                   const DeviceSourceFactory& devices, const SubmitOptions& options,
                                   std::vector<base::Error>& errors) {
    const auto finished = [&](Result<SubmitSetResult> result) {
        if (!result && errors.empty()) errors.push_back(result.error());
        return result;
    };
    CHECK(request.service_provider_ids.has_value());
    if (const auto good = check_submission(caller, options); !good) return finished(good.error());
    SubmitOptions complete = options;
    if (complete.correlation_id.empty()) complete.correlation_id = base::random_uuid();
    Attempt made = attempt(connection, caller, request, devices, complete, errors);
    // The other request with this key has ended: its set is found now.
    if (made.key_was_taken) {
        made = attempt(connection, caller, request, devices, complete, errors);
    }
    if (!made.result) return finished(std::move(made.result));
    base::log::info("change_set_submitted", {{"changeSetId", made.result->change_set_id},
                                             {"changes", made.result->changes.size()},
                                             {"devices", made.result->device_count},
                                             {"correlationId", made.result->correlation_id}});
    return std::move(made.result);
}

}  // namespace carryall::changes
