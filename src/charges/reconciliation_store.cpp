// The SQL of reconciliations as people see them: ask, list, look at differences, accept one.
#include <array>
#include <fmt/format.h>

#include "charges/reconciliation.hpp"
#include "charges/run.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

using base::Error;
using base::ErrorKind;
using db::Params;
using db::Query;
using db::Rows;
using tenants::iso8601;
using tenants::TenantId;

constexpr Query kRunExists{"reconciliation_run_exists", R"(
    SELECT FROM charge_run WHERE tenant_id = $1 AND charge_run_id = $2)"};

constexpr Query kAccount{"reconciliation_account", R"(
    SELECT FROM service_provider
    WHERE tenant_id = $1 AND service_provider_id = $2 AND integration = 'revio')"};

constexpr Query kOpen{"reconciliation_open", R"(
    SELECT charge_reconciliation_id FROM charge_reconciliation
    WHERE tenant_id = $1 AND state IN ('queued', 'running')
      AND charge_run_id IS NOT DISTINCT FROM $2
      AND integration_authentication_id IS NOT DISTINCT FROM $3
      AND billing_period_start IS NOT DISTINCT FROM $4
      AND billing_period_end IS NOT DISTINCT FROM $5)"};

constexpr Query kInsert{"reconciliation_insert", R"(
    INSERT INTO charge_reconciliation (tenant_id, charge_run_id, integration_authentication_id,
        billing_period_start, billing_period_end, created_by)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING charge_reconciliation_id)"};

constexpr Query kInsertCustomers{"reconciliation_insert_customers", R"(
    INSERT INTO charge_reconciliation_customer (tenant_id, charge_reconciliation_id,
        service_provider_id, rev_customer_id)
    SELECT DISTINCT $1::bigint, $6::bigint, p.integration_authentication_id, c.rev_customer_id
    FROM charge_run_part p
    JOIN charge c ON c.tenant_id = $1 AND c.charge_run_id = p.charge_run_id
        AND c.part_number = p.part_number
    WHERE p.tenant_id = $1 AND p.integration_authentication_id IS NOT NULL
      AND c.rev_customer_id IS NOT NULL
      AND ($2::bigint IS NULL OR p.charge_run_id = $2)
      AND ($3::bigint IS NULL OR p.integration_authentication_id = $3
           AND p.billing_period_start = $4 AND p.billing_period_end = $5))"};

constexpr Query kNotify{"reconciliation_notify",
                        "SELECT pg_notify('carryall_reconciliation', '')::text"};

constexpr Query kAccept{"charge_difference_accept", R"(
    UPDATE charge_difference
    SET accepted_by = $3, accepted_at = now(), accepted_reason = $4
    WHERE tenant_id = $1 AND charge_difference_id = $2 AND accepted_at IS NULL)"};

constexpr Query kOpenByKind{"charge_differences_open",
                            "SELECT kind, sum(differences)::bigint FROM open_charge_differences() "
                            "GROUP BY kind ORDER BY kind"};

const std::string& reconciliation_select() {
    static const std::string sql = fmt::format(
        "SELECT r.charge_reconciliation_id, r.charge_run_id, r.integration_authentication_id, "
        "r.billing_period_start, r.billing_period_end, r.state, r.reason, c.customers, "
        "c.customers_read, r.page_count, r.record_count, r.intended_count, "
        "trim_scale(r.intended_amount), r.sent_count, trim_scale(r.sent_amount), r.found_count, "
        "trim_scale(r.found_amount), d.missing, trim_scale(d.missing_amount), d.extra, "
        "trim_scale(d.extra_amount), d.wrong, trim_scale(d.wrong_amount), d.other, "
        "r.unknown_count, r.not_judged_count, r.difference_count, d.open, r.created_by, {}, {}, "
        "{}, {} FROM charge_reconciliation r "
        "CROSS JOIN LATERAL (SELECT count(*) AS customers, "
        "        count(*) FILTER (WHERE read_at IS NOT NULL) AS customers_read "
        "    FROM charge_reconciliation_customer k WHERE k.tenant_id = $1 "
        "      AND k.charge_reconciliation_id = r.charge_reconciliation_id) c "
        "CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE kind = 'missing') AS missing, "
        "        coalesce(sum(our_amount) FILTER (WHERE kind = 'missing'), 0) AS missing_amount, "
        "        count(*) FILTER (WHERE kind = 'extra') AS extra, "
        "        coalesce(sum(revio_amount) FILTER (WHERE kind = 'extra'), 0) AS extra_amount, "
        "        count(*) FILTER (WHERE kind = 'wrong_amount') AS wrong, "
        "        coalesce(sum(revio_amount - our_amount) FILTER (WHERE kind = 'wrong_amount'), 0) "
        "            AS wrong_amount, "
        "        count(*) FILTER (WHERE kind NOT IN ('missing', 'extra', 'wrong_amount')) "
        "            AS other, count(*) FILTER (WHERE accepted_at IS NULL) AS open "
        "    FROM charge_difference x WHERE x.tenant_id = $1 "
        "      AND x.charge_reconciliation_id = r.charge_reconciliation_id) d "
        "WHERE r.tenant_id = $1 AND ",
        iso8601("r.created_at"), iso8601("r.started_at"), iso8601("r.finished_at"),
        iso8601("r.judged_until"));
    return sql;
}

