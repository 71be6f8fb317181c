// Input that is wrong, hostile or damaged: every case has a clear answer with its place, and none
// is a server error.
#include "running_api.hpp"

namespace carryall::api_tests {
namespace {

namespace json = base::json;

constexpr const char* kChanges = "/v1/bulk-changes";
constexpr const char* kXlsxType =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

class BadInput : public ApiTest {
  protected:
    static std::string provider() { return std::to_string(own().ids.at("serviceProviderId")); }

    static std::string upload_path(const std::string& more = {}) {
        return "/v1/bulk-changes/upload?serviceProviderId=" + provider() +
               "&changeType=statusupdate&updateStatus=suspended" + more;
    }

    static json::object request() {
        return {{"serviceProviderId", own().ids.at("serviceProviderId")},
                {"changeType", "statusupdate"},
                {"statusUpdate", json::object{{"updateStatus", "suspended"}}},
                {"devices", json::array{kOwnIccid}},
                {"dryRun", true}};
    }

    // The place of the first mistake, as JSON text.
    static std::string first_place(const json::object& problem) {
        const auto* errors = problem.if_contains("errors");
        if (errors == nullptr || errors->as_array().empty()) return {};
        json::object place = errors->as_array().front().as_object();
        place.erase("detail");
        return json::serialize(place);
    }
};

TEST_F(BadInput, a_body_of_two_gigabytes_is_refused_before_it_is_read) {
    for (const auto& [path, type] :
         {std::pair<std::string, std::string>(kChanges, "application/json"),
          {upload_path(), "text/csv"}}) {
        support::HttpConnection connection(running().port());
        support::Headers headers = as(own(), tenants::Role::admin);
        headers.emplace_back("Content-Type", type);
        headers.emplace_back("Content-Length", "2147483648");
        connection.send_request("POST", path, headers);
        problem_of(connection.read_reply(), 413, "too_large");
    }
}

TEST_F(BadInput, json_ten_thousand_deep_is_refused) {
    const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
    problem_of(ask("POST", kChanges, deep), 400, "invalid_input");
    problem_of(ask("POST", "/v1/tokens", "{\"name\":" + deep + "}"), 400, "invalid_input");
}

TEST_F(BadInput, what_is_not_json_is_refused_with_the_byte) {
    for (const char* body : {"{", "[]x", "nonsense", "<html><body>Bad Gateway</body></html>",
                             "\"\\x\"", "{\"devices\":[\"\xff\xfe\"]}"}) {
        const auto problem = problem_of(ask("POST", kChanges, body), 400, "invalid_input");
        EXPECT_FALSE(problem.empty()) << body;
    }
    problem_of(
        ask("POST", kChanges, "", "application/json", {{"Content-Type", "application/json"}}), 400,
        "invalid_input");
}

TEST_F(BadInput, an_unknown_change_type_is_named_by_pointer) {
    json::object body = request();
    body["changeType"] = "explode";
    const auto problem =
        problem_of(ask("POST", kChanges, json::serialize(body)), 400, "invalid_input");
    EXPECT_EQ(first_place(problem), R"({"pointer":"/changeType"})");
}

TEST_F(BadInput, an_unknown_change_type_of_an_upload_is_named_by_parameter) {
    const auto problem = problem_of(
        ask("POST",
            "/v1/bulk-changes/upload?serviceProviderId=" + provider() + "&changeType=explode",
            "ICCID\n1\n", "text/csv"),
        400, "invalid_input");
    EXPECT_EQ(first_place(problem), R"({"parameter":"changeType"})");
}

TEST_F(BadInput, missing_parameters_are_all_reported_at_once) {
    const auto problem = problem_of(ask("POST", kChanges, "{}"), 400, "invalid_input");
    ASSERT_TRUE(problem.contains("errors"));
    EXPECT_GE(problem.at("errors").as_array().size(), 2u) << json::serialize(problem);
}

TEST_F(BadInput, null_wrong_types_and_duplicate_keys_are_never_our_fault) {
    const json::object good = request();
    for (const auto& [key, value] : good) {
        for (const json::value& bad :
             {json::value(nullptr), json::value(true), json::value(-1), json::value(1e300),
              json::value("\u00e4"), json::value(json::array{}), json::value(json::object{})}) {
            json::object body = good;
            body[key] = bad;
            const auto reply = ask("POST", kChanges, json::serialize(body));
            EXPECT_LT(reply.status, 500) << json::serialize(body) << ' ' << reply.body;
        }
    }
    const auto twice = ask("POST", kChanges, R"({"changeType":1,"changeType":"statusupdate"})");
    EXPECT_EQ(twice.status, 400) << twice.body;
}

TEST_F(BadInput, the_character_zero_is_refused_wherever_it_stands) {
    problem_of(ask("POST", "/v1/tokens", R"({"name":"a\u0000b","role":"viewer"})"), 400,
               "invalid_input");
    EXPECT_EQ(ask("GET", "/v1/bulk-changes?createdBy=a%00b").status, 400);
    EXPECT_EQ(ask("GET", "/v1/bulk-changes/a%00b").status / 100, 4);
}

TEST_F(BadInput, text_that_is_not_utf_8_is_refused) {
    const auto problem =
        problem_of(ask("GET", "/v1/bulk-changes?createdBy=%ff%fe"), 400, "invalid_input");
    EXPECT_EQ(first_place(problem), R"({"parameter":"createdBy"})");
    const auto key = problem_of(ask("POST", kChanges, json::serialize(request()),
                                    "application/json", {{"Idempotency-Key", "k\xff"}}),
                                400, "invalid_input");
    EXPECT_FALSE(key.empty());
}

TEST_F(BadInput, an_unknown_or_repeated_query_parameter_is_named) {
    auto problem = problem_of(ask("GET", "/v1/bulk-changes?stauts=NEW"), 400, "invalid_input");
    EXPECT_EQ(first_place(problem), R"({"parameter":"stauts"})");
    EXPECT_NE(problem.at("detail").as_string().find("status"), json::string::npos);
    problem = problem_of(ask("GET", "/v1/bulk-changes?limit=1&limit=2"), 400, "invalid_input");
    EXPECT_EQ(first_place(problem), R"({"parameter":"limit"})");
    problem_of(ask("GET", "/v1/me?x=1"), 400, "invalid_input");
}

TEST_F(BadInput, values_of_query_parameters_are_checked) {
    for (const char* query :
         {"limit=0", "limit=501", "limit=ten", "limit=-1", "limit=99999999999999999999",
          "status=DONE", "changeType=explode", "serviceProviderId=x", "createdFrom=yesterday",
          "pageToken=abc", "pageToken=zz"}) {
        const auto reply = ask("GET", std::string("/v1/bulk-changes?") + query);
        problem_of(reply, 400, "invalid_input");
    }
    const std::string devices =
        "/v1/bulk-changes/" + std::to_string(own().finished_change) + "/devices?";
    problem_of(ask("GET", devices + "state=lost"), 400, "invalid_input");
    problem_of(ask("GET", devices + "errorClass=bad"), 400, "invalid_input");
}

TEST_F(BadInput, an_id_that_cannot_be_one_is_missing) {
    for (const char* id :
         {"0", "-1", "abc", "99999999999999999999", "1.5", "%20", "1%2F2", "%D9%A1"}) {
        problem_of(ask("GET", std::string(kChanges) + '/' + id), 404, "not_found");
    }
}

TEST_F(BadInput, unknown_paths_and_methods_have_problem_documents_too) {
    problem_of(ask("GET", "/v1/nothing-here"), 404, "not_found");
    const auto reply = ask("PATCH", kChanges);
    problem_of(reply, 405, "invalid_input");
    EXPECT_NE(reply.header("allow").find("POST"), std::string::npos);
    EXPECT_EQ(ask("GET", "/v1/../../etc/passwd").status / 100, 4);
    // No way to make one method count as another.
    EXPECT_EQ(ask("GET", kChanges, {}, {}, {{"X-HTTP-Method-Override", "DELETE"}}).status, 200);
}

TEST_F(BadInput, a_content_type_that_is_not_taken_is_refused) {
    for (const char* type : {"text/plain", "application/xml", "multipart/form-data; boundary=x"}) {
        problem_of(ask("POST", kChanges, json::serialize(request()), type), 415,
                   "unsupported_media_type");
        problem_of(ask("POST", upload_path(), "ICCID\n", type), 415, "unsupported_media_type");
    }
    EXPECT_EQ(
        ask("POST", kChanges, json::serialize(request()), "Application/JSON; charset=utf-8").status,
        200);
}

TEST_F(BadInput, a_body_where_none_belongs_is_refused) {
    problem_of(ask("DELETE", "/v1/tokens/1", "{}"), 400, "invalid_input");
    problem_of(ask("DELETE", "/v1/tokens/1", std::string(100'000, 'x')), 413, "too_large");
}

TEST_F(BadInput, files_that_are_none_are_explained) {
    struct Case {
        std::string body;
        const char* type;
    };
    const std::vector<Case> cases = {
        {"Colour,Size\nred,9\n", "text/csv"},
        {"<!DOCTYPE html><html><body>Sign in</body></html>", "text/csv"},
        {"PK\x03\x04 this is no workbook", kXlsxType},
        {"ICCID\n\"8944500000000000001\n8944500000000000002\n", "text/csv"},
        {"\n\n\n", "text/csv"},
    };
    for (const Case& one : cases) {
        const auto problem =
            problem_of(ask("POST", upload_path(), one.body, one.type), 400, "invalid_input");
        EXPECT_FALSE(problem.empty()) << one.body;
    }
    problem_of(ask("POST", upload_path(), "", "text/csv", {{"Content-Type", "text/csv"}}), 400,
               "invalid_input");
}

TEST_F(BadInput, damaged_identifiers_are_recorded_with_their_rows) {
    const std::string file = std::string("ICCID\n") + kOwnIccid + "\n8.9445E+18\n" + kOwnIccid +
                             "\n" + kArchivedIccid + "\n" + kForeignIccid + "\n";
    const auto reply = ask("POST", upload_path("&dryRun=true"), file, "text/csv");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const json::value result = json_of(reply);
    EXPECT_EQ(result.at("deviceCount"), 5);
    EXPECT_EQ(result.at("acceptedCount"), 1);
    EXPECT_EQ(result.at("refusedCount"), 4);
    EXPECT_EQ(result.at("devices").at(0).at("rowNumber"), 3);
    EXPECT_EQ(result.at("status"), "PLANNED");
}

TEST_F(BadInput, a_provider_with_writes_disabled_refuses_every_change) {
    const std::string t = base::to_string(own().id);
    const std::string id =
        database().value("INSERT INTO service_provider (tenant_id, name, integration) VALUES (" +
                         t + ", 'read only', 'pond') RETURNING service_provider_id");
    json::object body = request();
    body["serviceProviderId"] = std::stoll(id);
    const auto reply = ask("POST", kChanges, json::serialize(body));
    EXPECT_EQ(reply.status / 100, 4) << reply.body;
    EXPECT_NE(reply.body.find("Writes disabled for this service provider"), std::string::npos)
        << reply.body;
}

TEST_F(BadInput, wrong_and_expired_tokens_answer_alike) {
    const std::string path = "/v1/me";
    const auto with = [&](const std::string& authorization) {
        return support::http_request(running().port(), "GET", path,
                                     {{"Authorization", authorization}});
    };
    for (const std::string& header :
         {std::string("Bearer "), std::string("Bearer cry_1_short"), std::string("Basic YTpi"),
          "Bearer " + std::string(5'000, 'x'), std::string("Bearer cry_-1_") + std::string(43, 'a'),
          "bearer " + own().tokens.at(tenants::Role::admin) + "x"}) {
        problem_of(with(header), 401, "unauthenticated");
    }
    const auto made = ask("POST", "/v1/tokens",
                          R"({"name":"expiring","role":"viewer","expiresAt":"2999-01-01"})");
    ASSERT_EQ(made.status, 201) << made.body;
    database().run(
        "UPDATE api_token SET expires_at = now() - interval '1 second' WHERE "
        "api_token_id = " +
        std::to_string(json_of(made).at("tokenId").as_int64()));
    const auto expired = with("Bearer " + std::string(json_of(made).at("token").as_string()));
    problem_of(expired, 401, "unauthenticated");
}

}  // namespace
}  // namespace carryall::api_tests
