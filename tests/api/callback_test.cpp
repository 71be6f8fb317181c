// The address for carriers' callbacks as a carrier, a forger and an operator see it.
#include <set>
#include <thread>

#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;
using support::http_request;
using tenants::Role;

constexpr const char* kVerizon = "3.87.163.45";
constexpr const char* kStranger = "198.51.100.7";
constexpr const char* kRequestId = "11111111-2222-4333-8444-555555555555";

std::vector<http::Cidr> this_machine() {
    return {http::Cidr::parse("127.0.0.0/8").value()};
}

class Callbacks : public support::DatabaseTest {
  protected:
    void SetUp() override {
        database().run(
            "TRUNCATE tenant RESTART IDENTITY CASCADE; "
            "TRUNCATE carrier_callback, device_change");
        own_ = make_tenant(database(), api_.pool, "own tenant", kOwnIccid);
        foreign_ = make_tenant(database(), api_.pool, "foreign tenant", kForeignIccid);
        provider_ = make_account(own_, "verizon", "own-password");
        foreign_provider_ = make_account(foreign_, "verizon", "foreign-password");
    }

    support::HttpReply ask(const Tenant& tenant, std::string_view method, const std::string& path,
                           const json::value& body = nullptr) {
        return http_request(api_.port(), method, path,
                            {{"Authorization", "Bearer " + tenant.tokens.at(Role::admin)},
                             {"Content-Type", "application/json"}},
                            body.is_null() ? "" : json::serialize(body));
    }

    std::int64_t make_account(const Tenant& tenant, const std::string& name,
                              const std::string& password) {
        const auto made =
            ask(tenant, "POST", "/v1/service-providers",
                json::object{
                    {"name", name},
                    {"integration", "thingspace"},
                    {"settings", json::object{{"baseUrl", "https://thingspace.verizon.com/api"},
                                              {"accountName", "0000123456-00001"}}}});
        EXPECT_EQ(made.status, 201) << made.body;
        const std::int64_t id =
            base::parse_json(made.body).value().at("serviceProviderId").as_int64();
        set_credentials(tenant, id, password);
        return id;
    }
    void set_credentials(const Tenant& tenant, std::int64_t provider, const std::string& password) {
        const auto set = ask(tenant, "PATCH",
                             "/v1/service-providers/" + std::to_string(provider) + "/credentials",
                             json::object{{"appKey", "key"},
                                          {"appSecret", "secret"},
                                          {"username", "uws"},
                                          {"password", "uws-password"},
                                          {"callbackUsername", "cbuser"},
                                          {"callbackPassword", password}});
        EXPECT_EQ(set.status, 200) << set.body;
    }

    std::string address(const Tenant& tenant, std::int64_t provider) {
        return "/callbacks/thingspace/" + base::to_string(tenant.id) + '/' +
               std::to_string(provider);
    }
    std::string address() { return address(own_, provider_); }

    static std::string message(const std::string& password = "own-password",
                               const std::string& request_id = kRequestId) {
        return json::serialize(json::object{
            {"username", "cbuser"},
            {"password", password},
            {"requestId", request_id},
            {"deviceIds",
             json::array{json::object{{"id", "89148000000000000011"}, {"kind", "Iccid"}}}},
            {"deviceResponse", nullptr},
            {"status", "Success"},
            {"callbackCount", 1}});
    }

    support::HttpReply send(const std::string& path, const std::string& body,
                            const std::string& source = kVerizon,
                            const std::string& type = "application/json") {
        return http_request(api_.port(), "POST", path,
                            {{"X-Forwarded-For", source}, {"Content-Type", type}}, body);
    }

    static std::string value(const std::string& sql) { return database().value(sql); }
    static std::string stored() { return value("SELECT count(*) FROM carrier_callback"); }

    double counted(const std::string& result) {
        const auto reply = http_request(api_.port(), "GET", "/metrics");
        const std::string name = "carryall_callbacks_total{result=\"" + result + "\"} ";
        const auto at = reply.body.find(name);
        return at == std::string::npos ? 0 : std::stod(reply.body.substr(at + name.size()));
    }

