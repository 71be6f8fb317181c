// POND as its wire format says: credentials, shapes, messages, package states.
#include "pond/pond_state.hpp"
#include "test_client.hpp"

namespace carryall::simulators {
namespace {

const std::string kIccid = "8910300000000000000";

class PondTest : public SimulatorTest {
  protected:
    std::string sim(std::string_view tail = "") { return "sim/" + kIccid + std::string(tail); }
    std::string add_package(int type) {
        const Answer answer =
            pond("POST", sim("/addPackage"), R"({"packageTypeId":)" + std::to_string(type) + "}");
        EXPECT_EQ(answer.status, 200) << answer.body;
        return text(answer.json().at("packageId"));
    }
    int set_package(const std::string& id, std::string_view status) {
        const Answer answer = pond("POST", "package/" + id + "/status",
                                   R"({"packageStatus":")" + std::string(status) + "\"}");
        EXPECT_TRUE(answer.status != 204 || answer.body.empty());
        return answer.status;
    }
    std::string package_status(const std::string& id) {
        return text(pond("GET", "package/" + id + "/info").json().at("status"));
    }
    std::string life() { return text(pond("GET", sim("/status")).json().at("statusOfSim")); }
    static void expect_error(const Answer& answer, int status, std::string_view message) {
        EXPECT_EQ(answer.status, status);
        const auto body = answer.json();
        EXPECT_EQ(body.at("status"), status);
        EXPECT_EQ(body.at("code"), 0);
        EXPECT_EQ(text(body.at("message")), message);
        EXPECT_EQ(text(body.at("link")), "Not Available");
        EXPECT_TRUE(body.at("referenceId").is_null());
    }
};

TEST_F(PondTest, both_credentials_are_needed) {
    load_fleet(1);
    const std::string target = std::string(kPondBase) + "/9001/" + sim();
    const std::string all = pond_headers();
    const std::string key = all.substr(0, all.find("\r\n") + 2);
    const std::string basic = all.substr(all.find("\r\n") + 2);
    expect_error(client().request("GET", target), 401, "Unauthorized");
    EXPECT_EQ(client().request("GET", target, "", key).status, 401);
    EXPECT_EQ(client().request("GET", target, "", basic).status, 401);
    EXPECT_EQ(client().request("GET", target, "", "ApiKey: wrong\r\n" + basic).status, 401);
    EXPECT_EQ(client().request("GET", target, "", key + basic).status, 200);
    EXPECT_EQ(client().request("GET", target, "", "x-api-key: pond-sim-key\r\n" + basic).status,
              200);
    const std::string other = std::string(kPondBase) + "/9002/" + sim();
    EXPECT_EQ(client().request("GET", other, "", all).status, 403);
}

TEST_F(PondTest, the_request_id_is_echoed_on_success_and_on_error) {
    load_fleet(1);
    for (const std::string& path : {sim(), std::string("sim/1")}) {
        const Answer answer = client().request("GET", std::string(kPondBase) + "/9001/" + path, "",
                                               pond_headers() + "RequestId: change-7\r\n");
        EXPECT_EQ(answer.header("RequestId"), "change-7");
    }
}

TEST_F(PondTest, an_iccid_has_exactly_19_digits) {
    load_fleet(1);
    for (const std::string_view iccid :
         {"891030000000000000", "89103000000000000001", "891030000000000000x"}) {
        expect_error(pond("POST", "sim/" + std::string(iccid) + "/addPackage", "{}"), 400,
                     "iccid should be exactly 19 digits and only contain numbers");
    }
    expect_error(pond("GET", "sim/8910300000000000009"), 404, "Sim not found");
}

TEST_F(PondTest, a_sim_is_shown_as_documented) {
    load_fleet(1);
    for (const std::string_view tail : {"", "/info"}) {
        const auto body = pond("GET", sim(tail)).json();
        EXPECT_EQ(text(body.at("iccid")), kIccid);
        EXPECT_EQ(body.at("parentGroupId"), 7001);
        EXPECT_EQ(body.at("inventoryId"), 310);
        EXPECT_TRUE(body.at("epochCreated").is_int64());
        EXPECT_EQ(body.at("imsis").at(0).at("imsiNumber"), body.at("mappedImsi"));
    }
}

TEST_F(PondTest, status_switches_any_of_the_three_services) {
    load_fleet(1);
    const Answer answer = pond("POST", sim("/status"), R"({"simDataServiceStatus":"DISABLED"})");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.header("Content-Length"), "") << "204 has no body and no length";
    auto status = pond("GET", sim("/status")).json();
    EXPECT_EQ(text(status.at("simDataServiceStatus")), "DISABLED");
    EXPECT_EQ(text(status.at("simVoiceServiceStatus")), "ENABLED");
    EXPECT_EQ(text(status.at("status")), "ACTIVE");
    pond("POST", sim("/status"),
         R"({"simVoiceServiceStatus":"DISABLED","simSmsServiceStatus":"DISABLED"})");
    status = pond("GET", sim("/status")).json();
    EXPECT_EQ(text(status.at("status")), "SUSPENDED");
    EXPECT_EQ(text(status.at("statusOfSim")), "In-Service");
    for (const std::string_view body : {"", "{}", "[]", "{", R"({"simDataServiceStatus":"ON"})",
                                        R"({"simDataServiceStatus":1})"}) {
        expect_error(pond("POST", sim("/status"), body), 400, "Invalid request body");
    }
}

