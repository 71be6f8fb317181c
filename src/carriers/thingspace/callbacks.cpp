// A callback is judged by "status" and "faultResponse" alone: what stands in "deviceResponse" is
// not published for every action. It only adds: the number, and that a success is about this
// action.
#include "carriers/thingspace/callbacks.hpp"

#include "base/text.hpp"
#include "carriers/thingspace/thingspace.hpp"

namespace carryall::carriers::thingspace {

namespace {

std::string_view response_member(Deed deed) {
    switch (deed) {
        case Deed::activate:
            return "activateResponse";
        case Deed::deactivate:
            return "deactivateResponse";
        case Deed::suspend:
            return "suspendResponse";
        case Deed::restore:
            return "restoreResponse";
        case Deed::plan:
            break;
    }
    return {};
}

// Those of the callback itself, then those inside the responses.
Ids ids_in(const base::json::value& body) {
    Ids ids;
    add_ids(member(body, "deviceIds"), ids);
    add_ids(member(body, "deviceId"), ids);
    const base::json::value* responses = member(body, "deviceResponse");
    if (responses == nullptr || !responses->is_object()) return ids;
    for (const auto& [name, response] : responses->get_object()) {
        add_ids(member(response, "deviceIds"), ids);
    }
    return ids;
}

// "deactivated": false is an answer, but no proof.
bool proves(const base::json::value* response) {
    if (response == nullptr || !response->is_object()) return false;
    for (const std::string_view name : {"deactivated", "restored"}) {
        if (lower_at(*response, name) == "false") return false;
    }
    return true;
}

enum class Ending { none, success, failure };

Ending ending_of(const base::json::value& body) {
    const base::json::value* fault = member(body, "faultResponse");
    const bool has_fault =
        fault != nullptr && fault->is_object() && !fault->get_object().empty() &&
        !(text_at(*fault, "faultcode").empty() && text_at(*fault, "faultstring").empty());
    if (has_fault) return Ending::failure;
    const std::string status = lower_at(body, "status");
    if (status == "failed" || status == "failure") return Ending::failure;
    return status == "success" ? Ending::success : Ending::none;
}

void add_success(const base::json::value& body, Deed deed, const Account& account, Told& told) {
    const base::json::value* responses = member(body, "deviceResponse");
    const base::json::value* response = responses != nullptr && deed != Deed::plan
                                            ? member(*responses, response_member(deed))
                                            : nullptr;
    told.is_proved = told.is_proved || proves(response);
    if (deed != Deed::activate) return;
    // The number that it was given stands in the response; the callback's own may be what we sent.
    Ids given;
    if (response != nullptr) {
        add_ids(member(*response, "deviceIds"), given);
        const std::string address = ip_address_at(*response);
        if (!address.empty()) told.ip_address = address;
    }
    std::string number = number_of(given, account);
    if (number.empty()) number = number_of(ids_in(body), account);
    if (!number.empty()) told.number = std::move(number);
}

void add_failure(const base::json::value& body, Told& told) {
    const base::json::value* fault = member(body, "faultResponse");
    const std::string code = fault != nullptr ? text_at(*fault, "faultcode") : std::string();
    std::string text = fault != nullptr ? text_at(*fault, "faultstring") : std::string();
    if (text.empty()) text = text_at(body, "comment");
    told.fault = fault_of(code);
    told.reason = fault_text(code, text);
    if (told.reason.empty()) told.reason = "no reason was given";
}

}  // namespace

Told told_by(const base::json::array& notices, std::string_view request_id, const Line& line,
             Deed deed, const Account& account) {
    Told told;
    if (request_id.empty()) return told;
    bool succeeded = false;
    bool failed = false;
    for (const base::json::value& body : notices) {
        if (request_id_at(body) != request_id) continue;
        const Ids ids = ids_in(body);
        // One that names no device came to us by its request id alone.
        if (!ids.empty() && !is_about(ids, line)) continue;
        const Ending ending = ending_of(body);
        if (ending == Ending::success) {
            succeeded = true;
            add_success(body, deed, account, told);
        } else if (ending == Ending::failure) {
            failed = true;
            add_failure(body, told);
        }
    }
    if (succeeded && failed)
        told.kind = Told::Kind::contradiction;
    else if (succeeded)
        told.kind = Told::Kind::success;
    else if (failed)
        told.kind = Told::Kind::failure;
    return told;
}

std::optional<Notice> parse_notice(const base::json::value& body) {
    if (!body.is_object()) return std::nullopt;
    Notice notice;
    notice.reference = request_id_at(body);
    Ids ids = ids_in(body);
    notice.username = text_at(body, "username");
    notice.password = text_at(body, "password");
    if (notice.reference.empty() && ids.empty() && notice.username.empty()) return std::nullopt;
    notice.iccids = std::move(ids.iccids);
    notice.imeis = std::move(ids.imeis);
    notice.msisdns = std::move(ids.mdns);
    for (std::string& msisdn : ids.msisdns) notice.msisdns.push_back(std::move(msisdn));
    return notice;
}

}  // namespace carryall::carriers::thingspace
