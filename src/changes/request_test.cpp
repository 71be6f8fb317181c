// The request in JSON and in files, without a database.
#include "changes/request.hpp"

#include <gtest/gtest.h>

#include "changes/parameters.hpp"
#include "devices/identifiers.hpp"

namespace carryall::changes {
namespace {

const std::string kIccid = [] {
    const std::string digits = "8910300000000000012";
    return digits + devices::luhn_check_digit(digits);
}();

struct Parsed {
    base::Result<ParsedRequest> result = base::internal_error("");
    std::vector<base::Error> errors;

    std::vector<std::string> places() const {
        std::vector<std::string> all;
        for (const base::Error& error : errors) all.push_back(error.where);
        return all;
    }
};

Parsed parse(const std::string& text) {
    Parsed parsed;
    auto value = base::parse_json(text);
    EXPECT_TRUE(value) << text;
    parsed.result = parse_request(std::move(*value), parsed.errors);
    return parsed;
}

std::vector<DeviceRow> rows_of(DeviceSource& source) {
    std::vector<DeviceRow> rows;
    DeviceRow row;
    while (true) {
        const auto more = source.next(row);
        EXPECT_TRUE(more) << more.error().message;
        if (!more || !*more) return rows;
        rows.push_back(row);
    }
}

std::vector<DeviceRow> rows_of_json(const std::string& type, const std::string& devices) {
    auto parsed = parse(R"({"serviceProviderId": 1, "changeType": ")" + type +
                        R"(", "devices": [)" + devices + "]}");
    EXPECT_TRUE(parsed.result) << parsed.result.error().where << parsed.result.error().message;
    return parsed.result ? rows_of(*parsed.result->devices) : std::vector<DeviceRow>();
}

struct Table {
    std::vector<DeviceRow> rows;
    std::vector<std::string> warnings;
    std::string error;
};
Table table(ChangeType type, const std::string& csv) {
    Table read;
    auto opened = sheets::open_table_bytes(csv);
    if (!opened) return {{}, {}, opened.error().message};
    BulkChangeRequest request;
    request.change_type = type;
    auto devices = table_devices(request, std::move(*opened));
    if (!devices) return {{}, {}, devices.error().message};
    read.rows = rows_of(**devices);
    read.warnings = (*devices)->warnings();
    return read;
}

TEST(RequestTest, the_request_of_the_original_system_is_read_whatever_the_case_of_its_keys) {
    auto parsed = parse(R"({"ServiceProviderId": 7, "CHANGETYPE": 4, "ProcessChanges": false,
        "Devices": [")" +
                        kIccid + R"("], "CarrierRatePlanUpdate": null,
        "CustomerRatePlanUpdate": {"CustomerRatePlanId": 12, "CustomerDataAllocationMB": 10.5,
        "CustomerPoolId": "3", "EffectiveDate": "2026-03-01T00:00:00Z"}})");
    ASSERT_TRUE(parsed.result) << parsed.result.error().message;
    const BulkChangeRequest& request = parsed.result->request;
    EXPECT_EQ(request.service_provider_id, 7);
    EXPECT_EQ(request.change_type, ChangeType::customerrateplanchange);
    EXPECT_FALSE(request.process_changes);
    const auto& update = request.parameters.customer_rate_plan_update;
    ASSERT_TRUE(update);
    EXPECT_EQ(update->customer_rate_plan_id, 12);
    EXPECT_EQ(update->customer_data_allocation_mb, "10.5");
    EXPECT_EQ(update->customer_pool_id, 3);
    EXPECT_EQ(update->effective_date, "2026-03-01T00:00:00Z");
    EXPECT_TRUE(request.warnings.empty());
}

TEST(RequestTest, every_type_is_known_by_name_in_any_case_and_by_number) {
    EXPECT_EQ(parse_change_type("CustomerAssignment"), ChangeType::customerassignment);
    EXPECT_EQ(parse_change_type("10"), ChangeType::customerassignment);
    EXPECT_EQ(parse_change_type("4"), ChangeType::customerrateplanchange);
    EXPECT_EQ(parse_change_type("7"), ChangeType::carrierrateplanchange);
    EXPECT_EQ(parse_change_type(" statusUpdate "), ChangeType::statusupdate);
    EXPECT_EQ(parse_change_type("11"), ChangeType::newserviceactivation);
    EXPECT_EQ(parse_change_type("12"), std::nullopt);
}