TEST_F(PondTest, add_package_gives_a_package_that_is_not_active_yet) {
    load_fleet(1, R"("active":false)");
    EXPECT_EQ(life(), "Pre-Service");
    const auto body = pond("POST", sim("/addPackage"), R"({"packageTypeId":40117})").json();
    EXPECT_EQ(text(body.at("packageId")).size(), 36U);
    EXPECT_EQ(text(body.at("simIccid")), kIccid);
    EXPECT_EQ(text(body.at("status")), "NOT_ACTIVE");
    EXPECT_EQ(body.at("packageTypeId"), 40117);
    EXPECT_EQ(body.at("dataUsageRemainingInBytes"), 1073741824);
    EXPECT_EQ(body.at("timeAllowanceInSeconds"), 2592000);
    EXPECT_EQ(life(), "Pre-Service");
}

TEST_F(PondTest, add_package_refuses_wrong_types) {
    load_fleet(1, "");
    expect_error(pond("POST", sim("/addPackage"), R"({"packageTypeId":40201})"), 400,
                 "Package type belongs to another inventory");
    expect_error(pond("POST", sim("/addPackage"), R"({"packageTypeId":40120})"), 400,
                 "Package type is not active");
    EXPECT_EQ(pond("POST", sim("/addPackage"), R"({"packageTypeId":1})").status, 400);
    EXPECT_EQ(pond("POST", sim("/addPackage"), "{}").status, 400);
    EXPECT_EQ(
        pond("POST", "sim/8910300000000000009/addPackage", R"({"packageTypeId":40117})").status,
        404);
    EXPECT_EQ(pond("GET", sim("/package/infos")).json().at("total"), 0);
}

TEST_F(PondTest, add_package_is_not_idempotent) {
    load_fleet(1, "");
    EXPECT_NE(add_package(40117), add_package(40117));
    EXPECT_EQ(pond("GET", sim("/package/infos")).json().at("total"), 2);
}

TEST_F(PondTest, packages_follow_their_states_and_nothing_leaves_terminated) {
    load_fleet(1, R"("active":false)");
    const std::string id = add_package(40117);
    EXPECT_EQ(set_package(id, "ACTIVE"), 204);
    EXPECT_EQ(life(), "In-Service") << "the first active package moves the SIM into service";
    EXPECT_EQ(set_package(id, "NOT_ACTIVE"), 204);
    EXPECT_EQ(package_status(id), "NOT_ACTIVE");
    EXPECT_EQ(set_package(id, "ACTIVE"), 204);
    EXPECT_EQ(set_package(id, "TERMINATED"), 204);
    for (const std::string_view status : {"ACTIVE", "NOT_ACTIVE", "TERMINATED"}) {
        EXPECT_EQ(set_package(id, status), 400) << status;
        EXPECT_EQ(last_entry()["performed"], false);
    }
    EXPECT_EQ(package_status(id), "TERMINATED");
    const std::string unused = add_package(40118);
    EXPECT_EQ(set_package(unused, "TERMINATED"), 204) << "straight from NOT_ACTIVE";
    EXPECT_EQ(set_package(unused.substr(1) + "0", "ACTIVE"), 404);
    EXPECT_EQ(set_package("5b0f8a1e-2c0e-4a57-9f31-0d6f2b7b1a10", "ACTIVE"), 404);
    EXPECT_EQ(pond("POST", "package/" + unused + "/status", R"({"packageStatus":"ON"})").status,
              400);
}

