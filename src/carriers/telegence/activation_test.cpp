// Activations: what is sent, what answers mean, how a step leads to the next, and that no failure
// at any call activates a SIM twice.
#include <gtest/gtest.h>

#include "carriers/telegence/activation_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

using std::chrono::seconds;

// Outlives the exchanges.
const Account& account() {
    static const Account kAccount = model_account();
    return kAccount;
}

std::string said(const Outcome& outcome) {
    if (const auto* applied = std::get_if<Applied>(&outcome)) return applied->summary;
    return reason_of(outcome);
}

Attempt waiting_with(base::json::value progress, seconds later = seconds(300)) {
    Attempt attempt = fresh();
    attempt.waiting = true;
    attempt.progress = std::move(progress);
    attempt.now += later;
    return attempt;
}

base::json::value in_batch() {
    return {{"step", 0},
            {"batchId", "b-1"},
            {"submittedAt", base::to_iso8601(kModelNow)},
            {"formerStatus", "Inventory"}};
}
base::json::value in_address_batch() {
    return {{"step", 2},
            {"batchId", "b-1"},
            {"subscriberNumber", kModelNumber},
            {"ipProvisioningRequestId", "ip-1"}};
}

std::string entry(const std::string& sim, const std::string& status, const std::string& more = "") {
    return R"({"id":"b-1","service":{"status":")" + status + '"' + more +
           R"(,"serviceCharacteristic":[{"name":"sim","value":")" + sim + R"("}]}})";
}

Played ask_one(const std::string& body, const Attempt& attempt,
               const Activation& change = new_line(), int status = 200) {
    return ask(
        model_account(), change, [&](const Call&) { return answered(status, body); }, attempt,
        sim_in_stock());
}

// --- what is sent ---

TEST(TelegenceActivation, the_request_is_the_published_one_without_codes_to_be_removed) {
    Activation change = new_line_without_code();
    const Played played = ask_one("[" + entry(kNewLineSim, "Pending") + "]", fresh(), change);
    ASSERT_EQ(played.calls.size(), 1u);
    const Call& call = played.calls.front();
    EXPECT_EQ(call.path, "/sp/mobilityactivations/api/v1/serviceactivation");
    EXPECT_EQ(call.body, "[");
    ASSERT_TRUE(call.shared);
    EXPECT_FALSE(call.shared->most);
    EXPECT_EQ(
        call.shared->item,
        R"({"billingAccount":{"id":"287000000001"},"relatedParty":[{"id":"","role":"subscriber",)"
        R"("firstName":"Ada","lastName":"","address":{"streetNumber":"","streetDirection":"",)"
        R"("streetName":"","streetType":"","city":"","state":"","zipCode":"75001"}}],)"
        R"("service":{"name":"","category":{"id":"","name":""},"serviceSpecification":)"
        R"({"id":"12","href":"Mobility Services"},"serviceQualification":{"id":""},)"
        R"("serviceCharacteristic":[{"name":"singleUserCode","value":"PLAN1GB"},)"
        R"({"name":"serviceZipCode","value":"75001"},{"name":"equipmentType","value":"G"},)"
        R"({"name":"deviceTechnologyType","value":"UMTS"},)"
        R"({"name":"IMEI","value":"350000000000017"},)"
        R"({"name":"sim","value":"89010300000000000017"},)"
        R"({"name":"offeringCode1","value":"FEATA"}]}})");
}

TEST(TelegenceActivation, what_cannot_be_asked_is_refused_without_a_call) {
    std::vector<Activation> changes(6, new_line_with_address());
    changes[0].rate_plan = "two words";
    changes[1].billing_account = "";
    changes[2].zip_code = "7500";
    changes[3].remove_features = {"two words"};
    changes[4].static_address->pool = "";
    changes[5].static_address->customer_range = "10.20/16";
    for (const Activation& change : changes) {
        const Outcome outcome =
            ask(model_account(), change, never, fresh(), sim_in_stock()).outcome;
        ASSERT_EQ(kind_of(outcome), "refused");
        EXPECT_EQ(std::get<Refused>(outcome).failure, FailureClass::validation);
    }
    Account account = model_account();
    account.write_is_enabled = false;
    const Outcome outcome = ask(account, new_line(), never, fresh(), sim_in_stock()).outcome;
    EXPECT_EQ(reason_of(outcome), "Write is disabled for Service Provider: 5");
}

