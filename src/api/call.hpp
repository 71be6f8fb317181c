// One request as a resource's handler sees it: who asks, the path's ids, the query, the body, the
// services. Everything that can be wrong with them comes back as an Error that names the place.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "changes/bulk_change.hpp"
#include "db/postgres.hpp"
#include "files/file_store.hpp"
#include "http/message.hpp"
#include "notify/webhook_url.hpp"
#include "tenants/page_token.hpp"
#include "tenants/token.hpp"

namespace carryall::api {

class ProgressFeed;

struct Settings {
    std::uint64_t max_json_bytes = 32u << 20;  // a change of 1,000,000 ICCIDs as JSON fits
    std::uint64_t max_upload_bytes = 512u << 20;
    std::chrono::seconds upload_timeout{600};
    std::filesystem::path scratch_directory = std::filesystem::temp_directory_path();
    int change_page_size = changes::kDefaultPageSize;
    // For each token and minute; open ones for each source address.
    std::int64_t reads_per_minute = 1'200;
    std::int64_t writes_per_minute = 300;
    std::int64_t uploads_per_minute = 30;
    std::int64_t open_per_minute = 1'200;
    std::int64_t callbacks_per_minute = 120'000;  // for each source address
    std::int64_t bad_tokens_per_minute = 20;      // for each source address
    base::Secret metrics_token;                   // empty: /metrics is open
    notify::WebhookRules webhooks;                // where webhooks may go
    // Live progress: at most one event in `progress_interval`; every `progress_poll` the database
    // is asked even if no notification came.
    std::chrono::milliseconds progress_interval{250};
    std::chrono::milliseconds progress_poll{3'000};
};

// What handlers work with. Outlives every request.
struct Services {
    db::Pool& pool;         // as the application role
    base::Secret database;  // the same server and role, for connections outside the pool
    const base::Clock& clock;
    const base::MasterKey& master_key;
    const tenants::PageTokens& page_tokens;
    Settings settings;
    files::FileStore* files = nullptr;  // where downloads are; null: there are none
    ProgressFeed* progress = nullptr;   // set by Api
};

struct Call {
    Services& services;
    http::Request& request;
    const tenants::Caller caller;  // tenant 0 on open routes
    // More mistakes than the one that is returned; all of them are shown.
    std::vector<base::Error> errors = {};

    base::Result<db::Pool::Lease> database() { return services.pool.acquire(); }

    // The numeric id in the path. Anything that cannot be one is missing, not malformed: "there is
    // no such `what`".
    base::Result<std::int64_t> id(std::string_view name, std::string_view what) const;

    // The query parameter, if it is there and not empty.
    std::optional<std::string> query(std::string_view name) const;
    base::Result<std::optional<std::int64_t>> query_integer(std::string_view name) const;
    base::Result<std::optional<bool>> query_flag(std::string_view name) const;
    base::Result<std::optional<base::Instant>> query_instant(std::string_view name) const;
    base::Result<tenants::PageRequest> page() const;  // "limit" and "pageToken"

    base::Result<base::json::value> json_body() const;
    // The body as a described struct; all mistakes land in `errors`, unknown members among them if
    // `known` lists the allowed ones.
    template <class T>
    base::Result<T> body() {
        const auto value = json_body();
        if (!value) return value.error();
        base::JsonErrors mistakes;
        base::Result<T> out = base::read_json<T>(*value, mistakes);
        if (!out) errors = mistakes.items();
        return out;
    }

    // A header's value, if it is there and not empty.
    std::optional<std::string> header(std::string_view name) const;
};

// 200 (or another success) with this document.
http::Response json_response(const base::json::value& body, int status = 200);
// {"items": [...], "nextPageToken": "..."}; an empty token is the last page.
http::Response page_response(base::json::array items, const std::string& next_page_token);

// The page that was asked for of what `list(connection, tokens, tenant, asked..., page)` knows,
// each item as `show` shows it.
template <class List, class Show, class... Asked>
base::Result<http::Response> list_response(Call& call, const List& list, const Show& show,
                                           const Asked&... asked) {
    const auto page = call.page();
    if (!page) return page.error();
    auto database = call.database();
    if (!database) return database.error();
    auto found =
        list(**database, call.services.page_tokens, call.caller.tenant_id, asked..., *page);
    if (!found) return found.error();
    base::json::array items;
    for (auto& item : found->items) items.emplace_back(show(std::move(item)));
    return page_response(std::move(items), found->next_token);
}

base::Error bad_parameter(std::string_view name, std::string message);

}  // namespace carryall::api
