// Telegence's wire format: numbers, days, the name/value lists that all its objects are made of,
// and what an answer means. Names are read without regard to case and written in lower camel case;
// values may come as texts, numbers or booleans.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carriers/classify.hpp"

namespace carryall::carriers::telegence {

inline constexpr std::string_view kSystem = "Telegence";
inline constexpr std::size_t kNumberDigits = 10;

// The 10 digits of a subscriber number; of 11 with a leading 1 the last 10. nullopt: neither.
std::optional<std::string> wire_number(std::string_view msisdn);

// A code that may be sent: 1 to 64 visible ASCII characters. Which codes exist AT&T alone knows.
inline constexpr std::size_t kMaxCodeBytes = 64;
bool is_code(std::string_view text);

// "2026-03-01Z": the day of an instant that carrier_time() gave.
std::string wire_day(base::Instant carrier_time);
// Back, also without the Z or with a time behind it: when that day begins. nullopt: no day.
std::optional<base::Instant> parse_day(std::string_view text);

struct Characteristic {
    std::string name;
    std::string value;
};
using Characteristics = std::vector<Characteristic>;
base::json::array to_json(const Characteristics& list);
// [{"name":"sim","value":"8901…"}] as it is, {"sim":"8901…"} as some gateways rewrite it.
Characteristics parse_characteristics(const base::json::value* list);

struct Feature {
    std::string code;
    std::string description;
    std::string effective;  // as Telegence wrote it
    std::string expires;
};

// The details of one line (T3, and the answer to T4).
struct LineDetails {
    Characteristics characteristics;

    // Empty if it is absent.
    std::string_view value(std::string_view name) const;
    std::vector<Feature> features() const;
};
// nullopt if it is not about this subscriber number or tells nothing of it.
std::optional<LineDetails> parse_line(const base::json::value& body, std::string_view number);

// The platform's word for a status of Telegence ("A", "S", "C") or for one of the platform's own
// or their synonyms; nullopt: none of them.
std::optional<std::string> platform_status(std::string_view word);

struct Answer {
    // Accepted only if the body shows no error and, where there is one, can be understood. A 2xx
    // that is unclear has its http_status all the same.
    Verdict verdict;
    base::json::value body;  // null unless it is JSON
    std::string said;        // Telegence's own words about a failure; may be empty
};
enum class Expect {
    nothing,  // a body may be missing or thin
    json,     // an object or an array
};
Answer judge(const http::ClientResponse& response, Expect expect);
// A 2xx whose body proves nothing.
bool is_doubtful_success(const Verdict& verdict);
// The verdict for an accepted answer that cannot be understood.
Verdict malformed(std::string_view what);

// The member of an object as text, whatever it is made of; empty if it is absent or null.
std::string member_text(const base::json::object& object, std::string_view name);

}  // namespace carryall::carriers::telegence
