// The statements of an import, made once for each kind from its plan. Two temporary tables: `rows`
// holds the cells as text, `plan` what is to become of each row. What must stay true: a stored
// value that the file says nothing about is not written, not even with what was read a moment
// before, because a bulk change may be changing it right now.
#include "devices/import_store.hpp"

namespace carryall::devices {
namespace {

using base::Result;
using db::Params;

// Statements have names of their own for each kind, since they are prepared under them.
struct Statements {
    std::string rows_table;
    std::string plan_table;
    std::string create;
    std::string analyze_rows;
    std::string analyze_plan;
    std::string plan_name, plan;
    std::string count_name, count;
    std::string bad_name, bad;
    std::string insert_name, insert;
    std::string update_name, update;
};

std::string create_sql(const Statements& names, ImportKind kind) {
    std::string rows = "CREATE TEMPORARY TABLE " + names.rows_table + " (row_number integer";
    for (const ImportColumn& column : columns_of(kind)) {
        rows += ", " + std::string(column.column) + " text";
    }
    std::string plan = "CREATE TEMPORARY TABLE " + names.plan_table +
                       " (row_number integer, existing_id bigint, problem_column text, problem "
                       "text, is_changed boolean, detail jsonb";
    for (const ImportTarget& target : plan_of(kind).targets) {
        plan += ", " + std::string(target.column) + ' ' + target.type + ", " + target.column +
                "_given boolean";
    }
    return rows + ") ON COMMIT DROP; " + plan + ") ON COMMIT DROP";
}

// Whether a target writes something other than what is stored.
std::string differs(const ImportTarget& target) {
    return "(coalesce(" + target.given + ", false) AND (" + target.value + ") IS DISTINCT FROM x." +
           target.column + ')';
}

std::string detail_sql(const ImportPlan& plan) {
    std::string sql = "'{}'::jsonb";
    for (const ImportTarget& target : plan.targets) {
        if (target.event_name == nullptr) continue;
        const std::string& shown = target.event_value.empty() ? target.value : target.event_value;
        sql += " || CASE WHEN " + differs(target) + " THEN jsonb_build_object('" +
               target.event_name + "', " + shown + ") ELSE '{}' END";
    }
    return sql;
}

std::string plan_sql(const Statements& names, const ImportPlan& plan) {
    std::string columns = "row_number, existing_id, problem_column, problem, is_changed, detail";
    std::string where = "CASE";
    std::string reason = "CASE";
    for (const ImportProblem& problem : plan.problems) {
        where += " WHEN " + problem.when + " THEN '" + problem.column + '\'';
        reason += " WHEN " + problem.when + " THEN " + problem.reason;
    }
    const std::string first_row = "min(i.row_number) OVER (PARTITION BY " + plan.key + ')';
    const std::string is_repeated = first_row + " < i.row_number";
    where += " WHEN " + is_repeated + " THEN '" + plan.key_column + "' END";
    reason += " WHEN " + is_repeated + " THEN 'row ' || " + first_row +
              " || ' of this file is about the same one; keep one of them' END";
    std::string changed = "false";
    std::string values;
    for (const ImportTarget& target : plan.targets) {
        columns += ", " + std::string(target.column) + ", " + target.column + "_given";
        values +=
            ", (" + target.value + ")::" + target.type + ", coalesce(" + target.given + ", false)";
        changed += " OR " + differs(target);
    }
    const std::string id = "x." + std::string(plan.id_column);
    // $2 is named once more, so that it has a type in plans without a service provider.
    return "INSERT INTO " + names.plan_table + " (" + columns + ") SELECT i.row_number, " + id +
           ", " + where + ", " + reason + ", " + id + " IS NOT NULL AND (" + changed + "), " +
           detail_sql(plan) + values + " FROM " + names.rows_table + " i " + plan.joins +
           " WHERE $1::bigint IS NOT NULL AND ($2::bigint IS NULL OR $2::bigint > 0)";
}

std::string insert_sql(const Statements& names, const ImportPlan& plan) {
    std::string columns = "tenant_id";
    std::string values = "$1::bigint";
    for (const ImportTarget& target : plan.targets) {
        const std::string column = target.column;
        columns += ", " + column;
        values += ", CASE WHEN p." + column + "_given THEN p." + column + " ELSE " +
                  target.initial + "::" + target.type + " END";
    }
    return "INSERT INTO " + std::string(plan.table) + " (" + columns + ") SELECT " + values +
           " FROM " + names.plan_table +
           " p WHERE p.problem IS NULL AND p.existing_id IS NULL ORDER BY p.row_number";
}

std::string update_sql(const Statements& names, const ImportPlan& plan) {
    std::string changes = plan.has_modified_at ? "modified_at = now()" : "";
    for (const ImportTarget& target : plan.targets) {
        const std::string column = target.column;
        changes += (changes.empty() ? "" : ", ") + column + " = CASE WHEN p." + column +
                   "_given THEN p." + column + " ELSE x." + column + " END";
    }
    return "UPDATE " + std::string(plan.table) + " x SET " + changes + " FROM " + names.plan_table +
           " p WHERE x.tenant_id = $1 AND x." + plan.id_column +
           " = p.existing_id AND p.problem IS NULL AND p.is_changed";
}

// Devices have a history: what was written goes there in the same statement.
std::string with_events(const std::string& statement, const std::string& returning,
                        const std::string& events_from) {
    return "WITH written AS (" + statement + " RETURNING " + returning +
           ") INSERT INTO device_event (tenant_id, device_id, source, actor, detail) SELECT $1, "
           "written.device_id, 'import', $2, " +
           events_from;
}

Statements make_statements(ImportKind kind) {
    const ImportPlan& plan = plan_of(kind);
    const std::string table = plan.table;
    Statements made;
    made.rows_table = "import_" + table + "_rows";
    made.plan_table = "import_" + table + "_plan";
    made.create = create_sql(made, kind);
    made.analyze_rows = "ANALYZE " + made.rows_table;
    made.analyze_plan = "ANALYZE " + made.plan_table;
    made.plan_name = "import_" + table + "_check";
    made.plan = plan_sql(made, plan);
    made.count_name = "import_" + table + "_count";
    made.count =
        "SELECT count(*) FILTER (WHERE problem IS NOT NULL), "
        "count(*) FILTER (WHERE problem IS NULL AND existing_id IS NULL), "
        "count(*) FILTER (WHERE problem IS NULL AND is_changed), "
        "count(*) FILTER (WHERE problem IS NULL AND existing_id IS NOT NULL AND NOT is_changed) "
        "FROM " +
        made.plan_table;
    made.bad_name = "import_" + table + "_bad";
    made.bad = "SELECT row_number, problem_column, problem FROM " + made.plan_table +
               " WHERE problem IS NOT NULL ORDER BY row_number LIMIT $1";
    made.insert_name = "import_" + table + "_insert";
    made.insert = insert_sql(made, plan);
    made.update_name = "import_" + table + "_update";
    made.update = update_sql(made, plan);
    if (kind == ImportKind::devices) {
        made.insert = with_events(made.insert, "device_id, iccid19",
                                  "jsonb_build_object('created', true) || p.detail FROM written "
                                  "JOIN " +
                                      made.plan_table +
                                      " p ON left(p.iccid, 19) = written.iccid19 "
                                      "WHERE p.problem IS NULL AND p.existing_id IS NULL");
        made.update = with_events(made.update, "x.device_id, p.detail", "detail FROM written");
    }
    return made;
}

const Statements& statements_of(ImportKind kind) {
    static const std::vector<Statements> all = [] {
        std::vector<Statements> made;
        for (int i = 0; i <= static_cast<int>(ImportKind::service_providers); ++i) {
            made.push_back(make_statements(static_cast<ImportKind>(i)));
        }
        return made;
    }();
    return all.at(static_cast<std::size_t>(kind));
}

constexpr db::Query kLock{
    "import_lock",
    "SELECT pg_try_advisory_xact_lock(hashtextextended('import/' || $1 || '/' "
    "|| $2::bigint, 0))"};

}  // namespace

Result<void> prepare_import(db::Transaction& transaction, TenantId tenant_id, ImportKind kind) {
    const auto locked = transaction.exec(kLock, Params().add(to_string(kind)).add(tenant_id));
    if (!locked) return locked.error();
    if (!locked->boolean(0, 0)) {
        return base::Error{base::ErrorKind::conflict,
                           "another import of " + std::string(to_string(kind)) +
                               " is running; start this one when it has ended",
                           {}};
    }
    return transaction.exec_text(statements_of(kind).create);
}

Result<db::CopyIn> start_rows(db::Transaction& transaction, ImportKind kind) {
    std::vector<std::string> columns{"row_number"};
    for (const ImportColumn& column : columns_of(kind)) columns.emplace_back(column.column);
    return db::CopyIn::start(transaction, statements_of(kind).rows_table, columns);
}

Result<void> check_rows(db::Transaction& transaction, TenantId tenant_id, ImportKind kind,
                        ServiceProviderId default_provider, ImportReport& report) {
    const Statements& sql = statements_of(kind);
    CARRYALL_TRY(transaction.exec_text(sql.analyze_rows));
    CARRYALL_TRY(transaction.exec({sql.plan_name.c_str(), sql.plan.c_str()},
                                  Params().add(tenant_id).add(default_provider)));
    const auto counts = transaction.exec({sql.count_name.c_str(), sql.count.c_str()});
    if (!counts) return counts.error();
    report.bad += counts->integer(0, 0);
    report.created = counts->integer(0, 1);
    report.updated = counts->integer(0, 2);
    report.unchanged = counts->integer(0, 3);
    if (counts->integer(0, 0) == 0) return {};
    const auto limit = static_cast<std::int64_t>(kMaxReportedRows);
    const auto bad = transaction.exec({sql.bad_name.c_str(), sql.bad.c_str()}, Params().add(limit));
    if (!bad) return bad.error();
    for (std::size_t i = 0; i < bad->size(); ++i) {
        report.bad_rows.push_back({bad->integer(i, 0), bad->string(i, 1), bad->string(i, 2)});
    }
    return {};
}

Result<void> store_rows(db::Transaction& transaction, TenantId tenant_id, ImportKind kind,
                        std::string_view actor) {
    const Statements& sql = statements_of(kind);
    Params params;
    params.add(tenant_id);
    if (kind == ImportKind::devices) params.add(actor);
    CARRYALL_TRY(transaction.exec_text(sql.analyze_plan));
    CARRYALL_TRY(transaction.exec({sql.insert_name.c_str(), sql.insert.c_str()}, params));
    CARRYALL_TRY(transaction.exec({sql.update_name.c_str(), sql.update.c_str()}, params));
    return {};
}

Result<void> analyze_devices(db::Connection& connection) {
    CARRYALL_TRY(connection.exec({"analyze_devices", "SELECT analyze_devices()"}));
    return {};
}

}  // namespace carryall::devices
