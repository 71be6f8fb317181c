// The small nouns: created, changed, read and listed, in two tenants.
#include "devices/noun_rules.hpp"
#include "devices/service_provider.hpp"
#include "support/inventory.hpp"

namespace carryall::devices {
namespace {

using base::ErrorKind;
using base::json::object;

std::vector<std::string> mistakes(const Noun& noun, const object& body, Writing writing) {
    base::JsonErrors errors;
    read_fields(noun, body, writing, errors);
    std::vector<std::string> places;
    for (const base::Error& error : errors.items()) places.push_back(error.where);
    return places;
}

TEST(FieldRules, every_mistake_is_reported_with_its_place) {
    using Places = std::vector<std::string>;
    EXPECT_EQ(
        mistakes(kCustomer, {{"name", " "}, {"colour", 1}, {"isActive", "yes"}}, Writing::create),
        (Places{"/name", "/colour", "/isActive"}));
    EXPECT_EQ(mistakes(kSite, {}, Writing::create), (Places{"/name", "/customerId"}));
    EXPECT_EQ(mistakes(kSite, {{"customerId", 3}}, Writing::update), Places{"/customerId"});
    EXPECT_EQ(mistakes(kCustomer, {{"createdAt", "2026-01-01"}}, Writing::update),
              Places{"/createdAt"});
    EXPECT_EQ(mistakes(kCustomer, {{"name", nullptr}}, Writing::update), Places{"/name"});
    EXPECT_EQ(mistakes(kCustomer, {{"name", "a"}, {"NAME", "b"}}, Writing::update),
              Places{"/NAME"});
    EXPECT_EQ(mistakes(kCustomer, {{"revCustomerId", nullptr}, {"NAME", "x"}}, Writing::update),
              Places{});
    EXPECT_EQ(mistakes(kServiceProvider, {{"settings", {{"apiKey", "x"}}}}, Writing::update),
              Places{"/settings"});
    EXPECT_EQ(mistakes(kServiceProvider, {{"settings", {{"apiKeyHeader", "x"}}}}, Writing::update),
              Places{});
    EXPECT_EQ(mistakes(kServiceProvider, {{"maxConcurrency", 0}}, Writing::update),
              Places{"/maxConcurrency"});
}

TEST(FieldRules, decimals_come_as_text_or_number_and_are_never_negative) {
    for (const char* good : {"0", "1024", "0.5", "123456789012.123456"}) {
        EXPECT_TRUE(is_decimal(good)) << good;
    }
    for (const char* bad : {"", "-1", "1e3", ".5", "5.", "1,5", "1234567890123", "1.1234567"}) {
        EXPECT_FALSE(is_decimal(bad)) << bad;
    }
    base::JsonErrors errors;
    const auto values =
        read_fields(kCustomerRatePool, {{"dataAllocationMB", 512.25}}, Writing::update, errors);
    ASSERT_TRUE(errors.empty());
    EXPECT_EQ(values.front().text, "512.25");
}

class Nouns : public InventoryTest {
  protected:
    base::Result<object> change(TenantId tenant, const Noun& noun, std::int64_t id,
                                const object& body) {
        base::JsonErrors errors;
        return update_record(*connection_, tenant, noun, id, body, errors);
    }
    base::Result<object> add(TenantId tenant, const Noun& noun, const object& body) {
        base::JsonErrors errors;
        return create_record(*connection_, tenant, noun, body, errors);
    }
};

TEST_F(Nouns, each_can_be_made_and_read_back) {
    const auto provider = make_provider(ours_);
    const std::int64_t customer =
        make_id(ours_, kCustomer, {{"name", "Acme"}, {"revCustomerId", "R-7"}});
    const std::vector<std::pair<const Noun*, object>> bodies{
        {&kSite, {{"name", "Depot"}, {"customerId", customer}}},
        {&kCarrierRatePlan,
         {{"serviceProviderId", provider.value},
          {"code", "EU-1G"},
          {"name", "1 GB"},
          {"planUuid", "u-1"},
          {"carrierPlanId", 40117}}},
        {&kCommunicationPlan, {{"serviceProviderId", provider.value}, {"name", "LTE"}}},
        {&kCustomerRatePlan, {{"code", "C1"}, {"name", "One"}, {"dataAllocationMB", "1024.5"}}},
        {&kCustomerRatePool, {{"name", "Pool"}, {"dataAllocationMB", 2048}}},
    };
    for (const auto& [noun, body] : bodies) {
        const object record = make(ours_, *noun, body);
        const auto read =
            get_record(*connection_, ours_, *noun, record.at(noun->id_name).as_int64());
        ASSERT_TRUE(read) << noun->label;
        EXPECT_EQ(*read, record);
        EXPECT_EQ(record.at("isActive"), true);
        EXPECT_TRUE(record.at("createdAt").is_string());
    }
    const object plan =
        make(ours_, kCustomerRatePlan,
             bodies[3].second.empty()
                 ? object{}
                 : object{{"code", "C2"}, {"name", "Two"}, {"dataAllocationMB", "0.1"}});
    EXPECT_EQ(plan.at("dataAllocationMB"), "0.1");
}

TEST_F(Nouns, a_change_touches_only_what_it_names_and_null_empties) {
    const std::int64_t id = make_id(ours_, kCustomer, {{"name", "Acme"}, {"revCustomerId", "R-1"}});
    const auto changed = change(ours_, kCustomer, id, {{"accountNumber", "A-9"}});
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->at("revCustomerId"), "R-1");
    EXPECT_EQ(changed->at("accountNumber"), "A-9");
    const auto emptied = change(ours_, kCustomer, id, {{"revCustomerId", nullptr}});
    ASSERT_TRUE(emptied);
    EXPECT_TRUE(emptied->at("revCustomerId").is_null());
    EXPECT_EQ(emptied->at("name"), "Acme");
    ASSERT_TRUE(change(ours_, kCustomer, id, {}));
}

TEST_F(Nouns, duplicates_are_conflicts_that_name_the_member) {
    make(ours_, kCustomer, {{"name", "Acme"}, {"revCustomerId", "R-1"}});
    const auto name = add(ours_, kCustomer, {{"name", "Acme"}});
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().kind, ErrorKind::conflict);
    EXPECT_EQ(name.error().where, "/name");
    const auto rev = add(ours_, kCustomer, {{"name", "Other"}, {"revCustomerId", "R-1"}});
    ASSERT_FALSE(rev);
    EXPECT_EQ(rev.error().where, "/revCustomerId");
    EXPECT_TRUE(add(theirs_, kCustomer, {{"name", "Acme"}, {"revCustomerId", "R-1"}}));
}