Reconciliation reconciliation_at(const Rows& rows, std::size_t row) {
    int column = 0;
    const auto integer = [&] { return rows.integer(row, column++); };
    const auto text = [&] { return rows.string(row, column++); };
    const auto maybe_text = [&] { return rows.optional_text(row, column++); };
    Reconciliation one;
    one.id = {integer()};
    one.scope.run = {integer()};
    one.scope.integration_authentication_id = rows.optional_integer(row, column++);
    one.scope.billing_period_start = text();
    one.scope.billing_period_end = text();
    one.state = text();
    one.reason = maybe_text();
    for (std::int64_t* number : {&one.customers, &one.customers_read, &one.pages, &one.records}) {
        *number = integer();
    }
    for (CountAndAmount* sum :
         {&one.intended, &one.sent, &one.found, &one.missing, &one.extra, &one.wrong_amount}) {
        sum->count = integer();
        sum->amount = text();
    }
    for (std::int64_t* number : {&one.wrong_other, &one.unknown, &one.not_judged, &one.differences,
                                 &one.open_differences}) {
        *number = integer();
    }
    one.created_by = text();
    one.created_at = text();
    one.started_at = maybe_text();
    one.finished_at = maybe_text();
    one.judged_until = maybe_text();
    return one;
}

const std::string& difference_select() {
    static const std::string sql = fmt::format(
        "SELECT d.charge_difference_id, d.charge_reconciliation_id, d.kind, d.charge_id, "
        "d.revio_charge_id, d.rev_customer_id, d.charge_state, d.marker, "
        "trim_scale(d.our_amount), trim_scale(d.revio_amount), d.ours, d.theirs, d.repair, "
        "d.proposal, d.accepted_by, {}, d.accepted_reason "
        "FROM charge_difference d WHERE d.tenant_id = $1 AND ",
        iso8601("d.accepted_at"));
    return sql;
}

ChargeDifference difference_at(const Rows& rows, std::size_t row) {
    ChargeDifference one;
    one.id = {rows.integer(row, 0)};
    one.reconciliation = {rows.integer(row, 1)};
    one.kind = rows.string(row, 2);
    one.charge_id = rows.optional_integer(row, 3);
    one.revio_charge_id = rows.optional_integer(row, 4);
    one.rev_customer_id = rows.integer(row, 5);
    one.charge_state = rows.optional_text(row, 6);
    one.marker = rows.string(row, 7);
    one.our_amount = rows.optional_text(row, 8);
    one.revio_amount = rows.optional_text(row, 9);
    one.ours = rows.optional_text(row, 10);
    one.theirs = rows.optional_text(row, 11);
    one.repair = rows.string(row, 12);
    one.proposal = rows.string(row, 13);
    one.accepted_by = rows.optional_text(row, 14);
    one.accepted_at = rows.optional_text(row, 15);
    one.accepted_reason = rows.optional_text(row, 16);
    return one;
}

bool is_date(const std::string& text) {
    constexpr std::size_t kDateBytes = 10;
    return text.size() == kDateBytes && base::parse_iso8601(text).has_value();
}

