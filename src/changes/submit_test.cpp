// Submission on a real database: every reason a device or a request can be refused for, what is
// stored, idempotency, and that one tenant never sees another.
#include "changes/submit.hpp"

#include <thread>

#include "base/metrics.hpp"
#include "support/changes.hpp"

namespace carryall::changes {
namespace {

using base::ErrorKind;

class SubmitTest : public ChangesTest {
  protected:
    static std::string status(const std::string& target) {
        return R"("statusUpdate": {"updateStatus": ")" + target + "\"}";
    }
    SubmitResult accepted(const base::Result<SubmitResult>& result) {
        EXPECT_TRUE(result) << result.error().where << ' ' << result.error().message;
        if (!result) return {};
        EXPECT_EQ(result->device_count, result->accepted_count + result->refused_count);
        std::int64_t counted = 0;
        for (const ReasonCount& reason : result->reasons) counted += reason.count;
        EXPECT_EQ(counted, result->refused_count);
        if (result->id && !result->replayed) expect_counts_add_up(result->id);
        return *result;
    }
    // Refused whole, for this reason at this place, and nothing was stored.
    void expect_refused(const base::Result<SubmitResult>& result, const std::string& where,
                        const std::string& message, ErrorKind kind = ErrorKind::invalid_input) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().kind, kind);
        EXPECT_EQ(result.error().where, where);
        EXPECT_EQ(result.error().message.substr(0, message.size()), message);
        ASSERT_FALSE(errors_.empty());
        EXPECT_EQ(errors_.front().message, result.error().message);
        EXPECT_EQ(sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                      base::to_string(ours_.caller.tenant_id)),
                  "0");
        EXPECT_EQ(sql("SELECT count(*) FROM queue_message WHERE attributes->>'TenantId' = '" +
                      base::to_string(ours_.caller.tenant_id) + "'"),
                  "0");
    }
    std::string messages(BulkChangeId id) {
        return sql("SELECT count(*) FROM queue_message WHERE attributes->>'BulkChangeId' = '" +
                   base::to_string(id) + "'");
    }
};

TEST_F(SubmitTest, a_change_is_stored_with_devices_pages_log_and_messages) {
    std::vector<std::string> devices;
    for (int i = 1; i <= 25; ++i) devices.push_back(add_device(ours_, i));
    devices.push_back(iccid_of_serial(9999));
    SubmitOptions options;
    options.page_size = 5;
    options.correlation_id = "c-1";
    const auto result = accepted(submit_json(
        ours_, request(ours_.pond, "StatusUpdate", quoted(devices), status("suspended")), options));
    EXPECT_EQ(result.status, "PENDING");
    EXPECT_EQ(result.accepted_count, 25);
    EXPECT_EQ(result.refused_count, 1);
    EXPECT_EQ(result.correlation_id, "c-1");
    const std::string id = base::to_string(result.id);
    EXPECT_EQ(sql("SELECT request->'statusUpdate'->>'updateStatus' FROM bulk_change WHERE "
                  "bulk_change_id = " +
                  id),
              "Suspended");
    EXPECT_EQ(
        sql("SELECT portal || created_by || source FROM bulk_change WHERE bulk_change_id = " + id),
        "m2moperator of oursjson");
    // 26 devices in pages of five; the sixth has nothing to do.
    EXPECT_EQ(sql("SELECT string_agg(state, ' ' ORDER BY page_number) FROM change_page WHERE "
                  "bulk_change_id = " +
                  id),
              "ready ready ready ready ready done");
    EXPECT_EQ(messages(result.id), "5");
    EXPECT_EQ(
        database().rows("SELECT attempt, step, log_entry_description, response_status, "
                        "error_text, has_errors, correlation_id FROM device_change_log "
                        "WHERE device_change_id >> 20 = " +
                        id),
        (std::vector<std::vector<std::string>>{{"0", "1", "Update Device Status: POND Validate",
                                                "ERROR", "Invalid ICCID", "t", "c-1"}}));
    EXPECT_EQ(reason(result.id, 26), "Invalid ICCID");
}

TEST_F(SubmitTest, a_change_gets_no_more_messages_than_runners) {
    std::vector<std::string> devices;
    for (int i = 1; i <= 20; ++i) devices.push_back(add_device(ours_, i));
    SubmitOptions options;
    options.page_size = 1;
    const auto result = accepted(submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted(devices), status("Suspended")), options));
    EXPECT_EQ(messages(result.id), std::to_string(kMaxParallelRunners));
}

