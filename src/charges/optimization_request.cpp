// Reads an instance as it comes in JSON: every member checked, every mistake with its place. A
// member that nobody knows is a mistake, too: a misspelt "totalCost" would make a queue lose.
#include <array>
#include <set>

#include "base/text.hpp"
#include "charges/optimization_rules.hpp"

namespace carryall::charges {
namespace {

namespace json = base::json;

constexpr std::size_t kMaxNameBytes = 200;
constexpr DecimalRule kTotalCost{.may_be_negative = true};

class InstanceReader {
  public:
    InstanceReader(const base::TimeZone& zone, base::JsonErrors& errors)
        : zone_(zone), errors_(errors) {}

    InstanceRequest read(const json::object& body);

  private:
    // One object with its place and the members that it may have.
    struct Place {
        const json::object& object;
        std::string pointer;
    };
    void refuse_unknown(const Place& at, std::initializer_list<std::string_view> known);
    // The member, or nullptr if it is absent or null.
    const json::value* member(const Place& at, std::string_view name) const;
    const json::value* required(const Place& at, std::string_view name);
    void mistake(const Place& at, std::string_view name, std::string_view message) {
        errors_.add(at.pointer + '/' + std::string(name), message);
    }

    std::optional<std::int64_t> id(const Place& at, std::string_view name);
    std::int64_t required_id(const Place& at, std::string_view name);
    std::optional<std::string> text(const Place& at, std::string_view name);
    std::optional<std::string> instant(const Place& at, std::string_view name);
    std::string date(const Place& at, std::string_view name);
    // The objects of an array, each with its place.
    template <class Use>
    void for_each(const Place& at, std::string_view name, const Use& use);

    void read_customer(const Place& at, InstanceRequest& request);
    CommGroupRequest read_comm_group(const Place& at);
    QueueRequest read_queue(const Place& at);
    TableCells read_result(const Place& at);
    void check_ids(const InstanceRequest& request);

    const base::TimeZone& zone_;
    base::JsonErrors& errors_;
};

void InstanceReader::refuse_unknown(const Place& at,
                                    std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : at.object) {
        const std::string_view name(key.data(), key.size());
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            mistake(at, name, "is unknown here");
        }
    }
}

const json::value* InstanceReader::member(const Place& at, std::string_view name) const {
    const json::value* value = at.object.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

const json::value* InstanceReader::required(const Place& at, std::string_view name) {
    const json::value* value = member(at, name);
    if (value == nullptr) mistake(at, name, "is missing");
    return value;
}

std::optional<std::int64_t> InstanceReader::id(const Place& at, std::string_view name) {
    const json::value* value = member(at, name);
    if (value == nullptr) return std::nullopt;
    const std::int64_t* number = value->if_int64();
    if (number != nullptr && *number > 0) return *number;
    mistake(at, name, "must be a whole number of 1 or more");
    return std::nullopt;
}

std::int64_t InstanceReader::required_id(const Place& at, std::string_view name) {
    if (required(at, name) == nullptr) return 0;
    return id(at, name).value_or(0);
}

std::optional<std::string> InstanceReader::text(const Place& at, std::string_view name) {
    const json::value* value = member(at, name);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) {
        const std::string_view text = base::trim(std::string_view(value->get_string()));
        if (!text.empty() && text.size() <= kMaxNameBytes) return std::string(text);
    }
    mistake(at, name, "must be a string of 1 to " + std::to_string(kMaxNameBytes) + " bytes");
    return std::nullopt;
}

std::optional<std::string> InstanceReader::instant(const Place& at, std::string_view name) {
    const json::value* value = member(at, name);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) {
        const auto instant = base::parse_iso8601(std::string_view(value->get_string()));
        if (instant) return base::to_iso8601(*instant);
    }
    mistake(at, name, "must be an instant, such as 2026-03-01T05:00:00Z, or null");
    return std::nullopt;
}

