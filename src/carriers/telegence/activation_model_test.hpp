// A Telegence small enough to reason about, for activations: what was asked for, what came of it,
// and a book of how often each SIM was activated. Time passes only when a test says so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "carriers/telegence/telegence_model_test.hpp"

namespace carryall::carriers::telegence {

inline constexpr const char* kNewLineSim = "89010300000000000017";
inline constexpr const char* kNewLineImei = "350000000000017";
inline constexpr const char* kBan = "287000000001";

inline Activation new_line() {
    Activation change;
    change.rate_plan = "PLAN1GB";
    change.billing_account = kBan;
    change.zip_code = "75001";
    change.add_features = {"FEATA"};
    change.first_name = "Ada";
    return change;
}
inline Activation new_line_with_address(std::string range = "10.20.0.0/16") {
    Activation change = new_line();
    StaticAddress& address = change.static_address.emplace();
    address.pool = "PDP01";
    address.customer_range = std::move(range);
    return change;
}
inline Activation new_line_without_code() {
    Activation change = new_line();
    change.remove_features = {"FEATA"};
    return change;
}
inline Line sim_in_stock() {
    return {kNewLineSim, "", kNewLineImei, "Inventory"};
}

struct ActivationModel {
    struct Batch {
        std::vector<std::string> sims;
        std::string status = "Pending";
        base::Instant due;
    };
    struct ModelLine {
        std::string sim;
        std::set<std::string> features;
        std::string ip_address;
    };
    base::Instant now = kModelNow;
    std::chrono::seconds activation_time{120};
    std::chrono::seconds address_time{20};
    std::map<std::string, Batch> batches;
    std::map<std::string, ModelLine> lines;  // by number
    struct AddressBatch {
        std::vector<std::string> numbers;
        base::Instant due;
        bool is_assigned = false;
    };
    std::map<std::string, AddressBatch> ip_batches;
    std::vector<std::string> pool = {"10.20.0.5", "10.20.0.6",  "10.20.0.7",  "10.20.0.8",
                                     "10.20.0.9", "10.20.0.10", "10.20.0.11", "10.20.0.12"};
    std::string rejects;  // why, if it does
    bool needs_esim = false;
    bool fails_addresses = false;
    std::size_t page_rows = 1'000;              // of the subscriber list
    std::optional<base::Instant> list_made_at;  // none: the list is always of this moment
    int requests = 0;                           // T1 that were carried out
    int address_requests = 0;                   // T9 that were
    std::map<std::string, int> activations;     // by SIM
    std::map<std::string, int> assignments;     // by number

    std::optional<http::ClientResponse> answer(const Call& call, Fault fault) {
        settle();
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
                return answered(400, R"({"id":"c1f0a2b0","description":"said no"})");
            case Fault::unauthorized:
                return answered(401);
            case Fault::crash:
                return std::nullopt;
            default:
                return done_but(call, fault);
        }
    }