TEST(RequestTest, customer_and_service_at_the_top_level_are_accepted) {
    auto parsed = parse(R"({"serviceProviderId": 1, "changeType": "CustomerAssignment",
        "RevCustomerId": 100, "CreateRevService": true, "AddCarrierRatePlan": false,
        "UseCarrierActivation": true, "devices": []})");
    ASSERT_TRUE(parsed.result);
    const auto& assignment = parsed.result->request.parameters.customer_assignment;
    ASSERT_TRUE(assignment);
    EXPECT_EQ(assignment->rev_customer_id, "100");
    EXPECT_EQ(assignment->create_rev_service, true);
    EXPECT_EQ(assignment->add_customer_rate_plan, false);
    EXPECT_EQ(assignment->use_carrier_activation, true);
}

TEST(RequestTest, every_mistake_is_reported_with_its_pointer) {
    using Places = std::vector<std::string>;
    EXPECT_EQ(parse("[]").places(), Places{""});
    EXPECT_EQ(parse("{}").places(), (Places{"/serviceProviderId", "/changeType"}));
    EXPECT_EQ(parse(R"({"serviceProviderId": 0, "changeType": "nothing", "dryRun": 1})").places(),
              (Places{"/serviceProviderId", "/changeType", "/dryRun"}));
    EXPECT_EQ(parse(R"({"serviceProviderId": 1, "changeType": 4, "devices": [5, {}, null,
        {"iccid": "1", "msisdn": "2"}, {"iccid": 8910300000000000012}],
        "customerRatePlanUpdate": {"customerRatePlanId": "x", "effectiveDate": "03/04/2026",
        "customerDataAllocationMB": -1}})")
                  .places(),
              (Places{"/customerRatePlanUpdate/customerRatePlanId",
                      "/customerRatePlanUpdate/effectiveDate",
                      "/customerRatePlanUpdate/customerDataAllocationMB", "/devices/0",
                      "/devices/1", "/devices/2", "/devices/3", "/devices/4/iccid"}));
}

TEST(RequestTest, a_hundred_mistakes_are_enough) {
    std::string devices = "1";
    for (int i = 0; i < 1000; ++i) devices += ",1";
    EXPECT_EQ(parse(R"({"serviceProviderId": 1, "changeType": 4, "devices": [)" + devices + "]}")
                  .errors.size(),
              kMaxRequestErrors);
}

TEST(RequestTest, what_a_device_or_another_type_has_beside_is_told) {
    auto parsed = parse(R"({"serviceProviderId": 1, "changeType": 1,
        "statusUpdate": {"updateStatus": "Active"}, "carrierRatePlanUpdate": {},
        "devices": [{"iccid": "1", "hue": 1}, {"iccid": "1", "hue": 1}]})");
    ASSERT_TRUE(parsed.result);
    EXPECT_EQ(parsed.result->request.warnings.size(), 2U);
}

TEST(RequestTest, a_misspelt_member_is_refused_before_it_becomes_a_change_at_once) {
    EXPECT_EQ(parse(R"({"serviceProviderId": 1, "changeType": 1, "dryRunn": true, "devices": ["1"],
        "statusUpdate": {"updateStatus": "Active", "efectiveDate": "2030-01-01"}})")
                  .places(),
              (std::vector<std::string>{"/dryRunn", "/statusUpdate/efectiveDate"}));
    EXPECT_EQ(parse(R"({"serviceProviderId": 1, "changeType": 1, "startAt": "", "devices": ["1"],
        "statusUpdate": {"updateStatus": "Active"}})")
                  .places(),
              (std::vector<std::string>{"/startAt"}));
    EXPECT_EQ(parse(R"({"serviceProviderId": 1, "changeType": 11, "devices": ["1"],
        "newServiceActivation": {}, "customerAssignment": {"customerId": 1, "sight": 2}})")
                  .places(),
              (std::vector<std::string>{"/customerAssignment/sight"}));
}

