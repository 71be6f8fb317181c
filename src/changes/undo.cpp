// Undo: the inverse of an ended change as a plan. Its rows go the way of a submission: staged,
// judged by the same rules, stored with their verdicts; what is different is where they come from.
#include "base/log.hpp"
#include "base/secret.hpp"
#include "changes/plan.hpp"
#include "changes/plan_budget.hpp"
#include "changes/resolve.hpp"
#include "changes/undo_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

bool is_local(ChangeType type) {
    return type == ChangeType::customerassignment || type == ChangeType::customerrateplanchange;
}

Result<void> check_has_ended(const StoredChange& change) {
    for (const char* ended : {"PROCESSED", "PARTIAL", "ERROR", "CANCELLED"}) {
        if (change.status == ended) return {};
    }
    return base::Error{
        base::ErrorKind::conflict,
        "only a bulk change that has ended can be undone; this one is " + change.status,
        {}};
}

Result<UndoFacts> undo_facts(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                             const StoredChange& change) {
    UndoFacts facts;
    facts.type = change.type;
    if (change.type != ChangeType::statusupdate) return facts;
    const auto integration = carriers::parse_integration(change.integration);
    const carriers::Carrier* carrier = integration ? carriers::find_carrier(*integration) : nullptr;
    if (carrier == nullptr) return facts;
    const auto before = statuses_before(transaction, tenant_id, id);
    if (!before) return before.error();
    for (const std::string& status : *before) {
        const auto known = carrier->canonical_status(status);
        if (!known) continue;
        facts.stored_statuses.push_back(status);
        facts.carrier_statuses.push_back(*known);
    }
    if (!carrier->capabilities().status_can_be_undone) {
        facts.only_between = {"active", "suspended"};
    }
    return facts;
}

class UndoPlan {
  public:
    UndoPlan(db::Transaction& transaction, const tenants::Caller& caller, BulkChangeId original,
             const UndoOptions& options)
        : transaction_(transaction), caller_(caller), original_(original), options_(options) {}

    Result<BulkChangeId> run();

  private:
    std::int64_t tenant() const { return caller_.tenant_id.value; }
    Result<void> judge(const StoredChange& change);
    Result<BulkChangeId> store(const StoredChange& change, int devices_per_request);

    db::Transaction& transaction_;
    const tenants::Caller& caller_;
    BulkChangeId original_;
    const UndoOptions& options_;
    ProviderFacts provider_;
    VerdictTotals totals_;
    std::vector<LineNote> notes_;
};

Result<void> UndoPlan::judge(const StoredChange& change) {
    CARRYALL_TRY(Stage::create(transaction_));
    CARRYALL_TRY(create_plan_rows(transaction_));
    const auto facts = undo_facts(transaction_, tenant(), original_, change);
    if (!facts) return facts.error();
    const auto rows = take_undo_rows(transaction_, tenant(), original_, *facts);
    if (!rows) return rows.error();
    if (*rows == 0) {
        return base::Error{
            base::ErrorKind::conflict, "this bulk change changed no device; nothing to undo", {}};
    }
    CARRYALL_TRY(stage_plan_rows(transaction_, tenant()));
    const auto judged = judge_facts(transaction_, tenant(), change.service_provider_id, change.type,
                                    change.portal, provider_);
    if (!judged) return judged.error();
    CARRYALL_TRY(judge_rows(transaction_, *judged));
    if (is_local(change.type)) CARRYALL_TRY(restore_requests(transaction_));
    auto room = room_of_lines(transaction_, tenant(), change.type, provider_);
    if (!room) return room.error();
    for (LineNote& note : room->over) note.words.insert(0, "Not reversible now: ");
    notes_ = std::move(room->left);
    return refuse_lines(transaction_, room->over);
}

Result<BulkChangeId> UndoPlan::store(const StoredChange& change, int devices_per_request) {
    NewChange undo;
    undo.tenant_id = tenant();
    undo.service_provider_id = change.service_provider_id;
    undo.type = change.type;
    undo.portal = to_string(change.portal);
    undo.status = "NEW";  // until it is sealed as a plan
    undo.request = "{}";  // each device has what is put back
    undo.source = "json";
    undo.correlation_id =
        options_.correlation_id.empty() ? base::random_uuid() : options_.correlation_id;
    undo.created_by = caller_.name;
    undo.log_description = validation_description(change.type, change.integration);
    undo.page_size = std::max(options_.page_size, devices_per_request);
    undo.undoes = original_;
    auto totals = count_verdicts(transaction_, undo.page_size, provider_.now);
    if (!totals) return totals.error();
    totals_ = std::move(totals).value();
    const auto id = insert_change(transaction_, undo, totals_, provider_.now);
    if (!id) return id.error();
    CARRYALL_TRY(insert_devices(transaction_, *id, undo, totals_, provider_.now));
    CARRYALL_TRY(note_lines(transaction_, tenant(), *id, notes_));
    const auto untouched = count_untouched(transaction_, tenant(), original_);
    if (!untouched) return untouched.error();
    NewPlan plan;
    plan.tenant_id = tenant();
    plan.id = *id;
    plan.type = change.type;
    plan.integration = change.integration;
    plan.devices_per_request = devices_per_request;
    plan.accepted = totals_.rows - totals_.refused;
    plan.refused = totals_.refused;
    const std::string cost = undo_cost(change.type, change.integration);
    plan.undo = {{"undoesBulkChangeId", original_.value},
                 {"reversibility", cost.empty() ? "reversible" : "reversibleAtCost"},
                 {"cost", cost.empty() ? base::json::value(nullptr) : base::json::value(cost)},
                 {"neverChangedCount", untouched->never_changed},
                 {"unknownCount", untouched->unknown}};
    const auto hash = make_plan(transaction_, plan);
    if (!hash) return hash.error();
    return *id;
}

Result<BulkChangeId> UndoPlan::run() {
    CARRYALL_TRY(lock_change(transaction_, tenant(), original_));
    const auto change = find_change(transaction_, tenant(), original_, options_.now);
    if (!change) return change.error();
    if (!*change) return base::not_found("the bulk change was not found");
    CARRYALL_TRY(check_has_ended(**change));
    if (!(*change)->write_is_enabled) {
        return base::Error{
            base::ErrorKind::conflict, "Writes disabled for this service provider", {}};
    }
    const auto provider =
        find_provider(transaction_, tenant(), (*change)->service_provider_id, options_.now);
    if (!provider) return provider.error();
    CHECK(provider->has_value());
    provider_ = **provider;
    const auto batch = devices_per_request((*change)->type, provider_);
    if (!batch) return batch.error();
    CARRYALL_TRY(judge(**change));
    return store(**change, *batch);
}

}  // namespace

Result<BulkChangeId> plan_undo(db::Connection& connection, const tenants::Caller& caller,
                               BulkChangeId id, const UndoOptions& options) {
    CARRYALL_TRY(tenants::require(caller.role, tenants::Permission::change_submit));
    auto made = db::in_transaction<BulkChangeId>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<BulkChangeId> {
            return UndoPlan(transaction, caller, id, options).run();
        });
    if (made) {
        base::log::info("undo_planned",
                        {{"bulkChangeId", made->value}, {"undoesBulkChangeId", id.value}});
    }
    return made;
}

}  // namespace carryall::changes
