// Reading ThingSpace's inventory: the account's service plans with the first page, then its devices
// page by page. A page that is not the last is answered 202 with "hasMoreData". Where the next one
// begins is said by the largest device id, or, if rows carry none, by the youngest creation date.
//
// What must stay true: every page leads further. One that does not ends the reading with a failure,
// so that a carrier that repeats itself is not asked for ever.
#include <algorithm>

#include "base/text.hpp"
#include "carriers/thingspace/options.hpp"
#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

namespace {

constexpr std::int64_t kMaxPages = 20'000;  // 40 million devices

// Where the next page begins.
struct Cursor {
    std::int64_t pages = 0;
    std::string largest;            // device id; empty: pages go by date
    std::string earliest;           // as the carrier wrote it
    std::vector<std::string> seen;  // rows of that very date that were read already

    static Cursor from(const base::json::value& resume) {
        Cursor out;
        out.pages = base::parse_int(text_at(resume, "pages")).value_or(0);
        out.largest = text_at(resume, "largest");
        out.earliest = text_at(resume, "earliest");
        for (const base::json::value* key : each_of(member(resume, "seen"))) {
            out.seen.push_back(text_of(key));
        }
        return out;
    }
    base::json::value to_json() const {
        base::json::object out = {{"pages", pages}};
        if (!largest.empty()) out["largest"] = largest;
        if (!earliest.empty()) out["earliest"] = earliest;
        if (!seen.empty()) {
            base::json::array keys;
            for (const std::string& key : seen) keys.emplace_back(key);
            out["seen"] = std::move(keys);
        }
        return out;
    }
    bool has_seen(const std::string& key) const {
        return std::find(seen.begin(), seen.end(), key) != seen.end();
    }
};

struct Row {
    CarrierLine line;
    std::string key;
    std::string created;
    std::string device_id;
};

InventoryFailed failure_of_call(const Verdict& verdict) {
    InventoryFailed failed;
    failed.reason = verdict.reason;
    failed.retry_after = verdict.retry_after;
    failed.whole_account = verdict.whole_account;
    const bool is_final =
        verdict.meaning == Meaning::refused || verdict.meaning == Meaning::unauthorized;
    failed.failure = is_final ? FailureClass::system : FailureClass::transient;
    return failed;
}

// The account has lines beyond what can be read.
InventoryFailed no_way_on(std::string what) {
    return InventoryFailed{
        "ThingSpace's list of devices cannot be read to its end: " + std::move(what),
        FailureClass::system, std::nullopt, false};
}

// Of rows of a whole account the papers show none; if the id is there, it is here.
std::string device_id_of(const base::json::value& row) {
    for (const base::json::value* attribute : each_of(member(row, "extendedAttributes"))) {
        if (comparable_status(text_at(*attribute, "key")) == "deviceid") {
            const std::string id = text_at(*attribute, "value");
            if (base::parse_int(id)) return id;
        }
    }
    return {};
}

base::json::object details_of(const base::json::value& row, const ListedLine& listed) {
    base::json::object details;
    for (const std::string_view name : {"createdAt", "lastActivationDate", "lastConnectionDate",
                                        "billingCycleEndDate", "connected"}) {
        const std::string text = text_at(row, name);
        if (!text.empty()) details[name] = text;
    }
    if (!listed.ip_address.empty()) details["ipAddress"] = listed.ip_address;
    base::json::object fields;
    for (const base::json::value* field : each_of(member(row, "customFields"))) {
        const std::string key = text_at(*field, "key");
        if (!key.empty()) fields[key] = text_at(*field, "value");
    }
    if (!fields.empty()) details["customFields"] = std::move(fields);
    return details;
}

std::optional<std::string> first_of(const std::vector<std::string>& all) {
    return all.empty() ? std::nullopt : std::optional(all.front());
}
std::optional<std::string> unless_empty(std::string text) {
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

std::optional<Row> parse_row(const base::json::value& value, const Account& account) {
    const auto listed = parse_listed_line(value, account);
    if (!listed) return std::nullopt;
    Row row;
    row.line.iccid = first_of(listed->ids.iccids);
    row.line.imei = first_of(listed->ids.imeis);
    row.line.msisdn = unless_empty(listed->number);
    row.line.carrier_status = unless_empty(listed->state);
    if (row.line.carrier_status) row.line.status = platform_status(listed->state);
    row.line.rate_plan = unless_empty(listed->service_plan);
    const auto groups = each_of(member(value, "groupNames"));
    if (!groups.empty()) row.line.group = unless_empty(text_of(groups.front()));
    row.line.details = details_of(value, *listed);
    row.key = row.line.iccid.value_or("") + '/' + row.line.imei.value_or("") + '/' +
              row.line.msisdn.value_or("");
    row.created = text_at(value, "createdAt");
    row.device_id = device_id_of(value);
    return row;
}

class Reading : public InventoryReading {
  public:
    Reading(const Account& account, const InventoryScope& scope)
        : account_(account),
          cursor_(Cursor::from(scope.resume)),
          wants_plans_(scope.resume.is_null()) {}

    InventoryStep next() override {
        if (cursor_.pages >= kMaxPages) return no_way_on("too many pages");
        std::vector<Call> calls;
        if (wants_plans_) calls.push_back(plans_call());
        calls.push_back(list_call());
        return calls;
    }

    InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override {
        CHECK(answers.size() == (wants_plans_ ? 2u : 1u));
        InventoryPage page;
        if (wants_plans_) {
            const Judged plans = judge(answers.front(), account_);
            if (plans.verdict.meaning != Meaning::accepted) return failure_of_call(plans.verdict);
            if (!add_plans(plans.body, page)) return failure_of_call(malformed("no list of plans"));
        }
        const Judged list = judge(answers.back(), account_);
        if (list.verdict.meaning != Meaning::accepted) return failure_of_call(list.verdict);
        return take_list(list.body, std::move(page));
    }

  private:
    Call call(http::Method method, std::string path, std::string operation) const {
        Call out;
        out.method = method;
        out.path = std::move(path);
        out.operation = std::move(operation);
        out.changes_state = false;
        out.timeout = account_.call_timeout;
        return out;
    }

    Call plans_call() const {
        return call(http::Method::get, api_path({"/plans/", text_setting(account_, "accountName")}),
                    "Read Service Plans");
    }

    Call list_call() const {
        base::json::object body = {{"accountName", text_setting(account_, "accountName")}};
        const std::int64_t size = number_setting(account_, "listPageSize");
        if (size > 0) body["maxNumberOfDevices"] = size;
        if (!cursor_.largest.empty()) {
            body["largestDeviceIdSeen"] = *base::parse_int(cursor_.largest);
        } else if (!cursor_.earliest.empty()) {
            body["earliest"] = cursor_.earliest;
        }
        Call out = call(http::Method::post, api_path({"/devices/actions/list"}), "List Devices");
        out.body = base::json::serialize(body);
        return out;
    }

    static bool add_plans(const base::json::value& body, InventoryPage& page) {
        const base::json::value* plans = body.is_array() ? &body : member(body, "servicePlans");
        if (plans == nullptr || !plans->is_array()) return false;
        for (const base::json::value& plan : plans->get_array()) {
            CarrierPlan one;
            one.code = text_at(plan, "code");
            one.name = text_at(plan, "name");
            if (!one.code.empty()) page.plans.push_back(std::move(one));
        }
        return true;
    }

    InventoryStep take_list(const base::json::value& body, InventoryPage page) {
        const base::json::value* devices = member(body, "devices");
        const bool has_more = lower_at(body, "hasMoreData") == "true";
        if (devices == nullptr || !(devices->is_array() || devices->is_null())) {
            return failure_of_call(malformed("no list of devices"));
        }
        std::vector<Row> rows;
        for (const base::json::value* device : each_of(devices)) {
            auto row = parse_row(*device, account_);
            if (!row) return failure_of_call(malformed("a device that is no object"));
            rows.push_back(std::move(*row));
        }
        Cursor after;
        after.pages = cursor_.pages + 1;
        if (has_more) {
            if (const auto failed = find_way_on(body, rows, after)) return *failed;
        }
        for (Row& row : rows) {
            // A device without a SIM and without a number is nothing that we keep.
            const bool is_line = row.line.iccid || row.line.msisdn;
            if (is_line && !cursor_.has_seen(row.key)) page.lines.push_back(std::move(row.line));
        }
        page.is_last = !has_more;
        if (has_more) page.resume = after.to_json();
        cursor_ = std::move(after);
        wants_plans_ = false;
        return page;
    }

    std::optional<InventoryFailed> find_way_on(const base::json::value& body,
                                               const std::vector<Row>& rows, Cursor& after) const {
        std::string largest = text_at(body, "largestDeviceIdSeen");
        if (!base::parse_int(largest)) largest.clear();
        for (const Row& row : rows) {
            if (row.device_id.empty()) continue;
            if (largest.empty() || *base::parse_int(row.device_id) > *base::parse_int(largest)) {
                largest = row.device_id;
            }
        }
        if (!largest.empty() && cursor_.earliest.empty()) {
            if (!cursor_.largest.empty() &&
                *base::parse_int(largest) <= *base::parse_int(cursor_.largest)) {
                return no_way_on("a page has no larger device id than the one before");
            }
            after.largest = std::move(largest);
            return std::nullopt;
        }
        if (!cursor_.largest.empty()) return no_way_on("a page has no device ids");
        return find_next_date(rows, after);
    }

    // "earliest" takes the date itself in: its rows come once more and are left out then.
    std::optional<InventoryFailed> find_next_date(const std::vector<Row>& rows,
                                                  Cursor& after) const {
        std::optional<base::Instant> youngest;
        bool leads_further = false;
        for (const Row& row : rows) {
            const auto created = base::parse_iso8601(row.created);
            if (!created) return no_way_on("a device has neither a device id nor a creation date");
            if (!youngest || *created > *youngest) {
                youngest = *created;
                after.earliest = row.created;
                after.seen.clear();
            }
            if (*created == *youngest) after.seen.push_back(row.key);
            leads_further = leads_further || !cursor_.has_seen(row.key);
        }
        if (!leads_further) {
            return no_way_on("more devices were created at one instant (" +
                             excerpt(after.earliest) +
                             ") than fit into a page, or a page is empty");
        }
        return std::nullopt;
    }

    const Account& account_;
    Cursor cursor_;
    bool wants_plans_;
};

}  // namespace

std::unique_ptr<InventoryReading> read_inventory(const Account& account,
                                                 const InventoryScope& scope) {
    return std::make_unique<Reading>(account, scope);
}

}  // namespace carryall::carriers::thingspace