TEST(RequestTest, a_device_is_named_by_what_it_looks_like_or_by_its_key) {
    const auto rows = rows_of_json(
        "statusupdate", '"' + kIccid + R"(", "+12125550100", {"subscriberNumber": "2125550100"},
        {"IMEI": "490154203237518"}, {"identifier": ")" +
                            kIccid + "\"}");
    ASSERT_EQ(rows.size(), 5U);
    EXPECT_EQ(rows[0].kind, IdentifierKind::iccid);
    EXPECT_EQ(rows[0].key, kIccid.substr(0, 19));
    EXPECT_EQ(rows[1].kind, IdentifierKind::msisdn);
    EXPECT_EQ(rows[1].key, "12125550100");
    EXPECT_EQ(rows[2].kind, IdentifierKind::msisdn);
    EXPECT_EQ(rows[3].kind, IdentifierKind::imei);
    EXPECT_EQ(rows[4].key, rows[0].key);
    EXPECT_EQ(rows[4].row_number, 5);
}

TEST(RequestTest, own_parameters_may_stand_flat_or_in_their_section) {
    const auto rows = rows_of_json("carrierrateplanchange",
                                   R"({"iccid": "1", "carrierRatePlan": "A"},
        {"iccid": "1", "CarrierRatePlanUpdate": {"CarrierRatePlan": "B"}}, {"iccid": "1"})");
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].own.carrier_rate_plan_update->carrier_rate_plan, "A");
    EXPECT_EQ(rows[1].own.carrier_rate_plan_update->carrier_rate_plan, "B");
    EXPECT_FALSE(rows[2].has_own);
}

TEST(RequestTest, a_bad_value_of_one_device_is_that_devices_problem) {
    const auto rows = rows_of_json("customerrateplanchange",
                                   R"({"iccid": "1", "customerDataAllocationMB": "-5"},
        {"iccid": "1", "effectiveDate": "tomorrow"}, {"iccid": "1", "customerPoolId": "x"},
        {"iccid": "1", "customerDataAllocationMB": "10000000.1"})");
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].parameter_problem, "Invalid data allocation (negative)");
    EXPECT_TRUE(rows[1].parameter_problem.starts_with("Invalid effective date ("));
    EXPECT_EQ(rows[2].parameter_problem, "Invalid customerPoolId (must be a whole number from 1)");
    EXPECT_EQ(rows[3].parameter_problem, "Invalid data allocation (more than 10000000 MB)");
    EXPECT_EQ(rows[0].rejected.at(0).second, "-5");
}

TEST(RequestTest, an_allocation_is_kept_to_the_last_digit) {
    EXPECT_EQ(decimal_text("0.10"), "0.10");
    EXPECT_EQ(decimal_text("123456789012345678.123456"), "123456789012345678.123456");
    EXPECT_EQ(decimal_text("1e3"), std::nullopt);
    EXPECT_EQ(decimal_text("1,5"), std::nullopt);
    EXPECT_EQ(decimal_text("1."), std::nullopt);
    EXPECT_EQ(decimal_text("0.1234567"), std::nullopt);
    EXPECT_EQ(check_allocation("10000000"), "");
    EXPECT_EQ(check_allocation("0010000000.000"), "");
    EXPECT_EQ(check_allocation("-0"), "");
    EXPECT_EQ(check_allocation("10000001"), "Invalid data allocation (more than 10000000 MB)");
    auto rounded = parse(R"({"serviceProviderId": 1, "changeType": 4,
        "customerRatePlanUpdate": {"customerDataAllocationMB": 0.1234567890123456789}})");
    ASSERT_EQ(rounded.errors.size(), 1U);
    EXPECT_NE(rounded.errors[0].message.find("rounded"), std::string::npos);
}

TEST(RequestTest, identifiers_that_cannot_be_one_are_refused_with_what_is_wrong) {
    std::string wrong = kIccid;
    wrong.back() = wrong.back() == '0' ? '1' : '0';
    const auto rows = rows_of_json("statusupdate", "\"8.9E+18\", \"" + wrong +
                                                       "\", \"123456789012345678901\", \"\", "
                                                       "\"not a sim\"");
    ASSERT_EQ(rows.size(), 5U);
    for (const DeviceRow& row : rows) {
        EXPECT_TRUE(row.problem.starts_with("Invalid ICCID (")) << row.problem;
        EXPECT_EQ(row.key, "");
    }
    EXPECT_NE(rows[1].problem.find("check digit"), std::string::npos) << rows[1].problem;
    EXPECT_NE(rows[2].problem.find("21"), std::string::npos) << rows[2].problem;
}

