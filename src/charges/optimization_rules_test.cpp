// Amounts digit by digit, billing dates in their zone, cells of device results.
#include "charges/optimization_rules.hpp"

#include <gtest/gtest.h>

namespace carryall::charges {
namespace {

namespace json = base::json;
using sheets::Cell;
using sheets::CellKind;

std::string decimal(std::string_view text, const DecimalRule& rule = {}) {
    const auto read = read_decimal(text, rule);
    return read ? *read : "bad";
}

TEST(Decimals, are_kept_digit_by_digit) {
    EXPECT_EQ(decimal("12.50"), "12.5");
    EXPECT_EQ(decimal("0012"), "12");
    EXPECT_EQ(decimal(".000001"), "0.000001");
    EXPECT_EQ(decimal("1.50000000000000"), "1.5");
    EXPECT_EQ(decimal("123456789.123456"), "123456789.123456");
    EXPECT_EQ(decimal("0.000"), "0");
    EXPECT_EQ(decimal("1000000000"), "1000000000");
    const DecimalRule money{.may_be_negative = true};
    EXPECT_EQ(decimal("-4.20", money), "-4.2");
    EXPECT_EQ(decimal("-0", money), "0");
}

TEST(Decimals, that_are_wrong_or_absurd_are_refused) {
    for (const char* text :
         {"", ".", "1.", "1,5", "1e400", "1e2", "$5", "5 EUR", "1 000", "0x10", "NaN", "Infinity",
          "--1", "1.2.3", "-1", "1000000000.000001", "1000000001", "10000000000", "0.0000001"}) {
        EXPECT_EQ(decimal(text), "bad") << text;
    }
    EXPECT_EQ(decimal(std::string(1'000'000, '9')), "bad");
    EXPECT_EQ(decimal("-1000000001", {.may_be_negative = true}), "bad");
    EXPECT_EQ(decimal("1.5", {.max_fraction_digits = 0}), "bad");
}

TEST(Decimals, of_a_spreadsheet_are_the_fifteen_digits_it_shows) {
    EXPECT_EQ(shown_number("0.30000000000000004"), "0.3");
    EXPECT_EQ(shown_number("7.0000000000000009"), "7");
    EXPECT_EQ(shown_number("2.9999999999999999E-2"), "0.03");
    EXPECT_EQ(shown_number("9.99999999999999999"), "10");
    EXPECT_EQ(shown_number("-1.25E+3"), "-1250");
    EXPECT_EQ(shown_number("1E-5"), "0.00001");
    EXPECT_EQ(shown_number("1e400"), std::nullopt);
    EXPECT_EQ(shown_number("twelve"), std::nullopt);
    EXPECT_EQ(plain_number("1.23456789012345678E1"), "12.3456789012345678");
}

std::string cell_text(const char* column_name, const Cell& cell) {
    for (const TableColumn& column : result_columns_described()) {
        if (std::string_view(column.name) != column_name) continue;
        const auto read = read_cell(column, cell);
        if (!read) return "bad: " + read.error().message;
        return read->value_or("empty");
    }
    return "no such column";
}

TEST(TableCells, are_read_by_their_columns) {
    EXPECT_EQ(cell_text("rateCharge", {"0.30000000000000004", CellKind::number}), "0.3");
    EXPECT_TRUE(cell_text("rateCharge", {"0.30000000000000004", CellKind::text})
                    .starts_with("bad: has more than 6 digits"));
    EXPECT_EQ(cell_text("rateCharge", {"-3", CellKind::text}), "-3");
    EXPECT_TRUE(cell_text("rateCharge", {}).starts_with("bad: is empty"));
    EXPECT_EQ(cell_text("overageCharge", {}), "empty");
    EXPECT_TRUE(cell_text("usageMb", {"-1", CellKind::text}).starts_with("bad"));
    EXPECT_EQ(cell_text("smsUsage", {"12.000", CellKind::text}), "12");
    EXPECT_TRUE(cell_text("smsUsage", {"1.5", CellKind::text}).starts_with("bad"));
    EXPECT_EQ(cell_text("portal", {"2", CellKind::number}), "mobility");
    EXPECT_EQ(cell_text("portal", {"M2M", CellKind::text}), "m2m");
    EXPECT_TRUE(cell_text("portal", {"crossProvider", CellKind::text}).starts_with("bad"));
    EXPECT_TRUE(cell_text("queueId", {"0", CellKind::text}).starts_with("bad"));
    EXPECT_EQ(cell_text("revProductId", {"0", CellKind::text}), "empty");
    EXPECT_EQ(cell_text("smsRevProductTypeId", {"2147483647", CellKind::text}), "2147483647");
    EXPECT_TRUE(cell_text("revProductId", {"2147483648", CellKind::text}).starts_with("bad"));
    EXPECT_TRUE(cell_text("revProductTypeId", {"-311", CellKind::text}).starts_with("bad"));
    EXPECT_TRUE(cell_text("iccid", {"8.9E+18", CellKind::text}).starts_with("bad"));
    EXPECT_TRUE(cell_text("ratePlan", {"#N/A", CellKind::error}).starts_with("bad"));
    EXPECT_TRUE(cell_text("ratePlan", {std::string(201, 'x'), CellKind::text}).starts_with("bad"));
    EXPECT_TRUE(looks_chargeable("Charge Amnt"));
    EXPECT_FALSE(looks_chargeable("Device Id"));
}

TEST(BillingDates, are_of_the_billing_zone) {
    const auto zone = base::TimeZone::find("America/New_York");
    ASSERT_TRUE(zone);
    EXPECT_EQ(*read_billing_date("2026-03-01", *zone), "2026-03-01");
    EXPECT_EQ(*read_billing_date("2026-03-01T04:59:59Z", *zone), "2026-02-28");
    EXPECT_EQ(*read_billing_date("2026-03-01T05:00:00Z", *zone), "2026-03-01");
    EXPECT_EQ(*read_billing_date("2026-03-01T00:00:00", *zone), "2026-03-01");
    EXPECT_EQ(*read_billing_date("2026-03-01T05:00:00Z", base::TimeZone::utc()), "2026-03-01");
    for (const char* text : {"", "2026-02-30", "01.03.2026", "2026-03", "yesterday"}) {
        EXPECT_FALSE(read_billing_date(text, *zone)) << text;
    }
}

TEST(PortalTypes, are_known_by_name_and_by_the_number_of_the_original) {
    EXPECT_EQ(parse_portal_type("m2m"), PortalType::m2m);
    EXPECT_EQ(parse_portal_type("2"), PortalType::mobility);
    EXPECT_EQ(parse_portal_type("cross_provider"), PortalType::cross_provider);
    EXPECT_EQ(portal_type_of(json::value("CrossProvider")), PortalType::cross_provider);
    EXPECT_EQ(portal_type_of(json::value(0)), PortalType::m2m);
    EXPECT_EQ(portal_type_of(json::value(1)), std::nullopt);  // LNP is never charged
    EXPECT_EQ(portal_type_of(json::value(nullptr)), std::nullopt);
}

InstanceRequest read(const std::string& body, base::JsonErrors& errors) {
    const auto parsed = base::parse_json_exactly(body);
    EXPECT_TRUE(parsed);
    return read_instance(*parsed, base::TimeZone::utc(), errors);
}

TEST(Instances, keep_amounts_as_they_were_written) {
    base::JsonErrors errors;
    const InstanceRequest request = read(
        R"({"portalType":0,"customerId":7,"billingPeriodStart":"2026-03-01",
            "billingPeriodEnd":"2026-03-31","commGroups":[{"commGroupId":1,"queues":[
              {"queueId":2,"totalCost":0.1,"deviceResults":[
                {"iccid":"8910300000000000017","rateCharge":1.10,"overageCharge":"0.000001",
                 "usageMb":1.25E1}]},
              {"queueId":3}]}]})",
        errors);
    ASSERT_TRUE(errors.empty()) << errors.items().front().where << errors.items().front().message;
    const auto& queues = request.comm_groups.at(0).queues;
    EXPECT_EQ(queues.at(0).total_cost, "0.1");
    ASSERT_TRUE(queues.at(0).device_results);
    const TableCells& cells = queues.at(0).device_results->at(0);
    EXPECT_EQ(cells.at(0), "2");
    EXPECT_EQ(cells.at(5), "12.5");
    EXPECT_EQ(cells.at(6), "1.1");
    EXPECT_EQ(cells.at(7), "0.000001");
    EXPECT_FALSE(queues.at(1).device_results);
}

