// The inventory list by list, against a small POND and against answers that are wrong.
#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "carriers/exchange_play.hpp"
#include "carriers/pond/pond.hpp"

namespace carryall::carriers::pond {
namespace {

namespace json = base::json;
using Responses = std::vector<http::ClientResponse>;

Account make_account(const json::object& more = {}) {
    json::object settings = {{"baseUrl", "https://pond.example"}, {"distributorId", 71}};
    for (const auto& member : more) settings[member.key()] = member.value();
    return *carrier().account(5, settings, {{"apiKey", "k"}, {"username", "u"}, {"password", "p"}});
}

std::string iccid(int number) {
    return "89103000000" + std::to_string(10'000'000 + number);
}

std::int64_t number_at(const std::string& path, const std::string& name) {
    return std::stoll(path.substr(path.find(name + '=') + name.size() + 1));
}

// Two inventories with three groups, a plan each and a withdrawn one.
struct SmallPond {
    int sims = 250;
    std::vector<std::string> asked;

    Responses answer(const std::vector<Call>& calls) {
        Responses out;
        for (const Call& call : calls) {
            EXPECT_FALSE(call.changes_state);
            asked.push_back(call.path);
            out.push_back(answered(200, json::serialize(body_of(call.path))));
        }
        return out;
    }

    static json::object list(const std::string& path, const std::vector<json::value>& all,
                             const char* from, const char* rows) {
        const auto offset = static_cast<std::size_t>(number_at(path, from));
        const auto count = static_cast<std::size_t>(number_at(path, rows));
        json::array page;
        for (std::size_t i = offset; i < std::min(all.size(), offset + count); ++i) {
            page.push_back(all[i]);
        }
        json::object body = {{"total", all.size()}, {"offset", offset}, {"count", page.size()}};
        if (!page.empty()) body["elements"] = std::move(page);
        return body;
    }

  private:
    json::value body_of(const std::string& path) const {
        if (path.starts_with("/71/search/sim?")) {
            std::vector<json::value> rows;
            for (int i = 0; i < sims; ++i) rows.push_back(search_row(i));
            return list(path, rows, "start", "rows");
        }
        if (path.find("/package/infos?") != std::string::npos) return packages(path);
        if (path.ends_with("/status")) {
            return {{"simDataServiceStatus", "ENABLED"},
                    {"simVoiceServiceStatus", "ENABLED"},
                    {"simSmsServiceStatus", "ENABLED"},
                    {"statusOfSim", "In-Service"}};
        }
        return list(path, rows_of(path), "offset", "count");
    }

