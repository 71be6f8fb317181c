// What the tests of submission and reports share: two tenants with the same kinds of things, and
// requests in the form users send them.
#pragma once

#include <gtest/gtest.h>

#include "changes/report.hpp"
#include "changes/submit.hpp"
#include "db/postgres.hpp"
#include "devices/identifiers.hpp"
#include "support/database.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {

class ChangesTest : public support::DatabaseTest {
  protected:
    // One tenant's things. Both have the same names, so that a leak would find something.
    struct World {
        tenants::Caller caller;
        std::int64_t pond = 0;
        std::int64_t other_pond = 0;
        std::int64_t rev_customer = 0;   // "R-100", with a site
        std::int64_t amop_customer = 0;  // without Rev.io
        std::int64_t site = 0;
        std::int64_t gold = 0;  // customer rate plans
        std::int64_t pool = 0;
    };

    void SetUp() override {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened) << opened.error().message;
        connection_ = std::move(*opened);
        static int count = 0;
        number_ = ++count;
        ours_ = make_world("ours");
        theirs_ = make_world("theirs");
    }

    World make_world(const std::string& name) {
        World world;
        const std::string id = sql("INSERT INTO tenant (name) VALUES ('" + name +
                                   std::to_string(number_) + "') RETURNING id");
        world.caller.tenant_id = {std::stoll(id)};
        world.caller.name = "operator of " + name;
        world.caller.role = tenants::Role::operator_;
        const auto make = [&](const std::string& table, const std::string& columns,
                              const std::string& values, const std::string& key) {
            return std::stoll(sql("INSERT INTO " + table + " (tenant_id, " + columns +
                                  ") VALUES (" + id + ", " + values + ") RETURNING " + key));
        };
        const std::string provider = "name, integration, write_is_enabled";
        world.pond =
            make("service_provider", provider, "'POND', 'pond', true", "service_provider_id");
        world.other_pond =
            make("service_provider", provider, "'POND 2', 'pond', true", "service_provider_id");
        world.rev_customer = make("customer", "name, rev_customer_id, account_number",
                                  "'Acme', 'R-100', 'A-1'", "customer_id");
        world.amop_customer = make("customer", "name", "'Local'", "customer_id");
        world.site = make("site", "customer_id, name",
                          std::to_string(world.rev_customer) + ", 'HQ'", "site_id");
        world.gold =
            make("customer_rate_plan", "code, name", "'GOLD', 'Gold'", "customer_rate_plan_id");
        world.pool = make("customer_rate_pool", "name", "'Pool 1'", "customer_rate_pool_id");
        make("carrier_rate_plan", "service_provider_id, code, name, plan_uuid, carrier_plan_id",
             std::to_string(world.pond) + ", 'P1', 'Plan 1', 'uuid-1', 71", "carrier_rate_plan_id");
        make("carrier_rate_plan", "service_provider_id, code, name, carrier_plan_id, is_active",
             std::to_string(world.pond) + ", 'OLD', 'Old', 72, false", "carrier_rate_plan_id");
        make("carrier_rate_plan", "service_provider_id, code, name",
             std::to_string(world.pond) + ", 'BARE', 'No id'", "carrier_rate_plan_id");
        make("carrier_rate_plan", "service_provider_id, code, name, carrier_plan_id",
             std::to_string(world.other_pond) + ", 'P2', 'Plan 2', 73", "carrier_rate_plan_id");
        return world;
    }

    // A device and its 20-digit ICCID. `more` are further columns with their values.
    std::string add_device(const World& world, int serial, const std::string& columns = "",
                           const std::string& values = "") {
        const std::string iccid = iccid_of_serial(serial);
        const bool has_status = columns.find("status") != std::string::npos;
        const bool has_portal = columns.find("portal") != std::string::npos;
        const bool has_provider = columns.find("service_provider_id") != std::string::npos;
        sql("INSERT INTO device (tenant_id, iccid" +
            std::string(has_provider ? "" : ", service_provider_id") +
            (has_status ? "" : ", status") + (has_portal ? "" : ", portal") +
            (columns.empty() ? "" : ", " + columns) + ") VALUES (" +
            std::to_string(world.caller.tenant_id.value) + ", '" + iccid + "'" +
            (has_provider ? "" : ", " + std::to_string(world.pond)) +
            (has_status ? "" : ", 'Active'") + (has_portal ? "" : ", 'm2m'") +
            (values.empty() ? "" : ", " + values) + ") RETURNING device_id");
        return iccid;
    }

    static std::string iccid_of_serial(int serial) {
        const std::string digits = std::to_string(serial);
        std::string iccid = "8910300000000000000";
        iccid.replace(iccid.size() - digits.size(), digits.size(), digits);
        return iccid + devices::luhn_check_digit(iccid);
    }

    std::string sql(const std::string& text) { return database().value(text); }

    // Parses and submits as the API does.
    base::Result<SubmitResult> submit_json(const World& world, const std::string& body,
                                           SubmitOptions options = {}) {
        errors_.clear();
        auto value = base::parse_json(body);
        EXPECT_TRUE(value) << body;
        auto parsed = parse_request(std::move(*value), errors_);
        if (!parsed) return parsed.error();
        EXPECT_NE(parsed->devices, nullptr);
        return submit(*connection_, world.caller, parsed->request, *parsed->devices, options,
                      errors_);
    }

    base::Result<SubmitResult> submit_file(const World& world, const std::string& body,
                                           const std::string& csv, SubmitOptions options = {}) {
        errors_.clear();
        auto value = base::parse_json(body);
        EXPECT_TRUE(value) << body;
        auto parsed = parse_request(std::move(*value), errors_);
        if (!parsed) return parsed.error();
        auto table = sheets::open_table_bytes(csv);
        if (!table) return table.error();
        auto devices = table_devices(parsed->request, std::move(*table));
        if (!devices) return devices.error();
        return submit(*connection_, world.caller, parsed->request, **devices, options, errors_);
    }

    // {"serviceProviderId": …, "changeType": …, "devices": […], more}
    static std::string request(std::int64_t provider, const std::string& type,
                               const std::string& devices, const std::string& more) {
        return R"({"serviceProviderId": )" + std::to_string(provider) + R"(, "changeType": ")" +
               type + '"' + (devices.empty() ? "" : R"(, "devices": [)" + devices + "]") +
               (more.empty() ? "" : ", " + more) + "}";
    }
    static std::string quoted(const std::vector<std::string>& texts) {
        std::string list;
        for (const std::string& text : texts) list += (list.empty() ? "\"" : ", \"") + text + '"';
        return list;
    }

    // The reason the device of this row was refused for; empty if it was not.
    std::string reason(BulkChangeId id, int row) {
        return sql(
            "SELECT coalesce(max(reason), '') FROM device_change WHERE device_change_id >> "
            "20 = " +
            base::to_string(id) + " AND row_number = " + std::to_string(row));
    }
    // What the schema's constraints do not say: the counters are those of the rows.
    void expect_counts_add_up(BulkChangeId id) {
        const std::string of =
            " FROM device_change WHERE device_change_id >> 20 = " + base::to_string(id);
        const std::string change =
            " FROM bulk_change WHERE bulk_change_id = " + base::to_string(id);
        EXPECT_EQ(sql("SELECT count(*)" + of), sql("SELECT device_count" + change));
        EXPECT_EQ(sql("SELECT count(*) FILTER (WHERE state = 'new')" + of),
                  sql("SELECT new_count" + change));
        EXPECT_EQ(sql("SELECT count(*) FILTER (WHERE state = 'error')" + of),
                  sql("SELECT error_count" + change));
        EXPECT_EQ(
            sql("SELECT count(*) FROM change_page WHERE state <> 'done' AND bulk_change_id = " +
                base::to_string(id)),
            sql("SELECT open_page_count" + change));
        EXPECT_EQ(sql("SELECT count(*)" + of +
                      " AND state = 'new' AND NOT EXISTS (SELECT FROM "
                      "change_page p WHERE p.state <> 'done' AND device_change_id BETWEEN "
                      "p.first_device_change_id AND p.last_device_change_id)"),
                  "0");
    }

    std::unique_ptr<db::Connection> connection_;
    tenants::PageTokens tokens_{base::MasterKey::generate()};
    std::vector<base::Error> errors_;
    int number_ = 0;
    World ours_;
    World theirs_;
};

}  // namespace carryall::changes
