// Reconciliations on PostgreSQL: what is compared with what, and what is a difference.
#include <thread>

#include "charges/charge_period.hpp"
#include "charges/reconciliation_work_store.hpp"
#include "support/charges.hpp"

namespace carryall::charges {
namespace {

using billing::revio::ChargeRecord;
constexpr std::chrono::seconds kNoSettling{0};
constexpr std::chrono::seconds kLease{60};

class ReconciliationTest : public LedgerTest {
  protected:
    // Every charge of the ledger as Rev.io holds it after it was sent.
    std::vector<ChargeRecord> all_charges() {
        std::vector<ChargeRecord> records;
        for (const auto& row : database().rows(
                 "SELECT revio_charge_id, rev_customer_id, revio_service_id, product_id, "
                 "product_type_id, amount, description, marker, start_date, end_date FROM charge "
                 "WHERE state = 'charged' ORDER BY revio_charge_id")) {
            records.push_back(record_of(row));
        }
        return records;
    }
    static ChargeRecord record_of(const std::vector<std::string>& row) {
        const auto id = [](const std::string& text) {
            return text == "<null>" ? std::nullopt : std::optional<std::int64_t>(std::stoll(text));
        };
        ChargeRecord record;
        record.charge_id = std::stoll(row[0]);
        record.customer_id = std::stoll(row[1]);
        record.service_id = id(row[2]);
        record.product_id = id(row[3]);
        record.product_type_id = id(row[4]);
        record.amount = *base::Money::parse(row[5]);
        record.description = row[6] + (row[7].empty() ? "" : " [" + row[7] + "]");
        record.start_date = row[8];
        record.end_date = row[9];
        record.created_date = "2026-03-01T10:00:00.000";
        return record;
    }

    ReconciliationId ask(const ReconciliationScope& scope) {
        const auto asked = ask_reconciliation(*connection_, caller_, scope);
        EXPECT_TRUE(asked) << asked.error().message;
        return asked ? asked->id : ReconciliationId{};
    }
    static ReconciliationScope of_run(ChargeRunId run) {
        ReconciliationScope scope;
        scope.run = run;
        return scope;
    }
    static ReconciliationScope of_period() { return {{}, 1, "2026-02-01", "2026-02-28"}; }