TEST_F(Nouns, another_tenants_record_answers_as_a_missing_one) {
    const std::vector<const Noun*> nouns{&kCustomer, &kCustomerRatePool, &kServiceProvider};
    const std::vector<object> bodies{
        {{"name", "X"}}, {{"name", "X"}}, {{"name", "X"}, {"integration", "jasper"}}};
    for (std::size_t i = 0; i < nouns.size(); ++i) {
        const std::int64_t foreign = make_id(theirs_, *nouns[i], bodies[i]);
        const auto hidden = get_record(*connection_, ours_, *nouns[i], foreign);
        const auto missing = get_record(*connection_, ours_, *nouns[i], 999'999'999);
        ASSERT_FALSE(hidden);
        EXPECT_EQ(hidden.error().kind, ErrorKind::not_found);
        EXPECT_EQ(hidden.error().message, missing.error().message);
        const auto change_hidden = change(ours_, *nouns[i], foreign, {{"name", "Y"}});
        ASSERT_FALSE(change_hidden);
        EXPECT_EQ(change_hidden.error().kind, ErrorKind::not_found);
        EXPECT_EQ(get_record(*connection_, theirs_, *nouns[i], foreign)->at("name"), "X");
    }
    const std::int64_t foreign = make_id(theirs_, kCustomer, {{"name", "Z"}});
    const auto site = add(ours_, kSite, {{"name", "S"}, {"customerId", foreign}});
    const auto no_site = add(ours_, kSite, {{"name", "S"}, {"customerId", 999'999'999}});
    ASSERT_FALSE(site);
    EXPECT_EQ(site.error().message, no_site.error().message);
    EXPECT_EQ(site.error().where, "/customerId");
}

TEST_F(Nouns, row_security_hides_records_from_a_query_that_forgets_its_tenant) {
    make(ours_, kCustomer, {{"name", "Ours"}});
    make(theirs_, kCustomer, {{"name", "Theirs"}});
    support::Connection app(database().app_conninfo());
    EXPECT_EQ(app.value("SELECT count(*) FROM customer"), "0");
    app.run("SET carryall.tenant_id = '" + base::to_string(ours_) + "'");
    EXPECT_EQ(app.value("SELECT string_agg(name, ',') FROM customer"), "Ours");
    EXPECT_THROW(app.run("INSERT INTO customer (tenant_id, name) VALUES (" +
                         base::to_string(theirs_) + ", 'smuggled')"),
                 std::runtime_error);
}

TEST_F(Nouns, lists_go_page_by_page_without_gap_or_repetition) {
    for (int i = 0; i < 7; ++i) make(ours_, kCustomer, {{"name", "Customer " + std::to_string(i)}});
    make(theirs_, kCustomer, {{"name", "Customer X"}});
    std::vector<std::string> names;
    PageRequest page{3, ""};
    int pages = 0;
    do {
        const auto listed = list_records(*connection_, tokens_, ours_, kCustomer, {}, page);
        ASSERT_TRUE(listed);
        for (const object& record : listed->items) {
            names.emplace_back(record.at("name").as_string());
        }
        page.token = listed->next_token;
    } while (!page.token.empty() && ++pages < 10);
    EXPECT_EQ(names,
              (std::vector<std::string>{"Customer 0", "Customer 1", "Customer 2", "Customer 3",
                                        "Customer 4", "Customer 5", "Customer 6"}));
}

