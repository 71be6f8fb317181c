// Lists are stored, runs finished and told: once, whoever and however many work at it.
#include "charges/part_check.hpp"

#include <barrier>
#include <fstream>
#include <thread>

#include "charges/run.hpp"
#include "support/charge_lists.hpp"

namespace carryall::charges {
namespace {

using PartCheck = ChargeListTest;
const std::string kSubject = "Customer Charge Processing Summary - ";

TEST_F(PartCheck, of_one_part_stores_its_list_and_mails_it_to_everybody_concerned) {
    set_emails("boss@example.com", "billing@example.com,BOSS@example.com");
    add_instance(12, 1, "acme@example.com");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    const auto checked = check(run, 1);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_TRUE(checked->is_done && checked->is_listed && checked->is_run_finished);
    const std::string key = "charge-lists/1/" + n(run) + "/501.txt";
    const std::string list = stored(key);
    EXPECT_NE(list.find("Total Charge Amount\t1.00\n"), std::string::npos) << list;
    const std::string attached = "501.txt=" + key + "=" + n(static_cast<int>(list.size()));
    EXPECT_EQ(mails(), (std::vector<std::vector<std::string>>{
                           {"acme@example.com", kSubject + "Queue 501", attached},
                           {"billing@example.com", kSubject + "Queue 501", attached},
                           {"boss@example.com", kSubject + "Queue 501", attached}}));
    EXPECT_EQ(sql("SELECT concat_ws(' ', state, list_name, list_key, list_bytes, "
                  "list_device_count, list_error_device_count, list_error) FROM charge_run_part"),
              "listed 501.txt " + key + " " + n(static_cast<int>(list.size())) + " 1 0");
    EXPECT_EQ(run_value(run,
                        "concat_ws(' ', state, finished_at IS NOT NULL, open_part_count, "
                        "told_version, note)"),
              "finished t 0 1");
    EXPECT_EQ(sql("SELECT type || ' ' || subject || ' ' || (payload ->> 'status') || ' ' || "
                  "(payload ->> 'chargedAmount') || ' ' || (payload ->> 'mailCount') FROM event"),
              "charge_run.finished charge_run/" + n(run) + " PROCESSED 1.00 3");
}

TEST_F(PartCheck, again_changes_nothing) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    list(run, 1);
    const auto again = check(run, 1);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->is_done);
    EXPECT_FALSE(again->is_listed || again->is_run_finished);
    EXPECT_EQ(mails().size(), 1U);
    EXPECT_EQ(sql("SELECT count(*) FROM event"), "1");
}

TEST_F(PartCheck, of_a_part_that_is_still_sent_does_nothing) {
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_part(run, 1, 12, 501);
    const auto checked = check(run, 1);
    ASSERT_TRUE(checked);
    EXPECT_TRUE(checked->is_done);
    EXPECT_FALSE(checked->is_listed);
    const auto no_part = check(run, 7);
    ASSERT_TRUE(no_part);
    EXPECT_TRUE(no_part->is_done);
}

TEST_F(PartCheck, of_another_tenant_does_nothing) {
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    const auto checked = check_part(*connection_, key_, settings_, {2, {run}, 1});
    ASSERT_TRUE(checked);
    EXPECT_FALSE(checked->is_listed);
    EXPECT_EQ(sql("SELECT state FROM charge_run_part"), "settled");
}

TEST_F(PartCheck, several_parts_are_told_together_when_the_last_one_is_listed) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    add_instance(13, 1, "");
    const auto run = add_run(3);
    add_simple_part(run, 1, 12);
    add_simple_part(run, 2, 12);
    add_simple_part(run, 3, 13);
    list(run, 2);
    list(run, 1);
    EXPECT_TRUE(mails().empty());
    EXPECT_EQ(run_value(run, "state"), "sending");
    list(run, 3);
    EXPECT_EQ(run_value(run, "state"), "finished");
    ASSERT_EQ(mails().size(), 1U);
    EXPECT_EQ(mails()[0][1], kSubject + "Instances 12, 13");
    EXPECT_TRUE(mails()[0][2].starts_with("charge-lists-" + n(run) + ".zip=charge-lists/1/" +
                                          n(run) + "/summary-1-1.zip="))
        << mails()[0][2];
    const std::string archive = stored("charge-lists/1/" + n(run) + "/summary-1-1.zip");
    for (const char* name : {"501.txt", "502.txt", "503.txt"}) {
        EXPECT_NE(archive.find(name), std::string::npos) << name;
    }
    EXPECT_EQ(sql("SELECT payload ->> 'chargedAmount' FROM event"), "6.00");
}

