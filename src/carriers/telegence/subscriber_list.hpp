// The list of an account's lines (T6), page by page: who asks for it, and how its rows are read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"

namespace carryall::carriers::telegence {

struct ListedSubscriber {
    std::string fan;
    std::string ban;
    std::string number;  // 10 digits, or as Telegence wrote it
    bool is_addressable = false;
    std::string status;
};

// `page` from 1.
Call list_subscribers(const Account& account, std::int64_t page);
// nullopt: not a list of subscribers.
std::optional<std::vector<ListedSubscriber>> parse_subscribers(const base::json::value& body);
// nullopt: the answer does not say how many pages there are.
std::optional<std::int64_t> pages_of_list(const http::ClientResponse& response);
// The moment of which the list tells; nullopt: it does not say.
std::optional<base::Instant> moment_of_list(const http::ClientResponse& response);

}  // namespace carryall::carriers::telegence
