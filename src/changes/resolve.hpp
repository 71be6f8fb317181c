// Decisions of submission that concern the change as a whole: which values may stand, what the
// names in the request mean, which status changes the carrier allows. Also what submission, retry
// and start share: queue messages and log descriptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"
#include "changes/submit_store.hpp"
#include "queue/queue.hpp"

namespace carryall::changes {

// A device change of this type is due at its effective date. Of the others only the customer rate
// plan waits for the date, in a schedule of its own.
bool begins_at_its_date(ChangeType type);

// When a device is due: at the later of the two, if they are ahead.
std::optional<std::string> due_date(ChangeType type, const ChangeParameters& effective,
                                    std::optional<base::Instant> start_at, base::Instant now);

// Reasons why a date cannot be this type's effective date; empty: it can.
std::string check_effective_date(ChangeType type, base::Instant date, base::Instant now);

// What holds for the parameters of the change and of each device alike, without the database.
class EffectiveRules {
  public:
    // Checks the change's own section; every mistake goes to `errors`.
    static base::Result<EffectiveRules> make(BulkChangeRequest& request,
                                             const ProviderFacts& provider, bool may_have_own,
                                             std::vector<base::Error>& errors);
    // The carrier's spelling of a status.
    void canonicalise(ChangeParameters& parameters) const;
    // Why a device cannot get these; empty: it can.
    std::string problem_of(const ChangeParameters& effective, const References& names) const;
    // Why a device with nothing of its own cannot get the change's; empty: it can.
    const std::string& shared_problem() const { return shared_problem_; }
    // When a device with the change's (or these) parameters is due; empty: at once.
    const std::optional<std::string>& due_at() const { return due_at_; }
    std::optional<std::string> due_at(const ChangeParameters& effective) const;
    // A date ahead at which the whole change begins.
    const std::optional<base::Instant>& start_at() const { return start_at_; }
    // Devices a page: what one request of the carrier takes, if that is more than `standard`.
    int page_size(int standard) const { return std::max(standard, devices_per_request_); }
    int devices_per_request() const { return devices_per_request_; }

  private:
    base::Result<void> take_carrier(const ProviderFacts& provider);
    std::string date_problem(base::Instant date) const;
    std::string problem_of_activation(const ChangeParameters& effective) const;

    ChangeType type_ = ChangeType::statusupdate;
    base::Instant now_;
    const carriers::Carrier* carrier_ = nullptr;  // of changes that go to one
    std::vector<std::string> statuses_;
    int devices_per_request_ = 1;
    std::optional<base::Instant> start_at_;
    int carrier_keeps_days_ = 0;  // dates so far ahead are given to the carrier; 0: none
    std::optional<std::string> due_at_;
    std::string shared_problem_;
};

// Devices in one request of the carrier, as any change of this account has them.
base::Result<int> devices_per_request(ChangeType type, const ProviderFacts& provider);

// Looks up what the change's own section names and writes what was found into it.
base::Result<void> resolve_request(db::Transaction& transaction, std::int64_t tenant_id,
                                   const std::string& integration, BulkChangeRequest& request,
                                   std::vector<base::Error>& errors);

base::Result<JudgeFacts> judge_facts(db::Transaction& transaction, std::int64_t tenant_id,
                                     std::int64_t service_provider_id, ChangeType type,
                                     std::optional<Portal> portal, const ProviderFacts& provider);

// One message for each runner the change can use.
base::Result<void> enqueue_runners(db::Transaction& transaction, std::int64_t tenant_id,
                                   BulkChangeId id, const std::string& correlation_id,
                                   std::int64_t open_pages, std::chrono::milliseconds until_due,
                                   queue::Attributes attributes = {});
// The seeds' attributes of an activation's message.
void describe_activation(const ChangeParameters& parameters, std::int64_t additional_change,
                         queue::Attributes& attributes);

// "Change Carrier Rate Plan: POND Validate"
std::string validation_description(ChangeType type, const std::string& integration);

}  // namespace carryall::changes
