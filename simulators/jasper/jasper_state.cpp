// See jasper_state.hpp.
#include "jasper/jasper_state.hpp"

#include <algorithm>

#include "hash.hpp"
#include "jasper/jasper_dates.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::size_t kFirstIndexCells = 1024;
constexpr std::size_t kMaxImagesPerDevice = 64;
constexpr std::size_t kLowDigits = 18;
constexpr std::size_t kMaxDigits = 22;
constexpr std::uint64_t kLowLimit = 1'000'000'000'000'000'000ULL;
constexpr std::uint32_t kLengthBase = 100;  // head = leading digits * 100 + number of digits

void append_padded(std::string& out, std::uint64_t value, std::size_t width) {
    char digits[20];
    for (std::size_t i = width; i > 0; --i, value /= 10) {
        digits[i - 1] = static_cast<char>('0' + value % 10);
    }
    out.append(digits, width);
}

}  // namespace

std::optional<Iccid> Iccid::parse(std::string_view text) {
    if (text.size() < kLowDigits || text.size() > kMaxDigits) return std::nullopt;
    std::uint32_t lead = 0;
    Iccid iccid;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        const auto digit = static_cast<unsigned>(text[i] - '0');
        if (i + kLowDigits < text.size())
            lead = lead * 10 + digit;
        else
            iccid.low = iccid.low * 10 + digit;
    }
    iccid.head = lead * kLengthBase + static_cast<std::uint32_t>(text.size());
    return iccid;
}

void Iccid::append(std::string& out) const {
    append_padded(out, head / kLengthBase, head % kLengthBase - kLowDigits);
    append_padded(out, low, kLowDigits);
}

Iccid Iccid::plus(std::uint64_t count) const {
    Iccid next = *this;
    next.low += count;
    if (next.low >= kLowLimit) {
        next.low -= kLowLimit;
        next.head += kLengthBase;
    }
    return next;
}

std::string_view name_of(AuditStatus status) {
    switch (status) {
        case AuditStatus::completed:
            return "Completed";
        case AuditStatus::scheduled:
            return "Scheduled";
        case AuditStatus::failed:
            break;
    }
    return "Failed";
}

JasperState::JasperState() {
    reset();
}

void JasperState::reset() {
    devices = {};
    audits = {};
    accounts.clear();
    dropped_audit_rows = 0;
    text_ids_.clear();
    texts_.clear();
    status_names_.clear();
    status_texts_.clear();
    transitions_.clear();
    index_.assign(kFirstIndexCells, kNoRow);
    cells_ = {};
    scheduled_ = {};
    next_order_ = 0;
    usage_.clear();
    history_.clear();
    intern("");
    for (const std::string_view name : kStatuses) add_status(name);
    add_catalogue();
}

void JasperState::add_catalogue() {
    const std::string monthly = "Monthly - Individual Subscriber";
    Account first;
    first.id = "100020003";
    first.operator_name = "default";
    for (const char* plan : {"FLEET 5MB", "FLEET 10MB", "FLEET 50MB", "FLEET 1GB"}) {
        first.rate_plans.push_back({intern(plan), monthly});
    }
    first.rate_plans.push_back({intern("FLEET POOL"), "Monthly - Flexible Pool"});
    for (const char* plan : {"DATA SMS", "DATA ONLY", "DATA SMS VOICE"}) {
        first.communication_plans.push_back(intern(plan));
    }
    first.customers = {intern("North Cold Chain"), intern("Harbour Meters")};
    add_account(std::move(first));
    Account second;
    second.id = "100020004";
    second.operator_name = "default";
    second.rate_plans.push_back({intern("METER 1MB"), monthly});
    second.communication_plans = {intern("METER DATA"), intern("DATA ONLY")};
    add_account(std::move(second));
}

std::uint32_t JasperState::find_text(std::string_view text) const {
    const auto found = text_ids_.find(text);
    return found == text_ids_.end() ? kNoRow : found->second;
}

std::uint32_t JasperState::intern(std::string_view text) {
    const std::uint32_t known = find_text(text);
    if (known != kNoRow) return known;
    if (texts_.size() >= kMaxTexts) return kNoRow;
    const auto id = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    text_ids_.emplace(texts_.back(), id);
    return id;
}

std::uint32_t JasperState::find_account(std::string_view id) const {
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        if (accounts[i].id == id) return static_cast<std::uint32_t>(i);
    }
    return kNoRow;
}

std::uint32_t JasperState::add_account(Account account) {
    accounts.push_back(std::move(account));
    return static_cast<std::uint32_t>(accounts.size() - 1);
}

bool JasperState::has_rate_plan(const Account& account, std::uint32_t name) const {
    return std::any_of(account.rate_plans.begin(), account.rate_plans.end(),
                       [name](const RatePlan& plan) { return plan.name == name; });
}

