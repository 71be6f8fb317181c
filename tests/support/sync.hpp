// What the tests of syncs share: a carrier whose inventory the test writes, a tenant with an
// account at it, and devices.
#pragma once

#include <gtest/gtest.h>

#include "devices/identifiers.hpp"
#include "http/fake_client_test.hpp"
#include "support/database.hpp"
#include "sync/drift.hpp"
#include "sync/run_store.hpp"
#include "tenants/tenant.hpp"

namespace carryall::sync {

// "8910300000000000007", without check digit.
inline std::string test_iccid(int serial) {
    const std::string digits = std::to_string(serial);
    std::string iccid = "8910300000000000000";
    return iccid.replace(iccid.size() - digits.size(), digits.size(), digits);
}

inline carriers::CarrierLine test_line(int serial, const std::string& status = "Active") {
    carriers::CarrierLine line;
    line.iccid = test_iccid(serial);
    line.status = status;
    return line;
}

// Suspended and deactivated lines are one to it. A page costs `calls_per_page` calls; its `resume`
// is the number of the next one.
class TestCarrier : public carriers::Carrier {
  public:
    using Page = std::variant<carriers::InventoryPage, carriers::InventoryFailed>;

    carriers::Integration integration() const override { return carriers::Integration::pond; }
    carriers::Capabilities capabilities() const override {
        carriers::Capabilities all;
        all.inventory_sync = true;
        all.incremental_sync = tells_changes;
        all.settling_time = std::chrono::seconds(30);
        return all;
    }
    const std::vector<std::string>& statuses() const override {
        static const std::vector<std::string> kStatuses{"Active", "Suspended", "Deactivated",
                                                        "Terminated"};
        return kStatuses;
    }
    std::vector<std::string> allowed_transitions(std::string_view,
                                                 const base::json::object&) const override {
        return statuses();
    }
    bool is_same_status(std::string_view one, std::string_view other) const override {
        const auto word = [](std::string_view status) {
            const std::string comparable = carriers::comparable_status(status);
            return comparable == "deactivated" ? "suspended" : comparable;
        };
        return word(one) == word(other);
    }
    base::Result<carriers::Account> account(std::int64_t id,
                                            carriers::SettingsReader&) const override {
        carriers::Account account;
        account.service_provider_id = id;
        account.base_url = "https://carrier.test";
        return account;
    }
    std::unique_ptr<carriers::Exchange> exchange(const carriers::Account&, const carriers::Line&,
                                                 const carriers::Action&,
                                                 const carriers::Attempt&) const override {
        return nullptr;
    }
    std::unique_ptr<carriers::InventoryReading> read_inventory(
        const carriers::Account&, const carriers::InventoryScope& scope) const override {
        scopes.push_back(scope);
        const auto first =
            scope.resume.is_int64() ? static_cast<std::size_t>(scope.resume.get_int64()) : 0U;
        return std::make_unique<Reading>(*this, first);
    }

    // Pages get their resume and is_last by their place.
    std::vector<Page> pages;
    int calls_per_page = 1;
    bool tells_changes = true;
    bool goes_in_circles = false;
    mutable std::vector<carriers::InventoryScope> scopes;  // as readings were begun

  private:
    class Reading : public carriers::InventoryReading {
      public:
        Reading(const TestCarrier& carrier, std::size_t next) : carrier_(carrier), next_(next) {}
        carriers::InventoryStep next() override {
            std::vector<carriers::Call> calls(static_cast<std::size_t>(carrier_.calls_per_page));
            for (std::size_t i = 0; i < calls.size(); ++i) {
                calls[i].path =
                    "/lines?page=" + std::to_string(next_) + "&part=" + std::to_string(i);
                calls[i].changes_state = false;
                calls[i].answer_headers = {"page-total"};
            }
            return calls;
        }
        carriers::InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override {
            for (const http::ClientResponse& answer : answers) {
                if (answer.status == 200) continue;
                carriers::InventoryFailed failed;
                failed.reason = "the carrier answered " + std::to_string(answer.status);
                failed.whole_account = answer.status == 429;
                failed.retry_after = answer.retry_after;
                return failed;
            }
            const Page page = carrier_.pages.at(next_);
            if (const auto* failed = std::get_if<carriers::InventoryFailed>(&page)) return *failed;
            auto shown = std::get<carriers::InventoryPage>(page);
            if (!carrier_.goes_in_circles) ++next_;
            shown.is_last = next_ == carrier_.pages.size();
            shown.resume = shown.is_last ? base::json::value(nullptr)
                                         : base::json::value(static_cast<std::int64_t>(next_));
            return shown;
        }

      private:
        const TestCarrier& carrier_;
        std::size_t next_;
    };
};

class SyncTest : public support::DatabaseTest {
  protected:
    void SetUp() override {
        auto opened = db::Connection::open(base::Secret(database().app_conninfo()));
        ASSERT_TRUE(opened) << opened.error().message;
        connection_ = std::move(*opened);
        static int count = 0;
        caller_.tenant_id = {std::stoll(sql("INSERT INTO tenant (name) VALUES ('sync " +
                                            std::to_string(++count) + "') RETURNING id"))};
        caller_.name = "a person";
        caller_.role = tenants::Role::operator_;
        provider_ = make_provider("POND");
    }
    // Workers of other tests see every tenant.
    void TearDown() override {
        sql("WITH ended AS (UPDATE inventory_sync SET state = 'failed', reason = 'the test ended', "
            "finished_at = now() WHERE state IN ('queued', 'running') RETURNING 1) "
            "SELECT count(*) FROM ended");
        sql("WITH quiet AS (UPDATE service_provider SET is_active = false RETURNING 1) "
            "SELECT count(*) FROM quiet");
    }

