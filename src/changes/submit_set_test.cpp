// A change for lines of several accounts, on a real database: each row is in exactly one of the
// set's changes, all of them are accepted or none, one key makes one set.
#include "changes/submit_set.hpp"

#include <thread>

#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;

class SubmitSetTest : public ChangesTest {
  protected:
    void SetUp() override {
        ChangesTest::SetUp();
        jasper_ =
            std::stoll(sql("INSERT INTO service_provider (tenant_id, name, integration, "
                           "write_is_enabled) VALUES (" +
                           tenant() +
                           ", 'Jasper', 'jasper', true) "
                           "RETURNING service_provider_id"));
    }

    std::string tenant() { return base::to_string(ours_.caller.tenant_id); }

    std::string jasper_line(int serial) {
        return add_device(ours_, serial, "service_provider_id", std::to_string(jasper_));
    }

    base::Result<SubmitSetResult> submit_everywhere(const std::vector<std::string>& devices,
                                                    const std::string& more = "",
                                                    SubmitOptions options = {},
                                                    const std::string& accounts = "\"all\"") {
        return submit_as(*connection_,
                         R"({"serviceProviderIds": )" + accounts +
                             R"(, "changeType": "statusupdate", )"
                             R"("statusUpdate": {"updateStatus": "Suspended"}, )"
                             R"("devices": [)" +
                             quoted(devices) + "]" + more + "}",
                         options, errors_);
    }

    base::Result<SubmitSetResult> submit_as(db::Connection& connection, const std::string& body,
                                            const SubmitOptions& options,
                                            std::vector<base::Error>& errors) {
        errors.clear();
        const auto value = base::parse_json(body);
        EXPECT_TRUE(value) << body;
        auto parsed = parse_request(*value, errors);
        if (!parsed) return parsed.error();
        const auto devices = [&]() -> base::Result<std::unique_ptr<DeviceSource>> {
            auto again = parse_request(*value, errors);
            if (!again) return again.error();
            return std::move(again->devices);
        };
        return submit_set(connection, ours_.caller, parsed->request, devices, options, errors);
    }

    std::string changes() {
        return sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " + tenant());
    }
    std::string rows_of(const SetPart& part) {
        return sql(
            "SELECT string_agg(row_number || ':' || state, ' ' ORDER BY device_change_id) "
            "FROM device_change WHERE device_change_id >> 20 = " +
            base::to_string(part.result.id));
    }

    std::int64_t jasper_ = 0;
};

TEST_F(SubmitSetTest, each_row_goes_to_the_change_of_its_lines_account) {
    const auto result = submit_everywhere({add_device(ours_, 1), jasper_line(2), jasper_line(3),
                                           add_device(ours_, 4), iccid_of_serial(9)});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->device_count, 5);
    EXPECT_EQ(result->accepted_count, 4);
    ASSERT_EQ(result->changes.size(), 2u);  // the account without lines has no change
    EXPECT_EQ(result->changes[0].service_provider, "POND");
    EXPECT_EQ(rows_of(result->changes[0]), "1:new 4:new 5:error");  // nobody's line: the first
    EXPECT_EQ(result->changes[1].service_provider, "Jasper");
    EXPECT_EQ(rows_of(result->changes[1]), "2:new 3:new");
    for (const SetPart& part : result->changes) {
        EXPECT_EQ(sql("SELECT change_set_id FROM bulk_change WHERE bulk_change_id = " +
                      base::to_string(part.result.id)),
                  std::to_string(result->change_set_id));
        EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE attributes->>'BulkChangeId' = '" +
                      base::to_string(part.result.id) + "'"),
                  "1");
    }
}

TEST_F(SubmitSetTest, a_number_that_lines_of_two_accounts_have_is_refused_once) {
    add_device(ours_, 11, "msisdn", "'4670000001'");
    add_device(ours_, 12, "msisdn, service_provider_id",
               "'4670000001', " + std::to_string(jasper_));
    const auto result = submit_everywhere({"4670000001", add_device(ours_, 13), jasper_line(14)});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->device_count, 3);
    EXPECT_EQ(result->refused_count, 1);
    EXPECT_EQ(reason(result->changes[0].result.id, 1),
              "Ambiguous subscriber number (lines of several accounts have it; give the ICCID)");
}

