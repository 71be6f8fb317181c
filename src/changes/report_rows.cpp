// Columns follow the table of fields, so a new parameter appears here by itself.
#include "changes/report_rows.hpp"

#include "changes/parameters.hpp"

namespace carryall::changes {
namespace {

base::json::object section_in(const base::json::value& request, ChangeType type) {
    if (!request.is_object()) return {};
    const auto* section = base::find_ignoring_case(request.get_object(), section_name(type));
    return section != nullptr && section->is_object() ? section->get_object()
                                                      : base::json::object();
}

std::string text_of(const base::json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    if (!value.is_array()) return base::json::serialize(value);
    std::string list;
    for (const auto& item : value.get_array()) {
        list += (list.empty() ? "" : ";") + base::json::serialize(item);
    }
    return list;
}

// The id that says the same as a name, and better; empty if the column is no name.
std::string_view id_for(std::string_view column, ChangeType type) {
    if (column == "customerRatePlan") return "customerRatePlanId";
    if (column == "customerPool") {
        return type == ChangeType::customerassignment ? "customerRatePoolId" : "customerPoolId";
    }
    if (column == "customer") return "customerId";
    return column == "site" ? "siteId" : "";
}

}  // namespace

FailedRows::FailedRows(ChangeType type, const base::json::value& request, sheets::CsvWriter& writer)
    : type_(type), writer_(writer), shared_(section_in(request, type)) {
    for (const std::string_view name : field_names(type)) {
        if (name != "planUuid" && name != "ratePlanId") columns_.emplace_back(name);
    }
}

base::Result<void> FailedRows::write_header() {
    std::vector<std::string_view> names = {"Identifier"};
    names.insert(names.end(), columns_.begin(), columns_.end());
    names.insert(names.end(), {"Row", "State", "ErrorClass", "Reason"});
    return writer_.write_row(names);
}

base::Result<void> FailedRows::write(const FailedRow& row) {
    // A device's stored section is complete; without one it was to get the change's.
    const base::json::object own = section_in(row.own, type_);
    const base::json::object& values = own.empty() ? shared_ : own;
    const base::json::value* given =
        row.own.is_object() ? row.own.get_object().if_contains("given") : nullptr;
    cells_.clear();
    cells_.push_back(row.identifier);
    for (const std::string& column : columns_) {
        const base::json::value* value = nullptr;
        if (given != nullptr && given->is_object()) value = given->get_object().if_contains(column);
        const std::string_view id = id_for(column, type_);
        const bool has_id = !id.empty() && base::find_ignoring_case(values, id) != nullptr;
        if (value == nullptr && !has_id) value = base::find_ignoring_case(values, column);
        cells_.push_back(value == nullptr || value->is_null() ? "" : text_of(*value));
    }
    cells_.push_back(std::to_string(row.row_number));
    cells_.push_back(row.state);
    cells_.push_back(row.error_class);
    cells_.push_back(row.reason);
    const std::vector<std::string_view> views(cells_.begin(), cells_.end());
    return writer_.write_row(views);
}

}  // namespace carryall::changes
