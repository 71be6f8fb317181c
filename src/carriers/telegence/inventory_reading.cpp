// The inventory of a Telegence account: the subscriber list page by page, paged by headers, then
// the details of its lines in portions. A portion is a page of ours, so that what was read is kept
// when the next portion fails.
//
// What must stay true: a list that contradicts itself ends the reading with a reason; a line whose
// details cannot be read is still told, with what the list says of it and nothing else.
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "carriers/telegence/setup.hpp"
#include "carriers/telegence/subscriber_list.hpp"
#include "carriers/telegence/telegence.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

namespace {

namespace json = base::json;

constexpr std::size_t kLinesPerPortion = 50;
constexpr int kMaxRounds = 3;  // how often details are asked for
constexpr std::int64_t kMaxPages = 100'000;

// "2026-03-01Z" without the Z; what is no day stays as it is.
std::string plain_day(std::string_view text) {
    const auto day = parse_day(text);
    if (!day) return std::string(text);
    std::string plain = wire_day(*day);
    plain.pop_back();
    return plain;
}

json::array describe(const std::vector<Feature>& features) {
    json::array out;
    for (const Feature& feature : features) {
        json::object item = {{"code", feature.code}};
        if (!feature.description.empty()) item["description"] = feature.description;
        if (!feature.effective.empty()) item["effectiveDate"] = plain_day(feature.effective);
        if (!feature.expires.empty()) item["expirationDate"] = plain_day(feature.expires);
        out.push_back(std::move(item));
    }
    return out;
}

std::optional<std::string> digits_or_nothing(std::string_view text) {
    return base::all_digits(text) ? std::optional(std::string(text)) : std::nullopt;
}

void set_status(CarrierLine& line, std::string_view word) {
    if (word.empty()) return;
    line.carrier_status = std::string(word);
    line.status = platform_status(word).value_or(std::string(word));
}

CarrierLine line_of(const ListedSubscriber& row, const std::string& fan) {
    CarrierLine line;
    line.msisdn = row.number;
    set_status(line, row.status);
    if (!row.ban.empty()) {
        line.group = fan.empty() ? row.ban : row.ban + '/' + fan;
        line.details["billingAccountNumber"] = row.ban;
    }
    if (!fan.empty()) line.details["foundationAccountNumber"] = fan;
    return line;
}

void add_details(CarrierLine& line, const LineDetails& details) {
    static constexpr const char* kDays[] = {"subscriberActivationDate", "statusEffectiveDate",
                                            "effectiveDate", "expirationDate", "nextBillCycleDate"};
    static constexpr const char* kTexts[] = {
        "statusReasonCode", "serviceZipCode", "dataGroupIDCode1",       "ipAddress",
        "BLDeviceBrand",    "BLDeviceModel",  "BLDeviceTechnologyType", "NWIMEI",
        "NWDeviceBrand",    "NWDeviceModel",  "pendingEquipmentUpgrade"};
    set_status(line, details.value("subscriberStatus"));
    line.iccid = digits_or_nothing(details.value("sim"));
    line.imei = digits_or_nothing(details.value("BLIMEI"));
    if (!line.imei) line.imei = digits_or_nothing(details.value("NWIMEI"));
    const std::string_view plan = details.value("singleUserCode");
    if (!plan.empty()) line.rate_plan = std::string(plan);
    for (const char* name : kDays) {
        const std::string_view value = details.value(name);
        if (!value.empty()) line.details[name] = plain_day(value);
    }
    for (const char* name : kTexts) {
        const std::string_view value = details.value(name);
        if (!value.empty()) line.details[name] = value;
    }
    line.details["features"] = describe(details.features());
}

// As an answer that ends the reading.
InventoryFailed failed(const Verdict& verdict) {
    InventoryFailed failure;
    failure.reason = verdict.reason;
    failure.retry_after = verdict.retry_after;
    failure.whole_account = verdict.whole_account;
    if (verdict.meaning == Meaning::unauthorized) failure.failure = FailureClass::system;
    if (verdict.meaning == Meaning::refused) failure.failure = verdict.failure;
    return failure;
}

InventoryFailed contradiction(std::string_view what) {
    return {malformed(what).reason, FailureClass::transient, std::nullopt, false};
}

class Reading : public InventoryReading {
  public:
    Reading(const Account& account, const InventoryScope& scope) : account_(account) {
        const auto* resume = scope.resume.if_object();
        if (resume == nullptr) return;
        page_ = std::max<std::int64_t>(1, integer_at(*resume, "page", 1));
        at_ = static_cast<std::size_t>(std::max<std::int64_t>(0, integer_at(*resume, "line", 0)));
    }