// --- what answers mean ---

TEST(TelegenceActivation, an_answer_is_matched_by_sim_whatever_its_order_and_spelling) {
    const std::string body = "[" + entry("89010300000000000099", "Rejected") + "," +
                             entry("8901030000000000001", "PENDING") + "]";
    const Played played = ask_one(body, fresh());
    ASSERT_EQ(kind_of(played.outcome), "pending");
    EXPECT_EQ(std::get<Pending>(played.outcome).ask_again_after, seconds(300));
}

TEST(TelegenceActivation, a_sim_that_the_answer_lacks_is_unknown_and_its_batch_is_remembered) {
    ActivationModel model;
    const auto exchange = carrier().exchange(account(), sim_in_stock(), new_line(), fresh());
    static_cast<void>(exchange->begin());
    const Step step =
        exchange->proceed(answered(200, "[" + entry("89010300000000000099", "Pending") + "]"));
    EXPECT_EQ(kind_of(std::get<Outcome>(step)), "unknown");
    EXPECT_EQ(exchange->progress().at("batchId"), "b-1");
}

TEST(TelegenceActivation, a_batch_that_is_refused_as_a_whole_is_sent_in_parts) {
    const auto exchange = carrier().exchange(account(), sim_in_stock(), new_line(), fresh());
    static_cast<void>(exchange->begin());
    exchange->shared_by(200, 3);
    const Step again = exchange->proceed(answered(400, R"({"id":"x","description":"Entry 7"})"));
    ASSERT_TRUE(std::holds_alternative<Call>(again));
    EXPECT_EQ(std::get<Call>(again).shared->most, 50u);
    exchange->shared_by(1, 0);
    const Step end = exchange->proceed(answered(400, R"({"id":"x","description":"Entry 0"})"));
    EXPECT_EQ(kind_of(std::get<Outcome>(end)), "refused");
}

TEST(TelegenceActivation, of_a_batch_that_needs_an_esim_each_goes_alone_and_the_guilty_is_told) {
    const std::string body = "[" + entry(kNewLineSim, "Rejected", R"(,"name":"/service/")") + "]";
    const auto batched =
        carrier().exchange(account(), sim_in_stock(), new_line(), waiting_with(in_batch()));
    static_cast<void>(batched->begin());
    const Step step = batched->proceed(answered(200, body));
    EXPECT_EQ(kind_of(std::get<Outcome>(step)), "advanced");
    EXPECT_EQ(batched->progress().at("alone"), true);
    EXPECT_EQ(batched->achieved().at("status"), "Inventory");

    base::json::value alone = in_batch();
    alone.as_object()["alone"] = true;
    const Outcome outcome = ask_one(body, waiting_with(alone)).outcome;
    ASSERT_EQ(kind_of(outcome), "refused");
    EXPECT_NE(reason_of(outcome).find("eSIM"), std::string::npos);
}

TEST(TelegenceActivation, a_rejection_tells_telegences_words_and_leaves_nothing_behind) {
    const auto exchange =
        carrier().exchange(account(), sim_in_stock(), new_line(), waiting_with(in_batch()));
    static_cast<void>(exchange->begin());
    const Step step = exchange->proceed(
        answered(200, "[" + entry(kNewLineSim, "reject", R"(,"error":"SIM is stolen")") + "]"));
    EXPECT_EQ(reason_of(std::get<Outcome>(step)),
              "Telegence rejected the activation: SIM is stolen");
    EXPECT_TRUE(exchange->progress().is_null());
    EXPECT_EQ(exchange->achieved().at("status"), "Inventory");
}

