// Charges by an uploaded file, on real PostgreSQL: from the rows to what is sent.
#include "charges/charge_file.hpp"

#include <fstream>

#include "charges/preview.hpp"
#include "support/charges.hpp"
#include "support/temp_dir.hpp"

namespace carryall::charges {
namespace {

class ChargeFileTest : public LedgerTest {
  protected:
    static std::string iccid(int device) { return "891030000000000000" + std::to_string(device); }
    // A row of one of the devices; `rest`: kind, amount, description, product type.
    static std::string row(int device, const std::string& rest) {
        return iccid(device) + ',' + rest + '\n';
    }
    Result<ChargeFileReport> try_take(const std::string& rows, bool dry_run = false) {
        const auto path = folder_.path() / "charges.csv";
        std::ofstream(path, std::ios::binary) << header_ << rows;
        return take_file(*connection_, caller_, request_, path, dry_run);
    }
    ChargeFileReport take(const std::string& rows, bool dry_run = false) {
        auto report = try_take(rows, dry_run);
        EXPECT_TRUE(report) << report.error().where << ' ' << report.error().message;
        return report ? *report : ChargeFileReport{};
    }
    std::string refused(const std::string& rows) {
        const auto report = try_take(rows);
        if (!report) return report.error().where + ": " + report.error().message;
        std::string text;
        for (const auto& bad : report->bad_rows) {
            text += std::to_string(bad.row_number) + ' ' + bad.column + ": " + bad.reason + '\n';
        }
        EXPECT_EQ(report->stored_rows, 0);
        EXPECT_EQ(sql("SELECT count(*) FROM charge_file"), "0");
        return text;
    }
    ChargeRunId order_of(ChargeFileId file) {
        const auto ordered = order_file(*connection_, caller_, file);
        EXPECT_TRUE(ordered) << ordered.error().message;
        return ordered ? ordered->id : ChargeRunId{};
    }
    MadeIntents make_file(ChargeRunId run) {
        const auto made = make_file_intents(*connection_, 1, run);
        EXPECT_TRUE(made) << made.error().message;
        return made ? *made : MadeIntents{};
    }
    std::string messages(const std::string& columns) {
        return sql("SELECT string_agg(" + columns +
                   ", ' ' ORDER BY message_id) FROM queue_message");
    }

    support::TempDir folder_;
    std::string header_ = "iccid,kind,amount,description,productTypeId\n";
    ChargeFileRequest request_{"fees.csv", 1, "2026-02-01", "2026-02-28"};
};

TEST_F(ChargeFileTest, rows_are_stored_as_they_are_and_make_one_charge_each) {
    const ChargeFileReport report =
        take(row(1, "rate,12.5,Router rental,311") + row(1, "sms,0.75,Texts,312") +
             row(2, ",3,\"Late fee, February\",311") + row(3, "overage,0,Nothing,311"));
    EXPECT_EQ(report.stored_rows, 4);
    EXPECT_EQ(report.total_amount, "16.25");
    const ChargeRunId run = order_of(report.id);
    EXPECT_EQ(messages("queue || (attributes ->> 'FileId') || (attributes ->> 'PartNumber')"),
              "customer_charge" + std::to_string(report.id.value) + "1");
    EXPECT_TRUE(part_of(run).is_to_be_made);
    EXPECT_EQ(make_file(run).charges, 4);
    EXPECT_FALSE(part_of(run).is_to_be_made);
    EXPECT_EQ(charges("device_id || kind || amount || state"),
              "1rate12.5000new 1sms0.7500new 2usage3.0000new 3overage0.0000skipped");
    EXPECT_EQ(sql("SELECT description || ' ' || marker FROM charge WHERE device_id = 2"),
              "Late fee, February amop:F" + std::to_string(report.id.value) + "-D2-USAGE");
    EXPECT_EQ(sql("SELECT concat_ws(' ', rev_customer_id, revio_service_id, product_type_id, "
                  "start_date, end_date) FROM charge WHERE device_id = 1 AND kind = 'rate'"),
              "4102 99120 311 2026-02-01 2026-02-28");
    EXPECT_TRUE(charge_all(part_of(run)));
    const auto ended = get_run(*connection_, {1}, run);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->run.counts.charged, 3);
    EXPECT_EQ(ended->run.counts.charged_amount, "16.25");
    EXPECT_EQ(ended->run.charge_file_id, report.id.value);
    EXPECT_EQ(ended->parts.at(0).note, "file fees.csv");
}

TEST_F(ChargeFileTest, the_same_file_is_charged_by_one_run_and_its_intents_are_made_once) {
    const ChargeFileId file = take(row(1, "rate,12.5,Fee,311")).id;
    const ChargeRunId run = order_of(file);
    const auto again = order_file(*connection_, caller_, file);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->is_new);
    EXPECT_EQ(again->id, run);
    EXPECT_TRUE(make_file(run).is_new);
    EXPECT_FALSE(make_file(run).is_new);
    EXPECT_EQ(sql("SELECT count(*) FROM charge"), "1");
    EXPECT_EQ(sql("SELECT count(*) FROM charge_page"), "1");
    EXPECT_EQ(sql("SELECT open_part_count FROM charge_run"), "1");
}