    ClaimedReconciliation claim(ReconciliationId id) {
        const auto claimed = claim_reconciliation(*connection_, {1, id}, "worker", kLease);
        EXPECT_TRUE(claimed && *claimed);
        return claimed && *claimed ? **claimed : ClaimedReconciliation{};
    }
    // Answers every customer that is begun with these records, `page_size` at a time.
    void read_all(const ClaimedReconciliation& claim, const std::vector<ChargeRecord>& records,
                  std::size_t page_size = 500) {
        while (true) {
            auto customers = begin_customers(*connection_, claim, 16);
            ASSERT_TRUE(customers) << customers.error().message;
            if (customers->empty()) return;
            std::vector<ReadPage> pages;
            for (UnreadCustomer& customer : *customers) {
                pages.push_back(page_of_customer(std::move(customer), records, page_size));
            }
            const auto stored = store_pages(*connection_, claim, pages, kLease);
            ASSERT_TRUE(stored && *stored) << (stored ? "taken over" : stored.error().message);
        }
    }
    static ReadPage page_of_customer(UnreadCustomer customer,
                                     const std::vector<ChargeRecord>& records,
                                     std::size_t page_size) {
        const std::size_t page =
            customer.resume.is_object()
                ? static_cast<std::size_t>(customer.resume.at("page").as_int64())
                : 1;
        ReadPage read;
        std::size_t place = 0;
        for (const ChargeRecord& record : records) {
            if (record.customer_id != customer.rev_customer_id) continue;
            if (place >= (page - 1) * page_size && place < page * page_size) {
                read.page.records.push_back(record);
            }
            ++place;
        }
        read.page.is_last = place <= page * page_size;
        if (!read.page.is_last) read.page.resume = base::json::object{{"page", page + 1}};
        read.customer = std::move(customer);
        return read;
    }
    Compared compare(const ClaimedReconciliation& claim,
                     std::chrono::seconds settling = kNoSettling) {
        const auto compared = compare_charges(*connection_, claim, settling);
        EXPECT_TRUE(compared) << compared.error().message;
        return compared ? *compared : Compared::taken_over;
    }
    // From the asking to the end, with the second look where there is one.
    ReconciliationId reconcile(const ReconciliationScope& scope,
                               const std::vector<ChargeRecord>& records) {
        const ReconciliationId id = ask(scope);
        const ClaimedReconciliation claimed = claim(id);
        read_all(claimed, records);
        if (compare(claimed) == Compared::reads_again) {
            read_all(claimed, records);
            EXPECT_EQ(compare(claimed), Compared::done);
        }
        return id;
    }
    // "kind charge/revio ours>theirs repair", in their order.
    std::string differences(ReconciliationId id) {
        return sql(
            "SELECT coalesce(string_agg(kind || ' ' || coalesce(charge_id::text, '-') || "
            "'/' || coalesce(revio_charge_id::text, '-') || ' ' || coalesce(ours, '-') || "
            "'>' || coalesce(theirs, '-') || ' ' || repair, '; ' "
            "ORDER BY charge_difference_id), '') FROM charge_difference "
            "WHERE charge_reconciliation_id = " +
            base::to_string(id));
    }
    Reconciliation result(ReconciliationId id) {
        const auto one = get_reconciliation(*connection_, {1}, id);
        EXPECT_TRUE(one) << one.error().message;
        return one ? *one : Reconciliation{};
    }
    // The run is over and everything of it is charged, half an hour ago.
    ChargeRunId charged_run() {
        const ChargeRunId run = make();
        charge_all(part_of(run));
        database().run(
            "ALTER TABLE charge DISABLE TRIGGER charge_stays_settled; "
            "UPDATE charge SET settled_at = settled_at - interval '30 minutes' "
            "WHERE settled_at IS NOT NULL; "
            "ALTER TABLE charge ENABLE TRIGGER charge_stays_settled");
        return run;
    }
    void finish_run() {
        database().run("UPDATE charge_run SET state = 'finished', finished_at = now()");
    }
};

TEST_F(ReconciliationTest, what_agrees_is_no_difference) {
    const ChargeRunId run = charged_run();
    const ReconciliationId id = reconcile(of_run(run), all_charges());
    EXPECT_EQ(differences(id), "");
    const Reconciliation one = result(id);
    EXPECT_EQ(one.state, "done");
    EXPECT_EQ(one.intended.count, 6);
    EXPECT_EQ(one.sent.count, 6);
    EXPECT_EQ(one.found.count, 6);
    EXPECT_EQ(one.found.amount, one.sent.amount);
    EXPECT_EQ(one.records, 6);
    EXPECT_EQ(sql("SELECT count(*) FROM revio_charge_reading"), "0");
}

TEST_F(ReconciliationTest, charges_that_are_not_ours_are_none_of_our_business) {
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    ChargeRecord other = records[0];
    other.charge_id = 1;
    other.description = "Monthly fee";
    records.push_back(other);
    other.charge_id = 2;
    other.description = "Somebody else's [their-system:Q7101-D1-RATE]";
    records.push_back(other);
    EXPECT_EQ(differences(reconcile(of_run(run), records)), "");
}

TEST_F(ReconciliationTest, charges_of_another_tenant_at_the_same_account_are_none_of_ours) {
    const ChargeRunId run = charged_run();
    database().run(R"(
        WITH other AS (
            INSERT INTO charge_run (tenant_id, source, created_by, correlation_id)
            VALUES (2, 'instances', 'test', 'c-2') RETURNING charge_run_id),
        part AS (
            INSERT INTO charge_run_part (tenant_id, charge_run_id, part_number,
                billing_period_start, billing_period_end, charge_count, new_count)
            SELECT 2, charge_run_id, 1, '2026-02-01', '2026-02-28', 1, 1 FROM other
            RETURNING charge_run_id),
        carrier AS (
            INSERT INTO service_provider (tenant_id, name, integration) VALUES (2, 'pond', 'pond')
            RETURNING service_provider_id),
        device AS (
            INSERT INTO device (tenant_id, service_provider_id, portal, iccid, status)
            SELECT 2, service_provider_id, 'm2m', '8910300000000000999', 'Active' FROM carrier
            RETURNING device_id)
        INSERT INTO charge (tenant_id, charge_run_id, part_number, position, source, source_id,
            device_id, customer_id, service_provider_id, portal, kind, billing_period_start,
            billing_period_end, amount, description, marker, start_date, end_date, state)
        SELECT 2, charge_run_id, 1, 1, 'instance', 71, device_id, 3, 99, 'm2m', 'rate',
               '2026-02-01', '2026-02-28', 1, 'x', 'amop:Q7101-D99-RATE', '2026-02-02',
               '2026-02-28', 'new' FROM part, device)");
    auto records = all_charges();
    ChargeRecord other = records[0];
    other.charge_id = 1;
    other.description = "x [amop:Q7101-D99-RATE]";
    records.push_back(other);
    other.charge_id = 2;
    other.description = "x [amop:Q7101-D98-RATE]";
    records.push_back(other);
    EXPECT_EQ(differences(reconcile(of_run(run), records)), "extra -/2 ->2 remove");
}

TEST_F(ReconciliationTest, missing_extra_and_wrong_ones_are_found_and_nothing_else) {
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    const ChargeRecord missing = records[0];
    ChargeRecord twice = records[1];
    twice.charge_id = 9'000'001;
    ChargeRecord unheard_of = records[2];
    unheard_of.charge_id = 9'000'002;
    unheard_of.description = "x [amop:Q7101-D99-RATE]";
    records[3].amount = *base::Money::parse("1.02");
    records.erase(records.begin());
    records.push_back(twice);
    records.push_back(unheard_of);
    const ReconciliationId id = reconcile(of_run(run), records);
    EXPECT_EQ(differences(id),
              "missing 1/- 8800001>- charge_again; "
              "extra 2/9000001 8800002>9000001 remove; "
              "extra -/9000002 ->9000002 remove; "
              "wrong_amount 4/8800004 1.01>1.02 correct");
    const Reconciliation one = result(id);
    EXPECT_EQ(one.found.count, 5);
    EXPECT_EQ(one.missing.count, 1);
    EXPECT_EQ(one.missing.amount, "6.5");
    EXPECT_EQ(one.extra.count, 2);
    EXPECT_EQ(one.wrong_amount.count, 1);
    EXPECT_EQ(one.wrong_amount.amount, "0.01");
    EXPECT_EQ(one.differences, 4);
    EXPECT_EQ(one.open_differences, 4);
}

TEST_F(ReconciliationTest, what_was_changed_beside_the_amount_is_told_by_its_kind) {
    database().run("UPDATE customer SET rev_customer_id = '4103' WHERE customer_id = 2");
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    records[0].start_date = "2026-01-01";
    records[1].product_type_id = 312;
    records[2].service_id = 5;
    const std::string start = sql("SELECT start_date FROM charge WHERE charge_id = 1");
    EXPECT_EQ(differences(reconcile(of_run(run), records)),
              "wrong_period 1/8800001 " + start +
                  " to 2026-02-28>2026-01-01 to 2026-02-28 correct; "
                  "wrong_product 2/8800002 type 311>type 312 correct; "
                  "wrong_service 3/8800003 none>5 correct");
}

TEST_F(ReconciliationTest, a_charge_that_was_made_anew_by_hand_is_neither_missing_nor_extra) {
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    records[0].charge_id = 9'000'001;
    EXPECT_EQ(differences(reconcile(of_run(run), records)),
              "other_id 1/9000001 8800001>9000001 accept");
}

TEST_F(ReconciliationTest, less_than_a_cent_is_rev_ios_rounding) {
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    records[0].amount = *base::Money::parse("6.5049");
    EXPECT_EQ(differences(reconcile(of_run(run), records)), "");
}

TEST_F(ReconciliationTest, without_markers_charges_are_told_by_what_they_say) {
    database().run("INSERT INTO charge_setting (tenant_id, marker_format) VALUES (1, '')");
    const ChargeRunId run = charged_run();
    auto records = all_charges();
    ChargeRecord twice = records[1];
    twice.charge_id = 9'000'001;
    // The customer has bought the same product at the same price from somebody else.
    ChargeRecord other = records[1];
    other.charge_id = 9'000'002;
    other.description = "Another contract";
    records[0].charge_id = 9'000'003;
    records.push_back(twice);
    records.push_back(other);
    EXPECT_EQ(differences(reconcile(of_run(run), records)),
              "extra 2/9000001 8800002>9000001 remove; other_id 1/9000003 8800001>9000003 accept");
}

TEST_F(ReconciliationTest, an_unknown_intent_is_shown_as_unknown_and_adopted_if_it_is_there) {
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    const auto claimed = claim_charges(*connection_, part, "worker", kLease);
    ASSERT_TRUE(claimed && *claimed);
    std::vector<changes::DeviceResult> results;
    for (const auto& charge : (*claimed)->page.devices) {
        results.push_back(ended(charge, changes::DeviceState::unknown));
        results.back().verdict.due_in = std::chrono::hours(1);
    }
    ASSERT_TRUE(complete_claim(*connection_, part, (*claimed)->page, results, {}, {}));
    ChargeRecord there;
    there.charge_id = 8'800'007;
    there.customer_id = 4102;
    there.amount = *base::Money::parse("6.5");
    there.description = "IoT 1GB - 912.4 [amop:Q7101-D1-RATE]";
    const ReconciliationId id = reconcile(of_run(run), {there});
    EXPECT_EQ(differences(id), "extra 1/8800007 ->8800007 adopt");
    EXPECT_EQ(result(id).unknown, 6);
    EXPECT_EQ(result(id).missing.count, 0);
}

TEST_F(ReconciliationTest, what_is_being_sent_while_rev_io_is_read_is_no_difference) {
    const ChargeRunId run = make();
    const WorkablePart part = part_of(run);
    const auto claimed = claim_charges(*connection_, part, "worker", kLease);
    ASSERT_TRUE(claimed && *claimed);
    ChargeRecord there;
    there.charge_id = 8'800'007;
    there.customer_id = 4102;
    there.description = "IoT 1GB - 912.4 [amop:Q7101-D1-RATE]";
    EXPECT_EQ(differences(reconcile(of_run(run), {there})), "");
}

TEST_F(ReconciliationTest, what_was_charged_after_the_reading_began_is_not_missing) {
    const ChargeRunId run = charged_run();
    const ReconciliationId id = ask(of_run(run));
    const ClaimedReconciliation claimed = claim(id);
    read_all(claimed, {});
    // Everything was settled half an hour ago; that may not have been long enough.
    EXPECT_EQ(compare(claimed, std::chrono::hours(1)), Compared::done);
    EXPECT_EQ(differences(id), "");
    EXPECT_EQ(result(id).not_judged, 6);
    EXPECT_EQ(result(id).found.count, 0);
}

TEST_F(ReconciliationTest, what_moved_between_pages_is_found_by_the_second_look) {
    const ChargeRunId run = charged_run();
    const ReconciliationId id = ask(of_run(run));
    const ClaimedReconciliation claimed = claim(id);
    auto seen = all_charges();
    const ChargeRecord moved = seen[3];
    seen.erase(seen.begin() + 3);
    read_all(claimed, seen);
    EXPECT_EQ(compare(claimed), Compared::reads_again);
    seen.push_back(moved);
    read_all(claimed, seen);
    EXPECT_EQ(compare(claimed), Compared::done);
    EXPECT_EQ(differences(id), "");
    EXPECT_EQ(result(id).found.count, 6);
}

TEST_F(ReconciliationTest, reading_goes_on_from_the_last_page_after_a_worker_died) {
    const ChargeRunId run = charged_run();
    const ReconciliationId id = ask(of_run(run));
    const ClaimedReconciliation first = claim(id);
    auto customers = begin_customers(*connection_, first, 16);
    ASSERT_TRUE(customers && customers->size() == 1);
    const auto records = all_charges();
    const ReadPage page = page_of_customer(customers->front(), records, 2);
    ASSERT_TRUE(*store_pages(*connection_, first, {page}, kLease));
    database().run("UPDATE charge_reconciliation SET available_at = now() - interval '1 second'");
    const ClaimedReconciliation second = claim(id);
    EXPECT_EQ(second.lost_count, 1);
    // The first is late: nothing of it counts.
    customers = begin_customers(*connection_, second, 16);
    const ReadPage next = page_of_customer(customers->front(), records, 2);
    EXPECT_FALSE(*store_pages(*connection_, first, {next}, kLease));
    EXPECT_EQ(compare(first), Compared::taken_over);
    read_all(second, records, 2);
    EXPECT_EQ(compare(second), Compared::done);
    EXPECT_EQ(differences(id), "");
    EXPECT_EQ(result(id).pages, 3);
    EXPECT_EQ(result(id).found.count, 6);
}

TEST_F(ReconciliationTest, asking_twice_is_asking_once_while_it_is_open) {
    const ChargeRunId run = charged_run();
    const ReconciliationId id = ask(of_run(run));
    const auto again = ask_reconciliation(*connection_, caller_, of_run(run));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, id);
    EXPECT_FALSE(again->is_new);
    EXPECT_NE(ask(of_period()), id);
    ReconciliationScope none = of_period();
    none.billing_period_start = "2026-02-02";
    const auto refused = ask_reconciliation(*connection_, caller_, none);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
}

TEST_F(ReconciliationTest, an_accepted_difference_stays_accepted_while_it_is_the_same) {
    charged_run();
    auto records = all_charges();
    records[0].amount = *base::Money::parse("7");
    reconcile(of_period(), records);
    const auto accepted = accept_difference(*connection_, caller_, {1}, "agreed with the customer");
    ASSERT_TRUE(accepted) << accepted.error().message;
    EXPECT_EQ(accepted->accepted_by, "biller");
    EXPECT_EQ(accept_difference(*connection_, caller_, {1}, "again").error().kind,
              base::ErrorKind::conflict);
    EXPECT_EQ(result(reconcile(of_period(), records)).open_differences, 0);
    records[0].amount = *base::Money::parse("8");
    EXPECT_EQ(result(reconcile(of_period(), records)).open_differences, 1);
}

using SignOffTest = ReconciliationTest;

TEST_F(SignOffTest, a_period_is_signed_off_only_when_nothing_stands_against_it) {
    charged_run();
    const auto refusal = [&] {
        const auto done = sign_off_period(*connection_, caller_, "2026-02-01", "2026-02-28", "ok");
        return done ? std::string("signed off") : done.error().message;
    };
    const std::string cannot = "the billing period cannot be signed off: ";
    EXPECT_EQ(refusal(), cannot + "run 1 has not finished; rev was not reconciled for this period");
    finish_run();
    auto records = all_charges();
    const ChargeRecord first = records[0];
    records.erase(records.begin());
    reconcile(of_period(), records);
    EXPECT_EQ(refusal(), cannot + "1 differences of reconciliation 1 of rev are not accepted");
    records.insert(records.begin(), first);
    reconcile(of_period(), records);
    database().run("UPDATE charge_reconciliation SET judged_until = '2020-01-01'");
    EXPECT_EQ(refusal(), cannot + "rev was charged after its last reconciliation (2)");
    reconcile(of_period(), records);
    EXPECT_EQ(refusal(), "signed off");
    EXPECT_EQ(refusal(), "the billing period was signed off by biller already");
}

TEST_F(SignOffTest, a_signed_off_period_takes_reversals_only_and_tells_them_apart) {
    const ChargeRunId run = charged_run();
    finish_run();
    reconcile(of_period(), all_charges());
    const auto signed_off =
        sign_off_period(*connection_, caller_, "2026-02-01", "2026-02-28", "looked at");
    ASSERT_TRUE(signed_off) << signed_off.error().message;
    EXPECT_EQ(signed_off->sign_off->charges, 6);
    EXPECT_EQ(base::json::serialize(signed_off->sign_off->customers),
              R"([{"amount":"22.53","customer":"Acme","customerId":1,"chargeCount":6}])");
    database().run(
        "INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type, "
        "customer_id, integration_authentication_id, billing_period_start, billing_period_end, "
        "run_end_time, imported_by) VALUES (1, 72, 'm2m', 1, 1, '2026-02-01', '2026-02-28', now(), "
        "'test'); INSERT INTO optimization_comm_group VALUES (1, 721, 72)");
    const auto ordered = try_order({72});
    ASSERT_FALSE(ordered);
    EXPECT_EQ(ordered.error().kind, base::ErrorKind::conflict);
    EXPECT_EQ(ordered.error().where, "/instanceIds/0");
    // The database refuses it, too, whoever forgets to ask.
    EXPECT_THROW(database().run("INSERT INTO charge_run_instance (tenant_id, charge_run_id, "
                                "optimization_instance_id, position, is_last) "
                                "VALUES (1, 1, 72, 2, false)"),
                 std::runtime_error);
    const auto reversed = reverse_charges(*connection_, caller_, run, {1}, "too much");
    ASSERT_TRUE(reversed) << reversed.error().message;
    EXPECT_EQ(sql("SELECT note FROM charge_run_part WHERE charge_run_id = 2"),
              "reverses charges of run 1, whose billing period biller has signed off");
    charge_all(part_of(reversed->run));
    const auto periods = list_periods(*connection_, tokens_, {1}, {});
    ASSERT_TRUE(periods && periods->items.size() == 1) << periods.error().message;
    EXPECT_EQ(periods->items[0].sign_off->reversed_later, 1);
    EXPECT_EQ(periods->items[0].sign_off->reversed_later_amount, "-6.5");
    EXPECT_EQ(periods->items[0].sign_off->charges, 6);
}

TEST_F(SignOffTest, a_reversal_that_waits_for_a_sign_off_comes_after_it) {
    const ChargeRunId run = charged_run();
    auto gate = db::Connection::open(base::Secret(database().app_conninfo()));
    auto other = db::Connection::open(base::Secret(database().app_conninfo()));
    ASSERT_TRUE(gate && other);
    auto signing = db::Transaction::begin(**gate, 1);
    ASSERT_TRUE(
        signing &&
        signing->exec_text("SELECT pg_advisory_xact_lock(hashtextextended('charge periods', 1))"));
    std::thread reversing(
        [&] { EXPECT_TRUE(reverse_charges(**other, caller_, run, {1}, "too much")); });
    while (sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
               "datname = current_database()") != "1") {
    }
    const std::string signed_at = sql("SELECT clock_timestamp()");
    ASSERT_TRUE(signing->commit());
    reversing.join();
    EXPECT_EQ(sql("SELECT created_at > '" + signed_at +
                  "' FROM charge_run WHERE source = "
                  "'reversal'"),
              "t");
}

}  // namespace
}  // namespace carryall::charges
