// Jasper's inventory: the rate plans, then the devices by their last change, oldest first.
//
// A line that is changed while we read moves to the end of that order, and the lines behind it move
// forward by one, so one of them may slip from a page to come into the page just read. Therefore
// each page after the first is followed by the page before it, once more. Lines that come twice are
// harmless.
#include <algorithm>
#include <utility>

#include "carriers/jasper/jasper.hpp"
#include "carriers/jasper/status_rules.hpp"
#include "carriers/jasper/wire.hpp"

namespace carryall::carriers::jasper {

namespace {

namespace json = base::json;

constexpr int kPageSize = 50;  // Jasper's limit
constexpr int kMaxPlanPages = 200;
constexpr int kMaxLinePages = 200'000;
constexpr std::string_view kBeforeAll = "2000-01-01T00:00:00Z";
// Jasper's clock and ours differ, and a change may show late.
constexpr std::chrono::minutes kOverlap{10};
constexpr std::string_view kRoleLacksFunction = "10000030";

// Present, null or another type: known to be empty. Absent: not told.
std::optional<std::string> told(const json::object& row, std::string_view name) {
    if (!row.contains(name)) return std::nullopt;
    return std::string(text_at(row, name));
}

// Empty counts as not told: a SIM without a number or a modem may get one any time.
std::optional<std::string> filled(const json::object& row, std::string_view name) {
    const std::string_view text = text_at(row, name);
    if (text.empty()) return std::nullopt;
    return std::string(text);
}

// What search rows and details have in common.
bool read_row(const json::value& value, CarrierLine& line) {
    if (!value.is_object()) return false;
    const json::object& row = value.get_object();
    const std::string_view iccid = text_at(row, "iccid");
    if (!is_iccid(iccid)) return false;
    line.iccid = iccid;
    if (auto status = filled(row, "status")) {
        line.status = status_of_wire(*status);
        line.carrier_status = std::move(status);
    }
    if (auto plan = told(row, "ratePlan")) line.rate_plan = std::move(plan);
    if (auto plan = told(row, "communicationPlan")) line.communication_plan = std::move(plan);
    return true;
}

// Everything in the details that is a text and has no place of its own.
void read_details(const json::object& row, CarrierLine& line) {
    line.msisdn = filled(row, "msisdn");
    line.imei = filled(row, "imei");
    line.modified_at = parse_date(text_at(row, "dateUpdated"));
    static constexpr std::string_view kElsewhere[] = {
        "iccid", "status", "ratePlan", "communicationPlan", "msisdn", "imei", "dateUpdated"};
    for (const auto& [name, value] : row) {
        const bool is_elsewhere =
            std::find(std::begin(kElsewhere), std::end(kElsewhere), name) != std::end(kElsewhere);
        if (is_elsewhere || !value.is_string() || value.get_string().empty()) continue;
        line.details[name] = value;
    }
}

class Reading : public InventoryReading {
  public:
    Reading(const Account& account, const InventoryScope& scope)
        : account_(account), since_(parse_date(kBeforeAll).value()) {
        const json::value* details = account.settings.if_contains(kSyncDetails);
        with_details_ = details != nullptr && details->is_bool() && details->get_bool();
        if (scope.modified_since) since_ = std::max(since_, *scope.modified_since - kOverlap);
        if (scope.resume.is_object()) go_on_from(scope.resume.get_object());
    }

    InventoryStep next() override {
        const int limit = phase_ == Phase::plans ? kMaxPlanPages : kMaxLinePages;
        if (page_ > limit) {
            return InventoryFailed{"Jasper's pages do not come to an end", FailureClass::system,
                                   std::nullopt, false};
        }
        return phase_ == Phase::plans ? plan_page() : line_page();
    }

    InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override {
        if (!lines_.empty()) return on_details(answers);
        return phase_ == Phase::plans ? on_plans(answers) : on_lines(answers);
    }

  private:
    enum class Phase { plans, lines };

    // --- calls ---

