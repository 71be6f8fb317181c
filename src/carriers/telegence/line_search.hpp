// Looks for the line that a SIM has become part of. Telegence finds lines by their numbers only, so
// the subscriber list is read, newest page first, and the lines of the billing account one by one.
// Every device of a page asks the same questions, which are therefore sent once (Call::shared).
//
// What must stay true: "not there" is answered only by a list that was read to its end, that is
// known to be young enough, and of which every line in question was read.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

struct FoundLine {
    std::string number;
    bool is_active = false;
};
struct NoSuchLine {};
struct SearchFailed {
    Verdict verdict;        // its reason says why nothing can be concluded
    bool is_final = false;  // nor by looking again
};
using SearchStep = std::variant<Call, FoundLine, NoSuchLine, SearchFailed>;

class LineSearch {
  public:
    // `must_show`: from which moment on a list shows every line that was asked for; none: the
    // activation may still be under way, so no list proves anything.
    LineSearch(const Account& account, const Line& line, std::string billing_account,
               std::optional<base::Instant> must_show);

    SearchStep begin();
    SearchStep proceed(const http::ClientResponse& response);

  private:
    SearchStep read_page(std::int64_t page);
    SearchStep read_next();
    SearchStep on_page(const http::ClientResponse& response);
    SearchStep on_line(const http::ClientResponse& response);
    Call shared(Call call) const;
    SearchStep inconclusive(std::string reason) const;

    const Account& account_;
    const std::string sim_;
    const std::string billing_account_;
    const std::optional<base::Instant> must_show_;
    std::string own_number_;  // as our record has it; asked first
    std::int64_t page_ = 0;   // asked last; 0: none
    std::int64_t page_total_ = 0;
    std::int64_t pages_read_ = 0;
    bool is_young_enough_ = true;
    std::deque<std::string> candidates_;  // numbers, in the order in which they are read
    std::deque<std::string> of_first_page_;
    std::string asked_number_;  // empty: a page was asked for
    std::size_t lines_read_ = 0;
};

}  // namespace carryall::carriers::telegence
