// Syncs and drift as clients see them. What a worker would have written is put there by SQL.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using tenants::Role;

class Drift : public ApiTest {
  protected:
    static json::object object_of(const support::HttpReply& reply, int status) {
        EXPECT_EQ(reply.status, status) << reply.body;
        const json::value body = json_of(reply);
        return body.is_object() ? body.get_object() : json::object{};
    }
    static json::array items_of(const support::HttpReply& reply) {
        return object_of(reply, 200).at("items").as_array();
    }
    static std::string tenant() { return base::to_string(own().id); }
    static std::string sql(const std::string& text) { return database().value(text); }

    // An account whose carrier tells what changed, with `count` devices that are active here and
    // suspended there.
    void SetUp() override {
        static int number = 0;
        provider_ = sql("INSERT INTO service_provider (tenant_id, name, integration) VALUES (" +
                        tenant() + ", 'Jasper " + std::to_string(++number) +
                        "', 'jasper') RETURNING service_provider_id");
        first_serial_ = 1'000 * number;
    }
    std::string path() const { return "/v1/service-providers/" + provider_ + "/syncs"; }
    std::string add_drift(int serial) {
        std::string iccid = "8944500000000100000";
        const std::string digits = std::to_string(first_serial_ + serial);
        iccid.replace(iccid.size() - digits.size(), digits.size(), digits);
        device_ = sql(
            "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status) VALUES (" +
            tenant() + ", " + provider_ + ", 'm2m', '" + iccid +
            "', 'Active') RETURNING "
            "device_id");
        const std::string line = sql(
            "INSERT INTO carrier_line (tenant_id, service_provider_id, line_key, device_id, iccid, "
            "status, carrier_status, seen_at, seen_in) VALUES (" +
            tenant() + ", " + provider_ + ", '" + iccid + "', " + device_ + ", '" + iccid +
            "', 'Suspended', 'DEACTIVATED', now(), 1) RETURNING carrier_line_id");
        return sql(
            "INSERT INTO drift (tenant_id, service_provider_id, carrier_line_id, device_id, field, "
            "ours, theirs, found_in) VALUES (" +
            tenant() + ", " + provider_ + ", " + line + ", " + device_ +
            ", 'status', 'Active', 'Suspended', 1) RETURNING drift_id");
    }
    json::array listed(const std::string& more = "") const {
        return items_of(ask("GET", "/v1/drift?serviceProviderId=" + provider_ + more));
    }

    std::string provider_;
    std::string device_;
    int first_serial_ = 0;
};

TEST_F(Drift, a_sync_is_asked_for_once_and_shown) {
    const auto first = ask("POST", path(), R"({"kind":"incremental"})");
    const json::object sync = object_of(first, 202);
    EXPECT_EQ(sync.at("isNew"), true);
    EXPECT_EQ(sync.at("state"), "queued");
    // Nothing has been read yet that it could go on from.
    EXPECT_EQ(sync.at("kind"), "full");
    const std::string location = first.header("location");
    EXPECT_EQ(location, "/v1/syncs/" + std::to_string(sync.at("syncId").as_int64()));
    const json::object again = object_of(ask("POST", path()), 202);
    EXPECT_EQ(again.at("isNew"), false);
    EXPECT_EQ(again.at("syncId"), sync.at("syncId"));
    EXPECT_EQ(object_of(ask("GET", location), 200).at("createdBy"), "own tenant admin");
    EXPECT_EQ(items_of(ask("GET", path())).size(), 1U);
}

TEST_F(Drift, a_sync_that_cannot_be_is_refused_with_a_reason) {
    problem_of(ask("POST", path(), R"({"kind":"weekly"})"), 400, "invalid_input");
    problem_of(ask("POST", path(), R"({"sort":"full"})"), 400, "invalid_input");
    problem_of(ask("POST", path(), "{}", "application/json", as(own(), Role::viewer)), 403,
               "forbidden");
    const std::string billing =
        sql("INSERT INTO service_provider (tenant_id, name, integration) VALUES (" + tenant() +
            ", 'Rev " + provider_ + "', 'revio') RETURNING service_provider_id");
    const auto refused = ask("POST", "/v1/service-providers/" + billing + "/syncs");
    problem_of(refused, 400, "invalid_input");
    EXPECT_NE(refused.body.find("Rev.io"), std::string::npos);
    sql("UPDATE service_provider SET is_active = false WHERE service_provider_id = " + provider_ +
        " RETURNING 1");
    problem_of(ask("POST", path()), 409, "conflict");
}