TEST_F(SubmitTest, every_device_is_judged_and_the_first_reason_counts) {
    const auto good = add_device(ours_, 1);
    const auto archived = add_device(ours_, 2, "is_active", "false");
    const auto deleted = add_device(ours_, 3, "portal, is_deleted", "'mobility', true");
    const auto elsewhere =
        add_device(ours_, 4, "service_provider_id", std::to_string(ours_.other_pond));
    const auto phone = add_device(ours_, 5, "portal", "'mobility'");
    const auto theirs = add_device(theirs_, 6);
    const auto terminated = add_device(ours_, 7, "status", "'Terminated'");
    auto mistyped = add_device(ours_, 8);
    mistyped.back() = mistyped.back() == '0' ? '1' : '0';
    const auto result = accepted(submit_json(
        ours_, request(ours_.pond, "statusupdate",
                       quoted({good, archived, deleted, elsewhere, phone, theirs, terminated,
                               mistyped, good.substr(0, 19), iccid_of_serial(404), "8.9E+18"}),
                       status("Suspended"))));
    EXPECT_EQ(result.accepted_count, 1);
    EXPECT_EQ(reason(result.id, 2), "M2M Device is archived");
    EXPECT_EQ(reason(result.id, 3), "Mobility Device is archived");
    EXPECT_EQ(reason(result.id, 4), "Device belongs to another service provider");
    EXPECT_EQ(reason(result.id, 5), "Device belongs to the mobility portal");
    EXPECT_EQ(reason(result.id, 6), "Invalid ICCID");
    EXPECT_EQ(reason(result.id, 7), "Status transition from Terminated to Suspended not allowed");
    EXPECT_TRUE(reason(result.id, 8).starts_with("Invalid ICCID (wrong check digit"));
    EXPECT_EQ(reason(result.id, 9), "Duplicate of row 1");
    EXPECT_EQ(reason(result.id, 10), reason(result.id, 6));
    EXPECT_TRUE(reason(result.id, 11).starts_with("Invalid ICCID ("));
    EXPECT_EQ(sql("SELECT count(*) FROM device_change WHERE device_change_id >> 20 = " +
                  base::to_string(result.id) + " AND error_class = 'validation'"),
              "10");
}

TEST_F(SubmitTest, a_transition_that_is_not_allowed_is_refused_with_the_carriers_advice) {
    const std::string telegence =
        sql("INSERT INTO service_provider (tenant_id, name, integration, write_is_enabled) VALUES "
            "(" +
            std::to_string(ours_.caller.tenant_id.value) +
            ", 'AT&T', 'telegence', true) RETURNING service_provider_id");
    std::vector<std::string> lines;
    for (const std::string status : {"Suspended", "Cancelled", "Pending Activation", "Active"}) {
        lines.push_back(add_device(ours_, static_cast<int>(lines.size()) + 1,
                                   "service_provider_id, portal, status",
                                   telegence + ", 'mobility', '" + status + "'"));
    }
    const auto result = accepted(submit_json(
        ours_, request(std::stoll(telegence), "statusupdate", quoted(lines), status("restored"))));
    EXPECT_EQ(result.accepted_count, 1);
    EXPECT_EQ(reason(result.id, 2),
              "Status transition from Cancelled to Active not allowed; a new activation is needed");
    EXPECT_EQ(
        reason(result.id, 3),
        "Status transition from Pending Activation to Active not allowed; a new activation is "
        "needed");
    EXPECT_EQ(reason(result.id, 4), "Status transition from Active to Active not allowed");
}

TEST_F(SubmitTest, a_change_whose_devices_all_fail_ends_at_once) {
    const auto result =
        accepted(submit_json(ours_, request(ours_.pond, "statusupdate",
                                            quoted({iccid_of_serial(1)}), status("Active"))));
    EXPECT_EQ(result.status, "ERROR");
    EXPECT_EQ(sql("SELECT (finished_at IS NOT NULL)::text || open_page_count FROM bulk_change "
                  "WHERE bulk_change_id = " +
                  base::to_string(result.id)),
              "true0");
    EXPECT_EQ(messages(result.id), "0");
}