TEST(UploadTest, columns_are_found_whatever_their_case_blanks_and_underscores) {
    const auto read = table(ChangeType::carrierrateplanchange,
                            "Carrier Rate_Plan,icc-id,Effective date,Colour,Reason,State\n"
                            "P1," +
                                kIccid + ",2026-03-01,red,bad,error\n,\"" + kIccid + "\",,,,\n");
    EXPECT_EQ(read.error, "");
    ASSERT_EQ(read.rows.size(), 2U);
    EXPECT_EQ(read.rows[0].row_number, 2);
    EXPECT_EQ(read.rows[0].identifier, kIccid);
    EXPECT_EQ(read.rows[0].own.carrier_rate_plan_update->carrier_rate_plan, "P1");
    EXPECT_EQ(read.rows[0].own.carrier_rate_plan_update->effective_date, "2026-03-01T00:00:00Z");
    EXPECT_FALSE(read.rows[1].has_own);
    ASSERT_EQ(read.warnings.size(), 1U);
    EXPECT_NE(read.warnings[0].find("Colour"), std::string::npos);
    EXPECT_EQ(read.warnings[0].find("Reason"), std::string::npos);
}

TEST(UploadTest, the_first_filled_identifier_of_a_row_counts) {
    const auto read = table(ChangeType::statusupdate,
                            "Phone Number,SIM,Status\n2125550100,,Active\n"
                            "2125550100," +
                                kIccid + ",Active\n");
    ASSERT_EQ(read.rows.size(), 2U);
    EXPECT_EQ(read.rows[0].kind, IdentifierKind::msisdn);
    EXPECT_EQ(read.rows[1].kind, IdentifierKind::iccid);
    EXPECT_EQ(read.rows[1].own.status_update->update_status, "Active");
}

TEST(UploadTest, a_file_without_a_known_column_is_refused_with_the_known_ones) {
    const auto read = table(ChangeType::statusupdate, "name,colour\na,b\n");
    EXPECT_NE(read.error.find("ICCID"), std::string::npos) << read.error;
    EXPECT_NE(read.error.find("colour"), std::string::npos) << read.error;
}

TEST(UploadTest, two_columns_of_one_meaning_are_refused) {
    EXPECT_NE(table(ChangeType::statusupdate, "iccid,Status,Update Status\n1,a,b\n")
                  .error.find("Update Status"),
              std::string::npos);
}

TEST(UploadTest, what_a_spreadsheet_did_to_an_iccid_is_explained) {
    const auto read = table(ChangeType::statusupdate, "ICCID\n8.9E+18\n=" + kIccid + "\n");
    ASSERT_EQ(read.rows.size(), 2U);
    EXPECT_TRUE(read.rows[0].problem.starts_with("Invalid ICCID (")) << read.rows[0].problem;
    EXPECT_EQ(read.rows[0].identifier, "8.9E+18");
    EXPECT_FALSE(read.rows[1].problem.empty());
}

TEST(UploadTest, byte_order_marks_semicolons_and_utf_16_are_read) {
    const std::string rows = "ICCID;Status\r\n" + kIccid + ";Suspended\r\n";
    std::string wide = "\xff\xfe";
    for (const char c : rows) {
        wide += c;
        wide += '\0';
    }
    for (const std::string& file : {"\xef\xbb\xbf" + rows, wide}) {
        const auto read = table(ChangeType::statusupdate, file);
        ASSERT_EQ(read.rows.size(), 1U) << read.error;
        EXPECT_EQ(read.rows[0].problem, "");
        EXPECT_EQ(read.rows[0].own.status_update->update_status, "Suspended");
    }
}

TEST(MergeTest, a_devices_own_customer_is_never_mixed_with_the_changes) {
    ChangeParameters effective;
    effective.customer_assignment.emplace();
    effective.customer_assignment->rev_customer_id = "R-1";
    effective.customer_assignment->customer_id = 5;
    effective.customer_assignment->site_id = 6;
    effective.customer_assignment->account_number = "A";
    effective.customer_assignment->create_rev_service = true;
    References names;
    DeviceRow row;
    row.has_own = true;
    row.references.customer = "Other";
    merge_parameters(effective, names, row);
    EXPECT_EQ(effective.customer_assignment->rev_customer_id, std::nullopt);
    EXPECT_EQ(effective.customer_assignment->customer_id, std::nullopt);
    EXPECT_EQ(effective.customer_assignment->site_id, std::nullopt);
    EXPECT_EQ(effective.customer_assignment->account_number, std::nullopt);
    EXPECT_EQ(effective.customer_assignment->create_rev_service, true);
    EXPECT_EQ(names.customer, "Other");
}

}  // namespace
}  // namespace carryall::changes