TEST_F(ChargeFileTest, the_same_rows_in_another_file_or_after_an_instance_wait_for_a_person) {
    make({71});
    const ChargeRunId first = order_of(take(row(4, "usage,2,Fee,311")).id);
    make_file(first);
    const ChargeFileReport report =
        take(row(1, "rate,12.5,Fee,311") + row(4, "rate,2,Fee,311") + row(5, "rate,2,Fee,311"));
    const auto shown = preview_file(*connection_, caller_, report.id);
    ASSERT_TRUE(shown) << shown.error().message;
    EXPECT_EQ(shown->amount, "2");
    ASSERT_EQ(shown->warnings.size(), 2U);
    EXPECT_EQ(shown->warnings.at(0).amount, "12.5");
    EXPECT_FALSE(shown->warnings.at(0).instance_id);
    EXPECT_EQ(sql("SELECT count(*) FROM charge WHERE source_id = " +
                  std::to_string(report.id.value) + " AND source = 'file'"),
              "0");  // a preview leaves nothing behind
    make_file(order_of(report.id));
    EXPECT_EQ(charges("device_id || state || coalesce(' ' || reason, '')",
                      "WHERE source = 'file' AND kind = 'rate'"),
              "1parked another instance or file charges this device for the same period "
              "4parked another instance or file charges this device for the same period 5new");
}

TEST_F(ChargeFileTest, a_file_without_an_account_records_and_sends_nothing) {
    request_.integration_authentication_id.reset();
    database().run("UPDATE device SET customer_id = 2 WHERE device_id IN (2, 3)");
    header_ = "iccid,amount,description\n";
    const ChargeFileReport report = take(row(2, "4.2,Fee") + row(3, "5,Fee"));
    const ChargeRunId run = order_of(report.id);
    database().run("DELETE FROM queue_message");
    make_file(run);
    EXPECT_EQ(charges("device_id || kind || state || marker"), "2usagerecorded 3usagerecorded");
    EXPECT_EQ(messages("queue"), "customer_charge_check");
    EXPECT_EQ(sql("SELECT count(*) FROM charge_page"), "0");
}

TEST_F(ChargeFileTest, every_bad_row_is_told_and_none_is_stored) {
    database().run(
        "UPDATE device SET customer_id = NULL WHERE device_id = 4;"
        "UPDATE device SET customer_id = 2 WHERE device_id = 5");
    const std::string told = refused(
        row(1, "rate,1,Fee,311") + row(1, "RATE,2,Fee,311") + row(1, "overage,\"1,5\",Fee,311") +
        row(1, "overage,1.005,Fee,311") + row(1, "overage,1000000001,Fee,311") +
        row(1, "overage,1E3,Fee,311") + row(1, "overage,,Fee,311") + row(1, "sms,1,,311") +
        row(1, "tax,1,Fee,311") + row(2, "rate,1,Fee,") + row(4, "rate,1,Fee,311") +
        row(5, "rate,1,Fee,311") + "8944500000000000009,rate,1,Fee,311\n,rate,1,Fee,311\n" +
        "8.9103E+18,rate,1,Fee,311\n" +
        row(3,
            "rate,1,F\xFC"
            "e,311"));
    const char* const expected[] = {
        "3 kind: row 2 charges the same device",
        "4 amount: write a number with a decimal point",
        "5 amount: has more than 2 digits behind the point",
        "6 amount: is beyond 1000000000",
        "7 amount: write a number",
        "8 amount: is empty",
        "9 description: is empty",
        "10 kind: write rate, overage, usage or sms",
        "11 productId: is empty, as is productTypeId",
        "12 iccid: the device has no customer",
        "13 iccid: the customer Bolt has no Rev.io id",
        "14 iccid: there is no device with this ICCID",
        "15 iccid: is empty; name the device",
        "16 iccid: ",
        "17 ",
    };
    std::size_t at = 0;
    for (const char* line : expected) {
        const std::size_t found = told.find(line, at);
        EXPECT_NE(found, std::string::npos) << line << " is not in\n" << told;
        if (found != std::string::npos) at = found;
    }
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 15) << told;
}

TEST_F(ChargeFileTest, a_file_takes_one_product_a_row_and_its_account_must_fit_the_customers) {
    header_ = "iccid,amount,description,productId,productTypeId\n";
    EXPECT_NE(refused(row(1, "1,Fee,311,312")).find("2 productId: is given beside productTypeId"),
              std::string::npos);
    request_.integration_authentication_id.reset();
    EXPECT_NE(refused(row(1, "1,Fee,,")).find("the customer Acme is one of Rev.io"),
              std::string::npos);
    request_.integration_authentication_id = 2;
    EXPECT_EQ(refused(row(1, "1,Fee,311,")),
              "parameter integrationAuthenticationId: integrationAuthenticationId must be a "
              "service provider with the integration revio");
}

