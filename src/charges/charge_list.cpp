#include "charges/charge_list.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>

namespace carryall::charges {
namespace {

using base::ErrorKind;

constexpr std::int64_t kChargesAtOnce = 2'000;
// More are no damage of single charges: the list is made when a person has looked.
constexpr int kMaxUnreadable = 100;

// Puts the charges of one device together, which may come in two ranges, and writes its row.
class ListFile {
  public:
    ListFile(const std::filesystem::path& file, ListFigures& figures)
        : out_(file, std::ios::binary | std::ios::trunc), figures_(figures) {
        out_ << list_header();
    }

    void add(ListedCharge charge) {
        if (!device_.empty() && device_.front().device_id != charge.device_id) end_device();
        device_.push_back(std::move(charge));
    }
    void end_device() {
        if (!device_.empty()) out_ << list_row(device_, figures_);
        device_.clear();
    }
    void add_text(const std::string& text) { out_ << text; }

    bool is_well() const { return out_.good(); }
    Result<void> close() {
        out_.close();
        if (out_.fail()) return disk_failure();
        return {};
    }
    static base::Error disk_failure() {
        return base::unavailable("the scratch directory takes no more of the charge list");
    }

  private:
    std::ofstream out_;
    ListFigures& figures_;
    std::vector<ListedCharge> device_;
};

class ListReader {
  public:
    ListReader(db::Connection& connection, const PartId& part, ListFile& list, ListFigures& figures)
        : connection_(connection), part_(part), list_(list), figures_(figures) {}

    // Damage is looked for in halves, until it is known which charge cannot be read.
    Result<void> add_range(std::int64_t first, std::int64_t last) {
        auto charges = read_listed_charges(connection_, part_, first, last);
        if (charges) {
            for (ListedCharge& charge : *charges) list_.add(std::move(charge));
            return {};
        }
        if (!is_damage(charges.error())) return charges.error();
        if (first == last) {
            if (++unreadable_ > kMaxUnreadable) return charges.error();
            figures_.note(fmt::format("the charge at place {} cannot be read: {}", first,
                                      charges.error().message));
            return {};
        }
        const std::int64_t middle = first + (last - first) / 2;
        CARRYALL_TRY(add_range(first, middle));
        return add_range(middle + 1, last);
    }

    // A list stands without its error summary.
    Result<std::vector<ErrorCount>> errors() {
        auto errors = count_errors(connection_, part_.tenant_id, part_.run, {part_.part_number});
        if (errors || !is_damage(errors.error())) return errors;
        figures_.note("the errors cannot be counted: " + errors.error().message);
        return std::vector<ErrorCount>();
    }

  private:
    // Not that the database is away, which passes.
    static bool is_damage(const base::Error& error) { return error.kind == ErrorKind::internal; }

    db::Connection& connection_;
    const PartId& part_;
    ListFile& list_;
    ListFigures& figures_;
    int unreadable_ = 0;
};

}  // namespace

Result<ListFigures> write_charge_list(db::Connection& connection, const ListOrder& order,
                                      const std::filesystem::path& file) {
    ListFigures figures;
    ListFile list(file, figures);
    ListReader reader(connection, order.part, list, figures);
    for (std::int64_t first = 1; first <= order.subject.charge_count && list.is_well();
         first += kChargesAtOnce) {
        const std::int64_t last = std::min(first + kChargesAtOnce - 1, order.subject.charge_count);
        CARRYALL_TRY(reader.add_range(first, last));
    }
    list.end_device();
    const auto errors = reader.errors();
    if (!errors) return errors.error();
    list.add_text(list_summary(order.subject, figures, *errors));
    CARRYALL_TRY(list.close());
    return figures;
}

}  // namespace carryall::charges
