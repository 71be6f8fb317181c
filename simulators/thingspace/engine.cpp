// See engine.hpp.
#include "thingspace/engine.hpp"

#include <algorithm>

#include "hash.hpp"
#include "json_text.hpp"
#include "row_guid.hpp"
#include "thingspace/callback_text.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::int64_t kNoticeSeconds = 7 * kSecondsPerDay;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerMilli = 1'000;
constexpr std::uint64_t kJobSalt = 0x0b5e;

std::string_view service_of(Action action) {
    if (action == Action::suspension_status) return "DeviceSuspensionStatus";
    if (action == Action::resume_notice) return "ResumeTrackingNotification";
    return "CarrierService";
}

bool is_nth(std::uint64_t count, std::int64_t every) {
    return every > 0 && count % static_cast<std::uint64_t>(every) == 0;
}

bool has_suffix(std::string_view text, std::string_view suffix) {
    return !suffix.empty() && text.ends_with(suffix);
}

}  // namespace

Engine::Engine(World& world, const Knobs& knobs, std::uint64_t seed)
    : world_(world), knobs_(knobs), seed_(mix(seed ^ kJobSalt)) {}

void Engine::clear() {
    ++generation_;
    jobs_ = std::vector<Job>();
    due_ = {};
    deliveries_ = {};
    free_deliveries_ = {};
    counts_ = {};
    devices_waiting_ = device_calls_ = callbacks_ = 0;
}

std::uint32_t Engine::open(const Order& order, std::uint32_t devices) {
    Job& job = jobs_.emplace_back();
    job.order = order;
    job.devices = job.left = devices;
    return static_cast<std::uint32_t>(jobs_.size() - 1);
}

void Engine::append_request_id(std::string& out, std::uint32_t job) const {
    append_row_guid(out, seed_, job);
}

std::uint32_t Engine::find_job(std::string_view request_id) const {
    const std::uint32_t row = row_of_guid(request_id, seed_);
    return row < jobs_.size() ? row : kNoRow;
}

std::uint32_t Engine::find_line(const GivenIds& ids) const {
    if ((ids.given & kGivenIccid) != 0) {
        return ids.iccid != 0 ? world_.lines.find_iccid(ids.iccid) : kNoRow;
    }
    if (ids.imei != 0) return world_.lines.find_imei(ids.imei);
    return ids.mdn != 0 ? world_.lines.find_mdn(ids.mdn) : kNoRow;
}

std::uint32_t Engine::note_stranger(std::uint32_t job, const GivenIds& ids) {
    auto& strangers = jobs_[job].details().strangers;
    Stranger& stranger = strangers.emplace_back();
    append_json(stranger.ids, *ids.json);
    if (ids.iccid != 0)
        append_iccid(stranger.key, ids.iccid);
    else if (ids.imei != 0)
        append_digits(stranger.key, ids.imei);
    else
        stranger.key = "unknown";
    return static_cast<std::uint32_t>(strangers.size() - 1) | kStranger;
}

// The line of an activation, made when the account may; kNoRow: there is none, and `fault` says
// why.
std::uint32_t Engine::line_to_activate(std::uint32_t job, std::uint32_t row, const GivenIds& ids,
                                       DeviceFault& fault, Moment now) {
    const Order& order = jobs_[job].order;
    Lines& lines = world_.lines;
    const bool imei_is_taken = ids.imei != 0 && lines.find_imei(ids.imei) != kNoRow;
    if (row == kNoRow) {
        if (ids.iccid == 0 || (ids.imei == 0 && !order.names_sku))
            fault = DeviceFault::bad_identifier;
        else if (!world_.accounts.accounts[order.account].provisioning_allowed)
            fault = DeviceFault::not_found;
        else if (imei_is_taken)
            fault = DeviceFault::in_use;
        if (fault != DeviceFault::none) return kNoRow;
        row = lines.add(ids.iccid, ids.imei, now.seconds());
        if (row == kNoRow)
            fault = DeviceFault::network;
        else
            lines.rows[row].account = order.account;
        return row;
    }
    const Line& line = lines.rows[row];
    const bool may_change = line.state == LineState::preactive || line.state == LineState::deactive;
    if (line.account != order.account || !may_change || ids.imei == 0 || line.imei == ids.imei) {
        return row;
    }
    if (imei_is_taken) {
        fault = DeviceFault::in_use;
    } else {
        lines.remember(row, now.micros);
        lines.set_imei(row, ids.imei);
    }
    return row;
}

