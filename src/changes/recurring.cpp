// Storing a recurring change, and carrying out a run of it.
#include "changes/recurring.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "changes/device_row.hpp"
#include "changes/parameters.hpp"
#include "changes/recurring_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;
namespace json = base::json;

constexpr const char* kActor = "schedule";

// Devices that a filter found.
class ChosenDevices : public DeviceSource {
  public:
    explicit ChosenDevices(std::vector<std::string> iccids) : iccids_(std::move(iccids)) {}
    Result<bool> next(DeviceRow& row) override {
        if (next_ == iccids_.size()) return false;
        reset(row);
        row.row_number = static_cast<std::int64_t>(next_) + 1;
        identify(row, {iccids_[next_], sheets::CellKind::text}, IdentifierKind::iccid);
        ++next_;
        return true;
    }
    std::string_view format() const override { return "json"; }
    bool may_have_own() const override { return false; }
    const std::vector<std::string>& warnings() const override { return warnings_; }

  private:
    std::vector<std::string> iccids_;
    std::size_t next_ = 0;
    std::vector<std::string> warnings_;
};

struct Prepared {
    BulkChangeRequest request;
    std::unique_ptr<DeviceSource> devices;
    bool is_empty = false;  // the filter matched nothing
};

// The request as it is submitted now.
Result<Prepared> prepare(db::Transaction& transaction, std::int64_t tenant_id, json::value request,
                         const json::value& device_filter, std::vector<base::Error>& errors) {
    auto parsed = parse_request(std::move(request), errors);
    if (!parsed) return parsed.error();
    Prepared prepared{std::move(parsed->request), std::move(parsed->devices), false};
    if (device_filter.is_null()) return prepared;
    base::JsonErrors mistakes;
    const auto choice = base::read_json<DeviceChoice>(device_filter, mistakes);
    if (!choice) return choice.error();
    auto iccids =
        choose_devices(transaction, tenant_id, prepared.request.service_provider_id, *choice);
    if (!iccids) return iccids.error();
    prepared.is_empty = iccids->empty();
    prepared.devices = std::make_unique<ChosenDevices>(std::move(*iccids));
    return prepared;
}

Result<void> check_filter(const json::object& filter, std::vector<base::Error>& errors) {
    base::JsonErrors mistakes;
    const auto choice = base::read_json<DeviceChoice>(filter, mistakes);
    for (const base::Error& mistake : mistakes.items()) {
        errors.push_back(mistake);
        errors.back().where = "/deviceFilter" + mistake.where;
    }
    using Members = boost::describe::describe_members<DeviceChoice, boost::describe::mod_public>;
    for (const auto& [key, value] : filter) {
        bool is_known = false;
        boost::mp11::mp_for_each<Members>([&, name = std::string_view(key)](auto member) {
            is_known = is_known || base::camel_case(member.name) == name;
        });
        if (is_known) continue;
        // A misspelt condition must not choose every device.
        errors.push_back(base::invalid_input("is no condition for devices",
                                             "/deviceFilter/" + std::string(key)));
    }
    if (!errors.empty()) return errors.front();
    return {};
}

// What a request that comes again cannot have.
Result<void> check_request(const NewRecurringChange& wanted, const BulkChangeRequest& request,
                           bool has_devices, std::vector<base::Error>& errors) {
    const auto fail = [&](const char* message, const char* where) {
        errors.push_back(base::invalid_input(message, where));
    };
    if (has_devices == wanted.device_filter.has_value()) {
        fail("give devices in the request, or a deviceFilter that is asked at each run",
             "/request/devices");
    }
    const auto* devices = base::find_ignoring_case(wanted.request, "devices");
    const bool has_list = devices != nullptr && devices->is_array();
    if (has_list && devices->get_array().size() > kMaxRecurringDevices) {
        fail("has too many devices for a list that is kept; use a deviceFilter",
             "/request/devices");
    }
    if (request.start_at || effective_date_of(request.parameters, request.change_type)) {
        fail("has a date of its own; the rule says when it is carried out", "/request");
    }
    if (request.service_provider_ids) {
        fail("a recurring change is of one account; store one for each",
             "/request/serviceProviderIds");
    }
    if (request.dry_run) fail("a dry run cannot come again", "/request/dryRun");
    if (!errors.empty()) return errors.front();
    return {};
}

