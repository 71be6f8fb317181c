// One submission while it is made: what submit() and submit_set() share. Not for others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "changes/plan.hpp"
#include "changes/resolve.hpp"
#include "changes/submit.hpp"
#include "changes/submit_store.hpp"

namespace carryall::changes {

// A submission's part in a change set: of the set's rows, those that name lines of its account.
struct SetShare {
    std::int64_t change_set_id = 0;
    std::vector<std::int64_t> service_provider_ids;  // of all parts
    bool takes_the_rest = false;                     // also the rows that name nobody's line
};

// The request as it was meant, not as it was spelled: whitespace and the order of keys in JSON, or
// a file's quoting, do not make another request. Rows are hashed in chunks, each with the hash of
// all before it.
class RequestHash {
  public:
    // `providers`: for whose lines, as it was asked.
    RequestHash(const BulkChangeRequest& request, std::string_view providers);
    void add(const DeviceRow& row, ChangeType type);
    base::Result<void> add_all(DeviceSource& devices, ChangeType type);
    std::string finish() {
        fold();
        return hash_;
    }

  private:
    void add(std::string_view text) {
        pending_ += text;
        pending_ += '\x1f';
    }
    void add_parameters(const ChangeParameters& parameters, const References& names,
                        ChangeType type);
    void fold() {
        hash_ = base::sha256_hex(hash_ + pending_);
        pending_.clear();
    }
    std::string hash_;
    std::string pending_;
};

class Submission {
  public:
    Submission(db::Transaction& transaction, const tenants::Caller& caller,
               BulkChangeRequest request, DeviceSource& devices, const SubmitOptions& options,
               std::vector<base::Error>& errors, const SetShare* share = nullptr)
        : transaction_(transaction),
          caller_(caller),
          request_(std::move(request)),
          devices_(devices),
          options_(options),
          errors_(errors),
          share_(share),
          hash_(request_, std::to_string(request_.service_provider_id)) {}

    base::Result<SubmitResult> run();
    const std::string& request_hash() const { return request_hash_; }
    // The result is an error because another request took the key in the meantime.
    bool key_was_taken() const { return key_was_taken_; }

  private:
    std::int64_t tenant() const { return caller_.tenant_id.value; }
    base::Error fail(base::Error error) {
        errors_.push_back(std::move(error));
        return errors_.back();
    }
    base::Result<void> find_provider_facts();
    base::Result<std::optional<SubmitResult>> answer_again();
    base::Result<void> stage_rows();
    base::Result<void> stage_row(Stage& stage, DeviceRow& row);
    base::Result<void> leave_others_rows();
    base::Result<void> judge();
    base::Result<void> find_dates();
    base::Result<void> warn_of_others(BulkChangeId id, SubmitResult& result);
    base::Result<void> warn_of_budgets(BulkChangeId id, SubmitResult& result);
    base::Result<SubmitResult> finish();
    base::Result<SubmitResult> store(SubmitResult result);
    NewPlan new_plan(BulkChangeId id) const;
    base::Result<SubmitResult> plan(SubmitResult result);
    base::Result<void> list_refused(SubmitResult& result);
    NewChange new_change(ChangeType type) const;
    base::Result<BulkChangeId> store_following(const NewChange& activation, BulkChangeId id);
    base::Result<void> start(BulkChangeId id, const queue::Attributes& attributes);
    bool starts() const;

    db::Transaction& transaction_;
    const tenants::Caller& caller_;
    BulkChangeRequest request_;
    DeviceSource& devices_;
    const SubmitOptions& options_;
    std::vector<base::Error>& errors_;
    const SetShare* share_;
    RequestHash hash_;
    std::string request_hash_;
    ProviderFacts provider_;
    std::optional<EffectiveRules> rules_;
    std::int64_t row_count_ = 0;
    VerdictTotals totals_;
    bool has_due_dates_ = false;
    bool has_own_dates_ = false;
    std::optional<ScheduleDates> dates_;
    std::string correlation_id_;
    bool key_was_taken_ = false;
    bool waits_ = false;  // for a second person
};

// Of the staged rows only the share's stay; answers how many. submit_set_store.cpp.
base::Result<std::int64_t> keep_own_rows(db::Transaction& transaction, std::int64_t tenant_id,
                                         std::int64_t service_provider_id, const SetShare& share);

// Whether the caller may submit, and whether the options can be meant.
base::Result<void> check_submission(const tenants::Caller& caller, const SubmitOptions& options);

// `conflict` unless the request that took the key was this one.
base::Result<void> check_replay(const EarlierChange& earlier, const std::string& request_hash);

// What the earlier request was answered about this change.
base::Result<SubmitResult> answered_before(db::Transaction& transaction, std::int64_t tenant_id,
                                           BulkChangeId id);

base::Error key_is_taken();
base::Error too_many_devices();

}  // namespace carryall::changes
