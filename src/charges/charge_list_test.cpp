// The charge list to the byte, and what becomes of it when data are damaged.
#include "charges/charge_list.hpp"

#include <fstream>

#include "support/charge_lists.hpp"

namespace carryall::charges {
namespace {

constexpr const char* kHeader =
    "MSISDN\tIsSuccessful\tChargeId\tChargeAmount\tSMSChargeId\tSMSChargeAmount\tErrorMessage\t"
    "DeviceType\tServiceProvider\tBillingPeriod\tBillingPeriodStart\tBillingPeriodEnd\t"
    "DateCharged\tStatus\tNote\n";
const std::string kPeriod = "\tPOND\t2026-03-01 - 2026-03-31\t2026-03-01\t2026-03-31\t";
const std::string kWhen = "2026-04-01T10:00:00Z";

class WrittenList : public ChargeListTest {
  protected:
    void SetUp() override {
        ChargeListTest::SetUp();
        add_instance(12, 1, "");
        run_ = add_run(1);
        add_part(run_, 1, 12, 501);
    }
    std::string written() {
        const auto part = load_part_to_list(*connection_, {1, {run_}, 1});
        EXPECT_TRUE(part && *part);
        const auto file = folder_.path() / "list.txt";
        const auto figures = write_charge_list(*connection_, (*part)->order, file);
        EXPECT_TRUE(figures) << (figures ? "" : figures.error().message);
        if (figures) figures_ = *figures;
        return content_of(file);
    }