void Engine::begin_activation(std::uint32_t job, std::uint32_t row, Moment now) {
    Line& line = world_.lines.rows[row];
    const bool may_start = line.state == LineState::preactive || line.state == LineState::deactive;
    if (!may_start || line.account != jobs_[job].order.account) return;
    world_.lines.remember(row, now.micros);
    line.state_before_pending = line.state;
    line.state = LineState::pending;
    line.pending_job = job;
}

void Engine::take(std::uint32_t job, const GivenIds& ids, Moment now) {
    DeviceFault fault = DeviceFault::none;
    std::uint32_t row = find_line(ids);
    if (jobs_[job].order.action == Action::activate) {
        row = line_to_activate(job, row, ids, fault, now);
        if (row != kNoRow && fault == DeviceFault::none) begin_activation(job, row, now);
    }
    if (row != kNoRow) return enqueue(job, row, ids.given, fault, now);
    if (fault == DeviceFault::none) fault = DeviceFault::not_found;
    enqueue(job, note_stranger(job, ids), ids.given, fault, now);
}

void Engine::take_line(std::uint32_t job, std::uint32_t row, std::uint8_t given, Moment now) {
    enqueue(job, row, given, DeviceFault::none, now);
}

// Actions of one line stay in the order in which they were asked for.
void Engine::enqueue(std::uint32_t job, std::uint32_t target, std::uint8_t given, DeviceFault fault,
                     Moment now) {
    Job& asked = jobs_[job];
    const std::uint32_t place = asked.taken++;
    const std::uint64_t dice = mix(seed_ ^ mix((std::uint64_t{job} << 32) | target));
    const std::int64_t spread = (knobs_.delay_max_millis - knobs_.delay_min_millis) * 1000;
    std::int64_t delay = knobs_.delay_min_millis * kMicrosPerMilli;
    if (knobs_.callback_first_millis > 0)
        delay = 0;
    else if (knobs_.shuffle)
        delay += static_cast<std::int64_t>(dice % static_cast<std::uint64_t>(spread + 1));
    else
        delay += spread * place / asked.devices;
    Work work;
    work.due_micros = now.micros + delay;
    work.order = knobs_.shuffle ? static_cast<std::uint32_t>(dice >> 32) : place;
    work.job = job;
    work.target = target;
    work.given = given;
    work.fault = fault;
    if ((target & kStranger) == 0) {
        Line& line = world_.lines.rows[target];
        work.due_micros = std::max(work.due_micros, line.busy_until_micros + 1);
        line.busy_until_micros = work.due_micros;
    }
    if (asked.devices == 1) {
        asked.first_target = target;
    } else if (asked.devices <= kMaxListedResults) {
        asked.details().results.push_back({target, false, DeviceFault::none});
    }
    ++devices_waiting_;
    due_.push(work);
}

std::int64_t Engine::next_due_micros() const {
    return due_.empty() ? INT64_MAX : due_.top().due_micros;
}

bool Engine::run_due(Moment now, std::size_t limit) {
    while (!due_.empty() && due_.top().due_micros <= now.micros) {
        if (limit-- == 0) return true;
        const Work work = due_.top();
        due_.pop();
        run(work, {work.due_micros});
    }
    return false;
}

void Engine::run(const Work& work, Moment now) {
    switch (work.kind) {
        case WorkKind::device:
            return run_device(work, now);
        case WorkKind::resume_notice:
            return run_resume_notice(work, now);
        case WorkKind::auto_restore:
            return run_auto_restore(work, now);
        case WorkKind::retry:
            break;
    }
    Registration& registration = world_.accounts.registrations[deliveries_[work.job].registration];
    if (registration.active) {
        registration.ready.push_back(work.job);
    } else {
        ++counts_.failed;
        drop_delivery(work.job);
    }
}

