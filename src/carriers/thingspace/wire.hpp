// ThingSpace's wire format: what an answer means, faults, identifiers, and a line as the list shows
// it. Names and kinds are compared without case, and a text may come as a number or a bool, because
// the carrier's own examples do not agree with each other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/classify.hpp"

namespace carryall::carriers::thingspace {

inline constexpr std::string_view kSystem = "ThingSpace";
// "/m2m/v1" and the parts behind it.
std::string api_path(std::initializer_list<std::string_view> parts);

// What a fault code speaks of. The same codes come in answers and in callbacks.
enum class Fault {
    none,
    session,     // token or session has ended: the call was not carried out
    unexpected,  // the carrier's own trouble, or put on hold: it may have been done
    state,       // the line's state forbids it, or it is so already
    device,      // no such line, a wrong identifier, another account's
    account,     // about our account, not about the request
    input,       // the request is wrong
    other,
};
Fault fault_of(std::string_view code);
FailureClass failure_of(Fault fault);

struct Judged {
    Verdict verdict;
    base::json::value body;  // null unless accepted; else an object or an array
    Fault fault = Fault::none;
};
// 202 is accepted: it is how pages of a list that goes on are answered.
Judged judge(const http::ClientResponse& response, const Account& account);
// The verdict for an accepted answer that cannot be understood.
Verdict malformed(std::string_view what);

// "The device is already active. (REQUEST_FAILED.DeviceAlreadyActive)"
std::string fault_text(std::string_view code, std::string_view text);

// nullptr if `value` is no object or has no such member.
const base::json::value* member(const base::json::value& value, std::string_view name);
// A text, number or bool as text; empty if it is neither or not there.
std::string text_of(const base::json::value* value);
std::string text_at(const base::json::value& value, std::string_view name);
std::string lower_at(const base::json::value& value, std::string_view name);
// The elements of an array; of anything else that is there, that one.
std::vector<const base::json::value*> each_of(const base::json::value* value);

// Identifiers by kind. Only digits are taken (an EID, a MEID in hex is not).
struct Ids {
    std::vector<std::string> iccids;
    std::vector<std::string> imeis;
    std::vector<std::string> mdns;     // 10 digits
    std::vector<std::string> msisdns;  // with the country code
    bool empty() const {
        return iccids.empty() && imeis.empty() && mdns.empty() && msisdns.empty();
    }
};
// Adds from an object {"id","kind"} or an array of them.
void add_ids(const base::json::value* device_ids, Ids& ids);
// By the ICCID where both have one, else by the IMEI, else by the number.
bool is_about(const Ids& ids, const Line& line);
// The phone number in the form that the account's record uses; empty: there is none.
std::string number_of(const Ids& ids, const Account& account);
// "0.0.0.0" is none.
std::string ip_address_at(const base::json::value& value);

// A request id as we compare and keep it: in lower case. Empty: not one.
std::string request_id_at(const base::json::value& value);

// --- the list ---

struct ListedLine {
    Ids ids;
    std::string account_name;
    std::string state;  // the carrier's word
    std::string service_plan;
    std::string number;
    std::string ip_address;
};
// nullopt: not a row.
std::optional<ListedLine> parse_listed_line(const base::json::value& row, const Account& account);

enum class LineState { active, suspended, deactivated, pending, preactive, other };
LineState state_of(std::string_view word);
// In the platform's words; the carrier's own if it is none that we know.
std::string platform_status(std::string_view word);

}  // namespace carryall::carriers::thingspace
