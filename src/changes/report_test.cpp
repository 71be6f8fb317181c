// Reports and retries on a real database, with the run engine's marks written by hand.
#include "changes/report.hpp"

#include <set>

#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;

class ReportTest : public ChangesTest {
  protected:
    // A change of `count` good devices and two bad ones, in pages of two.
    BulkChangeId make_change(int count = 4) {
        std::vector<std::string> devices;
        for (int i = 1; i <= count; ++i) devices.push_back(add_device(ours_, i));
        devices.push_back(iccid_of_serial(900));
        devices.push_back("8.9E+18");
        SubmitOptions options;
        options.page_size = 2;
        const auto result = submit_json(ours_,
                                        request(ours_.pond, "statusupdate", quoted(devices),
                                                R"("statusUpdate": {"updateStatus": "Suspended"})"),
                                        options);
        EXPECT_TRUE(result) << result.error().message;
        return result ? result->id : BulkChangeId{};
    }
    static std::string ids(BulkChangeId id) {
        return " device_change_id >> 20 = " + base::to_string(id);
    }
    // As the engine leaves a device that failed.
    void fail(BulkChangeId id, int row, const std::string& error_class,
              const std::string& reason = "the carrier said no") {
        sql("UPDATE device_change SET state = 'error', error_class = '" + error_class +
            "', reason = '" + reason + "', finished_at = now(), retry_number = 3 WHERE" + ids(id) +
            " AND row_number = " + std::to_string(row) + " RETURNING 1");
        sql("UPDATE bulk_change SET new_count = new_count - 1, error_count = error_count + 1 WHERE "
            "bulk_change_id = " +
            base::to_string(id) + " RETURNING 1");
    }
    void finish(BulkChangeId id) {
        sql("UPDATE device_change SET state = 'processed', finished_at = now() WHERE" + ids(id) +
            " AND state = 'new' RETURNING 1");
        sql("UPDATE change_page SET state = 'done', worker = NULL, available_at = 'infinity' WHERE "
            "bulk_change_id = " +
            base::to_string(id) + " RETURNING 1");
        sql("UPDATE bulk_change SET processed_count = new_count, new_count = 0, open_page_count = "
            "0, status = 'PARTIAL', finished_at = now() WHERE bulk_change_id = " +
            base::to_string(id) + " RETURNING 1");
    }
    void send_page(BulkChangeId id, int page) {
        sql("UPDATE change_page SET state = 'sending', worker = 'w', attempt = 1, claimed_at = "
            "now() WHERE bulk_change_id = " +
            base::to_string(id) + " AND page_number = " + std::to_string(page) + " RETURNING 1");
    }
    TenantId tenant() const { return ours_.caller.tenant_id; }
    std::string failed_file(BulkChangeId id) {
        std::string text;
        sheets::CsvWriter writer(text);
        EXPECT_TRUE(write_failed_rows(*connection_, tenant(), id, writer));
        EXPECT_TRUE(writer.finish());
        return text;
    }
    RetryResult retried(BulkChangeId id, const RetryFilter& filter = {}) {
        const auto result = retry_failed(*connection_, ours_.caller, id, filter);
        EXPECT_TRUE(result) << result.error().message;
        if (!result) return {};
        expect_counts_add_up(id);
        return *result;
    }
};

TEST_F(ReportTest, a_change_shows_its_counts_reasons_and_parameters) {
    const auto id = make_change();
    send_page(id, 1);
    const auto detail = get_change(*connection_, tenant(), id);
    ASSERT_TRUE(detail) << detail.error().message;
    EXPECT_EQ(detail->summary.status, "PENDING");
    EXPECT_EQ(detail->summary.service_provider, "POND");
    EXPECT_EQ(detail->summary.device_count, 6);
    EXPECT_EQ(detail->summary.counts.sending, 2);
    EXPECT_EQ(detail->summary.counts.fresh, 2);
    EXPECT_EQ(detail->summary.counts.error, 2);
    ASSERT_EQ(detail->reasons.size(), 1U);  // both are "Invalid ICCID"
    EXPECT_EQ(detail->reasons[0].reason, "Invalid ICCID");
    EXPECT_EQ(detail->reasons[0].count, 2);
    EXPECT_EQ(base::json::serialize(detail->request),
              R"({"statusUpdate":{"updateStatus":"Suspended"}})");
}