    Call reading(std::string path, std::string operation) const {
        Call call;
        call.path = std::move(path);
        call.operation = std::move(operation);
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    std::string of_page(int page) const {
        std::string query =
            "&pageSize=" + std::to_string(kPageSize) + "&pageNumber=" + std::to_string(page);
        const json::value* id = account_.settings.if_contains(kAccountId);
        if (id != nullptr && id->is_string() && !id->get_string().empty()) {
            query += "&accountId=" + std::string(id->get_string());
        }
        return query;
    }

    InventoryStep plan_page() const {
        return std::vector<Call>{
            reading("/rateplans?" + of_page(page_).substr(1), "List Rate Plans")};
    }

    Call search(int page) const {
        return reading("/devices?modifiedSince=" + wire_time(since_) + of_page(page),
                       "Search Devices");
    }

    InventoryStep line_page() const {
        std::vector<Call> calls{search(page_)};
        if (page_ > 1) calls.push_back(search(page_ - 1));
        return calls;
    }

    // --- answers ---

    static InventoryFailed failed(const Verdict& verdict) {
        const bool is_refused =
            verdict.meaning == Meaning::refused || verdict.meaning == Meaning::unauthorized;
        return {verdict.reason, is_refused ? verdict.failure : FailureClass::transient,
                verdict.retry_after, verdict.whole_account};
    }

    // The rows of a page; a verdict if it is none, or another one than was asked for.
    static std::optional<Verdict> problem_of_page(const Answer& answer, std::string_view rows,
                                                  int page) {
        if (answer.verdict.meaning != Meaning::accepted) return answer.verdict;
        const json::object& body = answer.body.get_object();
        const json::value* found = body.if_contains(rows);
        const auto is_last = is_last_page(body);
        if (found == nullptr || !found->is_array()) {
            return malformed("a page without \"" + std::string(rows) + '"');
        }
        if (!is_last) return malformed("a page that does not say whether it is the last");
        const json::value* number = body.if_contains("pageNumber");
        if (number != nullptr && number->is_int64() && number->get_int64() != page) {
            return malformed("another page than the one asked for");
        }
        if (!*is_last && found->get_array().empty()) {
            return malformed("a page without rows before the last");
        }
        return std::nullopt;
    }

    InventoryStep on_plans(const std::vector<http::ClientResponse>& answers) {
        const Answer answer = judge(account_, answers.at(0));
        const Meaning meaning = answer.verdict.meaning;
        constexpr int kForbidden = 403;
        // Plans are for administrators of an account only; lines are worth having without them.
        const bool is_closed =
            meaning == Meaning::refused || answer.code == kRoleLacksFunction ||
            (meaning == Meaning::unauthorized && answer.verdict.http_status == kForbidden);
        if (is_closed) {
            begin_lines();
            return next();
        }
        if (const auto problem = problem_of_page(answer, "ratePlans", page_)) {
            return failed(*problem);
        }
        InventoryPage page;
        const json::object& body = answer.body.get_object();
        for (const json::value& row : body.at("ratePlans").get_array()) {
            const std::string_view name =
                row.is_object() ? text_at(row.get_object(), "name") : std::string_view();
            if (name.empty()) return failed(malformed("a rate plan without a name"));
            page.plans.push_back({std::string(name), std::string(name), {}, {}});
        }
        if (*is_last_page(body))
            begin_lines();
        else
            ++page_;
        page.resume = place();
        return page;
    }

    void begin_lines() {
        phase_ = Phase::lines;
        page_ = 1;
    }

    InventoryStep on_lines(const std::vector<http::ClientResponse>& answers) {
        std::vector<std::string> on_page;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            const Answer answer = judge(account_, answers[i]);
            const int page = page_ - static_cast<int>(i);
            if (const auto problem = problem_of_page(answer, "devices", page)) {
                lines_.clear();
                return failed(*problem);
            }
            const json::object& body = answer.body.get_object();
            if (i == 0) is_last_ = *is_last_page(body);
            if (!take_rows(body.at("devices").get_array(), i == 0 ? &on_page : nullptr)) {
                lines_.clear();
                return failed(malformed("a row that is no device"));
            }
        }
        former_ = std::move(on_page);
        ++page_;
        if (!with_details_ || lines_.empty()) return finish_page();
        std::vector<Call> calls;
        for (const CarrierLine& line : lines_) {
            calls.push_back(reading("/devices/" + *line.iccid, "Get Device"));
        }
        return calls;
    }

    // `iccids` of the page that is new; the page before it gives only what it did not have before.
    bool take_rows(const json::array& rows, std::vector<std::string>* iccids) {
        for (const json::value& row : rows) {
            CarrierLine line;
            if (!read_row(row, line)) return false;
            if (iccids != nullptr) {
                iccids->push_back(*line.iccid);
            } else if (std::find(former_.begin(), former_.end(), *line.iccid) != former_.end()) {
                continue;
            }
            lines_.push_back(std::move(line));
        }
        return true;
    }

    InventoryStep on_details(const std::vector<http::ClientResponse>& answers) {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            const Answer answer = judge(account_, answers.at(i));
            // The line may be gone since.
            if (answer.verdict.meaning == Meaning::refused) continue;
            const bool is_accepted = answer.verdict.meaning == Meaning::accepted;
            if (!is_accepted || !is_about(answer.body, *lines_[i].iccid)) {
                lines_.clear();
                --page_;
                return failed(is_accepted ? malformed("details of another SIM") : answer.verdict);
            }
            read_row(answer.body, lines_[i]);
            read_details(answer.body.get_object(), lines_[i]);
        }
        return finish_page();
    }

    InventoryStep finish_page() {
        InventoryPage page;
        page.lines = std::exchange(lines_, {});
        for (const CarrierLine& line : page.lines) {
            auto& plans = page.communication_plans;
            if (!line.communication_plan || line.communication_plan->empty()) continue;
            if (std::find(plans.begin(), plans.end(), *line.communication_plan) == plans.end()) {
                plans.push_back(*line.communication_plan);
            }
        }
        page.is_last = is_last_;
        if (!is_last_) page.resume = place();
        return page;
    }

    // --- where a later reading goes on ---

    json::value place() const {
        return {{"phase", phase_ == Phase::plans ? "plans" : "lines"},
                {"page", page_},
                {"since", base::to_iso8601(since_)}};
    }

    void go_on_from(const json::object& place) {
        const json::value* page = place.if_contains("page");
        const auto since = parse_date(text_at(place, "since"));
        if (page == nullptr || !page->is_int64() || !since) return;
        if (page->get_int64() < 1 || page->get_int64() > kMaxLinePages) return;
        phase_ = text_at(place, "phase") == "lines" ? Phase::lines : Phase::plans;
        page_ = static_cast<int>(page->get_int64());
        since_ = *since;
    }

    const Account& account_;
    base::Instant since_;
    bool with_details_ = false;
    Phase phase_ = Phase::plans;
    int page_ = 1;
    bool is_last_ = false;
    std::vector<CarrierLine> lines_;   // of the page at hand, while their details are read
    std::vector<std::string> former_;  // the ICCIDs of the page before
};

}  // namespace

std::unique_ptr<InventoryReading> inventory_reading(const Account& account,
                                                    const InventoryScope& scope) {
    return std::make_unique<Reading>(account, scope);
}

}  // namespace carryall::carriers::jasper