TEST_F(ChargeFileTest, what_is_no_period_or_no_table_is_refused) {
    request_.billing_period_end = "2026-01-31";
    EXPECT_EQ(refused(row(1, "rate,1,Fee,311")),
              "parameter billingPeriodEnd: billingPeriodEnd must not be before "
              "billingPeriodStart");
    request_.billing_period_end = "2026-02-30";
    EXPECT_NE(refused("").find("parameter billingPeriodEnd"), std::string::npos);
    request_.billing_period_end = "2026-02-28";
    EXPECT_NE(refused("").find("has column names but no rows"), std::string::npos);
    header_ = "iccid,amount\n";
    EXPECT_NE(refused(row(1, "1")).find("description"), std::string::npos);
    header_ = "iccid,amount,description,chrgeAmount2\n";
    EXPECT_NE(refused(row(1, "1,Fee,2")).find("looks like something to charge"), std::string::npos);
}

TEST_F(ChargeFileTest, a_dry_run_stores_nothing_and_another_tenant_sees_nothing) {
    const ChargeFileReport tried = take(row(1, "rate,1,Fee,311"), true);
    EXPECT_FALSE(tried.id);
    EXPECT_EQ(tried.total_amount, "1");
    EXPECT_EQ(sql("SELECT count(*) FROM charge_file_row"), "0");
    const ChargeFileId file = take(row(1, "rate,1,Fee,311")).id;
    EXPECT_FALSE(get_file(*connection_, {2}, file));
    caller_.tenant_id = {2};
    const auto ordered = order_file(*connection_, caller_, file);
    ASSERT_FALSE(ordered);
    EXPECT_EQ(ordered.error().where, "/fileId");
    caller_.tenant_id = {1};
    caller_.role = tenants::Role::operator_;
    EXPECT_FALSE(try_take(row(1, "rate,1,Fee,311")));
}

TEST_F(ChargeFileTest, an_account_that_may_not_be_written_to_and_a_signed_off_period_take_no_run) {
    const ChargeFileId file = take(row(1, "rate,1,Fee,311")).id;
    database().run("UPDATE service_provider SET write_is_enabled = false WHERE name = 'rev'");
    auto ordered = order_file(*connection_, caller_, file);
    ASSERT_FALSE(ordered);
    EXPECT_NE(ordered.error().message.find("no active Rev.io account"), std::string::npos);
    database().run(
        "UPDATE service_provider SET write_is_enabled = true WHERE name = 'rev';"
        "INSERT INTO charge_period_sign_off (tenant_id, billing_period_start, billing_period_end, "
        "note, signed_off_by, charge_count, charged_amount, customers) VALUES (1, '2026-02-01', "
        "'2026-02-28', 'all right', 'ann', 0, 0, '[]')");
    ordered = order_file(*connection_, caller_, file);
    ASSERT_FALSE(ordered);
    EXPECT_NE(ordered.error().message.find("is signed off by ann"), std::string::npos);
    EXPECT_EQ(sql("SELECT count(*) FROM charge_run"), "0");
}

TEST_F(ChargeFileTest, a_line_that_lost_its_customer_stops_the_run_until_it_has_one) {
    const ChargeRunId run = order_of(take(row(1, "rate,1,Fee,311")).id);
    database().run("UPDATE device SET customer_id = NULL WHERE device_id = 1");
    EXPECT_FALSE(make_file(run).is_new);
    EXPECT_NE(sql("SELECT hold || hold_reason FROM charge_run").find(iccid(1)), std::string::npos);
    EXPECT_EQ(sql("SELECT count(*) FROM charge"), "0");
    database().run("UPDATE device SET customer_id = 1 WHERE device_id = 1");
    EXPECT_FALSE(make_file(run).is_new);
    ASSERT_TRUE(resume_run(*connection_, caller_, run));
    EXPECT_TRUE(make_file(run).is_new);
    EXPECT_EQ(charges("state"), "new");
}

TEST_F(ChargeFileTest, the_sweep_rebuilds_the_message_of_a_file_that_is_not_made) {
    const ChargeRunId run = order_of(take(row(1, "rate,1,Fee,311")).id);
    database().run("DELETE FROM queue_message");
    const auto rebuilt = sweep_charges(*connection_);
    ASSERT_TRUE(rebuilt);
    EXPECT_EQ(*rebuilt, 1);
    EXPECT_EQ(messages("queue || (attributes ->> 'ChargeRunId') || (attributes ->> 'PartNumber')"),
              "customer_charge" + std::to_string(run.value) + "1");
}

}  // namespace
}  // namespace carryall::charges
