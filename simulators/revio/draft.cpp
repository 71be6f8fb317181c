// See draft.hpp.
#include "revio/draft.hpp"

#include <cmath>

#include "json_text.hpp"
#include "revio/dates.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::size_t kDefaultMaxLength = 4000;

std::string quote(std::string_view name) {
    return "The " + std::string(name) + " field ";
}

}  // namespace

void append_faults(std::string& out, const std::vector<std::string>& faults) {
    out += '[';
    for (std::size_t i = 0; i < faults.size(); ++i) {
        if (i > 0) out += ',';
        JsonObject fault(out);
        fault.add_bool("ok", false);
        fault.add("message", faults[i]);
        fault.close();
    }
    out += ']';
}

void Draft::append_faults(std::string& out) const {
    revio::append_faults(out, faults_);
}

void Draft::read(const boost::json::object& body) {
    const auto fields = table_.schema().fields;
    for (std::size_t i = 1; i < fields.size(); ++i) {
        if ((fields[i].rules & kWritable) == 0) continue;
        const std::string_view name = fields[i].name;
        const std::size_t dot = name.find('.');
        const boost::json::object* holder = &body;
        if (dot != std::string_view::npos) {
            const auto* nested = find(body, name.substr(0, dot));
            holder = nested == nullptr ? nullptr : nested->if_object();
        }
        const auto* value =
            holder == nullptr
                ? nullptr
                : find(*holder, dot == std::string_view::npos ? name : name.substr(dot + 1));
        if (value != nullptr && !value->is_null()) {
            convert(i, *value);
        } else if ((fields[i].rules & kRequired) == kRequired) {
            add_fault(quote(name) + "is required.");
        }
    }
}

void Draft::set(std::string_view name, const boost::json::value& value) {
    const std::size_t column = table_.column(name);
    if (column == SIZE_MAX || column == 0 ||
        (table_.schema().fields[column].rules & (kWritable | kHidden)) == 0) {
        return add_fault("The path /" + std::string(name) + " cannot be changed.");
    }
    put(column, value);
}

void Draft::plant(std::string_view name, const boost::json::value& value) {
    const std::size_t column = table_.column(name);
    if (column == SIZE_MAX || column == 0) {
        return add_fault("There is no field " + std::string(name) + " to change.");
    }
    put(column, value);
}

void Draft::plant_read_only(const boost::json::object& record) {
    const auto fields = table_.schema().fields;
    for (std::size_t i = 1; i < fields.size(); ++i) {
        const auto* value = find(record, fields[i].name);
        const bool is_written_by_others = (fields[i].rules & (kWritable | kHidden)) != 0;
        if (value != nullptr && !value->is_null() && !is_written_by_others) convert(i, *value);
    }
}

void Draft::put(std::size_t column, const boost::json::value& value) {
    if (!value.is_null()) return convert(column, value);
    values_[column].touched = true;
    values_[column].cell = kNull;
    if ((table_.schema().fields[column].rules & kRequired) == kRequired) {
        add_fault(quote(table_.schema().fields[column].name) + "is required.");
    }
}

void Draft::convert(std::size_t column, const boost::json::value& value) {
    const Field& field = table_.schema().fields[column];
    Value& target = values_[column];
    target.touched = true;
    switch (field.kind) {
        case Kind::integer:
            return convert_integer(field, value, target);
        case Kind::number:
            return convert_number(field, value, target);
        case Kind::text:
            return convert_text(field, value, target);
        case Kind::truth:
            if (!value.is_bool()) return add_fault(quote(field.name) + "must be true or false.");
            target.cell = value.get_bool() ? 1 : 0;
            return;
        case Kind::date:
        case Kind::timestamp:
            return convert_date(field, value, target);
    }
}

void Draft::convert_date(const Field& field, const boost::json::value& value, Value& target) {
    std::optional<std::int64_t> date;
    if (value.is_string()) {
        const std::string_view text{value.get_string().data(), value.get_string().size()};
        date = field.kind == Kind::date ? parse_date(text) : parse_date_micros(text);
    }
    if (!date) return add_fault(quote(field.name) + "is not a valid date.");
    target.cell = *date;
}

void Draft::convert_integer(const Field& field, const boost::json::value& value, Value& target) {
    const auto number = integer_of(value);
    if (!number) return add_fault(quote(field.name) + "must be an integer.");
    if (*number == 0 && (field.rules & kZeroIsAbsent) != 0) return;
    const std::int64_t minimum = (field.rules & (kAtLeastOne | kZeroIsAbsent)) != 0 ? 1 : -kMaxId;
    if (*number < minimum || *number > kMaxId) {
        return add_fault(quote(field.name) + "must be between 1 and 2147483647.");
    }
    target.cell = *number;
}

void Draft::convert_number(const Field& field, const boost::json::value& value, Value& target) {
    double number = 0;
    if (value.is_int64())
        number = static_cast<double>(value.get_int64());
    else if (value.is_double() && std::isfinite(value.get_double()))
        number = value.get_double();
    else
        return add_fault(quote(field.name) + "must be a number.");
    if (number < 0 && (field.rules & kNotNegative) != 0) {
        return add_fault(quote(field.name) + "must not be negative.");
    }
    target.cell = Table::cell_of(number);
}

void Draft::convert_text(const Field& field, const boost::json::value& value, Value& target) {
    if (!value.is_string()) return add_fault(quote(field.name) + "must be a string.");
    const std::size_t maximum = field.max_length == 0 ? kDefaultMaxLength : field.max_length;
    const auto& text = value.get_string();
    if (text.size() > maximum) {
        return add_fault(quote(field.name) + "must be a string with a maximum length of " +
                         std::to_string(maximum) + ".");
    }
    target.cell = 0;
    target.text = text;
}

void Draft::set_integer(std::string_view name, std::int64_t value) {
    values_[table_.column(name)] = {true, value, {}};
}

void Draft::set_text(std::string_view name, std::string_view value) {
    values_[table_.column(name)] = {true, 0, std::string(value)};
}

void Draft::set_number(std::string_view name, double value) {
    values_[table_.column(name)] = {true, Table::cell_of(value), {}};
}

bool Draft::has(std::string_view name) const {
    return integer(name) != kNull;
}

std::int64_t Draft::integer(std::string_view name) const {
    return values_[table_.column(name)].cell;
}

std::string_view Draft::text(std::string_view name) const {
    return values_[table_.column(name)].text;
}

double Draft::number(std::string_view name) const {
    return std::bit_cast<double>(integer(name));
}

bool Draft::write(std::uint32_t row, std::size_t column) const {
    const Value& value = values_[column];
    const std::int64_t before = table_.get(row, column);
    if (table_.schema().fields[column].kind == Kind::text && value.cell != kNull) {
        if (before != kNull && table_.text(before) == value.text) return false;
        table_.set(row, column, table_.store_text(value.text));
        return true;
    }
    if (before == value.cell) return false;
    table_.set(row, column, value.cell);
    return true;
}

bool Draft::commit(std::uint32_t row) const {
    bool changed = false;
    for (std::size_t i = 1; i < values_.size(); ++i) {
        if (values_[i].touched) changed = write(row, i) || changed;
    }
    return changed;
}

bool Draft::replace(std::uint32_t row) const {
    bool changed = false;
    for (std::size_t i = 1; i < values_.size(); ++i) {
        const bool writable = (table_.schema().fields[i].rules & kWritable) != 0;
        if (writable || values_[i].touched) changed = write(row, i) || changed;
    }
    return changed;
}

}  // namespace carryall::simulators::revio
