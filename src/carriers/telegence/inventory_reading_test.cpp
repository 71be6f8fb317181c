// Reading the inventory: pages, portions, details, and every way in which it can go wrong.
#include <functional>
#include <gtest/gtest.h>

#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {
namespace {

constexpr std::string_view kListPath = "/sp/mobility/api/v1/account";
constexpr std::string_view kLinePath = "/sp/mobility/lineconfig/api/v1/service/";
constexpr std::string_view kBanPath = "/sp/mobility/billingmgmt/api/v1/billingaccount/";
constexpr int kMaxSteps = 1'000;

http::ClientResponse list_page(std::string body, std::string_view total) {
    http::ClientResponse response = answered(200, std::move(body));
    if (!total.empty()) response.headers = {{"page-total", std::string(total)}};
    return response;
}

std::string number_of(int serial) {
    return std::to_string(2'145'550'000 + serial);
}

std::string row(int serial, std::string_view fan = "00001234") {
    return R"({"foundationAccountNumber":")" + std::string(fan) +
           R"(","billingAccountNumber":"287000000001","subscriberNumber":")" + number_of(serial) +
           R"(","subscriberNumberStatus":"A"})";
}

std::string rows(int first, int count) {
    std::string out = "[";
    for (int i = 0; i < count; ++i) out += (i > 0 ? "," : "") + row(first + i);
    return out + ']';
}

http::ClientResponse details(std::string_view number, std::string_view more = "") {
    return answered(200,
                    R"({"subscriberNumber":")" + std::string(number) +
                        R"(","serviceCharacteristic":[{"name":"subscriberStatus","value":"S"},)"
                        R"({"name":"sim","value":"89010300000000000017"},)"
                        R"({"name":"singleUserCode","value":"PLAN1GB"},)"
                        R"({"name":"singleUserCodeDescription","value":"One GB"})" +
                        std::string(more) + "]}");
}

std::string_view number_in(const Call& call) {
    return std::string_view(call.path).substr(kLinePath.size());
}

using Answer = std::function<http::ClientResponse(const Call&)>;

struct Read {
    std::vector<InventoryPage> pages;
    std::optional<InventoryFailed> failure;
    std::vector<Call> calls;
    std::vector<CarrierLine> lines() const {
        std::vector<CarrierLine> all;
        for (const InventoryPage& page : pages) {
            all.insert(all.end(), page.lines.begin(), page.lines.end());
        }
        return all;
    }
};

Read read(const Account& account, const Answer& answer, base::json::value resume = nullptr) {
    Read out;
    InventoryScope scope;
    scope.resume = std::move(resume);
    const auto reading = carrier().read_inventory(account, scope);
    InventoryStep step = reading->next();
    for (int i = 0; i < kMaxSteps; ++i) {
        if (auto* failure = std::get_if<InventoryFailed>(&step)) {
            out.failure = *failure;
            return out;
        }
        if (auto* page = std::get_if<InventoryPage>(&step)) {
            out.pages.push_back(std::move(*page));
            if (out.pages.back().is_last) return out;
            step = reading->next();
            continue;
        }
        std::vector<http::ClientResponse> answers;
        for (Call& call : std::get<std::vector<Call>>(step)) {
            EXPECT_EQ(call.method, http::Method::get);
            EXPECT_FALSE(call.changes_state);
            answers.push_back(answer(call));
            out.calls.push_back(std::move(call));
        }
        step = reading->proceed(answers);
    }
    ADD_FAILURE() << "the reading does not end";
    return out;
}

// A carrier with `count` lines, in pages as they are asked for.
Answer carrier_with(int count) {
    return [count](const Call& call) {
        if (call.path.starts_with(kLinePath)) return details(number_in(call));
        const int page = std::stoi(call.headers.at(0).second);
        const int size = std::stoi(call.headers.at(1).second);
        const int first = (page - 1) * size;
        return list_page(rows(first, std::min(size, count - first)),
                         std::to_string((count + size - 1) / size));
    };
}