TEST_F(ReportTest, the_exact_state_and_the_users_word_stand_side_by_side) {
    const auto id = make_change();
    send_page(id, 1);
    const auto page = list_device_changes(*connection_, tokens_, tenant(), id, {}, {});
    ASSERT_TRUE(page) << page.error().message;
    ASSERT_EQ(page->items.size(), 6U);
    EXPECT_EQ(page->items[0].state + page->items[0].status, "sendingPROCESSING");
    EXPECT_EQ(page->items[2].state + page->items[2].status, "newNEW");
    EXPECT_EQ(page->items[4].state + page->items[4].status, "errorERROR");
    EXPECT_EQ(page->items[4].reason, "Invalid ICCID");
    EXPECT_EQ(page->items[0].row_number, 1);
    DeviceChangeFilter filter;
    filter.states = {"sending", "error"};
    EXPECT_EQ(list_device_changes(*connection_, tokens_, tenant(), id, filter, {})->items.size(),
              4U);
    filter.states = {"new"};
    EXPECT_EQ(list_device_changes(*connection_, tokens_, tenant(), id, filter, {})->items.size(),
              2U);
    filter.states = {"asleep"};
    EXPECT_EQ(list_device_changes(*connection_, tokens_, tenant(), id, filter, {}).error().kind,
              ErrorKind::invalid_input);
    const auto one = get_device_change(*connection_, tenant(), page->items[0].id);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->state, "sending");
}

TEST_F(ReportTest, pages_go_on_where_they_ended_and_show_each_row_once) {
    const auto id = make_change(7);
    std::set<std::int64_t> seen;
    PageRequest page{2, ""};
    int pages = 0;
    do {
        const auto part = list_device_changes(*connection_, tokens_, tenant(), id, {}, page);
        ASSERT_TRUE(part);
        for (const auto& device : part->items) EXPECT_TRUE(seen.insert(device.row_number).second);
        page.token = part->next_token;
        ++pages;
    } while (!page.token.empty() && pages < 20);
    EXPECT_EQ(seen.size(), 9U);
    EXPECT_EQ(pages, 5);
}

TEST_F(ReportTest, changes_are_listed_newest_first_and_filtered) {
    const auto first = make_change();
    const auto second =
        submit_json(ours_, request(ours_.other_pond, "customerrateplanchange",
                                   quoted({iccid_of_serial(1)}), R"("customerRatePlan": "GOLD")"));
    ASSERT_TRUE(second);
    const auto all = list_changes(*connection_, tokens_, tenant(), {}, {1, ""});
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->items.size(), 1U);
    EXPECT_EQ(all->items[0].id, second->id);
    const auto rest = list_changes(*connection_, tokens_, tenant(), {}, {1, all->next_token});
    ASSERT_EQ(rest->items.size(), 1U);
    EXPECT_EQ(rest->items[0].id, first);
    EXPECT_EQ(rest->next_token, "");
    ChangeFilter filter;
    filter.status = "ERROR";
    EXPECT_EQ(list_changes(*connection_, tokens_, tenant(), filter, {})->items.at(0).id,
              second->id);
    filter = {};
    filter.change_type = ChangeType::statusupdate;
    filter.service_provider_id = ours_.pond;
    filter.created_by = "operator of ours";
    filter.created_from = base::parse_iso8601("2020-01-01").value();
    EXPECT_EQ(list_changes(*connection_, tokens_, tenant(), filter, {})->items.at(0).id, first);
    filter.created_before = filter.created_from;
    EXPECT_TRUE(list_changes(*connection_, tokens_, tenant(), filter, {})->items.empty());
}

TEST_F(ReportTest, the_log_names_the_id_as_the_portal_does) {
    const auto id = make_change();
    const auto log = change_log(*connection_, tokens_, tenant(), id, {}, {1, ""});
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_EQ(log->items.size(), 1U);
    EXPECT_EQ(log->items[0].id_name, "m2mDeviceChangeId");
    EXPECT_EQ(log->items[0].log_entry_description, "Update Device Status: POND Validate");
    EXPECT_EQ(log->items[0].response_status, "ERROR");
    const auto rest = change_log(*connection_, tokens_, tenant(), id, {}, {1, log->next_token});
    ASSERT_EQ(rest->items.size(), 1U);
    EXPECT_NE(rest->items[0].device_change_id, log->items[0].device_change_id);
    EXPECT_EQ(rest->next_token, "");
    const auto one =
        change_log(*connection_, tokens_, tenant(), id, rest->items[0].device_change_id, {});
    EXPECT_EQ(one->items.size(), 1U);
}

