// A POND small enough to reason about: one SIM, its packages, and a book of what was done. Calls
// fail by plan. For tests of exchanges; the real simulator is a program of its own.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "carriers/exchange_play.hpp"

namespace carryall::carriers::pond {

// What happens to one call. "done_" before it: the call is carried out all the same.
enum class Fault {
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
    refused_inside_success,
    refused,
    unauthorized,
    crash,
    done_crash,
};
inline constexpr int kFaults = static_cast<int>(Fault::done_crash) + 1;

inline constexpr std::string_view kModelIccid = "8910300000001234567";
inline constexpr std::int64_t kModelNow = 1'767'225'600;

struct PondModel {
    struct Row {
        std::int64_t type = 0;
        std::string status;
        std::int64_t created = 0;
    };
    std::map<std::string, Row> packages;
    std::set<std::string> cannot_end;        // refuse to be terminated, ever
    std::set<std::int64_t> cannot_activate;  // package types that refuse
    std::size_t page_size = 100;
    int adds_done = 0;
    int writes_done = 0;
    bool lost_service = false;

    int active() const {
        int count = 0;
        for (const auto& [id, row] : packages) count += row.status == "ACTIVE" ? 1 : 0;
        return count;
    }
    int active_of(std::int64_t type) const {
        int count = 0;
        for (const auto& [id, row] : packages) {
            count += row.status == "ACTIVE" && row.type == type ? 1 : 0;
        }
        return count;
    }

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
            case Fault::unavailable:
                return answered(503);
            case Fault::refused_inside_success:
                return error(200, 400);
            case Fault::refused:
                return error(400, 400);
            case Fault::unauthorized:
                return error(401, 401);
            case Fault::crash:
                return std::nullopt;
            default:
                break;
        }
        const http::ClientResponse real = perform(call);
        switch (fault) {
            case Fault::done_timeout:
                return failed(http::Transport::timeout);
            case Fault::done_lost:
                return failed(http::Transport::lost);
            case Fault::done_server_error:
                return error(500, 500);
            case Fault::done_web_page:
                return answered(200, "<html>sorry</html>");
            case Fault::done_truncated:
                // An empty 204 cannot be cut short.
                return real.body.empty() ? failed(http::Transport::lost)
                                         : answered(200, real.body.substr(0, real.body.size() / 2));
            default:
                return std::nullopt;
        }
    }

  private:
    static http::ClientResponse error(int http_status, int status) {
        return answered(http_status, R"({"status":)" + std::to_string(status) +
                                         R"(,"code":0,"message":"said no"})");
    }

    http::ClientResponse perform(const Call& call) {
        if (call.path.find("/package/infos?") != std::string::npos) return list(call.path);
        if (call.path.ends_with("/addPackage")) return add(call);
        const std::size_t start = call.path.find("/package/") + 9;
        const std::string id = call.path.substr(start, call.path.find('/', start) - start);
        const auto found = packages.find(id);
        if (found == packages.end()) return error(404, 404);
        if (!call.changes_state) return answered(200, serialize(show(id, found->second)));
        return set_status(found->second, id, call);
    }

    http::ClientResponse list(const std::string& path) const {
        std::vector<base::json::value> all;
        for (const auto& [id, row] : packages) {
            // Each status ends at '&': NOT_ACTIVE does not ask for ACTIVE.
            if (path.find("packageStatuses=" + row.status + "&") == std::string::npos) continue;
            all.push_back(show(id, row));
        }
        const auto offset =
            static_cast<std::size_t>(std::stoi(path.substr(path.find("offset=") + 7)));
        base::json::array page;
        for (std::size_t i = offset; i < all.size() && page.size() < page_size; ++i) {
            page.push_back(all[i]);
        }
        const base::json::object body = {{"total", all.size()},
                                         {"offset", offset},
                                         {"count", page.size()},
                                         {"elements", std::move(page)}};
        return answered(200, base::json::serialize(body));
    }

    http::ClientResponse add(const Call& call) {
        ++writes_done;
        ++adds_done;
        const std::string id = "new-" + std::to_string(adds_done);
        const auto body = base::parse_json(call.body);
        packages[id] = {body->at("packageTypeId").as_int64(), "NOT_ACTIVE", kModelNow + 1};
        return answered(200, serialize(show(id, packages[id])));
    }

    http::ClientResponse set_status(Row& row, const std::string& id, const Call& call) {
        const auto body = base::parse_json(call.body);
        const std::string wanted(body->at("packageStatus").as_string());
        if (row.status == "TERMINATED") return error(400, 400);
        if (wanted == "TERMINATED" && cannot_end.contains(id)) return error(400, 400);
        if (wanted == "ACTIVE" && cannot_activate.contains(row.type)) return error(400, 400);
        ++writes_done;
        const bool had_service = active() > 0;
        row.status = wanted;
        lost_service = lost_service || (had_service && active() == 0);
        return answered(204);
    }

    static base::json::value show(const std::string& id, const Row& row) {
        return {{"packageId", id},
                {"simIccid", kModelIccid},
                {"packageTypeId", row.type},
                {"status", row.status},
                {"dateCreated", row.created}};
    }
};

}  // namespace carryall::carriers::pond
