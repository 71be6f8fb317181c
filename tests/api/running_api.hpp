// A whole API for tests: database, route table, filter chain, server on a free port, and two
// tenants with one token for each role. "Own" is the tenant that asks; everything of the other one
// has FOREIGN in its name, so that a leak shows in any answer.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "db/postgres.hpp"
#include "files/folder_store.hpp"
#include "http/server.hpp"
#include "support/database.hpp"
#include "support/http_client.hpp"
#include "support/temp_dir.hpp"
#include "tenants/page_token.hpp"
#include "tenants/tenant.hpp"

namespace carryall::api_tests {

inline constexpr const char* kForeignMark = "FOREIGN";
inline constexpr const char* kOwnIccid = "8944500000000000001";
inline constexpr const char* kArchivedIccid = "8944500000000000002";
inline constexpr const char* kForeignIccid = "8944500000000000009";

// One tenant's things, by the names that paths use: "bulkChangeId" -> 7.
struct Tenant {
    tenants::TenantId id;
    std::map<std::string, std::int64_t> ids;
    std::map<tenants::Role, std::string> tokens;
    std::int64_t finished_change = 0;
    std::int64_t stored_change = 0;  // NEW
};

struct RunningApi {
    explicit RunningApi(support::TestDatabase& database, const api::Settings& settings = {},
                        std::size_t pool_size = 4, std::vector<http::Cidr> trusted_proxies = {});
    ~RunningApi();

    int port() const { return server->port(); }

    support::TempDir folder;
    base::MasterKey master_key = base::MasterKey::generate();
    tenants::PageTokens page_tokens{master_key};
    files::FolderStore files{files::FolderSettings{folder.path() / "files"}};
    db::Pool pool;
    api::Services services;
    std::unique_ptr<api::Api> api;
    std::unique_ptr<http::Server> server;
};

class ApiTest : public support::DatabaseTest {
  public:
    static void SetUpTestSuite();
    static void TearDownTestSuite();

  protected:
    static RunningApi& running() { return *running_; }
    static const Tenant& own() { return *own_; }
    static const Tenant& foreign() { return *foreign_; }

    static support::Headers as(const Tenant& tenant, tenants::Role role);
    // One request as the own tenant's admin, unless said otherwise.
    static support::HttpReply ask(std::string_view method, const std::string& target,
                                  std::string_view body = {},
                                  std::string_view content_type = "application/json",
                                  support::Headers more = {});
    static base::json::value json_of(const support::HttpReply& reply);

  private:
    static std::unique_ptr<RunningApi> running_;
    static std::unique_ptr<Tenant> own_;
    static std::unique_ptr<Tenant> foreign_;
};

// Creates a tenant with tokens and one of everything that a path can name.
Tenant make_tenant(support::TestDatabase& database, db::Pool& pool, const std::string& name,
                   const std::string& iccid);

// To the application the database is gone: its connections are cut, new ones are refused.
void take_away(support::TestDatabase& database);
void bring_back(support::TestDatabase& database);

// The problem document of a refusal; checks its shape.
base::json::object problem_of(const support::HttpReply& reply, int status, std::string_view kind);

}  // namespace carryall::api_tests
