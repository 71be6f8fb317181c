// Reading lines: the list with its filters and pages, one device in full, and its history.
#include <algorithm>

#include "json_text.hpp"
#include "thingspace/thingspace_system.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::size_t kHistoryPage = 500;

bool fits_text(std::string_view text, const LineFilter::IdRule& rule) {
    return text.starts_with(rule.starts) && text.ends_with(rule.ends) &&
           text.find(rule.contains) != std::string_view::npos;
}

std::string id_text(const Line& line, Kind kind) {
    std::string text;
    if (kind == Kind::iccid) append_iccid(text, line.iccid);
    if (kind == Kind::imei && line.imei != 0) append_digits(text, line.imei);
    if (kind == Kind::msisdn && line.mdn != 0) text += '1';
    if ((kind == Kind::mdn || kind == Kind::msisdn || kind == Kind::min) && line.mdn != 0) {
        append_mdn(text, line.mdn);
    }
    return text;
}

}  // namespace

bool LineFilter::fits(const Line& line, const CustomFields& known) const {
    if (line.account != account || line.state == LineState::deleted) return false;
    if (state && line.state != *state) return false;
    if (plan && line.plan != *plan) return false;
    if (group && line.group != *group) return false;
    if (line.created_seconds < earliest || line.created_seconds > latest) return false;
    const FieldSet& set = known.set_of(line.fields);
    for (const auto& [place, text] : fields) {
        if (set[place] != text) return false;
    }
    for (const IdRule& rule : ids) {
        if (!fits_text(id_text(line, rule.kind), rule)) return false;
    }
    return true;
}

bool ThingspaceSystem::read_field_filter(const boost::json::object& body, LineFilter& filter,
                                         Reply& reply) {
    const auto* value = find(body, "customFields");
    const auto* list = value == nullptr ? nullptr : value->if_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto* field = (*list)[i].if_object();
        const auto key = field == nullptr ? std::nullopt : text_at(*field, "key");
        const std::size_t place = custom_field_place(key.value_or(""));
        if (place == kCustomFields) {
            fail(reply, 400, "INPUT_INVALID.CustomField.InvalidName",
                 "Custom fields are CustomField1 to CustomField5.");
            return false;
        }
        const auto text = text_at(*field, "value").value_or("");
        filter.fields.emplace_back(place, world_.fields.find_text(text));
    }
    return true;
}

bool ThingspaceSystem::read_id_rules(const boost::json::object& body, LineFilter& filter,
                                     Reply& reply) {
    const auto* outer = find(body, "filter");
    const auto* object = outer == nullptr ? nullptr : outer->if_object();
    const auto* value = object == nullptr ? nullptr : find(*object, "deviceIdentifierFilters");
    const auto* list = value == nullptr ? nullptr : value->if_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto* one = (*list)[i].if_object();
        const auto word = one == nullptr ? std::nullopt : text_at(*one, "kind");
        const auto kind = word ? kind_of(*word) : std::nullopt;
        if (!kind) return !refuse_ids(IdProblem::kind, reply);
        filter.ids.push_back({*kind, text_at(*one, "contains").value_or(""),
                              text_at(*one, "startswith").value_or(""),
                              text_at(*one, "endswith").value_or("")});
    }
    return true;
}

bool ThingspaceSystem::read_dates(const boost::json::object& body, LineFilter& filter,
                                  Reply& reply) {
    for (const std::string_view name : {"earliest", "latest"}) {
        const auto text = text_at(body, name);
        if (!text) continue;
        const auto seconds = parse_timestamp(*text);
        if (!seconds) {
            fail(reply, 400, "INPUT_INVALID.Request.DeserializationFailed",
                 std::string(name) + " is not a date.");
            return false;
        }
        (name == "earliest" ? filter.earliest : filter.latest) = *seconds;
    }
    return true;
}

bool ThingspaceSystem::read_filter(const boost::json::object& body, LineFilter& filter,
                                   Reply& reply) {
    filter.account = account_of(text_at(body, "accountName"), reply);
    if (filter.account == kNone) return false;
    if (const auto word = text_at(body, "currentState")) {
        filter.state = line_state_of(*word);
        if (!filter.state) {
            fail(reply, 400, "INPUT_INVALID.DeviceState.Invalid", "currentState is not a state.");
            return false;
        }
    }
    if (const auto plan = text_at(body, "servicePlan")) {
        filter.plan = world_.accounts.find_plan(*plan);
    }
    if (const auto group = text_at(body, "groupName")) {
        filter.group = world_.accounts.find_group(*group);
    }
    return read_field_filter(body, filter, reply) && read_id_rules(body, filter, reply) &&
           read_dates(body, filter, reply);
}

