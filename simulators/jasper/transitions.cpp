// See transitions.hpp.
#include "jasper/transitions.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::uint32_t kYes = 0;
constexpr std::uint32_t kBack = kNoWayBack;
constexpr std::uint32_t kNo = kInvalidSimState;
constexpr std::size_t kSettable = 7;  // TEST_READY to PURGED

constexpr std::uint32_t kProposal[kSettable][kSettable] = {
    {kYes, kYes, kYes, kYes, kYes, kYes, kNo},     // from TEST_READY
    {kYes, kYes, kYes, kYes, kYes, kYes, kNo},     // INVENTORY
    {kYes, kYes, kYes, kYes, kYes, kYes, kNo},     // ACTIVATION_READY
    {kBack, kBack, kBack, kYes, kYes, kYes, kNo},  // ACTIVATED
    {kBack, kBack, kBack, kYes, kYes, kYes, kNo},  // DEACTIVATED
    {kBack, kBack, kBack, kNo, kNo, kYes, kNo},    // RETIRED
    {kNo, kNo, kNo, kNo, kNo, kNo, kYes},          // PURGED
};

std::size_t place_of(const std::vector<std::string>& statuses, std::string_view name) {
    return static_cast<std::size_t>(std::find(statuses.begin(), statuses.end(), name) -
                                    statuses.begin());
}

std::string_view text_of(const boost::json::string& text) {
    return {text.data(), text.size()};
}

}  // namespace

Transitions::Transitions() {
    for (std::size_t from = 0; from < kMaxStatuses; ++from) {
        for (std::size_t to = 0; to < kMaxStatuses; ++to) {
            const bool proposed = from < kSettable && to < kSettable;
            cells_[from][to] = proposed ? kProposal[from][to] : kNo;
        }
    }
}

std::uint32_t Transitions::refusal(std::uint8_t from, std::uint8_t to, bool was_activated) const {
    const std::uint32_t cell = cells_[from][to];
    return from == to || (cell == kBack && !was_activated) ? kYes : cell;
}

std::string Transitions::load(const boost::json::object& matrix,
                              const std::vector<std::string>& statuses) {
    auto cells = cells_;
    for (const auto& row : matrix) {
        const std::string_view from_name{row.key().data(), row.key().size()};
        const std::size_t from = place_of(statuses, from_name);
        if (from == statuses.size()) return "unknown status " + std::string(from_name);
        if (!row.value().is_object()) return std::string(from_name) + " must be an object";
        for (const auto& column : row.value().get_object()) {
            const std::string_view to_name{column.key().data(), column.key().size()};
            const std::size_t to = place_of(statuses, to_name);
            if (to == statuses.size()) return "unknown status " + std::string(to_name);
            const auto* word = column.value().if_string();
            const auto code = integer_of(column.value());
            if (word != nullptr && text_of(*word) == "yes")
                cells[from][to] = kYes;
            else if (word != nullptr && text_of(*word) == "no")
                cells[from][to] = kNo;
            else if (code && *code > 0 && *code <= UINT32_MAX)
                cells[from][to] = static_cast<std::uint32_t>(*code);
            else
                return "a cell is \"yes\", \"no\" or an error code";
        }
    }
    cells_ = cells;
    return {};
}

void Transitions::append(std::string& out, const std::vector<std::string>& statuses) const {
    JsonObject matrix(out);
    for (std::size_t from = 0; from < statuses.size(); ++from) {
        JsonObject row(matrix.add_raw(statuses[from]));
        for (std::size_t to = 0; to < statuses.size(); ++to) {
            const std::uint32_t cell = cells_[from][to];
            row.add(statuses[to], cell == kYes ? "yes" : std::to_string(cell));
        }
        row.close();
    }
    matrix.close();
}

}  // namespace carryall::simulators::jasper