bool Engine::network_fails(const Order& order, std::string_view key) {
    if (order.action == Action::suspension_status) return false;
    return is_nth(++device_calls_, knobs_.fail_every_nth) || has_suffix(key, knobs_.fail_suffix);
}

void Engine::run_device(const Work& work, Moment now) {
    --devices_waiting_;
    Job& job = jobs_[work.job];
    const Order& order = job.order;
    const bool is_line = (work.target & kStranger) == 0;
    std::string& key = key_;
    key.clear();
    Delivery delivery;
    Outcome outcome{work.fault, false};
    if (is_line) {
        Line& line = world_.lines.rows[work.target];
        append_iccid(key, line.iccid);
        delivery.mdn = line.mdn;
        if (work.fault == DeviceFault::none) {
            outcome = carry_out(world_, knobs_, order, work.job, work.target,
                                network_fails(order, key), now);
        }
        if (line.mdn != 0) delivery.mdn = line.mdn;
        delivery.plan = line.plan;
        const SuspendDays days = suspend_days(world_, knobs_, line, now);
        delivery.days_used = static_cast<std::uint16_t>(days.used);
        delivery.days_allowed = static_cast<std::uint16_t>(days.allowed);
        delivery.resume_seconds = resume_seconds(world_, knobs_, line);
    } else {
        key = job.detail->strangers[work.target & ~kStranger].key;
    }
    --job.left;
    if (outcome.fault != DeviceFault::none) ++job.failed;
    if (job.detail != nullptr) {
        for (DeviceResult& result : job.detail->results) {
            if (result.target == work.target && !result.done) {
                result = {work.target, true, outcome.fault};
                break;
            }
        }
    }
    guid_.clear();
    append_request_id(guid_, work.job);
    record(order.action, key, guid_, outcome, work.target, now);
    if (order.action == Action::suspend && outcome.changed) schedule_restore(work.target, now);
    delivery.job = work.job;
    delivery.target = work.target;
    delivery.action = order.action;
    delivery.fault = outcome.fault;
    delivery.given = work.given;
    deliver(order.account, key, delivery);
}

void Engine::record(Action action, std::string_view key, std::string_view request_id,
                    const Outcome& outcome, std::uint32_t row, Moment now) {
    text_.clear();
    JsonObject fields(text_);
    if (!request_id.empty()) fields.add("requestId", request_id);
    if (outcome.fault != DeviceFault::none) {
        fields.add("faultcode", code_of(outcome.fault));
        fields.add("faultstring", message_of(outcome.fault));
    } else {
        const Line& line = world_.lines.rows[row];
        fields.add("account", world_.accounts.accounts[line.account].name);
        fields.add("state", name_of(line.state));
        fields.add("servicePlan", world_.accounts.plans[line.plan].code);
        if (line.mdn != 0) {
            append_mdn(fields.add_raw("mdn") += '"', line.mdn);
            text_ += '"';
        }
        if (action == Action::device_id) fields.add("iccid", iccid_text(line.iccid));
    }
    fields.close();
    LedgerEntry entry;
    entry.micros = now.micros;
    entry.system = "thingspace";
    entry.method = "CLOCK";
    entry.path = path_of(action);
    entry.action = ledger_word(action);
    entry.key = key;
    entry.fields = text_;
    entry.performed = outcome.fault == DeviceFault::none && action != Action::suspension_status;
    entry.changed = outcome.changed;
    ledger_->append(entry);
}

// The notice goes out a week ahead, and then the restore itself is put into the queue.
void Engine::schedule_restore(std::uint32_t row, Moment now) {
    const Line& line = world_.lines.rows[row];
    const std::int64_t end = resume_seconds(world_, knobs_, line) * kMicrosPerSecond;
    Work work;
    work.due_micros = std::max(now.micros, end - kNoticeSeconds * kMicrosPerSecond);
    work.job = line.last_suspension;
    work.target = row;
    work.kind = WorkKind::resume_notice;
    due_.push(work);
}