std::string InstanceReader::date(const Place& at, std::string_view name) {
    const json::value* value = required(at, name);
    if (value == nullptr) return {};
    const auto read = read_billing_date(
        value->is_string() ? std::string_view(value->get_string()) : std::string_view(), zone_);
    if (read) return *read;
    mistake(at, name, read.error().message);
    return {};
}

template <class Use>
void InstanceReader::for_each(const Place& at, std::string_view name, const Use& use) {
    const json::value* value = member(at, name);
    if (value == nullptr) return;
    if (!value->is_array()) return mistake(at, name, "must be an array");
    std::size_t index = 0;
    for (const json::value& item : value->get_array()) {
        std::string pointer = at.pointer + '/' + std::string(name) + '/' + std::to_string(index++);
        if (!item.is_object()) {
            errors_.add(pointer, "must be an object");
            continue;
        }
        use(Place{item.get_object(), std::move(pointer)});
    }
}

void InstanceReader::read_customer(const Place& at, InstanceRequest& request) {
    request.customer_id = id(at, "customerId");
    request.customer = text(at, "customer");
    const json::value* rev_id = member(at, "revCustomerId");
    if (rev_id != nullptr && rev_id->is_int64()) {
        request.rev_customer_id = std::to_string(rev_id->get_int64());
    } else {
        request.rev_customer_id = text(at, "revCustomerId");
    }
    const bool is_named = member(at, "customerId") != nullptr ||
                          member(at, "customer") != nullptr || rev_id != nullptr;
    if (!is_named) {
        mistake(at, "customerId",
                "is missing; name the customer by customerId, revCustomerId or customer");
    }
}

TableCells InstanceReader::read_result(const Place& at) {
    const auto& columns = result_columns_described();
    TableCells cells(columns.size());
    for (const auto& [key, value] : at.object) {
        const std::string_view name(key.data(), key.size());
        const auto column = std::find_if(columns.begin(), columns.end(), [&](const auto& one) {
            return name == one.name && name != "queueId";  // the queue is the one around it
        });
        if (column == columns.end()) {
            mistake(at, name, "is unknown here");
            continue;
        }
        if (value.is_null()) continue;
        sheets::Cell cell{{}, sheets::CellKind::text};
        std::string digits;
        if (value.is_int64()) digits = std::to_string(value.get_int64());
        if (value.is_uint64()) digits = std::to_string(value.get_uint64());
        if (value.is_string()) digits = std::string(value.get_string());
        if (value.is_bool() || value.is_structured()) {
            mistake(at, name, "must be a string or a number");
            continue;
        }
        const bool is_number = column->rule == CellRule::amount ||
                               column->rule == CellRule::usage || column->rule == CellRule::count;
        if (is_number) digits = plain_number(digits).value_or(digits);
        cell.text = digits;
        auto read = read_cell(*column, cell);
        if (!read) {
            mistake(at, name, read.error().message);
            continue;
        }
        cells[static_cast<std::size_t>(column - columns.begin())] = *std::move(read);
    }
    if (member(at, "rateCharge") == nullptr) mistake(at, "rateCharge", "is missing");
    if (member(at, "iccid") == nullptr && member(at, "msisdn") == nullptr) {
        mistake(at, "iccid", "is missing; name the device by iccid or msisdn");
    }
    return cells;
}

QueueRequest InstanceReader::read_queue(const Place& at) {
    refuse_unknown(at, {"queueId", "totalCost", "runEndTime", "deviceResults"});
    QueueRequest queue;
    queue.pointer = at.pointer;
    queue.id = {required_id(at, "queueId")};
    queue.run_end_time = instant(at, "runEndTime");
    if (const json::value* cost = member(at, "totalCost")) {
        std::string text;
        if (cost->is_int64()) text = std::to_string(cost->get_int64());
        if (cost->is_string()) text = std::string(cost->get_string());
        const auto read = read_decimal(plain_number(text).value_or(text), kTotalCost);
        if (read) {
            queue.total_cost = *read;
        } else {
            mistake(at, "totalCost", read.error().message);
        }
    }
    if (member(at, "deviceResults") == nullptr) return queue;
    queue.device_results.emplace();
    for_each(at, "deviceResults", [&](const Place& result) {
        queue.device_results->push_back(read_result(result));
        queue.device_results->back().front() = base::to_string(queue.id);
    });
    return queue;
}