    RunningApi api_{database(), {}, 4, this_machine()};
    Tenant own_;
    Tenant foreign_;
    std::int64_t provider_ = 0;
    std::int64_t foreign_provider_ = 0;
};

TEST_F(Callbacks, a_good_one_is_stored_without_its_credentials_and_answered_200) {
    const double accepted = counted("accepted");
    const auto reply = send(address(), message());
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.body, "{}");
    EXPECT_EQ(value("SELECT tenant_id || '/' || service_provider_id || '/' || remote_address || '/'"
                    " || state || '/' || reference || '/' || iccids[1] FROM carrier_callback"),
              base::to_string(own_.id) + '/' + std::to_string(provider_) + "/3.87.163.45/new/" +
                  kRequestId + "/89148000000000000011");
    const std::string body = value("SELECT body FROM carrier_callback");
    EXPECT_NE(body.find("\"status\":\"Success\""), std::string::npos) << body;
    EXPECT_EQ(body.find("cbuser"), std::string::npos) << body;
    EXPECT_EQ(body.find("own-password"), std::string::npos) << body;
    EXPECT_EQ(counted("accepted"), accepted + 1);
}

TEST_F(Callbacks, any_content_type_will_do) {
    for (const char* type : {"text/plain", "application/json; charset=utf-8", "x"}) {
        EXPECT_EQ(send(address(), message(), kVerizon, type).status, 200) << type;
    }
    const auto untyped =
        http_request(api_.port(), "POST", address(), {{"X-Forwarded-For", kVerizon}}, message());
    EXPECT_EQ(untyped.status, 200) << untyped.body;
}

TEST_F(Callbacks, wrong_credentials_are_refused_without_saying_which_and_nothing_is_kept) {
    const double refused = counted("wrong_credentials");
    std::set<std::string> answers;
    const std::string none = R"({"requestId":"r-1","status":"Success"})";
    const std::string wrong_name = R"({"username":"x","password":"own-password","requestId":"r"})";
    const std::string no_text = R"({"username":["cbuser"],"password":{},"requestId":"r-1"})";
    const std::vector<std::string> bodies = {message("wrong"), message(""), none, wrong_name,
                                             no_text};
    for (const std::string& body : bodies) {
        const auto reply = send(address(), body);
        const auto problem = problem_of(reply, 401, "unauthenticated");
        answers.insert(json::serialize(problem.at("detail")) +
                       json::serialize(problem.at("title")));
        EXPECT_EQ(reply.header("www-authenticate"), "");
        EXPECT_EQ(reply.body.find("own-password"), std::string::npos);
    }
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(stored(), "0");
    EXPECT_EQ(counted("wrong_credentials"), refused + 5);
}

TEST_F(Callbacks, a_source_that_is_not_listed_is_refused_whatever_it_sends) {
    for (const std::string& body : {message(), message("wrong"), std::string("no JSON")}) {
        const auto reply = send(address(), body, kStranger);
        problem_of(reply, 403, "forbidden");
    }
    // Forged: only what the trusted proxy itself has added counts.
    problem_of(send(address(), message(), std::string(kVerizon) + ", " + kStranger), 403,
               "forbidden");
    EXPECT_EQ(stored(), "0");
}

TEST_F(Callbacks, the_setting_replaces_the_carriers_published_sources) {
    ask(own_, "PATCH", "/v1/service-providers/" + std::to_string(provider_),
        json::object{
            {"settings", json::object{{"baseUrl", "https://thingspace.verizon.com/api"},
                                      {"accountName", "0000123456-00001"},
                                      {"callbackSources", json::array{"198.51.100.0/24"}}}}});
    EXPECT_EQ(send(address(), message(), kStranger).status, 200);
    EXPECT_EQ(send(address(), message(), kVerizon).status, 403);
}