TEST_F(Nouns, a_page_token_of_another_list_or_tenant_is_refused) {
    for (int i = 0; i < 2; ++i) make(ours_, kCustomer, {{"name", "C" + std::to_string(i)}});
    const auto first = list_records(*connection_, tokens_, ours_, kCustomer, {}, {1, ""});
    ASSERT_TRUE(first);
    const PageRequest next{1, first->next_token};
    EXPECT_TRUE(list_records(*connection_, tokens_, ours_, kCustomer, {}, next));
    EXPECT_FALSE(list_records(*connection_, tokens_, theirs_, kCustomer, {}, next));
    EXPECT_FALSE(list_records(*connection_, tokens_, ours_, kCustomerRatePool, {}, next));
    RecordFilter other;
    other.name_contains = "c1";
    EXPECT_FALSE(list_records(*connection_, tokens_, ours_, kCustomer, other, next));
    EXPECT_FALSE(list_records(*connection_, tokens_, ours_, kCustomer, {}, {501, ""}));
}

TEST_F(Nouns, lists_filter_by_name_activity_and_owner) {
    const auto pond = make_provider(ours_);
    const auto jasper = make_provider(ours_, "Jasper US", "jasper");
    make(ours_, kCarrierRatePlan,
         {{"serviceProviderId", pond.value}, {"code", "A-1"}, {"name", "small"}});
    make(ours_, kCarrierRatePlan,
         {{"serviceProviderId", jasper.value}, {"code", "A-2"}, {"name", "small"}});
    make(ours_, kCarrierRatePlan,
         {{"serviceProviderId", pond.value}, {"code", "B"}, {"name", "big"}, {"isActive", false}});
    const auto count = [&](const RecordFilter& filter) {
        return list_records(*connection_, tokens_, ours_, kCarrierRatePlan, filter, {})
            ->items.size();
    };
    RecordFilter filter;
    EXPECT_EQ(count(filter), 3U);
    filter.name_contains = "a-";
    EXPECT_EQ(count(filter), 2U);
    filter.service_provider_id = pond;
    EXPECT_EQ(count(filter), 1U);
    filter = {};
    filter.is_active = false;
    EXPECT_EQ(count(filter), 1U);
    filter.name_contains = "%";
    EXPECT_EQ(count(filter), 0U);
}

TEST_F(Nouns, credentials_are_sealed_and_only_their_names_are_shown) {
    const base::MasterKey key = base::MasterKey::generate();
    const auto provider = make_provider(ours_);
    const auto names = change_credentials(*connection_, ours_, provider,
                                          {{"username", "u"}, {"apiKey", "very-secret"}}, key);
    ASSERT_TRUE(names);
    EXPECT_EQ(*names, (std::vector<std::string>{"apiKey", "username"}));
    const auto record = get_record(*connection_, ours_, kServiceProvider, provider.value);
    EXPECT_EQ(record->at("credentialNames"), (base::json::array{"apiKey", "username"}));
    EXPECT_EQ(base::json::serialize(*record).find("very-secret"), std::string::npos);
    EXPECT_EQ(value("SELECT position('very-secret'::bytea IN credentials) FROM service_provider "
                    "WHERE service_provider_id = " +
                    base::to_string(provider)),
              "0");

    const auto fewer =
        change_credentials(*connection_, ours_, provider, {{"username", nullptr}}, key);
    EXPECT_EQ(*fewer, std::vector<std::string>{"apiKey"});
    const auto opened = open_service_provider(*connection_, ours_, provider, key);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->integration, "pond");
    EXPECT_EQ(opened->credentials, (object{{"apiKey", "very-secret"}}));
    EXPECT_FALSE(open_service_provider(*connection_, ours_, provider, base::MasterKey::generate()));
    EXPECT_FALSE(open_service_provider(*connection_, theirs_, provider, key));
    const auto foreign = change_credentials(*connection_, theirs_, provider, {{"a", "b"}}, key);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().kind, ErrorKind::not_found);
}

TEST_F(Nouns, sealed_credentials_moved_to_another_provider_do_not_open) {
    const base::MasterKey key = base::MasterKey::generate();
    const auto one = make_provider(ours_);
    const auto other = make_provider(ours_, "Other");
    ASSERT_TRUE(change_credentials(*connection_, ours_, one, {{"apiKey", "k"}}, key));
    database().run(
        "UPDATE service_provider SET credentials = (SELECT credentials FROM "
        "service_provider WHERE service_provider_id = " +
        base::to_string(one) + ") WHERE service_provider_id = " + base::to_string(other));
    EXPECT_TRUE(open_service_provider(*connection_, ours_, one, key));
    EXPECT_FALSE(open_service_provider(*connection_, ours_, other, key));
}

}  // namespace
}  // namespace carryall::devices