TEST(TelegenceInventory, the_list_is_paged_by_headers_and_each_line_has_its_details) {
    const Account account = model_account({{"pageSize", 2}});
    const Read got = read(account, carrier_with(3));
    ASSERT_FALSE(got.failure) << got.failure->reason;
    ASSERT_EQ(got.calls.size(), 5u);
    EXPECT_EQ(got.calls[0].path, kListPath);
    EXPECT_EQ(got.calls[0].headers, (HeaderFields{{"current-page", "1"}, {"page-size", "2"}}));
    EXPECT_EQ(got.calls[0].answer_headers,
              (std::vector<std::string>{"page-total", "refresh-timestamp"}));
    EXPECT_EQ(got.calls[1].path, std::string(kLinePath) + number_of(0));
    EXPECT_EQ(got.calls[3].headers, (HeaderFields{{"current-page", "2"}, {"page-size", "2"}}));
    ASSERT_EQ(got.pages.size(), 2u);
    EXPECT_EQ(got.pages[0].resume, (base::json::value{{"page", 2}}));
    EXPECT_TRUE(got.pages[1].resume.is_null());
    ASSERT_EQ(got.pages[0].plans.size(), 1u);
    EXPECT_EQ(got.pages[0].plans[0].code, "PLAN1GB");
    EXPECT_EQ(got.pages[0].plans[0].name, "One GB");
    const auto lines = got.lines();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[2].msisdn, number_of(2));
    EXPECT_EQ(lines[2].iccid, "89010300000000000017");
    EXPECT_EQ(lines[2].status, "Suspended");
    EXPECT_EQ(lines[2].carrier_status, "S");
    EXPECT_EQ(lines[2].rate_plan, "PLAN1GB");
    EXPECT_EQ(lines[2].group, "287000000001/00001234");
    EXPECT_EQ(lines[2].details.at("foundationAccountNumber"), "00001234");
}

TEST(TelegenceInventory, what_belongs_to_a_line_is_kept_in_its_details) {
    const Account account = model_account();
    const Read got = read(account, [](const Call& call) {
        if (!call.path.starts_with(kLinePath)) return list_page(rows(0, 1), "1");
        return details(number_in(call),
                       R"(,{"name":"NWIMEI","value":"350000000000017"})"
                       R"(,{"name":"subscriberActivationDate","value":"2025-05-06Z"})"
                       R"(,{"name":"nextBillCycleDate","value":"soon"})"
                       R"(,{"name":"ipAddress","value":"10.20.0.5"})"
                       R"(,{"name":"contactName","value":"Ada Field"})"
                       R"(,{"name":"offeringCode1","value":"F1"})"
                       R"(,{"name":"offeringDescription1","value":"One"})"
                       R"(,{"name":"offeringEffectiveDate1","value":"2025-05-07Z"})");
    });
    ASSERT_EQ(got.lines().size(), 1u);
    const CarrierLine line = got.lines().front();
    EXPECT_EQ(line.imei, "350000000000017");
    EXPECT_EQ(line.details.at("subscriberActivationDate"), "2025-05-06");
    EXPECT_EQ(line.details.at("nextBillCycleDate"), "soon");
    EXPECT_EQ(line.details.at("ipAddress"), "10.20.0.5");
    EXPECT_FALSE(line.details.contains("contactName"));
    EXPECT_EQ(base::json::serialize(line.details.at("features")),
              R"([{"code":"F1","description":"One","effectiveDate":"2025-05-07"}])");
}

TEST(TelegenceInventory, a_word_that_is_not_known_is_kept_as_it_is) {
    const Account account = model_account({{"syncDetails", false}});
    const Read got = read(account, [](const Call&) {
        return list_page(R"([{"SUBSCRIBERNUMBER":12145550001,"subscriberNumberStatus":"Reserved"},
                             {"subscriberNumber":"SHORT-1","billingAccountNumber":287}])",
                         "1");
    });
    ASSERT_EQ(got.lines().size(), 2u);
    const CarrierLine line = got.lines()[0];
    EXPECT_EQ(line.msisdn, "2145550001");
    EXPECT_EQ(line.status, "Reserved");
    EXPECT_EQ(line.carrier_status, "Reserved");
    EXPECT_EQ(line.iccid, std::nullopt);
    EXPECT_EQ(line.rate_plan, std::nullopt);
    EXPECT_EQ(line.group, std::nullopt);
    EXPECT_EQ(got.lines()[1].msisdn, "SHORT-1");
    EXPECT_EQ(got.lines()[1].status, std::nullopt);
    EXPECT_EQ(got.lines()[1].group, "287");
}