TEST(TelegenceActivation, after_the_deadline_a_person_is_asked_and_nothing_is_sent) {
    const Played played = ask_one("[" + entry(kNewLineSim, "Reserved") + "]",
                                  waiting_with(in_batch(), seconds(3'600)));
    ASSERT_EQ(kind_of(played.outcome), "unknown");
    EXPECT_TRUE(std::get<Unknown>(played.outcome).needs_person);
    EXPECT_NE(reason_of(played.outcome).find("within 60 minutes"), std::string::npos);
    EXPECT_FALSE(played.calls.front().changes_state);
}

// --- the whole way ---

TEST(TelegenceActivation, a_line_becomes_active_and_the_record_learns_number_and_plan) {
    ActivationModel model;
    const ActivationStory story = live_through_activation(model, new_line());
    ASSERT_EQ(kind_of(story.outcome), "applied") << said(story.outcome);
    EXPECT_EQ(std::get<Applied>(story.outcome).details,
              (base::json::object{{"status", "Active"},
                                  {"msisdn", "2145550100"},
                                  {"ratePlan", "PLAN1GB"},
                                  {"imei", kNewLineImei}}));
    EXPECT_EQ(model.requests, 1);
}

TEST(TelegenceActivation, codes_are_removed_once_the_line_is_active) {
    ActivationModel model;
    const ActivationStory story = live_through_activation(model, new_line_without_code());
    ASSERT_EQ(kind_of(story.outcome), "applied") << said(story.outcome);
    EXPECT_EQ(model.lines.begin()->second.features, std::set<std::string>{"FEATZ"});
}

TEST(TelegenceActivation, a_static_address_is_assigned_checked_and_reported) {
    ActivationModel model;
    const ActivationStory story = live_through_activation(model, new_line_with_address());
    ASSERT_EQ(kind_of(story.outcome), "applied") << said(story.outcome);
    const Applied& applied = std::get<Applied>(story.outcome);
    EXPECT_EQ(applied.summary, "Service activation complete. Assigned IP: 10.20.0.5");
    EXPECT_EQ(applied.details.at("ipAddress"), "10.20.0.5");
    ASSERT_TRUE(applied.remark);
    EXPECT_EQ(applied.remark->description, "Telegence Service Activation: Complete with Static IP");
    EXPECT_EQ(applied.remark->response, "Service Active. IP Address: 10.20.0.5");
    EXPECT_EQ(story.progress.at("step"), 2);
}

TEST(TelegenceActivation, without_a_free_address_the_line_stays_active_and_says_so) {
    ActivationModel model;
    model.pool.clear();
    const ActivationStory story = live_through_activation(model, new_line_with_address());
    EXPECT_EQ(reason_of(story.outcome),
              "Static IP provisioning failed: No available IP address in the pool PDP01. The pool "
              "is used up");
    EXPECT_EQ(story.achieved.at("msisdn"), "2145550100");
    EXPECT_EQ(story.achieved.at("status"), "Active");
    EXPECT_FALSE(story.achieved.contains("ipAddress"));
    EXPECT_EQ(story.progress.at("step"), 1);
}

TEST(TelegenceActivation, an_address_outside_the_customers_range_is_not_asked_for) {
    ActivationModel model;
    const ActivationStory story =
        live_through_activation(model, new_line_with_address("10.30.0.0/16"));
    EXPECT_NE(reason_of(story.outcome)
                  .find("10.20.0.5, which is outside the customer's range "
                        "10.30.0.0/16"),
              std::string::npos);
    EXPECT_EQ(model.address_requests, 0);
}

TEST(TelegenceActivation, an_assigned_address_is_checked_as_well) {
    for (const std::string address : {"10.30.0.1", "not an address"}) {
        const std::string body =
            R"([{"batchId":"ip-1","subscriberNumber":"2145550100","profileCheck":"Success",)"
            R"("ipReservation":"Reserved","profileUpdate":"Complete","ipAddressRecord":)"
            R"({"ipAddress":")" +
            address + R"("}}])";
        const auto exchange = carrier().exchange(account(), sim_in_stock(), new_line_with_address(),
                                                 waiting_with(in_address_batch()));
        static_cast<void>(exchange->begin());
        const Step step = exchange->proceed(answered(200, body));
        const Outcome& outcome = std::get<Outcome>(step);
        ASSERT_EQ(kind_of(outcome), "refused");
        EXPECT_TRUE(reason_of(outcome).starts_with("IP provisioning failed: Telegence assigned"));
        EXPECT_EQ(exchange->progress().at("step"), 1);
        EXPECT_EQ(exchange->achieved().contains("ipAddress"), address == "10.30.0.1");
    }
}

TEST(TelegenceActivation, an_address_that_is_never_assigned_goes_to_a_person) {
    ActivationModel model;
    model.address_time = std::chrono::hours(100);
    const ActivationStory story = live_through_activation(model, new_line_with_address());
    ASSERT_EQ(kind_of(story.outcome), "unknown");
    EXPECT_TRUE(std::get<Unknown>(story.outcome).needs_person);
    EXPECT_TRUE(reason_of(story.outcome).starts_with("IP unknown")) << reason_of(story.outcome);
    EXPECT_EQ(story.progress.at("ipChecks"), 3);
}