TEST_F(ReportTest, nothing_of_a_change_is_seen_by_another_tenant) {
    const auto id = make_change();
    const auto device = first_device_change(id);
    const TenantId other = theirs_.caller.tenant_id;
    const auto missing = [](const auto& result) {
        return !result && result.error().kind == ErrorKind::not_found;
    };
    EXPECT_TRUE(missing(get_change(*connection_, other, id)));
    EXPECT_TRUE(list_changes(*connection_, tokens_, other, {}, {})->items.empty());
    EXPECT_TRUE(missing(list_device_changes(*connection_, tokens_, other, id, {}, {})));
    EXPECT_TRUE(missing(get_device_change(*connection_, other, device)));
    EXPECT_TRUE(missing(change_log(*connection_, tokens_, other, id, {}, {})));
    EXPECT_TRUE(missing(get_progress(*connection_, other, id)));
    EXPECT_TRUE(missing(retry_failed(*connection_, theirs_.caller, id, {})));
    std::string text;
    sheets::CsvWriter writer(text);
    EXPECT_TRUE(missing(write_failed_rows(*connection_, other, id, writer)));
    EXPECT_EQ(text, "");
    ASSERT_TRUE(get_change(*connection_, tenant(), id));
}

TEST_F(ReportTest, progress_counts_every_device) {
    const auto id = make_change();
    const auto progress = get_progress(*connection_, tenant(), id);
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->counts.fresh, 4);
    EXPECT_EQ(progress->counts.error, 2);
    EXPECT_FALSE(progress->finished);
    finish(id);
    EXPECT_TRUE(get_progress(*connection_, tenant(), id)->finished);
    EXPECT_EQ(get_progress(*connection_, tenant(), id)->counts.processed, 4);
}

TEST_F(ReportTest, the_file_of_failed_rows_can_be_uploaded_again) {
    std::vector<std::string> lines;
    for (int i = 1; i <= 3; ++i) lines.push_back(add_device(ours_, i));
    const auto result = submit_file(
        ours_,
        request(ours_.pond, "customerrateplanchange", "",
                R"("customerRatePlanUpdate": {"customerDataAllocationMB": "7.50"})"),
        "ICCID,Customer Rate Plan,Effective Date\n" + lines[0] + ",GOLD,\n" + lines[1] +
            ",LEAD,\n" + lines[2] + ",GOLD,03/04/2026\n=1+1,GOLD,\n" + iccid_of_serial(9) + ",,\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->refused_count, 4);
    const std::string file = failed_file(result->id);
    // What was not usable is shown as it was given, and no cell is a formula.
    EXPECT_NE(file.find("03/04/2026"), std::string::npos) << file;
    EXPECT_NE(file.find("LEAD"), std::string::npos) << file;
    EXPECT_EQ(file.find("\n=1+1"), std::string::npos) << file;
    EXPECT_NE(file.find("\n'=1+1"), std::string::npos) << file;
    EXPECT_NE(file.find("7.50"), std::string::npos) << file;
    EXPECT_NE(file.find("Invalid customer rate plan"), std::string::npos) << file;
    // The plan and the device appear, the same file is fine except for what is wrong in itself.
    sql("INSERT INTO customer_rate_plan (tenant_id, code, name) VALUES (" +
        base::to_string(tenant()) + ", 'LEAD', 'Lead') RETURNING 1");
    add_device(ours_, 9);
    const auto again =
        submit_file(ours_, request(ours_.pond, "customerrateplanchange", "", ""), file);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->device_count, 4);
    EXPECT_EQ(again->accepted_count, 2);
    EXPECT_TRUE(again->warnings.empty()) << again->warnings.front();
    EXPECT_EQ(sql("SELECT request->'customerRatePlanUpdate'->>'customerDataAllocationMb' FROM "
                  "device_change WHERE" +
                  ids(again->id) + " AND state = 'new' LIMIT 1"),
              "7.50");
}

TEST_F(ReportTest, only_what_failed_is_tried_again_after_it_was_checked) {
    const auto id = make_change();
    fail(id, 1, "business");
    fail(id, 2, "transient");
    finish(id);
    // The device of row 2 was archived in the meantime.
    sql("UPDATE device SET is_active = false WHERE iccid = '" + iccid_of_serial(2) +
        "' RETURNING 1");
    const auto result = retried(id);
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(result.refused_count, 3);
    EXPECT_EQ(result.status, "PROCESSING");
    EXPECT_EQ(reason(id, 2), "M2M Device is archived");
    EXPECT_EQ(sql("SELECT state || retry_number || (finished_at IS NULL) || (reason IS NULL) FROM "
                  "device_change WHERE row_number = 1 AND" +
                  ids(id)),
              "new0truetrue");
    EXPECT_EQ(sql("SELECT status || (finished_at IS NULL) || new_count || processed_count || "
                  "error_count || open_page_count FROM bulk_change WHERE bulk_change_id = " +
                  base::to_string(id)),
              "PROCESSINGtrue1231");
    EXPECT_EQ(sql("SELECT state FROM change_page WHERE page_number = 1 AND bulk_change_id = " +
                  base::to_string(id)),
              "ready");
    // The submission's two verdicts and the retry's on rows 2 and 5; row 6 can never be valid.
    EXPECT_EQ(sql("SELECT count(*) FROM device_change_log WHERE attempt = 0 AND" + ids(id)), "4");
}

