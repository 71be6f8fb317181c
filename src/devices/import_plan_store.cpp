// How the rows of each kind of file become records: SQL fragments that import_store.cpp puts
// together. `i` is the row, `x` the stored record of the same key, $1 the tenant, $2 the service
// provider for rows that name none. Every join is on a unique key, so a row stays one row.
#include "devices/import_plan.hpp"

namespace carryall::devices {
namespace {

// A column that is stored as the file gives it.
ImportTarget plain(const char* column, const char* type, const char* initial = "NULL",
                   const char* event_name = nullptr) {
    const std::string cell = "i." + std::string(column);
    return {column,     type, cell + " IS NOT NULL", "nullif(" + cell + ", '-')::" + type, initial,
            event_name, ""};
}

// The id behind a name or code of the file, joined as `alias`.
ImportTarget looked_up(const char* column, const std::string& cell, const std::string& id,
                       const char* event_name) {
    // A plan may really be called "-" if it was made elsewhere; in a file that still means "none".
    return {column,
            "bigint",
            "i." + cell + " IS NOT NULL",
            "CASE WHEN i." + cell + " <> '-' THEN " + id + " END",
            "NULL",
            event_name,
            "nullif(i." + cell + ", '-')"};
}

ImportProblem unknown_reference(const char* file_column, const std::string& cell,
                                const std::string& id, const std::string& what) {
    return {
        file_column, "i." + cell + " IS NOT NULL AND i." + cell + " <> '-' AND " + id + " IS NULL",
        "'there is no " + what + " \"' || i." + cell + " || '\"; correct it or create it first'"};
}

const std::string kProviderJoins = R"(
LEFT JOIN service_provider named
    ON named.tenant_id = $1 AND named.name = i.service_provider
LEFT JOIN service_provider sp
    ON sp.tenant_id = $1 AND sp.service_provider_id =
       CASE WHEN i.service_provider IS NULL THEN $2::bigint ELSE named.service_provider_id END
)";

const ImportProblem kUnknownProvider = {
    "serviceProvider", "i.service_provider IS NOT NULL AND named.service_provider_id IS NULL",
    "'there is no service provider \"' || i.service_provider || '\"; correct it or create it "
    "first'"};

ImportProblem no_provider(const std::string& when) {
    return {"serviceProvider", when,
            "'the service provider is missing; add the column or choose one for the whole file'"};
}

// Which customer a row means: by Rev.io's id, else by name.
const std::string kCustomerJoins = R"(
LEFT JOIN customer by_rev ON by_rev.tenant_id = $1 AND by_rev.rev_customer_id = i.rev_customer_id
       AND i.rev_customer_id <> '-'
LEFT JOIN customer by_name ON by_name.tenant_id = $1 AND by_name.name = i.customer
       AND i.customer <> '-'
)";
const std::string kCustomerId = "coalesce(by_rev.customer_id, by_name.customer_id)";

void add_customer_problems(std::vector<ImportProblem>& problems) {
    problems.push_back(unknown_reference("revCustomerId", "rev_customer_id", "by_rev.customer_id",
                                         "customer with the Rev.io id"));
    problems.push_back(
        unknown_reference("customer", "customer", "by_name.customer_id", "customer"));
    problems.push_back(
        {"customer", "by_rev.customer_id <> by_name.customer_id",
         "'customer and revCustomerId name two customers: the Rev.io id ' || i.rev_customer_id || "
         "' belongs to \"' || by_rev.name || '\"'"});
    problems.push_back({"customer", "(i.customer = '-') <> (i.rev_customer_id = '-')",
                        "'customer and revCustomerId contradict each other: one is emptied'"});
}

// --- devices -------------------------------------------------------------------------------------