TEST_F(SubmitTest, a_change_of_mobility_lines_takes_their_portal) {
    const auto phone = add_device(ours_, 1, "portal, msisdn", "'mobility', '12125550100'");
    const auto sim = add_device(ours_, 2);
    const auto result = accepted(
        submit_json(ours_, request(ours_.pond, "customerrateplanchange",
                                   R"({"subscriberNumber": "+12125550100"}, ")" + sim + '"',
                                   R"("customerRatePlanUpdate": {"customerRatePlan": "GOLD"})")));
    EXPECT_EQ(result.accepted_count, 1);
    EXPECT_EQ(reason(result.id, 2), "Device belongs to the m2m portal");
    EXPECT_EQ(
        sql("SELECT portal FROM bulk_change WHERE bulk_change_id = " + base::to_string(result.id)),
        "mobility");
}

TEST_F(SubmitTest, a_number_that_several_live_lines_have_is_refused_as_ambiguous) {
    add_device(ours_, 1, "msisdn", "'12125550100'");
    add_device(ours_, 2, "msisdn", "'12125550100'");
    add_device(ours_, 3, "msisdn", "'12125550101'");
    add_device(ours_, 4, "msisdn, is_active", "'12125550101', false");
    add_device(ours_, 5, "msisdn, service_provider_id",
               "'12125550101', " + std::to_string(ours_.other_pond));
    add_device(theirs_, 6, "msisdn", "'12125550102'");
    const auto result = accepted(
        submit_json(ours_, request(ours_.pond, "customerrateplanchange",
                                   quoted({"12125550100", "12125550101", "12125550102"}),
                                   R"("customerRatePlanUpdate": {"customerRatePlan": "GOLD"})")));
    EXPECT_EQ(reason(result.id, 1),
              "Ambiguous subscriber number (several devices have it; give the ICCID)");
    EXPECT_EQ(reason(result.id, 2), "");
    EXPECT_EQ(reason(result.id, 3), "Invalid subscriber number");
}

TEST_F(SubmitTest, an_assignment_to_a_rev_customer_is_checked_and_resolved) {
    const auto good = add_device(ours_, 1);
    const auto in_service = add_device(ours_, 2, "msisdn", "'15550002'");
    const auto elsewhere = add_device(ours_, 3, "msisdn", "'15550003'");
    const auto tenant = base::to_string(ours_.caller.tenant_id);
    sql("INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number) VALUES (" +
        tenant + ", " + std::to_string(ours_.rev_customer) + ", 1, '15550002') RETURNING 1");
    sql("INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number) VALUES (" +
        tenant + ", " + std::to_string(ours_.amop_customer) + ", 2, '15550003') RETURNING 1");
    sql("INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number, "
        "disconnected_date) VALUES (" +
        tenant + ", " + std::to_string(ours_.amop_customer) + ", 3, '" + good +
        "', '2020-01-01') RETURNING 1");
    const auto create = accepted(submit_json(
        ours_, request(ours_.pond, "CustomerAssignment", quoted({good, in_service, elsewhere}),
                       R"("RevCustomerId": "R-100", "CreateRevService": true)")));
    EXPECT_EQ(create.accepted_count, 1);
    EXPECT_EQ(reason(create.id, 2), "Active service line. New Service line not created");
    EXPECT_EQ(reason(create.id, 3), "Active service line. New Service line not created");
    const std::string stored =
        " FROM (SELECT request->'customerAssignment' AS a FROM bulk_change WHERE bulk_change_id "
        "= " +
        base::to_string(create.id) + ") x";
    EXPECT_EQ(sql("SELECT a->>'customerId'" + stored), std::to_string(ours_.rev_customer));
    EXPECT_EQ(sql("SELECT a->>'siteId'" + stored), std::to_string(ours_.site));
    EXPECT_EQ(sql("SELECT a->>'accountNumber'" + stored), "A-1");
    const auto move = accepted(submit_json(
        ours_, request(ours_.pond, "CustomerAssignment", quoted({good, in_service, elsewhere}),
                       R"("customerAssignment": {"revCustomerId": "R-100"})")));
    EXPECT_EQ(move.accepted_count, 2);
    EXPECT_EQ(reason(move.id, 3), "Active service line. Cannot change customers");
}

