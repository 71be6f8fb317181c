// Devices from a CSV or XLSX file, row by row. The first filled identifier column of a row counts,
// in the order ICCID, subscriber number, IMEI; columns nobody reads are told in a warning; the
// columns that a file of failed rows has beside its parameters are passed over.
#include <array>

#include "base/text.hpp"
#include "changes/device_row.hpp"
#include "changes/parameters.hpp"
#include "changes/request.hpp"

namespace carryall::changes {
namespace {

using base::Result;

constexpr std::array<std::string_view, 4> kIccidColumns = {"ICCID", "SIM", "SIMNumber", "SIMCard"};
constexpr std::array<std::string_view, 6> kNumberColumns = {
    "MSISDN", "SubscriberNumber", "PhoneNumber", "Phone", "MDN", "TelephoneNumber"};
constexpr std::array<std::string_view, 1> kImeiColumns = {"IMEI"};
constexpr std::array<std::string_view, 3> kOpenColumns = {"Identifier", "Device", "DeviceNumber"};
// Of a file of failed rows (write_failed_rows).
constexpr std::array<std::string_view, 4> kReportColumns = {"reason", "state", "errorclass", "row"};

struct IdentifierColumn {
    std::size_t column;
    std::optional<IdentifierKind> kind;
};
struct ParameterColumn {
    std::size_t column;
    const ParameterField* field;
};

class TableDevices : public DeviceSource {
  public:
    TableDevices(ChangeType type, std::unique_ptr<sheets::TableReader> table)
        : type_(type), table_(std::move(table)) {}

    Result<void> find_columns();
    Result<bool> next(DeviceRow& row) override;
    std::string_view format() const override { return table_->format(); }
    bool may_have_own() const override { return !parameters_.empty(); }
    const std::vector<std::string>& warnings() const override { return warnings_; }

  private:
    Result<void> find_identifiers();
    Result<void> find_parameters();
    void read_identifier(DeviceRow& row);
    void read_parameters(DeviceRow& row);
    void finish_warnings();

    ChangeType type_;
    std::unique_ptr<sheets::TableReader> table_;
    std::vector<IdentifierColumn> identifiers_;
    std::vector<ParameterColumn> parameters_;
    std::vector<std::string> warnings_;
    sheets::Row current_;
    std::int64_t hidden_rows_ = 0;
};

Result<void> TableDevices::find_identifiers() {
    const sheets::Header& header = table_->header();
    const auto look = [&](std::span<const std::string_view> names,
                          std::optional<IdentifierKind> kind) -> Result<void> {
        const auto found = sheets::find_column(header, names);
        if (!found) return found.error();
        if (*found) identifiers_.push_back({**found, kind});
        return {};
    };
    CARRYALL_TRY(look(kIccidColumns, IdentifierKind::iccid));
    CARRYALL_TRY(look(kNumberColumns, IdentifierKind::msisdn));
    // Of an activation the IMEI is a parameter: the device that the SIM is in.
    if (find_field(type_, "imei") == nullptr) {
        CARRYALL_TRY(look(kImeiColumns, IdentifierKind::imei));
    }
    CARRYALL_TRY(look(kOpenColumns, std::nullopt));
    if (!identifiers_.empty()) return {};
    std::string seen;
    for (const std::string& name : header.names) {
        seen += (seen.empty() ? "" : ", ") + (name.empty() ? std::string("(no name)") : name);
    }
    return base::invalid_input(
        "no column says which device is meant; name one ICCID (or SIM), MSISDN (or "
        "SubscriberNumber, PhoneNumber), IMEI, or Identifier. The file has: " +
            seen.substr(0, kMaxParameterBytes),
        "row " + std::to_string(header.row_number));
}

Result<void> TableDevices::find_parameters() {
    const sheets::Header& header = table_->header();
    std::string unused;
    for (std::size_t column = 0; column < header.names.size(); ++column) {
        const std::string& name = header.names[column];
        const std::string comparable = sheets::comparable_column_name(name);
        const bool is_identifier =
            std::any_of(identifiers_.begin(), identifiers_.end(),
                        [&](const IdentifierColumn& known) { return known.column == column; });
        if (comparable.empty() || is_identifier) continue;
        if (std::find(kReportColumns.begin(), kReportColumns.end(), comparable) !=
            kReportColumns.end()) {
            continue;
        }
        const ParameterField* field = find_field(type_, name);
        if (field == nullptr) {
            unused += (unused.empty() ? "" : ", ") + name;
            continue;
        }
        for (const ParameterColumn& known : parameters_) {
            if (known.field != field) continue;
            return base::invalid_input("the columns " + header.names[known.column] + " and " +
                                           name + " both mean " + std::string(field->name) +
                                           "; keep one",
                                       "row " + std::to_string(header.row_number));
        }
        parameters_.push_back({column, field});
    }
    if (!unused.empty()) {
        warnings_.push_back("columns not used by a " + std::string(to_string(type_)) + ": " +
                            unused);
    }
    return {};
}

Result<void> TableDevices::find_columns() {
    CARRYALL_TRY(find_identifiers());
    return find_parameters();
}

void TableDevices::read_identifier(DeviceRow& row) {
    const IdentifierColumn* chosen = &identifiers_.front();
    for (const IdentifierColumn& candidate : identifiers_) {
        if (base::trim(current_.cells[candidate.column].text).empty()) continue;
        chosen = &candidate;
        break;
    }
    sheets::Cell cell = current_.cells[chosen->column];
    // Blanks around an identifier are nobody's meaning; everything else is told, not repaired.
    cell.text = base::trim(cell.text);
    identify(row, cell, chosen->kind ? *chosen->kind : kind_by_form(cell.text));
}

void TableDevices::read_parameters(DeviceRow& row) {
    for (const ParameterColumn& column : parameters_) {
        const sheets::Cell& cell = current_.cells[column.column];
        if (cell.kind == sheets::CellKind::empty || base::trim(cell.text).empty()) continue;
        row.has_own = true;
        const std::string reason =
            set_field(*column.field, cell, table_->date_system(), row.own, row.references);
        if (!reason.empty()) refuse_value(row, *column.field, reason, cell.text);
    }
}

void TableDevices::finish_warnings() {
    for (const std::string& note : table_->notes()) warnings_.push_back(note);
    if (hidden_rows_ > 0) {
        warnings_.push_back(std::to_string(hidden_rows_) +
                            " rows that the spreadsheet program hides were read like the others");
    }
}

Result<bool> TableDevices::next(DeviceRow& row) {
    const auto more = table_->next(current_);
    if (!more) return more.error();
    if (!*more) {
        finish_warnings();
        return false;
    }
    reset(row);
    row.row_number = current_.number;
    if (current_.hidden) ++hidden_rows_;
    if (current_.problem) {
        row.problem = "Unreadable row (" + current_.problem->message + ')';
        return true;
    }
    read_identifier(row);
    read_parameters(row);
    return true;
}

}  // namespace

Result<std::unique_ptr<DeviceSource>> table_devices(const BulkChangeRequest& request,
                                                    std::unique_ptr<sheets::TableReader> table) {
    auto devices = std::make_unique<TableDevices>(request.change_type, std::move(table));
    CARRYALL_TRY(devices->find_columns());
    return std::unique_ptr<DeviceSource>(std::move(devices));
}

}  // namespace carryall::changes