TEST_F(Drift, what_readings_found_changed_on_a_line_is_listed_newest_first) {
    add_drift(1);
    const std::string line =
        sql("SELECT carrier_line_id FROM carrier_line WHERE device_id = " + device_);
    const auto add = [&](const std::string& before, const std::string& after) {
        sql("INSERT INTO carrier_line_event (tenant_id, carrier_line_id, inventory_sync_id, "
            "before, after) VALUES (" +
            tenant() + ", " + line + ", 7, " + before + ", " + after +
            ") RETURNING carrier_line_event_id");
    };
    add("NULL", R"('{"status": "Active"}')");
    add(R"('{"status": "Active"}')", R"('{"status": "Suspended"}')");
    add(R"('{"status": "Suspended"}')", "NULL");
    add(R"('{"isGone": true}')", R"('{"isGone": false}')");
    const std::string events = "/v1/devices/" + device_ + "/carrier-events";
    const json::array all = items_of(ask("GET", events));
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0].at("kind"), "returned");
    EXPECT_EQ(all[1].at("kind"), "gone");
    EXPECT_TRUE(all[1].at("after").is_null());
    EXPECT_EQ(all[2].at("kind"), "changed");
    EXPECT_EQ(all[2].at("before").at("status"), "Active");
    EXPECT_EQ(all[2].at("after").at("status"), "Suspended");
    EXPECT_EQ(all[2].at("syncId"), 7);
    EXPECT_EQ(std::to_string(all[2].at("lineId").as_int64()), line);
    EXPECT_EQ(all[3].at("kind"), "appeared");
    const json::object first = object_of(ask("GET", events + "?limit=3"), 200);
    EXPECT_EQ(first.at("items").as_array().size(), 3U);
    const std::string token(first.at("nextPageToken").as_string());
    const json::object rest = object_of(ask("GET", events + "?limit=3&pageToken=" + token), 200);
    EXPECT_EQ(rest.at("items").as_array(), (json::array{all[3]}));
    EXPECT_FALSE(rest.contains("nextPageToken"));
    problem_of(ask("GET", "/v1/devices/987654321/carrier-events"), 404, "not_found");
}

