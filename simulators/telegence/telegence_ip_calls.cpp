// Static IP addresses: reserving, submitting, asking. An answer carries no id field: the batch id
// is the last word of the message.
#include <algorithm>

#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

std::int64_t due_of(const IpBatch& batch, IpStep step) {
    if (step == IpStep::profile_check) return batch.checked_micros;
    return step == IpStep::ip_reservation ? batch.reserved_micros : batch.complete_micros;
}

bool is_done(const IpBatch& batch, const IpEntry& entry, IpStep step, std::int64_t now_micros) {
    const bool reached = entry.fails_at == IpStep::none || entry.fails_at > step;
    return reached && now_micros >= due_of(batch, step);
}

bool has_failed(const IpBatch& batch, const IpEntry& entry, std::int64_t now_micros) {
    return entry.fails_at != IpStep::none && now_micros >= due_of(batch, entry.fails_at);
}

std::string_view reason_of_failure(IpStep step) {
    switch (step) {
        case IpStep::profile_check:
            return "The subscriber's profile cannot have a static address";
        case IpStep::ip_reservation:
            return "The address could not be reserved";
        case IpStep::profile_update:
            return "The subscriber's profile could not be updated";
        case IpStep::none:
            break;
    }
    return "";
}

void append_missing(std::string& out, std::string_view number, std::string_view message) {
    out += '[';
    JsonObject entry(out);
    entry.add("batchId", "");
    entry.add("subscriberNumber", number);
    entry.add("message", message);
    entry.close();
    out += ']';
}

}  // namespace

void TelegenceSystem::reserve_addresses(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto pdp = body == nullptr ? std::nullopt : text_at(*body, "pdpName");
    const auto count = body == nullptr ? std::nullopt : integer_at(*body, "ipQuantity");
    if (!pdp || !ip_pools_.has_pool(*pdp)) return fail(reply, 400, "pdpName is unknown");
    if (!count || *count < 1 || *count > static_cast<std::int64_t>(kMaxIpSubscribers)) {
        return fail(reply, 400, "ipQuantity must be from 1 to 10");
    }
    call.key = *pdp;
    page_.clear();
    ip_pools_.reserve(*pdp, static_cast<std::size_t>(*count), call.now_micros,
                      call.now_micros + knobs_.ip_reservation_seconds * kMicrosPerSecond, account_,
                      page_);
    JsonObject answer(reply.body);
    JsonObject fields(call.fields);
    std::string& records = answer.add_raw("ipAddressRecords");
    std::string& reserved = fields.add_raw("ipAddresses");
    records += '[';
    reserved += '[';
    for (std::size_t i = 0; i < page_.size(); ++i) {
        append_address(records += i > 0 ? ",{\"ipAddress\":\"" : "{\"ipAddress\":\"", page_[i]);
        records += "\",\"ipVersion\":\"IPv4\"}";
        append_address(reserved += i > 0 ? ",\"" : "\"", page_[i]);
        reserved += '"';
    }
    records += ']';
    reserved += ']';
    fields.close();
    answer.add("message", page_.empty() ? "No address of this PDP is free" : "");
    answer.close();
    call.performed = true;
    call.changed = !page_.empty();
}

void TelegenceSystem::submit_ip_batch(const Request& request, Call& call, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return fail(reply, 400, "The request body is not a JSON object");
    const auto pdp = text_at(*body, "pdpName");
    if (!pdp || !ip_pools_.has_pool(*pdp)) return fail(reply, 400, "pdpName is unknown");
    const std::uint16_t ban = state_.find_ban(text_at(*body, "billingAccountNumber").value_or(""));
    if (ban == kNone || state_.bans[ban].account != account_) {
        return fail(reply, 400, "billingAccountNumber is unknown");
    }
    const auto* list = find(*body, "subscriber");
    if (list == nullptr || !list->is_array() || list->get_array().empty() ||
        list->get_array().size() > kMaxIpSubscribers) {
        return fail(reply, 400, "A request must have 1 to 10 entries of subscriber");
    }
    IpBatch batch;
    for (const auto& item : list->get_array()) {
        IpEntry entry;
        const std::string wrong = read_ip_entry(item, *pdp, ban, call.now_micros, entry);
        const bool repeated =
            std::any_of(batch.entries.begin(), batch.entries.end(), [&](const IpEntry& other) {
                return other.line == entry.line || other.address == entry.address;
            });
        if (!wrong.empty() || repeated) {
            return fail(reply, 400,
                        "subscriber " + std::to_string(batch.entries.size()) + ": " +
                            (wrong.empty() ? "number or address is repeated" : wrong));
        }
        batch.entries.push_back(entry);
    }
    batch.account = account_;
    batch.checked_micros = call.now_micros + knobs_.ip_checked_after_seconds * kMicrosPerSecond;
    batch.reserved_micros = call.now_micros + knobs_.ip_reserved_after_seconds * kMicrosPerSecond;
    batch.complete_micros = call.now_micros + knobs_.ip_complete_after_seconds * kMicrosPerSecond;
    JsonObject fields(call.fields);
    std::string& members = fields.add_raw("subscribers");
    for (const IpEntry& entry : batch.entries) {
        members += &entry == &batch.entries.front() ? '{' : ',';
        members += '"';
        append_number(members, state_.lines[entry.line].number);
        append_address(members.append("\":\""), entry.address);
        members += '"';
        ip_pools_.take(entry.address);
    }
    members += '}';
    fields.close();
    const std::int64_t complete = batch.complete_micros;
    const std::uint32_t row = ip_pools_.submit(std::move(batch));
    schedule(complete, EventKind::ip_complete, row);
    ip_batch_ids_.append(call.key, row);
    call.performed = call.changed = true;
    JsonObject answer(reply.body);
    answer.add("message", "The IP provisioning request was received. batch-id: " + call.key);
    answer.close();
}

