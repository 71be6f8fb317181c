// The rows of the report, and the two forms they are written in.
#include "changes/activation_report.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using db::Params;
using db::Query;
using db::Rows;

constexpr int kBatch = 1'000;

constexpr Query kSteps{"activation_steps", R"(
    SELECT coalesce((progress ->> 'step')::int, 0), count(*) FILTER (
               WHERE state IN ('new', 'waiting', 'unknown')),
           count(*) FILTER (WHERE state IN ('error', 'parked'))
    FROM device_change
    WHERE tenant_id = $1 AND device_change_id BETWEEN $2::bigint << 20
                                                  AND (($2::bigint + 1) << 20) - 1
      AND state NOT IN ('processed', 'cancelled')
    GROUP BY 1)"};

Query head_query() {
    static const std::string sql =
        "SELECT p.name, b.status, b.device_count, b.processed_count,"
        " b.error_count + b.parked_count + b.cancelled_count, " +
        tenants::iso8601("b.created_at") + ", " + tenants::iso8601("b.finished_at") +
        " FROM bulk_change b JOIN service_provider p ON p.tenant_id = $1"
        " AND p.service_provider_id = b.service_provider_id"
        " WHERE b.tenant_id = $1 AND b.bulk_change_id = $2"
        " AND b.change_type = 'newserviceactivation'";
    return {"activation_report_head", sql.c_str()};
}

constexpr Query kRows{"activation_report_rows", R"(
    SELECT c.device_change_id, c.row_number, coalesce(d.iccid, c.identifier),
           c.progress ->> 'subscriberNumber',
           CASE WHEN (c.progress ->> 'ipAssigned')::boolean THEN c.progress ->> 'ipAddress' END,
           c.state, c.reason
    FROM device_change c
    LEFT JOIN device d ON d.tenant_id = $1 AND d.device_id = c.device_id
    WHERE c.tenant_id = $1 AND c.device_change_id BETWEEN $2::bigint << 20
                                                      AND (($2::bigint + 1) << 20) - 1
      AND c.device_change_id > $3
    ORDER BY c.device_change_id LIMIT $4::int)"};

std::string escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

struct Head {
    std::string service_provider;
    std::string status;
    std::int64_t devices = 0;
    std::int64_t activated = 0;
    std::int64_t failed = 0;
    std::string created_at;
    std::string finished_at;
};

struct Line {
    std::string row;
    std::string iccid;
    std::string number;
    std::string ip_address;
    std::string state;
    std::string reason;
};

class CsvForm {
  public:
    explicit CsvForm(const ReportSink& sink) : writer_(sink) {}
    Result<void> begin(BulkChangeId, const Head&) {
        return writer_.write_row(
            {"Row", "ICCID", "SubscriberNumber", "IPAddress", "Outcome", "Reason"});
    }
    Result<void> add(const Line& line) {
        return writer_.write_row(
            {line.row, line.iccid, line.number, line.ip_address, line.state, line.reason});
    }
    Result<void> end() { return writer_.finish(); }

  private:
    sheets::CsvWriter writer_;
};

// Self-contained: no script, nothing fetched.
class HtmlForm {
  public:
    explicit HtmlForm(const ReportSink& sink) : sink_(sink) {}
    Result<void> begin(BulkChangeId id, const Head& head) {
        std::string out =
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<title>Activation summary</title><style>"
            "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
            "td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}</style></head><body>"
            "<h1>Activation summary</h1><table>";
        const auto fact = [&](const char* name, const std::string& value) {
            out.append("<tr><th>").append(name).append("</th><td>");
            out.append(escaped(value)).append("</td></tr>");
        };
        fact("Bulk change", base::to_string(id));
        fact("Service provider", head.service_provider);
        fact("Status", head.status);
        fact("Submitted", head.created_at);
        fact("Completed", head.finished_at.empty() ? "not yet" : head.finished_at);
        fact("Devices", std::to_string(head.devices));
        fact("Activated", std::to_string(head.activated));
        fact("Failed", std::to_string(head.failed));
        out +=
            "</table><h2>Devices</h2><table><tr><th>Row</th><th>SIM</th><th>Number</th>"
            "<th>IP address</th><th>Outcome</th><th>Reason</th></tr>\n";
        return sink_(out);
    }
    Result<void> add(const Line& line) {
        std::string out = "<tr>";
        for (const std::string* text :
             {&line.row, &line.iccid, &line.number, &line.ip_address, &line.state, &line.reason}) {
            out.append("<td>").append(escaped(*text)).append("</td>");
        }
        return sink_(out += "</tr>\n");
    }
    Result<void> end() { return sink_("</table></body></html>\n"); }

  private:
    const ReportSink& sink_;
};

template <class Form>
Result<void> write_rows(db::Connection& connection, TenantId tenant_id, BulkChangeId id,
                        const Head& head, Form form) {
    CARRYALL_TRY(form.begin(id, head));
    std::int64_t after = 0;
    while (true) {  // ends with the devices of the change: `after` only grows
        const auto rows =
            connection.exec(kRows, Params().add(tenant_id).add(id).add(after).add(kBatch));
        if (!rows) return rows.error();
        for (std::size_t i = 0; i < rows->size(); ++i) {
            after = rows->integer(i, 0);
            CARRYALL_TRY(form.add({std::to_string(rows->integer(i, 1)), rows->string(i, 2),
                                   rows->string(i, 3), rows->string(i, 4), rows->string(i, 5),
                                   rows->string(i, 6)}));
        }
        if (rows->size() < kBatch) return form.end();
    }
}

}  // namespace

Result<StepCounts> activation_steps(db::Connection& connection, TenantId tenant_id,
                                    BulkChangeId id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kSteps, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    StepCounts counts;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const auto step = static_cast<std::size_t>(rows->integer(i, 0));
        CHECK(step < counts.size());
        counts[step] = {rows->integer(i, 1), rows->integer(i, 2)};
    }
    return counts;
}

Result<void> write_activation_report(db::Connection& connection, TenantId tenant_id,
                                     BulkChangeId id, ReportFormat format, const ReportSink& sink) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(head_query(), Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return base::not_found("there is no such activation");
    const Head head{rows->string(0, 0),  rows->string(0, 1),  rows->integer(0, 2),
                    rows->integer(0, 3), rows->integer(0, 4), rows->string(0, 5),
                    rows->string(0, 6)};
    if (format == ReportFormat::csv) {
        return write_rows(connection, tenant_id, id, head, CsvForm(sink));
    }
    return write_rows(connection, tenant_id, id, head, HtmlForm(sink));
}

}  // namespace carryall::changes