Result<void> check_scope(db::Transaction& transaction, TenantId tenant_id,
                         const ReconciliationScope& scope) {
    if (scope.run) {
        if (scope.integration_authentication_id || !scope.billing_period_start.empty() ||
            !scope.billing_period_end.empty()) {
            return base::invalid_input("name either a run, or an account and a billing period",
                                       "/chargeRunId");
        }
        const auto run = transaction.exec(kRunExists, Params().add(tenant_id).add(scope.run));
        if (!run) return run.error();
        if (run->empty()) return base::invalid_input("there is no such charge run", "/chargeRunId");
        return {};
    }
    if (!scope.integration_authentication_id) {
        return base::invalid_input("name a run, or an account and a billing period",
                                   "/integrationAuthenticationId");
    }
    if (!is_date(scope.billing_period_start)) {
        return base::invalid_input("must be a date like 2026-02-01", "/billingPeriodStart");
    }
    if (!is_date(scope.billing_period_end) ||
        scope.billing_period_end < scope.billing_period_start) {
        return base::invalid_input("must be a date like 2026-02-28, not before the start",
                                   "/billingPeriodEnd");
    }
    const auto account = transaction.exec(
        kAccount, Params().add(tenant_id).add(*scope.integration_authentication_id));
    if (!account) return account.error();
    if (account->empty()) {
        return base::invalid_input("there is no such Rev.io account",
                                   "/integrationAuthenticationId");
    }
    return {};
}

Params scope_params(TenantId tenant_id, const ReconciliationScope& scope) {
    Params params;
    params.add(tenant_id).add(scope.run).add(scope.integration_authentication_id);
    for (const std::string* date : {&scope.billing_period_start, &scope.billing_period_end}) {
        scope.run ? params.add_null() : params.add(*date);
    }
    return params;
}

Result<AskedReconciliation> ask_in(db::Transaction& transaction, const tenants::Caller& caller,
                                   const ReconciliationScope& scope) {
    CARRYALL_TRY(check_scope(transaction, caller.tenant_id, scope));
    const Params which = scope_params(caller.tenant_id, scope);
    const auto open = transaction.exec(kOpen, which);
    if (!open) return open.error();
    if (!open->empty()) return AskedReconciliation{{open->integer(0, 0)}, false};
    const auto made = transaction.exec(kInsert, Params(which).add(caller.name));
    if (!made) return made.error();
    const ReconciliationId id{made->integer(0, 0)};
    const auto customers = transaction.exec(kInsertCustomers, Params(which).add(id));
    if (!customers) return customers.error();
    if (customers->affected() == 0) {
        return Error{ErrorKind::conflict,
                     "there is nothing to compare: no charge of this " +
                         std::string(scope.run ? "run" : "billing period") + " goes to Rev.io",
                     {}};
    }
    CARRYALL_TRY(transaction.exec(kNotify));
    return AskedReconciliation{id, true};
}

Result<ChargeDifference> get_difference(db::Transaction& transaction, TenantId tenant_id,
                                        DifferenceId id) {
    static const std::string sql = difference_select() + "d.charge_difference_id = $2";
    const auto rows =
        transaction.exec({"charge_difference_get", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such difference");
    return difference_at(*rows, 0);
}

}  // namespace

Result<AskedReconciliation> ask_reconciliation(db::Connection& connection,
                                               const tenants::Caller& caller,
                                               const ReconciliationScope& scope) {
    auto asked = db::in_transaction<AskedReconciliation>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) { return ask_in(transaction, caller, scope); });
    // Somebody else has asked in the same moment: that one is meant.
    if (asked || asked.error().kind != ErrorKind::conflict || asked.error().where.empty()) {
        return asked;
    }
    return db::in_transaction<AskedReconciliation>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) { return ask_in(transaction, caller, scope); });
}

Result<tenants::Page<Reconciliation>> list_reconciliations(db::Connection& connection,
                                                           const tenants::PageTokens& tokens,
                                                           TenantId tenant_id, ChargeRunId run,
                                                           const tenants::PageRequest& page) {
    static const std::string sql =
        reconciliation_select() +
        "($2::bigint IS NULL OR r.charge_run_id = $2) AND r.charge_reconciliation_id < $3 "
        "ORDER BY r.charge_reconciliation_id DESC LIMIT $4";
    const std::string question = fmt::format("charge_reconciliations/{}", run.value);
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"reconciliation_list", sql.c_str()},
                        Params().add(tenant_id).add(run).add(*before).add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<Reconciliation>(*rows, tokens, tenant_id, question, page.limit,
                                            reconciliation_at);
}

Result<Reconciliation> get_reconciliation(db::Connection& connection, TenantId tenant_id,
                                          ReconciliationId id) {
    static const std::string sql = reconciliation_select() + "r.charge_reconciliation_id = $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"reconciliation_get", sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge reconciliation");
    return reconciliation_at(*rows, 0);
}