    std::vector<json::value> rows_of(const std::string& path) const {
        if (path.starts_with("/71/inventory/list?")) {
            return {{{"id", 310}, {"name", "Main"}},
                    {{"id", 311}, {"name", "Other"}},
                    {{"id", 312}, {"name", "Gone"}, {"dateDeletedEpoch", 1'700'000'000}}};
        }
        if (path.starts_with("/71/inventory/310/packageTypes?")) {
            return {{{"packageTypeId", 40117}, {"name", "IoT 1GB"}, {"status", "ACTIVE"}},
                    {{"packageTypeId", 40120}, {"name", "Old"}, {"status", "DE_ACTIVATED"}}};
        }
        if (path.starts_with("/71/inventory/311/packageTypes?")) {
            return {{{"packageTypeId", 40201}, {"name", "IoT 1GB"}, {"status", "ACTIVE"}}};
        }
        if (path.starts_with("/71/inventory/310/groups?")) {
            return {{{"id", 7001}, {"name", "North"}}, {{"id", 7002}, {"name", "South"}}};
        }
        if (path.starts_with("/71/group/7001/sims?")) {
            std::vector<json::value> rows;
            for (int i = 0; i < sims; ++i) {
                rows.push_back({{"iccid", iccid(i)},
                                {"parentGroupId", 7001},
                                {"mappedImsi", 310'000'000'000'000 + i},
                                {"epochModified", 1'767'000'000}});
            }
            return rows;
        }
        return {};
    }

    static json::value search_row(int number) {
        const char* word = number % 3 == 0 ? "DISABLED" : "ENABLED";
        const char* life = number % 9 == 0 ? "Pre-Service" : "In-Service";
        return {{"sim_iccid", iccid(number)},
                {"data_service_status", word},
                {"voice_service_status", word},
                {"sms_service_status", number % 5 == 1 ? "DISABLED" : word},
                {"statusOfSim", number == 7 ? "Terminated" : life},
                {"parent_group_id", 7001},
                {"parent_group_name", "North"},
                {"inventory_name", "Main"},
                {"imsi_mapped", 310'000'000'000'000 + number},
                {"epoch_modified", 1'767'000'000'000}};
    }

    // One active package; the second SIM has none, the third two plans.
    static json::object packages(const std::string& path) {
        const std::string sim = path.substr(8, 19);
        std::vector<json::value> rows;
        const auto add = [&](std::int64_t type) {
            rows.push_back({{"packageId", "p-" + std::to_string(type)},
                            {"simIccid", sim},
                            {"packageTypeId", type},
                            {"status", "ACTIVE"}});
        };
        if (sim != iccid(1)) add(40117);
        if (sim == iccid(2)) add(40201);
        return list(path, rows, "offset", "count");
    }
};

struct Collected {
    std::map<std::string, CarrierLine> lines;
    std::size_t rows = 0;
    std::map<std::string, CarrierPlan> plans;
    std::vector<json::value> resumes;
    std::optional<InventoryFailed> failed;
};

constexpr int kMaxSteps = 1'000;
using AnswerCalls = std::function<Responses(const std::vector<Call>&)>;

Collected collect(InventoryReading& reading, const AnswerCalls& answer) {
    Collected all;
    InventoryStep step = reading.next();
    for (int i = 0; i < kMaxSteps; ++i) {
        if (const auto* calls = std::get_if<std::vector<Call>>(&step)) {
            step = reading.proceed(answer(*calls));
        } else if (const auto* page = std::get_if<InventoryPage>(&step)) {
            all.rows += page->lines.size();
            for (const CarrierLine& line : page->lines) all.lines[*line.iccid] = line;
            for (const CarrierPlan& plan : page->plans) all.plans[plan.code] = plan;
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

Collected collect(const Account& account, SmallPond& pond, const InventoryScope& scope = {}) {
    const auto reading = carrier().read_inventory(account, scope);
    return collect(*reading, [&](const std::vector<Call>& calls) { return pond.answer(calls); });
}

TEST(PondInventory, one_search_finds_the_sims_of_all_groups_with_their_services) {
    SmallPond pond;
    const Account account = make_account();
    const Collected all = collect(account, pond);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 250u);
    EXPECT_EQ(all.rows, 250u);
    EXPECT_EQ(pond.asked.back(), "/71/search/sim?q=*:*&start=200&rows=100");
    EXPECT_EQ(all.lines.at(iccid(2)).status, "Active");
    EXPECT_EQ(all.lines.at(iccid(2)).carrier_status, "In-Service");
    EXPECT_EQ(all.lines.at(iccid(3)).status, "Inactive");
    EXPECT_EQ(all.lines.at(iccid(1)).status, std::nullopt);  // some services on, some off
    EXPECT_EQ(all.lines.at(iccid(7)).status, "Terminated");
    EXPECT_EQ(all.lines.at(iccid(9)).status, "Pre-Service");
    const CarrierLine& line = all.lines.at(iccid(2));
    EXPECT_EQ(line.group, "North");
    EXPECT_EQ(line.rate_plan, std::nullopt);
    EXPECT_EQ(line.modified_at, base::parse_iso8601("2025-12-29T09:20:00Z").value());
    EXPECT_EQ(line.details.at("imsi"), 310'000'000'000'002);
    EXPECT_EQ(line.details.at("data_service_status"), "ENABLED");
}

TEST(PondInventory, package_types_on_offer_are_the_plans) {
    SmallPond pond;
    const Account account = make_account();
    const Collected all = collect(account, pond);
    ASSERT_EQ(all.plans.size(), 2u);
    EXPECT_EQ(all.plans.at("40117").name, "IoT 1GB");
    EXPECT_EQ(all.plans.at("40117").carrier_plan_id, 40117);
    EXPECT_EQ(all.plans.at("40201").name, "IoT 1GB");
}

TEST(PondInventory, group_by_group_it_finds_the_same_sims_without_a_status) {
    SmallPond pond;
    const Account account = make_account({{"simList", "groups"}});
    const Collected all = collect(account, pond);
    ASSERT_FALSE(all.failed) << all.failed->reason;
    EXPECT_EQ(all.lines.size(), 250u);
    EXPECT_EQ(all.plans.size(), 2u);
    const CarrierLine& line = all.lines.at(iccid(249));
    EXPECT_EQ(line.group, "North");
    EXPECT_EQ(line.status, std::nullopt);
    EXPECT_EQ(line.details.at("imsi"), 310'000'000'000'249);
    for (const std::string& path : pond.asked) EXPECT_EQ(path.find("/search/"), std::string::npos);
}

TEST(PondInventory, details_bring_the_plan_and_by_group_the_status) {
    for (const char* list : {"search", "groups"}) {
        SmallPond pond;
        const Account account = make_account({{"simList", list}, {"syncDetails", true}});
        const Collected all = collect(account, pond);
        ASSERT_FALSE(all.failed) << all.failed->reason;
        EXPECT_EQ(all.lines.at(iccid(5)).rate_plan, "40117");
        EXPECT_EQ(all.lines.at(iccid(5)).carrier_plan_id, 40117);
        EXPECT_EQ(all.lines.at(iccid(5)).status, "Active");
        EXPECT_EQ(all.lines.at(iccid(1)).rate_plan, "");
        EXPECT_EQ(all.lines.at(iccid(2)).rate_plan, std::nullopt);
        EXPECT_EQ(all.lines.at(iccid(2)).details.at("activePackages"), 2);
    }
}

TEST(PondInventory, a_reading_goes_on_where_the_former_ended) {
    for (const char* list : {"search", "groups"}) {
        SmallPond pond;
        const Account account = make_account({{"simList", list}});
        const Collected whole = collect(account, pond);
        ASSERT_GE(whole.resumes.size(), 4u);
        std::size_t before = whole.rows;
        for (const json::value& resume : whole.resumes) {
            InventoryScope scope;
            scope.resume = resume;
            const Collected rest = collect(account, pond, scope);
            EXPECT_FALSE(rest.failed);
            EXPECT_LE(rest.rows, before);
            before = rest.rows;
        }
        EXPECT_LE(before, 50u);
        InventoryScope damaged;
        damaged.resume = {{{"list", "sims"}, {"id", 1}, {"offset", 0}}};
        EXPECT_EQ(collect(account, pond, damaged).rows, 250u);
    }
}

TEST(PondInventory, an_empty_distributor_is_read_to_its_end) {
    for (const char* list : {"search", "groups"}) {
        const Account account = make_account({{"simList", list}});
        const auto reading = carrier().read_inventory(account, {});
        const Collected all = collect(*reading, [](const std::vector<Call>&) {
            return Responses{answered(200, R"({"total":0,"offset":0,"count":0})")};
        });
        EXPECT_FALSE(all.failed);
        EXPECT_TRUE(all.lines.empty());
    }
}

TEST(PondInventory, an_answer_that_is_no_page_ends_it_with_a_reason) {
    struct Row {
        http::ClientResponse response;
        FailureClass failure;
    };
    using enum FailureClass;
    const Row rows[] = {
        {answered(200), transient},
        {answered(200, "<html>"), transient},
        {answered(200, "{}"), transient},
        {answered(200, R"({"total":-1,"elements":[]})"), transient},
        {answered(200, R"({"total":9,"elements":[]})"), transient},
        {answered(200, R"({"total":9,"elements":{}})"), transient},
        {answered(200, R"({"total":1,"elements":[7]})"), transient},
        {answered(200, R"({"total":1,"elements":[{"sim_iccid":"../7"}]})"), transient},
        {answered(200, R"({"status":500,"message":"oops"})"), transient},
        {answered(200, R"({"status":400,"message":"no such search"})"), validation},
        {answered(429), transient},
        {answered(503), transient},
        {failed(http::Transport::timeout), transient},
        {answered(401), system},
    };
    for (const Row& row : rows) {
        SmallPond pond;
        const Account account = make_account();
        const auto reading = carrier().read_inventory(account, {});
        const auto spoiled = [&](const std::vector<Call>& calls) {
            if (calls.front().operation == "Search SIMs") return Responses{row.response};
            return pond.answer(calls);
        };
        const Collected all = collect(*reading, spoiled);
        ASSERT_TRUE(all.failed) << row.response.body;
        EXPECT_EQ(all.failed->failure, row.failure) << row.response.body;
        EXPECT_EQ(all.failed->whole_account, row.response.status == 429);
        EXPECT_TRUE(all.lines.empty());
        const Collected retried =
            collect(*reading, [&](const std::vector<Call>& calls) { return pond.answer(calls); });
        EXPECT_EQ(retried.lines.size(), 250u);
    }
}

TEST(PondInventory, details_that_cannot_be_read_end_it_and_the_page_is_read_again) {
    const Account account = make_account({{"simList", "groups"}, {"syncDetails", true}});
    for (const char* operation : {"Get Packages", "Get Status"}) {
        SmallPond pond;
        const auto reading = carrier().read_inventory(account, {});
        const Collected all = collect(*reading, [&](const std::vector<Call>& calls) {
            Responses answers = pond.answer(calls);
            for (std::size_t i = 0; i < calls.size(); ++i) {
                if (calls[i].operation == operation) answers[i] = answered(200, "{}");
            }
            return answers;
        });
        ASSERT_TRUE(all.failed);
        EXPECT_TRUE(all.lines.empty());
        const Collected retried =
            collect(*reading, [&](const std::vector<Call>& calls) { return pond.answer(calls); });
        EXPECT_EQ(retried.lines.size(), 250u);
    }
}

TEST(PondInventory, a_sim_that_is_gone_since_is_kept_as_it_was_listed) {
    SmallPond pond;
    const Account account = make_account({{"syncDetails", true}});
    const auto reading = carrier().read_inventory(account, {});
    const Collected all = collect(*reading, [&](const std::vector<Call>& calls) {
        Responses answers = pond.answer(calls);
        if (calls.front().operation == "Get Packages") answers.front() = answered(404);
        return answers;
    });
    ASSERT_FALSE(all.failed);
    EXPECT_EQ(all.lines.at(iccid(0)).rate_plan, std::nullopt);
    EXPECT_EQ(all.lines.at(iccid(0)).status, "Pre-Service");
}

TEST(PondInventory, pages_without_an_end_end_it_with_a_reason) {
    const Account account = make_account();
    InventoryScope scope;
    scope.resume = {{{"list", "search"}, {"id", 0}, {"offset", 9'999'999}}};
    const auto reading = carrier().read_inventory(account, scope);
    const Collected all = collect(*reading, [](const std::vector<Call>&) {
        return Responses{answered(200, R"({"total":99999999,"elements":[
            {"sim_iccid":"8910300000001234567"}]})")};
    });
    ASSERT_TRUE(all.failed);
    EXPECT_EQ(all.failed->failure, FailureClass::system);
}

}  // namespace
}  // namespace carryall::carriers::pond