std::string device_joins() {
    return R"(
LEFT JOIN device x ON x.tenant_id = $1 AND x.iccid19 = left(i.iccid, 19)
LEFT JOIN service_provider named
    ON named.tenant_id = $1 AND named.name = i.service_provider
LEFT JOIN service_provider sp
    ON sp.tenant_id = $1 AND sp.service_provider_id = CASE
        WHEN i.service_provider IS NOT NULL THEN named.service_provider_id
        ELSE coalesce(x.service_provider_id, $2::bigint) END
LEFT JOIN service_provider stored
    ON stored.tenant_id = $1 AND stored.service_provider_id = x.service_provider_id
LEFT JOIN carrier_rate_plan rp
    ON rp.tenant_id = $1 AND rp.service_provider_id = sp.service_provider_id
       AND rp.code = i.carrier_rate_plan
LEFT JOIN communication_plan cp
    ON cp.tenant_id = $1 AND cp.service_provider_id = sp.service_provider_id
       AND cp.name = i.communication_plan
LEFT JOIN customer_rate_plan crp ON crp.tenant_id = $1 AND crp.code = i.customer_rate_plan
LEFT JOIN customer_rate_pool pool ON pool.tenant_id = $1 AND pool.name = i.customer_rate_pool
)" + kCustomerJoins +
           R"(
LEFT JOIN site s
    ON s.tenant_id = $1 AND s.name = i.site AND i.site <> '-' AND s.customer_id = CASE
        WHEN i.customer IS NULL AND i.rev_customer_id IS NULL THEN x.customer_id
        ELSE )" +
           kCustomerId + " END\n";
}

std::vector<ImportTarget> device_targets() {
    const std::string customer_given = "(i.customer IS NOT NULL OR i.rev_customer_id IS NOT NULL)";
    return {
        {"service_provider_id", "bigint", "x.device_id IS NULL", "sp.service_provider_id", "NULL",
         "serviceProvider", "sp.name"},
        {"portal", "text", "x.device_id IS NULL",
         "coalesce(i.portal, CASE WHEN sp.integration = 'telegence' THEN 'mobility' ELSE 'm2m' "
         "END)",
         "NULL", "portal", ""},
        // The longer spelling is kept: it has the check digit, and nothing flips when the same
        // device comes in files of both kinds.
        {"iccid", "text", "x.device_id IS NULL OR length(i.iccid) > length(x.iccid)", "i.iccid",
         "NULL", "iccid", ""},
        plain("imei", "text", "NULL", "imei"),
        plain("msisdn", "text", "NULL", "msisdn"),
        plain("status", "text", "NULL", "status"),
        looked_up("carrier_rate_plan_id", "carrier_rate_plan", "rp.carrier_rate_plan_id",
                  "carrierRatePlan"),
        looked_up("communication_plan_id", "communication_plan", "cp.communication_plan_id",
                  "communicationPlan"),
        {"customer_id", "bigint", customer_given, kCustomerId, "NULL", "customer",
         "coalesce(by_rev.name, by_name.name)"},
        // A site belongs to one customer: with another customer it goes, unless the file has one.
        {"site_id", "bigint",
         "i.site IS NOT NULL OR (x.site_id IS NOT NULL AND " + customer_given + " AND " +
             kCustomerId + " IS DISTINCT FROM x.customer_id)",
         "s.site_id", "NULL", "site", "s.name"},
        plain("account_number", "text", "NULL", "accountNumber"),
        looked_up("customer_rate_plan_id", "customer_rate_plan", "crp.customer_rate_plan_id",
                  "customerRatePlan"),
        looked_up("customer_rate_pool_id", "customer_rate_pool", "pool.customer_rate_pool_id",
                  "customerRatePool"),
        plain("customer_data_allocation_mb", "numeric", "NULL", "customerDataAllocationMB"),
        {"is_active", "boolean", "i.archived IS NOT NULL", "NOT i.archived::boolean", "true",
         "isActive", ""},
        {"is_deleted", "boolean", "NOT i.archived::boolean", "false", "false", "isDeleted", ""},
    };
}