Result<tenants::Page<ChargeDifference>> list_differences(db::Connection& connection,
                                                         const tenants::PageTokens& tokens,
                                                         TenantId tenant_id,
                                                         const DifferenceFilter& filter,
                                                         const tenants::PageRequest& page) {
    static const std::string sql =
        difference_select() +
        "d.charge_reconciliation_id = $2 AND ($3 = '' OR d.kind = $3) "
        "AND ($4::boolean IS NULL OR (d.accepted_at IS NOT NULL) = $4) "
        "AND d.charge_difference_id < $5 ORDER BY d.charge_difference_id DESC LIMIT $6";
    std::string accepted;
    if (filter.is_accepted) accepted = *filter.is_accepted ? "yes" : "no";
    const std::string question = fmt::format("charge_differences/{}/{}/{}",
                                             filter.reconciliation.value, filter.kind, accepted);
    const auto before = tenants::newest_first(tokens, tenant_id, question, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows =
        connection.exec({"charge_difference_list", sql.c_str()}, Params()
                                                                     .add(tenant_id)
                                                                     .add(filter.reconciliation)
                                                                     .add(filter.kind)
                                                                     .add(filter.is_accepted)
                                                                     .add(*before)
                                                                     .add(page.limit + 1));
    if (!rows) return rows.error();
    return tenants::page_of<ChargeDifference>(*rows, tokens, tenant_id, question, page.limit,
                                              difference_at);
}

Result<void> write_differences(db::Connection& connection, TenantId tenant_id, ReconciliationId id,
                               sheets::CsvWriter& writer) {
    constexpr int kRowsAtOnce = 5'000;
    static const std::string sql = difference_select() +
                                   "d.charge_reconciliation_id = $2 AND d.charge_difference_id > "
                                   "$3 ORDER BY d.charge_difference_id LIMIT $4";
    CARRYALL_TRY(
        writer.write_row({"Difference", "Kind", "Charge", "RevCharge", "RevCustomer", "ChargeState",
                          "Marker", "OurAmount", "RevAmount", "Ours", "Theirs", "Repair",
                          "Proposal", "AcceptedBy", "AcceptedAt", "AcceptedReason"}));
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    std::int64_t after = 0;
    while (true) {
        const auto rows =
            connection.exec({"charge_difference_file", sql.c_str()},
                            Params().add(tenant_id).add(id).add(after).add(kRowsAtOnce));
        if (!rows) return rows.error();
        for (std::size_t i = 0; i < rows->size(); ++i) {
            std::vector<std::string_view> cells = {rows->text(i, 0)};
            for (int column = 2; column <= 16; ++column) cells.push_back(rows->text(i, column));
            CARRYALL_TRY(writer.write_row(cells));
            after = rows->integer(i, 0);
        }
        if (rows->size() < static_cast<std::size_t>(kRowsAtOnce)) return {};
    }
}

Result<ChargeDifference> accept_difference(db::Connection& connection,
                                           const tenants::Caller& caller, DifferenceId id,
                                           const std::string& reason) {
    if (reason.empty() || reason.size() > kMaxReasonBytes) {
        return base::invalid_input(
            fmt::format("say why, in at most {} bytes: it is kept with the difference",
                        kMaxReasonBytes),
            "/reason");
    }
    return db::in_transaction<ChargeDifference>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<ChargeDifference> {
            const auto changed = transaction.exec(
                kAccept, Params().add(caller.tenant_id).add(id).add(caller.name).add(reason));
            if (!changed) return changed.error();
            auto difference = get_difference(transaction, caller.tenant_id, id);
            if (difference && changed->affected() == 0) {
                return Error{ErrorKind::conflict,
                             "the difference was accepted by " +
                                 difference->accepted_by.value_or("somebody") + " already",
                             {}};
            }
            return difference;
        });
}

Result<std::vector<std::pair<std::string, std::int64_t>>> open_differences(
    db::Connection& connection) {
    CARRYALL_TRY(connection.work_for_tenant(0));
    const auto rows = connection.exec(kOpenByKind);
    if (!rows) return rows.error();
    std::vector<std::pair<std::string, std::int64_t>> counts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        counts.emplace_back(rows->string(i, 0), rows->integer(i, 1));
    }
    return counts;
}

}  // namespace carryall::charges