TEST(Instances, tell_every_mistake_with_its_place) {
    base::JsonErrors errors;
    read(R"({"portalType":"lnp","billingPeriodStart":"2026-03-31","billingPeriodEnd":"2026-03-01",
             "runEndTime":"soon","customerEmails":["x"],"colour":1,
             "integrationAuthenticationId":0,"commGroups":[
               {"commGroupId":1,"queues":[{"queueId":2,"totalCost":"1,5","totalcost":1},
                                          {"queueId":2,"deviceResults":[{"queueId":3}]}]},
               {"commGroupId":1},7]})",
         errors);
    std::set<std::string> places;
    for (const base::Error& error : errors.items()) places.insert(error.where);
    EXPECT_EQ(places,
              (std::set<std::string>{
                  "/portalType", "/billingPeriodEnd", "/runEndTime", "/customerEmails", "/colour",
                  "/integrationAuthenticationId", "/customerId", "/commGroups/0/queues/0/totalCost",
                  "/commGroups/0/queues/0/totalcost", "/commGroups/0/queues/1/queueId",
                  "/commGroups/0/queues/1/deviceResults/0/queueId",
                  "/commGroups/0/queues/1/deviceResults/0/rateCharge",
                  "/commGroups/0/queues/1/deviceResults/0/iccid", "/commGroups/1/commGroupId",
                  "/commGroups/2"}));
}

}  // namespace
}  // namespace carryall::charges