ImportPlan device_plan() {
    ImportPlan plan{"device", "device_id",      true, device_joins(), "left(i.iccid, 19)",
                    "iccid",  device_targets(), {}};
    plan.problems = {
        kUnknownProvider,
        no_provider("x.device_id IS NULL AND sp.service_provider_id IS NULL"),
        {"serviceProvider", "sp.service_provider_id <> x.service_provider_id",
         "'this device is with the service provider \"' || stored.name || '\" already; a SIM does "
         "not move to another one'"},
        {"portal", "i.portal <> x.portal",
         "'this device is on the portal ' || x.portal || '; it does not move to another one'"},
        {"status", "x.device_id IS NULL AND i.status IS NULL",
         "'a new device needs a status; add it'"},
        unknown_reference("carrierRatePlan", "carrier_rate_plan", "rp.carrier_rate_plan_id",
                          "carrier rate plan of this service provider with the code"),
        unknown_reference("communicationPlan", "communication_plan", "cp.communication_plan_id",
                          "communication plan of this service provider"),
    };
    add_customer_problems(plan.problems);
    plan.problems.push_back(
        unknown_reference("site", "site", "s.site_id", "site of this device''s customer"));
    plan.problems.push_back(unknown_reference("customerRatePlan", "customer_rate_plan",
                                              "crp.customer_rate_plan_id",
                                              "customer rate plan with the code"));
    plan.problems.push_back(unknown_reference("customerRatePool", "customer_rate_pool",
                                              "pool.customer_rate_pool_id", "customer rate pool"));
    return plan;
}

// --- the small nouns -----------------------------------------------------------------------------

// The columns that find the record are written once, when it is made.
ImportTarget key_target(const char* column, const char* type, const std::string& id_column,
                        const std::string& value) {
    return {column, type, "x." + id_column + " IS NULL", value, "NULL", nullptr, ""};
}

// A plan's name is its code unless the file says otherwise.
ImportTarget name_or_code(const std::string& id_column) {
    return {"name",
            "text",
            "i.name IS NOT NULL OR x." + id_column + " IS NULL",
            "coalesce(i.name, i.code)",
            "NULL",
            nullptr,
            ""};
}

ImportPlan customer_plan() {
    const std::string same_rev_id =
        "i.rev_customer_id <> '-' AND min(i.row_number) OVER (PARTITION BY i.rev_customer_id) < "
        "i.row_number";
    return {
        "customer",
        "customer_id",
        true,
        "LEFT JOIN customer x ON x.tenant_id = $1 AND x.name = i.name\n"
        "LEFT JOIN customer other ON other.tenant_id = $1 "
        "AND other.rev_customer_id = i.rev_customer_id\n",
        "i.name",
        "name",
        {key_target("name", "text", "customer_id", "i.name"), plain("rev_customer_id", "text"),
         plain("account_number", "text"), plain("is_active", "boolean", "true")},
        {{"revCustomerId",
          "other.customer_id IS NOT NULL AND other.customer_id IS DISTINCT FROM x.customer_id",
          "'the Rev.io id ' || i.rev_customer_id || ' belongs to the customer \"' || other.name || "
          "'\" already'"},
         {"revCustomerId", same_rev_id,
          "'another row of this file has the same Rev.io id ' || i.rev_customer_id"}},
    };
}

ImportPlan site_plan() {
    ImportPlan plan{
        "site",
        "site_id",
        false,
        kCustomerJoins +
            "LEFT JOIN site x ON x.tenant_id = $1 AND x.name = i.name "
            "AND x.customer_id = " +
            kCustomerId + "\n",
        "row(" + kCustomerId + ", i.name)",
        "name",
        {key_target("customer_id", "bigint", "site_id", kCustomerId),
         key_target("name", "text", "site_id", "i.name"), plain("is_active", "boolean", "true")},
        {},
    };
    add_customer_problems(plan.problems);
    plan.problems.push_back(
        {"customer", kCustomerId + " IS NULL",
         "'a site needs its customer; fill the column customer or revCustomerId'"});
    return plan;
}

ImportPlan carrier_rate_plan_plan() {
    return {
        "carrier_rate_plan",
        "carrier_rate_plan_id",
        true,
        kProviderJoins +
            "LEFT JOIN carrier_rate_plan x ON x.tenant_id = $1 AND x.code = i.code "
            "AND x.service_provider_id = sp.service_provider_id\n",
        "row(sp.service_provider_id, i.code)",
        "code",
        {key_target("service_provider_id", "bigint", "carrier_rate_plan_id",
                    "sp.service_provider_id"),
         key_target("code", "text", "carrier_rate_plan_id", "i.code"),
         name_or_code("carrier_rate_plan_id"), plain("plan_uuid", "text"),
         plain("carrier_plan_id", "bigint"), plain("monthly_price", "numeric"),
         plain("currency", "text"), plain("is_active", "boolean", "true")},
        {kUnknownProvider, no_provider("sp.service_provider_id IS NULL")},
    };
}

