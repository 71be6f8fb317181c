// A fresh attempt posts at once: nothing can stand there yet. An attempt after an unknown one reads
// first, all of it, because one charge more on a later page is one bill too many.
#include "billing/revio/charge.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "billing/revio/charge_reading.hpp"
#include "billing/revio/revio.hpp"
#include "billing/revio/wire.hpp"
#include "carriers/classify.hpp"

namespace carryall::billing::revio {

namespace {

namespace json = base::json;
using carriers::Attempt;
using carriers::Call;
using carriers::FailureClass;
using carriers::Meaning;
using carriers::Outcome;
using carriers::Standing;
using carriers::Step;
using carriers::Unknown;
using carriers::Verdict;

constexpr std::size_t kDateBytes = 10;
// 100,000 charges: of one service, or of one customer for charges without a service.
constexpr int kMaxSearchPages = 200;
// Rev.io tells when a charge was created without naming the zone, and its clock may differ: a
// charge may look half a day older than it is.
constexpr std::chrono::hours kCreatedMargin{24};
constexpr int kUnauthenticated = 401;
// The account's credentials are refused: no rung of the ladder is worth it.
constexpr std::chrono::seconds kRefusedPause{300};
// Rev.io may keep whole cents.
constexpr std::int64_t kUnitsPerCent = base::Money::kUnitsPerWhole / 100;

std::optional<std::int64_t> effective(const std::optional<std::int64_t>& id) {
    return id == 0 ? std::nullopt : id;
}

bool is_revio_id(std::int64_t id) {
    return id > 0 && id <= kMaxRevioId;
}

bool is_date(std::string_view text) {
    return text.size() == kDateBytes && base::parse_iso8601(text).has_value();
}

bool is_marker(std::string_view text) {
    return text.size() <= kMaxMarkerBytes && std::all_of(text.begin(), text.end(), [](char c) {
               return c > ' ' && c < '\x7F' && c != '[' && c != ']';
           });
}

std::string ascii_encoded(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = base::utf8_size(text);
        const auto first = static_cast<unsigned char>(text.front());
        if (length != 1) {
            out += '?';
        } else {
            const bool is_control = first < 0x20 || first == 0x7F;
            out += is_control ? ' ' : text.front();
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

std::string bracketed(const std::string& marker) {
    return marker.empty() ? "" : '[' + marker + ']';
}

std::string_view find_mistake(const Charge& charge, std::string_view description) {
    if (!is_revio_id(charge.rev_customer_id)) return "The Rev.io customer id is not a number";
    const auto product = effective(charge.product_id);
    const auto type = effective(charge.product_type_id);
    if (product.has_value() == type.has_value()) {
        return "A charge needs either a Rev.io product or a Rev.io product type";
    }
    for (const auto& id : {effective(charge.service_id), product, type}) {
        if (id && !is_revio_id(*id)) return "An id of Rev.io is not a positive number";
    }
    if (!is_marker(charge.marker)) return "The marker of the charge cannot be sent";
    if (description.empty()) return "The charge has no description";
    if (!is_date(charge.start_date) || !is_date(charge.end_date)) {
        return "The billing period is not two dates";
    }
    if (charge.end_date < charge.start_date) return "The billing period ends before it begins";
    return {};
}

// Amounts stand in it to the last digit, which no JSON library promises.
std::string body_of(const Charge& charge, std::string_view description) {
    std::string body = R"({"customer_id":)" + std::to_string(charge.rev_customer_id);
    const auto add_id = [&body](std::string_view name, const std::optional<std::int64_t>& id) {
        if (!effective(id)) return;
        body.append(",\"").append(name).append("\":") += std::to_string(*id);
    };
    add_id("service_id", charge.service_id);
    add_id("product_id", charge.product_id);
    add_id("product_type_id", charge.product_type_id);
    body +=
        R"(,"is_tax_included":false,"description":)" + json::serialize(json::value(description));
    const std::string amount = charge.amount.text();
    for (const char* name : {"amount", "product_amount", "rate"}) {
        body.append(",\"").append(name).append("\":") += amount;
    }
    body += R"(,"quantity":1,"cost":0,"is_commission_exempted":false,"is_prorated":false)";
    body += R"(,"start_date":")" + charge.start_date + R"(","end_date":")" + charge.end_date;
    return body + "\"}";
}

class CreateCharge : public carriers::Exchange {
  public:
    CreateCharge(const carriers::Account& account, Charge charge, const Attempt& attempt)
        : account_(account),
          charge_(std::move(charge)),
          description_(sent_description(charge_)),
          is_reading_(attempt.resolving),
          is_settled_(attempt.settled),
          sent_ago_(attempt.sent_ago),
          unclear_since_(attempt.unclear_since),
          reading_(account,
                   {charge_.rev_customer_id, charge_.service_id, nullptr, kMaxSearchPages}) {}

    Step begin() override { return is_reading_ ? Step(read_page()) : create(); }

    Step proceed(const http::ClientResponse& response) override {
        return is_reading_ ? on_page(response) : on_created(response);
    }

  private:
    // --- sending ---

    Step create() {
        is_reading_ = false;
        if (const std::string_view mistake = find_mistake(charge_, description_);
            !mistake.empty()) {
            return Outcome(carriers::Refused{FailureClass::validation, std::string(mistake)});
        }
        if (!account_.write_is_enabled) {
            return Outcome(
                carriers::Refused{FailureClass::system, std::string(carriers::kWritesDisabled)});
        }
        Call call;
        call.method = http::Method::post;
        call.path = account_.path_prefix + "/Charges";
        call.headers = {{"Content-Type", "text/json"}};
        call.body = body_of(charge_, description_);
        call.operation = "Create Rev Charge";
        call.timeout = account_.call_timeout;
        return call;
    }

    static Step on_created(const http::ClientResponse& response) {
        const Answer answer = judge(response);
        const bool is_success =
            response.transport == http::Transport::ok && response.status / 100 == 2;
        if (const auto id = created_id(answer.body); is_success && id) {
            return Outcome(carriers::Applied{{{"chargeId", *id}, {"adopted", false}}});
        }
        if (answer.verdict.meaning == Meaning::accepted) {
            return Outcome(Unknown{malformed("no id of the new charge").reason});
        }
        return conclude(answer.verdict, true, Standing::untouched);
    }

    // --- reading back ---

    Call read_page() const {
        Call call = reading_.next();
        call.shared = carriers::Shared{"", ""};  // whoever asks for the same charges
        return call;
    }

    Step on_page(const http::ClientResponse& response) {
        auto step = reading_.proceed(response);
        if (const auto* verdict = std::get_if<Verdict>(&step)) {
            return cannot_tell(*verdict, response.status);
        }
        auto& page = std::get<ChargePage>(step);
        for (ChargeRecord& record : page.records) {
            if (may_be_ours(record)) found_.push_back(std::move(record));
        }
        return page.is_last ? decide() : Step(read_page());
    }

    static Step cannot_tell(const Verdict& verdict, int status) {
        if (status == kUnauthenticated) {
            return Outcome(Unknown{verdict.reason, kRefusedPause, true});
        }
        const bool is_hopeless =
            verdict.meaning == Meaning::unclear && verdict.failure == FailureClass::system;
        return Outcome(
            Unknown{verdict.reason, verdict.retry_after, verdict.whole_account, is_hopeless});
    }

    // With a marker: it alone, whatever a person has changed beside it.
    bool may_be_ours(const ChargeRecord& record) const {
        if (!charge_.marker.empty()) {
            return record.description.find(bracketed(charge_.marker)) != std::string::npos;
        }
        return looks_like_ours(record) && is_new_enough(record) &&
               std::find(charge_.known_ids.begin(), charge_.known_ids.end(), record.charge_id) ==
                   charge_.known_ids.end();
    }

    // What Rev.io does not tell rules nothing out. Only the reference that was sent is compared:
    // Rev.io may add the type of a product.
    bool looks_like_ours(const ChargeRecord& record) const {
        const auto product = effective(charge_.product_id);
        const bool same_product =
            product ? record.product_id == product
                    : record.product_type_id == effective(charge_.product_type_id);
        const auto may_be = [](const std::string& told, const std::string& sent) {
            return told.empty() || told == sent;
        };
        return same_product && record.service_id == effective(charge_.service_id) &&
               may_be(record.start_date, charge_.start_date) &&
               may_be(record.end_date, charge_.end_date) && may_be_amount(record.amount) &&
               base::trim(record.description) == description_;
    }

    bool may_be_amount(const std::optional<base::Money>& told) const {
        return !told || std::abs(told->units() - charge_.amount.units()) < kUnitsPerCent;
    }

    bool is_new_enough(const ChargeRecord& record) const {
        const auto created = base::parse_iso8601(record.created_date);
        return !created || !unclear_since_ || *created >= *unclear_since_ - kCreatedMargin;
    }

    Step decide() {
        const auto by_id = [](const ChargeRecord& one, const ChargeRecord& other) {
            return one.charge_id < other.charge_id;
        };
        const auto same_id = [](const ChargeRecord& one, const ChargeRecord& other) {
            return one.charge_id == other.charge_id;
        };
        // A record may come on two pages when others before it are removed or added meanwhile.
        std::sort(found_.begin(), found_.end(), by_id);
        found_.erase(std::unique(found_.begin(), found_.end(), same_id), found_.end());
        if (found_.empty()) return is_settled_ ? create() : not_there_yet();
        if (found_.size() > 1 && charge_.marker.empty()) return several();
        return adopt();
    }

    Step not_there_yet() const {
        auto left = kSettlingTime;
        if (sent_ago_) left -= std::chrono::floor<std::chrono::seconds>(*sent_ago_);
        return Outcome(Unknown{"Rev.io does not show the charge yet; it may still come",
                               std::max(left, std::chrono::seconds(1))});
    }

    Step several() const {
        return Outcome(Unknown{"Rev.io holds several charges that may be this one: " + ids_from(0),
                               std::nullopt, false, true});
    }

    // Of found_, from this place on.
    std::string ids_from(std::size_t first) const {
        std::string ids;
        for (std::size_t i = first; i < found_.size(); ++i) {
            if (!ids.empty()) ids += ", ";
            ids += std::to_string(found_[i].charge_id);
        }
        return ids;
    }

    Step adopt() const {
        const ChargeRecord& ours = found_.front();
        carriers::Applied applied{{{"chargeId", ours.charge_id}, {"adopted", true}}};
        if (!ours.created_date.empty()) applied.details["createdDate"] = ours.created_date;
        if (ours.amount) applied.details["amount"] = ours.amount->text();
        if (found_.size() > 1) {
            json::array doubles;
            for (std::size_t i = 1; i < found_.size(); ++i) {
                doubles.emplace_back(found_[i].charge_id);
            }
            applied.details["doubles"] = std::move(doubles);
            applied.summary =
                "Rev.io holds this charge more than once: " + std::to_string(ours.charge_id) +
                " was taken as ours, " + ids_from(1) + " must be removed there by a person";
        }
        return Outcome(std::move(applied));
    }

    const carriers::Account& account_;
    const Charge charge_;
    const std::string description_;
    bool is_reading_;
    const bool is_settled_;
    const std::optional<std::chrono::milliseconds> sent_ago_;
    const std::optional<base::Instant> unclear_since_;
    ChargeReading reading_;
    std::vector<ChargeRecord> found_;
};

}  // namespace

std::string sent_description(const Charge& charge) {
    const std::string marker = bracketed(charge.marker);
    const std::string ascii = ascii_encoded(charge.description);
    std::string_view text = base::trim(ascii);
    const std::size_t room =
        kMaxChargeDescriptionBytes - std::min(marker.size() + 1, kMaxChargeDescriptionBytes);
    text = base::trim(text.substr(0, marker.empty() ? kMaxChargeDescriptionBytes : room));
    std::string sent(text);
    if (!sent.empty() && !marker.empty()) sent += ' ';
    return sent + marker;
}

std::unique_ptr<carriers::Exchange> create_charge(const carriers::Account& account, Charge charge,
                                                  const Attempt& attempt) {
    return std::make_unique<CreateCharge>(account, std::move(charge), attempt);
}

}  // namespace carryall::billing::revio
