// See fleet.hpp.
#include "thingspace/fleet.hpp"

#include <algorithm>

#include "http_request.hpp"
#include "json_text.hpp"
#include "thingspace/identifiers.hpp"
#include "thingspace/timestamps.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::string_view kDefaultPlan = "M2M-5MB";
constexpr std::uint32_t kFirstFleetAge = 400 * static_cast<std::uint32_t>(kSecondsPerDay);
constexpr std::uint64_t kFirstImei = 350'000'000'000'000;
constexpr std::uint32_t kDefaultZip = 98'801;
constexpr std::uint64_t kLengthMask = std::uint64_t{15} << 60;

std::vector<std::string_view> cells_of(std::string_view line) {
    std::vector<std::string_view> cells;
    for (;;) {
        const std::size_t end = line.find_first_of(",;\t");
        std::string_view cell = line.substr(0, end);
        while (!cell.empty() && std::string_view(" \"\r").find(cell.back()) != line.npos) {
            cell.remove_suffix(1);
        }
        while (!cell.empty() && std::string_view(" \"").find(cell.front()) != line.npos) {
            cell.remove_prefix(1);
        }
        cells.push_back(cell);
        if (end == std::string_view::npos) return cells;
        line.remove_prefix(end + 1);
    }
}

std::string_view cell_at(const std::vector<std::string_view>& cells, int column) {
    const bool there = column >= 0 && static_cast<std::size_t>(column) < cells.size();
    return there ? cells[static_cast<std::size_t>(column)] : std::string_view{};
}

}  // namespace

void put_in_state(World& world, std::uint32_t row, LineState state, std::uint32_t seconds) {
    Line& line = world.lines.rows[row];
    world.lines.end_suspension(row, seconds);
    const bool in_service = state == LineState::active || state == LineState::suspend;
    if (in_service && line.mdn == 0) {
        world.lines.give_number(row);
        line.activated_seconds = std::max(seconds, 1U);
    }
    if (in_service && line.plan == kNoPlan) line.plan = world.accounts.find_plan(kDefaultPlan);
    if (!in_service) {
        world.lines.take_number(row);
        line.plan = kNoPlan;
    }
    line.state = state;
    line.pending_job = kNoRow;
    if (state == LineState::suspend) world.lines.begin_suspension(row, seconds);
    if (state == LineState::deleted) world.lines.remove(row);
}

std::uint32_t fleet_fields(CustomFields& fields, std::uint32_t before,
                           const boost::json::value& wanted, std::string& wrong) {
    FieldSet change;
    change.fill(kUntouched);
    const auto put = [&](std::string_view name, const boost::json::value* value) {
        const std::size_t place = custom_field_place(name);
        if (place == kCustomFields || value == nullptr || !value->is_string()) {
            wrong = "custom fields are CustomField1 to CustomField5, with texts";
        } else {
            change[place] = fields.text({value->get_string().data(), value->get_string().size()});
        }
    };
    if (const auto* object = wanted.if_object()) {
        for (const auto& member : *object) {
            put({member.key().data(), member.key().size()}, &member.value());
        }
    } else if (const auto* list = wanted.if_array()) {
        for (const auto& item : *list) {
            const auto* field = item.if_object();
            if (field == nullptr) continue;
            put(text_at(*field, "key").value_or(""), find(*field, "value"));
        }
    }
    return fields.changed(before, fields.set(change));
}

std::string Fleet::load(std::string_view body) {
    plan_ = world_.accounts.find_plan(kDefaultPlan);
    const std::size_t start = body.find_first_not_of(" \r\n\t");
    if (start == std::string_view::npos || body[start] != '{') return load_csv(body);
    const auto* wanted = parse_json_object(body);
    return wanted == nullptr ? "wrong fleet description" : load_series(*wanted);
}

// One second between lines, so that a client can page by creation time.
void Fleet::begin(std::size_t lines) {
    world_.lines.rows.reserve(world_.lines.rows.size() + lines);
    const std::uint32_t newest = world_.lines.newest_created();
    next_imei_ = kFirstImei + world_.lines.rows.size();
    next_created_ = newest == 0 ? now_seconds_ - kFirstFleetAge : newest + 1;
}

std::uint64_t Fleet::free_imei() {
    std::uint64_t imei = 0;
    do {
        imei = pack_digits(std::to_string(next_imei_++));
    } while (world_.lines.find_imei(imei) != kNoRow);
    return imei;
}