bool JasperState::knows_communication_plan(std::uint32_t name) const {
    return std::any_of(accounts.begin(), accounts.end(), [name](const Account& account) {
        const auto& plans = account.communication_plans;
        return std::find(plans.begin(), plans.end(), name) != plans.end();
    });
}

Transitions& JasperState::transitions_of(const std::string& operator_name) {
    return transitions_[operator_name];
}

std::optional<std::uint8_t> JasperState::status_of(std::string_view name) const {
    for (std::size_t i = 0; i < status_names_.size(); ++i) {
        if (status_names_[i] == name) return static_cast<std::uint8_t>(i);
    }
    return std::nullopt;
}

std::optional<std::uint8_t> JasperState::add_status(std::string_view name) {
    const auto known = status_of(name);
    if (known || status_names_.size() == kMaxStatuses || name.empty()) return known;
    status_names_.emplace_back(name);
    status_texts_.push_back(intern(name));
    return static_cast<std::uint8_t>(status_names_.size() - 1);
}

std::size_t JasperState::cell_of(const Iccid& iccid) const {
    const std::size_t mask = index_.size() - 1;
    std::size_t at = mix(iccid.low ^ mix(iccid.head)) & mask;
    while (index_[at] != kNoRow && devices[index_[at]].iccid != iccid) at = (at + 1) & mask;
    return at;
}

std::uint32_t JasperState::find_device(const Iccid& iccid) const {
    return index_[cell_of(iccid)];
}

void JasperState::grow_index() {
    index_.assign(index_.size() * 2, kNoRow);
    for (std::uint32_t i = 0; i < devices.size(); ++i) index_[cell_of(devices[i].iccid)] = i;
}

void JasperState::expect_devices(std::size_t count, std::uint16_t account) {
    devices.reserve(std::min(kMaxDevices, devices.size() + count));
    accounts[account].log.reserve(accounts[account].log.places() + count);
    while (index_.size() < 2 * std::min(kMaxDevices, devices.size() + count)) grow_index();
}

std::uint32_t JasperState::add_device(const DeviceRow& row, std::int64_t now_micros) {
    if (devices.size() >= kMaxDevices || find_device(row.iccid) != kNoRow) return kNoRow;
    if ((devices.size() + 1) * 2 > index_.size()) grow_index();
    const auto device = static_cast<std::uint32_t>(devices.size());
    devices.push_back(row);
    index_[cell_of(row.iccid)] = device;
    ChangeLog& log = accounts[row.account].log;
    devices[device].place = log.append(device, now_micros);
    devices[device].updated_micros = log.last_micros();
    return device;
}

void JasperState::remove_device(std::uint32_t device) {
    if (devices[device].removed) return;
    devices[device].removed = true;
    accounts[devices[device].account].log.remove(devices[device].place);
}

std::uint32_t JasperState::value_of(std::uint32_t device, Field field) const {
    const DeviceRow& row = devices[device];
    switch (field) {
        case Field::status:
            return status_texts_[row.status];
        case Field::rate_plan:
            return row.rate_plan;
        case Field::communication_plan:
            return row.communication_plan;
        case Field::customer:
            return row.customer;
        default:
            break;
    }
    for (std::uint32_t at = row.first_cell; at != kNoRow; at = cells_[at].next) {
        if (cells_[at].field == field) return cells_[at].value;
    }
    return kNoText;
}

Values JasperState::values_of(std::uint32_t device) const {
    Values values{};
    const DeviceRow& row = devices[device];
    values[static_cast<std::size_t>(Field::status)] = status_texts_[row.status];
    values[static_cast<std::size_t>(Field::rate_plan)] = row.rate_plan;
    values[static_cast<std::size_t>(Field::communication_plan)] = row.communication_plan;
    values[static_cast<std::size_t>(Field::customer)] = row.customer;
    for (std::uint32_t at = row.first_cell; at != kNoRow; at = cells_[at].next) {
        values[static_cast<std::size_t>(cells_[at].field)] = cells_[at].value;
    }
    return values;
}

void JasperState::set_value(std::uint32_t device, Field field, std::uint32_t value) {
    DeviceRow& row = devices[device];
    switch (field) {
        case Field::status:
            row.status = static_cast<std::uint8_t>(
                std::find(status_texts_.begin(), status_texts_.end(), value) -
                status_texts_.begin());
            return;
        case Field::rate_plan:
            row.rate_plan = value;
            return;
        case Field::communication_plan:
            row.communication_plan = value;
            return;
        case Field::customer:
            row.customer = value;
            return;
        default:
            break;
    }
    for (std::uint32_t at = row.first_cell; at != kNoRow; at = cells_[at].next) {
        if (cells_[at].field != field) continue;
        cells_[at].value = value;
        return;
    }
    if (value == kNoText) return;
    cells_.push_back({value, row.first_cell, field});
    row.first_cell = static_cast<std::uint32_t>(cells_.size() - 1);
}