// As if it were due now; nothing of it stays.
Result<void> try_out(db::Connection& connection, const tenants::Caller& caller,
                     const NewRecurringChange& wanted, std::optional<base::Instant> now,
                     std::vector<base::Error>& errors) {
    auto transaction = db::Transaction::begin(connection, caller.tenant_id.value);
    if (!transaction) return transaction.error();
    auto prepared = prepare(
        *transaction, caller.tenant_id.value, wanted.request,
        wanted.device_filter ? json::value(*wanted.device_filter) : json::value(nullptr), errors);
    if (!prepared) return prepared.error();
    SubmitOptions options;
    options.now = now;
    const auto tried = submit_in(*transaction, caller, std::move(prepared->request),
                                 *prepared->devices, options, errors);
    if (tried) return {};
    // Devices may come to match later; everything else was checked before they were looked at.
    if (prepared->is_empty && errors.size() == 1 && errors.front().where == "/devices") {
        errors.clear();
        return {};
    }
    return tried.error();
}

bool is_refusal(base::ErrorKind kind) {
    return kind == base::ErrorKind::invalid_input || kind == base::ErrorKind::not_found ||
           kind == base::ErrorKind::conflict || kind == base::ErrorKind::too_large ||
           kind == base::ErrorKind::forbidden;
}

// The dates that came, and what becomes of the rule.
struct DueDates {
    std::vector<RunRecord> records;  // the missed, then the one that is carried out
    std::optional<base::Instant> following;
};
Result<DueDates> due_dates(const StoredRecurring& stored, base::Instant now) {
    const auto rule = understand(stored.change.rule);
    if (!rule) return rule.error();
    std::vector<base::Instant> dates = rule->between(stored.next_run_at, now);
    if (dates.empty()) dates.push_back(stored.next_run_at);
    DueDates due;
    const std::size_t missed = dates.size() - 1;
    const std::size_t first = missed > kMaxRecordedMisses ? missed - kMaxRecordedMisses : 0;
    for (std::size_t i = first; i < missed; ++i) {
        due.records.push_back({dates[i], "missed", {}, "no worker ran at this date"});
    }
    due.records.push_back({dates.back(), "made", {}, {}});
    const auto following = rule->after(dates.back(), 1);
    if (!following.empty()) due.following = following.front();
    return due;
}

Result<void> record(db::Transaction& transaction, const DueRecurring& which, const DueDates& due) {
    CARRYALL_TRY(record_runs(transaction, which.tenant_id, which.id, due.records));
    return set_recurring_state(transaction, which.tenant_id, which.id,
                               due.following ? "active" : "ended", due.following, kActor);
}