void Engine::run_resume_notice(const Work& work, Moment now) {
    const Line& line = world_.lines.rows[work.target];
    if (line.state != LineState::suspend || line.last_suspension != work.job) return;
    const std::uint32_t end = resume_seconds(world_, knobs_, line);
    Work restore = work;
    restore.kind = WorkKind::auto_restore;
    restore.due_micros = std::max(now.micros, end * kMicrosPerSecond);
    due_.push(restore);
    Delivery delivery;
    delivery.target = work.target;
    delivery.mdn = line.mdn;
    delivery.action = Action::resume_notice;
    delivery.resume_seconds = end;
    deliver(line.account, iccid_text(line.iccid), delivery);
}

void Engine::run_auto_restore(const Work& work, Moment now) {
    if (!restore_by_itself(world_, work.target, work.job, now)) return;
    record(Action::auto_restore, iccid_text(world_.lines.rows[work.target].iccid), {},
           {DeviceFault::none, true}, work.target, now);
}

void Engine::deliver(std::uint16_t account, std::string_view key, const Delivery& delivery) {
    Registration* registration =
        world_.accounts.find_registration(account, service_of(delivery.action));
    if (registration == nullptr || !registration->active) {
        // Nobody expects to hear of what nobody asked for.
        if (delivery.job != kNoRow) ++counts_.unregistered;
        return;
    }
    ++callbacks_;
    if (is_nth(callbacks_, knobs_.drop_every_nth) || has_suffix(key, knobs_.drop_suffix)) {
        ++counts_.dropped;
        return;
    }
    put_ready(delivery, *registration);
    if (is_nth(callbacks_, knobs_.duplicate_every_nth)) {
        ++counts_.duplicated;
        put_ready(delivery, *registration);
    }
}

void Engine::put_ready(const Delivery& delivery, Registration& registration) {
    std::uint32_t number = 0;
    if (free_deliveries_.empty()) {
        number = static_cast<std::uint32_t>(deliveries_.size());
        deliveries_.push_back(delivery);
    } else {
        number = free_deliveries_.back();
        free_deliveries_.pop_back();
        deliveries_[number] = delivery;
    }
    deliveries_[number].registration = registration.place;
    registration.ready.push_back(number);
}

void Engine::write_callback(std::uint32_t number, std::string& body) {
    Delivery& delivery = deliveries_[number];
    ++delivery.tries;
    ++counts_.sent;
    guid_.clear();
    const Job* job = delivery.job == kNoRow ? nullptr : &jobs_[delivery.job];
    if (job != nullptr) append_request_id(guid_, delivery.job);
    append_callback(
        body, {world_, knobs_, world_.accounts.registrations[delivery.registration], delivery, job,
               guid_, mix(~seed_ ^ mix((std::uint64_t{delivery.job} << 32) | delivery.target))});
}

void Engine::settle(std::uint64_t ticket, bool acknowledged, Moment now) {
    const auto number = static_cast<std::uint32_t>(ticket);
    if (ticket >> 32 != generation_) return;
    if (acknowledged) {
        ++counts_.acknowledged;
        return drop_delivery(number);
    }
    ++counts_.refused;
    if (deliveries_[number].tries >= kCallbackTries) {
        ++counts_.failed;
        return drop_delivery(number);
    }
    Work work;
    work.due_micros = now.micros + knobs_.retry_millis * kMicrosPerMilli;
    work.order = number;
    work.job = number;
    work.kind = WorkKind::retry;
    due_.push(work);
}

void Engine::forget_waiting(Registration& registration) {
    for (const std::uint32_t number : registration.ready) {
        ++counts_.unregistered;
        drop_delivery(number);
    }
    registration.ready.clear();
}

void Engine::append_counts(std::string& out) const {
    const auto add = [](JsonObject& object, std::string_view name, std::uint64_t value) {
        object.add_integer(name, static_cast<std::int64_t>(value));
    };
    JsonObject counts(out);
    add(counts, "sent", counts_.sent);
    add(counts, "acknowledged", counts_.acknowledged);
    add(counts, "refused", counts_.refused);
    add(counts, "failed", counts_.failed);
    add(counts, "dropped", counts_.dropped);
    add(counts, "duplicated", counts_.duplicated);
    add(counts, "unregistered", counts_.unregistered);
    add(counts, "waiting", deliveries_.size() - free_deliveries_.size());
    add(counts, "devicesWaiting", devices_waiting_);
    counts.close();
}

}  // namespace carryall::simulators::thingspace