    std::int64_t run_ = 0;
    ListFigures figures_;
};

TEST_F(WrittenList, has_a_row_a_device_with_its_sums_and_ids_and_what_went_wrong) {
    const auto one = add_device(1, "15551230001");
    const auto two = add_device(2, "", "mobility");
    const auto three = add_device(3, "15551230003");
    const auto four = add_device(4, "15551230004");
    add_charges(run_, 1,
                {{one, "rate", "charged", "10.10", "", 123},
                 {one, "overage", "charged", "0.255", "", 124},
                 {one, "sms", "charged", "0.40", "", 125},
                 {two, "rate", "charged", "5", "", 126},
                 {two, "overage", "failed", "7.50", "product 77 is unknown"},
                 {three, "rate", "skipped", "0", "the amount is zero"},
                 {four, "usage", "parked", "20000", "the amount 20000 is above the limit 10000"}});
    settle(run_, 1);
    EXPECT_EQ(
        written(),
        kHeader + ("15551230001\ttrue\t123;124\t10.355\t125\t0.40\t\tM2M" + kPeriod + kWhen) +
            "\tcharged\t\n" +
            ("8910300000000000002\tfalse\t126\t5.00\t\t0.00\toverage 7.50 failed: product 77 is "
             "unknown\tMobility" +
             kPeriod + kWhen) +
            "\trate charged, overage failed\t\n" +
            ("15551230003\ttrue\t\t0.00\t\t0.00\t\tM2M" + kPeriod) +
            "\tskipped\trate 0.00 skipped: the amount is zero\n" +
            ("15551230004\tfalse\t\t0.00\t\t0.00\tusage 20000.00 parked: the amount 20000 is above "
             "the limit 10000\tM2M" +
             kPeriod) +
            "\tparked\t\n"
            "\nSummary\nTotal Devices Processed\t4\nDevices With Errors\t2\n"
            "Successful Charges\t4\nFailed Charges\t1\nParked Charges\t1\nSkipped Charges\t1\n"
            "Total Charge Amount\t15.755\n"
            "\nError Summary\nfailed: product # is unknown\t1\n"
            "parked: the amount # is above the limit #\t1\n");
    EXPECT_EQ(figures_.devices, 4);
    EXPECT_EQ(figures_.error_devices, 2);
}

TEST_F(WrittenList, of_a_part_without_charges_says_why) {
    database().run("UPDATE charge_run_part SET note = 'no queue has finished'");
    settle(run_, 1);
    const std::string text = written();
    EXPECT_TRUE(text.starts_with(std::string(kHeader) + "\nSummary\nTotal Devices Processed\t0\n"))
        << text;
    EXPECT_TRUE(text.ends_with("\nError Summary\nNone\n\nNote\tno queue has finished\n")) << text;
}

TEST_F(WrittenList, texts_cannot_break_rows_or_become_formulas) {
    database().run(
        "UPDATE service_provider SET name = E'=HYPERLINK(\"x\")\\tB' WHERE "
        "service_provider_id = 1");
    add_charges(run_, 1,
                {{add_device(1, "+15551230001"), "rate", "failed", "1", "two\nlines\tand a tab"}});
    settle(run_, 1);
    const std::string text = written();
    EXPECT_NE(text.find("\n+15551230001\tfalse\t\t0.00\t\t0.00\trate 1.00 failed: two lines and a "
                        "tab\tM2M\t'=HYPERLINK(\"x\") B\t2026-03-01 - 2026-03-31\t"),
              std::string::npos)
        << text;
}

TEST_F(WrittenList, devices_stay_whole_where_one_reading_ends_and_the_next_begins) {
    // 4,500 charges, three a device: readings of 2,000 end inside of devices.
    database().run(
        "INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status) SELECT 1, 1, "
        "'m2m', (8910300000000100000 + s)::text, 'Active' FROM generate_series(1, 1500) s;"
        "INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id, "
        "device_id, customer_id, service_provider_id, portal, kind, billing_period_start, "
        "billing_period_end, amount, description, start_date, end_date, state, revio_charge_id, "
        "settled_at, integration_authentication_id) SELECT 1, " +
        n(run_) +
        ", 1, row_number() OVER (ORDER BY d.device_id, k.p), "
        "'instance', 1, d.device_id, 1, 1, 'm2m', k.kind, '2026-03-01', '2026-03-31', 0.01, 't', "
        "'2026-03-02', '2026-03-31', 'charged', d.device_id * 10 + k.p, now(), 2 FROM device d, "
        "(VALUES ('rate', 1), ('overage', 2), ('sms', 3)) k(kind, p)");
    settle(run_, 1);
    const std::string text = written();
    EXPECT_EQ(figures_.devices, 1'500);
    EXPECT_EQ(figures_.amount.text(), "45.00");
    EXPECT_TRUE(figures_.notes.empty()) << figures_.notes.front();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1'500 + 13) << text.substr(0, 500);
}

TEST_F(WrittenList, a_damaged_amount_costs_its_row_and_is_said) {
    add_charges(run_, 1,
                {{add_device(1, ""), "rate", "charged", "NaN", "", 123},
                 {add_device(2, "15551230002"), "rate", "charged", "2.00", "", 124}});
    settle(run_, 1);
    const std::string text = written();
    EXPECT_NE(text.find("8910300000000000001\tfalse\t123\t0.00\t\t0.00\trate cannot be counted: "
                        "its amount 'NaN' is damaged"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("\n15551230002\ttrue\t124\t2.00\t"), std::string::npos) << text;
    EXPECT_NE(text.find("Total Charge Amount\t2.00\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nThis list is incomplete or does not add up:\ndevice "),
              std::string::npos)
        << text;
}

TEST_F(WrittenList, a_charge_that_cannot_be_read_is_named_and_all_others_are_listed) {
    std::vector<Charge> charges;
    for (int i = 1; i <= 9; ++i) {
        charges.push_back({add_device(i, ""), "rate", "charged", "1.00", "", 100 + i});
    }
    add_charges(run_, 1, charges);
    settle(run_, 1);
    // As a page of the table with a wrong checksum: whoever reads the row gets an error.
    database().run(
        "CREATE FUNCTION damaged(place integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "IF place = 5 THEN RAISE 'invalid page in block 7' USING ERRCODE = 'data_corrupted'; "
        "END IF; RETURN true; END $$;"
        "CREATE POLICY damage ON charge AS RESTRICTIVE USING (damaged(position))");
    const std::string text = written();
    database().run("DROP POLICY damage ON charge; DROP FUNCTION damaged");
    EXPECT_EQ(figures_.devices, 8);
    EXPECT_NE(text.find("Total Charge Amount\t8.00\n"), std::string::npos) << text;
    EXPECT_NE(text.find("the charge at place 5 cannot be read: "), std::string::npos) << text;
    EXPECT_NE(text.find("the list has 8 charges, the part 9\n"), std::string::npos) << text;
}

TEST_F(WrittenList, of_another_tenant_is_none) {
    settle(run_, 1);
    const auto part = load_part_to_list(*connection_, {2, {run_}, 1});
    ASSERT_TRUE(part);
    EXPECT_FALSE(part->has_value());
}

}  // namespace
}  // namespace carryall::charges