TEST_F(SubmitTest, a_device_may_name_its_own_customer_site_plan_and_pool) {
    std::vector<std::string> lines;
    for (int i = 1; i <= 7; ++i) lines.push_back(add_device(ours_, i));
    const auto result = accepted(submit_file(
        ours_, request(ours_.pond, "customerassignment", "", ""),
        "ICCID,RevCustomerId,Customer,Site,CustomerRatePlan,CustomerPool\n" + lines[0] +
            ",R-100,,,,\n" + lines[1] + ",,Local,,GOLD,Pool 1\n" + lines[2] + ",R-404,,,,\n" +
            lines[3] + ",,Nobody,,,\n" + lines[4] + ",R-100,,Nowhere,,\n" + lines[5] +
            ",R-100,,HQ,LEAD,\n" + lines[6] + ",,,,,\n"));
    EXPECT_EQ(result.accepted_count, 2);
    EXPECT_EQ(reason(result.id, 4), "Rev Customer not found");
    EXPECT_EQ(reason(result.id, 5), "Customer not found");
    EXPECT_EQ(reason(result.id, 6), "Site not found for customer");
    EXPECT_EQ(reason(result.id, 7), "Invalid customer rate plan");
    EXPECT_EQ(reason(result.id, 8), "Missing required parameters: revCustomerId or customerId");
    const auto own = [&](int row, const std::string& member) {
        return sql("SELECT request->'customerAssignment'->>'" + member +
                   "' FROM device_change WHERE row_number = " + std::to_string(row) +
                   " AND device_change_id >> 20 = " + base::to_string(result.id));
    };
    EXPECT_EQ(own(2, "customerId"), std::to_string(ours_.rev_customer));
    EXPECT_EQ(own(2, "siteId"), std::to_string(ours_.site));
    EXPECT_EQ(own(2, "accountNumber"), "A-1");
    EXPECT_EQ(own(3, "customerId"), std::to_string(ours_.amop_customer));
    EXPECT_EQ(own(3, "revCustomerId"), "");
    EXPECT_EQ(own(3, "customerRatePlanId"), std::to_string(ours_.gold));
    EXPECT_EQ(own(3, "customerRatePoolId"), std::to_string(ours_.pool));
}

TEST_F(SubmitTest, a_rev_customer_without_a_site_refuses_the_device_and_an_amop_customer_does_not) {
    const auto line = add_device(ours_, 1);
    sql("UPDATE site SET is_active = false WHERE site_id = " + std::to_string(ours_.site) +
        " RETURNING 1");
    const auto rev = submit_json(ours_, request(ours_.pond, "customerassignment", quoted({line}),
                                                R"("revCustomerId": "R-100")"));
    expect_refused(rev, "/customerAssignment/siteId", "Site not found for customer");
    const auto amop = accepted(
        submit_json(ours_, request(ours_.pond, "customerassignment", quoted({line}),
                                   R"("customerId": )" + std::to_string(ours_.amop_customer))));
    EXPECT_EQ(amop.accepted_count, 1);
}

TEST_F(SubmitTest, each_device_may_have_its_own_carrier_rate_plan) {
    std::vector<std::string> lines;
    for (int i = 1; i <= 6; ++i) lines.push_back(add_device(ours_, i));
    const auto result = accepted(submit_file(
        ours_,
        request(ours_.pond, "carrierrateplanchange", "",
                R"("carrierRatePlanUpdate": {"carrierRatePlan": "P1"})"),
        "sim,Carrier Rate Plan,comm plan\n" + lines[0] + ",,\n" + lines[1] + ",P1,\n" + lines[2] +
            ",P2,\n" + lines[3] + ",OLD,\n" + lines[4] + ",NONE,\n" + lines[5] + ",BARE,\n"));
    EXPECT_EQ(result.accepted_count, 2);
    EXPECT_EQ(reason(result.id, 4), "Carrier rate plan belongs to another service provider");
    EXPECT_EQ(reason(result.id, 5), "Carrier rate plan is inactive");
    EXPECT_EQ(reason(result.id, 6), "Carrier rate plan not found");
    EXPECT_EQ(reason(result.id, 7), "Carrier rate plan has no id at the carrier");
    EXPECT_EQ(sql("SELECT request::text FROM device_change WHERE row_number = 3 AND "
                  "device_change_id >> 20 = " +
                  base::to_string(result.id)),
              R"({"carrierRatePlanUpdate": {"planUuid": "uuid-1", "ratePlanId": 71, )"
              R"("carrierRatePlan": "P1"}})");
    EXPECT_EQ(sql("SELECT request->'carrierRatePlanUpdate'->>'ratePlanId' FROM bulk_change WHERE "
                  "bulk_change_id = " +
                  base::to_string(result.id)),
              "71");
}