// What one run made of its date. An error that is a refusal is the request's fault: it is recorded
// in a transaction of its own, because this one holds half a submission.
Result<bool> run_once(db::Connection& connection, const DueRecurring& which,
                      std::optional<base::Instant> as_of,
                      const std::optional<std::string>& refusal) {
    auto transaction = db::Transaction::begin(connection, which.tenant_id);
    if (!transaction) return transaction.error();
    const auto stored = lock_due(*transaction, which.tenant_id, which.id, which.now);
    if (!stored) return stored.error();
    if (!*stored) return false;  // another worker's, or not due any more
    const RecurringChange& change = (*stored)->change;
    auto due = due_dates(**stored, which.now);
    if (!due) return due.error();
    RunRecord& run = due->records.back();
    if (refusal) {
        run.outcome = "refused";
        run.reason = *refusal;
    } else {
        std::vector<base::Error> errors;
        auto prepared =
            prepare(*transaction, which.tenant_id, change.request, change.device_filter, errors);
        if (!prepared) return prepared.error();
        if (prepared->is_empty) {
            run.outcome = "empty";
        } else {
            tenants::Caller caller;
            caller.tenant_id = {which.tenant_id};
            caller.name = change.created_by;
            caller.role = tenants::Role::operator_;
            SubmitOptions options;
            options.now = as_of;
            const auto made = submit_in(*transaction, caller, std::move(prepared->request),
                                        *prepared->devices, options, errors);
            if (!made) return made.error();
            if (made->refused) {
                run.outcome = "refused";
                run.reason = std::to_string(made->refused_count) +
                             " devices cannot be changed, and allOrNothing was asked for";
            } else {
                run.bulk_change = made->id;
            }
        }
    }
    base::log::info("recurring_change_ran", {{"recurringChangeId", which.id.value},
                                             {"tenantId", which.tenant_id},
                                             {"outcome", run.outcome},
                                             {"bulkChangeId", run.bulk_change.value}});
    CARRYALL_TRY(record(*transaction, which, *due));
    CARRYALL_TRY(transaction->commit());
    return true;
}

}  // namespace

Result<Recurrence> understand(const RuleText& rule) {
    const auto zone = base::TimeZone::find(rule.time_zone);
    if (!zone) return zone.error();
    if (rule.kind == RuleKind::rrule) {
        return Recurrence::of_rrule(rule.text, rule.starts_at, *zone);
    }
    if (!rule.ends_at) return base::invalid_input("needs an end: until");
    return Recurrence::of_cron(rule.text, rule.starts_at, *rule.ends_at, *zone);
}

Result<RecurringChange> create_recurring(db::Connection& connection, const tenants::Caller& caller,
                                         const NewRecurringChange& wanted,
                                         std::vector<base::Error>& errors,
                                         std::optional<base::Instant> now) {
    const base::Instant present = now.value_or(base::system_clock().now());
    const auto fail = [&](base::Error error) {
        errors.push_back(std::move(error));
        return errors.front();
    };
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    if (base::trim(wanted.name).empty() || wanted.name.size() > tenants::kMaxNameBytes) {
        return fail(base::invalid_input("must have 1 to 200 bytes", "/name"));
    }
    const auto rule = understand(wanted.rule);
    const char* const place = wanted.rule.kind == RuleKind::cron ? "/cron" : "/rrule";
    if (!rule) return fail(base::invalid_input(rule.error().message, place));
    const auto next = rule->after(present, 1);
    if (next.empty()) {
        return fail(base::invalid_input("has no date ahead; all have passed", place));
    }
    if (wanted.device_filter) CARRYALL_TRY(check_filter(*wanted.device_filter, errors));
    const auto parsed = parse_request(wanted.request, errors);
    if (!parsed) return parsed.error();
    const BulkChangeRequest& request = parsed->request;
    CARRYALL_TRY(check_request(wanted, request, parsed->devices != nullptr, errors));
    CARRYALL_TRY(try_out(connection, caller, wanted, now, errors));
    const auto id = db::in_transaction<RecurringChangeId>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<RecurringChangeId> {
            const auto count = count_recurring(transaction, caller.tenant_id.value);
            if (!count) return count.error();
            if (*count >= kMaxRecurringPerTenant) {
                return base::Error{base::ErrorKind::conflict,
                                   "a tenant has at most " +
                                       std::to_string(kMaxRecurringPerTenant) +
                                       " recurring changes; delete one first",
                                   {}};
            }
            return insert_recurring(transaction, caller, wanted, request.service_provider_id,
                                    to_string(request.change_type), next.front());
        });
    if (!id) return fail(id.error());
    return get_recurring(connection, caller.tenant_id, *id, now);
}

