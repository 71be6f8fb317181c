// Charges of Rev.io: what is taken and refused, when two are doubles, and the admin routes that
// load, alter and read them in bulk.
#include <algorithm>

#include "revio/revio_fixture.hpp"

namespace carryall::simulators {
namespace {

class RevioChargesTest : public RevioTest {};

TEST_F(RevioChargesTest, a_charge_is_created_found_and_read) {
    start();
    const auto service = create_service();
    const Answer answer =
        revio("POST", "Charges",
              charge(R"("product_type_id":311,"product_id":0,"amount":6.50,"service_id":)" +
                     std::to_string(service)));
    EXPECT_EQ(answer.status, 201) << answer.body;
    const auto id = answer.json().at("id").as_int64();
    EXPECT_EQ(answer.header("Location"), "/revio/v1/Charges/" + std::to_string(id));
    const auto found =
        revio("GET", "Charges?search.customer_id=4102&search.service_id=" + std::to_string(service))
            .json();
    ASSERT_EQ(found.at("record_count"), 1);
    const auto& record = found.at("records").at(0);
    EXPECT_EQ(record.at("charge_id"), id);
    EXPECT_EQ(record.at("amount").as_double(), 6.5);
    EXPECT_TRUE(record.at("product_id").is_null());
    EXPECT_EQ(text(record.at("start_date")), "2026-02-01T00:00:00");
    EXPECT_EQ(text(record.at("created_date")).size(), 23U) << "with fraction, without zone";
    EXPECT_EQ(revio("GET", "Charges/" + std::to_string(id)).json().at("charge_id"), id);
    EXPECT_EQ(records("Charges?search.product_type_id=311"), 1);
    EXPECT_EQ(
        records("Charges?search.created_date=" + text(record.at("created_date")).substr(0, 10)), 1);
}

TEST_F(RevioChargesTest, duplicate_charges_are_taken_in_silence) {
    start();
    const auto first = create("Charges", charge(R"("product_id":5001)"));
    EXPECT_EQ(create("Charges", charge(R"("product_id":5001)")), first + 1);
    EXPECT_EQ(summary_of("revio", "create_charge").at("maxPerformedPerKey"), 2);
}

TEST_F(RevioChargesTest, a_charge_is_refused_with_one_entry_a_fault) {
    start();
    const auto missing = faults(revio("POST", "Charges", "{}"));
    EXPECT_EQ(missing.size(), 11U);
    EXPECT_EQ(missing.at(0), "The customer_id field is required.");
    EXPECT_EQ(faults(revio("POST", "Charges", "nonsense")).size(), 1U);
    for (const std::string_view wrong :
         {R"("product_id":5001,"product_type_id":311)", R"("product_id":0)", R"("product_id":1)",
          R"("product_id":5001,"cost":-1)", R"("product_id":5001,"service_id":0)",
          R"("product_id":5001,"service_id":7)", R"("product_id":5001,"customer_id":9)",
          R"("product_id":5001,"customer_id":2147483648)", R"("product_id":5001,"rate":"x")",
          R"("product_id":5001,"is_prorated":0)", R"("product_id":5001,"end_date":"2026-01-31")",
          R"("product_id":5001,"start_date":"2026-02-30")"}) {
        EXPECT_EQ(faults(revio("POST", "Charges", charge(wrong))).size(), 1U) << wrong;
    }
    const auto long_text = R"("product_id":5001,"description":")" + std::string(1501, 'x') + "\"";
    EXPECT_EQ(faults(revio("POST", "Charges", charge(long_text))).size(), 1U);
    EXPECT_EQ(records("Charges"), 0);
    const auto entry = summary_of("revio", "create_charge");
    EXPECT_EQ(entry.at("performed"), 0);
}

TEST_F(RevioChargesTest, charges_that_differ_are_no_doubles) {
    start();
    for (const std::string_view other :
         {R"("product_id":5001)", R"("product_type_id":311)", R"("product_id":5001,"amount":-6.5)",
          R"("product_id":5001,"amount":6.5,"start_date":"2026-02-02")",
          R"("product_id":5001,"end_date":"2026-02-27")", R"("product_id":5001,"customer_id":4103)",
          R"("product_id":5001,"description":"d [m-1]")"}) {
        create("Charges", charge(other));
    }
    const std::string long_text(1'400, 'x');
    for (const std::string_view marker : {"[m-1]", "[m-2]"}) {
        create("Charges", charge(R"("product_id":5001,"description":")" + long_text +
                                 std::string(marker) + "\""));
    }
    EXPECT_EQ(summary_of("revio", "create_charge").at("maxPerformedPerKey"), 1);
    EXPECT_EQ(summary_of("revio", "create_charge").at("performed"), 9);
}

TEST_F(RevioChargesTest, a_credit_is_a_charge_below_zero) {
    start();
    const auto id = create("Charges", charge(R"("product_id":5001,"rate":-6.5,"amount":-6.5,)"
                                             R"("product_amount":-6.5)"));
    const auto credit = revio("GET", "Charges/" + std::to_string(id)).json();
    EXPECT_EQ(credit.at("amount").as_double(), -6.5);
    EXPECT_EQ(credit.at("rate").as_double(), -6.5);
}

TEST_F(RevioChargesTest, ids_come_as_text_if_wanted) {
    start();
    admin("POST", "revio/knobs", R"({"textIds":true})");
    const Answer answer = revio("POST", "Charges", charge(R"("product_id":5001)"));
    EXPECT_EQ(text(answer.json().at("id")), "8800001");
    const auto record = revio("GET", "Charges?search.customer_id=4102").json().at("records").at(0);
    EXPECT_EQ(text(record.at("charge_id")), "8800001");
    EXPECT_EQ(text(record.at("customer_id")), "4102");
    EXPECT_TRUE(record.at("service_id").is_null());
}

TEST_F(RevioChargesTest, a_charge_needs_a_service_of_its_customer) {
    start();
    const auto service = create_service(4103);
    const auto found = faults(revio(
        "POST", "Charges", charge(R"("product_id":5001,"service_id":)" + std::to_string(service))));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].find("does not belong"), std::string::npos);
}

