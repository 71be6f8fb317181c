// See dispatcher.hpp.
#include "dispatcher.hpp"

#include "admin.hpp"

namespace carryall::simulators {
namespace {

// One a thread, so that strings keep their capacity from request to request.
Call& thread_call() {
    thread_local Call call;
    call.clear();
    return call;
}

bool is_below(std::string_view path, std::string_view base) {
    return path.size() > base.size() && path.substr(0, base.size()) == base &&
           path[base.size()] == '/';
}

void perform_or_refuse(System& system, const Request& request, Call& call, Reply& reply,
                       const RouteMatch& match, bool executes) {
    if (match.route == nullptr) {
        reply.status = match.path_exists ? 405 : 404;
        if (match.path_exists) {
            const std::string_view rest = request.path.substr(system.base_path().size());
            reply.add_header("Allow", system.router().allowed(rest));
        }
        system.write_error(
            reply.status, match.path_exists ? "Method not allowed." : "Resource not found.", reply);
    } else if (executes) {
        system.perform(request, call, reply);
    }
}

bool sends_an_answer(const Reply& reply) {
    return reply.delivery == Delivery::send || reply.delivery == Delivery::send_half;
}

}  // namespace

Dispatcher::Dispatcher(std::vector<std::unique_ptr<System>> systems, Ledger& ledger, Clock& clock)
    : ledger_(ledger), clock_(clock), admin_(std::make_unique<Admin>(*this, ledger, clock)) {
    for (auto& system : systems) {
        systems_.push_back(std::make_unique<SystemSlot>());
        systems_.back()->system = std::move(system);
        systems_.back()->system->start(ledger_, systems_.back()->mutex);
    }
}

Dispatcher::~Dispatcher() {
    stop();
}

void Dispatcher::stop() {
    for (auto& slot : systems_) slot->system->stop();
}

SystemSlot* Dispatcher::find(std::string_view name) {
    for (auto& slot : systems_) {
        if (slot->system->name() == name) return slot.get();
    }
    return nullptr;
}

void Dispatcher::handle(const Request& request, Reply& reply, bool resumed) {
    reply.clear();
    for (auto& slot : systems_) {
        if (is_below(request.path, slot->system->base_path())) {
            return dispatch(*slot, request, reply, resumed);
        }
    }
    if (is_below(request.path, "/_sim")) return admin_->handle(request, reply);
    reply.status = 404;
    reply.body = R"({"error":"no system is played at this path"})";
}

void Dispatcher::tick() {
    let_time_pass();
    ledger_.flush();
}

void Dispatcher::let_time_pass() {
    for (auto& slot : systems_) {
        const std::lock_guard lock(slot->mutex);
        let_time_pass(*slot, clock_.now_micros());
    }
}

void Dispatcher::let_time_pass(SystemSlot& slot, std::int64_t now_micros) {
    thread_local std::vector<Happening> happened;
    do {
        happened.clear();
        slot.system->let_time_pass(now_micros, happened);
        for (const Happening& happening : happened) {
            LedgerEntry entry;
            entry.micros = happening.micros;
            entry.system = slot.system->name();
            entry.method = "CLOCK";
            entry.path = happening.path;
            entry.action = happening.action;
            entry.key = happening.key;
            entry.fields = happening.fields;
            entry.performed = happening.performed;
            entry.changed = happening.changed;
            ledger_.append(entry);
        }
    } while (!happened.empty());
}

void Dispatcher::dispatch(SystemSlot& slot, const Request& request, Reply& reply, bool resumed) {
    System& system = *slot.system;
    Call& call = thread_call();
    call.now_micros = clock_.now_micros();
    const std::lock_guard lock(slot.mutex);
    let_time_pass(slot, call.now_micros);
    const RouteMatch match =
        system.router().match(request.method, request.path.substr(system.base_path().size()));
    if (match.route != nullptr) {
        call.endpoint = match.route->endpoint;
        call.action = match.route->action;
        call.writes = match.route->writes;
        call.params = match.params;
        system.identify(request, call);
    }
    Fault fault;
    if (resumed || system.admit(request, call, reply)) {
        if (resumed)
            fault.kind = FaultKind::execute_late;
        else if (match.route != nullptr)
            fault = slot.faults.decide(call);
        if (fault.kind == FaultKind::execute_late && !resumed) {
            reply.delivery = Delivery::park;
            reply.delay_micros = fault.micros + fault.latency_micros;
            system.holds_answer_until(call.now_micros + reply.delay_micros);
            return;  // the ledger hears of it when it runs
        }
        if (fault.kind == FaultKind::stale_read) call.stale_micros = fault.micros;
        perform_or_refuse(system, request, call, reply, match, fault.executes);
        if (fault.kind != FaultKind::none) spoil_reply(fault, system, reply);
        if (!reply.refuse_new_connections) reply.delay_micros += fault.latency_micros;
        if (reply.delay_micros > 0 && !reply.refuse_new_connections && !resumed) {
            system.holds_answer_until(call.now_micros + reply.delay_micros);
        }
    }
    system.decorate(request, reply);

    LedgerEntry entry;
    entry.micros = call.now_micros;
    entry.arrived_micros = request.arrived_micros;
    entry.delay_micros = reply.refuse_new_connections ? 0 : reply.delay_micros;
    entry.system = system.name();
    entry.method = request.method_text;
    entry.path = request.target;
    entry.request_id = request.header("RequestId");
    entry.action = call.action;
    entry.key = call.key;
    entry.fields = call.fields;
    entry.body = request.body;
    entry.performed = call.performed;
    entry.changed = call.changed;
    entry.status = sends_an_answer(reply) ? reply.status : 0;
    entry.fault = fault.kind != FaultKind::none ? name_of(fault.kind)
                  : fault.latency_micros > 0    ? name_of(FaultKind::latency)
                                                : std::string_view{};
    ledger_.append(entry);
}

}  // namespace carryall::simulators
