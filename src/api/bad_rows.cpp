// The documents.
#include "api/bad_rows.hpp"

#include "api/problem.hpp"

namespace carryall::api {

namespace json = base::json;

json::array bad_rows_of(const std::vector<devices::BadRow>& rows, std::size_t limit) {
    json::array shown;
    for (const devices::BadRow& bad : rows) {
        if (shown.size() == limit) break;
        shown.push_back(
            json::object{{"row", bad.row_number}, {"column", bad.column}, {"detail", bad.reason}});
    }
    return shown;
}

http::Response rows_refused(const Call& call, std::string detail, std::int64_t row_count,
                            std::int64_t bad_count, const std::vector<devices::BadRow>& bad_rows) {
    json::object problem{{"type", "urn:carryall:problem:rows_refused"},
                         {"title", "Not every row can be stored"},
                         {"status", 422},
                         {"detail", std::move(detail)},
                         {"instance", call.request.request_id},
                         {"rowCount", row_count},
                         {"badCount", bad_count},
                         {"errors", bad_rows_of(bad_rows, kMaxProblemItems)}};
    const auto shown = static_cast<std::int64_t>(problem["errors"].as_array().size());
    if (shown < bad_count) problem["moreErrors"] = bad_count - shown;
    http::Response response = json_response(problem, 422);
    response.headers.set("Content-Type", kProblemType);
    return response;
}

http::Response rows_refused(const Call& call, const charges::TableReport& report) {
    return rows_refused(call,
                        std::to_string(report.bad) + " of " + std::to_string(report.rows) +
                            " rows are wrong: nothing was stored.",
                        report.rows, report.bad, report.bad_rows);
}

json::object document_of_rows(const charges::TableReport& report, bool dry_run) {
    json::array notes(report.notes.begin(), report.notes.end());
    const bool is_complete = static_cast<std::int64_t>(report.bad_rows.size()) == report.bad;
    return {{"stored", !dry_run},
            {"dryRun", dry_run},
            {"rowCount", report.rows},
            {"storedCount", report.stored_rows},
            {"badCount", report.bad},
            {"badRows", bad_rows_of(report.bad_rows, devices::kMaxReportedRows)},
            {"badRowsAreComplete", is_complete},
            {"notes", std::move(notes)}};
}

}  // namespace carryall::api