ImportPlan communication_plan_plan() {
    return {
        "communication_plan",
        "communication_plan_id",
        false,
        kProviderJoins +
            "LEFT JOIN communication_plan x ON x.tenant_id = $1 AND x.name = i.name "
            "AND x.service_provider_id = sp.service_provider_id\n",
        "row(sp.service_provider_id, i.name)",
        "name",
        {key_target("service_provider_id", "bigint", "communication_plan_id",
                    "sp.service_provider_id"),
         key_target("name", "text", "communication_plan_id", "i.name"),
         plain("is_active", "boolean", "true")},
        {kUnknownProvider, no_provider("sp.service_provider_id IS NULL")},
    };
}

ImportPlan customer_rate_plan_plan() {
    return {
        "customer_rate_plan",
        "customer_rate_plan_id",
        true,
        "LEFT JOIN customer_rate_plan x ON x.tenant_id = $1 AND x.code = i.code\n",
        "i.code",
        "code",
        {key_target("code", "text", "customer_rate_plan_id", "i.code"),
         name_or_code("customer_rate_plan_id"), plain("data_allocation_mb", "numeric"),
         plain("monthly_price", "numeric"), plain("currency", "text"),
         plain("is_active", "boolean", "true")},
        {},
    };
}

ImportPlan customer_rate_pool_plan() {
    return {
        "customer_rate_pool",
        "customer_rate_pool_id",
        false,
        "LEFT JOIN customer_rate_pool x ON x.tenant_id = $1 AND x.name = i.name\n",
        "i.name",
        "name",
        {key_target("name", "text", "customer_rate_pool_id", "i.name"),
         plain("data_allocation_mb", "numeric"), plain("is_active", "boolean", "true")},
        {},
    };
}

ImportPlan service_provider_plan() {
    return {
        "service_provider",
        "service_provider_id",
        true,
        "LEFT JOIN service_provider x ON x.tenant_id = $1 AND x.name = i.name\n",
        "i.name",
        "name",
        {key_target("name", "text", "service_provider_id", "i.name"),
         key_target("integration", "text", "service_provider_id", "i.integration"),
         plain("write_is_enabled", "boolean", "false"), plain("settings", "jsonb", "'{}'"),
         plain("rate_per_second", "numeric"), plain("max_concurrency", "bigint"),
         plain("day_quota", "bigint"), plain("is_unpaced", "boolean", "false"),
         plain("is_active", "boolean", "true")},
        {{"integration", "x.service_provider_id IS NULL AND i.integration IS NULL",
          "'a new service provider needs an integration'"},
         {"integration", "i.integration <> x.integration",
          "'this service provider has the integration ' || x.integration || '; it cannot change'"},
         {"ratePerSecond", "nullif(i.rate_per_second, '-')::numeric <= 0",
          "'write a number greater than 0, or - for the integration''s default'"},
         {"maxConcurrency", "nullif(i.max_concurrency, '-')::numeric > 1000",
          "'at most 1000 calls at once are possible'"}},
    };
}

ImportPlan make_plan(ImportKind kind) {
    switch (kind) {
        case ImportKind::devices:
            return device_plan();
        case ImportKind::customers:
            return customer_plan();
        case ImportKind::sites:
            return site_plan();
        case ImportKind::carrier_rate_plans:
            return carrier_rate_plan_plan();
        case ImportKind::communication_plans:
            return communication_plan_plan();
        case ImportKind::customer_rate_plans:
            return customer_rate_plan_plan();
        case ImportKind::customer_rate_pools:
            return customer_rate_pool_plan();
        case ImportKind::service_providers:
            return service_provider_plan();
    }
    CHECK(false);
}

}  // namespace

const ImportPlan& plan_of(ImportKind kind) {
    static const std::vector<ImportPlan> all = [] {
        std::vector<ImportPlan> plans;
        for (int i = 0; i <= static_cast<int>(ImportKind::service_providers); ++i) {
            plans.push_back(make_plan(static_cast<ImportKind>(i)));
        }
        return plans;
    }();
    return all.at(static_cast<std::size_t>(kind));
}

}  // namespace carryall::devices
