// The inventory page by page, against a small Jasper that answers searches and against answers that
// are wrong.
#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "carriers/jasper/jasper.hpp"
#include "carriers/jasper/jasper_model_test.hpp"

namespace carryall::carriers::jasper {
namespace {

namespace json = base::json;
using Responses = std::vector<http::ClientResponse>;

std::string iccid(int number) {
    return "8901" + std::to_string(1'000'000'000'000'000 + number);
}

int number_at(const std::string& path, const std::string& name) {
    const auto at = path.find(name + '=');
    return at == std::string::npos ? 0 : std::stoi(path.substr(at + name.size() + 1));
}

// Devices in the order of their last change.
struct Fleet {
    std::deque<std::string> order;
    int plan_pages = 1;
    std::set<std::string> gone;   // found by the search, unknown to the details
    int page_to_touch_after = 0;  // when this page was read, its first device changes
    std::vector<std::string> asked;

    explicit Fleet(int count) {
        for (int i = 0; i < count; ++i) order.push_back(iccid(i));
    }

    Responses answer(const std::vector<Call>& calls) {
        Responses out;
        for (const Call& call : calls) {
            EXPECT_FALSE(call.changes_state);
            asked.push_back(call.path);
            if (call.path.starts_with("/rateplans?"))
                out.push_back(plans(number_at(call.path, "pageNumber")));
            else if (call.path.starts_with("/devices?"))
                out.push_back(search(number_at(call.path, "pageNumber")));
            else
                out.push_back(details(call.path.substr(std::string("/devices/").size())));
        }
        return out;
    }

  private:
    http::ClientResponse plans(int page) const {
        const json::array rows = {{{"name", "PLAN " + std::to_string(page)}, {"type", "MONTHLY"}}};
        return answered(
            200, json::serialize(json::object{
                     {"pageNumber", page}, {"ratePlans", rows}, {"lastPage", page >= plan_pages}}));
    }

    http::ClientResponse search(int page) {
        json::array rows;
        const std::size_t from = static_cast<std::size_t>(page - 1) * 50;
        for (std::size_t i = from; i < std::min(order.size(), from + 50); ++i) {
            rows.push_back({{"iccid", order[i]},
                            {"status", "ACTIVATED"},
                            {"ratePlan", "PLAN 1"},
                            {"communicationPlan", i % 2 == 0 ? "DATA SMS" : "DATA ONLY"}});
        }
        const bool is_last = from + 50 >= order.size();
        if (page == page_to_touch_after) {
            page_to_touch_after = 0;
            order.push_back(order[from]);
            order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
        }
        return answered(200, json::serialize(json::object{
                                 {"pageNumber", page}, {"devices", rows}, {"lastPage", is_last}}));
    }

    http::ClientResponse details(const std::string& which) const {
        if (gone.contains(which)) return JasperModel::error(404, "20000001", "no such ICCID");
        return answered(
            200, json::serialize(json::object{{"iccid", which},
                                              {"status", "TRIAL"},
                                              {"ratePlan", nullptr},
                                              {"communicationPlan", "DATA SMS"},
                                              {"msisdn", "15550100017"},
                                              {"imei", ""},
                                              {"dateUpdated", "2025-02-03 11:22:33.444+0000"},
                                              {"accountCustom1", "north"},
                                              {"customer", nullptr}}));
    }
};

struct Collected {
    std::map<std::string, CarrierLine> lines;
    std::size_t rows = 0;
    std::vector<CarrierPlan> plans;
    std::set<std::string> communication_plans;
    std::vector<json::value> resumes;
    std::optional<InventoryFailed> failed;
};

constexpr int kMaxSteps = 1'000;

Collected collect(InventoryReading& reading,
                  const std::function<Responses(const std::vector<Call>&)>& answer) {
    Collected all;
    InventoryStep step = reading.next();
    for (int i = 0; i < kMaxSteps; ++i) {
        if (const auto* calls = std::get_if<std::vector<Call>>(&step)) {
            step = reading.proceed(answer(*calls));
        } else if (const auto* page = std::get_if<InventoryPage>(&step)) {
            all.rows += page->lines.size();
            for (const CarrierLine& line : page->lines) all.lines[*line.iccid] = line;
            all.plans.insert(all.plans.end(), page->plans.begin(), page->plans.end());
            all.communication_plans.insert(page->communication_plans.begin(),
                                           page->communication_plans.end());
            EXPECT_EQ(page->resume.is_null(), page->is_last);
            if (page->is_last) return all;
            all.resumes.push_back(page->resume);
            step = reading.next();
        } else {
            all.failed = std::get<InventoryFailed>(step);
            return all;
        }
    }
    ADD_FAILURE() << "the reading does not end";
    return all;
}

Collected collect(const Account& account, Fleet& fleet, const InventoryScope& scope = {}) {
    const auto reading = carrier().read_inventory(account, scope);
    return collect(*reading, [&](const std::vector<Call>& calls) { return fleet.answer(calls); });
}

TEST(JasperInventory, all_plans_and_lines_are_read) {
    Fleet fleet(120);
    fleet.plan_pages = 2;
    const Account account = model_account({{"accountId", "100020003"}});
    const Collected all = collect(account, fleet);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 120u);
    EXPECT_EQ(all.rows, 120u);
    ASSERT_EQ(all.plans.size(), 2u);
    EXPECT_EQ(all.plans[1].code, "PLAN 2");
    EXPECT_EQ(all.plans[1].name, "PLAN 2");
    EXPECT_EQ(all.communication_plans, (std::set<std::string>{"DATA ONLY", "DATA SMS"}));
    const CarrierLine& line = all.lines.at(iccid(0));
    EXPECT_EQ(line.status, "Active");
    EXPECT_EQ(line.carrier_status, "ACTIVATED");
    EXPECT_EQ(line.rate_plan, "PLAN 1");
    EXPECT_EQ(line.communication_plan, "DATA SMS");
    EXPECT_EQ(line.msisdn, std::nullopt);
    EXPECT_EQ(fleet.asked.at(0), "/rateplans?pageSize=50&pageNumber=1&accountId=100020003");
    EXPECT_EQ(fleet.asked.at(2),
              "/devices?modifiedSince=2000-01-01T00:00:00%2B00:00&pageSize=50&pageNumber=1"
              "&accountId=100020003");
}

TEST(JasperInventory, an_empty_account_is_read_to_its_end) {
    Fleet fleet(0);
    const Account account = model_account();
    const Collected all = collect(account, fleet);
    EXPECT_FALSE(all.failed);
    EXPECT_TRUE(all.lines.empty());
}

TEST(JasperInventory, a_line_that_slips_to_a_page_already_read_is_found) {
    for (int page = 1; page <= 3; ++page) {
        Fleet fleet(180);
        fleet.page_to_touch_after = page;
        const Account account = model_account();
        const Collected all = collect(account, fleet);
        ASSERT_FALSE(all.failed);
        EXPECT_EQ(all.lines.size(), 180u) << page;
    }
}

TEST(JasperInventory, only_what_changed_since_is_asked_for_with_an_overlap) {
    Fleet fleet(1);
    const Account account = model_account();
    InventoryScope scope;
    scope.modified_since = base::parse_iso8601("2026-03-01T12:00:00Z").value();
    collect(account, fleet, scope);
    EXPECT_EQ(fleet.asked.at(1),
              "/devices?modifiedSince=2026-03-01T11:50:00%2B00:00&pageSize=50&pageNumber=1");
}

TEST(JasperInventory, a_reading_goes_on_where_the_former_ended) {
    Fleet fleet(230);
    fleet.plan_pages = 2;
    const Account account = model_account();
    InventoryScope scope;
    scope.modified_since = base::parse_iso8601("2026-03-01T12:00:00Z").value();
    const Collected whole = collect(account, fleet, scope);
    ASSERT_EQ(whole.resumes.size(), 6u);
    std::size_t rows = 0;
    for (const json::value& resume : whole.resumes) {
        InventoryScope later;  // since when is remembered, too
        later.resume = resume;
        Fleet again(230);
        again.plan_pages = 2;
        const Collected rest = collect(account, again, later);
        EXPECT_FALSE(rest.failed);
        EXPECT_NE(again.asked.back().find("2026-03-01T11:50:00"), std::string::npos);
        EXPECT_TRUE(rest.lines.contains(iccid(229)));
        EXPECT_TRUE(rows == 0 || rest.lines.size() <= rows);
        rows = rest.lines.size();
    }
    EXPECT_LT(rows, 100u);
}

TEST(JasperInventory, details_of_each_line_are_read_where_the_account_asks_for_them) {
    Fleet fleet(60);
    fleet.gone.insert(iccid(7));
    const Account account = model_account({{"syncDetails", true}});
    const Collected all = collect(account, fleet);
    ASSERT_FALSE(all.failed);
    EXPECT_EQ(all.lines.size(), 60u);
    const CarrierLine& line = all.lines.at(iccid(59));
    EXPECT_EQ(line.status, "TRIAL");
    EXPECT_EQ(line.carrier_status, "TRIAL");
    EXPECT_EQ(line.rate_plan, "");
    EXPECT_EQ(line.msisdn, "15550100017");
    EXPECT_EQ(line.imei, std::nullopt);
    EXPECT_EQ(line.modified_at, base::parse_iso8601("2025-02-03T11:22:33.444Z").value());
    EXPECT_EQ(line.details, (json::object{{"accountCustom1", "north"}}));
    EXPECT_EQ(all.lines.at(iccid(7)).status, "Active");
}

TEST(JasperInventory, lines_are_worth_having_without_plans) {
    const http::ClientResponse refusals[] = {
        JasperModel::error(400, "10000030", "Role lacks this function"), answered(403),
        JasperModel::error(403, "10000079", "No API access"), answered(404)};
    for (const http::ClientResponse& refusal : refusals) {
        Fleet fleet(3);
        const Account account = model_account();
        const auto reading = carrier().read_inventory(account, {});
        const Collected all = collect(*reading, [&](const std::vector<Call>& calls) {
            if (calls.front().path.starts_with("/rateplans")) return Responses{refusal};
            return fleet.answer(calls);
        });
        EXPECT_FALSE(all.failed);
        EXPECT_TRUE(all.plans.empty());
        EXPECT_EQ(all.lines.size(), 3u);
    }
}

TEST(JasperInventory, an_answer_that_is_no_page_ends_it_with_a_reason) {
    const std::string kRow = R"({"iccid":"89010000000000000017"})";
    struct Row {
        http::ClientResponse response;
        FailureClass failure;
    };
    using enum FailureClass;
    const Row rows[] = {
        {answered(200), transient},
        {answered(200, "<html>"), transient},
        {answered(200, "{}"), transient},
        {answered(200, R"({"devices":[],"lastPage":false})"), transient},
        {answered(200, R"({"devices":[)" + kRow + "]}"), transient},
        {answered(200, R"({"devices":[)" + kRow + R"(],"lastPage":7})"), transient},
        {answered(200, R"({"devices":{},"lastPage":true})"), transient},
        {answered(200, R"({"devices":[7],"lastPage":true})"), transient},
        {answered(200, R"({"devices":[{"iccid":"../1"}],"lastPage":true})"), transient},
        {answered(200, R"({"pageNumber":2,"devices":[],"lastPage":true})"), transient},
        {answered(429), transient},
        {answered(503), transient},
        {failed(http::Transport::timeout), transient},
        {failed(http::Transport::not_sent), transient},
        {answered(401), system},
        {answered(404, "<html>not here</html>"), system},
        {JasperModel::error(400, "10000012", "Bad date"), validation},
    };
    for (const Row& row : rows) {
        const Account account = model_account();
        const auto reading = carrier().read_inventory(account, {});
        Fleet fleet(0);
        const Collected all = collect(*reading, [&](const std::vector<Call>& calls) {
            if (calls.front().path.starts_with("/rateplans")) return fleet.answer(calls);
            return Responses{row.response};
        });
        ASSERT_TRUE(all.failed) << row.response.body;
        EXPECT_EQ(all.failed->failure, row.failure) << row.response.body;
        EXPECT_FALSE(all.failed->reason.empty());
        EXPECT_EQ(all.failed->whole_account, row.response.status == 429);
        EXPECT_TRUE(all.lines.empty());
    }
}

TEST(JasperInventory, plans_without_an_end_or_a_name_end_it_with_a_reason) {
    const Account account = model_account();
    const char* bodies[] = {R"({"ratePlans":[{"name":"P"}],"lastPage":false})",
                            R"({"ratePlans":[{"name":""}],"lastPage":true})",
                            R"({"ratePlans":[],"lastPage":false})"};
    for (const char* body : bodies) {
        const auto reading = carrier().read_inventory(account, {});
        const Collected all = collect(
            *reading, [&](const std::vector<Call>&) { return Responses{answered(200, body)}; });
        EXPECT_TRUE(all.failed) << body;
    }
}

TEST(JasperInventory, details_that_cannot_be_read_end_it_and_the_page_is_read_again) {
    const Account account = model_account({{"syncDetails", true}});
    for (const auto& response : {answered(500), answered(429), answered(200, "{}")}) {
        Fleet fleet(2);
        const auto reading = carrier().read_inventory(account, {});
        const Collected all = collect(*reading, [&](const std::vector<Call>& calls) {
            Responses answers = fleet.answer(calls);
            if (calls.front().operation == "Get Device") answers.back() = response;
            return answers;
        });
        ASSERT_TRUE(all.failed);
        EXPECT_EQ(all.failed->failure, FailureClass::transient);
        EXPECT_TRUE(all.lines.empty());
        const Collected retried =
            collect(*reading, [&](const std::vector<Call>& calls) { return fleet.answer(calls); });
        EXPECT_EQ(retried.lines.size(), 2u);
    }
}

TEST(JasperInventory, a_damaged_place_begins_from_the_start) {
    Fleet fleet(3);
    const Account account = model_account();
    for (const json::value& resume : {json::value("x"), json::value{{"page", 2}},
                                      json::value{{"page", -1}, {"since", "2026"}}}) {
        InventoryScope scope;
        scope.resume = resume;
        EXPECT_EQ(collect(account, fleet, scope).plans.size(), 1u);
    }
}

}  // namespace
}  // namespace carryall::carriers::jasper
