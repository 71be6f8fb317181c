// Loading devices: a numbered fleet, or a CSV whose first line may name attributes.
#include <algorithm>

#include "admin.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::string_view kSeparators = ",;\t";

std::string_view trimmed(std::string_view cell) {
    constexpr std::string_view kAround = " \r\"";
    const std::size_t first = cell.find_first_not_of(kAround);
    if (first == std::string_view::npos) return {};
    return cell.substr(first, cell.find_last_not_of(kAround) - first + 1);
}

// Calls `use(column, cell)` for every cell of a line.
template <typename Use>
void for_each_cell(std::string_view line, Use use) {
    for (std::size_t column = 0;; ++column) {
        const std::size_t end = line.find_first_of(kSeparators);
        use(column, trimmed(line.substr(0, end)));
        if (end == std::string_view::npos) return;
        line.remove_prefix(end + 1);
    }
}

std::optional<Field> field_of_column(std::string_view name) {
    for (std::size_t i = 0; i < kFieldCount; ++i) {
        if (equal_ignoring_case(all_fields()[i].name, name)) return static_cast<Field>(i);
    }
    return std::nullopt;
}

void report_load(Reply& reply, std::size_t loaded, std::size_t skipped) {
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", static_cast<std::int64_t>(loaded));
    report.add_integer("skipped", static_cast<std::int64_t>(skipped));
    report.close();
}

bool was_in_service(std::uint8_t status) {
    return status == kActivated || status == kDeactivated || status == kRetired ||
           status == kPurged;
}

}  // namespace

// False: no such status.
bool JasperSystem::read_fleet_value(Field field, std::string_view text, DeviceRow& row,
                                    Values& values) {
    const std::uint32_t value = state_.intern(text);
    if (value == kNoRow) return false;
    if (field == Field::status) {
        const auto status = state_.add_status(text);
        if (!status) return false;
        row.status = *status;
    } else if (field == Field::rate_plan) {
        row.rate_plan = value;
    } else if (field == Field::communication_plan) {
        row.communication_plan = value;
    } else if (field == Field::customer) {
        row.customer = value;
    } else {
        values[static_cast<std::size_t>(field)] = value;
    }
    return true;
}

// False: it exists already, or there is no room.
bool JasperSystem::load_row(const DeviceRow& row, const Values& values, std::int64_t now_micros) {
    DeviceRow added = row;
    added.added_seconds = static_cast<std::uint32_t>(now_micros / kMicrosPerSecond);
    if (was_in_service(row.status)) added.activated_micros = now_micros;
    const std::uint32_t device = state_.add_device(added, now_micros);
    if (device == kNoRow) return false;
    for (std::size_t i = 0; i < kFieldCount; ++i) {
        if (values[i] != kNoText) state_.set_value(device, static_cast<Field>(i), values[i]);
    }
    return true;
}

void JasperSystem::load_csv(std::string_view text, const DeviceRow& row, const Values& values,
                            Reply& reply) {
    const std::int64_t now = clock_.now_micros();
    std::vector<std::optional<Field>> columns;
    std::size_t loaded = 0;
    std::size_t skipped = 0;
    for (bool first = true; !text.empty(); first = false) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        DeviceRow device = row;
        Values extra = values;
        bool has_iccid = false;
        bool is_good = true;
        for_each_cell(line, [&](std::size_t column, std::string_view cell) {
            const bool is_named = column < columns.size() && columns[column];
            const auto iccid = is_named || has_iccid ? std::nullopt : Iccid::parse(cell);
            if (iccid) {
                device.iccid = *iccid;
                has_iccid = true;
            } else if (is_named && !cell.empty()) {
                is_good = read_fleet_value(*columns[column], cell, device, extra) && is_good;
            }
        });
        if (has_iccid && is_good && load_row(device, extra, now)) {
            ++loaded;
        } else if (first && !has_iccid) {
            for_each_cell(line, [&](std::size_t, std::string_view cell) {
                columns.push_back(field_of_column(cell));
            });
        } else if (!trimmed(line).empty()) {
            ++skipped;
        }
    }
    report_load(reply, loaded, skipped);
}

void JasperSystem::load_fleet(const Request& request, Reply& reply) {
    DeviceRow row;
    Values values{};
    row.rate_plan = state_.accounts.front().rate_plans.front().name;
    row.communication_plan = state_.accounts.front().communication_plans.front();
    const std::size_t start = request.body.find_first_not_of(" \r\n\t");
    const bool is_json = start != std::string_view::npos && request.body[start] == '{';
    if (!is_json) return load_csv(request.body, row, values, reply);
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "the fleet is not well-formed JSON");
    for (const auto& member : *body) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (name == "firstIccid" || name == "count" || name == "accountId") continue;
        const auto field = field_of(name);
        const auto* text = member.value().if_string();
        if (!field || text == nullptr ||
            !read_fleet_value(*field, {text->data(), text->size()}, row, values)) {
            return refuse_admin(reply, 400, "unknown or wrong member: " + std::string(name));
        }
    }
    const std::string_view account_id =
        text_at(*body, "accountId").value_or(state_.accounts.front().id);
    const std::uint32_t account = state_.find_account(account_id);
    if (account == kNoRow) return refuse_admin(reply, 400, "unknown accountId");
    row.account = static_cast<std::uint16_t>(account);
    const auto first = Iccid::parse(text_at(*body, "firstIccid").value_or(""));
    const auto count = integer_at(*body, "count").value_or(1);
    if (!first || count < 1 || count > static_cast<std::int64_t>(kMaxDevices)) {
        return refuse_admin(reply, 400,
                            "firstIccid must have 18 to 22 digits, count must be positive");
    }
    state_.expect_devices(static_cast<std::size_t>(count), row.account);
    const std::int64_t now = clock_.now_micros();
    std::size_t loaded = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        row.iccid = first->plus(static_cast<std::uint64_t>(i));
        if (load_row(row, values, now)) ++loaded;
    }
    report_load(reply, loaded, static_cast<std::size_t>(count) - loaded);
}

}  // namespace carryall::simulators::jasper