bool Fleet::add(std::uint64_t iccid, std::uint64_t imei) {
    const std::uint32_t row = world_.lines.add(iccid, imei, next_created_);
    if (row == kNoRow) {
        ++skipped_;
        return false;
    }
    Line& line = world_.lines.rows[row];
    line.account = account_;
    line.group = group_;
    line.fields = fields_;
    line.plan = plan_;
    line.zip = kDefaultZip;
    put_in_state(world_, row, state_, state_ == LineState::suspend ? now_seconds_ : next_created_);
    if (state_ == LineState::suspend) suspended_.push_back(row);
    ++next_created_;
    ++loaded_;
    return true;
}

std::string Fleet::load_series(const boost::json::object& wanted) {
    const std::uint64_t first = pack_iccid(text_at(wanted, "firstIccid").value_or(""));
    const std::int64_t count = integer_at(wanted, "count").value_or(1);
    if (first == 0) return "firstIccid must have 18 to 20 digits and start with 89";
    if (count < 1 || count > static_cast<std::int64_t>(kMaxLines)) return "count is out of range";
    const auto first_imei = text_at(wanted, "firstImei");
    if (first_imei && pack_digits(*first_imei) == 0) return "firstImei must be digits";
    if (const auto name = text_at(wanted, "accountName")) {
        account_ = world_.accounts.find_account(*name);
        if (account_ == kNone) return "unknown accountName";
    }
    if (const auto code = text_at(wanted, "servicePlan")) {
        plan_ = world_.accounts.find_plan(*code);
        if (plan_ == kNone) return "unknown servicePlan";
    }
    if (const auto word = text_at(wanted, "state")) {
        const auto state = line_state_of(*word);
        if (!state || *state == LineState::deleted || *state == LineState::pending) {
            return "state must be active, preactive, deactive or suspend";
        }
        state_ = *state;
    }
    group_ = world_.accounts.group(text_at(wanted, "groupName").value_or(""));
    std::string wrong;
    if (const auto* fields = find(wanted, "customFields")) {
        fields_ = fleet_fields(world_.fields, 0, *fields, wrong);
    }
    if (!wrong.empty()) return wrong;
    const std::uint64_t imei = first_imei ? pack_digits(*first_imei) : 0;
    begin(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
        if (((first + i) & kLengthMask) != (first & kLengthMask)) break;
        add(first + i, imei != 0 ? imei + i : free_imei());
    }
    return {};
}

std::string Fleet::load_csv(std::string_view text) {
    Columns columns;
    bool first = true;
    begin(0);
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const auto cells = cells_of(text.substr(0, end));
        if (first) {
            for (std::size_t i = 0; i < cells.size(); ++i) {
                const int place = static_cast<int>(i);
                if (equal_ignoring_case(cells[i], "iccid")) columns.iccid = place;
                if (equal_ignoring_case(cells[i], "imei")) columns.imei = place;
                if (equal_ignoring_case(cells[i], "state")) columns.state = place;
                if (equal_ignoring_case(cells[i], "servicePlan")) columns.plan = place;
            }
        }
        const bool is_header = first && columns.iccid >= 0;
        first = false;
        if (!is_header) {
            const std::string wrong = load_row(cells, columns);
            if (!wrong.empty()) return wrong;
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return {};
}

// Without a header the first cell that looks like an ICCID is one.
std::string Fleet::load_row(const std::vector<std::string_view>& cells, const Columns& columns) {
    std::uint64_t iccid = pack_iccid(cell_at(cells, columns.iccid));
    for (std::size_t i = 0; columns.iccid < 0 && iccid == 0 && i < cells.size(); ++i) {
        iccid = pack_iccid(cells[i]);
    }
    const std::string_view state_word = cell_at(cells, columns.state);
    const std::string_view code = cell_at(cells, columns.plan);
    const auto state = state_word.empty() ? LineState::active : line_state_of(state_word);
    if (!state) return "unknown state: " + std::string(state_word);
    state_ = *state;
    plan_ = world_.accounts.find_plan(code.empty() ? kDefaultPlan : code);
    if (plan_ == kNone) return "unknown servicePlan: " + std::string(code);
    const std::uint64_t imei = pack_digits(cell_at(cells, columns.imei));
    if (iccid != 0) {
        add(iccid, imei != 0 ? imei : free_imei());
    } else if (cells.size() > 1 || !cells.front().empty()) {
        ++skipped_;
    }
    return {};
}

}  // namespace carryall::simulators::thingspace
