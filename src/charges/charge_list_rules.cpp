#include "charges/charge_list_rules.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "sheets/csv_writer.hpp"

namespace carryall::charges {
namespace {

using base::Money;

constexpr const char* kColumns =
    "MSISDN\tIsSuccessful\tChargeId\tChargeAmount\tSMSChargeId\tSMSChargeAmount\tErrorMessage\t"
    "DeviceType\tServiceProvider\tBillingPeriod\tBillingPeriodStart\tBillingPeriodEnd\t"
    "DateCharged\tStatus\tNote\n";

bool is_made(std::string_view state) {
    return state == "charged" || state == "recorded";
}

bool is_error(std::string_view state) {
    return !is_made(state) && state != "skipped";
}

void join(std::string& list, std::string_view separator, std::string_view more) {
    if (more.empty()) return;
    if (!list.empty()) list += separator;
    list += more;
}

// What one device's charges come to: SMS apart from all others.
struct Row {
    std::string ids;
    std::string sms_ids;
    Money amount;
    Money sms_amount;
    std::string errors;
    std::string notes;
    std::string states;
    std::string charged_at;
    bool is_successful = true;
};

// Adds, or says why it cannot.
std::optional<std::string> add(Money& sum, Money amount) {
    const auto more = sum.plus(amount);
    if (!more) return "the sum is too large to be written";
    sum = *more;
    return std::nullopt;
}

void count_amount(Row& row, const ListedCharge& charge, ListFigures& figures) {
    std::optional<std::string> wrong;
    const auto amount = Money::parse(charge.amount);
    if (!amount) {
        wrong = amount.error().message;
    } else {
        wrong = add(charge.kind == "sms" ? row.sms_amount : row.amount, *amount);
        if (!wrong) wrong = add(figures.amount, *amount);
    }
    if (!wrong) return;
    row.is_successful = false;
    join(row.errors, "; ",
         fmt::format("{} cannot be counted: its amount '{}' is damaged: {}", charge.kind,
                     charge.amount, *wrong));
    figures.note(
        fmt::format("device {}: the amount '{}' of its {} charge is damaged and is not in "
                    "the sums",
                    charge.device_id, charge.amount, charge.kind));
}

std::string shown_amount(const std::string& stored) {
    const auto amount = Money::parse(stored);
    return amount ? amount->text() : stored;
}

void add_charge(Row& row, const ListedCharge& charge, ListFigures& figures) {
    ++figures.charges[charge.state];
    join(charge.kind == "sms" ? row.sms_ids : row.ids, ";", charge.revio_charge_id);
    join(row.states, ", ", charge.kind + " " + charge.state);
    if (is_made(charge.state)) {
        count_amount(row, charge, figures);
        row.charged_at = std::max(row.charged_at, charge.charged_at);
    }
    const std::string about =
        fmt::format("{} {} {}", charge.kind, shown_amount(charge.amount), charge.state);
    if (is_error(charge.state)) {
        row.is_successful = false;
        join(row.errors, "; ", about + (charge.reason.empty() ? "" : ": " + charge.reason));
    } else if (charge.state == "skipped") {
        join(row.notes, "; ", about + (charge.reason.empty() ? "" : ": " + charge.reason));
    }
    if (charge.is_adopted) {
        join(row.notes, "; ", charge.kind + " found at Rev.io after its answer was lost");
    }
}

// "charged" if all of them are, else "rate charged, sms failed".
std::string status_of(const std::vector<ListedCharge>& charges, const Row& row) {
    const std::string& first = charges.front().state;
    const bool is_one_state = std::all_of(charges.begin(), charges.end(),
                                          [&](const ListedCharge& c) { return c.state == first; });
    return is_one_state ? first : row.states;
}

std::string device_type(std::string_view portal) {
    if (portal == "m2m") return "M2M";
    return portal == "mobility" ? "Mobility" : std::string(portal);
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
    text.append(name).append("\t").append(value).append("\n");
}

void compare_with_counters(const ListSubject& subject, ListFigures& figures) {
    std::int64_t charges = 0;
    for (const auto& [state, count] : figures.charges) charges += count;
    if (charges != subject.charge_count) {
        figures.note(
            fmt::format("the list has {} charges, the part {}", charges, subject.charge_count));
    }
    const auto amount = Money::parse(subject.charged_amount);
    if (!amount || figures.amount != *amount) {
        figures.note(fmt::format("the rows come to {}, the part to {}", figures.amount.text(),
                                 shown_amount(subject.charged_amount)));
    }
}

}  // namespace

std::int64_t ListFigures::charges_in(std::string_view state) const {
    const auto found = charges.find(std::string(state));
    return found == charges.end() ? 0 : found->second;
}

void ListFigures::note(std::string text) {
    notes.size() < kMaxListNotes ? notes.push_back(std::move(text)) : void(++left_out_notes);
}

std::string list_cell(std::string_view text) {
    std::string cell;
    // A quotation mark in front would open a text that goes on over tabs and lines.
    if (sheets::looks_like_formula(text) || text.starts_with('"')) cell = "'";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        cell += byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    return cell;
}

std::string list_header() {
    return kColumns;
}

std::string list_row(const std::vector<ListedCharge>& charges, ListFigures& figures) {
    CHECK(!charges.empty());
    Row row;
    for (const ListedCharge& charge : charges) add_charge(row, charge, figures);
    ++figures.devices;
    if (!row.is_successful) ++figures.error_devices;
    const ListedCharge& first = charges.front();
    const std::string_view name = !first.msisdn.empty() ? first.msisdn : first.iccid;
    const std::string cells[] = {std::string(name),
                                 row.is_successful ? "true" : "false",
                                 row.ids,
                                 row.amount.text(),
                                 row.sms_ids,
                                 row.sms_amount.text(),
                                 row.errors,
                                 device_type(first.portal),
                                 first.service_provider,
                                 first.period_start + " - " + first.period_end,
                                 first.period_start,
                                 first.period_end,
                                 row.charged_at,
                                 status_of(charges, row),
                                 row.notes};
    std::string line;
    for (const std::string& cell : cells) line.append(list_cell(cell)).append("\t");
    line.back() = '\n';
    return line;
}

std::string list_summary(const ListSubject& subject, ListFigures& figures,
                         const std::vector<ErrorCount>& errors) {
    compare_with_counters(subject, figures);
    std::string text = "\nSummary\n";
    add_line(text, "Total Devices Processed", std::to_string(figures.devices));
    add_line(text, "Devices With Errors", std::to_string(figures.error_devices));
    add_line(text, "Successful Charges", std::to_string(figures.successful()));
    add_line(text, "Failed Charges", std::to_string(figures.charges_in("failed")));
    add_line(text, "Parked Charges", std::to_string(figures.charges_in("parked")));
    if (const auto unknown = figures.charges_in("unknown")) {
        add_line(text, "Unknown Charges", std::to_string(unknown));
    }
    add_line(text, "Skipped Charges", std::to_string(figures.charges_in("skipped")));
    add_line(text, "Total Charge Amount", figures.amount.text());
    text += "\nError Summary\n";
    for (const ErrorCount& error : errors) {
        add_line(text, list_cell(error.state + ": " + error.text), std::to_string(error.count));
    }
    if (errors.empty()) text += "None\n";
    if (!subject.part_note.empty()) add_line(text, "\nNote", list_cell(subject.part_note));
    if (figures.notes.empty()) return text;
    text += "\nThis list is incomplete or does not add up:\n";
    for (const std::string& note : figures.notes) text += list_cell(note) + "\n";
    if (figures.left_out_notes > 0) {
        text += fmt::format("and {} more\n", figures.left_out_notes);
    }
    return text;
}

}  // namespace carryall::charges