void JasperState::touch(std::uint32_t device, std::int64_t now_micros) {
    DeviceRow& row = devices[device];
    ChangeLog& log = accounts[row.account].log;
    if (row.removed) return;
    log.remove(row.place);
    row.place = log.append(device, now_micros);
    row.updated_micros = log.last_micros();
    if (log.has_too_many_holes()) {
        log.close_holes(
            [this](std::uint32_t moved, std::uint32_t place) { devices[moved].place = place; });
    }
}

std::uint32_t JasperState::add_audit(std::uint32_t device, const AuditRow& row) {
    if (audits.size() >= kMaxAuditRows) {
        ++dropped_audit_rows;
        return kNoRow;
    }
    audits.push_back(row);
    audits.back().older = devices[device].last_audit;
    return devices[device].last_audit = static_cast<std::uint32_t>(audits.size() - 1);
}

bool JasperState::change(std::uint32_t device, Field field, std::uint32_t value,
                         const Author& author) {
    const std::uint32_t prior = value_of(device, field);
    if (prior == value) return false;
    remember(device, author.now_micros);
    set_value(device, field, value);
    DeviceRow& row = devices[device];
    if (row.status == kActivated && row.activated_micros == 0) {
        row.activated_micros = author.now_micros;
    }
    if (author.silent) return true;
    AuditRow audit;
    audit.made_micros = audit.effective_micros = author.now_micros;
    audit.prior = prior;
    audit.value = value;
    audit.user = author.user;
    audit.field = field;
    add_audit(device, audit);
    touch(device, author.now_micros);
    return true;
}

bool JasperState::schedule(std::uint32_t device, Field field, std::uint32_t value,
                           std::int64_t due_micros, const Author& author) {
    if (scheduled_.size() >= kMaxScheduled) return false;
    AuditRow audit;
    audit.made_micros = author.now_micros;
    audit.effective_micros = due_micros;
    audit.prior = value_of(device, field);
    audit.value = value;
    audit.user = author.user;
    audit.field = field;
    audit.status = AuditStatus::scheduled;
    scheduled_.push({due_micros, next_order_++, device, value, add_audit(device, audit), field});
    return true;
}

std::optional<Scheduled> JasperState::take_due(std::int64_t now_micros) {
    if (scheduled_.empty() || scheduled_.top().due_micros > now_micros) return std::nullopt;
    const Scheduled due = scheduled_.top();
    scheduled_.pop();
    return due;
}

// A device that is gone by then keeps what it had.
bool JasperState::settle(const Scheduled& due) {
    const DeviceRow& row = devices[due.device];
    const bool applies = !row.removed && row.status != kPurged && row.status != kReplaced;
    const bool changed = applies && value_of(due.device, due.field) != due.value;
    if (changed) {
        remember(due.device, due.due_micros);
        set_value(due.device, due.field, due.value);
        DeviceRow& after = devices[due.device];
        if (after.status == kActivated && after.activated_micros == 0) {
            after.activated_micros = due.due_micros;
        }
        touch(due.device, due.due_micros);
    }
    if (due.audit != kNoRow) {
        audits[due.audit].status = applies ? AuditStatus::completed : AuditStatus::failed;
    }
    return changed;
}

void JasperState::keep_history(bool on) {
    history_on_ = on;
    if (!on) history_.clear();
}

void JasperState::remember(std::uint32_t device, std::int64_t now_micros) {
    if (!history_on_) return;
    auto& images = history_[device];
    if (images.size() == kMaxImagesPerDevice) images.erase(images.begin());
    images.push_back({now_micros, devices[device], values_of(device)});
}

const DeviceImage* JasperState::image_at(std::uint32_t device, std::int64_t micros) const {
    const auto found = history_.find(device);
    if (found == history_.end()) return nullptr;
    for (const DeviceImage& image : found->second) {
        if (image.until_micros > micros) return &image;
    }
    return nullptr;
}

Usage& JasperState::usage_of(std::uint32_t device, std::int64_t now_micros) {
    usage_[device] = usage_seen(device, now_micros);
    return usage_[device];
}

Usage JasperState::usage_seen(std::uint32_t device, std::int64_t now_micros) const {
    Usage usage;
    const auto found = usage_.find(device);
    if (found != usage_.end()) usage = found->second;
    const std::uint32_t cycle = cycle_of(now_micros);
    if (usage.cycle != cycle) {
        usage.cycle = cycle;
        usage.sms = usage.voice_seconds = usage.sessions = 0;
        usage.bytes = 0;
    }
    return usage;
}

}  // namespace carryall::simulators::jasper