TEST_F(SubmitSetTest, what_refuses_one_change_refuses_the_set_and_names_the_account) {
    sql("UPDATE service_provider SET write_is_enabled = false WHERE service_provider_id = " +
        std::to_string(jasper_) + " RETURNING 1");
    const auto refused = submit_everywhere({add_device(ours_, 21), jasper_line(22)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_EQ(refused.error().message, "Jasper: Writes disabled for this service provider");
    EXPECT_EQ(refused.error().where, "/serviceProviderIds");
    EXPECT_EQ(changes(), "0");
    // An account that has no line among them does not matter.
    const auto accepted = submit_everywhere({add_device(ours_, 23)});
    ASSERT_TRUE(accepted) << accepted.error().message;
    EXPECT_EQ(accepted->changes.size(), 1u);
}

TEST_F(SubmitSetTest, all_or_nothing_is_for_the_whole_set) {
    const auto refused = submit_everywhere(
        {add_device(ours_, 31), jasper_line(32), iccid_of_serial(39)}, R"(, "allOrNothing": true)");
    ASSERT_TRUE(refused) << refused.error().message;
    EXPECT_TRUE(refused->refused);
    EXPECT_EQ(refused->change_set_id, 0);
    EXPECT_EQ(refused->refused_count, 1);
    EXPECT_EQ(changes(), "0");
    EXPECT_EQ(sql("SELECT count(*) FROM change_set WHERE tenant_id = " + tenant()), "0");
}

TEST_F(SubmitSetTest, only_the_named_accounts_are_meant) {
    const auto pond = add_device(ours_, 41);
    const auto elsewhere =
        add_device(ours_, 42, "service_provider_id", std::to_string(ours_.other_pond));
    const auto result =
        submit_everywhere({pond, elsewhere, jasper_line(43)}, "", {},
                          "[" + std::to_string(jasper_) + ", " + std::to_string(ours_.pond) + "]");
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(result->changes.size(), 2u);
    EXPECT_EQ(reason(result->changes[0].result.id, 2),
              "Device belongs to another service provider");
    const auto theirs = submit_everywhere({pond}, "", {}, "[" + std::to_string(theirs_.pond) + "]");
    ASSERT_FALSE(theirs);
    EXPECT_EQ(theirs.error().kind, ErrorKind::not_found);
}

TEST_F(SubmitSetTest, one_key_makes_one_set_however_many_ask_at_once) {
    constexpr int kAtOnce = 8;
    const std::string body = R"({"serviceProviderIds": "all", "changeType": "statusupdate", )"
                             R"("statusUpdate": {"updateStatus": "Suspended"}, "devices": [)" +
                             quoted({add_device(ours_, 51), jasper_line(52)}) + "]}";
    SubmitOptions options;
    options.idempotency_key = "set-key";
    std::vector<std::int64_t> ids(kAtOnce);
    std::vector<std::thread> senders;
    for (std::int64_t& id : ids) {
        senders.emplace_back([&] {
            auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
            ASSERT_TRUE(connection);
            std::vector<base::Error> errors;
            const auto result = submit_as(**connection, body, options, errors);
            ASSERT_TRUE(result) << result.error().message;
            EXPECT_EQ(result->changes.size(), 2u);
            id = result->change_set_id;
        });
    }
    for (std::thread& sender : senders) sender.join();
    EXPECT_EQ(std::set<std::int64_t>(ids.begin(), ids.end()).size(), 1u);
    EXPECT_EQ(changes(), "2");
    const auto other = submit_everywhere({add_device(ours_, 53)}, "", options);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, ErrorKind::conflict);
}

TEST_F(SubmitSetTest, the_list_of_accounts_must_be_one) {
    const std::string line = add_device(ours_, 61);
    for (const char* bad : {"[]", "\"every\"", "[0]", "[\"x\"]", "7", "{}"}) {
        const auto result = submit_everywhere({line}, "", {}, bad);
        EXPECT_FALSE(result) << bad;
        ASSERT_FALSE(errors_.empty());
        EXPECT_EQ(errors_.front().where, "/serviceProviderIds") << bad;
    }
    const auto both = submit_everywhere({"8"}, R"(, "serviceProviderId": 1)");
    ASSERT_FALSE(both);
    EXPECT_EQ(errors_.front().message, "cannot be given beside serviceProviderId");
}

TEST_F(SubmitSetTest, a_set_of_another_tenant_is_a_missing_one) {
    const auto result = submit_everywhere({add_device(ours_, 71)});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(get_change_set(*connection_, ours_.caller.tenant_id, result->change_set_id));
    const auto theirs =
        get_change_set(*connection_, theirs_.caller.tenant_id, result->change_set_id);
    ASSERT_FALSE(theirs);
    EXPECT_EQ(theirs.error().kind, ErrorKind::not_found);
}

TEST_F(SubmitSetTest, a_dry_run_makes_a_plan_for_each_account_and_takes_no_key) {
    SubmitOptions options;
    options.idempotency_key = "dry";
    const auto result =
        submit_everywhere({add_device(ours_, 1), jasper_line(2)}, R"(, "dryRun": true)", options);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(result->changes.size(), 2u);
    for (const SetPart& part : result->changes) {
        EXPECT_EQ(part.result.status, "PLANNED");
        EXPECT_EQ(part.result.plan_hash.size(), 64u);
    }
    EXPECT_EQ(changes(), "2");
    EXPECT_EQ(sql("SELECT count(*) FROM idempotency_key WHERE tenant_id = " + tenant()), "0");
}

}  // namespace
}  // namespace carryall::changes