TEST_F(PartCheck, a_run_is_told_in_the_order_of_its_instances) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    add_instance(13, 1, "");
    const auto run = add_run(2);
    database().run(
        "INSERT INTO charge_run_instance (tenant_id, charge_run_id, optimization_instance_id, "
        "position, is_last) SELECT 1, charge_run_id, i, i - 11, i = 13 "
        "FROM charge_run, unnest(ARRAY[12, 13]) i");
    add_simple_part(run, 1, 13);  // a second worker was faster
    add_simple_part(run, 2, 12);
    list(run, 1);
    list(run, 2);
    ASSERT_EQ(mails().size(), 1U);
    EXPECT_EQ(mails()[0][1], kSubject + "Instances 12, 13");
}

TEST_F(PartCheck, with_an_instance_whose_charges_are_still_made_the_run_goes_on) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    database().run("UPDATE charge_run SET open_instance_count = 1, state = 'enqueueing'");
    add_simple_part(run, 1, 12);
    list(run, 1);
    EXPECT_EQ(run_value(run, "state || open_part_count"), "enqueueing0");
    EXPECT_TRUE(mails().empty());
}

TEST_F(PartCheck, customers_get_their_own_lists_only) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "acme@example.com,shared@example.com");
    add_instance(13, 2, "bolt@example.com,shared@example.com");
    add_instance(14, 2, "");
    const auto run = add_run(3);
    add_simple_part(run, 1, 12);
    add_simple_part(run, 2, 13);
    add_simple_part(run, 3, 14);
    for (int part = 1; part <= 3; ++part) list(run, part);
    const auto all = mails();
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0][0], "acme@example.com");
    EXPECT_EQ(all[0][1], kSubject + "Queue 501");
    EXPECT_TRUE(all[0][2].starts_with("501.txt=")) << all[0][2];
    EXPECT_EQ(all[1][0], "bolt@example.com");
    EXPECT_EQ(all[1][1], kSubject + "Instances 13, 14");
    EXPECT_EQ(all[2][0], "boss@example.com");
    EXPECT_EQ(all[2][1], kSubject + "Instances 12, 13, 14");
    EXPECT_EQ(all[3][0], "shared@example.com");
    EXPECT_EQ(all[3][1], kSubject + "Instances 12, 13, 14");
    EXPECT_NE(all[1][2], all[2][2]);
    EXPECT_EQ(all[2][2], all[3][2]);
    EXPECT_EQ(sql("SELECT count(*) FROM delivery WHERE address = 'acme@example.com' AND "
                  "text_body || html_body LIKE '%Bolt%'"),
              "0");
    const std::string key = all[1][2].substr(all[1][2].find('=') + 1);
    const std::string archive = stored(key.substr(0, key.find('=')));
    EXPECT_EQ(archive.find("501.txt"), std::string::npos);
    EXPECT_NE(archive.find("503.txt"), std::string::npos);
}