TEST_F(Callbacks, sources_that_are_none_are_refused_when_they_are_set) {
    const std::string path = "/v1/service-providers/" + std::to_string(provider_);
    for (const json::value& wrong :
         {json::value("3.87.163.45"), json::value(json::array{"verizon.com"}),
          json::value(json::array{7}), json::value(json::array{"10.0.0.0/33"})}) {
        const json::object body{{"settings", json::object{{"callbackSources", wrong}}}};
        const auto problem = problem_of(ask(own_, "PATCH", path, body), 400, "invalid_input");
        EXPECT_EQ(problem.at("errors").at(0).at("pointer"), "/settings/callbackSources");
    }
    EXPECT_EQ(send(address(), message()).status, 200) << "the stored ones stay";
}

TEST_F(Callbacks, whatever_is_missing_the_address_says_the_same) {
    const std::int64_t pond = make_account(own_, "pond", "own-password");
    database().run("UPDATE service_provider SET integration = 'pond' WHERE service_provider_id = " +
                   std::to_string(pond));
    const std::string own = base::to_string(own_.id);
    const std::int64_t bare = [&] {
        const auto made = ask(own_, "POST", "/v1/service-providers",
                              json::object{{"name", "bare"}, {"integration", "thingspace"}});
        EXPECT_EQ(made.status, 201) << made.body;
        return base::parse_json(made.body).value().at("serviceProviderId").as_int64();
    }();
    std::set<std::string> answers;
    const std::vector<std::string> addresses = {
        address(own_, 987'654'321),        // there is none
        address(own_, pond),               // another integration
        address(own_, bare),               // no callback credentials
        address(own_, foreign_provider_),  // another tenant's
        address(foreign_, provider_),      // the same the other way
        "/callbacks/thingspace/77777/" + std::to_string(provider_),
        "/callbacks/thingspace/" + own + "/0",
        "/callbacks/thingspace/" + own + "/x",
        "/callbacks/thingspace/-1/1",
        "/callbacks/thingspace/9223372036854775808/1"};
    for (const std::string& path : addresses) {
        for (const char* source : {kVerizon, kStranger}) {
            const auto reply = send(path, message(), source);
            auto problem = problem_of(reply, 404, "not_found");
            problem.erase("instance");
            answers.insert(json::serialize(problem));
        }
    }
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(stored(), "0");
}

TEST_F(Callbacks, one_tenants_credentials_open_no_other_tenants_address) {
    problem_of(send(address(), message("foreign-password")), 401, "unauthenticated");
    problem_of(send(address(foreign_, foreign_provider_), message("own-password")), 401,
               "unauthenticated");
    EXPECT_EQ(stored(), "0");
    EXPECT_EQ(send(address(foreign_, foreign_provider_), message("foreign-password")).status, 200);
    EXPECT_EQ(value("SELECT tenant_id FROM carrier_callback"), base::to_string(foreign_.id));
}