TEST_F(SubmitTest, plans_and_pools_of_another_tenant_are_as_if_they_were_not) {
    const auto line = add_device(ours_, 1);
    const auto plan = [&](const std::string& more) {
        return submit_json(ours_, request(ours_.pond, "customerrateplanchange", quoted({line}),
                                          R"("customerRatePlanUpdate": {)" + more + "}"));
    };
    const std::string theirs = std::to_string(theirs_.gold);
    expect_refused(plan(R"("customerRatePlanId": )" + theirs),
                   "/customerRatePlanUpdate/customerRatePlanId", "Invalid customer rate plan");
    expect_refused(plan(R"("customerRatePlanId": 999999)"),
                   "/customerRatePlanUpdate/customerRatePlanId", "Invalid customer rate plan");
    expect_refused(plan(R"("customerPoolId": )" + std::to_string(theirs_.pool)),
                   "/customerRatePlanUpdate/customerPoolId", "Invalid customer rate pool");
    expect_refused(
        submit_json(ours_, request(ours_.pond, "customerassignment", quoted({line}),
                                   R"("customerId": )" + std::to_string(theirs_.amop_customer))),
        "/customerAssignment/customerId", "Customer not found");
    const auto mine = accepted(submit_json(
        ours_,
        request(ours_.pond, "customerrateplanchange",
                R"({"iccid": ")" + line + R"(", "customerRatePlanId": )" + theirs + "}", "")));
    EXPECT_EQ(reason(mine.id, 1), "Invalid customer rate plan");
}

TEST_F(SubmitTest, requests_that_cannot_stand_are_refused_whole) {
    const auto line = quoted({add_device(ours_, 1)});
    const auto of = [&](std::int64_t provider, const std::string& type, const std::string& devices,
                        const std::string& more) {
        return submit_json(ours_, request(provider, type, devices, more));
    };
    expect_refused(of(theirs_.pond, "statusupdate", line, status("Active")), "/serviceProviderId",
                   "Service provider not found", ErrorKind::not_found);
    expect_refused(of(999999, "statusupdate", line, status("Active")), "/serviceProviderId",
                   "Service provider not found", ErrorKind::not_found);
    expect_refused(of(ours_.pond, "statusupdate", line, status("Sleeping")),
                   "/statusUpdate/updateStatus", "\"Sleeping\" is no status of POND");
    expect_refused(of(ours_.pond, "statusupdate", line, ""), "/statusUpdate",
                   "Missing required parameters: updateStatus");
    expect_refused(of(ours_.pond, "carrierrateplanchange", line, ""), "/carrierRatePlanUpdate",
                   "Missing required parameters: carrierRatePlan");
    expect_refused(of(ours_.pond, "customerrateplanchange", line, ""), "/customerRatePlanUpdate",
                   "Missing required parameters: ");
    expect_refused(of(ours_.pond, "customerassignment", line, ""), "/customerAssignment",
                   "Missing required parameters: revCustomerId");
    expect_refused(of(ours_.pond, "customerassignment", line, R"("revCustomerId": "R-404")"),
                   "/customerAssignment/revCustomerId", "Rev Customer not found");
    expect_refused(of(ours_.pond, "customerassignment", line,
                      R"("createRevService": true, "customer": "Local")"),
                   "/customerAssignment/createRevService", "Rev Customer not found");
    for (const auto& [code, reason] : std::vector<std::pair<std::string, std::string>>{
             {"P2", "Carrier rate plan belongs to another service provider"},
             {"OLD", "Carrier rate plan is inactive"},
             {"BARE", "Carrier rate plan has no id at the carrier"},
             {"NONE", "Carrier rate plan not found"}}) {
        expect_refused(
            of(ours_.pond, "carrierrateplanchange", line, R"("carrierRatePlan": ")" + code + '"'),
            "/carrierRatePlanUpdate/carrierRatePlan", reason);
    }
    expect_refused(of(ours_.pond, "carrierrateplanchange", line,
                      R"("carrierRatePlan": "P1", "commPlan": "none")"),
                   "/carrierRatePlanUpdate/commPlan", "Communication plan not found");
    expect_refused(submit_json(ours_, request(ours_.pond, "statusupdate", "",
                                              status("Active") + R"(, "devices": [])")),
                   "/devices", "the request names no device");
    sql("UPDATE service_provider SET write_is_enabled = false WHERE service_provider_id = " +
        std::to_string(ours_.pond) + " RETURNING 1");
    expect_refused(of(ours_.pond, "statusupdate", line, status("Active")), "/serviceProviderId",
                   "Writes disabled for this service provider", ErrorKind::conflict);
}

