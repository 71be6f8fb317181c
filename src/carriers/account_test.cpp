// The headers that a call carries: the account's, the correlation id, and its own.
#include <gtest/gtest.h>

#include "carriers/carrier.hpp"

namespace carryall::carriers {
namespace {

TEST(Account, a_header_of_the_call_takes_the_place_of_the_accounts) {
    Account account;
    account.headers = {{"Authorization", "secret"}, {"Content-Type", "application/json"}};
    account.correlation_header = "RequestId";
    EXPECT_EQ(account.header_fields("r-1", {{"content-type", "text/json"}, {"X-More", "1"}}),
              HeaderFields({{"Authorization", "secret"},
                            {"RequestId", "r-1"},
                            {"content-type", "text/json"},
                            {"X-More", "1"}}));
    EXPECT_EQ(account.header_fields("", {}), account.headers);
}

}  // namespace
}  // namespace carryall::carriers
