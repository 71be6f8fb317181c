#include "charges/row_check_store.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;

constexpr Query kCountBad{"charge_table_count_bad", R"(
    SELECT count(*) FROM row_verdict WHERE problem IS NOT NULL)"};

constexpr Query kBad{"charge_table_bad", R"(
    SELECT row_number, problem_column, problem FROM row_verdict
    WHERE problem IS NOT NULL ORDER BY row_number LIMIT $1)"};

}  // namespace

Result<void> prepare_rows(db::Transaction& transaction, const std::vector<TableColumn>& columns) {
    std::string definitions;
    for (const TableColumn& column : columns) {
        definitions += ", " + std::string(column.column) + ' ' + column.type;
        const bool is_key = column.rule == CellRule::iccid || column.rule == CellRule::msisdn;
        if (is_key) definitions += R"( COLLATE "C")";  // as the device's
    }
    // The planner knows nothing of temporary tables and may compile a verdict for longer than it
    // runs.
    return transaction.exec_text(
        "SET LOCAL jit = off; SET LOCAL work_mem = '64MB';"
        " CREATE TEMPORARY TABLE table_row (row_number integer NOT NULL" +
        definitions +
        ") ON COMMIT DROP;"
        " CREATE TEMPORARY TABLE row_verdict (row_number integer NOT NULL, device_id bigint,"
        " portal text, problem_column text, problem text) ON COMMIT DROP");
}

Result<db::CopyIn> start_rows(db::Transaction& transaction,
                              const std::vector<TableColumn>& columns) {
    std::vector<std::string> names{"row_number"};
    for (const TableColumn& column : columns) names.emplace_back(column.column);
    return db::CopyIn::start(transaction, "table_row", names);
}

const std::vector<RowProblem>& device_problems() {
    static const std::vector<RowProblem> problems{
        {"iccid", "i.iccid IS NULL AND i.msisdn IS NULL",
         "'is empty; name the device by its ICCID or its number'"},
        {"iccid", "i.iccid IS NOT NULL AND d.device_id IS NULL",
         "'there is no device with this ICCID; correct it or import the device first'"},
        {"msisdn", "i.iccid IS NULL AND n.device_count IS NULL",
         "'there is no device with the number ' || i.msisdn || '; correct it or import the device "
         "first'"},
        {"msisdn", "i.iccid IS NULL AND n.device_count > 1",
         "n.device_count || ' devices have the number ' || i.msisdn || '; name the device by its "
         "ICCID'"},
        {"msisdn",
         "d.device_id IS NOT NULL "
         "AND NOT d.device_id = ANY(n.device_ids)",
         "'the ICCID and the number ' || i.msisdn || ' are of two devices; correct one of them'"},
    };
    return problems;
}

std::string device_joins() {
    return R"(
    LEFT JOIN device d ON d.tenant_id = $1 AND d.iccid19 = i.iccid
    LEFT JOIN (
        SELECT o.msisdn, count(*) AS device_count, array_agg(o.device_id) AS device_ids,
            min(o.device_id) AS device_id, min(o.portal) AS portal
        FROM device o
        WHERE o.tenant_id = $1 AND o.msisdn IN (SELECT r.msisdn FROM table_row r)
        GROUP BY o.msisdn) n ON n.msisdn = i.msisdn)";
}

std::string first_problem(const std::vector<RowProblem>& problems) {
    std::string column = "CASE";
    std::string reason = "CASE";
    for (const RowProblem& problem : problems) {
        const std::string when = " WHEN " + std::string(problem.when) + " THEN ";
        column += when + '\'' + problem.column + '\'';
        reason += when + problem.reason;
    }
    return column + " END, " + reason + " END";
}

Result<void> tell_bad_rows(db::Transaction& transaction, TableReport& report) {
    const auto count = transaction.exec(kCountBad);
    if (!count) return count.error();
    report.bad += count->integer(0, 0);
    if (count->integer(0, 0) == 0) return {};
    const auto most = static_cast<std::int64_t>(devices::kMaxReportedRows);
    const auto bad = transaction.exec(kBad, Params().add(most));
    if (!bad) return bad.error();
    for (std::size_t i = 0; i < bad->size(); ++i) {
        report.bad_rows.push_back({bad->integer(i, 0), bad->string(i, 1), bad->string(i, 2)});
    }
    return {};
}

}  // namespace carryall::charges
