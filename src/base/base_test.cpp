// Tests of the small types that everything stands on.
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace carryall::base {
namespace {

struct Inner {
    std::string rate_plan;
    std::optional<std::int64_t> pool_id;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (rate_plan, pool_id))

struct Outer {
    int service_provider_id = 0;
    std::vector<Inner> plans;
    std::optional<bool> dry_run;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (service_provider_id, plans, dry_run))

TEST(Json, reads_a_described_struct_without_regard_to_case_and_ignores_unknown_keys) {
    const auto value =
        parse_json(R"({"ServiceProviderId":7,)"
                   R"("plans":[{"ratePlan":"A","extra":1},{"ratePlan":"B","poolId":9}]})");
    ASSERT_TRUE(value);
    JsonErrors errors;
    const auto outer = read_json<Outer>(*value, errors);
    ASSERT_TRUE(outer);
    EXPECT_EQ(outer->service_provider_id, 7);
    EXPECT_EQ(outer->plans.at(1).pool_id, 9);
    EXPECT_FALSE(outer->dry_run.has_value());
}

TEST(Json, every_mistake_is_reported_with_its_pointer) {
    const auto value = parse_json(R"({"plans":[{"ratePlan":5},{}],"dryRun":"yes"})");
    ASSERT_TRUE(value);
    JsonErrors errors;
    EXPECT_FALSE(read_json<Outer>(*value, errors));
    std::vector<std::string> where;
    for (const Error& error : errors.items()) where.push_back(error.where);
    EXPECT_EQ(where, (std::vector<std::string>{"/serviceProviderId", "/plans/0/ratePlan",
                                               "/plans/1/ratePlan", "/dryRun"}));
}

TEST(Json, a_body_ten_thousand_deep_is_refused) {
    EXPECT_FALSE(parse_json(std::string(10000, '[') + std::string(10000, ']')));
}

TEST(Json, half_a_document_and_trailing_text_are_refused) {
    EXPECT_FALSE(parse_json("{\"a\":"));
    EXPECT_FALSE(parse_json("{} x"));
    EXPECT_FALSE(parse_json(""));
    EXPECT_TRUE(parse_json(" {} \n"));
    EXPECT_TRUE(parse_json("12"));
}

TEST(Json, amounts_that_are_read_exactly_are_their_source_text) {
    const auto value = parse_json_exactly(
        R"({"a":[0.1,-12.50,1e400,9223372036854775807,18446744073709551615,7],)"
        R"("b":{"c":"0.1\u00e9"},"d":123456789012345678901234567890,"e":[true,null]})");
    ASSERT_TRUE(value);
    EXPECT_EQ(value->at("a"), (json::array{"0.1", "-12.50", "1e400", INT64_MAX, UINT64_MAX, 7}));
    EXPECT_EQ(value->at("b").at("c"), "0.1\u00e9");
    EXPECT_EQ(value->at("d"), "123456789012345678901234567890");
    EXPECT_EQ(value->at("e"), (json::array{true, nullptr}));
    EXPECT_EQ(*parse_json_exactly("0.5"), "0.5");
    for (const char* bad : {"", "{\"a\":", "{} x", "0.", "[1.5", "01"}) {
        EXPECT_FALSE(parse_json_exactly(bad)) << bad;
    }
    EXPECT_FALSE(parse_json_exactly(std::string(10000, '[') + std::string(10000, ']')));
}

TEST(Clock, formats_and_parses_instants) {
    const auto instant = parse_iso8601("2026-03-01T12:30:00.25+02:00");
    ASSERT_TRUE(instant);
    EXPECT_EQ(to_iso8601(*instant), "2026-03-01T10:30:00.25Z");
    EXPECT_EQ(to_iso8601(*parse_iso8601("2024-02-29")), "2024-02-29T00:00:00Z");
    for (const char* bad : {"", "2026", "2026-02-30", "2026-03-01T25:00", "2026-03-01T10:00:00Q",
                            "01.03.2026", "2026-03-01T10:00:00Zx"}) {
        EXPECT_FALSE(parse_iso8601(bad)) << bad;
    }
}

TEST(MasterKey, a_keyed_hash_is_the_same_for_the_same_key_purpose_and_data_only) {
    const auto key = MasterKey::from_hex(std::string(64, '0'));
    ASSERT_TRUE(key);
    const std::string hash = key->keyed_hash("purpose", "data");
    // printf purpose | openssl dgst -sha256 -mac HMAC -macopt hexkey:00…00 gives the inner key.
    EXPECT_EQ(hash, "ea53e0476a68e1692a14a52b84e9ab2066d684bafb1d24834b4fa04b82081313");
    EXPECT_EQ(key->keyed_hash("purpose", "data"), hash);
    EXPECT_NE(key->keyed_hash("purpose", "other"), hash);
    EXPECT_NE(key->keyed_hash("other", "data"), hash);
    EXPECT_NE(MasterKey::generate().keyed_hash("purpose", "data"), hash);
}

TEST(MasterKey, a_sealed_secret_opens_only_in_its_own_context_and_with_its_own_key) {
    const MasterKey key = MasterKey::generate();
    const std::string sealed = key.seal(Secret("p4ss"), "service_provider/1");
    EXPECT_EQ(sealed.find("p4ss"), std::string::npos);
    ASSERT_TRUE(key.open(sealed, "service_provider/1"));
    EXPECT_EQ(key.open(sealed, "service_provider/1")->reveal(), "p4ss");
    EXPECT_FALSE(key.open(sealed, "service_provider/2"));
    EXPECT_FALSE(MasterKey::generate().open(sealed, "service_provider/1"));
    EXPECT_FALSE(key.open(sealed.substr(0, sealed.size() - 1), "service_provider/1"));
    const auto again = MasterKey::from_hex(key.to_hex().reveal());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->open(sealed, "service_provider/1"));
    EXPECT_FALSE(MasterKey::from_hex("abc"));
}

TEST(Redaction, credentials_in_headers_json_and_urls_do_not_survive) {
    const std::string dirty =
        "Authorization: Basic dXNlcjpwYXNz\r\nApiKey: k-123\r\n{\"password\": "
        "\"p4\\\"ss\",\"a\":1} "
        "http://x/?token=t-9&b=2 Bearer abc.def";
    const std::string clean = log::redact(dirty);
    for (const char* secret : {"dXNlcjpwYXNz", "k-123", "p4", "t-9", "abc.def"}) {
        EXPECT_EQ(clean.find(secret), std::string::npos) << clean;
    }
    EXPECT_NE(clean.find("\"a\":1"), std::string::npos) << clean;
    EXPECT_NE(clean.find("b=2"), std::string::npos) << clean;
    EXPECT_EQ(log::redact("plain text: 5 devices"), "plain text: 5 devices");
}

TEST(Text, trim_takes_the_blanks_spreadsheets_leave) {
    EXPECT_EQ(trim(" \t89103\xC2\xA0\r\n"), "89103");
    EXPECT_EQ(trim("  "), "");
}

TEST(Utf8, only_well_formed_characters_have_a_size) {
    const std::vector<std::pair<std::string, std::size_t>> cases = {{"a", 1},
                                                                    {"\x7F", 1},
                                                                    {"\xC2\x80", 2},
                                                                    {"\xE0\xA0\x80", 3},
                                                                    {"\xED\x9F\xBF", 3},
                                                                    {"\xEF\xBF\xBF", 3},
                                                                    {"\xF0\x90\x80\x80", 4},
                                                                    {"\xF4\x8F\xBF\xBF", 4},
                                                                    {"\x80", 0},
                                                                    {"\xC1\xBF", 0},
                                                                    {"\xE0\x9F\xBF", 0},
                                                                    {"\xED\xA0\x80", 0},
                                                                    {"\xF0\x8F\xBF\xBF", 0},
                                                                    {"\xF4\x90\x80\x80", 0},
                                                                    {"\xF5\x80\x80\x80", 0},
                                                                    {"\xC3", 0},
                                                                    {"\xE2\x82", 0},
                                                                    {"\xC3(", 0}};
    for (const auto& [text, size] : cases) {
        EXPECT_EQ(utf8_size(text), size) << testing::PrintToString(text);
        EXPECT_EQ(is_utf8("x" + text + "y"), size != 0) << testing::PrintToString(text);
    }
    EXPECT_TRUE(is_utf8(""));
}

TEST(Ids, uuids_are_version_four_and_differ) {
    const std::string a = random_uuid();
    EXPECT_EQ(a.size(), 36U);
    EXPECT_EQ(a[14], '4');
    EXPECT_NE(a, random_uuid());
}

}  // namespace
}  // namespace carryall::base
