// Loading lines: a range by one JSON object, or a CSV. Columns are found by their names, or, in a
// file without a heading, by the number of digits.
#include <algorithm>
#include <array>

#include "admin.hpp"
#include "telegence/telegence_system.hpp"

namespace carryall::simulators::telegence {
namespace {

enum class Column : std::uint8_t { unknown, sim, imei, number, plan, ban, status };
constexpr std::size_t kMaxColumns = 64;

Column column_of(std::string_view name) {
    constexpr std::pair<std::string_view, Column> kNames[] = {{"iccid", Column::sim},
                                                              {"sim", Column::sim},
                                                              {"imei", Column::imei},
                                                              {"subscriberNumber", Column::number},
                                                              {"msisdn", Column::number},
                                                              {"plan", Column::plan},
                                                              {"singleUserCode", Column::plan},
                                                              {"ban", Column::ban},
                                                              {"billingAccountNumber", Column::ban},
                                                              {"status", Column::status}};
    for (const auto& [known, column] : kNames) {
        if (equal_ignoring_case(known, name)) return column;
    }
    return Column::unknown;
}

Column column_by_digits(std::string_view cell) {
    if (parse_digits(cell, 19, 20)) return Column::sim;
    if (parse_digits(cell, 14, 16)) return Column::imei;
    return parse_number(cell) ? Column::number : Column::unknown;
}

// Cells of one line; quotes and blanks around a cell are dropped.
std::size_t split(std::string_view line, std::array<std::string_view, kMaxColumns>& cells) {
    std::size_t count = 0;
    while (count < kMaxColumns) {
        const std::size_t comma = line.find_first_of(",;\t");
        std::string_view cell = line.substr(0, comma);
        const auto is_dressing = [](char c) { return c == '\r' || c == '"' || c == ' '; };
        while (!cell.empty() && is_dressing(cell.back())) cell.remove_suffix(1);
        while (!cell.empty() && is_dressing(cell.front())) cell.remove_prefix(1);
        cells[count++] = cell;
        if (comma == std::string_view::npos) break;
        line.remove_prefix(comma + 1);
    }
    return count;
}

struct Load {
    std::int64_t loaded = 0;
    std::int64_t skipped = 0;
};

class CsvLoader {
  public:
    CsvLoader(TelegenceState& state, const LineRow& model) : state_(state), model_(model) {}

    Load load(std::string_view text) {
        Load result;
        bool first = true;
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            const std::size_t count = split(text.substr(0, end), cells_);
            const bool blank = count == 1 && cells_[0].empty();
            if (!blank && !(first && is_heading(count))) {
                ++(load_row(count) ? result.loaded : result.skipped);
            }
            first = false;
            if (end == std::string_view::npos) break;
            text.remove_prefix(end + 1);
        }
        return result;
    }

  private:
    bool is_heading(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            columns_[i] = column_of(cells_[i]);
            named_ |= columns_[i] != Column::unknown;
        }
        return named_;
    }

    bool load_row(std::size_t count) {
        LineRow row = model_;
        for (std::size_t i = 0; i < count; ++i) {
            const Column column = named_ ? columns_[i] : column_by_digits(cells_[i]);
            if (!cells_[i].empty() && !read_cell(column, cells_[i], row)) return false;
        }
        return !row.sim.empty() && state_.add_line(row) != kNoRow;
    }

    bool read_cell(Column column, std::string_view cell, LineRow& row) {
        switch (column) {
            case Column::sim:
                row.sim = parse_digits(cell, 19, 20).value_or(Digits{});
                return !row.sim.empty();
            case Column::imei:
                row.imei = parse_digits(cell, 14, 16).value_or(Digits{});
                return !row.imei.empty();
            case Column::number:
                row.number = parse_number(cell).value_or(0);
                return row.number != 0;
            case Column::plan:
                row.plan = state_.plans.find(cell);
                return row.plan != kNone;
            case Column::ban:
                row.ban = state_.find_ban(cell);
                return row.ban != kNone;
            case Column::status: {
                const auto status = status_of_letter(cell);
                row.status = status.value_or(row.status);
                return status.has_value();
            }
            case Column::unknown:
                break;
        }
        return true;
    }