Result<RecurringChange> get_recurring(db::Connection& connection, TenantId tenant_id,
                                      RecurringChangeId id, std::optional<base::Instant> now) {
    auto found = read_recurring(connection, tenant_id, id, 0, 1);
    if (!found) return found.error();
    if (found->empty()) return base::not_found("there is no such recurring change");
    RecurringChange& change = found->front();
    const auto rule = understand(change.rule);
    if (rule && change.state != "ended") {
        change.next_runs = rule->after(now.value_or(base::system_clock().now()), kShownRuns);
    }
    auto runs = read_runs(connection, tenant_id, id, kShownPastRuns);
    if (!runs) return runs.error();
    change.past_runs = std::move(*runs);
    return std::move(change);
}

Result<Page<RecurringChange>> list_recurring(db::Connection& connection, const PageTokens& tokens,
                                             TenantId tenant_id, const PageRequest& page,
                                             std::optional<base::Instant> now) {
    CARRYALL_TRY(tenants::check_limit(page.limit));
    const std::string question = "recurring changes";
    std::int64_t after = 0;
    if (!page.token.empty()) {
        const auto cursor = tokens.open(tenant_id, question, page.token);
        if (!cursor) return cursor.error();
        after = base::parse_int(*cursor).value_or(0);
    }
    auto found = read_recurring(connection, tenant_id, {}, after, page.limit + 1);
    if (!found) return found.error();
    Page<RecurringChange> result;
    const base::Instant present = now.value_or(base::system_clock().now());
    for (RecurringChange& change : *found) {
        if (result.items.size() == static_cast<std::size_t>(page.limit)) {
            result.next_token =
                tokens.make(tenant_id, question, base::to_string(result.items.back().id));
            break;
        }
        const auto rule = understand(change.rule);
        if (rule && change.state != "ended") change.next_runs = rule->after(present, kShownRuns);
        result.items.push_back(std::move(change));
    }
    return result;
}

Result<void> step_recurring(db::Connection& connection, const tenants::Caller& caller,
                            RecurringChangeId id, RecurringStep step,
                            std::optional<base::Instant> now) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    const std::int64_t tenant_id = caller.tenant_id.value;
    return db::in_transaction<void>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<void> {
            const auto stored = lock_recurring(transaction, tenant_id, id);
            if (!stored) return stored.error();
            if (!*stored) return base::not_found("there is no such recurring change");
            const RecurringChange& change = (*stored)->change;
            if (step == RecurringStep::remove) {
                return set_recurring_state(transaction, tenant_id, id, "deleted", {}, caller.name);
            }
            const base::Error ended{base::ErrorKind::conflict,
                                    "this recurring change has ended: its rule has no date ahead",
                                    {}};
            if (change.state == "ended") return ended;
            if (step == RecurringStep::pause) {
                return set_recurring_state(transaction, tenant_id, id, "paused", {}, caller.name);
            }
            if (change.state == "active") return {};
            const auto rule = understand(change.rule);
            if (!rule) return rule.error();
            const auto next = rule->after(now.value_or(base::system_clock().now()), 1);
            if (next.empty()) return ended;
            return set_recurring_state(transaction, tenant_id, id, "active", next.front(),
                                       caller.name);
        });
}

Result<std::int64_t> run_due_recurring(db::Connection& connection,
                                       std::optional<base::Instant> now) {
    const auto due = due_recurring(connection, now);
    if (!due) return due.error();
    std::int64_t recorded = 0;
    for (const DueRecurring& which : *due) {
        std::optional<std::string> refusal;
        auto ran = run_once(connection, which, now, refusal);
        if (!ran && is_refusal(ran.error().kind)) {
            refusal = ran.error().message;
            ran = run_once(connection, which, now, refusal);
        }
        if (!ran) return ran.error();
        recorded += *ran ? 1 : 0;
    }
    CARRYALL_TRY(connection.work_for_tenant(0));
    return recorded;
}

}  // namespace carryall::changes
