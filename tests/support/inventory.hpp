// What tests over the inventory share: two tenants with a connection of the application's role.
// Each test gets tenants of its own, so that tests of one suite do not see each other's rows.
#pragma once

#include <fstream>
#include <gtest/gtest.h>

#include "devices/import.hpp"
#include "devices/noun.hpp"
#include "support/database.hpp"
#include "support/temp_dir.hpp"
#include "tenants/tenant.hpp"

namespace carryall::devices {

class InventoryTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened) << opened.error().message;
        connection_ = std::move(*opened);
        static int count = 0;
        const std::string number = std::to_string(++count);
        ours_ = tenants::create_tenant(*connection_, "ours " + number).value().id;
        theirs_ = tenants::create_tenant(*connection_, "theirs " + number).value().id;
    }

    base::json::object make(TenantId tenant, const Noun& noun, const base::json::object& body) {
        base::JsonErrors errors;
        auto record = create_record(*connection_, tenant, noun, body, errors);
        EXPECT_TRUE(record) << record.error().where << ' ' << record.error().message;
        return record ? *record : base::json::object{};
    }
    std::int64_t make_id(TenantId tenant, const Noun& noun, const base::json::object& body) {
        return make(tenant, noun, body).at(noun.id_name).as_int64();
    }
    ServiceProviderId make_provider(TenantId tenant, const std::string& name = "POND EU",
                                    const std::string& integration = "pond") {
        return {make_id(tenant, kServiceProvider, {{"name", name}, {"integration", integration}})};
    }

    base::Result<ImportReport> try_import(TenantId tenant, ImportKind kind, const std::string& csv,
                                          const ImportOptions& options = {}) {
        const auto path = folder_.path() / "file.csv";
        std::ofstream(path, std::ios::binary) << csv;
        return import_file(*connection_, tenant, kind, path, options, "a person");
    }
    ImportReport import(TenantId tenant, ImportKind kind, const std::string& csv,
                        const ImportOptions& options = {}) {
        auto report = try_import(tenant, kind, csv, options);
        EXPECT_TRUE(report) << report.error().where << ' ' << report.error().message;
        return report ? *report : ImportReport{};
    }
    // The reasons, one a line, for a readable failure.
    static std::string reasons(const ImportReport& report) {
        std::string text;
        for (const BadRow& bad : report.bad_rows) {
            text += std::to_string(bad.row_number) + ' ' + bad.column + ": " + bad.reason + '\n';
        }
        return text;
    }
    std::string value(const std::string& sql) { return database().value(sql); }

    std::unique_ptr<db::Connection> connection_;
    PageTokens tokens_{base::MasterKey::generate()};
    support::TempDir folder_;
    TenantId ours_;
    TenantId theirs_;
};

// A valid 19-digit ICCID.
inline std::string iccid19(std::int64_t number) {
    const std::string digits = std::to_string(number);
    std::string iccid = "8910300000000000000";
    return iccid.replace(iccid.size() - digits.size(), digits.size(), digits);
}

}  // namespace carryall::devices