TEST(TelegenceInventory, without_details_only_the_list_is_read) {
    const Account account = model_account({{"syncDetails", false}, {"pageSize", 100}});
    const Read got = read(account, carrier_with(250));
    EXPECT_EQ(got.calls.size(), 3u);
    EXPECT_EQ(got.lines().size(), 250u);
    EXPECT_EQ(got.pages.size(), 3u);
}

TEST(TelegenceInventory, an_empty_account_is_one_empty_last_page) {
    for (const std::string_view total : {"0", "1"}) {
        const Read got = read(model_account(), [&](const Call&) { return list_page("[]", total); });
        ASSERT_FALSE(got.failure);
        ASSERT_EQ(got.pages.size(), 1u);
        EXPECT_TRUE(got.pages[0].is_last);
        EXPECT_TRUE(got.lines().empty());
    }
}

TEST(TelegenceInventory, the_foundation_account_is_asked_for_once_where_the_list_lacks_it) {
    int asked = 0;
    const Read got = read(model_account(), [&](const Call& call) {
        if (call.path.starts_with(kLinePath)) return details(number_in(call));
        if (call.path.starts_with(kBanPath)) {
            ++asked;
            EXPECT_EQ(call.path, std::string(kBanPath) + "287000000001");
            return answered(200, R"({"status":"Active","BusinessAccount":{"fan":"00009"}})");
        }
        return list_page('[' + row(1, "") + ',' + row(2, "") + ']', "1");
    });
    EXPECT_EQ(asked, 1);
    ASSERT_EQ(got.lines().size(), 2u);
    EXPECT_EQ(got.lines()[1].group, "287000000001/00009");
}

TEST(TelegenceInventory, a_page_is_told_in_portions_and_a_reading_goes_on_amid_a_page) {
    const Account account = model_account({{"pageSize", 120}});
    const Read whole = read(account, carrier_with(130));
    ASSERT_EQ(whole.pages.size(), 4u);
    EXPECT_EQ(whole.pages[0].lines.size(), 50u);
    EXPECT_EQ(whole.pages[2].lines.size(), 20u);
    EXPECT_EQ(whole.pages[1].resume, (base::json::value{{"page", 1}, {"line", 100}}));
    const Read rest = read(account, carrier_with(130), whole.pages[1].resume);
    ASSERT_EQ(rest.lines().size(), 30u);
    EXPECT_EQ(rest.lines().front().msisdn, number_of(100));
    EXPECT_EQ(rest.calls.size(), 2u + 30u);
    // The list has become shorter meanwhile: that is its end.
    const Read gone =
        read(account, carrier_with(40), base::json::value{{"page", 1}, {"line", 100}});
    EXPECT_FALSE(gone.failure);
    EXPECT_TRUE(gone.lines().empty());
    const Read strange = read(account, carrier_with(3), base::json::value{{"page", "x"}});
    EXPECT_EQ(strange.lines().size(), 3u);
}

TEST(TelegenceInventory, every_answer_to_the_list_that_cannot_be_used_ends_the_reading) {
    struct Row {
        http::ClientResponse response;
        FailureClass failure = FailureClass::transient;
    };
    const Row rows_[] = {
        {list_page(rows(0, 1), "")},
        {list_page(rows(0, 1), "many")},
        {list_page(rows(0, 1), "-1")},
        {list_page("[]", "3")},
        {list_page("{}", "1")},
        {list_page("", "1")},
        {list_page("<html>login</html>", "1")},
        {list_page("[7]", "1")},
        {list_page(R"([{"subscriberNumber":7},{"subscriberNumber":7}])", "1")},
        {list_page(R"([{"billingAccountNumber":"287"}])", "1")},
        {list_page(R"({"errorDescription":"no"})", "1")},
        {answered(204)},
        {answered(302)},
        {answered(400), FailureClass::validation},
        {answered(401), FailureClass::system},
        {answered(403), FailureClass::system},
        {answered(404), FailureClass::business},
        {answered(429)},
        {answered(404, "A Resource Required By Service Is Not Available")},
        {answered(503)},
        {failed(http::Transport::not_sent)},
        {failed(http::Transport::timeout)},
        {failed(http::Transport::lost)},
    };
    for (const Row& one : rows_) {
        const Read got = read(model_account(), [&](const Call&) { return one.response; });
        ASSERT_TRUE(got.failure) << one.response.status << one.response.body;
        EXPECT_EQ(got.failure->failure, one.failure) << one.response.status << one.response.body;
        EXPECT_FALSE(got.failure->reason.empty());
        EXPECT_TRUE(got.pages.empty());
    }
}