void ThingspaceSystem::list_devices(const Call& call, Reply& reply) {
    static const boost::json::object kNothing;
    const boost::json::object& body = body_ == nullptr ? kNothing : *body_;
    if (const auto* id = find(body, "deviceId"); id != nullptr && id->is_object()) {
        return show_device(*id, call, reply);
    }
    LineFilter filter;
    if (!read_filter(body, filter, reply)) return;
    std::int64_t most = integer_at(body, "maxNumberOfDevices").value_or(0);
    if (most <= 0 || most > knobs_.page_cap) most = knobs_.page_cap;
    const auto& rows = world_.lines.rows;
    const auto first = std::partition_point(rows.begin(), rows.end(), [&](const Line& line) {
        return line.created_seconds < filter.earliest;
    });
    // A device id is the row's number plus one.
    std::int64_t at = std::max<std::int64_t>(integer_at(body, "largestDeviceIdSeen").value_or(0),
                                             first - rows.begin());
    const auto end = static_cast<std::int64_t>(rows.size());
    bool more = false;
    std::int64_t listed = 0;
    std::string devices = "[";
    for (; at < end && !more; ++at) {
        const auto row = static_cast<std::uint32_t>(at);
        const Line& line = call.stale_micros > 0
                               ? world_.lines.as_of(row, call.now_micros - call.stale_micros)
                               : rows[row];
        if (!filter.fits(line, world_.fields)) continue;
        more = listed == most;
        if (more) break;
        if (listed++ > 0) devices += ',';
        append_device(devices, row, line, false);
    }
    reply.status = more ? 202 : 200;
    reply.body = more ? R"({"hasMoreData":true,"devices":)" : R"({"hasMoreData":false,"devices":)";
    reply.body.append(devices) += "]}";
}

// kNoRow: refused.
std::uint32_t ThingspaceSystem::find_listed(const boost::json::value& id, Reply& reply) {
    GivenIds given;
    if (refuse_ids(read_ids(id, given), reply)) return kNoRow;
    const std::uint32_t row = engine_.find_line(given);
    if (row != kNoRow && may_use(world_.lines.rows[row].account)) return row;
    fail(reply, 400, "REQUEST_FAILED.DeviceNotFound", "The device could not be found.");
    return kNoRow;
}

void ThingspaceSystem::show_device(const boost::json::value& id, const Call& call, Reply& reply) {
    const std::uint32_t row = find_listed(id, reply);
    if (row == kNoRow) return;
    const Line& line = call.stale_micros > 0
                           ? world_.lines.as_of(row, call.now_micros - call.stale_micros)
                           : world_.lines.rows[row];
    reply.body += R"({"hasMoreData":false,"devices":[)";
    append_device(reply.body, row, line, true);
    reply.body += "]}";
}

void ThingspaceSystem::list_history(Reply& reply) {
    const auto* id = body_ == nullptr ? nullptr : find(*body_, "deviceId");
    LineFilter dates;
    if (id == nullptr || !text_at(*body_, "earliest") || !text_at(*body_, "latest")) {
        return fail(reply, 400, "INPUT_INVALID.Request.RequestUndefined",
                    "deviceId, earliest and latest are required.");
    }
    if (!read_dates(*body_, dates, reply)) return;
    const std::uint32_t row = find_listed(*id, reply);
    if (row == kNoRow) return;
    std::vector<std::uint32_t> found;
    const auto& events = world_.lines.events;
    for (std::uint32_t at = world_.lines.rows[row].last_event; at != kNoRow;
         at = events[at].previous) {
        const std::int64_t seconds = events[at].seconds;
        if (seconds >= dates.earliest && seconds <= dates.latest) found.push_back(at);
    }
    std::reverse(found.begin(), found.end());
    const bool more = found.size() > kHistoryPage;
    if (more) found.resize(kHistoryPage);
    reply.status = more ? 202 : 200;
    reply.body += R"([{"provisioningHistory":[)";
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (i > 0) reply.body += ',';
        append_event(reply.body, events[found[i]]);
    }
    reply.body += more ? R"(],"hasMoreData":true}])" : R"(],"hasMoreData":false}])";
}

}  // namespace carryall::simulators::thingspace