    InventoryStep next() override {
        if (at_ < rows_.size()) return begin_portion();
        return list();
    }

    InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override {
        if (!is_asking_details_) return on_list(answers.front());
        return on_details(answers);
    }

  private:
    // One call of a portion.
    struct Question {
        std::size_t row = 0;  // whose details; if `ban` is empty
        std::string ban;      // whose foundation account
    };

    static std::int64_t integer_at(const json::object& object, std::string_view name,
                                   std::int64_t fallback) {
        return base::parse_int(member_text(object, name)).value_or(fallback);
    }

    Call read(std::string path, std::string operation) const {
        Call call;
        call.path = std::move(path);
        call.operation = std::move(operation);
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    // --- the list ---

    InventoryStep list() {
        is_asking_details_ = false;
        if (page_ > kMaxPages) {
            return contradiction("more than " + std::to_string(kMaxPages) + " pages");
        }
        return std::vector<Call>{list_subscribers(account_, page_)};
    }

    InventoryStep on_list(const http::ClientResponse& response) {
        const Answer answer = judge(response, Expect::json);
        if (answer.verdict.meaning != Meaning::accepted) return failed(answer.verdict);
        auto rows = parse_subscribers(answer.body);
        if (!rows) return contradiction("no list of subscribers");
        const auto total = pages_of_list(response);
        // Without it the end of the list cannot be told from a page that was cut short.
        if (!total) return contradiction("a page without a number of pages");
        is_last_page_ = page_ >= *total;
        if (rows->empty() && !is_last_page_) return contradiction("an empty page amid the list");
        const std::string first = rows->empty() ? "" : rows->front().number;
        if (!first.empty() && first == first_of_former_) {
            return contradiction("the same page twice");
        }
        first_of_former_ = first;
        rows_ = std::move(*rows);
        at_ = std::min(at_, rows_.size());
        return begin_portion();
    }

    // --- the details ---

    InventoryStep begin_portion() {
        end_ =
            syncs_details(account_) ? std::min(rows_.size(), at_ + kLinesPerPortion) : rows_.size();
        lines_.assign(end_ - at_, std::nullopt);
        missing_.assign(end_ - at_, "");
        questions_.clear();
        round_ = 0;
        for (std::size_t i = at_; i < end_; ++i) {
            const ListedSubscriber& row = rows_[i];
            if (syncs_details(account_) && row.is_addressable) questions_.push_back({i, ""});
            if (row.fan.empty() && base::all_digits(row.ban) && !fan_of_.contains(row.ban)) {
                fan_of_[row.ban];
                questions_.push_back({i, row.ban});
            }
        }
        return ask();
    }

    InventoryStep ask() {
        if (questions_.empty()) return portion();
        is_asking_details_ = true;
        ++round_;
        std::vector<Call> calls;
        calls.reserve(questions_.size());
        for (const Question& question : questions_) {
            std::string path(question.ban.empty() ? line_path(account_)
                                                  : billing_account_path(account_));
            path += '/';
            path += question.ban.empty() ? rows_[question.row].number : question.ban;
            calls.push_back(
                read(std::move(path), question.ban.empty() ? "Read Line" : "Read Billing Account"));
        }
        return calls;
    }

    InventoryStep on_details(const std::vector<http::ClientResponse>& answers) {
        std::vector<Question> again;
        for (std::size_t i = 0; i < questions_.size(); ++i) {
            const Verdict verdict = take(questions_[i], judge(answers[i], Expect::json));
            const bool is_wrong_credentials =
                verdict.meaning == Meaning::unauthorized && verdict.http_status == kUnauthorized;
            if (verdict.meaning == Meaning::throttled || is_wrong_credentials) {
                return failed(verdict);
            }
            if (verdict.meaning == Meaning::not_sent || verdict.meaning == Meaning::unclear) {
                again.push_back(questions_[i]);
            }
            if (verdict.meaning != Meaning::accepted && questions_[i].ban.empty()) {
                last_failure_ = verdict;
            }
        }
        questions_ = std::move(again);
        if (!questions_.empty() && round_ < kMaxRounds) return ask();
        if (is_silent()) return failed(last_failure_);
        return portion();
    }

    // Telegence tells the details of no line: that says nothing of the lines, but of the path, the
    // permission, or Telegence. One line alone may be refused for its own reasons.
    bool is_silent() const {
        if (std::any_of(lines_.begin(), lines_.end(), [](const auto& line) { return line; })) {
            return false;
        }
        const auto failures = std::count_if(missing_.begin(), missing_.end(),
                                            [](const std::string& why) { return !why.empty(); });
        return failures > 1 || (failures == 1 && last_failure_.meaning != Meaning::refused);
    }

    // What the answer means; what it tells is kept.
    Verdict take(const Question& question, const Answer& answer) {
        const bool is_accepted = answer.verdict.meaning == Meaning::accepted;
        if (!question.ban.empty()) {
            if (is_accepted) fan_of_[question.ban] = parse_fan(answer.body);
            return answer.verdict;
        }
        Verdict verdict = answer.verdict;
        if (is_accepted) {
            lines_[question.row - at_] = parse_line(answer.body, rows_[question.row].number);
            if (!lines_[question.row - at_]) verdict = malformed("no details of this line");
        }
        missing_[question.row - at_] = verdict.reason;
        return verdict;
    }

    static std::string parse_fan(const json::value& body) {
        const auto* object = body.if_object();
        const auto* business =
            object != nullptr ? base::find_ignoring_case(*object, "businessAccount") : nullptr;
        return business != nullptr && business->is_object()
                   ? member_text(business->get_object(), "fan")
                   : std::string();
    }

    // --- a page of ours ---

    InventoryStep portion() {
        InventoryPage page;
        page.lines.reserve(end_ - at_);
        std::map<std::string, std::string> plans;
        for (std::size_t i = at_; i < end_; ++i) {
            const ListedSubscriber& row = rows_[i];
            CarrierLine line = line_of(row, row.fan.empty() ? fan_of_[row.ban] : row.fan);
            if (const auto& details = lines_[i - at_]) {
                add_details(line, *details);
                if (line.rate_plan) {
                    plans[*line.rate_plan] = details->value("singleUserCodeDescription");
                }
            } else if (!missing_[i - at_].empty()) {
                line.details["detailsMissing"] = missing_[i - at_];
            }
            page.lines.push_back(std::move(line));
        }
        for (auto& [code, name] : plans) {
            page.plans.push_back({code, name.empty() ? code : name, std::nullopt, std::nullopt});
        }
        at_ = end_;
        page.is_last = at_ >= rows_.size() && is_last_page_;
        if (page.is_last) return page;
        if (at_ < rows_.size()) {
            page.resume = {{"page", page_}, {"line", at_}};
        } else {
            ++page_;
            at_ = 0;
            rows_.clear();
            page.resume = {{"page", page_}};
        }
        return page;
    }

    static constexpr int kUnauthorized = 401;

    const Account& account_;
    std::int64_t page_ = 1;  // of Telegence's list, from 1
    std::size_t at_ = 0;     // the first line of the portion, in rows_
    std::size_t end_ = 0;    // behind its last
    std::vector<ListedSubscriber> rows_;
    bool is_last_page_ = false;
    std::string first_of_former_;  // number: tells a list that does not go on

    bool is_asking_details_ = false;
    std::vector<Question> questions_;
    int round_ = 0;
    std::vector<std::optional<LineDetails>> lines_;  // of the portion
    std::vector<std::string> missing_;               // why, in the same order
    Verdict last_failure_;
    std::map<std::string, std::string> fan_of_;  // by billing account, where the list lacks it
};

}  // namespace

std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                 const InventoryScope& scope) {
    return std::make_unique<Reading>(account, scope);
}

}  // namespace carryall::carriers::telegence