TEST(TelegenceActivation, a_failed_assignment_goes_back_to_its_step_and_not_further) {
    ActivationModel model;
    model.fails_addresses = true;
    const ActivationStory story = live_through_activation(model, new_line_with_address());
    EXPECT_EQ(reason_of(story.outcome), "IP provisioning failed: no profile");
    EXPECT_EQ(story.progress.at("step"), 1);
    EXPECT_EQ(model.requests, 1);

    model.fails_addresses = false;
    Attempt retry = fresh();
    retry.progress = story.progress;
    retry.now = model.now;
    const Played played = ask(
        model_account(), new_line_with_address(),
        [&](const Call& call) { return model.answer(call, Fault::none); }, retry, sim_in_stock());
    EXPECT_EQ(kind_of(played.outcome), "pending");
    EXPECT_EQ(model.requests, 1);
    EXPECT_EQ(model.address_requests, 2);
}

TEST(TelegenceActivation, free_addresses_are_shared_out_by_place) {
    base::json::value active = {{"step", 1}, {"subscriberNumber", kModelNumber}};
    Attempt attempt = fresh();
    attempt.progress = active;
    const auto exchange =
        carrier().exchange(account(), sim_in_stock(), new_line_with_address(), attempt);
    const Step first = exchange->begin();
    const Call& reserve = std::get<Call>(first);
    EXPECT_EQ(reserve.body + "3" + reserve.shared->after, R"({"pdpName":"PDP01","ipQuantity":3})");
    EXPECT_TRUE(reserve.shared->is_counted);
    exchange->shared_by(3, 1);
    const Step second = exchange->proceed(answered(
        200, R"({"ipAddressRecords":[{"ipAddress":"10.20.0.1"},{"ipAddress":"10.20.0.2"}]})"));
    const Call& request = std::get<Call>(second);
    EXPECT_EQ(request.shared->most, 10u);
    EXPECT_EQ(request.body + request.shared->item + request.shared->after,
              R"({"pdpName":"PDP01","billingAccountNumber":"287000000001","subscriber":[)"
              R"({"subscriberNumber":"2145550100","ipAddressRecord":{"ipAddress":"10.20.0.2"},)"
              R"("lteIndicator":true,"defaultAPNIndicator":true,"effectiveDate":"2026-03-01Z"}]})");
}

// --- all or none ---

TEST(TelegenceActivation, all_or_none_waits_for_the_others_and_stops_when_one_failed) {
    base::json::value active = in_batch();
    active.as_object()["subscriberNumber"] = kModelNumber;
    Activation change = new_line_with_address();
    change.others = Activation::Others::under_way;
    const auto outcome_of = [&] {
        return ask(model_account(), change, never, waiting_with(active), sim_in_stock()).outcome;
    };
    EXPECT_EQ(kind_of(outcome_of()), "pending");
    change.others = Activation::Others::all_active;
    EXPECT_EQ(kind_of(outcome_of()), "advanced");
    change.others = Activation::Others::some_failed;
    const Outcome stopped = outcome_of();
    ASSERT_EQ(kind_of(stopped), "refused");
    EXPECT_NE(reason_of(stopped).find(kModelNumber), std::string::npos);
}

// --- an outcome that is not known ---

TEST(TelegenceActivation, a_lost_request_is_looked_up_and_never_repeated_while_it_may_be_at_work) {
    ActivationModel model;
    const ActivationStory story =
        live_through_activation(model, new_line(), {{0, Fault::done_timeout}});
    ASSERT_EQ(kind_of(story.outcome), "applied") << said(story.outcome);
    EXPECT_EQ(model.requests, 1);
    EXPECT_EQ(model.activations[kNewLineSim], 1);
}

