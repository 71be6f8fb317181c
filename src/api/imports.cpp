// /v1/imports: the inventory from a CSV or XLSX file, one route a kind of file, so that each has
// the permission of what it writes. The body is the file itself.
#include "api/api.hpp"
#include "api/bad_rows.hpp"
#include "devices/import.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using devices::ImportKind;
using devices::ImportReport;
using http::Response;
using tenants::Permission;

constexpr const char* kPath = "/v1/imports";

template <class Use>
void for_each_kind(const Use& use) {
    for (int i = 0; i <= static_cast<int>(ImportKind::service_providers); ++i) {
        use(static_cast<ImportKind>(i));
    }
}

json::object document_of(const ImportReport& report, bool dry_run) {
    json::array notes;
    for (const std::string& note : report.notes) notes.emplace_back(note);
    return {{"stored", report.stored},
            {"dryRun", dry_run},
            {"rowCount", report.rows},
            {"createdCount", report.created},
            {"updatedCount", report.updated},
            {"unchangedCount", report.unchanged},
            {"badCount", report.bad},
            {"badRows", bad_rows_of(report.bad_rows, devices::kMaxReportedRows)},
            {"badRowsAreComplete", report.bad_rows_are_complete},
            {"notes", std::move(notes)}};
}

Result<devices::ImportOptions> options_of(const Call& call) {
    devices::ImportOptions options;
    const auto dry_run = call.query_flag("dryRun");
    if (!dry_run) return dry_run.error();
    options.dry_run = dry_run->value_or(false);
    const auto all = call.query_flag("allOrNothing");
    if (!all) return all.error();
    options.all_or_nothing = all->value_or(false);
    const auto provider = call.query_integer("serviceProviderId");
    if (!provider) return provider.error();
    options.service_provider_id = {provider->value_or(0)};
    return options;
}

Result<Response> import_rows(Call& call, ImportKind kind) {
    const auto options = options_of(call);
    if (!options) return options.error();
    if (call.request.body_bytes == 0) {
        return base::invalid_input("the file is empty; its first row must name the columns");
    }
    auto database = call.database();
    if (!database) return database.error();
    const auto report = devices::import_file(**database, call.caller.tenant_id, kind,
                                             call.request.body_file, *options, call.caller.name);
    if (!report) return report.error();
    if (options->all_or_nothing && !options->dry_run && report->bad > 0) {
        return rows_refused(call,
                            std::to_string(report->bad) + " of " + std::to_string(report->rows) +
                                " rows are wrong, and allOrNothing was asked for: nothing was "
                                "stored.",
                            report->rows, report->bad, report->bad_rows);
    }
    return json_response(document_of(*report, options->dry_run));
}

Result<Response> list_kinds(Call&) {
    json::array items;
    for_each_kind([&](ImportKind kind) {
        json::array columns;
        for (const std::string& column : devices::import_columns(kind)) {
            columns.emplace_back(column);
        }
        items.push_back(
            json::object{{"kind", devices::to_string(kind)}, {"columns", std::move(columns)}});
    });
    return page_response(std::move(items), "");
}

bool needs_provider(ImportKind kind) {
    return kind == ImportKind::devices || kind == ImportKind::carrier_rate_plans ||
           kind == ImportKind::communication_plans;
}

}  // namespace

void add_import_routes(Routes& routes) {
    routes.add({.method = http::Method::get,
                .pattern = kPath,
                .permission = Permission::read,
                .rate = RateClass::read,
                .handler = list_kinds});
    for_each_kind([&](ImportKind kind) {
        std::vector<std::string> query{"dryRun", "allOrNothing"};
        if (needs_provider(kind)) query.emplace_back("serviceProviderId");
        routes.add({.method = http::Method::post,
                    .pattern = std::string(kPath) + '/' + std::string(devices::to_string(kind)),
                    .permission = kind == ImportKind::service_providers
                                      ? Permission::provider_write
                                      : Permission::inventory_write,
                    .rate = RateClass::upload,
                    .body = Body::table,
                    .query = std::move(query),
                    .handler = [kind](Call& call) { return import_rows(call, kind); }});
    });
}

}  // namespace carryall::api