TEST_F(SubmitTest, a_role_that_may_only_look_submits_nothing) {
    const auto line = quoted({add_device(ours_, 1)});
    World viewer = ours_;
    viewer.caller.role = tenants::Role::viewer;
    expect_refused(
        submit_json(viewer, request(ours_.pond, "statusupdate", line, status("Suspended"))),
        "change_submit", "", ErrorKind::forbidden);
}

TEST_F(SubmitTest, effective_dates_are_immediate_scheduled_or_a_slip) {
    SubmitOptions options;
    options.now = base::parse_iso8601("2026-03-10T12:00:00Z").value();
    const auto line = quoted({add_device(ours_, 1)});
    const auto customer = [&](const std::string& date) {
        return submit_json(
            ours_,
            request(ours_.pond, "customerrateplanchange", line,
                    R"("customerRatePlan": "GOLD", "effectiveDate": ")" + date + '"'),
            options);
    };
    const auto carrier = [&](const std::string& date) {
        return submit_json(ours_,
                           request(ours_.pond, "carrierrateplanchange", line,
                                   R"("carrierRatePlan": "P1", "effectiveDate": ")" + date + '"'),
                           options);
    };
    expect_refused(customer("2024-03-10"), "/customerRatePlanUpdate/effectiveDate",
                   "Invalid effective date (past dates for scheduling)");
    expect_refused(customer("2126-03-10"), "/customerRatePlanUpdate/effectiveDate",
                   "Invalid effective date (more than 731 days ahead)");
    expect_refused(carrier("2026-03-08"), "/carrierRatePlanUpdate/effectiveDate",
                   "Invalid effective date (past dates for scheduling)");
    EXPECT_EQ(accepted(customer("2026-02-01")).accepted_count, 1);
    EXPECT_EQ(accepted(customer("2026-04-01")).accepted_count, 1);
    const auto due = [&](const SubmitResult& change) {
        return sql(
            "SELECT due_at AT TIME ZONE 'UTC' FROM device_change WHERE "
            "device_change_id >> 20 = " +
            base::to_string(change.id));
    };
    EXPECT_EQ(due(accepted(carrier("2026-03-10"))), "-infinity");
    const auto later = accepted(carrier("2026-04-01"));
    EXPECT_EQ(due(later), "2026-04-01 00:00:00");
    EXPECT_EQ(
        sql("SELECT available_at AT TIME ZONE 'UTC' FROM change_page WHERE bulk_change_id = " +
            base::to_string(later.id)),
        "2026-04-01 00:00:00");
    const auto own = accepted(submit_json(
        ours_,
        request(ours_.pond, "carrierrateplanchange",
                R"({"iccid": ")" + iccid_of_serial(1) + R"(", "effectiveDate": "2025-01-01"})",
                R"("carrierRatePlan": "P1")"),
        options));
    EXPECT_EQ(reason(own.id, 1), "Invalid effective date (past dates for scheduling)");
}

TEST_F(SubmitTest, a_value_that_cannot_be_used_is_kept_with_the_device_as_it_was_given) {
    const auto line = add_device(ours_, 1);
    const auto result = accepted(submit_json(
        ours_, request(ours_.pond, "customerrateplanchange",
                       R"({"iccid": ")" + line + R"(", "customerDataAllocationMB": -5})",
                       R"("customerRatePlan": "GOLD")")));
    EXPECT_EQ(reason(result.id, 1), "Invalid data allocation (negative)");
    EXPECT_EQ(sql("SELECT request->'given'->>'customerDataAllocationMB' FROM device_change WHERE "
                  "device_change_id >> 20 = " +
                  base::to_string(result.id)),
              "-5");
}