TEST_F(ReportTest, a_validation_failure_is_tried_again_only_when_it_is_valid_now) {
    const auto id = make_change();
    finish(id);
    EXPECT_EQ(retried(id).retried_count, 0);
    EXPECT_EQ(sql("SELECT status FROM bulk_change WHERE bulk_change_id = " + base::to_string(id)),
              "PARTIAL");
    add_device(ours_, 900);
    EXPECT_EQ(retried(id, {{"business", "transient", "system"}}).retried_count, 0);
    EXPECT_EQ(retried(id, {{"validation"}}).retried_count, 1);
    EXPECT_EQ(sql("SELECT (device_id IS NOT NULL)::text FROM device_change WHERE row_number = 5 "
                  "AND" +
                  ids(id)),
              "true");
    EXPECT_EQ(retry_failed(*connection_, ours_.caller, id, {{"cosmic"}}).error().kind,
              ErrorKind::invalid_input);
}

TEST_F(ReportTest, a_duplicate_row_is_never_tried_again) {
    const auto line = add_device(ours_, 1, "msisdn", "'12125550100'");
    const auto change =
        submit_json(ours_, request(ours_.pond, "statusupdate", quoted({line, line, "12125550199"}),
                                   R"("statusUpdate": {"updateStatus": "Suspended"})"));
    ASSERT_TRUE(change);
    finish(change->id);
    // Now the number names the device that row 1 stands for.
    sql("UPDATE device SET msisdn = '12125550199' WHERE iccid = '" + line + "' RETURNING 1");
    const auto result = retried(change->id);
    EXPECT_EQ(result.retried_count, 0);
    EXPECT_EQ(result.refused_count, 2);
    EXPECT_EQ(reason(change->id, 3), "Duplicate of row 1");
}

TEST_F(ReportTest, a_value_that_could_not_be_used_is_never_left_out_by_a_retry) {
    const auto line = add_device(ours_, 1);
    const auto change =
        submit_json(ours_, request(ours_.pond, "customerrateplanchange",
                                   R"({"iccid": ")" + line + R"(", "effectiveDate": "soon"})",
                                   R"("customerRatePlan": "GOLD")"));
    ASSERT_TRUE(change);
    EXPECT_EQ(change->refused_count, 1);
    const auto result = retried(change->id);
    EXPECT_EQ(result.retried_count, 0);
    EXPECT_EQ(result.refused_count, 1);
}

TEST_F(ReportTest, a_page_that_is_being_sent_is_left_alone) {
    const auto id = make_change();
    fail(id, 1, "transient");
    fail(id, 3, "transient");
    send_page(id, 1);
    const auto result = retried(id);
    EXPECT_EQ(result.busy_count, 1);
    EXPECT_EQ(result.retried_count, 1);
    EXPECT_EQ(sql("SELECT state FROM device_change WHERE row_number = 1 AND" + ids(id)), "error");
}

TEST_F(ReportTest, a_retry_keeps_each_devices_own_parameters) {
    const auto line = add_device(ours_, 1);
    const auto change =
        submit_json(ours_, request(ours_.pond, "carrierrateplanchange",
                                   R"({"iccid": ")" + line + R"(", "carrierRatePlan": "P1"})", ""));
    ASSERT_TRUE(change);
    fail(change->id, 1, "transient");
    sql("UPDATE change_page SET state = 'done' WHERE bulk_change_id = " +
        base::to_string(change->id) + " RETURNING 1");
    sql("UPDATE bulk_change SET open_page_count = 0, status = 'ERROR', finished_at = now() WHERE "
        "bulk_change_id = " +
        base::to_string(change->id) + " RETURNING 1");
    EXPECT_EQ(retried(change->id).retried_count, 1);
    EXPECT_EQ(sql("SELECT request->'carrierRatePlanUpdate'->>'carrierRatePlan' FROM device_change "
                  "WHERE" +
                  ids(change->id)),
              "P1");
}

TEST_F(ReportTest, more_failed_rows_than_a_batch_are_all_written) {
    std::string csv = "ICCID\n";
    constexpr int kRows = 2500;
    for (int i = 0; i < kRows; ++i) csv += iccid_of_serial(i + 1) + '\n';
    const auto result = submit_file(
        ours_,
        request(ours_.pond, "statusupdate", "", R"("statusUpdate": {"updateStatus": "Suspended"})"),
        csv);
    ASSERT_TRUE(result);
    const std::string file = failed_file(result->id);
    EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), kRows + 1);
}

}  // namespace
}  // namespace carryall::changes