// Not empty: what is wrong.
std::string TelegenceSystem::read_ip_entry(const boost::json::value& item, std::string_view pdp,
                                           std::uint16_t ban, std::int64_t now_micros,
                                           IpEntry& entry) const {
    const auto* body = item.if_object();
    if (body == nullptr) return "must be an object";
    const std::string_view text = text_at(*body, "subscriberNumber").value_or("");
    const auto number = parse_number(text);
    entry.line = number ? state_.find_number(*number) : kNoRow;
    if (entry.line == kNoRow || state_.lines[entry.line].ban != ban) {
        return "subscriberNumber is unknown in this billing account";
    }
    if (state_.lines[entry.line].status != LineStatus::active) return "subscriber is not active";
    const auto* record = find(*body, "ipAddressRecord");
    const auto* fields = record == nullptr ? nullptr : record->if_object();
    const auto address =
        parse_address(fields == nullptr ? "" : text_at(*fields, "ipAddress").value_or(""));
    if (!address || !ip_pools_.is_reserved(pdp, *address, now_micros, account_)) {
        return "ipAddressRecord.ipAddress is not reserved";
    }
    const auto date = text_at(*body, "effectiveDate");
    if (date && !date->empty() && !parse_day(*date)) {
        return "effectiveDate must be a day as yyyy-MM-ddZ";
    }
    entry.address = *address;
    if (ends_with_any(text, knobs_.fail_ip_suffixes)) entry.fails_at = knobs_.fail_ip_step;
    return {};
}

void TelegenceSystem::show_ip_status(const Request& request, const Call& call, Reply& reply) {
    const std::string_view id = request.header("batch-id");
    const std::string_view text = request.header("subscriber-number");
    if (id.empty() && text.empty()) {
        return fail(reply, 400, "The header batch-id or subscriber-number is required");
    }
    if (!id.empty() && !is_guid(id)) return fail(reply, 400, "batch-id must be a GUID");
    const auto number = parse_number(text);
    if (!text.empty() && !number) return fail(reply, 400, "subscriber-number must have 10 digits");
    const std::uint32_t line = number ? state_.find_number(*number) : kNoRow;
    const auto newest = line == kNoRow ? std::nullopt : ip_pools_.newest_of(line);
    std::uint32_t row = kNoRow;
    if (!id.empty())
        row = ip_batch_ids_.find(id);
    else if (newest)
        row = newest->first;
    if (row >= ip_pools_.batches.size() || ip_pools_.batches[row].account != account_) {
        return append_missing(reply.body, text, "Batch was not found");
    }
    reply.body += '[';
    for (const IpEntry& entry : ip_pools_.batches[row].entries) {
        if (number && entry.line != line) continue;
        if (reply.body.back() != '[') reply.body += ',';
        append_ip_entry(reply.body, row, entry, call.now_micros - call.stale_micros);
    }
    reply.body += ']';
    if (reply.body.size() > 2) return;
    reply.body.clear();
    append_missing(reply.body, text, "Subscriber is not in this batch");
}

void TelegenceSystem::append_ip_entry(std::string& out, std::uint32_t batch, const IpEntry& entry,
                                      std::int64_t now_micros) const {
    const IpBatch& shown = ip_pools_.batches[batch];
    JsonObject object(out);
    ip_batch_ids_.append(object.add_raw("batchId") += '"', batch);
    out += '"';
    append_number(object.add_raw("subscriberNumber") += '"', state_.lines[entry.line].number);
    out += '"';
    const bool failed = has_failed(shown, entry, now_micros);
    const auto word_of = [&](IpStep step, std::string_view done, std::string_view waiting) {
        if (is_done(shown, entry, step, now_micros)) return done;
        return failed && entry.fails_at == step ? std::string_view("Failed") : waiting;
    };
    const bool is_updating = is_done(shown, entry, IpStep::ip_reservation, now_micros);
    object.add("profileCheck", word_of(IpStep::profile_check, "Success", "Pending"));
    object.add("ipReservation", word_of(IpStep::ip_reservation, "Reserved", "Pending"));
    object.add("profileUpdate", word_of(IpStep::profile_update, "Complete",
                                        is_updating ? "In Progress" : "Pending"));
    JsonObject record(object.add_raw("ipAddressRecord"));
    append_address(record.add_raw("ipAddress") += '"', entry.address);
    out += '"';
    record.close();
    object.add("message", failed ? reason_of_failure(entry.fails_at) : "");
    object.close();
}

}  // namespace carryall::simulators::telegence