TEST_F(PondTest, packages_are_listed_by_status_and_page) {
    load_fleet(1);
    const std::string second = add_package(40118);
    set_package(second, "ACTIVE");
    set_package(add_package(40119), "TERMINATED");
    const auto all = pond("GET", sim("/package/infos")).json();
    EXPECT_EQ(all.at("total"), 3);
    EXPECT_EQ(all.at("count"), 3);
    const auto active = pond("GET", sim("/package/infos?packageStatuses=ACTIVE&count=1&offset=1"));
    EXPECT_EQ(active.json().at("total"), 2);
    EXPECT_EQ(active.json().at("offset"), 1);
    EXPECT_EQ(active.json().at("elements").as_array().size(), 1U);
    const auto two =
        pond("GET", sim("/package/infos?packageStatuses=ACTIVE&packageStatuses=TERMINATED"));
    EXPECT_EQ(two.json().at("total"), 3);
    EXPECT_EQ(pond("GET", sim("/package/infos?packageStatuses=ON")).status, 400);
    EXPECT_EQ(pond("GET", sim("/package/infos?offset=-1")).status, 400);
}

TEST_F(PondTest, a_package_of_first_use_waits_for_it) {
    load_fleet(1, R"("active":false)");
    const std::string id = add_package(40121);
    EXPECT_EQ(package_status(id), "NOT_ACTIVE");
    EXPECT_EQ(
        admin("POST", "pond/sim/" + kIccid + "/usage", R"({"event":"LU"})").json().at("activated"),
        0);
    EXPECT_EQ(
        admin("POST", "pond/sim/" + kIccid + "/usage", R"({"event":"PDP"})").json().at("activated"),
        1);
    EXPECT_EQ(package_status(id), "ACTIVE");
    EXPECT_EQ(life(), "In-Service");
}

TEST_F(PondTest, purge_terminates_everything_for_good) {
    load_fleet(2);
    const std::string id = add_package(40118);
    EXPECT_EQ(pond("DELETE", sim("/purge")).status, 204);
    EXPECT_EQ(life(), "Terminated");
    EXPECT_EQ(package_status(id), "TERMINATED");
    expect_error(pond("POST", sim("/status"), R"({"simDataServiceStatus":"ENABLED"})"), 400,
                 "Sim is terminated");
    EXPECT_EQ(pond("POST", sim("/addPackage"), R"({"packageTypeId":40117})").status, 400);
    EXPECT_EQ(pond("DELETE", sim("/purge")).status, 400);
    EXPECT_EQ(pond("GET", "search/sim").json().at("total"), 1) << "plain searches hide it";
    EXPECT_EQ(pond("GET", "search/sim?withDeactivatedSims=true").json().at("total"), 2);
}

TEST_F(PondTest, a_sim_moves_between_groups_of_its_inventory) {
    load_fleet(3);
    EXPECT_EQ(pond("POST", sim("/setParent"), R"({"parentGroupId":7002})").status, 204);
    EXPECT_EQ(pond("GET", "group/7001/sims").json().at("total"), 2);
    EXPECT_EQ(text(pond("GET", "group/7002/sims").json().at("elements").at(0).at("iccid")), kIccid);
    EXPECT_EQ(pond("GET", sim()).json().at("parentGroupId"), 7002);
    EXPECT_EQ(pond("POST", sim("/setParent"), R"({"parentGroupId":7101})").status, 400);
    EXPECT_EQ(pond("POST", sim("/setParent"), R"({"parentGroupId":1})").status, 404);
}

TEST_F(PondTest, throttle_knows_its_speeds) {
    load_fleet(1);
    EXPECT_EQ(text(pond("GET", sim("/throttle")).json().at("simThrottleSpeed")), "NO_LIMIT");
    const std::string_view good = R"({"simThrottleSpeed":"SPEED_300_KBPS"})";
    EXPECT_EQ(pond("POST", sim("/throttle"), good).status, 204);
    EXPECT_EQ(text(pond("GET", sim("/throttle")).json().at("simThrottleSpeed")), "SPEED_300_KBPS");
    for (const std::string_view speed : {"SPEED_350_KBPS", "SPEED_5100_KBPS", "SPEED_", "FAST"}) {
        const std::string body = R"({"simThrottleSpeed":")" + std::string(speed) + "\"}";
        EXPECT_EQ(pond("POST", sim("/throttle"), body).status, 400) << speed;
    }
}

TEST_F(PondTest, sms_and_network_refresh_answer_without_body) {
    load_fleet(1);
    EXPECT_EQ(pond("POST", sim("/sendSms"), R"({"senderCli":"77","message":"hi"})").status, 204);
    EXPECT_EQ(pond("POST", sim("/sendSms"), "{}").status, 400);
    EXPECT_EQ(pond("POST", sim("/cancelLocationUpdate")).status, 204);
}