TEST_F(Callbacks, what_is_no_callback_is_refused_and_not_kept) {
    std::string deep = "{\"username\":\"cbuser\",\"password\":\"own-password\",\"x\":";
    deep += std::string(100'000, '[');
    const std::string start = R"({"username":"cbuser","password":"own-password","n":)";
    for (const std::string& body :
         {std::string(), std::string("{"), std::string("[]"), std::string("null"),
          std::string("{}"), std::string("\xff\xfe"), deep, start + "1e99999}",
          start + R"([{"x":-1e400}]})", message() + "{}"}) {
        const auto reply = send(address(), body);
        problem_of(reply, 400, "invalid_input");
        EXPECT_EQ(reply.body.find("own-password"), std::string::npos);
    }
    EXPECT_EQ(stored(), "0");
}

TEST_F(Callbacks, one_that_is_too_large_is_cut_off_declared_or_not) {
    const double refused = counted("too_large");
    const std::string large = message() + std::string((256U << 10) + 1, ' ');
    const auto declared = send(address(), large);
    problem_of(declared, 413, "too_large");
    support::HttpConnection chunked(api_.port());
    chunked.send("POST " + address() + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + kVerizon +
                 "\r\nTransfer-Encoding: chunked\r\n\r\n");
    // One chunk that is too large by itself; the server need not take all of it.
    chunked.send("80000\r\n" + std::string((256U << 10) + 1, ' '));
    EXPECT_EQ(chunked.read_reply().status, 413);
    EXPECT_EQ(stored(), "0");
    EXPECT_EQ(counted("too_large"), refused + 2);
    const std::string just_fits = message() + std::string((256U << 10) - message().size(), ' ');
    EXPECT_EQ(send(address(), just_fits).status, 200);
}

TEST_F(Callbacks, a_wide_one_and_texts_that_no_column_takes_do_no_harm) {
    json::object wide = base::parse_json(message()).value().as_object();
    for (int i = 0; i < 10'000; ++i) wide["member" + std::to_string(i)] = i;
    EXPECT_EQ(send(address(), json::serialize(wide)).status, 200);
    EXPECT_EQ(send(address(),
                   R"({"username":"cbuser","password":"own-password","requestId":"r\u0000'1",)"
                   R"("deviceIds":[{"id":"8914\u0000800","kind":"iccid"}],"comment":"\u0000\ud83d)"
                   R"(\ude00 '; DROP TABLE device; --"})")
                  .status,
              200);
    EXPECT_EQ(stored(), "2");
    EXPECT_EQ(value("SELECT count(body::jsonb) FROM carrier_callback"), "2");
}

TEST_F(Callbacks, a_replayed_one_is_taken_and_is_the_same_to_whoever_reads_it) {
    EXPECT_EQ(send(address(), message()).status, 200);
    std::string again = message();
    again.replace(again.find("\"callbackCount\":1"), 17, "\"callbackCount\":2");
    EXPECT_EQ(send(address(), again).status, 200);
    // The worker tells them by this and tells the device change once (src/changes).
    EXPECT_EQ(value("SELECT count(DISTINCT body_hash) || '/' || count(*) FROM carrier_callback"),
              "1/2");
}

TEST_F(Callbacks, hundreds_at_once_are_all_there_afterwards) {
    constexpr int kThreads = 8;
    constexpr int kEach = 40;
    std::vector<std::thread> threads;
    for (int number = 0; number < kThreads; ++number) {
        threads.emplace_back([&, number] {
            for (int i = 0; i < kEach; ++i) {
                const std::string id = std::to_string(number) + '-' + std::to_string(i);
                EXPECT_EQ(send(address(), message("own-password", id)).status, 200);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(value("SELECT count(DISTINCT reference) FROM carrier_callback"),
              std::to_string(kThreads * kEach));
}

TEST_F(Callbacks, without_a_database_the_carrier_is_told_to_come_again) {
    ASSERT_EQ(send(address(), message()).status, 200);
    take_away(database());
    const auto reply = send(address(), message("own-password", "r-2"));
    bring_back(database());
    problem_of(reply, 503, "unavailable");
    EXPECT_FALSE(reply.header("retry-after").empty());
    EXPECT_EQ(stored(), "1");
    EXPECT_EQ(send(address(), message("own-password", "r-2")).status, 200);
    EXPECT_EQ(stored(), "2");
}

TEST_F(Callbacks, nothing_that_a_refused_one_said_is_logged) {
    ::testing::internal::CaptureStderr();
    send(address(), message("guessed-password"));
    send(address(), R"({"username":"forged-name","password":"guessed-password", oops)");
    send(address(), message("guessed-password"), kStranger);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("callback_refused"), std::string::npos);
    EXPECT_NE(log.find(kStranger), std::string::npos);
    for (const char* said : {"guessed-password", "forged-name", "cbuser", kRequestId}) {
        EXPECT_EQ(log.find(said), std::string::npos) << said;
    }
}

TEST_F(Callbacks, only_post_is_known_there_and_no_query) {
    EXPECT_EQ(http_request(api_.port(), "GET", address()).status, 405);
    problem_of(send(address() + "?x=1", message()), 400, "invalid_input");
    EXPECT_EQ(stored(), "0");
}

TEST_F(Callbacks, every_source_has_a_budget_of_its_own) {
    api::Settings settings;
    settings.callbacks_per_minute = 2;
    RunningApi strict(database(), settings, 4, this_machine());
    const auto knock = [&](const char* source) {
        return http_request(strict.port(), "POST", "/callbacks/thingspace/1/99999",
                            {{"X-Forwarded-For", source}}, "{}");
    };
    EXPECT_EQ(knock(kVerizon).status, 404);
    EXPECT_EQ(knock(kVerizon).status, 404);
    const auto refused = knock(kVerizon);
    problem_of(refused, 429, "rate_limited");
    EXPECT_FALSE(refused.header("retry-after").empty());
    EXPECT_EQ(knock(kStranger).status, 404);
    EXPECT_EQ(
        http_request(strict.port(), "GET", "/healthz", {{"X-Forwarded-For", kVerizon}}).status, 200)
        << "other open routes have another budget";
}

// --- the list

TEST_F(Callbacks, the_list_shows_what_came_newest_first_by_pages_and_filters) {
    for (const char* id : {"r-1", "r-2", "r-3"}) {
        ASSERT_EQ(send(address(), message("own-password", id)).status, 200);
    }
    ASSERT_EQ(send(address(foreign_, foreign_provider_), message("foreign-password", "r-2")).status,
              200);
    const std::string device_change = std::to_string(own_.ids.at("deviceChangeId"));
    database().run(
        "UPDATE carrier_callback SET state = 'orphan' WHERE reference = 'r-1';"
        "UPDATE carrier_callback SET state = 'matched', matched_at = now(), device_change_id = " +
        device_change + " WHERE reference = 'r-3'");

    const auto ids = [&](const std::string& query) {
        const auto reply = ask(own_, "GET", "/v1/callbacks" + query);
        EXPECT_EQ(reply.status, 200) << reply.body;
        std::string list;
        const auto answer = base::parse_json(reply.body).value();
        for (const auto& item : answer.at("items").as_array()) {
            list += std::string(item.at("requestId").as_string()) + ' ';
        }
        return list;
    };
    EXPECT_EQ(ids(""), "r-3 r-2 r-1 ");
    EXPECT_EQ(ids("?state=orphan"), "r-1 ");
    EXPECT_EQ(ids("?state=unasked"), "");
    EXPECT_EQ(ids("?requestId=R-2"), "r-2 ");
    EXPECT_EQ(ids("?requestId=r-2&state=matched"), "");
    EXPECT_EQ(ids("?serviceProviderId=" + std::to_string(provider_)), "r-3 r-2 r-1 ");
    EXPECT_EQ(ids("?serviceProviderId=" + std::to_string(foreign_provider_)), "");
    EXPECT_EQ(ids("?requestId=r-2&serviceProviderId=" + std::to_string(foreign_provider_)), "");

    const auto first = base::parse_json(ask(own_, "GET", "/v1/callbacks?limit=2").body).value();
    const std::string token(first.at("nextPageToken").as_string());
    EXPECT_EQ(ids("?limit=2&pageToken=" + token), "r-1 ");
    EXPECT_EQ(ask(own_, "GET", "/v1/callbacks?limit=2&state=new&pageToken=" + token).status, 400);
    EXPECT_EQ(ask(foreign_, "GET", "/v1/callbacks?limit=2&pageToken=" + token).status, 400);

    const json::object matched = first.at("items").at(0).as_object();
    EXPECT_EQ(matched.at("state"), "matched");
    EXPECT_EQ(matched.at("bulkChangeId"), own_.ids.at("bulkChangeId"));
    EXPECT_EQ(matched.at("deviceChangeId"), own_.ids.at("deviceChangeId"));
    EXPECT_TRUE(matched.at("matchedAt").is_string());
    EXPECT_EQ(matched.at("body").at("status"), "Success");
    EXPECT_EQ(matched.at("body").as_object().if_contains("password"), nullptr);
    EXPECT_EQ(first.at("items").at(1).as_object().if_contains("matchedAt"), nullptr);
}

TEST_F(Callbacks, a_state_that_is_none_is_a_mistake) {
    const auto problem =
        problem_of(ask(own_, "GET", "/v1/callbacks?state=lost"), 400, "invalid_input");
    EXPECT_NE(json::serialize(problem).find("new, matched, repeated, orphan, unasked"),
              std::string::npos);
}

}  // namespace
}  // namespace carryall::api_tests
