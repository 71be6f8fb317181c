// Calls about one device that only read.
#include "jasper/jasper_dates.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::int64_t kDefaultDays = 30;
constexpr std::int64_t kMaxDays = 365;
constexpr std::string_view kFieldsOnly[] = {"fields"};

}  // namespace

void JasperSystem::perform_device(const Request& request, Call& call, Reply& reply) {
    const auto iccid = Iccid::parse(call.params[0]);
    if (!iccid) return refuse(reply, kInvalidIccid);
    const std::uint32_t device = state_.find_device(*iccid);
    const bool is_there = device != kNoRow && !state_.devices[device].removed &&
                          state_.devices[device].account == account_;
    if (!is_there) return refuse(reply, kNoSuchIccid);
    if (call.endpoint == kEditDevice) return edit_device(request, device, call, reply);
    const Query query(request.query);
    if (call.endpoint == kAuditTrails) return show_audit(query, device, call, reply);
    if (!accepts_parameters(query, kFieldsOnly, reply)) return;
    if (call.endpoint == kGetDevice)
        show_device(query, device, call, reply);
    else if (call.endpoint == kCtdUsages)
        show_usage(query, device, call, reply);
    else
        show_session(query, device, call, reply);
}

void JasperSystem::show_device(const Query& query, std::uint32_t device, const Call& call,
                               Reply& reply) {
    DeviceRow row;
    const Values values = values_at(device, call, row);
    append_details(reply.body, device, row, values, query.first("fields").value_or(""));
}

void JasperSystem::show_usage(const Query& query, std::uint32_t device, const Call& call,
                              Reply& reply) {
    DeviceRow row;
    const Values values = values_at(device, call, row);
    append_usage(reply.body, device, values, call.now_micros, query.first("fields").value_or(""));
}

void JasperSystem::show_session(const Query& query, std::uint32_t device, const Call& call,
                                Reply& reply) {
    DeviceRow row;
    const Values values = values_at(device, call, row);
    append_session(reply.body, device, values, call.now_micros, query.first("fields").value_or(""));
}

void JasperSystem::show_audit(const Query& query, std::uint32_t device, const Call& call,
                              Reply& reply) {
    constexpr std::string_view kNames[] = {"daysOfHistory", "pageSize", "pageNumber", "fields"};
    Page page;
    if (!accepts_parameters(query, kNames, reply) || !read_page(query, page, reply)) return;
    const auto days = query.integer("daysOfHistory", kDefaultDays);
    if (!days || *days < 1 || *days > kMaxDays) return refuse(reply, kInvalidDays);
    const std::int64_t since = call.now_micros - *days * kDayMicros;
    JsonObject trail(reply.body);
    trail.add("iccid", call.params[0]);
    append_timestamp(trail.add_raw("timestamp") += '"', call.now_micros);
    reply.body += '"';
    trail.add_integer("pageNumber", static_cast<std::int64_t>(page.number));
    trail.add_raw("deviceAuditTrails") += '[';
    std::size_t seen = 0;
    for (std::uint32_t at = state_.devices[device].last_audit; at != kNoRow;
         at = state_.audits[at].older) {
        if (state_.audits[at].made_micros < since) break;  // rows go from new to old
        if (seen++ < page.first() || seen > page.first() + page.size) continue;
        if (seen > page.first() + 1) reply.body += ',';
        append_audit(reply.body, state_.audits[at]);
    }
    reply.body += ']';
    trail.add_bool("lastPage", seen <= page.first() + page.size);
    trail.close();
}

}  // namespace carryall::simulators::jasper
