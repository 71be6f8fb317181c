// What a tenant may set for its charges, and that the code's defaults are the database's.
#include "charges/charge_setting.hpp"

#include "support/inventory.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;

class ChargeSettings : public devices::InventoryTest {
  protected:
    void SetUp() override {
        InventoryTest::SetUp();
        caller_ = {ours_, {1}, "a clerk", tenants::Role::billing};
    }
    // The settings afterwards, or "/pointer: message" of each mistake.
    json::object change(const std::string& body) {
        base::JsonErrors errors;
        const auto parsed = base::parse_json_exactly(body);
        EXPECT_TRUE(parsed);
        const auto setting =
            change_charge_setting(*connection_, caller_, parsed->get_object(), errors);
        if (setting) return to_json(*setting);
        json::object mistakes;
        for (const base::Error& error : errors.items()) mistakes[error.where] = error.message;
        return mistakes;
    }
    json::object stored() { return to_json(*get_charge_setting(*connection_, ours_)); }

    tenants::Caller caller_;
};

TEST_F(ChargeSettings, nothing_set_is_the_same_as_a_row_of_defaults) {
    const json::object without_row = stored();
    database().run("INSERT INTO charge_setting (tenant_id) VALUES (" + base::to_string(ours_) +
                   ")");
    json::object with_row = stored();
    EXPECT_FALSE(with_row.at("modifiedAt").is_null());
    with_row["modifiedAt"] = nullptr;
    EXPECT_EQ(json::value(with_row), json::value(without_row));
}

TEST_F(ChargeSettings, a_member_that_is_absent_stays_and_null_removes_a_bound) {
    change(R"({"billingTimeZone":"America/New_York","maxChargeAmount":"250.50","pageSize":75,
               "billingEmails":["b@example.com"],"markerFormat":""})");
    const json::object changed =
        change(R"({"deviceHistoryMultiple":null,"customerHistoryMultiple":2.5,"pageSize":80})");
    EXPECT_EQ(changed.at("billingTimeZone"), "America/New_York");
    EXPECT_EQ(changed.at("maxChargeAmount"), "250.5");
    EXPECT_EQ(changed.at("pageSize"), 80);
    EXPECT_EQ(changed.at("billingEmails"), (json::array{"b@example.com"}));
    EXPECT_EQ(changed.at("markerFormat"), "");
    EXPECT_TRUE(changed.at("deviceHistoryMultiple").is_null());
    EXPECT_EQ(changed.at("customerHistoryMultiple"), "2.5");
    EXPECT_EQ(changed.at("modifiedBy"), "a clerk");
    EXPECT_EQ(json::value(stored()), json::value(changed));
    EXPECT_TRUE(get_charge_setting(*connection_, theirs_)->modified_by == std::nullopt);
}

TEST_F(ChargeSettings, every_mistake_is_told_and_then_nothing_is_stored) {
    const json::object before = stored();
    const json::object mistakes = change(
        R"({"billingTimeZone":"Mars/Base","pageSize":501,"amountDecimals":5,"pagesize":3,
            "markerFormat":"[amop]","rateDescription":"{plan} {price}","smsDescription":" ",
            "overageDescription":"{plan","usageDescription":"plan}","maxChargeAmount":0,
            "deviceHistoryMultiple":"1.00","historyPeriods":25,"historyFloorAmount":"-1",
            "administratorEmails":["a@b.example, c@d.example"],"billingEmails":"x",
            "billsInAdvance":"yes","checkDelaySeconds":-1,"customerHistoryMultiple":"1e400",
            "modifiedBy":"me"})");
    std::set<std::string> pointers;
    for (const auto& [pointer, message] : mistakes) pointers.emplace(pointer);
    EXPECT_EQ(pointers, (std::set<std::string>{
                            "/billingTimeZone", "/pageSize", "/amountDecimals", "/pagesize",
                            "/markerFormat", "/rateDescription", "/smsDescription",
                            "/overageDescription", "/usageDescription", "/maxChargeAmount",
                            "/deviceHistoryMultiple", "/historyPeriods", "/historyFloorAmount",
                            "/administratorEmails", "/billingEmails", "/billsInAdvance",
                            "/checkDelaySeconds", "/customerHistoryMultiple", "/modifiedBy"}));
    EXPECT_EQ(mistakes.at("/rateDescription"),
              "has the unknown placeholder {price}; {plan} {usageMb} {amount} {smsUsage} "
              "{periodStart} {periodEnd} are known");
    EXPECT_EQ(json::value(stored()), json::value(before));
}

// A marker that could not be sent would let every charge fail.
TEST_F(ChargeSettings, a_marker_is_taken_exactly_if_it_can_be_stored_and_sent) {
    const std::string side(17, 'm');
    for (const std::string& good : {std::string("{key}"), side + "{key}" + side, std::string()}) {
        EXPECT_EQ(change(serialize(json::object{{"markerFormat", good}})).at("markerFormat"),
                  json::value(good));
    }
    for (const std::string& wrong :
         {std::string("our mark {key}"), std::string("{key} "), std::string("a\\{key}"),
          std::string("a[{key}"), std::string("{key}]"), std::string("{key}{key}"),
          std::string("amop"), "m" + side + "{key}", "{key}m" + side, std::string("\u00e9{key}")}) {
        const json::object told = change(serialize(json::object{{"markerFormat", wrong}}));
        EXPECT_TRUE(told.contains("/markerFormat")) << wrong;
    }
    EXPECT_EQ(stored().at("markerFormat"), "");
}

TEST_F(ChargeSettings, only_who_may_charge_changes_them) {
    caller_.role = tenants::Role::operator_;
    base::JsonErrors errors;
    const auto refused = change_charge_setting(*connection_, caller_, {{"pageSize", 10}}, errors);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::forbidden);
    EXPECT_TRUE(stored().at("modifiedBy").is_null());
}

}  // namespace
}  // namespace carryall::charges