CommGroupRequest InstanceReader::read_comm_group(const Place& at) {
    refuse_unknown(at, {"commGroupId", "queues"});
    CommGroupRequest group;
    group.pointer = at.pointer;
    group.id = {required_id(at, "commGroupId")};
    for_each(at, "queues", [&](const Place& queue) { group.queues.push_back(read_queue(queue)); });
    return group;
}

// Each id once, and not more of them than an instance may have.
void InstanceReader::check_ids(const InstanceRequest& request) {
    std::set<std::int64_t> groups;
    std::set<std::int64_t> queues;
    std::size_t queue_count = 0;
    for (const CommGroupRequest& group : request.comm_groups) {
        if (group.id && !groups.insert(group.id.value).second) {
            errors_.add(group.pointer + "/commGroupId", "stands in this instance twice");
        }
        for (const QueueRequest& queue : group.queues) {
            ++queue_count;
            if (queue.id && !queues.insert(queue.id.value).second) {
                errors_.add(queue.pointer + "/queueId", "stands in this instance twice");
            }
        }
    }
    if (request.comm_groups.size() > kMaxCommGroups) {
        errors_.add("/commGroups", "may have " + std::to_string(kMaxCommGroups) + " comm groups");
    }
    if (queue_count > kMaxQueues) {
        errors_.add("/commGroups", "may have " + std::to_string(kMaxQueues) + " queues");
    }
}

InstanceRequest InstanceReader::read(const json::object& body) {
    const Place at{body, ""};
    refuse_unknown(at, {"portalType", "customerId", "revCustomerId", "customer",
                        "integrationAuthenticationId", "billingPeriodStart", "billingPeriodEnd",
                        "runEndTime", "customerEmails", "commGroups"});
    InstanceRequest request;
    if (const json::value* type = required(at, "portalType")) {
        const auto parsed = portal_type_of(*type);
        request.portal_type = parsed.value_or(PortalType::m2m);
        if (!parsed) {
            mistake(at, "portalType", "must be m2m (0), mobility (2) or crossProvider (3)");
        }
    }
    read_customer(at, request);
    request.integration_authentication_id = id(at, "integrationAuthenticationId");
    request.billing_period_start = date(at, "billingPeriodStart");
    request.billing_period_end = date(at, "billingPeriodEnd");
    const bool has_both =
        !request.billing_period_start.empty() && !request.billing_period_end.empty();
    if (has_both && request.billing_period_end < request.billing_period_start) {
        mistake(at, "billingPeriodEnd", "must not be before billingPeriodStart");
    }
    request.run_end_time = instant(at, "runEndTime");
    if (const json::value* emails = member(at, "customerEmails")) {
        auto read = read_addresses(*emails, kMaxCustomerEmails);
        if (read) {
            request.customer_emails = *std::move(read);
        } else {
            mistake(at, "customerEmails", read.error().message);
        }
    }
    for_each(at, "commGroups",
             [&](const Place& group) { request.comm_groups.push_back(read_comm_group(group)); });
    check_ids(request);
    return request;
}

}  // namespace

InstanceRequest read_instance(const json::value& body, const base::TimeZone& zone,
                              base::JsonErrors& errors) {
    if (!body.is_object()) {
        errors.add("", "the body must be a JSON object");
        return {};
    }
    return InstanceReader(zone, errors).read(body.get_object());
}

}  // namespace carryall::charges