TEST_F(PartCheck, eight_workers_that_list_the_last_parts_at_once_tell_once) {
    set_emails("boss@example.com", "billing@example.com");
    add_instance(12, 1, "acme@example.com");
    const auto run = add_run(8);
    for (int part = 1; part <= 8; ++part) add_simple_part(run, part, 12);
    std::barrier together(8);
    std::atomic<int> finished{0};
    std::vector<std::thread> workers;
    for (int part = 1; part <= 8; ++part) {
        workers.emplace_back([&, part] {
            const auto connection = open();
            CheckSettings settings = settings_;
            together.arrive_and_wait();
            const auto checked = check_part(*connection, key_, settings, {1, {run}, part});
            ASSERT_TRUE(checked) << checked.error().message;
            EXPECT_TRUE(checked->is_listed);
            if (checked->is_run_finished) ++finished;
        });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(finished, 1);
    EXPECT_EQ(run_value(run, "state || told_version || open_part_count"), "finished10");
    EXPECT_EQ(sql("SELECT count(*) FROM event"), "1");
    EXPECT_EQ(mails().size(), 3U);
    EXPECT_EQ(sql("SELECT count(*) FROM charge_run_part WHERE state = 'listed'"), "8");
}

TEST_F(PartCheck, eight_workers_at_one_part_list_it_once) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    std::barrier together(8);
    std::atomic<int> listed{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < 8; ++i) {
        workers.emplace_back([&] {
            const auto connection = open();
            together.arrive_and_wait();
            const auto checked = check_part(*connection, key_, settings_, {1, {run}, 1});
            ASSERT_TRUE(checked) << checked.error().message;
            if (checked->is_listed) ++listed;
        });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(listed, 1);
    EXPECT_EQ(mails().size(), 1U);
    EXPECT_EQ(run_value(run, "open_part_count"), "0");
}

TEST_F(PartCheck, a_part_that_another_worker_lists_is_left_to_it) {
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    const auto other = open();
    {
        const auto lock = PartLock::take(*other, {1, {run}, 1});
        ASSERT_TRUE(lock && *lock);
        const auto checked = check(run, 1);
        ASSERT_TRUE(checked);
        EXPECT_FALSE(checked->is_done);
        EXPECT_GT(checked->again_in.count(), 0);
    }
    list(run, 1);
}

TEST_F(PartCheck, of_a_part_that_settled_again_meanwhile_is_not_believed) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    // While the store has the list, a person releases a parked charge and the part settles again.
    store_->loses = true;
    settings_.pace.wait = [&](std::chrono::milliseconds) {
        database().run("UPDATE charge_run_part SET list_version = 2");
        store_->loses = false;
        return true;
    };
    const auto checked = check(run, 1);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_FALSE(checked->is_listed);
    EXPECT_EQ(sql("SELECT state FROM charge_run_part"), "settled");
    EXPECT_TRUE(mails().empty());
    list(run, 1);
    EXPECT_EQ(sql("SELECT list_key FROM charge_run_part"),
              "charge-lists/1/" + n(run) + "/501-v2.txt");
}

TEST_F(PartCheck, a_run_that_was_opened_again_is_told_again_with_a_new_list) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(2);
    add_simple_part(run, 1, 12);
    add_simple_part(run, 2, 12);
    list(run, 1);
    list(run, 2);
    // Parked charges are released, and sent.
    database().run(
        "UPDATE charge_run_part SET state = 'sending', settled_at = NULL WHERE part_number = 2;"
        "UPDATE charge_run SET state = 'sending', finished_at = NULL, open_part_count = 1");
    settle(run, 2);
    list(run, 2);
    const auto all = mails();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1][1], kSubject + "Instance 12 (update 1)");
    EXPECT_NE(all[1][2].find("summary-2-1.zip"), std::string::npos) << all[1][2];
    EXPECT_EQ(run_value(run, "state || told_version"), "finished2");
    EXPECT_EQ(sql("SELECT list_key FROM charge_run_part WHERE part_number = 2"),
              "charge-lists/1/" + n(run) + "/502-v2.txt");
}

TEST_F(PartCheck, without_addresses_the_run_is_finished_and_says_that_nobody_was_told) {
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    list(run, 1);
    EXPECT_TRUE(mails().empty());
    EXPECT_EQ(run_value(run, "state || ': ' || note"),
              "finished: Nobody was told by mail: neither the instances nor the charge settings "
              "name an address.");
    EXPECT_EQ(get_run(*connection_, {1}, {run})->run.note, run_value(run, "note"));
    EXPECT_EQ(sql("SELECT payload ->> 'note' FROM event").substr(0, 24),
              "Nobody was told by mail:");
}

TEST_F(PartCheck, what_is_no_address_is_said_and_keeps_nobody_else_from_hearing) {
    set_emails("boss@example.com", "nobody");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    list(run, 1);
    EXPECT_EQ(mails().size(), 1U);
    EXPECT_EQ(run_value(run, "note"), "'nobody' is no address.");
}

TEST_F(PartCheck, a_list_larger_than_the_limit_is_linked) {
    set_emails("boss@example.com", "");
    database().run("UPDATE charge_setting SET attachment_limit_bytes = 10");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    list(run, 1);
    ASSERT_EQ(mails().size(), 1U);
    EXPECT_EQ(mails()[0][2], "");
    const std::string text = sql("SELECT text_body FROM delivery");
    const std::string start = "https://carryall.example.com/v1/downloads/";
    const auto at = text.find(start);
    ASSERT_NE(at, std::string::npos) << text;
    const std::string token =
        text.substr(at + start.size(), text.find('\n', at) - at - start.size());
    const auto link = files::open_link(key_, token, base::system_clock().now());
    ASSERT_TRUE(link);
    EXPECT_EQ(link->tenant_id, 1);
    EXPECT_EQ(link->file_key, "charge-lists/1/" + n(run) + "/501.txt");
    EXPECT_EQ(link->file_name, "501.txt");
    EXPECT_FALSE(files::open_link(key_, token, base::system_clock().now() + std::chrono::days(31)));
}

