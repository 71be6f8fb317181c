#include "charges/telling.hpp"

#include <gtest/gtest.h>

#include "charges/part_check.hpp"

namespace carryall::charges {
namespace {

ToldPart part_of(int number, std::int64_t instance, std::int64_t queue, std::int64_t customer,
                 const std::string& amount = "1.00") {
    ToldPart part;
    part.part_number = number;
    part.instance_id = instance;
    part.queue_id = queue;
    part.customer_id = customer;
    part.customer = "customer " + std::to_string(customer);
    part.account_number = "A-" + std::to_string(customer);
    part.period_start = "2026-03-01";
    part.period_end = "2026-03-31";
    part.counts.total = 1;
    part.counts.charged = 1;
    part.counts.charged_amount = amount;
    part.devices = 1;
    part.list_name = std::to_string(queue) + ".txt";
    return part;
}

ToldRun run_of(std::vector<ToldPart> parts) {
    ToldRun run;
    run.run = {7};
    run.source = "instances";
    run.completed_at = "2026-04-01 12:00:00 UTC";
    run.parts = std::move(parts);
    return run;
}

std::string shown(const Audiences& audiences) {
    std::string text;
    for (const Audience& audience : audiences.all) {
        text += audience.sees_all ? "all" : "some";
        for (const std::size_t part : audience.parts) text += " " + std::to_string(part);
        text += ":";
        for (const std::string& address : audience.addresses) text += " " + address;
        text += "\n";
    }
    return text;
}

TEST(Audiences, customers_see_their_own_parts_and_the_staff_sees_all) {
    const ToldRun run =
        run_of({part_of(1, 12, 501, 1), part_of(2, 13, 502, 2), part_of(3, 12, 503, 1)});
    EXPECT_EQ(shown(audiences_of(run, {"boss@example.com"},
                                 {{1, "one@example.com"}, {2, "two@example.com"}})),
              "all 0 1 2: boss@example.com\nsome 0 2: one@example.com\nsome 1: two@example.com\n");
}

TEST(Audiences, an_address_is_told_once_however_it_is_written_and_the_staff_comes_first) {
    const ToldRun run = run_of({part_of(1, 12, 501, 1), part_of(2, 13, 502, 2)});
    EXPECT_EQ(shown(audiences_of(run, {"Boss@Example.com", "boss@example.com"},
                                 {{1, "BOSS@example.com"}, {2, "two@example.com"}})),
              "all 0 1: Boss@Example.com\nsome 1: two@example.com\n");
}

TEST(Audiences, an_address_of_two_customers_sees_the_lists_of_both_and_no_third) {
    const ToldRun run =
        run_of({part_of(1, 12, 501, 1), part_of(2, 13, 502, 2), part_of(3, 14, 503, 3)});
    EXPECT_EQ(shown(audiences_of(run, {}, {{1, "both@example.com"}, {2, "both@example.com"}})),
              "some 0 1: both@example.com\n");
}

TEST(Audiences, a_part_of_several_customers_is_for_the_staff_only) {
    ToldRun run = run_of({part_of(1, 0, 0, 0)});
    run.source = "file";
    EXPECT_EQ(shown(audiences_of(run, {}, {{1, "one@example.com"}})), "");
}

TEST(Audiences, what_is_no_address_is_named) {
    const Audiences audiences = audiences_of(run_of({part_of(1, 12, 501, 1)}),
                                             {"nobody", "a@example.com\r\nBcc: b@example.com"}, {});
    EXPECT_TRUE(audiences.all.empty());
    EXPECT_EQ(audiences.refused.size(), 2U);
}

TEST(SummarySubject, names_the_queue_or_the_instances_or_the_file) {
    const ToldRun run =
        run_of({part_of(1, 12, 501, 1), part_of(2, 13, 502, 1), part_of(3, 13, 503, 1)});
    const std::string start = "Customer Charge Processing Summary - ";
    EXPECT_EQ(summary_subject(run, {0}), start + "Queue 501");
    EXPECT_EQ(summary_subject(run, {0, 1, 2}), start + "Instances 12, 13");
    EXPECT_EQ(summary_subject(run, {1, 2}), start + "Instance 13");
    ToldRun again = run;
    again.telling = 2;
    EXPECT_EQ(summary_subject(again, {0}), start + "Queue 501 (update 1)");
    ToldRun file = run;
    file.source = "file";
    file.file_id = 9;
    EXPECT_EQ(summary_subject(file, {0}), start + "File 9");
}

TEST(SummarySubject, of_many_instances_stays_short) {
    std::vector<ToldPart> parts;
    std::vector<std::size_t> all;
    for (int i = 1; i <= 12; ++i) {
        parts.push_back(part_of(i, i, 500 + i, 1));
        all.push_back(all.size());
    }
    EXPECT_EQ(summary_subject(run_of(parts), all),
              "Customer Charge Processing Summary - Instances 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 "
              "more");
}

TEST(SummaryMail, says_how_it_ended_and_what_is_to_be_done) {
    ToldPart part = part_of(1, 12, 501, 1, "12.5");
    part.counts.failed = 2;
    part.counts.parked = 3;
    part.devices = 6;
    part.error_devices = 5;
    MailFile file;
    file.name = "501.txt";
    file.is_attached = true;
    const SummaryMail mail = summary_mail(run_of({part}), {{0}, {"a@example.com"}, true},
                                          {{"failed", "product # is unknown", 2}}, file);
    EXPECT_EQ(
        mail.text,
        "Customer Charge Processing Summary - Queue 501\n\n"
        "Completed: 2026-04-01 12:00:00 UTC\nCustomer: customer 1 (account A-1)\n"
        "Billing period: 2026-03-01 - 2026-03-31\nDevices processed: 6\n"
        "Devices with errors: 5\nSuccessful charges: 1\nFailed charges: 2\n"
        "Parked charges: 3\nSkipped charges: 0\nTotal charge amount: 12.50\n"
        "\nErrors:\n- 2 x failed: product # is unknown\n"
        "\nNext steps:\n"
        "- 2 charges were refused and are not in Rev.io. Mend what the list says under "
        "ErrorMessage, then charge these devices by a file.\n"
        "- 3 charges wait for a person. Look at their reasons in the list; where an outcome "
        "is unclear, look at Rev.io first. Release what is right and dismiss what is not: the "
        "list is then written and mailed again.\n"
        "\nThe charge list is attached: 501.txt.\n");
    EXPECT_NE(mail.html.find("<th align=\"left\">Devices processed</th><td>6</td>"),
              std::string::npos)
        << mail.html;
}

TEST(SummaryMail, shows_of_other_customers_nothing) {
    const ToldRun run = run_of({part_of(1, 12, 501, 1, "1.00"), part_of(2, 13, 502, 2, "99.00"),
                                part_of(3, 12, 503, 1, "2.00")});
    const SummaryMail mail =
        summary_mail(run, {{0, 2}, {"one@example.com"}, false}, {}, MailFile{});
    for (const std::string& body : {mail.subject, mail.text, mail.html}) {
        EXPECT_EQ(body.find("customer 2"), std::string::npos) << body;
        EXPECT_EQ(body.find("13"), std::string::npos) << body;
        EXPECT_EQ(body.find("502"), std::string::npos) << body;
    }
    EXPECT_NE(mail.text.find("Total charge amount: 3.00\n"), std::string::npos) << mail.text;
    EXPECT_NE(mail.text.find("503.txt (instance 12, customer 1 (account A-1)): 1 devices, 0 with "
                             "errors, 2.00\n"),
              std::string::npos)
        << mail.text;
}

TEST(SummaryMail, a_link_stands_in_both_bodies_and_names_are_text) {
    ToldPart part = part_of(1, 12, 501, 1);
    part.customer = "<b>Acme</b> {{subject}}";
    MailFile file;
    file.name = "501.txt";
    file.link = "https://carryall.example.com/v1/downloads/abc";
    file.link_ends_at = "2026-05-01";
    const SummaryMail mail = summary_mail(run_of({part}), {{0}, {"a@example.com"}, true}, {}, file);
    EXPECT_NE(mail.text.find("Until 2026-05-01 it can be loaded from:\n" + file.link + "\n"),
              std::string::npos)
        << mail.text;
    EXPECT_NE(mail.html.find("downloads"), std::string::npos) << mail.html;
    EXPECT_EQ(mail.html.find("<b>Acme"), std::string::npos) << mail.html;
    EXPECT_NE(mail.text.find("<b>Acme</b> {{subject}}"), std::string::npos) << mail.text;
}

TEST(ListKey, has_the_version_from_the_second_on) {
    EXPECT_EQ(list_key(3, {7}, "501.txt", 1), "charge-lists/3/7/501.txt");
    EXPECT_EQ(list_key(3, {7}, "501.txt", 2), "charge-lists/3/7/501-v2.txt");
    EXPECT_EQ(list_name("instances", 0, 501, 1), "501.txt");
    EXPECT_EQ(list_name("instances", 0, 0, 4), "part-4.txt");
    EXPECT_EQ(list_name("file", 9, 0, 1), "9.txt");
}

TEST(StoreAgain, waits_longer_the_longer_it_fails) {
    using std::chrono::seconds;
    EXPECT_EQ(store_again_in(seconds(0)), seconds(30));
    EXPECT_EQ(store_again_in(seconds(120)), seconds(120));
    EXPECT_EQ(store_again_in(seconds(86'400)), seconds(900));
}

}  // namespace
}  // namespace carryall::charges
