// What is asked of ThingSpace for one change of one line: which of its actions it is, and the parts
// of the request that lines share. Without I/O.
#pragma once

#include <optional>
#include <string>

#include "carriers/carrier.hpp"

namespace carryall::carriers::thingspace {

enum class Deed { activate, restore, suspend, deactivate, plan };
std::string_view to_string(Deed deed);
std::optional<Deed> parse_deed(std::string_view word);

// What the change means for a line that our record shows as `line`. nullopt: no status of ours.
std::optional<Deed> deed_for(const Action& action, const Line& line);

struct ChangeRequest {
    std::string refusal;  // not empty: it cannot be asked, and what to give instead
    http::Method method = http::Method::post;
    std::string path;
    std::string head;  // up to and with `"devices":[`
    std::string item;  // this line's element
    std::string operation;
};
inline constexpr std::string_view kRequestTail = "]}";

ChangeRequest compose(const Account& account, const Line& line, const Action& action, Deed deed);

// The service plan that the line must have afterwards; empty: any.
std::string wanted_plan(const Action& action, Deed deed);

// What the list is asked by: `{"id":…,"kind":…}`; empty: the line has no identifier that
// ThingSpace knows.
std::string list_key(const Line& line);
// The beginning of the ICCID that the line shares with those bought with it: a list of these lines
// is one answer. Empty: the line has no ICCID.
std::string list_prefix(const Line& line);

}  // namespace carryall::carriers::thingspace