TEST_F(SubmitTest, all_or_nothing_refuses_the_whole_with_the_list_and_stores_nothing) {
    const auto good = add_device(ours_, 1);
    const auto result = accepted(
        submit_json(ours_, request(ours_.pond, "statusupdate", quoted({good, iccid_of_serial(9)}),
                                   status("Suspended") + R"(, "allOrNothing": true)")));
    EXPECT_TRUE(result.refused);
    EXPECT_FALSE(result.id);
    ASSERT_EQ(result.devices.size(), 1U);
    EXPECT_EQ(result.devices[0].row_number, 2);
    EXPECT_EQ(result.devices[0].reason, "Invalid ICCID");
    EXPECT_EQ(sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                  base::to_string(ours_.caller.tenant_id)),
              "0");
    const auto all_good =
        accepted(submit_json(ours_, request(ours_.pond, "statusupdate", quoted({good}),
                                            status("Suspended") + R"(, "allOrNothing": true)")));
    EXPECT_FALSE(all_good.refused);
    EXPECT_TRUE(all_good.id);
}

TEST_F(SubmitTest, a_dry_run_tells_the_verdicts_queues_nothing_and_takes_no_key) {
    const auto good = add_device(ours_, 1);
    std::vector<std::string> devices = {good};
    for (int i = 0; i < kMaxListedRefusals + 5; ++i) devices.push_back(iccid_of_serial(1000 + i));
    SubmitOptions options;
    options.idempotency_key = "dry";
    const auto result = accepted(submit_json(ours_,
                                             request(ours_.pond, "statusupdate", quoted(devices),
                                                     status("Suspended") + R"(, "dryRun": true)"),
                                             options));
    EXPECT_EQ(result.status, "PLANNED");
    EXPECT_EQ(messages(result.id), "0");
    EXPECT_EQ(result.accepted_count, 1);
    EXPECT_EQ(result.refused_count, kMaxListedRefusals + 5);
    EXPECT_EQ(result.devices.size(), static_cast<std::size_t>(kMaxListedRefusals));
    EXPECT_EQ(sql("SELECT count(*) FROM idempotency_key WHERE tenant_id = " +
                  base::to_string(ours_.caller.tenant_id)),
              "0");
}

TEST_F(SubmitTest, what_is_not_to_be_processed_is_stored_as_new_and_not_queued) {
    const auto line = quoted({add_device(ours_, 1)});
    const auto result =
        accepted(submit_json(ours_, request(ours_.pond, "statusupdate", line,
                                            status("Suspended") + R"(, "processChanges": false)")));
    EXPECT_EQ(result.status, "NEW");
    EXPECT_EQ(messages(result.id), "0");
    EXPECT_EQ(process_change(*connection_, theirs_.caller, result.id).error().kind,
              ErrorKind::not_found);
    ASSERT_TRUE(process_change(*connection_, ours_.caller, result.id));
    EXPECT_EQ(messages(result.id), "1");
    EXPECT_EQ(
        sql("SELECT status FROM bulk_change WHERE bulk_change_id = " + base::to_string(result.id)),
        "PENDING");
    EXPECT_EQ(process_change(*connection_, ours_.caller, result.id).error().kind,
              ErrorKind::conflict);
}

TEST_F(SubmitTest, what_was_stored_for_a_day_that_has_passed_is_not_started) {
    const auto line = quoted({add_device(ours_, 1)});
    const auto result = accepted(submit_json(
        ours_,
        request(ours_.pond, "statusupdate", line,
                status("Suspended") + R"(, "processChanges": false, "startAt": ")" +
                    base::to_iso8601(base::system_clock().now() + std::chrono::hours(1)) + '"')));
    const auto moved = [&](const char* ago) {
        database().run(std::string("UPDATE bulk_change SET first_due_at = now() - interval '") +
                       ago + "' WHERE bulk_change_id = " + base::to_string(result.id));
    };
    moved("37 hours");
    const auto late = process_change(*connection_, ours_.caller, result.id);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::conflict);
    EXPECT_EQ(messages(result.id), "0");
    moved("35 hours");
    EXPECT_TRUE(process_change(*connection_, ours_.caller, result.id));
}

