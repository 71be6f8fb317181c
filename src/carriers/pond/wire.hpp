// POND's wire format: what an answer means, and the objects that we read. Strict where a wrong
// reading could cost a line or a second package, tolerant elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carriers/classify.hpp"

namespace carryall::carriers::pond {

// POND knows SIMs by exactly 19 digits; a 20-digit ICCID carries the check digit at its end.
inline constexpr std::size_t kIccidDigits = 19;
// nullopt: neither 19 nor 20 digits.
std::optional<std::string_view> wire_iccid(std::string_view iccid);

struct Answer {
    Verdict verdict;
    base::json::value body;  // null unless accepted with a body
};
enum class Expect {
    nothing,  // 204, or a body that holds no error
    object,   // a JSON object
};
// Looks into the body on 2xx too: POND may put an error there.
Answer judge(const http::ClientResponse& response, Expect expect);
// Certainly no such SIM or package.
bool is_not_found(const Verdict& verdict);
// The verdict for an accepted answer that cannot be understood.
Verdict malformed(std::string_view what);

// Members of a body; text is empty, the others are absent if they are of another type.
std::string_view text_at(const base::json::object& object, std::string_view name);
std::optional<std::int64_t> integer_at(const base::json::object& object, std::string_view name);
// Seconds or milliseconds: POND does not say which.
std::optional<base::Instant> epoch_at(const base::json::object& object, std::string_view name);

// What every list of POND comes in. `elements` is nullptr if the page is empty.
struct ListPage {
    std::int64_t total = 0;
    const base::json::array* elements = nullptr;
    std::size_t size() const { return elements == nullptr ? 0 : elements->size(); }
};
std::optional<ListPage> parse_list_page(const base::json::value& body);

enum class PackageStatus { not_active, active, terminated, other };

struct Package {
    std::string id;
    std::int64_t type_id = 0;
    PackageStatus status = PackageStatus::other;
    std::optional<base::Instant> created;
};
// nullopt if it is no package of this SIM.
std::optional<Package> parse_package(const base::json::value& value, std::string_view iccid);

struct PackagePage {
    std::vector<Package> packages;
    std::int64_t total = 0;
};
std::optional<PackagePage> parse_package_page(const base::json::value& body,
                                              std::string_view iccid);

// Whether the three services are all on or all off; nullopt if an answer lacks one.
struct ServiceFlags {
    bool all_enabled = false;
    bool all_disabled = false;
};
std::optional<ServiceFlags> parse_service_flags(const base::json::value& body);

}  // namespace carryall::carriers::pond