TEST_F(PartCheck, a_list_that_can_neither_be_attached_nor_linked_is_named) {
    set_emails("boss@example.com", "");
    database().run("UPDATE charge_setting SET attachment_limit_bytes = 10");
    settings_.links.public_url.clear();
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    list(run, 1);
    EXPECT_NE(sql("SELECT text_body FROM delivery").find("api.public_url is not set"),
              std::string::npos);
}

TEST_F(PartCheck, a_store_that_refuses_is_shown_and_tried_again) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    store_->refusal = base::unavailable("the bucket does not answer");
    const auto checked = check(run, 1);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_FALSE(checked->is_done);
    EXPECT_GE(checked->again_in, std::chrono::seconds(30));
    EXPECT_EQ(sql("SELECT state || ': ' || list_error FROM charge_run_part").substr(0, 35),
              "settled: the bucket does not answer");
    EXPECT_EQ(run_value(run, "state || open_part_count"), "sending1");
    EXPECT_TRUE(mails().empty());
    const auto unread = get_list(*connection_, {1}, {run}, 1);
    ASSERT_FALSE(unread);
    EXPECT_EQ(unread.error().kind, base::ErrorKind::conflict);
    EXPECT_NE(unread.error().message.find("the bucket does not answer"), std::string::npos);
    store_->refusal.reset();
    list(run, 1);
    EXPECT_TRUE(get_list(*connection_, {1}, {run}, 1));
    EXPECT_EQ(sql("SELECT count(*) FROM charge_run_part WHERE state = 'listed' AND list_error IS "
                  "NULL AND list_failing_since IS NULL"),
              "1");
    EXPECT_EQ(mails().size(), 1U);
}

TEST_F(PartCheck, a_store_that_loses_the_list_is_not_believed) {
    add_instance(12, 1, "");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    store_->loses = true;
    const auto checked = check(run, 1);
    ASSERT_TRUE(checked);
    EXPECT_FALSE(checked->is_done);
    EXPECT_NE(sql("SELECT list_error FROM charge_run_part").find("does not have it"),
              std::string::npos);
}

TEST_F(PartCheck, a_store_that_fails_for_long_is_told_once_and_the_list_follows) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "acme@example.com");
    const auto run = add_run(1);
    add_simple_part(run, 1, 12);
    store_->refusal = base::invalid_input("the bucket is gone");
    ASSERT_TRUE(check(run, 1));
    EXPECT_TRUE(mails().empty());
    database().run("UPDATE charge_run_part SET list_failing_since = now() - interval '61 min'");
    ASSERT_TRUE(check(run, 1));
    ASSERT_TRUE(check(run, 1));
    ASSERT_EQ(mails().size(), 1U);
    EXPECT_EQ(mails()[0][0], "boss@example.com");
    EXPECT_EQ(mails()[0][1], kSubject + "Queue 501 - list not stored");
    EXPECT_EQ(mails()[0][2], "");
    EXPECT_NE(sql("SELECT text_body FROM delivery").find("the bucket is gone"), std::string::npos);
    EXPECT_EQ(sql("SELECT type || ' ' || (payload ->> 'reason') FROM event"),
              "charge_run.list_not_stored the bucket is gone");
    store_->refusal.reset();
    list(run, 1);
    EXPECT_EQ(mails().size(), 3U);
    EXPECT_EQ(run_value(run, "state"), "finished");
}

TEST_F(PartCheck, a_list_that_vanished_from_the_store_is_written_again_for_the_archive) {
    set_emails("boss@example.com", "");
    add_instance(12, 1, "");
    const auto run = add_run(2);
    add_simple_part(run, 1, 12);
    add_simple_part(run, 2, 12);
    list(run, 1);
    std::filesystem::remove(folder_.path() / "store" / "charge-lists" / "1" / n(run) / "501.txt");
    list(run, 2);
    ASSERT_EQ(mails().size(), 1U);
    EXPECT_NE(stored("charge-lists/1/" + n(run) + "/summary-1-1.zip").find("501.txt"),
              std::string::npos);
}

TEST_F(PartCheck, leaves_nothing_in_the_scratch_directory) {
    add_instance(12, 1, "");
    const auto run = add_run(2);
    add_simple_part(run, 1, 12);
    add_simple_part(run, 2, 12);
    list(run, 1);
    store_->refusal = base::unavailable("away");
    ASSERT_TRUE(check(run, 2));
    EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

}  // namespace
}  // namespace carryall::charges
