// Charge runs as people see them: how far each is, every charge with what was said about it, and
// what a person may do: stop, resume, let parked charges go on, reverse.
//
// What must stay true: totals are sums of rows; a charge that may be in Rev.io goes on as unknown,
// so that it is looked up first; a charge is reversed once, by an opposite entry of a new
// generation, and nothing that was sent is ever edited.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "charges/charge.hpp"
#include "db/postgres.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::charges {

inline constexpr std::size_t kMaxReasonBytes = 500;
inline constexpr std::size_t kMaxNamedCharges = 100'000;  // of one release or reversal
inline constexpr int kMaxShownSteps = 200;                // of a charge's log

struct ChargeRun {
    ChargeRunId id;
    std::string source;  // "instances", "file", "reversal"
    std::string state;   // "enqueueing", "sending", "finished"
    std::string hold;    // "running", "stopped"
    std::optional<std::string> hold_reason, hold_by, hold_at;
    std::vector<std::int64_t> instance_ids;
    std::optional<std::int64_t> charge_file_id;
    std::optional<std::string> reason;  // of a reversal
    std::optional<std::string> note;    // why nobody, or not everybody, was told of its end
    ChargeCounts counts;
    std::string created_by, created_at;
    std::optional<std::string> started_at, finished_at;
    std::string correlation_id;
};

struct ChargeRunPart {
    int part_number = 0;
    std::optional<std::int64_t> instance_id;
    std::optional<std::int64_t> comm_group_id;
    std::int64_t queue_id = 0;  // 0: the comm group has no winning queue; `note` says why
    std::optional<std::int64_t> integration_authentication_id;  // none: nothing goes to Rev.io
    std::optional<std::int64_t> customer_id;
    std::optional<std::string> customer;
    std::string billing_period_start, billing_period_end;
    std::string state;  // "sending", "settled", "listed"
    std::optional<std::string> note;
    ChargeCounts counts;
    std::optional<std::string> list_name;
    std::optional<std::int64_t> list_bytes;
    std::optional<std::string> list_stored_at, list_error, settled_at;
};

// When the last charge will have been sent at the account's pace, knowing its calls a minute and
// its calls a day.
struct FinishEstimate {
    std::int64_t calls = 0;               // still to be made, at least
    std::optional<std::int64_t> seconds;  // none: it cannot be told
};

struct ChargeRunDetail {
    ChargeRun run;
    std::vector<ChargeRunPart> parts;
    std::optional<FinishEstimate> estimate;  // while there is something to send
};

Result<tenants::Page<ChargeRun>> list_runs(db::Connection& connection,
                                           const tenants::PageTokens& tokens,
                                           tenants::TenantId tenant_id, const std::string& state,
                                           const tenants::PageRequest& page);
Result<ChargeRunDetail> get_run(db::Connection& connection, tenants::TenantId tenant_id,
                                ChargeRunId id);

struct Charge {
    ChargeId id;
    ChargeRunId run;
    int part_number = 0;
    std::int64_t queue_id = 0;
    std::int64_t device_id = 0;
    std::string iccid;
    std::optional<std::string> msisdn;
    std::int64_t customer_id = 0;
    std::string customer;
    std::string kind;  // "rate", "overage", "usage", "sms"
    std::string billing_period_start, billing_period_end;
    std::string start_date, end_date;  // as Rev.io is told
    int generation = 1;
    std::optional<std::int64_t> reverses_charge_id;
    std::string amount;
    std::string description, marker;
    std::optional<std::int64_t> product_id, product_type_id, rev_customer_id, revio_service_id;
    std::string state;
    std::optional<std::string> reason;
    std::optional<std::int64_t> revio_charge_id;
    bool is_adopted = false;
    std::optional<std::string> due_at, settled_at;  // due_at: while it is unknown
};

struct ChargeFilter {
    ChargeRunId run;                   // none: of all runs
    std::optional<ChargeState> state;  // none: any
    std::optional<std::int64_t> part_number;
    std::optional<std::int64_t> device_id, customer_id;
};
Result<tenants::Page<Charge>> list_charges(db::Connection& connection,
                                           const tenants::PageTokens& tokens,
                                           tenants::TenantId tenant_id, const ChargeFilter& filter,
                                           const tenants::PageRequest& page);

struct ChargeStep {
    int attempt = 0;
    int step = 0;
    std::string description, action, request, response, status;
    std::optional<std::string> error;
    std::string started_at, processed_at;
};
struct ChargeDetail {
    Charge charge;
    std::optional<std::int64_t> reversed_by_charge_id;
    std::vector<ChargeStep> steps;  // oldest first, at most kMaxShownSteps
};
Result<ChargeDetail> get_charge(db::Connection& connection, tenants::TenantId tenant_id,
                                ChargeId id);

struct StoredChargeList {
    std::string name;  // "7781.txt"
    std::string key;   // in the file store
};
// `not_found`: there is no such part. `conflict`: its list is not stored yet, and why.
Result<StoredChargeList> get_list(db::Connection& connection, tenants::TenantId tenant_id,
                                  ChargeRunId id, std::int64_t part_number);

// No further charge is begun; those in flight end. `conflict`: it has finished.
Result<void> stop_run(db::Connection& connection, const tenants::Caller& caller, ChargeRunId id,
                      const std::string& reason);
// `conflict`: it is not stopped.
Result<void> resume_run(db::Connection& connection, const tenants::Caller& caller, ChargeRunId id);

// Of parked charges, or of those among them that are named.
struct Released {
    std::int64_t released = 0;  // of which
    std::int64_t unknown = 0;   // are looked up first
    std::int64_t kept = 0;      // lack what Rev.io needs, so they stay parked
};
Result<Released> release_parked(db::Connection& connection, const tenants::Caller& caller,
                                ChargeRunId id, const std::vector<std::int64_t>& charge_ids);

// They are not to be charged, and count as skipped; the same choice of charges. What may be in
// Rev.io stays parked: released, it is looked up.
struct Dismissed {
    std::int64_t dismissed = 0;
    std::int64_t kept = 0;  // may be in Rev.io
};
Result<Dismissed> dismiss_parked(db::Connection& connection, const tenants::Caller& caller,
                                 ChargeRunId id, const std::vector<std::int64_t>& charge_ids,
                                 const std::string& reason);

struct Reversed {
    ChargeRunId run;  // the one that reverses
    std::int64_t charges = 0;
};
// All charges of the run that were charged or recorded and not reversed yet, or those among them
// that are named; a reversal that was refused or dismissed has reversed nothing. `conflict`: there
// are none, or a named one cannot be reversed.
Result<Reversed> reverse_charges(db::Connection& connection, const tenants::Caller& caller,
                                 ChargeRunId id, const std::vector<std::int64_t>& charge_ids,
                                 const std::string& reason);

}  // namespace carryall::charges