TEST_F(PondTest, lists_page_with_ten_by_default_and_a_cap) {
    load_fleet(25);
    auto page = pond("GET", "group/7001/sims").json();
    EXPECT_EQ(page.at("total"), 25);
    EXPECT_EQ(page.at("count"), 10);
    page = pond("GET", "group/7001/sims?offset=20&count=10").json();
    EXPECT_EQ(page.at("offset"), 20);
    EXPECT_EQ(page.at("elements").as_array().size(), 5U);
    page = pond("GET", "group/7001/sims?offset=99").json();
    EXPECT_EQ(page.at("count"), 0);
    admin("POST", "pond/knobs", R"({"pageCap":7})");
    EXPECT_EQ(pond("GET", "group/7001/sims?count=100").json().at("count"), 7);
}

TEST_F(PondTest, the_catalogue_can_be_walked_from_the_top) {
    load_fleet(1);
    const auto inventory = pond("GET", "inventory/list").json().at("elements").at(0);
    EXPECT_EQ(inventory.at("id"), 310);
    EXPECT_EQ(inventory.at("distributorId"), 9001);
    EXPECT_EQ(pond("GET", "inventory/310/groups").json().at("total"), 3);
    EXPECT_EQ(pond("GET", "inventory/310").json().at("id"), 310);
    EXPECT_EQ(pond("GET", "inventory/310/status").status, 200);
    EXPECT_EQ(pond("GET", "inventory/310/balance").status, 200);
    EXPECT_EQ(pond("GET", "inventory/310/currency").status, 200);
    EXPECT_EQ(pond("GET", "inventory/999").status, 404);
    const auto group = pond("GET", "group/7001").json();
    EXPECT_EQ(group.at("numberOfSims"), 1);
    const auto type = pond("GET", "packageType/40117").json();
    EXPECT_EQ(text(type.at("name")), "IoT 1GB");
    EXPECT_EQ(text(type.at("activationType")), "API");
    const auto types = pond("GET", "inventory/310/packageTypes?count=100").json();
    EXPECT_EQ(types.at("total"), 6);
    EXPECT_EQ(pond("PUT", "packageType/40119/status", R"({"newPackageTypeStatus":"DE_ACTIVATED"})")
                  .status,
              200);
    EXPECT_EQ(pond("POST", sim("/addPackage"), R"({"packageTypeId":40119})").status, 400);
}

TEST_F(PondTest, groups_and_package_types_can_be_made) {
    load_fleet(1);
    const auto group = pond("POST", "inventory/310/createGroup", R"({"name":"North"})").json();
    const std::string id = std::to_string(group.at("id").as_int64());
    EXPECT_EQ(pond("POST", "group/" + id + "/subGroup", R"({"name":"Inner"})").status, 200);
    EXPECT_EQ(pond("GET", "group/" + id).json().at("numberOfSubgroups"), 1);
    EXPECT_EQ(pond("DELETE", "group/" + id).status, 204);
    EXPECT_EQ(pond("GET", "group/" + id).status, 404);
    EXPECT_EQ(pond("DELETE", "group/7001").status, 400) << "it still has a SIM";
    const auto type = pond("POST", "inventory/310/packageType", R"({"name":"New"})").json();
    EXPECT_EQ(text(type.at("status")), "ACTIVE");
}

TEST_F(PondTest, sims_are_provisioned_removed_and_remembered) {
    load_fleet(1);
    const std::string_view body = R"({"iccids":["8910300000000000050"]})";
    EXPECT_EQ(pond("POST", "inventory/310/sims", body).status, 200);
    EXPECT_EQ(pond("POST", "inventory/310/sims", body).status, 400) << "it exists already";
    EXPECT_EQ(pond("GET", "sim/8910300000000000050").status, 200);
    EXPECT_EQ(pond("DELETE", "inventory/310/sims", body).status, 200);
    EXPECT_EQ(pond("GET", "sim/8910300000000000050").status, 404);
    EXPECT_EQ(pond("GET", "distributor/9001/sim-history").json().at("total"), 1);
}