TEST_F(SubmitTest, the_same_key_answers_with_the_same_change_and_another_request_is_refused) {
    const auto line = add_device(ours_, 1);
    SubmitOptions options;
    options.idempotency_key = "key";
    const auto body = request(ours_.pond, "statusupdate", quoted({line, iccid_of_serial(9)}),
                              status("Suspended"));
    const auto first = accepted(submit_json(ours_, body, options));
    // What has changed since does not matter to what was done then.
    sql("UPDATE service_provider SET write_is_enabled = false WHERE service_provider_id = " +
        std::to_string(ours_.pond) + " RETURNING 1");
    const auto again = accepted(submit_json(ours_, ' ' + body + ' ', options));
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(again.accepted_count, first.accepted_count);
    EXPECT_EQ(again.refused_count, 1);
    EXPECT_EQ(again.reasons.at(0).reason, "Invalid ICCID");
    const auto other = submit_json(
        ours_, request(ours_.pond, "statusupdate", quoted({line}), status("Suspended")), options);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, ErrorKind::conflict);
    EXPECT_EQ(other.error().where, "Idempotency-Key");
    EXPECT_EQ(sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                  base::to_string(ours_.caller.tenant_id)),
              "1");
}

TEST_F(SubmitTest, a_key_belongs_to_its_tenant_and_may_be_used_again_after_a_day) {
    const auto body = [&](const World& world) {
        return request(world.pond, "statusupdate", quoted({add_device(world, 1)}),
                       status("Suspended"));
    };
    SubmitOptions options;
    options.idempotency_key = "key";
    options.now = base::parse_iso8601("2026-03-10T12:00:00Z").value();
    const auto mine = body(ours_);
    const auto first = accepted(submit_json(ours_, mine, options));
    EXPECT_NE(accepted(submit_json(theirs_, body(theirs_), options)).id, first.id);
    *options.now += std::chrono::hours(23);
    EXPECT_EQ(accepted(submit_json(ours_, mine, options)).id, first.id);
    *options.now += std::chrono::hours(2);
    const auto later = accepted(submit_json(ours_, mine, options));
    EXPECT_FALSE(later.replayed);
    EXPECT_NE(later.id, first.id);
}

TEST_F(SubmitTest, fifty_requests_at_once_with_one_key_make_one_change) {
    const auto body =
        request(ours_.pond, "statusupdate", quoted({add_device(ours_, 1)}), status("Suspended"));
    constexpr int kRequests = 50;
    std::vector<std::string> ids(kRequests);
    std::vector<std::thread> threads;
    for (int i = 0; i < kRequests; ++i) {
        threads.emplace_back([&, i] {
            auto connection = db::Connection::open(base::Secret(database().app_conninfo()));
            if (!connection) return;
            std::vector<base::Error> errors;
            auto parsed = parse_request(base::parse_json(body).value(), errors);
            SubmitOptions options;
            options.idempotency_key = "key";
            const auto result = submit(**connection, ours_.caller, parsed->request,
                                       *parsed->devices, options, errors);
            ids[static_cast<std::size_t>(i)] =
                result ? base::to_string(result->id) : result.error().message;
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& id : ids) EXPECT_EQ(id, ids.front());
    EXPECT_EQ(sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                  base::to_string(ours_.caller.tenant_id)),
              "1");
    EXPECT_EQ(messages({std::stoll(ids.front())}), "1");
}

TEST_F(SubmitTest, a_file_that_breaks_off_stores_nothing) {
    const auto line = add_device(ours_, 1);
    const auto result =
        submit_file(ours_, request(ours_.pond, "statusupdate", "", status("Suspended")),
                    "ICCID\n" + line + "\n\"" + iccid_of_serial(2));
    if (result) {  // a quote left open may also be the row's problem; then the row is refused
        EXPECT_EQ(result->refused_count, 1);
    } else {
        EXPECT_EQ(sql("SELECT count(*) FROM bulk_change WHERE tenant_id = " +
                      base::to_string(ours_.caller.tenant_id)),
                  "0");
    }
}

TEST_F(SubmitTest, the_number_of_statements_does_not_grow_with_the_devices) {
    auto& statements = base::metrics::counter("carryall_db_statements_total", "");
    const auto cost = [&](int count, int first) {
        std::string csv = "ICCID\n";
        for (int i = 0; i < count; ++i) csv += iccid_of_serial(first + i) + '\n';
        add_device(ours_, first);
        const double before = statements.Value();
        SubmitOptions options;
        options.page_size = 10;
        EXPECT_TRUE(submit_file(ours_, request(ours_.pond, "statusupdate", "", status("Suspended")),
                                csv, options));
        return statements.Value() - before;
    };
    const double few = cost(10, 1);
    EXPECT_GT(few, 0);
    EXPECT_EQ(few, cost(5000, 10'000));
}

}  // namespace
}  // namespace carryall::changes
