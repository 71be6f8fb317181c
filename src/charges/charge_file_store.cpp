// The SQL of files of charges: taking them, and as people see them.
#include "charges/charge_file_store.hpp"

#include "charges/row_check_store.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::charges {
namespace {

using db::Params;
using db::Query;
using db::Rows;
using tenants::TenantId;

constexpr const char* kQuestion = "charge files";

constexpr Query kIsAccount{"charge_file_is_account", R"(
    SELECT FROM service_provider
    WHERE tenant_id = $1 AND service_provider_id = $2 AND integration = 'revio')"};

// i: the row, d and n: the line, c: whom it is charged to. $2: the Rev.io account, $3: the most
// digits behind the point. In this order: the first that holds is told.
std::vector<RowProblem> problems() {
    std::vector<RowProblem> all = device_problems();
    all.insert(
        all.end(),
        {{"iccid", "c.customer_id IS NULL",
          "'the device has no customer to charge; assign it to one first'"},
         {"iccid",
          "$2::bigint IS NOT NULL AND CASE WHEN c.rev_customer_id ~ '^[1-9][0-9]{0,9}$' "
          "THEN c.rev_customer_id::bigint > 2147483647 ELSE true END",
          "'the customer ' || c.name || ' has no Rev.io id; set its revCustomerId, or charge it "
          "in a file without a Rev.io account'"},
         {"iccid", "$2::bigint IS NULL AND c.rev_customer_id IS NOT NULL",
          "'the customer ' || c.name || ' is one of Rev.io; charge it in a file that names the "
          "Rev.io account (integrationAuthenticationId), or nothing would reach Rev.io'"},
         {"amount", "scale(trim_scale(i.amount)) > $3::int",
          "'has more than ' || $3::int || ' digits behind the point; round it where it comes from "
          "(the setting amountDecimals)'"},
         {"productId",
          "$2::bigint IS NOT NULL AND i.product_id IS NULL AND i.product_type_id IS NULL",
          "'is empty, as is productTypeId; Rev.io needs one of them'"},
         {"productId",
          "$2::bigint IS NOT NULL AND i.product_id IS NOT NULL AND i.product_type_id IS NOT NULL",
          "'is given beside productTypeId; Rev.io takes one of them, empty the other'"},
         {"kind", "min(i.row_number) OVER twins < i.row_number",
          "'row ' || min(i.row_number) OVER twins || ' charges the same device for the same kind; "
          "keep one of them, or make one of both'"}});
    return all;
}

Query judge_query() {
    static const std::string sql = R"(
    INSERT INTO row_verdict
    SELECT i.row_number, o.device_id, o.portal, )" +
                                   first_problem(problems()) + R"(
    FROM table_row i)" + device_joins() +
                                   R"(
    LEFT JOIN device o ON o.tenant_id = $1 AND o.device_id = coalesce(d.device_id, n.device_id)
    LEFT JOIN customer c ON c.tenant_id = $1 AND c.customer_id = o.customer_id
    WINDOW twins AS (PARTITION BY o.device_id, coalesce(i.kind, 'usage')))";
    return {"charge_file_judge", sql.c_str()};
}

constexpr Query kTotal{"charge_file_total_of_rows", R"(
    SELECT trim_scale(coalesce(sum(i.amount), 0))
    FROM row_verdict v JOIN table_row i ON i.row_number = v.row_number
    WHERE v.problem IS NULL)"};

constexpr Query kInsertFile{"charge_file_insert", R"(
    INSERT INTO charge_file (tenant_id, name, integration_authentication_id,
        billing_period_start, billing_period_end, row_count, uploaded_by)
    VALUES ($1, $2, $3, $4::date, $5::date, $6, $7) RETURNING charge_file_id)"};

constexpr Query kInsertRows{"charge_file_insert_rows", R"(
    INSERT INTO charge_file_row (tenant_id, charge_file_id, row_number, device_id, kind, amount,
        description, product_id, product_type_id)
    SELECT $1::bigint, $2::bigint, v.row_number, v.device_id, coalesce(i.kind, 'usage'), i.amount,
        i.description, i.product_id, i.product_type_id
    FROM row_verdict v JOIN table_row i ON i.row_number = v.row_number
    ORDER BY v.row_number)"};

