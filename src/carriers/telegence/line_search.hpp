// Looks for the line that a SIM has become part of. Telegence finds lines by their numbers only, so
// the subscriber list is read, newest page first, and the lines of the billing account one by one.
// Every device of a page asks the same questions, which are therefore sent once (Call::shared). A
// long list takes several looks: a mark says how far they have come.
//
// What must stay true: "not there" is answered only by a list that was read to its end, every page
// of which is young enough, of which every line in question was read, and in which nothing has
// moved meanwhile.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/telegence/subscriber_list.hpp"
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
    bool goes_on = false;   // a part of the list is done; the next look takes the next one
};
using SearchStep = std::variant<Call, FoundLine, NoSuchLine, SearchFailed>;

// Where a search stands between two looks.
struct SearchMark {
    std::int64_t page = 0;       // the one at hand; 0: not begun
    std::string after;           // the number on it that was read last; empty: none
    std::int64_t last_page = 0;  // when the search began
    // The number that stood first on the last page. Lines that are added or cancelled before it
    // would move it, and others from a page that is still to be read to one that was.
    std::string anchor;
    std::optional<base::Instant> oldest;  // of the moments that the pages told
    bool is_undated = false;              // a page told none
    int looks = 0;

    static SearchMark from(const base::json::value& stored);
    base::json::value to_json() const;  // null if the search has not begun
};

class LineSearch {
  public:
    // `must_show`: from which moment on a list shows every line that was asked for; none: the
    // activation may still be under way, so no list proves anything, and only the newest lines are
    // looked through, over a few looks. `mark`: of the look before.
    LineSearch(const Account& account, const Line& line, std::string billing_account,
               std::optional<base::Instant> must_show, SearchMark mark);

    SearchStep begin();
    SearchStep proceed(const http::ClientResponse& response);
    // For the next look. Valid at any moment.
    const SearchMark& mark() const { return mark_; }

  private:
    enum class Asking { own_line, length, page, line, anchor };

    SearchStep read_page(std::int64_t page, Asking asking);
    SearchStep read_line(const std::string& number, Asking asking);
    SearchStep read_next();
    SearchStep on_page(const http::ClientResponse& response);
    SearchStep on_line(const http::ClientResponse& response);
    SearchStep look_through(const std::vector<ListedSubscriber>& rows, std::int64_t total);
    SearchStep not_this_line();
    SearchStep interrupted();
    SearchStep has_moved();
    SearchStep conclude();
    void note_moment(std::optional<base::Instant> moment);

    const Account& account_;
    const std::string sim_;
    const std::string billing_account_;
    const std::optional<base::Instant> must_show_;
    const std::string own_number_;  // as our record has it; asked first
    SearchMark mark_;
    Asking asking_ = Asking::length;
    int calls_ = 0;
    std::string asked_number_;
    std::deque<std::string> candidates_;  // of the page at hand, in the order of reading
};

}  // namespace carryall::carriers::telegence