TEST_F(Drift, the_schedule_is_a_setting_that_is_checked) {
    const std::string provider = "/v1/service-providers/" + provider_;
    const auto set = [&](const std::string& schedule) {
        return ask("PATCH", provider,
                   R"({"settings":{"baseUrl":"https://jasper.test",)" + schedule + "}}");
    };
    EXPECT_EQ(set(R"("syncEveryHours":6)").status, 200);
    for (const char* wrong :
         {R"("syncEveryHours":"daily")", R"("syncEveryHours":0)", R"("syncEveryhours":6)"}) {
        const auto problem = problem_of(set(wrong), 400, "invalid_input");
        EXPECT_EQ(problem.at("errors").at(0).at("pointer"), "/settings");
    }
}

TEST_F(Drift, a_device_shows_what_the_carrier_says_beside_our_record) {
    add_drift(1);
    const json::object device = object_of(ask("GET", "/v1/devices/" + device_), 200);
    EXPECT_EQ(device.at("status"), "Active");
    const json::object carrier = device.at("carrier").as_object();
    EXPECT_EQ(carrier.at("status"), "Suspended");
    EXPECT_EQ(carrier.at("carrierStatus"), "DEACTIVATED");
    EXPECT_EQ(carrier.at("imei"), nullptr);
    EXPECT_EQ(carrier.at("isGone"), false);
}

TEST_F(Drift, lists_show_open_ones_unless_another_state_is_asked_for) {
    const std::string one = add_drift(1);
    add_drift(2);
    ASSERT_EQ(ask("POST", "/v1/drift/" + one + "/ignore", R"({"note":"known"})").status, 200);
    EXPECT_EQ(listed().size(), 1U);
    EXPECT_EQ(listed("&state=ignored").size(), 1U);
    EXPECT_EQ(listed("&state=all").size(), 2U);
    EXPECT_EQ(listed("&field=imei").size(), 0U);
    EXPECT_EQ(listed("&deviceId=" + device_).size(), 1U);
    const json::object page =
        object_of(ask("GET", "/v1/drift?state=all&limit=1&serviceProviderId=" + provider_), 200);
    const std::string token(page.at("nextPageToken").as_string());
    EXPECT_EQ(listed("&state=all&limit=1&pageToken=" + token).size(), 1U);
    problem_of(ask("GET", "/v1/drift?limit=1&pageToken=" + token), 400, "invalid_input");
    problem_of(ask("GET", "/v1/drift?state=old"), 400, "invalid_input");
    problem_of(ask("GET", "/v1/drift?field=colour"), 400, "invalid_input");
}

TEST_F(Drift, an_operator_accepts_and_the_history_says_so) {
    const std::string id = add_drift(1);
    const auto accepted =
        ask("POST", "/v1/drift/" + id + "/accept", {}, {}, as(own(), Role::operator_));
    EXPECT_EQ(object_of(accepted, 200).at("state"), "accepted");
    EXPECT_EQ(object_of(ask("GET", "/v1/devices/" + device_), 200).at("status"), "Suspended");
    const json::array history = items_of(ask("GET", "/v1/devices/" + device_ + "/history"));
    ASSERT_EQ(history.size(), 1U);
    EXPECT_EQ(history[0].at("source"), "drift");
    EXPECT_EQ(history[0].at("actor"), "own tenant operator");
    EXPECT_EQ(history[0].at("detail").at("before").at("status"), "Active");
    EXPECT_EQ(history[0].at("detail").at("after").at("status"), "Suspended");
    problem_of(ask("POST", "/v1/drift/" + id + "/accept"), 409, "conflict");
}

TEST_F(Drift, a_viewer_decides_nothing_and_an_ignored_one_needs_a_note) {
    const std::string id = add_drift(1);
    problem_of(ask("POST", "/v1/drift/" + id + "/accept", {}, {}, as(own(), Role::viewer)), 403,
               "forbidden");
    const json::object problem =
        problem_of(ask("POST", "/v1/drift/" + id + "/ignore", "{}"), 400, "invalid_input");
    EXPECT_EQ(problem.at("errors").at(0).at("pointer"), "/note");
    EXPECT_EQ(listed().size(), 1U);
}

TEST_F(Drift, many_are_decided_at_once_by_filter_or_by_id) {
    const std::string one = add_drift(1);
    const std::string two = add_drift(2);
    add_drift(3);
    const json::object by_id = object_of(
        ask("POST", "/v1/drift/accept", R"({"driftIds":[)" + one + ',' + two + "]}"), 200);
    EXPECT_EQ(by_id.at("decidedCount"), 2);
    const std::string filter = R"({"filter":{"serviceProviderId":)" + provider_ + R"(})";
    const json::object by_filter =
        object_of(ask("POST", "/v1/drift/ignore", filter + R"(,"note":"later"})"), 200);
    EXPECT_EQ(by_filter.at("decidedCount"), 1);
    EXPECT_FALSE(by_filter.contains("nextAfterDriftId"));
    EXPECT_EQ(listed("&state=accepted").size(), 2U);
    EXPECT_EQ(listed("&state=ignored").size(), 1U);
    problem_of(ask("POST", "/v1/drift/accept", "{}"), 400, "invalid_input");
    problem_of(ask("POST", "/v1/drift/accept", R"({"driftIds":[]})"), 400, "invalid_input");
    problem_of(ask("POST", "/v1/drift/accept", R"({"filter":{"field":"colour"}})"), 400,
               "invalid_input");
    problem_of(ask("POST", "/v1/drift/accept", R"({"driftIds":[987654321]})"), 404, "not_found");
}

}  // namespace
}  // namespace carryall::api_tests
