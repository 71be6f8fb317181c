// Lists: devices by the time of their last change, rate plans of the account.
#include <algorithm>

#include "jasper/jasper_dates.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::string_view kSearchParameters[] = {"modifiedSince", "modifiedTill", "accountId",
                                                  "pageSize",      "pageNumber",   "fields"};
constexpr std::string_view kPlanParameters[] = {"accountId", "pageSize", "pageNumber", "fields"};
constexpr std::string_view kPlanParametersOfOperator[] = {"accountId", "shared", "pageSize",
                                                          "pageNumber", "fields"};
constexpr Field kRowFields[] = {Field::status, Field::rate_plan, Field::communication_plan};

struct Filter {
    Field field;
    std::string_view value;
};

bool is_searchable(Field field) {
    return field == Field::status || (field >= Field::operator_custom && field < Field::msisdn);
}

// A name of the search that is a device's attribute; nothing when it is no parameter at all.
std::optional<Field> filter_field(std::string_view name) {
    const auto field = field_of(name);
    return field && is_searchable(*field) ? field : std::nullopt;
}

}  // namespace

bool JasperSystem::is_own_account(const Query& query, Reply& reply) {
    const auto id = query.first("accountId");
    if (!id || *id == account().id) return true;
    refuse(reply, state_.find_account(*id) == kNoRow ? kInvalidAccount : kNoAccountAccess);
    return false;
}

void JasperSystem::search_devices(const Request& request, const Call& call, Reply& reply) {
    const Query query(request.query);
    std::vector<Filter> filters;
    for (const auto& [name, value] : query.items()) {
        const auto field = filter_field(name);
        if (field == Field::status && !state_.status_of(value)) {
            return refuse(reply, kInvalidStatus);
        }
        if (field)
            filters.push_back({*field, value});
        else if (std::find(std::begin(kSearchParameters), std::end(kSearchParameters), name) ==
                 std::end(kSearchParameters))
            return refuse(reply, kUnknownParameter, name);
    }
    const auto since_text = query.first("modifiedSince");
    if (!since_text || since_text->empty()) return refuse(reply, kDateMissing);
    const auto since = parse_date_time(*since_text);
    const auto till_text = query.first("modifiedTill");
    const auto till = till_text ? parse_date_time(*till_text) : INT64_MAX - kMicrosPerSecond;
    if (!since || !till) return refuse(reply, kInvalidDate);
    if (*till < *since) return refuse(reply, kDatesReversed);
    Page page;
    if (!is_own_account(query, reply) || !read_page(query, page, reply)) return;

    const ChangeLog& log = account().log;
    const std::size_t from = log.rank_at(*since);
    const std::size_t end = log.rank_at(*till + kMicrosPerSecond);  // the whole second
    std::size_t rank = from + (filters.empty() ? page.first() : 0);
    std::size_t found = filters.empty() ? page.first() : 0;
    const std::string_view fields = query.first("fields").value_or("");
    JsonObject list(reply.body);
    list.add_integer("pageNumber", static_cast<std::int64_t>(page.number));
    list.add_raw("devices") += '[';
    std::size_t place = rank < end ? log.place_of(rank) : log.places();
    bool has_more = false;
    for (; rank < end && !has_more; ++place) {
        const std::uint32_t device = log.device_at(place);
        if (device == kHole) continue;
        ++rank;
        DeviceRow row;
        const Values values = values_at(device, call, row);
        const bool fits = std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
            return state_.text(values[static_cast<std::size_t>(filter.field)]) == filter.value;
        });
        if (!fits || found++ < page.first()) continue;
        has_more = found > page.first() + page.size;
        if (has_more) break;
        if (reply.body.back() != '[') reply.body += ',';
        append_search_row(reply.body, device, row, values, fields);
    }
    reply.body += ']';
    list.add_bool("lastPage", !has_more);
    list.close();
}

void JasperSystem::append_search_row(std::string& out, std::uint32_t device, const DeviceRow& row,
                                     const Values& values, std::string_view fields) const {
    JsonObject object(out);
    if (is_wanted(fields, "iccid")) {
        row.iccid.append(object.add_raw("iccid") += '"');
        out += '"';
    }
    for (const Field field : kRowFields) {
        const std::string_view name = info_of(field).name;
        if (is_wanted(fields, name)) append_value(object.add_raw(name), device, field, values);
    }
    object.close();
}

void JasperSystem::list_rate_plans(const Request& request, const Call& call, Reply& reply) {
    const Query query(request.query);
    if (user_->role != Role::op && user_->role != Role::account) {
        return refuse(reply, kRoleLacksFunction);
    }
    const std::span<const std::string_view> names =
        user_->role == Role::op ? std::span<const std::string_view>(kPlanParametersOfOperator)
                                : std::span<const std::string_view>(kPlanParameters);
    Page page;
    if (!accepts_parameters(query, names, reply) || !is_own_account(query, reply) ||
        !read_page(query, page, reply)) {
        return;
    }
    const auto& plans = account().rate_plans;
    JsonObject list(reply.body);
    list.add("operatorName", account().operator_name);
    append_timestamp(list.add_raw("timeStamp") += '"', call.now_micros);
    reply.body += '"';
    list.add_integer("pageNumber", static_cast<std::int64_t>(page.number));
    list.add_raw("ratePlans") += '[';
    const std::size_t end = std::min(plans.size(), page.first() + page.size);
    for (std::size_t i = page.first(); i < end; ++i) {
        if (i > page.first()) reply.body += ',';
        JsonObject plan(reply.body);
        plan.add("name", state_.text(plans[i].name));
        plan.add("type", plans[i].type);
        plan.close();
    }
    reply.body += ']';
    list.add_bool("lastPage", page.first() + page.size >= plans.size());
    list.close();
}

}  // namespace carryall::simulators::jasper