    void settle() {
        for (auto& [id, batch] : batches) {
            if (batch.status != "Pending" || now < batch.due) continue;
            const bool is_refused = !rejects.empty() || needs_esim;
            batch.status = is_refused ? "Rejected" : "Active";
            if (is_refused) continue;
            for (const std::string& sim : batch.sims) {
                ++activations[sim];
                ModelLine& line = lines[std::to_string(2'145'550'100 + lines.size())];
                line.sim = sim;
                line.features = {"FEATA", "FEATZ"};
            }
        }
        for (auto& [id, batch] : ip_batches) {
            if (now < batch.due || fails_addresses || batch.is_assigned) continue;
            batch.is_assigned = true;
            for (const std::string& number : batch.numbers) ++assignments[number];
        }
    }

  private:
    static std::string id_of(const char* kind, std::size_t nth) {
        return std::string(kind) + "0a44-0000-11ef-8000-00000000000" + std::to_string(nth % 10);
    }

    std::optional<http::ClientResponse> done_but(const Call& call, Fault fault) {
        const http::ClientResponse real = perform(call);
        switch (fault) {
            case Fault::done_timeout:
                return failed(http::Transport::timeout);
            case Fault::done_lost:
                return failed(http::Transport::lost);
            case Fault::done_server_error:
                return answered(500);
            case Fault::done_web_page:
                return answered(200, "<html>sorry</html>");
            case Fault::done_truncated:
                return answered(200, real.body.substr(0, real.body.size() / 2));
            case Fault::done_thin:
                return real.status == 200 ? answered(200, "{}") : real;
            case Fault::done_empty:
                return real.status == 200 ? answered(200) : real;
            case Fault::done_about_another_line:
                return real.status == 200 ? answered(200, "[]") : real;
            default:
                return std::nullopt;
        }
    }

    static std::string whole_body(const Call& call) {
        if (!call.shared) return call.body;
        return call.body + (call.shared->is_counted ? "1" : call.shared->item) + call.shared->after;
    }

    http::ClientResponse perform(const Call& call) {
        static constexpr std::string_view kActivations =
            "/sp/mobilityactivations/api/v1/serviceactivation";
        const std::string_view path = call.path;
        if (path == kActivations) return submit(call);
        if (path.starts_with(kActivations)) return show_batch(path.substr(path.rfind('/') + 1));
        if (path.ends_with("/ipaddresses")) return offer_addresses(call);
        if (path.ends_with("/ipprovisioning")) return assign(call);
        if (path.ends_with("/status")) return show_address(call);
        if (path.ends_with("/account")) return list(call);
        return line_call(call, std::string(path.substr(path.rfind('/') + 1)));
    }

    http::ClientResponse submit(const Call& call) {
        const auto body = base::parse_json(whole_body(call));
        Batch batch;
        for (const auto& entry : body->as_array()) {
            for (const auto& item : entry.at("service").at("serviceCharacteristic").as_array()) {
                EXPECT_NE(item.at("name").as_string(), "removeOfferingCode");
                if (item.at("name").as_string() == "sim") {
                    batch.sims.emplace_back(item.at("value").as_string().c_str());
                }
            }
        }
        ++requests;
        batch.due = now + activation_time;
        const std::string id = id_of("5d1c", batches.size());
        batches[id] = batch;
        return show_batch(id);
    }

    http::ClientResponse show_batch(std::string_view id) {
        const auto found = batches.find(std::string(id));
        if (found == batches.end()) return answered(404, R"({"id":"x","description":"unknown"})");
        const Batch& batch = found->second;
        base::json::array entries;
        for (const std::string& sim : batch.sims) {
            std::string number;
            for (const auto& [line_number, line] : lines) {
                if (line.sim == sim && batch.status == "Active") number = line_number;
            }
            entries.push_back(
                base::json::object{{"ID", found->first},
                                   {"Service",
                                    {{"NAME", needs_esim ? "/service/" : ""},
                                     {"Status", batch.status},
                                     {"subscribernumber", number},
                                     {"error", batch.status == "Rejected" ? rejects : ""},
                                     {"serviceCharacteristic",
                                      base::json::array{{{"name", "SIM"}, {"value", sim}}}}}}});
        }
        return answered(200, base::json::serialize(entries));
    }

    http::ClientResponse list(const Call& call) const {
        base::json::array rows;
        const std::size_t page = std::stoul(call.headers.front().second);
        std::size_t place = 0;
        for (const auto& [number, line] : lines) {
            if (place++ / page_rows + 1 != page) continue;
            rows.push_back(base::json::object{{"billingAccountNumber", kBan},
                                              {"subscriberNumber", number},
                                              {"subscriberNumberStatus", "A"}});
        }
        http::ClientResponse response = answered(200, base::json::serialize(rows));
        response.headers = {
            {"page-total", std::to_string((lines.size() + page_rows - 1) / page_rows)},
            {"refresh-timestamp", base::to_iso8601(list_made_at.value_or(now))}};
        return response;
    }

    http::ClientResponse line_call(const Call& call, const std::string& number) {
        const auto found = lines.find(number);
        if (found == lines.end()) return answered(404, R"({"id":"x","description":"unknown"})");
        ModelLine& line = found->second;
        if (call.changes_state) {
            const auto body = base::parse_json(call.body);
            for (const auto& item : body->at("serviceCharacteristic").as_array()) {
                EXPECT_EQ(item.at("name").as_string(), "removeOfferingCode");
                line.features.erase(item.at("value").as_string().c_str());
            }
        }
        base::json::array list = {{{"name", "subscriberStatus"}, {"value", "A"}},
                                  {{"name", "sim"}, {"value", line.sim}}};
        for (const std::string& code : line.features) {
            list.push_back(
                {{"name", "offeringCode" + std::to_string(list.size())}, {"value", code}});
        }
        return answered(200, base::json::serialize(base::json::object{
                                 {"subscriberNumber", number}, {"serviceCharacteristic", list}}));
    }

    http::ClientResponse offer_addresses(const Call& call) {
        const auto body = base::parse_json(whole_body(call));
        base::json::array records;
        for (std::int64_t i = body->at("ipQuantity").as_int64(); i > 0 && !pool.empty(); --i) {
            records.push_back(base::json::object{{"ipAddress", pool.front()}});
            pool.erase(pool.begin());
        }
        return answered(200, base::json::serialize(base::json::object{
                                 {"ipAddressRecords", records},
                                 {"message", records.empty() ? "The pool is used up" : ""}}));
    }

    http::ClientResponse assign(const Call& call) {
        const auto body = base::parse_json(whole_body(call));
        ++address_requests;
        const std::string id = id_of("6e2d", ip_batches.size());
        AddressBatch& batch = ip_batches[id];
        batch.due = now + address_time;
        for (const auto& one : body->at("subscriber").as_array()) {
            batch.numbers.emplace_back(one.at("subscriberNumber").as_string().c_str());
            lines.at(batch.numbers.back()).ip_address =
                one.at("ipAddressRecord").at("ipAddress").as_string().c_str();
        }
        return answered(200, R"({"message":"The request was received. batch-id: )" + id + "\"}");
    }

    http::ClientResponse show_address(const Call& call) const {
        const auto& [name, value] = call.headers.back();
        base::json::array entries;
        for (const auto& [id, batch] : ip_batches) {
            for (const std::string& number : batch.numbers) {
                if (name == "batch-id" ? id != value : number != value) continue;
                const bool is_due = now >= batch.due;
                if (name != "batch-id") entries.clear();  // the newest counts
                entries.push_back(base::json::object{
                    {"batchId", id},
                    {"subscriberNumber", number},
                    {"profileCheck", is_due && fails_addresses ? "Failed" : "Success"},
                    {"ipReservation", "Reserved"},
                    {"profileUpdate", is_due ? "Complete" : "In Progress"},
                    {"ipAddressRecord", {{"ipAddress", lines.at(number).ip_address}}},
                    {"message", fails_addresses ? "no profile" : ""}});
            }
        }
        if (entries.empty()) {
            entries = {{{"batchId", ""}, {"subscriberNumber", value}, {"message", "not found"}}};
        }
        return answered(200, base::json::serialize(entries));
    }
};

// What the engine makes of outcomes: new, waiting, unknown, and after a crash the progress of the
// attempt before.
struct ActivationStory {
    Outcome outcome = Unknown{"not finished"};
    base::json::value progress;
    base::json::object achieved;
    int calls = 0;
    int attempts = 0;
    bool sent_while_waiting = false;
    bool sent_while_unsettled = false;
};

struct ActivationFault {
    int call = -1;
    Fault fault = Fault::none;
};

inline ActivationStory live_through_activation(ActivationModel& model, const Activation& change,
                                               std::vector<ActivationFault> faults = {},
                                               Account account = model_account()) {
    constexpr int kMaxAttempts = 40;
    ActivationStory story;
    Attempt attempt = fresh();
    Line line = sim_in_stock();
    std::optional<base::Instant> sent_at;
    while (story.attempts < kMaxAttempts) {
        ++story.attempts;
        attempt.now = model.now;
        attempt.sent_ago.reset();
        if (sent_at) {
            attempt.sent_ago =
                std::chrono::duration_cast<std::chrono::milliseconds>(model.now - *sent_at);
        }
        attempt.settled = attempt.resolving && sent_at &&
                          *attempt.sent_ago >= carrier().capabilities().settling_time;
        const auto exchange = carrier().exchange(account, line, change, attempt);
        bool crashed = false;
        const Played played =
            play(*exchange, [&](const Call& call) -> std::optional<http::ClientResponse> {
                Fault fault = Fault::none;
                for (const ActivationFault& planned : faults) {
                    if (planned.call == story.calls) fault = planned.fault;
                }
                ++story.calls;
                story.sent_while_waiting |= call.changes_state && attempt.waiting;
                story.sent_while_unsettled |=
                    call.changes_state && attempt.resolving && !attempt.settled;
                if (call.changes_state) sent_at = model.now;
                if (call.shared) exchange->shared_by(1, 0);
                auto response = model.answer(call, fault);
                crashed = !response;
                return response;
            });
        story.outcome = played.outcome;
        const std::string_view kind = kind_of(played.outcome);
        if (!crashed) {
            story.progress = attempt.progress = exchange->progress();
            story.achieved = exchange->achieved();
            const auto* status = story.achieved.if_contains("status");
            if (status != nullptr) line.status = status->as_string().c_str();
        }
        if (kind == "applied" || kind == "refused") return story;
        const auto* unknown = std::get_if<Unknown>(&played.outcome);
        if (unknown != nullptr && unknown->needs_person) return story;
        model.now += kind == "pending"    ? std::get<Pending>(played.outcome).ask_again_after
                     : kind == "advanced" ? std::chrono::seconds(0)
                     : kind == "unknown"  ? std::chrono::seconds(unknown->goes_on ? 0 : 1'800)
                                          : std::chrono::seconds(10);
        const bool was_waiting = attempt.waiting;
        if (crashed && was_waiting) continue;
        attempt.waiting = kind == "pending" || (was_waiting && kind == "not_sent");
        attempt.resolving =
            kind == "unknown" || crashed || (attempt.resolving && kind == "not_sent");
    }
    return story;
}

}  // namespace carryall::carriers::telegence
