// Calls on one line, the billing account, and the list of lines.
#include <algorithm>

#include "query.hpp"
#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

constexpr std::size_t kMaxReasonBytes = 16;
constexpr std::int64_t kDefaultPageSize = 250;

std::string_view text_of(const boost::json::value& value) {
    return {value.get_string().data(), value.get_string().size()};
}

std::optional<LineStatus> status_of_mode(std::string_view mode) {
    if (mode == "R") return LineStatus::active;
    if (mode == "S") return LineStatus::suspended;
    if (mode == "C") return LineStatus::cancelled;
    return std::nullopt;
}

bool is_reason(std::string_view text) {
    return !text.empty() && text.size() <= kMaxReasonBytes;
}

// 75001 or 75001-1234.
bool is_zip(std::string_view text) {
    const bool long_form = text.size() == 10 && text[5] == '-';
    return parse_digits(text.substr(0, 5), 5, 5) &&
           (text.size() == 5 || (long_form && parse_digits(text.substr(6), 4, 4)));
}

// A member that is absent or null is empty text. False: something else than text.
bool read_member(const boost::json::object& body, std::string_view name, std::string_view& text) {
    text = {};
    const auto* value = find(body, name);
    if (value == nullptr || value->is_null()) return true;
    if (!value->is_string()) return false;
    text = text_of(*value);
    return true;
}

}  // namespace

void TelegenceSystem::show_line(const Call& call, Reply& reply) {
    const std::uint32_t line = line_of(call, reply);
    if (line == kNoRow) return;
    const LineRow& row = call.stale_micros > 0
                             ? state_.row_at(line, call.now_micros - call.stale_micros)
                             : state_.lines[line];
    append_details(reply.body, row, call.now_micros);
}

void TelegenceSystem::change_line(const Request& request, Call& call, Reply& reply) {
    const std::uint32_t line = line_of(call, reply);
    if (line == kNoRow) return;
    LineRow& row = state_.lines[line];
    if (row.status == LineStatus::cancelled) return fail(reply, 400, "Subscriber is cancelled");
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return fail(reply, 400, "The request body is not a JSON object");
    const Day today = day_of(call.now_micros);
    change_.clear();
    change_.line = line;
    if (!read_change(*body, today)) return fail(reply, 400, wrong_);
    if (!change_.sim.empty() && !knobs_.esim_only_prefix.empty() &&
        telegence::text_of(change_.sim).starts_with(knobs_.esim_only_prefix)) {
        return fail(reply, 404, "/service/");
    }
    const std::string_view conflict = conflict_of(change_);
    if (!conflict.empty()) return fail(reply, 400, conflict);
    const bool later = change_.day > today;
    append_change(call.fields, change_, later);
    call.performed = true;
    if (later) {
        call.changed = true;
        ++row.waiting_changes;
        if (change_.changes_equipment()) ++row.waiting_equipment;
        auto place = static_cast<std::uint32_t>(scheduled_.size());
        if (free_scheduled_.empty()) {
            scheduled_.push_back(change_);
        } else {
            place = free_scheduled_.back();
            free_scheduled_.pop_back();
            scheduled_[place] = change_;
        }
        schedule(micros_of(change_.day), EventKind::change, place);
    } else {
        const LineRow before = row;
        carry_out(change_, call.now_micros);
        call.changed = !(before == row);
    }
    answer_change(reply);
}

// Fills change_. False: wrong_ says what is wrong.
bool TelegenceSystem::read_change(const boost::json::object& body, Day today) {
    std::string_view date;
    std::string_view mode;
    std::string_view reason;
    wrong_ = "effectiveDate, mode and reasonCode must be texts";
    if (!read_member(body, "effectiveDate", date) || !read_member(body, "mode", mode) ||
        !read_member(body, "reasonCode", reason)) {
        return false;
    }
    const auto day = date.empty() ? std::optional(today) : parse_day(date);
    wrong_ = "effectiveDate must be a day as yyyy-MM-ddZ";
    if (!day) return false;
    change_.day = *day;
    if (!mode.empty()) {
        change_.status = status_of_mode(mode);
        wrong_ = "mode must be S, R or C";
        if (!change_.status) return false;
        wrong_ = "reasonCode must have 1 to 16 characters";
        if (!is_reason(reason)) return false;
        change_.reason = state_.texts.number_of(reason);
    }
    const auto* list = find(body, "serviceCharacteristic");
    if (list != nullptr && !read_characteristics(*list)) return false;
    wrong_ = "Nothing to change: neither mode nor a serviceCharacteristic was found";
    return change_.status || change_.plan != kNone || !change_.add.empty() ||
           !change_.remove.empty() || change_.changes_equipment();
}

bool TelegenceSystem::read_characteristics(const boost::json::value& list) {
    wrong_ = "serviceCharacteristic must be an array of {name, value} texts";
    if (!list.is_array()) return false;
    for (const auto& item : list.get_array()) {
        const auto* pair = item.if_object();
        if (pair == nullptr) return false;
        const auto name = text_at(*pair, "name");
        const auto value = text_at(*pair, "value");
        if (!name || !value) return false;
        if (!read_characteristic(*name, *value)) return false;
    }
    return true;
}

