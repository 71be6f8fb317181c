// Charges against the simulator: what reaches Rev.io's book by every fault at every kind of call,
// and what is read of it again.
#include <gtest/gtest.h>
#include <map>

#include "billing/revio/charge.hpp"
#include "billing/revio/charge_reading.hpp"
#include "billing/revio/revio.hpp"
#include "conformance/small_engine.hpp"

namespace carryall::conformance {
namespace {

namespace revio = billing::revio;
using carriers::Applied;
using carriers::Attempt;
using carriers::kind_of;
using carriers::NotSent;
using carriers::Outcome;
using carriers::reason_of;
using carriers::Unknown;
using std::chrono::seconds;

constexpr std::int64_t kCustomer = 4102;
constexpr std::string_view kFaults[] = {"reset_before",
                                        "execute_then_reset",
                                        "execute_then_500",
                                        "execute_then_hang",
                                        "500",
                                        "503",
                                        "429",
                                        "429_without_retry_after",
                                        "html_200",
                                        "malformed_json",
                                        "truncated",
                                        "wrong_type",
                                        "html_502",
                                        "wrong_content_type"};

class RevioChargeConformance : public testing::Test {
  protected:
    static void SetUpTestSuite() { simulator_ = std::make_unique<Simulator>(); }
    static void TearDownTestSuite() { simulator_.reset(); }

    void SetUp() override {
        simulator_->post("reset", base::json::object{});
        const base::json::object settings = {{"baseUrl", simulator_->url() + "/revio"},
                                             {"timeoutSeconds", 1}};
        const base::json::object credentials = {{"username", "carryall@demo"},
                                                {"password", "revio-password"},
                                                {"subscriptionKey", "revio-key"}};
        account_ = *revio::account(2, settings, credentials);
        account_.write_is_enabled = true;
        service_ =
            simulator_
                ->post("revio/services",
                       {{"customer_id", kCustomer}, {"provider_id", 21}, {"number", "15550001111"}})
                .at("firstId")
                .as_int64();
    }

    revio::Charge charge(std::string amount = "6.50", std::string marker = "cry-1-RATE") const {
        revio::Charge made;
        made.rev_customer_id = kCustomer;
        made.service_id = service_;
        made.product_type_id = 311;
        made.amount = *base::Money::parse(amount);
        made.description = "IoT 1GB - 912.4";
        made.marker = std::move(marker);
        made.start_date = "2026-02-01";
        made.end_date = "2026-02-28";
        return made;
    }

    Outcome to_end(const revio::Charge& wanted) {
        return run_to_end(*simulator_, account_, [&](const Attempt& attempt) {
            return revio::create_charge(account_, wanted, attempt);
        });
    }
    Outcome once(const revio::Charge& wanted, const Attempt& attempt = {}) {
        return run_once(
            *simulator_, account_,
            [&](const Attempt& made) { return revio::create_charge(account_, wanted, made); },
            attempt);
    }
    Attempt resolving() const {
        Attempt attempt;
        attempt.resolving = attempt.settled = true;
        attempt.unclear_since = simulator_->now();
        return attempt;
    }