    std::string tenant() const { return base::to_string(caller_.tenant_id); }

    ServiceProviderId make_provider(const std::string& name, const std::string& settings = "{}") {
        return {std::stoll(
            sql("INSERT INTO service_provider (tenant_id, name, integration, is_unpaced, settings) "
                "VALUES (" +
                tenant() + ", '" + name + "', 'pond', true, '" + settings +
                "') RETURNING service_provider_id"))};
    }
    std::int64_t add_device(int serial, const std::string& status = "Active",
                            const std::string& columns = "", const std::string& values = "") {
        return std::stoll(
            sql("INSERT INTO device (tenant_id, service_provider_id, portal, iccid, "
                "status, created_at" +
                columns + ") VALUES (" + tenant() + ", " + base::to_string(provider_) +
                ", 'm2m', '" + test_iccid(serial) + "', '" + status +
                "', now() - interval '1 day'" + values + ") RETURNING device_id"));
    }
    // One device change of a bulk change, in this state.
    void add_change(std::int64_t device, const std::string& type, const std::string& state,
                    const std::string& change_status = "PROCESSING",
                    const std::string& finished_at = "NULL") {
        const std::string id = sql(
            "INSERT INTO bulk_change (tenant_id, service_provider_id, change_type, portal, status, "
            "request, source, correlation_id, created_by, device_count, new_count, error_count, "
            "open_page_count, finished_at) VALUES (" +
            tenant() + ", " + base::to_string(provider_) + ", '" + type + "', 'm2m', '" +
            change_status + "', '{}', 'json', 'c', 'p', 1, 1, 0, 1, " +
            (change_status == "PROCESSED" ? "now()" : "NULL") + ") RETURNING bulk_change_id");
        sql("INSERT INTO device_change (device_change_id, tenant_id, device_id, row_number, "
            "identifier, state, reason, finished_at) VALUES ((" +
            id + "::bigint << 20) + 1, " + tenant() + ", " + std::to_string(device) +
            ", 1, 'x', '" + state + "', 'as the test wants it', " + finished_at + ") RETURNING 1");
    }

    std::string sql(const std::string& text) { return database().value(text); }

    SyncId ask(SyncKind kind = SyncKind::full) {
        const auto requested = request_sync(*connection_, caller_, provider_, kind, find());
        EXPECT_TRUE(requested) << requested.error().message;
        return requested ? requested->sync.id : SyncId{};
    }
    FindCarrier find() const {
        return [this](carriers::Integration) { return &carrier_; };
    }
    ClaimedSync claim(SyncId id) {
        const auto claimed = claim_sync(*connection_, {caller_.tenant_id.value, id}, "test",
                                        std::chrono::seconds(60));
        EXPECT_TRUE(claimed && *claimed);
        return claimed && *claimed ? **claimed : ClaimedSync{};
    }
    PageSettings settings() const { return {&carrier_, std::chrono::seconds(60)}; }

    bool apply(ClaimedSync& sync, std::vector<carriers::CarrierLine> lines, bool is_last = false) {
        carriers::InventoryPage page;
        page.lines = std::move(lines);
        page.is_last = is_last;
        page.resume = is_last ? base::json::value(nullptr) : base::json::value("there");
        const auto applied = apply_page(*connection_, sync, std::move(page), settings());
        EXPECT_TRUE(applied) << applied.error().message;
        return applied && *applied;
    }
    void finish(ClaimedSync& sync, int batch = kCompareBatch) {
        while (true) {
            const auto step = compare_step(*connection_, sync, settings(), batch);
            ASSERT_TRUE(step) << step.error().message;
            ASSERT_TRUE(step->accepted);
            if (step->is_over) return;
        }
    }
    // A whole sync of one page.
    SyncId read(std::vector<carriers::CarrierLine> lines, SyncKind kind = SyncKind::full) {
        ClaimedSync sync = claim(ask(kind));
        apply(sync, std::move(lines), true);
        finish(sync);
        return sync.id;
    }

    // "status open Active>Suspended", one a line, in the order they were found.
    std::string drift(const std::string& state = "open") {
        std::string text;
        for (const auto& row : database().rows(
                 "SELECT field, coalesce(ours, '-'), coalesce(theirs, '-') FROM drift WHERE "
                 "tenant_id = " +
                 tenant() + " AND state = '" + state + "' ORDER BY drift_id")) {
            text += (text.empty() ? "" : "; ") + row[0] + ' ' + row[1] + '>' + row[2];
        }
        return text;
    }
    std::int64_t drift_id(const std::string& field = "status") {
        return std::stoll(sql("SELECT max(drift_id) FROM drift WHERE tenant_id = " + tenant() +
                              " AND field = '" + field + "'"));
    }
    Result<DecisionReport> decide_one(std::int64_t id, DecisionKind kind,
                                      const std::string& note = "") {
        DecisionScope scope;
        scope.ids = {id};
        return decide(*connection_, caller_, scope, {kind, note});
    }

    std::unique_ptr<db::Connection> connection_;
    tenants::Caller caller_;
    ServiceProviderId provider_;
    TestCarrier carrier_;
};

}  // namespace carryall::sync