    TelegenceState& state_;
    LineRow model_;
    bool named_ = false;
    std::array<Column, kMaxColumns> columns_{};
    std::array<std::string_view, kMaxColumns> cells_;
};

// What all lines of the fleet share. Not empty: what is wrong.
std::string read_model(const boost::json::object& body, TelegenceState& state, LineRow& model) {
    if (const auto plan = text_at(body, "plan")) model.plan = state.plans.find(*plan);
    if (model.plan == kNone) return "unknown plan";
    if (const auto ban = text_at(body, "ban")) model.ban = state.find_ban(*ban);
    if (model.ban == kNone) return "unknown ban";
    const auto status = status_of_letter(text_at(body, "status").value_or("A"));
    if (!status) return "status must be A, S or C";
    model.status = *status;
    model.zip = state.texts.number_of(text_at(body, "zip").value_or("75001"));
    model.data_group = state.texts.number_of(text_at(body, "dataGroup").value_or(""));
    const auto* list = find(body, "features");
    if (list == nullptr) return {};
    if (!list->is_array()) return "features must be an array of codes";
    FeatureList features;
    for (const auto& item : list->get_array()) {
        const std::uint16_t feature =
            item.is_string()
                ? state.features.find({item.get_string().data(), item.get_string().size()})
                : kNone;
        if (feature == kNone) return "unknown feature";
        features.push_back({feature, model.activation_day});
    }
    model.features = state.feature_lists.number_of(features);
    return {};
}

// A first identifier and a count. Not empty: what is wrong.
std::string load_range(const boost::json::object& body, TelegenceState& state, const LineRow& model,
                       Load& load) {
    const auto sim = parse_digits(text_at(body, "firstIccid").value_or(""), 19, 20);
    const auto imei = parse_digits(text_at(body, "firstImei").value_or("350000000000000"), 14, 16);
    const auto number = parse_number(text_at(body, "firstSubscriberNumber").value_or("0000000000"));
    const std::int64_t count = integer_at(body, "count").value_or(1);
    if (!sim) return "firstIccid must have 19 or 20 digits";
    if (!imei) return "firstImei must have 14 to 16 digits";
    if (!number) return "firstSubscriberNumber must have 10 digits";
    if (count < 1 || count > static_cast<std::int64_t>(kMaxLines)) return "count is out of range";
    for (std::int64_t i = 0; i < count; ++i) {
        const auto step = static_cast<std::uint64_t>(i);
        LineRow row = model;
        row.sim = after(*sim, step);
        row.imei = after(*imei, step);
        row.number = *number == 0 ? 0 : *number + step;
        ++(state.add_line(row) != kNoRow ? load.loaded : load.skipped);
    }
    return {};
}

}  // namespace

void TelegenceSystem::load_fleet(const Request& request, Reply& reply) {
    LineRow model;
    model.plan = 0;
    model.technology = state_.texts.number_of("UMTS");
    model.zip = state_.texts.number_of("75001");
    model.activation_day = model.plan_day = model.status_day = day_of(clock_.now_micros());
    Load load;
    const std::size_t start = request.body.find_first_not_of(" \r\n\t");
    if (start != std::string_view::npos && request.body[start] == '{') {
        const auto* body = parse_json_object(request.body);
        if (body == nullptr) return refuse_admin(reply, 400, "wrong fleet description");
        std::string wrong = read_model(*body, state_, model);
        if (wrong.empty()) wrong = load_range(*body, state_, model, load);
        if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    } else {
        load = CsvLoader(state_, model).load(request.body);
    }
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", load.loaded);
    report.add_integer("skipped", load.skipped);
    report.close();
}

}  // namespace carryall::simulators::telegence
