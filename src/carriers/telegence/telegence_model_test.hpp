// A Telegence small enough to reason about: one line and a book of what was done. Calls fail by
// plan. For tests of exchanges; the real simulator is a program of its own.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "carriers/exchange_play.hpp"
#include "carriers/telegence/telegence.hpp"

namespace carryall::carriers::telegence {

// What happens to one call. "done_" before it: the call is carried out all the same.
enum class Fault {
    none,
    not_sent,
    throttled,
    timeout,
    done_timeout,
    done_lost,
    outage_text,  // the plain text of an outage, under 404
    unavailable,
    done_server_error,
    done_web_page,
    done_truncated,
    done_thin,
    done_empty,
    done_about_another_line,
    error_inside_success,
    refused,
    unauthorized,
    crash,
    done_crash,
};
inline constexpr int kFaults = static_cast<int>(Fault::done_crash) + 1;

inline constexpr const char* kModelNumber = "2145550100";
inline constexpr base::Instant kModelNow{std::chrono::seconds(1'772'366'400)};  // 2026-03-01 12:00

inline Account model_account(base::json::object more = {}) {
    more["baseUrl"] = "https://telegence.example";
    Account account =
        *carrier().account(5, more, {{"clientId", "app-1"}, {"clientSecret", "s3cret"}});
    account.write_is_enabled = true;
    return account;
}

inline Line model_line(std::string status = "Active") {
    return {"89010300000000000017", kModelNumber, "350000000000017", std::move(status)};
}

struct TelegenceModel {
    std::string status = "A";
    std::string plan = "OLD";
    std::set<std::string> features = {"F1", "F2"};
    std::string sim = "89010300000000000017";
    std::string imei = "350000000000017";
    // What Telegence keeps for later days, by day.
    std::map<std::string, std::string> later_plans;
    std::string today = "2026-03-01Z";
    bool refuses_all = false;
    int writes_done = 0;

    std::optional<http::ClientResponse> answer(const Call& call, Fault fault) {
        switch (fault) {
            case Fault::none:
                return perform(call);
            case Fault::not_sent:
                return failed(http::Transport::not_sent);
            case Fault::throttled:
                return answered(429);
            case Fault::timeout:
                return failed(http::Transport::timeout);
            case Fault::outage_text:
                return answered(404, "A Resource Required By Service Is Not Available");
            case Fault::unavailable:
                return answered(503);
            case Fault::error_inside_success:
                return answered(200, R"({"errorDescription":"said no"})");
            case Fault::refused:
                return error(400);
            case Fault::unauthorized:
                return error(401);
            case Fault::crash:
                return std::nullopt;
            default:
                return done_but(call, fault);
        }
    }

    std::string show() const {
        base::json::array list = {pair("subscriberStatus", status), pair("singleUserCode", plan),
                                  pair("sim", sim), pair("BLIMEI", imei)};
        int nth = 0;
        for (const std::string& code : features) {
            list.push_back(pair("offeringCode" + std::to_string(++nth), code));
        }
        return base::json::serialize(base::json::object{
            {"subscriberNumber", kModelNumber}, {"serviceCharacteristic", std::move(list)}});
    }

    void day_comes(const std::string& day) {
        today = day;
        for (const auto& [when, code] : later_plans) {
            if (when <= day) plan = code;
        }
    }

  private:
    static base::json::object pair(const std::string& name, const std::string& value) {
        return {{"name", name}, {"value", value}};
    }

    static http::ClientResponse error(int status) {
        return answered(status, R"({"id":"c1f0a2b0","description":"said no"})");
    }

    std::optional<http::ClientResponse> done_but(const Call& call, Fault fault) {
        const http::ClientResponse real = perform(call);
        switch (fault) {
            case Fault::done_timeout:
                return failed(http::Transport::timeout);
            case Fault::done_lost:
                return failed(http::Transport::lost);
            case Fault::done_server_error:
                return error(500);
            case Fault::done_web_page:
                return answered(200, "<html>sorry</html>");
            case Fault::done_truncated:
                return answered(200, real.body.substr(0, real.body.size() / 2));
            case Fault::done_thin:
                return real.status == 200 ? answered(200, "{}") : real;
            case Fault::done_empty:
                return real.status == 200 ? answered(200) : real;
            case Fault::done_about_another_line:
                return answered(200, R"({"subscriberNumber":"2145550199","serviceCharacteristic":)"
                                     R"([{"name":"subscriberStatus","value":"S"}]})");
            default:
                return std::nullopt;
        }
    }

    http::ClientResponse perform(const Call& call) {
        if (!call.changes_state) return answered(200, show());
        if (refuses_all || status == "C") return error(400);
        ++writes_done;
        const base::json::object body = base::parse_json(call.body)->as_object();
        if (const auto* mode = body.if_contains("mode")) {
            status = mode->as_string() == "R" ? "A" : mode->as_string().c_str();
        }
        const auto* list = body.if_contains("serviceCharacteristic");
        if (list == nullptr) return answered(200, show());
        for (const base::json::value& item : list->as_array()) {
            change(item.at("name").as_string().c_str(), item.at("value").as_string().c_str(), body);
        }
        return answered(200, show());
    }

    void change(const std::string& name, const std::string& value, const base::json::object& body) {
        if (name == "addOfferingCode") features.insert(value);
        if (name == "removeOfferingCode") features.erase(value);
        if (name == "sim") sim = value;
        if (name == "IMEI") imei = value;
        if (name != "singleUserCode") return;
        const std::string day = body.at("effectiveDate").as_string().c_str();
        if (day > today)
            later_plans[day] = value;
        else
            plan = value;
    }
};

// --- how the tests ask ---

inline constexpr const char* kLinePath = "/sp/mobility/lineconfig/api/v1/service/2145550100";
inline constexpr const char* kNewSim = "89010300000000000025";
inline constexpr const char* kNewImei = "350000000000025";

inline Attempt fresh() {
    Attempt attempt;
    attempt.now = kModelNow;
    return attempt;
}

inline Attempt resolving(bool settled) {
    Attempt attempt = fresh();
    attempt.resolving = true;
    attempt.settled = settled;
    return attempt;
}

inline Played ask(const Account& account, const Action& action, const AnswerCall& answer,
                  const Attempt& attempt = fresh(), const Line& line = model_line()) {
    return play(*carrier().exchange(account, line, action, attempt), answer);
}

inline Played ask_model(TelegenceModel& model, const Action& action,
                        const Attempt& attempt = fresh(), const Line& line = model_line()) {
    return ask(
        model_account(), action, [&](const Call& call) { return model.answer(call, Fault::none); },
        attempt, line);
}

inline std::optional<http::ClientResponse> never(const Call&) {
    ADD_FAILURE() << "a call was made";
    return std::nullopt;
}

inline std::string pairs(std::initializer_list<std::pair<const char*, const char*>> list) {
    std::string out = "\"serviceCharacteristic\":[";
    for (const auto& [name, value] : list) {
        out += std::string(out.back() == '[' ? "" : ",") + R"({"name":")" + name +
               R"(","value":")" + value + "\"}";
    }
    return out + ']';
}

inline RatePlanChange on_the_tenth() {
    return {"NEW", "", std::nullopt, "",
            base::Instant(std::chrono::sys_days(std::chrono::year(2026) / 3 / 10))};
}

inline std::string line_json(std::string_view status, std::string_view plan,
                             std::string_view features, std::string_view sim,
                             std::string_view imei) {
    TelegenceModel model;
    model.status = status;
    model.plan = plan;
    model.features = features.empty() ? std::set<std::string>{"F1"} : std::set<std::string>{"F3"};
    model.sim = sim;
    model.imei = imei;
    return model.show();
}
inline std::string line_as_wanted() {
    return line_json("S", "NEW", "F3", kNewSim, kNewImei);
}
inline std::string line_as_before() {
    return TelegenceModel().show();
}

}  // namespace carryall::carriers::telegence