bool TelegenceSystem::read_characteristic(std::string_view name, std::string_view value) {
    bool valid = true;
    if (name == "singleUserCode") {
        valid = change_.plan == kNone && (change_.plan = state_.plans.find(value)) != kNone;
    } else if (name == "addOfferingCode" || name == "removeOfferingCode") {
        const std::uint16_t feature = state_.features.find(value);
        valid = feature != kNone;
        (name == "addOfferingCode" ? change_.add : change_.remove).push_back(feature);
    } else if (name == "sim") {
        const auto sim = parse_digits(value, 19, 20);
        valid = sim && change_.sim.empty();
        if (valid) change_.sim = *sim;
    } else if (name == "IMEI") {
        const auto imei = parse_digits(value, 14, 16);
        valid = imei && change_.imei.empty();
        if (valid) change_.imei = *imei;
    } else if (name == "serviceZipCode") {
        valid = is_zip(value);
        if (valid) change_.zip = state_.texts.number_of(value);
    } else if (name == "technologyType") {
        change_.technology = state_.texts.number_of(value);
    } else if (name == "reasonCode") {
        valid = is_reason(value);
        if (valid) change_.equipment_reason = state_.texts.number_of(value);
    } else {
        valid = knobs_.ignores_unknown_names;
    }
    if (!valid) {
        wrong_ = "Invalid, unknown or repeated ";
        wrong_.append(name).append(": ").append(value);
    }
    return valid;
}

// What forbids the change on the line as it is now; empty: nothing.
std::string_view TelegenceSystem::conflict_of(const LineChange& change) const {
    const LineRow& row = state_.lines[change.line];
    if (row.status == LineStatus::cancelled) return "Subscriber is cancelled";
    if (change.status && *change.status == row.status && !knobs_.accepts_repeated_status) {
        return "Subscriber is in that status already";
    }
    if (change.sim.empty() || row.sim == change.sim) return {};
    if (state_.find_live_sim(change.sim) != kNoRow || activations_.is_under_way(change.sim)) {
        return "sim is in use by another subscriber";
    }
    return {};
}

void TelegenceSystem::carry_out(const LineChange& change, std::int64_t now_micros) {
    state_.remember(change.line, now_micros);
    state_.apply(change);
    LineRow& row = state_.lines[change.line];
    if (row.status == LineStatus::cancelled && row.ip_address != 0) {
        ip_pools_.release(row.ip_address);
        row.ip_address = 0;
    }
}

void TelegenceSystem::answer_change(Reply& reply) {
    const LineRow& row = state_.lines[change_.line];
    switch (knobs_.patch_answer) {
        case PatchAnswer::details:
            return append_details(reply.body, row, clock_.now_micros());
        case PatchAnswer::thin: {
            JsonObject thin(reply.body);
            append_number(thin.add_raw("subscriberNumber") += '"', row.number);
            reply.body += '"';
            return thin.close();
        }
        case PatchAnswer::empty:
            return;
        case PatchAnswer::text:
            reply.content_type = "text/plain";
            reply.body = "Request accepted";
    }
}

void TelegenceSystem::show_ban(const Call& call, Reply& reply) {
    const std::uint16_t ban = state_.find_ban(call.params[0]);
    if (ban == kNone || state_.bans[ban].account != account_) {
        return fail(reply, 404, "Billing account was not found");
    }
    const BillingAccount& found = state_.bans[ban];
    JsonObject details(reply.body);
    details.add("id", found.ban);
    details.add("status", found.status);
    JsonObject business(details.add_raw("businessAccount"));
    business.add("fan", found.fan);
    business.close();
    details.close();
}

void TelegenceSystem::list_subscribers(const Request& request, const Call& call, Reply& reply) {
    const std::string_view page_text = request.header("current-page");
    const std::string_view size_text = request.header("page-size");
    const auto page = page_text.empty() ? std::optional<std::int64_t>(1) : parse_integer(page_text);
    auto size = size_text.empty() ? std::optional(kDefaultPageSize) : parse_integer(size_text);
    if (!page || *page < 1 || !size || *size < 1) {
        return fail(reply, 400, "current-page and page-size must be numbers from 1");
    }
    const auto rows = static_cast<std::size_t>(std::min(*size, knobs_.page_cap));
    const std::size_t listed = state_.accounts[account_].listed;
    const std::size_t pages = (listed + rows - 1) / rows;
    page_.clear();
    const auto before = static_cast<std::size_t>(*page - 1);
    if (before < pages) state_.collect_listed(account_, before * rows, rows, page_);
    reply.body += '[';
    for (std::size_t i = 0; i < page_.size(); ++i) {
        const LineRow& row = call.stale_micros > 0
                                 ? state_.row_at(page_[i], call.now_micros - call.stale_micros)
                                 : state_.lines[page_[i]];
        const BillingAccount& ban = state_.bans[row.ban];
        reply.body.append(i > 0 ? "," : "").append("{\"foundationAccountNumber\":\"");
        append_escaped(reply.body, ban.fan);
        append_escaped(reply.body.append("\",\"billingAccountNumber\":\""), ban.ban);
        append_number(reply.body.append("\",\"subscriberNumber\":\""), row.number);
        reply.body.append("\",\"subscriberNumberStatus\":\"") += letter_of(row.status);
        reply.body += "\"}";
    }
    reply.body += ']';
    std::string stamp;
    append_instant(stamp, call.now_micros);
    reply.add_header(recased_header("page-total", knobs_.casing), std::to_string(pages));
    reply.add_header(recased_header("refresh-timestamp", knobs_.casing), stamp);
}

void TelegenceSystem::show_usage(const Call& call, Reply& reply) {
    const std::uint32_t line = line_of(call, reply);
    if (line == kNoRow) return;
    JsonObject usage(reply.body);
    append_number(usage.add_raw("subscriberNumber") += '"', state_.lines[line].number);
    reply.body += '"';
    usage.add_raw("usage") += "[]";
    usage.close();
}

}  // namespace carryall::simulators::telegence
