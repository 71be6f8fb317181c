// Rev.io's wire format: errors in two shapes (the gateway answers an object with statusCode, Rev.io
// itself an array), pages without a total, ids now as numbers and now as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carriers/classify.hpp"

namespace carryall::billing::revio {

inline constexpr int kPageSize = 500;
// More pages than this for one line means that the filter was not obeyed.
inline constexpr int kMaxPages = 20;

struct Answer {
    carriers::Verdict verdict;
    base::json::value body;  // an object if accepted
};
Answer judge(const http::ClientResponse& response);
// The verdict for an accepted answer that cannot be understood.
carriers::Verdict malformed(std::string_view what);

// The id of what a POST has created; nullopt: the answer does not say.
std::optional<std::int64_t> created_id(const base::json::value& body);

struct Service {
    std::int64_t id = 0;
    std::int64_t customer_id = 0;
    std::string number;
    std::string number2;
    std::string description;
    std::string activated_date;  // "2026-03-01", or empty
    bool is_active = false;      // no disconnected_date
};
struct ServiceProduct {
    std::int64_t id = 0;
    std::int64_t service_id = 0;
    std::int64_t product_id = 0;
    bool is_in_force = false;  // pending or active: it is, or will be, billed
};

template <class T>
struct Page {
    std::vector<T> records;
    bool has_more = false;
};
// nullopt: the answer is not such a page, or a record lacks what decides.
std::optional<Page<Service>> parse_services(const base::json::value& body);
std::optional<Page<ServiceProduct>> parse_service_products(const base::json::value& body);
struct ChargeRecord;  // charge_reading.hpp
// Also nullopt if the page names another number of records than it holds: it was cut.
std::optional<Page<ChargeRecord>> parse_charges(const base::json::value& body);

// For a query: everything but letters, digits, '-', '_', '.' as %XX.
std::string percent_encoded(std::string_view text);

// "2026-03-01Z", as the original system sent dates; nullopt if `text` begins with no date.
std::optional<std::string> wire_date(std::string_view text);

}  // namespace carryall::billing::revio
