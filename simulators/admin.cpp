// See admin.hpp.
#include "admin.hpp"

#include <algorithm>

#include "dispatcher.hpp"
#include "json_text.hpp"
#include "query.hpp"

namespace carryall::simulators {
namespace {

constexpr std::int64_t kMaxAdvanceMillis = std::int64_t{400} * 86'400'000;

void say_ok(Reply& reply) {
    reply.body = R"({"ok":true})";
}

}  // namespace

void refuse_admin(Reply& reply, int status, std::string_view message) {
    reply.status = status;
    reply.body.clear();
    JsonObject error(reply.body);
    error.add("error", message);
    error.close();
}

void Admin::handle(const Request& request, Reply& reply) {
    const std::string_view path = request.path.substr(std::string_view("/_sim/").size());
    dispatcher_.let_time_pass();
    if (path == "health" && request.method == Method::get) {
        reply.body = R"({"ok":true})";
    } else if (path == "faults" && request.method == Method::post) {
        set_faults(request, reply);
    } else if (path == "faults" && request.method == Method::get) {
        list_faults(reply);
    } else if (path == "faults" && request.method == Method::del) {
        clear_faults();
        say_ok(reply);
    } else if (path == "clock" && request.method == Method::post) {
        advance_clock(request, reply);
    } else if (path == "reset" && request.method == Method::post) {
        reset(reply);
    } else if (!handle_ledger(request, path, reply)) {
        const std::size_t slash = path.find('/');
        SystemSlot* slot = dispatcher_.find(path.substr(0, slash));
        if (slot == nullptr || slash == std::string_view::npos) {
            return refuse_admin(reply, 404, "no such admin route");
        }
        const std::lock_guard lock(slot->mutex);
        if (!slot->system->administer(request, path.substr(slash + 1), reply)) {
            refuse_admin(reply, 404, "no such admin route of this system");
        }
    }
}

bool Admin::handle_ledger(const Request& request, std::string_view path, Reply& reply) {
    const Query query(request.query);
    const std::string_view system = query.first("system").value_or("");
    if (path == "ledger" && request.method == Method::get) {
        const auto since = query.integer("since", 0);
        const auto limit = query.integer("limit", kMaxLedgerLinesAtOnce);
        if (!since || *since < 0 || !limit || *limit < 1) {
            refuse_admin(reply, 400, "since and limit must be positive numbers");
            return true;
        }
        reply.content_type = "application/x-ndjson";
        const std::uint64_t last = ledger_.read_since(
            static_cast<std::uint64_t>(*since), system,
            std::min(static_cast<std::uint64_t>(*limit), kMaxLedgerLinesAtOnce), reply.body);
        reply.add_header("Sim-Last-Seq", std::to_string(last));
    } else if (path == "ledger/summary" && request.method == Method::get) {
        ledger_.append_summary(reply.body);
    } else if (path == "ledger/repeats" && request.method == Method::get) {
        const auto over = query.integer("over", 1);
        ledger_.append_repeats(
            system, query.first("action").value_or(""),
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, over.value_or(1))), reply.body);
    } else if (path == "ledger/flush" && request.method == Method::post) {
        ledger_.flush();
        say_ok(reply);
    } else {
        return false;
    }
    return true;
}

void Admin::set_faults(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const std::string_view name = body == nullptr ? "" : text_at(*body, "system").value_or("");
    SystemSlot* slot = dispatcher_.find(name);
    const auto* rules = body == nullptr ? nullptr : find(*body, "rules");
    if (slot == nullptr || rules == nullptr || !rules->is_array()) {
        return refuse_admin(reply, 400,
                            "expected {\"system\": ..., \"seed\": ..., \"rules\": [...]}");
    }
    const std::int64_t seed = integer_at(*body, "seed").value_or(1);
    const std::lock_guard lock(slot->mutex);
    const std::string wrong =
        slot->faults.load(static_cast<std::uint64_t>(seed), rules->get_array());
    if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    slot->system->keep_history(slot->faults.reads_the_past());
    say_ok(reply);
}

void Admin::list_faults(Reply& reply) {
    JsonObject list(reply.body);
    for (auto& slot : dispatcher_.systems()) {
        const std::lock_guard lock(slot->mutex);
        slot->faults.append_state(list.add_raw(slot->system->name()));
    }
    list.close();
}

void Admin::clear_faults() {
    for (auto& slot : dispatcher_.systems()) {
        const std::lock_guard lock(slot->mutex);
        slot->faults.clear();
        slot->system->keep_history(false);
    }
}

void Admin::advance_clock(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto millis = body == nullptr ? std::nullopt : integer_at(*body, "advanceMs");
    if (!millis || *millis < 0 || *millis > kMaxAdvanceMillis) {
        return refuse_admin(reply, 400, "expected {\"advanceMs\": positive number}");
    }
    clock_.advance(*millis * kMicrosPerMilli);
    dispatcher_.let_time_pass();
    if (on_time_moved) on_time_moved();
    say_ok(reply);
}

void Admin::reset(Reply& reply) {
    clear_faults();
    for (auto& slot : dispatcher_.systems()) {
        const std::lock_guard lock(slot->mutex);
        slot->system->reset();
    }
    ledger_.mark_reset(clock_.now_micros());
    say_ok(reply);
}

}  // namespace carryall::simulators
