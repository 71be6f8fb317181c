// A Jasper small enough to reason about: one SIM, its values, its audit trail, and a book of what
// was done. Calls fail by plan. For tests of exchanges; the real simulator is a program of its own.
#pragma once

#include <string>
#include <vector>

#include "carriers/exchange_play.hpp"
#include "carriers/jasper/jasper.hpp"

namespace carryall::carriers::jasper {

// What happens to one call. "done_" before it: the call is carried out all the same.
enum class Fault {
    none,
    not_sent,
    throttled,
    throttled_in_400,
    timeout,
    done_timeout,
    done_lost,
    unavailable,
    done_server_error,
    done_web_page,
    done_truncated,
    done_empty,
    queued,  // 202, and done when the model is next asked after `queue_delay` calls
    refused,
    unauthorized,
    foreign_page,  // 404 as a web page
    about_another,
    crash,
    done_crash,
};
inline constexpr int kFaults = static_cast<int>(Fault::done_crash) + 1;

inline constexpr const char* kModelIccid = "89010000000000000017";

inline Account model_account(base::json::object more = {}) {
    base::json::object settings = {{"baseUrl", "https://restapi1.example/rws/api/v1"}};
    for (auto& member : more) settings[member.key()] = member.value();
    Account account = *carrier().account(5, settings, {{"username", "user"}, {"apiKey", "key"}});
    account.write_is_enabled = true;
    return account;
}

struct JasperModel {
    std::string status = "ACTIVATED";
    std::string rate_plan = "FLEET 5MB";
    std::string communication_plan = "DATA SMS";
    std::string scheduled_plan;
    std::string scheduled_day;
    bool trail_is_closed = false;
    bool refuses_everything = false;
    int writes_done = 0;
    base::json::object queued;  // accepted and not yet done

    std::optional<http::ClientResponse> answer(const Call& call, Fault fault) {
        switch (fault) {
            case Fault::none:
                return perform(call);
            case Fault::not_sent:
                return failed(http::Transport::not_sent);
            case Fault::throttled:
                return answered(429, "<html>slow down</html>");
            case Fault::throttled_in_400:
                return error(400, "40000029", "Rate Limit Exceeded");
            case Fault::timeout:
                return failed(http::Transport::timeout);
            case Fault::unavailable:
                return answered(503);
            case Fault::refused:
                return error(400, "50001231", "SIM state invalid");
            case Fault::unauthorized:
                return error(401, "10000001", "Invalid credentials");
            case Fault::foreign_page:
                return answered(404, "<html>not here</html>");
            case Fault::crash:
                return std::nullopt;
            case Fault::queued:
                if (!call.changes_state) return perform(call);
                queued = base::parse_json(call.body)->as_object();
                ++writes_done;
                return answered(202, confirmation());
            default:
                return spoil(perform(call), fault);
        }
    }

    // Time passes at Jasper.
    void catch_up() {
        if (!queued.empty()) take(std::exchange(queued, {}));
    }
    void day_has_come() {
        if (!scheduled_plan.empty()) rate_plan = std::exchange(scheduled_plan, {});
    }

    static http::ClientResponse error(int status, std::string_view code, std::string_view message) {
        return answered(status, base::json::serialize(base::json::object{{"errorMessage", message},
                                                                         {"errorCode", code}}));
    }

  private:
    static std::string confirmation() {
        return base::json::serialize(base::json::object{{"iccid", kModelIccid}});
    }

    static std::optional<http::ClientResponse> spoil(http::ClientResponse real, Fault fault) {
        switch (fault) {
            case Fault::done_timeout:
                return failed(http::Transport::timeout);
            case Fault::done_lost:
                return failed(http::Transport::lost);
            case Fault::done_server_error:
                return error(500, "30000001", "Unknown error");
            case Fault::done_web_page:
                return answered(200, "<html>sorry</html>");
            case Fault::done_truncated:
                return answered(200, real.body.substr(0, real.body.size() / 2));
            case Fault::done_empty:
                return answered(200);
            case Fault::about_another:
                return answered(200, R"({"iccid":"89010000000000000025","status":"ACTIVATED"})");
            default:
                return std::nullopt;
        }
    }

    http::ClientResponse perform(const Call& call) {
        if (call.path.find("/auditTrails") != std::string::npos) return trail();
        if (call.path != "/devices/" + std::string(kModelIccid)) {
            return error(404, "20000001", "Resource not found - Invalid ICCID.");
        }
        if (call.method == http::Method::get) return details();
        if (refuses_everything) return error(400, "10000013", "Invalid rate plan");
        ++writes_done;
        take(base::parse_json(call.body)->as_object());
        return answered(200, confirmation());
    }

    void take(const base::json::object& body) {
        const auto text = [&](const char* name) -> std::string {
            const auto* found = body.if_contains(name);
            return found == nullptr ? std::string() : std::string(found->as_string());
        };
        if (!text("effectiveDate").empty()) {
            scheduled_day = text("effectiveDate");
            scheduled_plan = text("ratePlan");
            return;
        }
        if (!text("status").empty()) status = text("status");
        if (!text("ratePlan").empty()) rate_plan = text("ratePlan");
        if (!text("communicationPlan").empty()) communication_plan = text("communicationPlan");
    }

    http::ClientResponse details() const {
        return answered(
            200, base::json::serialize(base::json::object{{"iccid", kModelIccid},
                                                          {"imei", ""},
                                                          {"status", status},
                                                          {"ratePlan", rate_plan},
                                                          {"communicationPlan", communication_plan},
                                                          {"customer", nullptr}}));
    }

    http::ClientResponse trail() const {
        if (trail_is_closed) return error(400, "10000030", "Role lacks this function");
        base::json::array rows = {{{"field", "Status"},
                                   {"value", status},
                                   {"effectiveDate", "2025-01-10 09:00:00.000+0000"},
                                   {"status", "Completed"}}};
        if (!scheduled_plan.empty()) {
            rows.push_back({{"field", "Rate Plan"},
                            {"priorValue", rate_plan},
                            {"value", scheduled_plan},
                            {"effectiveDate", scheduled_day.substr(0, 10) + " 00:00:00.000+0000"},
                            {"status", "Scheduled"}});
        }
        return answered(200,
                        base::json::serialize(base::json::object{{"iccid", kModelIccid},
                                                                 {"pageNumber", 1},
                                                                 {"lastPage", true},
                                                                 {"deviceAuditTrails", rows}}));
    }
};

}  // namespace carryall::carriers::jasper