const std::string& file_select() {
    static const std::string sql =
        "SELECT f.charge_file_id, f.name, f.integration_authentication_id, "
        "f.billing_period_start, f.billing_period_end, f.row_count, r.charge_run_id, "
        "f.uploaded_by, " +
        tenants::iso8601("f.uploaded_at") +
        " FROM charge_file f LEFT JOIN charge_run r ON r.tenant_id = $1 "
        "AND r.charge_file_id = f.charge_file_id WHERE f.tenant_id = $1 AND ";
    return sql;
}

ChargeFile file_at(const Rows& rows, std::size_t row) {
    return {{rows.integer(row, 0)},        rows.string(row, 1), rows.optional_integer(row, 2),
            rows.string(row, 3),           rows.string(row, 4), rows.integer(row, 5),
            rows.optional_integer(row, 6), rows.string(row, 7), rows.string(row, 8)};
}

constexpr Query kTotalOfFile{"charge_file_total", R"(
    SELECT trim_scale(coalesce(sum(amount), 0)) FROM charge_file_row
    WHERE tenant_id = $1 AND charge_file_id = $2)"};

}  // namespace

Result<void> check_account(db::Transaction& transaction, TenantId tenant_id,
                           const ChargeFileRequest& request) {
    if (!request.integration_authentication_id) return {};
    const auto found = transaction.exec(
        kIsAccount, Params().add(tenant_id).add(request.integration_authentication_id));
    if (!found) return found.error();
    if (!found->empty()) return {};
    return base::invalid_input(
        "integrationAuthenticationId must be a service provider with the integration revio",
        "parameter integrationAuthenticationId");
}

Result<void> check_rows(db::Transaction& transaction, TenantId tenant_id,
                        const ChargeFileRequest& request, std::int64_t amount_decimals,
                        ChargeFileReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE table_row"));
    CARRYALL_TRY(transaction.exec(
        judge_query(),
        Params().add(tenant_id).add(request.integration_authentication_id).add(amount_decimals)));
    const auto total = transaction.exec(kTotal);
    if (!total) return total.error();
    report.total_amount = total->string(0, 0);
    return tell_bad_rows(transaction, report);
}

Result<void> store_file(db::Transaction& transaction, const tenants::Caller& caller,
                        const ChargeFileRequest& request, ChargeFileReport& report) {
    CARRYALL_TRY(transaction.exec_text("ANALYZE row_verdict"));
    const auto file = transaction.exec(kInsertFile, Params()
                                                        .add(caller.tenant_id)
                                                        .add(request.name)
                                                        .add(request.integration_authentication_id)
                                                        .add(request.billing_period_start)
                                                        .add(request.billing_period_end)
                                                        .add(report.rows)
                                                        .add(caller.name));
    if (!file) return file.error();
    report.id = {file->integer(0, 0)};
    const auto stored =
        transaction.exec(kInsertRows, Params().add(caller.tenant_id).add(report.id));
    if (!stored) return stored.error();
    report.stored_rows = static_cast<std::int64_t>(stored->affected());
    CHECK(report.stored_rows == report.rows);
    return {};
}

Result<tenants::Page<ChargeFile>> list_files(db::Connection& connection,
                                             const tenants::PageTokens& tokens, TenantId tenant_id,
                                             const tenants::PageRequest& page) {
    static const std::string sql =
        file_select() + "f.charge_file_id < $2 ORDER BY f.charge_file_id DESC LIMIT $3::int + 1";
    const auto before = tenants::newest_first(tokens, tenant_id, kQuestion, page);
    if (!before) return before.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec({"charge_file_list", sql.c_str()},
                                      Params().add(tenant_id).add(*before).add(page.limit));
    if (!rows) return rows.error();
    return tenants::page_of<ChargeFile>(*rows, tokens, tenant_id, kQuestion, page.limit, file_at);
}

Result<ChargeFileDetail> get_file(db::Connection& connection, TenantId tenant_id, ChargeFileId id) {
    static const std::string sql = file_select() + "f.charge_file_id = $2";
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const Params which = Params().add(tenant_id).add(id);
    const auto rows = connection.exec({"charge_file_get", sql.c_str()}, which);
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such charge file");
    const auto total = connection.exec(kTotalOfFile, which);
    if (!total) return total.error();
    return ChargeFileDetail{file_at(*rows, 0), total->string(0, 0)};
}

}  // namespace carryall::charges