TEST(TelegenceActivation, a_request_that_never_arrived_is_repeated_after_the_deadline_only) {
    ActivationModel model;
    const ActivationStory story = live_through_activation(model, new_line(), {{0, Fault::timeout}});
    ASSERT_EQ(kind_of(story.outcome), "applied") << said(story.outcome);
    EXPECT_EQ(model.requests, 1);
    EXPECT_GE(model.now - kModelNow, seconds(3'600));
}

TEST(TelegenceActivation, a_list_that_does_not_tell_its_age_proves_nothing) {
    Attempt attempt = resolving(true);
    attempt.sent_ago = std::chrono::hours(2);
    const auto list = [](base::json::object headers) {
        return [headers](const Call& call) -> std::optional<http::ClientResponse> {
            EXPECT_FALSE(call.changes_state);
            http::ClientResponse response = answered(200, "[]");
            for (const auto& member : headers) {
                response.headers.emplace_back(std::string(member.key()),
                                              member.value().as_string().c_str());
            }
            return response;
        };
    };
    struct Row {
        base::json::object headers;
        bool needs_person;
    };
    for (const Row& row :
         {Row{{{"page-total", "1"}}, true},
          // It may be a more recent one at the next look.
          Row{{{"page-total", "1"}, {"refresh-timestamp", "2026-03-01T10:30:00Z"}}, false},
          Row{{{"page-total", "9"}, {"refresh-timestamp", "2026-03-01T12:00:00Z"}}, false}}) {
        const Played played =
            ask(model_account(), new_line(), list(row.headers), attempt, sim_in_stock());
        ASSERT_EQ(kind_of(played.outcome), "unknown");
        EXPECT_EQ(std::get<Unknown>(played.outcome).needs_person, row.needs_person);
    }
}

TEST(TelegenceActivation, the_number_in_our_record_is_looked_at_first) {
    ActivationModel model;
    model.lines["2145550177"].sim = kNewLineSim;
    Line line = sim_in_stock();
    line.msisdn = "2145550177";
    const Played played = ask(
        model_account(), new_line(),
        [&](const Call& call) { return model.answer(call, Fault::none); }, resolving(false), line);
    EXPECT_EQ(kind_of(played.outcome), "applied") << reason_of(played.outcome);
    EXPECT_EQ(played.calls.size(), 1u);
}

// --- cut anywhere ---

struct Kind {
    const char* name;
    Activation change;
};

void check_end(const ActivationModel& model, const ActivationStory& story) {
    EXPECT_FALSE(story.sent_while_waiting);
    EXPECT_FALSE(story.sent_while_unsettled);
    for (const auto& [sim, times] : model.activations) EXPECT_LE(times, 1) << sim;
    for (const auto& [number, times] : model.assignments) EXPECT_LE(times, 1) << number;
    const std::string_view kind = kind_of(story.outcome);
    ASSERT_TRUE(kind == "applied" || kind == "refused" || kind == "unknown") << kind;
    if (kind == "applied") {
        EXPECT_EQ(model.activations.size(), 1u);
    } else if (kind == "unknown") {
        EXPECT_TRUE(std::get<Unknown>(story.outcome).needs_person) << reason_of(story.outcome);
    }
    // What was achieved is on record, whatever came after it.
    if (kind == "refused" && !model.lines.empty()) {
        EXPECT_TRUE(story.achieved.contains("msisdn")) << reason_of(story.outcome);
    }
}

TEST(TelegenceActivation, cut_at_any_call_by_anything_once_or_twice_it_ends_well) {
    const Kind kinds[] = {{"plain", new_line()},
                          {"code", new_line_without_code()},
                          {"address", new_line_with_address()}};
    int stories = 0;
    for (const Kind& kind : kinds) {
        ActivationModel undisturbed;
        const int calls = live_through_activation(undisturbed, kind.change).calls;
        for (int first = 0; first < calls; ++first) {
            for (int fault = 1; fault < kFaults; ++fault) {
                for (int again = 0; again < kFaults; ++again) {
                    for (int second = first + 1; second < first + 4; ++second) {
                        SCOPED_TRACE(std::string(kind.name) + " call " + std::to_string(first) +
                                     " fault " + std::to_string(fault) + ", call " +
                                     std::to_string(second) + " fault " + std::to_string(again));
                        ActivationModel model;
                        check_end(model,
                                  live_through_activation(model, kind.change,
                                                          {{first, static_cast<Fault>(fault)},
                                                           {second, static_cast<Fault>(again)}}));
                        ++stories;
                        if (HasFailure()) return;
                        if (again == 0) break;  // no second fault: its place does not matter
                    }
                }
            }
        }
    }
    EXPECT_GT(stories, 5'000);
}

}  // namespace
}  // namespace carryall::carriers::telegence