    // Each of these goes wrong once.
    void fail(const std::vector<std::pair<std::string_view, std::string_view>>& calls) {
        base::json::array rules;
        for (const auto& [action, fault] : calls) {
            rules.push_back({{"fault", fault},
                             {"match", {{"action", action}}},
                             {"limit", 1},
                             {"milliseconds", 60'000}});
        }
        simulator_->post("faults", {{"system", "revio"}, {"seed", 1}, {"rules", rules}});
    }

    std::int64_t charges_there() {
        return simulator_->get("revio/charges").at("rows").to_number<std::int64_t>();
    }
    std::int64_t most_for_one_key() {
        return simulator_->get("ledger/summary")
            .at("systems")
            .at("revio")
            .at("create_charge")
            .at("maxPerformedPerKey")
            .to_number<std::int64_t>();
    }
    void plant(int count, base::json::object changed) {
        base::json::object form = {{"customer_id", kCustomer},
                                   {"service_id", service_},
                                   {"product_type_id", 311},
                                   {"description", "other"},
                                   {"amount", 6.5},
                                   {"rate", 6.5},
                                   {"quantity", 1},
                                   {"cost", 0},
                                   {"is_tax_included", false},
                                   {"is_prorated", false},
                                   {"is_commission_exempted", false},
                                   {"start_date", "2026-02-01"},
                                   {"end_date", "2026-02-28"}};
        for (auto& member : changed) form[member.key()] = member.value();
        simulator_->post("revio/charges", {{"count", count}, {"template", form}});
    }
    std::vector<revio::ChargeRecord> read_all() {
        std::vector<revio::ChargeRecord> records;
        revio::ChargeReading reading(account_, {kCustomer});
        for (bool is_last = false; !is_last;) {
            auto step = reading.proceed(simulator_->send(account_, reading.next()));
            auto& page = std::get<revio::ChargePage>(step);
            is_last = page.is_last;
            for (auto& record : page.records) records.push_back(std::move(record));
        }
        return records;
    }

    static std::unique_ptr<Simulator> simulator_;
    carriers::Account account_;
    std::int64_t service_ = 0;
};
std::unique_ptr<Simulator> RevioChargeConformance::simulator_;

TEST_F(RevioChargeConformance, what_was_charged_is_read_back_to_the_last_digit) {
    const char* amounts[] = {"6.50", "-6.50", "0.1234", "0.00", "99999999999.9999", "0.0001"};
    std::map<std::int64_t, std::string> sent;
    for (const char* amount : amounts) {
        const Outcome outcome = to_end(charge(amount, std::string("m") + amount));
        ASSERT_EQ(kind_of(outcome), "applied") << reason_of(outcome);
        const auto& details = std::get<Applied>(outcome).details;
        EXPECT_EQ(details.at("adopted"), false);
        sent[details.at("chargeId").as_int64()] = amount;
    }
    const auto records = read_all();
    ASSERT_EQ(records.size(), sent.size());
    for (const auto& record : records) {
        const std::string& amount = sent.at(record.charge_id);
        EXPECT_EQ(record.amount->text(), amount);
        EXPECT_EQ(record.description, "IoT 1GB - 912.4 [m" + amount + ']');
        EXPECT_EQ(record.service_id, service_);
        EXPECT_EQ(record.product_type_id, 311);
        EXPECT_EQ(record.product_id, std::nullopt);
        EXPECT_EQ(record.start_date, "2026-02-01");
        EXPECT_EQ(record.end_date, "2026-02-28");
        EXPECT_TRUE(base::parse_iso8601(record.created_date)) << record.created_date;
    }
}

TEST_F(RevioChargeConformance, no_fault_of_a_post_bills_twice_or_loses_a_charge) {
    for (const std::string_view fault : kFaults) {
        for (const std::string_view marker : {"cry-1-RATE", ""}) {
            SetUp();
            fail({{"create_charge", fault}});
            const Outcome outcome = to_end(charge("6.50", std::string(marker)));
            EXPECT_EQ(kind_of(outcome), "applied") << fault << ": " << reason_of(outcome);
            EXPECT_EQ(charges_there(), 1) << fault;
            EXPECT_EQ(most_for_one_key(), 1) << fault;
        }
    }
}

TEST_F(RevioChargeConformance, no_fault_of_the_reading_after_it_does_either) {
    for (const std::string_view fault : kFaults) {
        for (const std::string_view first : {"execute_then_500", "reset_before"}) {
            SetUp();
            fail({{"create_charge", first}, {"list_charges", fault}});
            const Outcome outcome = to_end(charge());
            EXPECT_EQ(kind_of(outcome), "applied") << fault << ": " << reason_of(outcome);
            EXPECT_EQ(charges_there(), 1) << first << ' ' << fault;
        }
    }
}

TEST_F(RevioChargeConformance, limits_of_the_gateway_pause_the_account_as_long_as_they_say) {
    struct Row {
        base::json::object knobs;
        std::string_view limit;
        std::int64_t least_wait;  // seconds; -1: not told
        std::int64_t most_wait;
    };
    const Row rows[] = {
        {{{"retryAfter", true}}, "limitPerMinute", 50, 60},
        {{{"retryAfter", false}, {"messageVariant", 0}}, "limitPerMinute", 50, 61},
        {{{"retryAfter", false}, {"messageVariant", 1}}, "limitPerMinute", 50, 61},
        {{{"retryAfter", false}, {"messageVariant", 2}}, "limitPerMinute", -1, -1},
        {{{"retryAfter", true}}, "quotaPerDay", 86'000, 86'400},
        {{{"retryAfter", false}}, "quotaPerDay", 86'000, 86'401},
    };
    for (const Row& row : rows) {
        SetUp();
        base::json::object knobs = row.knobs;
        knobs[row.limit] = 1;
        simulator_->post("revio/knobs", knobs);
        EXPECT_EQ(kind_of(once(charge())), "applied");
        const Outcome held = once(charge("6.50", "cry-2-RATE"));
        ASSERT_EQ(kind_of(held), "not_sent") << reason_of(held);
        EXPECT_TRUE(std::get<NotSent>(held).whole_account);
        const auto wait = std::get<NotSent>(held).retry_after;
        ASSERT_EQ(wait.has_value(), row.least_wait >= 0) << reason_of(held);
        if (wait) {
            EXPECT_GE(wait->count(), row.least_wait) << reason_of(held);
            EXPECT_LE(wait->count(), row.most_wait) << reason_of(held);
        }
        const Outcome unread = once(charge("6.50", "cry-2-RATE"), resolving());
        EXPECT_TRUE(std::get<Unknown>(unread).whole_account) << "nor is anything learned";
        simulator_->pass(wait.value_or(seconds(60)));
        EXPECT_EQ(kind_of(once(charge("6.50", "cry-2-RATE"))), "applied");
        EXPECT_EQ(charges_there(), 2);
    }
}

TEST_F(RevioChargeConformance, ids_may_come_as_text) {
    simulator_->post("revio/knobs", {{"textIds", true}});
    const Outcome made = once(charge());
    const Outcome adopted = once(charge(), resolving());
    EXPECT_EQ(std::get<Applied>(made).details.at("chargeId"),
              std::get<Applied>(adopted).details.at("chargeId"));
    EXPECT_EQ(std::get<Applied>(adopted).details.at("adopted"), true);
    EXPECT_EQ(charges_there(), 1);
}

TEST_F(RevioChargeConformance, ours_is_found_behind_a_full_page_and_missed_on_none) {
    for (const bool says_more : {false, true}) {
        for (const int others : {499, 500, 501, 1'000}) {
            SetUp();
            simulator_->post("revio/knobs", {{"fullPageSaysMore", says_more}});
            plant(others, {});
            // Not there: all of it is read, then it is posted.
            const Outcome made = once(charge(), resolving());
            ASSERT_EQ(kind_of(made), "applied") << reason_of(made);
            EXPECT_EQ(std::get<Applied>(made).details.at("adopted"), false);
            const Outcome adopted = once(charge(), resolving());
            ASSERT_EQ(kind_of(adopted), "applied") << reason_of(adopted);
            EXPECT_EQ(std::get<Applied>(adopted).details.at("adopted"), true);
            EXPECT_EQ(charges_there(), others + 1);
        }
    }
}

TEST_F(RevioChargeConformance, doubles_that_somebody_made_are_told) {
    ASSERT_EQ(kind_of(once(charge())), "applied");
    plant(1, {{"description", "by hand [cry-1-RATE]"}});
    const Outcome adopted = once(charge(), resolving());
    EXPECT_EQ(std::get<Applied>(adopted).details.at("doubles").as_array().size(), 1u);
    // Without markers nobody can know which of the two it is.
    revio::Charge unmarked = charge("6.50", "");
    plant(2, {{"description", "IoT 1GB - 912.4"}});
    EXPECT_TRUE(std::get<Unknown>(once(unmarked, resolving())).needs_person);
    // But charges of last week are others.
    SetUp();
    plant(2, {{"description", "IoT 1GB - 912.4"}, {"created_date", "2026-02-27T10:00:00"}});
    EXPECT_EQ(std::get<Applied>(once(unmarked, resolving())).details.at("adopted"), false);
    EXPECT_EQ(charges_there(), 3);
}

TEST_F(RevioChargeConformance, the_refusals_of_revio_reach_the_user_and_bill_nothing) {
    revio::Charge no_customer = charge();
    no_customer.rev_customer_id = 999'999;
    no_customer.service_id.reset();
    revio::Charge others_service = charge();
    others_service.rev_customer_id = kCustomer + 1;
    revio::Charge no_product = charge();
    no_product.product_type_id = 999'999;
    const std::pair<revio::Charge, std::string_view> rows[] = {
        {no_customer, "999999"}, {others_service, "does not belong"}, {no_product, "999999"}};
    for (const auto& [wanted, words] : rows) {
        const Outcome outcome = to_end(wanted);
        ASSERT_EQ(kind_of(outcome), "refused");
        EXPECT_NE(reason_of(outcome).find(words), std::string::npos) << reason_of(outcome);
    }
    EXPECT_EQ(charges_there(), 0);
}

TEST_F(RevioChargeConformance, wrong_credentials_refuse_before_anything_is_charged) {
    for (const char* wrong : {"password", "subscriptionKey"}) {
        base::json::object credentials = account_.credentials;
        credentials[wrong] = "wrong";
        carriers::Account stranger = *revio::account(2, account_.settings, credentials);
        stranger.write_is_enabled = true;
        const auto make = [&](const Attempt& attempt) {
            return revio::create_charge(stranger, charge(), attempt);
        };
        const Outcome outcome = run_once(*simulator_, stranger, make);
        EXPECT_EQ(std::get<carriers::Refused>(outcome).failure, carriers::FailureClass::system);
        EXPECT_EQ(kind_of(run_once(*simulator_, stranger, make, resolving())), "unknown");
    }
    EXPECT_EQ(charges_there(), 0);
}

}  // namespace
}  // namespace carryall::conformance