TEST_F(RevioChargesTest, charges_are_planted_altered_and_removed_behind_everybodys_back) {
    start();
    const auto own = create("Charges", charge(R"("product_id":5001)"));
    const std::string planted =
        charge(R"("charge_id":9000000,"bill_id":7,"created_date":"2025-12-31T23:59:58.007",)"
               R"("product_id":5002,"amount":1.25)");
    EXPECT_EQ(admin("POST", "revio/charges", planted).status, 200);
    const auto record = revio("GET", "Charges/9000000").json();
    EXPECT_EQ(record.at("bill_id"), 7);
    EXPECT_EQ(text(record.at("created_date")), "2025-12-31T23:59:58.007");
    const auto next = create("Charges", charge(R"("product_id":5001,"description":"e")"));
    EXPECT_EQ(next, 9'000'001);
    EXPECT_EQ(revio("GET", "Charges/9000001").status, 200);

    const std::string path = "revio/charges/" + std::to_string(own);
    EXPECT_EQ(admin("POST", path, R"({"amount":7.75,"bill_id":8,"service_id":null})").status, 200);
    EXPECT_EQ(revio("GET", "Charges/" + std::to_string(own)).json().at("amount"), 7.75);
    for (const std::string_view wrong : {R"({"charge_id":1})", R"({"typo":1})", R"({"amount":"x"})",
                                         R"({"rate":null})", "{}", ""}) {
        EXPECT_EQ(admin("POST", path, wrong).status, 400) << wrong;
    }
    EXPECT_EQ(admin("DELETE", path).status, 200);
    EXPECT_EQ(admin("DELETE", path).status, 404);
    EXPECT_EQ(admin("GET", path).status, 404);
    EXPECT_EQ(revio("GET", "Charges/" + std::to_string(own)).status, 404);
    EXPECT_EQ(records("Charges?search.customer_id=4102"), 2);
    EXPECT_EQ(records("Charges"), 2);
    EXPECT_EQ(admin("GET", "revio/charges").json().at("rows"), 2);
    EXPECT_EQ(create("Charges", charge(R"("product_id":5001)")), 9'000'002);
    EXPECT_EQ(summary_of("revio", "create_charge").at("performed"), 3);
}

TEST_F(RevioChargesTest, a_hundred_thousand_charges_are_loaded_and_read_back_as_lines) {
    start();
    constexpr int kCharges = 100'000;
    std::string lines;
    for (int i = 0; i < kCharges; ++i) {
        lines += charge(R"("product_id":5001,"customer_id":)" + std::to_string(4101 + i % 50) +
                        R"(,"amount":)" + std::to_string(i) + ".25");
        lines += '\n';
    }
    EXPECT_EQ(admin("POST", "revio/charges?form=lines", lines).json().at("loaded"), kCharges);
    const Answer first = admin("GET", "revio/charges/all?limit=60000");
    const Answer rest = admin("GET", "revio/charges/all?since=" + first.header("Sim-Last-Id"));
    EXPECT_EQ(first.header("Sim-Last-Id"), "8860000");
    EXPECT_EQ(rest.header("Sim-Last-Id"), "8900000");
    const auto count = [](const Answer& answer) {
        return std::count(answer.body.begin(), answer.body.end(), '\n');
    };
    EXPECT_EQ(count(first), 60'000);
    EXPECT_EQ(count(rest), 40'000);
    const auto last = boost::json::parse(
        std::string_view(rest.body).substr(rest.body.rfind('\n', rest.body.size() - 2) + 1));
    EXPECT_EQ(last.at("charge_id"), 8'900'000);
    EXPECT_EQ(last.at("amount").as_double(), 99'999.25);
    EXPECT_EQ(records("Charges?search.customer_id=4150&search.page_size=500&search.page=4"), 500);
    // What was read can be loaded elsewhere.
    const std::string dumped = rest.body;
    admin("POST", "reset");
    EXPECT_EQ(admin("POST", "revio/charges?form=lines", dumped).json().at("loaded"), 40'000);
    EXPECT_EQ(admin("GET", "revio/charges/all").body, dumped);
    const Answer wrong = admin("POST", "revio/charges?form=lines", "{}\n");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_NE(wrong.body.find("line 1"), std::string::npos);
}

}  // namespace
}  // namespace carryall::simulators
