// A ThingSpace small enough to reason about: one line, the requests for it, and a book of what was
// done. Requests are taken at once and carried out when time passes; calls fail by plan. For tests
// of exchanges; the real simulator is a program of its own.
#pragma once

#include <string>
#include <vector>

#include "carriers/exchange_play.hpp"
#include "carriers/thingspace/thingspace.hpp"

namespace carryall::carriers::thingspace {

inline constexpr std::string_view kIccid = "89148000000000000011";
inline constexpr std::string_view kImei = "990000000000011";

inline base::json::object test_settings() {
    return {{"accountName", "0000123456-00001"}, {"defaultZipCode", "98801"}};
}
inline base::json::object test_credentials() {
    return {{"appKey", "app"},
            {"appSecret", "app-s3cret"},
            {"username", "uws-user"},
            {"password", "uws-s3cret"},
            {"callbackUsername", "cb-user"},
            {"callbackPassword", "cb-s3cret"}};
}
inline Account test_account(const base::json::object& more = {}) {
    base::json::object settings = test_settings();
    for (const auto& [name, value] : more) settings[name] = value;
    Account account = *carrier().account(5, settings, test_credentials());
    account.write_is_enabled = true;
    return account;
}
inline Line test_line(std::string status) {
    return {std::string(kIccid), "", std::string(kImei), std::move(status)};
}

// What happens to one call. "done_" before it: the call is carried out all the same.
enum class Cut {
    none,
    not_sent,
    throttled,
    timeout,
    done_timeout,
    done_lost,
    unavailable,
    done_server_error,
    done_web_page,
    done_truncated,
    done_no_request_id,
    unexpected_error,
    done_unexpected_error,
    session_ended,
    token_ended,
    xml_forbidden,
    html_bad_gateway,
    refused,
    crash,
    done_crash,
};
inline constexpr int kFaults = static_cast<int>(Cut::done_crash) + 1;

struct ThingSpaceModel {
    std::string state = "deactive";
    std::string plan;
    std::string mdn;
    // How the network ends the next request; empty: well.
    std::string fails_with;
    int fails_left = 0;

    int writes_done = 0;
    int carried_out = 0;  // that changed the line
    int repeats = 0;      // that found the line as they wanted it

    struct Job {
        std::string id;
        std::string action;
        base::json::object body;
    };
    std::vector<Job> jobs;
    base::json::array callbacks;

    std::optional<http::ClientResponse> answer(const Call& call, Cut fault) {
        switch (fault) {
            case Cut::none:
                return perform(call);
            case Cut::not_sent:
                return failed(http::Transport::not_sent);
            case Cut::throttled:
                return answered(429);
            case Cut::timeout:
                return failed(http::Transport::timeout);
            case Cut::unavailable:
                return answered(503);
            case Cut::unexpected_error:
                return error("REQUEST_FAILED.UnexpectedError");
            case Cut::session_ended:
                return error("REQUEST_FAILED.SessionToken.Expired");
            case Cut::token_ended:
                return answered(401, R"({"fault":{"code":900901,"message":"Invalid"}})");
            case Cut::xml_forbidden:
                return answered(403, "<fault><code>900908</code></fault>");
            case Cut::html_bad_gateway:
                return answered(502, "<html>Bad Gateway</html>");
            case Cut::refused:
                return error("INPUT_INVALID.Request.InvalidCharacter");
            case Cut::crash:
                return std::nullopt;
            default:
                break;
        }
        const http::ClientResponse real = perform(call);
        switch (fault) {
            case Cut::done_timeout:
                return failed(http::Transport::timeout);
            case Cut::done_lost:
                return failed(http::Transport::lost);
            case Cut::done_server_error:
                return answered(500, R"({"errorCode":"x","errorMessage":"oops"})");
            case Cut::done_web_page:
                return answered(200, "<html>sorry</html>");
            case Cut::done_truncated:
                return answered(200, real.body.substr(0, real.body.size() / 2));
            case Cut::done_no_request_id:
                return answered(200, "{}");
            case Cut::done_unexpected_error:
                return error("REQUEST_FAILED.UnexpectedError");
            default:
                return std::nullopt;
        }
    }

    // The network carries out what was taken, and each request has its callback.
    void let_time_pass() {
        for (const Job& job : jobs) carry_out(job);
        jobs.clear();
    }

    static http::ClientResponse error(const std::string& code) {
        return answered(
            400, R"({"errorCode":"UnifiedWebService.)" + code + R"(","errorMessage":"said no"})");
    }

  private:
    http::ClientResponse perform(const Call& call) {
        std::string text = call.body;
        if (call.shared) text += call.shared->item + call.shared->after;
        const auto body = base::parse_json(text);
        CHECK(body.has_value() && body->is_object());
        if (call.path.ends_with("/list")) return answered(200, serialize(listed()));
        ++writes_done;
        const std::string id = "request-" + std::to_string(writes_done);
        const std::string action = call.path.substr(call.path.rfind('/') + 1);
        jobs.push_back({id, action, body->get_object()});
        return answered(200, R"({"requestId":")" + id + "\"}");
    }

    base::json::value listed() const {
        base::json::array ids = {{{"id", kIccid}, {"kind", "ICCID"}}};
        if (!mdn.empty()) ids.push_back({{"id", mdn}, {"kind", "mdn"}});
        const base::json::value row = {
            {"accountName", "0000123456-00001"},
            {"deviceIds", ids},
            {"carrierInformations", {{{"state", state}, {"servicePlan", plan}}}}};
        return {{"hasMoreData", false}, {"devices", base::json::array{row}}};
    }

    void carry_out(const Job& job) {
        if (fails_left > 0) {
            --fails_left;
            return tell(job, fails_with, {});
        }
        const std::string before = state + plan;
        if (job.action == "activate" && state == "active") {
            ++repeats;
            return tell(job, "REQUEST_FAILED.DeviceAlreadyActive", {});
        }
        if (job.action == "activate") {
            state = "active", plan = job.body.at("servicePlan").as_string().c_str();
            mdn = "5550100" + std::to_string(100 + carried_out);
        } else if (job.action == "restore") {
            state = "active";
        } else if (job.action == "suspend") {
            state = "suspend";
        } else if (job.action == "deactivate") {
            state = "deactive", plan.clear(), mdn.clear();
        } else {
            plan = job.body.at("servicePlan").as_string().c_str();
        }
        ++(before == state + plan ? repeats : carried_out);
        base::json::object response;
        if (job.action == "activate") {
            response["activateResponse"] = {{"deviceIds", {{{"id", mdn}, {"kind", "mdn"}}}},
                                            {"ipAddress", "10.20.30.40"}};
        }
        tell(job, "", std::move(response));
    }

    void tell(const Job& job, const std::string& fault, base::json::object response) {
        base::json::object callback = {{"requestId", job.id},
                                       {"deviceIds", {{{"id", kIccid}, {"kind", "Iccid"}}}},
                                       {"status", fault.empty() ? "Success" : "Failed"},
                                       {"deviceResponse", std::move(response)}};
        if (!fault.empty()) {
            callback["faultResponse"] = {{"faultcode", "UnifiedWebService." + fault},
                                         {"faultstring", "The network said no."}};
        }
        callbacks.push_back(std::move(callback));
    }
};

}  // namespace carryall::carriers::thingspace
