// The rows on their way into the database: one COPY, one line a device, NULL where nothing is
// given.
#include "base/text.hpp"
#include "changes/submit_store.hpp"

namespace carryall::changes {
namespace {

using base::Result;

// For this transaction only. Temporary tables have no statistics, so the planner may take a verdict
// for expensive and compile it for seconds that the statement itself does not take; and a million
// rows are hashed and sorted in memory rather than in files.
constexpr const char* kCreateStage = R"(
    SET LOCAL jit = off;
    SET LOCAL work_mem = '64MB';
    CREATE TEMP TABLE submit_row (
        ordinal integer NOT NULL, row_number integer NOT NULL, identifier text NOT NULL,
        kind text NOT NULL, key text COLLATE "C", problem text, parameter_problem text, own text,
        due_at timestamptz, customer_id bigint, rev_customer_id text, customer_name text,
        site_id bigint, site_name text, creates_service boolean, plan_id bigint, plan_name text,
        pool_id bigint, pool_name text, status text, comm_plan text, imei text,
        -- An undo's row: what was empty before may become so again.
        restores boolean NOT NULL DEFAULT false) ON COMMIT DROP;
    CREATE TEMP TABLE submit_verdict (
        ordinal integer NOT NULL, row_number integer NOT NULL, identifier text NOT NULL,
        device_id bigint, portal text NOT NULL, request jsonb, due_at timestamptz, reason text)
        ON COMMIT DROP)";

const std::vector<std::string>& stage_columns() {
    static const std::vector<std::string> names = {
        "ordinal",   "row_number",  "identifier",        "kind",
        "key",       "problem",     "parameter_problem", "own",
        "due_at",    "customer_id", "rev_customer_id",   "customer_name",
        "site_id",   "site_name",   "creates_service",   "plan_id",
        "plan_name", "pool_id",     "pool_name",         "status",
        "comm_plan", "imei"};
    return names;
}

void put(db::CopyIn& copy, const std::optional<std::string>& value) {
    value ? copy.field(*value) : copy.null();
}
void put(db::CopyIn& copy, std::optional<std::int64_t> value) {
    value ? copy.field(*value) : copy.null();
}
void put_text(db::CopyIn& copy, const std::string& value) {
    value.empty() ? copy.null() : copy.field(value);
}
// By id, or by a name that, being a number, may be an id after all.
void put_plan(db::CopyIn& copy, std::optional<std::int64_t> id,
              const std::optional<std::string>& name) {
    const auto number = name ? base::parse_int(*name) : std::nullopt;
    put(copy, id ? id : number);
    put(copy, id ? std::nullopt : name);
}
void put_nulls(db::CopyIn& copy, int count) {
    for (int i = 0; i < count; ++i) copy.null();
}

// The device's own request as it is stored. What could not be used is kept with it, so that the
// device is never retried as if nothing had been given.
std::string own_request(const DeviceRow& row, ChangeType type, const ChangeParameters& effective,
                        const References& names) {
    const bool has_problem = !row.problem.empty() || !row.parameter_problem.empty();
    if (!row.has_own && !has_problem) return {};
    base::json::object request;
    if (row.has_own) {
        base::json::object section = section_of(effective, type);
        const auto name = [&](const char* key, const std::optional<std::string>& value) {
            if (value) section[key] = *value;
        };
        name("customerRatePlan", names.customer_rate_plan);
        name("customerPool", names.customer_pool);
        name("customer", names.customer);
        name("site", names.site);
        request[section_name(type)] = std::move(section);
    }
    if (has_problem) request["problem"] = true;
    if (!row.rejected.empty()) {
        base::json::object& given = request["given"].emplace_object();
        for (const auto& [field, text] : row.rejected) given[field] = text;
    }
    return base::json::serialize(request);
}

}  // namespace

Result<void> Stage::create(db::Transaction& transaction) {
    return transaction.exec_text(kCreateStage);
}

Result<void> Stage::clear(db::Transaction& transaction) {
    return transaction.exec_text("TRUNCATE submit_row, submit_verdict");
}

Result<Stage> Stage::open(db::Transaction& transaction) {
    auto copy = db::CopyIn::start(transaction, "submit_row", stage_columns());
    if (!copy) return copy.error();
    return Stage(std::move(copy).value());
}
void Stage::add_parameters(ChangeType type, const ChangeParameters& effective,
                           const References& names) {
    const bool is_assignment = type == ChangeType::customerassignment;
    const auto& assignment = effective.customer_assignment;
    if (is_assignment && assignment) {
        put(copy_, assignment->customer_id);
        put(copy_, assignment->rev_customer_id);
        put(copy_, names.customer);
        put(copy_, assignment->site_id);
        put(copy_, names.site);
        copy_.field(assignment->create_rev_service.value_or(false) ? "t" : "f");
        put_plan(copy_, assignment->customer_rate_plan_id, names.customer_rate_plan);
        put_plan(copy_, assignment->customer_rate_pool_id, names.customer_pool);
    } else {
        put_nulls(copy_, 6);
        const auto& plan = effective.customer_rate_plan_update;
        const auto& carrier_plan = effective.carrier_rate_plan_update;
        const auto& activation = effective.new_service_activation;
        if (type == ChangeType::customerrateplanchange && plan) {
            put_plan(copy_, plan->customer_rate_plan_id, names.customer_rate_plan);
            put_plan(copy_, plan->customer_pool_id, names.customer_pool);
        } else {
            copy_.null();
            put(copy_, carrier_plan ? carrier_plan->carrier_rate_plan
                       : activation ? activation->carrier_rate_plan
                                    : std::nullopt);
            put_nulls(copy_, 2);
        }
    }
    put(copy_, effective.status_update ? effective.status_update->update_status : std::nullopt);
    put(copy_, effective.carrier_rate_plan_update ? effective.carrier_rate_plan_update->comm_plan
                                                  : std::nullopt);
    put(copy_,
        effective.new_service_activation ? effective.new_service_activation->imei : std::nullopt);
}

Result<void> Stage::add(std::int64_t ordinal, const DeviceRow& row, ChangeType type,
                        const ChangeParameters& effective, const References& names,
                        const std::optional<std::string>& due_at) {
    copy_.field(ordinal).field(row.row_number).field(row.identifier).field(to_string(row.kind));
    put_text(copy_, row.key);
    put_text(copy_, row.problem);
    put_text(copy_, row.parameter_problem);
    put_text(copy_, own_request(row, type, effective, names));
    put(copy_, due_at);
    add_parameters(type, effective, names);
    return copy_.end_row();
}

}  // namespace carryall::changes