TEST(TelegenceInventory, a_list_that_goes_in_circles_is_stopped) {
    const Account account = model_account({{"syncDetails", false}, {"pageSize", 2}});
    const Read got = read(account, [](const Call&) { return list_page(rows(0, 2), "999999"); });
    ASSERT_TRUE(got.failure);
    EXPECT_NE(got.failure->reason.find("the same page twice"), std::string::npos);
    EXPECT_EQ(got.calls.size(), 2u);
    const Read endless = read(
        account, [](const Call&) { return list_page(rows(0, 2), "999999"); },
        base::json::value{{"page", 100'001}});
    ASSERT_TRUE(endless.failure);
    EXPECT_TRUE(endless.calls.empty());
}

TEST(TelegenceInventory, a_line_whose_details_cannot_be_read_is_told_without_them) {
    struct Row {
        http::ClientResponse response;
        std::size_t questions;
    };
    const Row rows_[] = {
        {answered(404, R"({"description":"gone"})"), 1},
        {answered(403), 1},
        {answered(500), 3},
        {answered(200, "{}"), 3},
        {details(number_of(9)), 3},  // of another line
        {failed(http::Transport::timeout), 3},
    };
    for (const Row& one : rows_) {
        const Read got = read(model_account(), [&](const Call& call) {
            if (!call.path.starts_with(kLinePath)) return list_page(rows(0, 2), "1");
            return number_in(call) == number_of(1) ? one.response : details(number_in(call));
        });
        ASSERT_FALSE(got.failure) << got.failure->reason;
        EXPECT_EQ(got.calls.size(), 2 + one.questions) << one.response.status;
        ASSERT_EQ(got.lines().size(), 2u);
        EXPECT_EQ(got.lines()[0].status, "Suspended");
        const CarrierLine bare = got.lines()[1];
        EXPECT_EQ(bare.status, "Active");  // as the list says
        EXPECT_EQ(bare.iccid, std::nullopt);
        EXPECT_EQ(bare.rate_plan, std::nullopt);
        EXPECT_FALSE(bare.details.at("detailsMissing").as_string().empty());
    }
}

TEST(TelegenceInventory, details_that_fail_once_are_asked_for_again) {
    int failures = 0;
    const Read got = read(model_account(), [&](const Call& call) {
        if (!call.path.starts_with(kLinePath)) return list_page(rows(0, 3), "1");
        if (number_in(call) == number_of(1) && failures++ == 0) return answered(503);
        return details(number_in(call));
    });
    EXPECT_EQ(got.calls.size(), 5u);
    for (const CarrierLine& line : got.lines()) EXPECT_EQ(line.status, "Suspended");
}

TEST(TelegenceInventory, limits_credentials_and_silence_end_the_reading_after_the_last_portion) {
    http::ClientResponse throttled = answered(429);
    throttled.retry_after = std::chrono::seconds(9);
    struct Row {
        http::ClientResponse response;
        FailureClass failure;
        bool whole_account;
    };
    const Row rows_[] = {
        {throttled, FailureClass::transient, true},
        {answered(401), FailureClass::system, false},
        {answered(403), FailureClass::system, false},
        {answered(404), FailureClass::business, false},
        {answered(503), FailureClass::transient, false},
        {failed(http::Transport::not_sent), FailureClass::transient, false},
    };
    const Account account = model_account({{"pageSize", 60}});
    for (const Row& one : rows_) {
        const Read got = read(account, [&](const Call& call) {
            if (!call.path.starts_with(kLinePath)) return carrier_with(60)(call);
            return number_in(call) >= number_of(50) ? one.response : details(number_in(call));
        });
        ASSERT_TRUE(got.failure) << one.response.status;
        EXPECT_EQ(got.failure->failure, one.failure) << one.response.status;
        EXPECT_EQ(got.failure->whole_account, one.whole_account) << one.response.status;
        EXPECT_EQ(got.failure->retry_after, one.response.retry_after);
        ASSERT_EQ(got.pages.size(), 1u);
        EXPECT_EQ(got.pages[0].resume, (base::json::value{{"page", 1}, {"line", 50}}));
    }
}

}  // namespace
}  // namespace carryall::carriers::telegence
