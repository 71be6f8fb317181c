// Reading the inventory: pages by device id and by date, what a row becomes, and every way in which
// pages go wrong.
#include <gtest/gtest.h>
#include <set>

#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/thingspace_model_test.hpp"

namespace carryall::carriers::thingspace {
namespace {

struct Device {
    int number;
    std::string created;
};

base::json::object row(const Device& device, bool with_id) {
    const std::string digits = std::to_string(100'000 + device.number);
    base::json::object out = {
        {"deviceIds", {{{"id", "89148000000000" + digits}, {"kind", "iccid"}}}},
        {"createdAt", device.created},
        {"carrierInformations", {{{"state", "active"}, {"servicePlan", "M2M-5MB"}}}}};
    if (with_id) {
        out["extendedAttributes"] = {
            {{"key", "DeviceId"}, {"value", std::to_string(device.number)}}};
    }
    return out;
}

// Answers as the carrier does: `size` devices a page, after the device id or from the date.
struct Listing {
    std::vector<Device> devices;
    std::size_t size = 2;
    bool with_ids = true;
    std::vector<std::string> bodies;

    http::ClientResponse answer(const Call& call) {
        if (call.path.find("/plans/") != std::string::npos) {
            return answered(200, R"([{"name":"Small","code":"M2M-5MB","sizeKb":1},{"code":7}])");
        }
        bodies.push_back(call.body);
        const base::json::value body = *base::parse_json(call.body);
        const base::json::object& wanted = body.as_object();
        base::json::array page;
        bool more = false;
        for (const Device& device : devices) {
            if (wanted.contains("largestDeviceIdSeen") &&
                device.number <= wanted.at("largestDeviceIdSeen").as_int64()) {
                continue;
            }
            if (wanted.contains("earliest") &&
                device.created < std::string(wanted.at("earliest").as_string())) {
                continue;
            }
            if (page.size() == size) {
                more = true;
                break;
            }
            page.push_back(row(device, with_ids));
        }
        return answered(more ? 202 : 200,
                        serialize(base::json::value{{"hasMoreData", more}, {"devices", page}}));
    }
};

struct ReadAll {
    std::vector<std::string> iccids;
    std::size_t plans = 0;
    std::size_t pages = 0;
    std::optional<InventoryFailed> failed;
    base::json::value resume;
};

constexpr std::size_t kMaxSteps = 50;

template <class Answer>
ReadAll read_all(const Account& account, Answer answer, const InventoryScope& scope = {}) {
    const auto reading = carrier().read_inventory(account, scope);
    ReadAll all;
    InventoryStep step = reading->next();
    for (std::size_t i = 0; i < kMaxSteps; ++i) {
        if (auto* calls = std::get_if<std::vector<Call>>(&step)) {
            std::vector<http::ClientResponse> answers;
            for (const Call& call : *calls) {
                EXPECT_FALSE(call.changes_state);
                answers.push_back(answer(call));
            }
            step = reading->proceed(answers);
        } else if (auto* page = std::get_if<InventoryPage>(&step)) {
            ++all.pages;
            all.plans += page->plans.size();
            for (const CarrierLine& line : page->lines) all.iccids.push_back(*line.iccid);
            EXPECT_EQ(page->is_last, page->resume.is_null());
            if (page->is_last) return all;
            all.resume = page->resume;
            step = reading->next();
        } else {
            all.failed = std::get<InventoryFailed>(step);
            return all;
        }
    }
    ADD_FAILURE() << "the reading did not come to an end";
    return all;
}

std::vector<Device> five() {
    return {{1, "2025-01-01T00:00:00-04:00"},
            {2, "2025-01-02T00:00:00-04:00"},
            {3, "2025-01-02T00:00:00-04:00"},
            {4, "2025-01-03T00:00:00-04:00"},
            {5, "2025-01-04T00:00:00-04:00"}};
}

TEST(ThingSpaceInventory, all_pages_are_read_by_device_id) {
    const Account account = test_account({{"listPageSize", 2}});
    Listing listing{five(), 2, true, {}};
    const ReadAll all = read_all(account, [&](const Call& call) { return listing.answer(call); });
    ASSERT_FALSE(all.failed.has_value()) << all.failed->reason;
    EXPECT_EQ(all.iccids.size(), 5u);
    EXPECT_EQ(all.pages, 3u);
    EXPECT_EQ(all.plans, 2u);
    EXPECT_EQ(listing.bodies[0], R"({"accountName":"0000123456-00001","maxNumberOfDevices":2})");
    EXPECT_EQ(
        listing.bodies[1],
        R"({"accountName":"0000123456-00001","maxNumberOfDevices":2,"largestDeviceIdSeen":2})");
}

TEST(ThingSpaceInventory, without_device_ids_pages_go_by_date_and_no_line_comes_twice) {
    const Account account = test_account();
    Listing listing{five(), 2, false, {}};
    listing.size = 3;
    const ReadAll all = read_all(account, [&](const Call& call) { return listing.answer(call); });
    ASSERT_FALSE(all.failed.has_value()) << all.failed->reason;
    EXPECT_EQ(all.iccids.size(), 5u);
    EXPECT_EQ(std::set<std::string>(all.iccids.begin(), all.iccids.end()).size(), 5u);
    EXPECT_NE(listing.bodies[1].find(R"("earliest":"2025-01-02T00:00:00-04:00")"),
              std::string::npos);
}

TEST(ThingSpaceInventory, an_interrupted_reading_goes_on_where_it_was) {
    const Account account = test_account();
    for (const bool with_ids : {true, false}) {
        Listing listing{five(), 3, with_ids, {}};
        int calls = 0;
        const ReadAll first = read_all(account, [&](const Call& call) {
            return ++calls > 2 ? answered(503) : listing.answer(call);
        });
        ASSERT_TRUE(first.failed.has_value());
        EXPECT_EQ(first.failed->failure, FailureClass::transient);
        EXPECT_EQ(first.iccids.size(), 3u);
        InventoryScope scope;
        scope.resume = first.resume;
        const ReadAll rest = read_all(
            account, [&](const Call& call) { return listing.answer(call); }, scope);
        EXPECT_EQ(rest.iccids.size(), 2u);
        EXPECT_EQ(rest.plans, 0u);
    }
}

TEST(ThingSpaceInventory, a_row_becomes_a_line) {
    const Account account = test_account();
    const ReadAll ignored = read_all(account, [](const Call& call) {
        return call.path.find("/plans/") != std::string::npos
                   ? answered(200, "[]")
                   : answered(200, R"({"hasMoreData":false,"devices":null})");
    });
    EXPECT_EQ(ignored.pages, 1u);
    const auto reading = carrier().read_inventory(account, {});
    static_cast<void>(reading->next());
    const auto step = reading->proceed({answered(200, R"([{"name":"Small","code":"M2M-5MB"}])"),
                                        answered(200, R"({"hasMoreData":"false","devices":[{
        "carrierInformations":{"state":"Pre-active","servicePlan":""},"connected":false,
        "createdAt":"2024-08-07T10:42:15-04:00",
        "customFields":[{"key":"CustomField1","value":"north"}],
        "deviceIds":[{"id":"5550100123","kind":"mdn"},{"id":"990000000000011","kind":"IMEI"},
                     {"id":"89148000000000000011","kind":"Iccid"}],
        "groupNames":["Default: 0000123456-00001"],"ipAddress":"0.0.0.0"},
        {"deviceIds":[{"id":"89148000000000000029","kind":"iccid"}],
         "carrierInformations":[{"state":"Hibernating","servicePlan":"X"}],"ipAddress":"10.1.2.3"},
        {"deviceIds":[{"id":"A10000","kind":"meid"}]}]})")});
    const auto& page = std::get<InventoryPage>(step);
    EXPECT_TRUE(page.is_last);
    EXPECT_EQ(page.plans.at(0).code, "M2M-5MB");
    ASSERT_EQ(page.lines.size(), 2u);
    const CarrierLine& line = page.lines[0];
    EXPECT_EQ(line.iccid, "89148000000000000011");
    EXPECT_EQ(line.imei, "990000000000011");
    EXPECT_EQ(line.msisdn, "5550100123");
    EXPECT_EQ(line.status, "Inventory");
    EXPECT_EQ(line.carrier_status, "Pre-active");
    EXPECT_EQ(line.rate_plan, std::nullopt);
    EXPECT_EQ(line.group, "Default: 0000123456-00001");
    EXPECT_EQ(line.details.at("customFields").at("CustomField1"), "north");
    EXPECT_FALSE(line.details.contains("ipAddress"));
    EXPECT_EQ(page.lines[1].status, "Hibernating");
    EXPECT_EQ(page.lines[1].details.at("ipAddress"), "10.1.2.3");
}

TEST(ThingSpaceInventory, pages_that_lead_nowhere_end_with_a_stated_failure) {
    const std::string same = serialize(row({1, "2025-01-01T00:00:00Z"}, false));
    const std::string numbered = serialize(row({1, "2025-01-01T00:00:00Z"}, true));
    const std::string bodies[] = {
        R"({"hasMoreData":true,"devices":[]})",
        R"({"hasMoreData":true,"devices":[)" + same + "]}",
        R"({"hasMoreData":true,"devices":[)" + numbered + "]}",
        R"({"hasMoreData":true,"devices":[{"deviceIds":[]}]})",
    };
    const Account account = test_account();
    for (const std::string& body : bodies) {
        const ReadAll all = read_all(account, [&](const Call& call) {
            return call.path.find("/plans/") != std::string::npos ? answered(200, "[]")
                                                                  : answered(202, body);
        });
        ASSERT_TRUE(all.failed.has_value()) << body;
        EXPECT_EQ(all.failed->failure, FailureClass::system) << all.failed->reason;
        EXPECT_LE(all.pages, 2u);
    }
}

TEST(ThingSpaceInventory, every_failure_of_a_call_is_stated) {
    struct Row {
        http::ClientResponse response;
        FailureClass failure;
    };
    const Row rows[] = {
        {answered(200, "<html>"), FailureClass::transient},
        {answered(200, "{}"), FailureClass::transient},
        {answered(200, R"({"devices":"many"})"), FailureClass::transient},
        {answered(200, R"({"devices":[7]})"), FailureClass::transient},
        {answered(200, R"({"devices":[)"), FailureClass::transient},
        {answered(200, std::string(5'000, '[')), FailureClass::transient},
        {answered(500), FailureClass::transient},
        {answered(502, "<html>"), FailureClass::transient},
        {answered(429), FailureClass::transient},
        {failed(http::Transport::timeout), FailureClass::transient},
        {failed(http::Transport::not_sent), FailureClass::transient},
        {ThingSpaceModel::error("REQUEST_FAILED.UnexpectedError"), FailureClass::transient},
        {ThingSpaceModel::error("REQUEST_FAILED.AccountNotFound"), FailureClass::system},
        {answered(403, "<fault/>"), FailureClass::system},
        {answered(401), FailureClass::system},
    };
    const Account account = test_account();
    for (const Row& row : rows) {
        for (const bool at_plans : {true, false}) {
            const ReadAll all = read_all(account, [&](const Call& call) {
                const bool is_plans = call.path.find("/plans/") != std::string::npos;
                if (is_plans == at_plans) return row.response;
                return answered(200, is_plans ? "[]" : R"({"devices":[]})");
            });
            ASSERT_TRUE(all.failed.has_value()) << row.response.body.substr(0, 60);
            EXPECT_EQ(all.failed->failure, row.failure) << row.response.body.substr(0, 60);
            EXPECT_FALSE(all.failed->reason.empty());
            EXPECT_EQ(all.failed->whole_account, row.response.status == 429);
        }
    }
}

}  // namespace
}  // namespace carryall::carriers::thingspace