TEST_F(PondTest, search_finds_by_field_and_prefix) {
    load_fleet(12);
    EXPECT_EQ(pond("GET", "search/sim?q=*:*&rows=5&start=10").json().at("count"), 2);
    const auto one = pond("GET", "search/sim?q=sim_iccid:8910300000000000007").json();
    EXPECT_EQ(one.at("total"), 1);
    EXPECT_EQ(text(one.at("elements").at(0).at("sim_iccid")), "8910300000000000007");
    EXPECT_EQ(text(one.at("elements").at(0).at("data_service_status")), "ENABLED");
    EXPECT_EQ(pond("GET", "search/sim?q=sim_iccid:891030000000000001*").json().at("total"), 2);
    pond("POST", sim("/setParent"), R"({"parentGroupId":7002})");
    EXPECT_EQ(pond("GET", "search/sim?q=*:*&fq=parent_group_id:7002").json().at("total"), 1);
    EXPECT_EQ(pond("GET", "search/sim?q=unknown_field:1").status, 400);
    for (const std::string_view kind :
         {"package", "packageType", "inventory", "group", "cdr/data"}) {
        EXPECT_EQ(pond("GET", "search/" + std::string(kind)).status, 200) << kind;
    }
}

TEST_F(PondTest, paths_without_distributor_need_credentials_too) {
    start();
    for (const std::string_view path :
         {"/authorization/iccid/1", "/openDataSessions", "/country"}) {
        const std::string target = std::string(kPondBase) + std::string(path);
        EXPECT_EQ(client().request("GET", target, "", pond_headers()).status, 200);
        EXPECT_EQ(client().request("GET", target).status, 401);
    }
}

TEST_F(PondTest, the_rate_limit_holds_one_second_of_calls) {
    options_.pond.requests_per_second = 5;
    load_fleet(1);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(pond("GET", sim()).status, 200) << i;
    // The bucket refills with real time too, so a few more may pass; in the end it is empty.
    Answer answer;
    until([&] {
        answer = pond("GET", sim());
        return answer.status == 429;
    });
    EXPECT_EQ(answer.header("Retry-After"), "1");
    EXPECT_EQ(answer.json().at("status"), 429);
    advance_millis(1000);
    EXPECT_EQ(pond("GET", sim()).status, 200);
    admin("POST", "pond/knobs", R"({"retryAfter":false,"requestsPerSecond":1})");
    until([&] {
        answer = pond("GET", sim());
        return answer.status == 429;
    });
    EXPECT_EQ(answer.header("Retry-After"), "");
}

TEST_F(PondTest, times_are_seconds_or_milliseconds_by_knob) {
    load_fleet(1);
    const auto seconds = pond("GET", sim()).json().at("epochCreated").as_int64();
    EXPECT_LT(seconds, 100'000'000'000);
    admin("POST", "pond/knobs", R"({"epochUnit":"milliseconds"})");
    EXPECT_EQ(pond("GET", sim()).json().at("epochCreated"), seconds * 1000);
    EXPECT_EQ(admin("POST", "pond/knobs", R"({"typo":1})").status, 400);
}

TEST_F(PondTest, fleets_load_by_range_and_by_csv) {
    load_fleet(3, R"("groupId":7009,"active":false)");
    EXPECT_EQ(pond("GET", "group/7009").json().at("numberOfSims"), 3);
    const auto report =
        admin("POST", "pond/fleet",
              "name,iccid\r\na,8910300000000000002\r\nb,\"8910300000000000099\"\r\nc,1\r\n")
            .json();
    EXPECT_EQ(report.at("loaded"), 1);
    EXPECT_EQ(report.at("skipped"), 2) << "one is known, one is no ICCID";
    EXPECT_EQ(admin("POST", "pond/fleet", R"({"firstIccid":"1","count":1})").status, 400);
    EXPECT_EQ(admin("POST", "pond/fleet",
                    R"({"firstIccid":"8910300000000000500","count":1,"inventoryId":999})")
                  .status,
              400);
    EXPECT_EQ(admin("POST", "pond/package-types",
                    R"([{"packageTypeId":50001,"name":"Added","inventoryId":310}])")
                  .status,
              200);
    EXPECT_EQ(text(pond("GET", "packageType/50001").json().at("name")), "Added");
}

TEST(PondStateTest, package_ids_lead_back_to_their_row_and_only_theirs) {
    pond::PondState state(7);
    const auto sim = state.add_sim(8910300000000000000ULL, 310, 7001, 1);
    for (std::uint32_t i = 0; i < 2000; ++i) {
        const std::uint32_t package = state.add_package(sim, 40117, 1);
        std::string id;
        state.append_package_id(id, package);
        ASSERT_EQ(state.find_package(id), package);
        id[0] = id[0] == 'a' ? 'b' : 'a';
        ASSERT_EQ(state.find_package(id), pond::kNoRow);
    }
    EXPECT_EQ(state.find_package(""), pond::kNoRow);
    EXPECT_EQ(state.find_package(std::string(36, 'z')), pond::kNoRow);
}

}  // namespace
}  // namespace carryall::simulators
