// POND's inventory: inventories, their package types (the plans), then the SIMs, by one search over
// all of them or group by group. What is still to be listed is a queue, which is also the place
// where a later reading goes on.
//
// Only the search tells a SIM's services; a list of a group does not. POND cannot say what has
// changed since, so every reading is a full one.
#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "base/text.hpp"
#include "carriers/pond/package_list.hpp"
#include "carriers/pond/pond.hpp"
#include "carriers/pond/wire.hpp"

namespace carryall::carriers::pond {

namespace {

namespace json = base::json;

constexpr int kRowsPerPage = 100;
constexpr std::int64_t kMaxRows = 10'000'000;  // of one list
constexpr std::size_t kMaxLists = 100'000;     // still to be read

enum class List { inventories, package_types, groups, group_sims, search };
constexpr std::string_view kListNames[] = {"inventories", "packageTypes", "groups", "groupSims",
                                           "search"};

struct Task {
    List list = List::inventories;
    std::int64_t id = 0;  // of the inventory or group
    std::string name;     // of the group
    std::int64_t offset = 0;
};

// A number of 19 digits fits into JSON's integers.
std::string iccid_at(const json::object& row, std::string_view name) {
    std::string text(text_at(row, name));
    if (text.empty()) {
        if (const auto number = integer_at(row, name)) text = std::to_string(*number);
    }
    const auto iccid = wire_iccid(text);
    return iccid ? std::string(*iccid) : std::string();
}

void add_detail(CarrierLine& line, std::string_view name, std::string_view text) {
    if (!text.empty()) line.details[name] = text;
}

void add_number(CarrierLine& line, std::string_view name, std::optional<std::int64_t> number) {
    if (number) line.details[name] = *number;
}

// The services say whether a line is in use, as a status update does; one that was never in use is
// not shown as switched off.
void set_status(CarrierLine& line, std::string_view life, const ServiceFlags& flags) {
    const std::string stage = comparable_status(life);
    if (!life.empty()) line.carrier_status = std::string(life);
    if (stage == "terminated") {
        line.status = "Terminated";
    } else if (flags.all_enabled) {
        line.status = "Active";
    } else if (flags.all_disabled) {
        line.status = stage == "preservice" ? std::string(life) : "Inactive";
    }
}

// Of the three services under these names.
ServiceFlags flags_of(const json::object& row, const std::array<std::string_view, 3>& names) {
    ServiceFlags flags{true, true};
    for (const std::string_view name : names) {
        const std::string_view word = text_at(row, name);
        flags.all_enabled = flags.all_enabled && word == "ENABLED";
        flags.all_disabled = flags.all_disabled && word == "DISABLED";
    }
    return flags;
}

bool read_search_row(const json::object& row, CarrierLine& line) {
    static constexpr std::array<std::string_view, 3> kFlags = {
        "data_service_status", "voice_service_status", "sms_service_status"};
    line.iccid = iccid_at(row, "sim_iccid");
    if (line.iccid->empty()) return false;
    set_status(line, text_at(row, "statusOfSim"), flags_of(row, kFlags));
    if (const auto group = text_at(row, "parent_group_name"); !group.empty()) line.group = group;
    line.modified_at = epoch_at(row, "epoch_modified");
    add_detail(line, "inventory", text_at(row, "inventory_name"));
    add_number(line, "imsi", integer_at(row, "imsi_mapped"));
    for (const std::string_view name : kFlags) add_detail(line, name, text_at(row, name));
    return true;
}

bool read_group_row(const json::object& row, const std::string& group, CarrierLine& line) {
    line.iccid = iccid_at(row, "iccid");
    if (line.iccid->empty()) return false;
    line.group = group;
    line.modified_at = epoch_at(row, "epochModified");
    add_number(line, "imsi", integer_at(row, "mappedImsi"));
    return true;
}

bool is_removed(const json::object& row) {
    return integer_at(row, "epochRemoved").value_or(0) > 0 ||
           integer_at(row, "epoch_removed").value_or(0) > 0;
}

class Reading : public InventoryReading {
  public:
    Reading(const Account& account, const InventoryScope& scope) : account_(account) {
        by_group_ = text_at(account.settings, kSimList) == "groups";
        const json::value* details = account.settings.if_contains(kSyncDetails);
        with_details_ = details != nullptr && details->is_bool() && details->get_bool();
        if (!go_on_from(scope.resume)) tasks_.assign(1, Task{});
    }

    InventoryStep next() override {
        if (tasks_.empty()) return finish_page();
        const Task& task = tasks_.front();
        if (task.offset >= kMaxRows || tasks_.size() > kMaxLists) {
            return InventoryFailed{"POND's lists do not come to an end", FailureClass::system,
                                   std::nullopt, false};
        }
        return std::vector<Call>{reading(path_of(task), operation_of(task.list))};
    }

    InventoryStep proceed(const std::vector<http::ClientResponse>& answers) override {
        if (!page_.lines.empty()) return on_details(answers);
        const Answer answer = judge(answers.at(0), Expect::object);
        if (answer.verdict.meaning != Meaning::accepted) return failed(answer.verdict);
        const auto list = parse_list_page(answer.body);
        if (!list) return failed(malformed("no list"));
        const Task task = tasks_.front();
        const std::int64_t end = task.offset + static_cast<std::int64_t>(list->size());
        if (list->size() == 0 && end < list->total) {
            return failed(malformed("a page without rows before the end"));
        }
        std::vector<Task> found;
        if (list->elements != nullptr) {
            for (const json::value& row : *list->elements) {
                if (!row.is_object() || !take(task, row.get_object(), found)) {
                    page_ = {};
                    return failed(malformed("a row that cannot be read"));
                }
            }
        }
        former_tasks_ = tasks_;
        advance(end, end >= list->total, std::move(found));
        if (with_details_ && !page_.lines.empty()) return ask_details();
        const bool is_worth_a_page = !page_.lines.empty() || !page_.plans.empty();
        return is_worth_a_page ? finish_page() : next();
    }

  private:
    Call reading(std::string path, std::string operation) const {
        Call call;
        call.path = account_.path_prefix + std::move(path);
        call.operation = std::move(operation);
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    static std::string path_of(const Task& task) {
        const std::string id = std::to_string(task.id);
        const std::string from = std::to_string(task.offset);
        const std::string rows = std::to_string(kRowsPerPage);
        const std::string page = "?offset=" + from + "&count=" + rows;
        switch (task.list) {
            case List::inventories:
                return "/inventory/list" + page;
            case List::package_types:
                return "/inventory/" + id + "/packageTypes" + page;
            case List::groups:
                return "/inventory/" + id + "/groups" + page;
            case List::group_sims:
                return "/group/" + id + "/sims" + page;
            case List::search:
                break;
        }
        return "/search/sim?q=*:*&start=" + from + "&rows=" + rows;
    }

    static std::string operation_of(List list) {
        switch (list) {
            case List::inventories:
                return "List Inventories";
            case List::package_types:
                return "List Package Types";
            case List::groups:
                return "List Groups";
            case List::group_sims:
                return "List SIMs";
            case List::search:
                break;
        }
        return "Search SIMs";
    }

    static InventoryFailed failed(const Verdict& verdict) {
        const bool is_refused =
            verdict.meaning == Meaning::refused || verdict.meaning == Meaning::unauthorized;
        return {verdict.reason, is_refused ? verdict.failure : FailureClass::transient,
                verdict.retry_after, verdict.whole_account};
    }

    // --- rows ---

    bool take(const Task& task, const json::object& row, std::vector<Task>& found) {
        switch (task.list) {
            case List::inventories:
                return take_inventory(row, found);
            case List::package_types:
                return take_package_type(row);
            case List::groups: {
                const auto id = integer_at(row, "id");
                const std::string_view name = text_at(row, "name");
                if (!id || *id <= 0) return false;
                found.push_back({List::group_sims, *id,
                                 name.empty() ? std::to_string(*id) : std::string(name), 0});
                return true;
            }
            case List::group_sims:
            case List::search:
                break;
        }
        if (is_removed(row)) return true;
        CarrierLine line;
        const bool is_read = task.list == List::search ? read_search_row(row, line)
                                                       : read_group_row(row, task.name, line);
        if (is_read) page_.lines.push_back(std::move(line));
        return is_read;
    }

    bool take_inventory(const json::object& row, std::vector<Task>& found) const {
        const auto id = integer_at(row, "id");
        if (!id || *id <= 0) return false;
        if (integer_at(row, "dateDeletedEpoch").value_or(0) > 0) return true;
        found.push_back({List::package_types, *id, "", 0});
        if (by_group_) found.push_back({List::groups, *id, "", 0});
        return true;
    }

    // Names need not differ between inventories; ids do.
    bool take_package_type(const json::object& row) {
        const auto id = integer_at(row, "packageTypeId");
        if (!id || *id <= 0) return false;
        if (text_at(row, "status") == "DE_ACTIVATED") return true;
        const std::string code = std::to_string(*id);
        const std::string_view name = text_at(row, "name");
        page_.plans.push_back({code, name.empty() ? code : std::string(name), {}, *id});
        return true;
    }

    // `found`: lists that the page has told of.
    void advance(std::int64_t end, bool is_complete, std::vector<Task> found) {
        const List done = tasks_.front().list;
        tasks_.front().offset = end;
        if (is_complete) tasks_.pop_front();
        for (Task& task : found) tasks_.push_back(std::move(task));
        if (is_complete && done == List::inventories && !by_group_) {
            tasks_.push_back({List::search, 0, "", 0});
        }
    }

    // --- details ---

    InventoryStep ask_details() const {
        std::vector<Call> calls;
        for (const CarrierLine& line : page_.lines) {
            const std::string sim = "/sim/" + *line.iccid;
            calls.push_back(reading(sim + "/package/infos?packageStatuses=ACTIVE&offset=0&count=" +
                                        std::to_string(kPackagesPerPage),
                                    "Get Packages"));
            if (by_group_) calls.push_back(reading(sim + "/status", "Get Status"));
        }
        return calls;
    }

    InventoryStep on_details(const std::vector<http::ClientResponse>& answers) {
        std::size_t next_answer = 0;
        for (CarrierLine& line : page_.lines) {
            auto problem = take_packages(judge(answers.at(next_answer++), Expect::object), line);
            if (by_group_ && !problem) {
                problem = take_status(judge(answers.at(next_answer++), Expect::object), line);
            }
            if (!problem) continue;
            page_ = {};
            tasks_ = std::move(former_tasks_);
            return failed(*problem);
        }
        return finish_page();
    }

    // A SIM that is gone since is kept as the list had it.
    static std::optional<Verdict> take_packages(const Answer& answer, CarrierLine& line) {
        if (is_not_found(answer.verdict)) return std::nullopt;
        if (answer.verdict.meaning != Meaning::accepted) return answer.verdict;
        const auto packages = parse_package_page(answer.body, *line.iccid);
        if (!packages) return malformed("no list of packages");
        std::vector<std::int64_t> types;
        for (const Package& package : packages->packages) {
            if (package.status != PackageStatus::active) continue;
            if (std::find(types.begin(), types.end(), package.type_id) == types.end()) {
                types.push_back(package.type_id);
            }
        }
        // Which of several is the plan nobody can tell.
        if (types.empty()) line.rate_plan = "";
        if (types.size() == 1) {
            line.rate_plan = std::to_string(types.front());
            line.carrier_plan_id = types.front();
        }
        line.details["activePackages"] = packages->total;
        return std::nullopt;
    }

    static std::optional<Verdict> take_status(const Answer& answer, CarrierLine& line) {
        if (is_not_found(answer.verdict)) return std::nullopt;
        if (answer.verdict.meaning != Meaning::accepted) return answer.verdict;
        const auto flags = parse_service_flags(answer.body);
        if (!flags) return malformed("no status of the three services");
        set_status(line, text_at(answer.body.get_object(), "statusOfSim"), *flags);
        return std::nullopt;
    }

    // --- pages, and where a later reading goes on ---

    InventoryPage finish_page() {
        InventoryPage page = std::exchange(page_, {});
        page.is_last = tasks_.empty();
        if (page.is_last) return page;
        json::array rest;
        for (const Task& task : tasks_) {
            rest.push_back({{"list", kListNames[static_cast<std::size_t>(task.list)]},
                            {"id", task.id},
                            {"name", task.name},
                            {"offset", task.offset}});
        }
        page.resume = std::move(rest);
        return page;
    }

    bool go_on_from(const json::value& place) {
        if (!place.is_array() || place.get_array().empty()) return false;
        for (const json::value& value : place.get_array()) {
            if (!value.is_object()) return false;
            const json::object& row = value.get_object();
            const auto* const name =
                std::find(std::begin(kListNames), std::end(kListNames), text_at(row, "list"));
            const auto id = integer_at(row, "id");
            const auto offset = integer_at(row, "offset");
            if (name == std::end(kListNames) || !id || !offset || *id < 0 || *offset < 0) {
                return false;
            }
            tasks_.push_back({static_cast<List>(name - std::begin(kListNames)), *id,
                              std::string(text_at(row, "name")), *offset});
        }
        return true;
    }

    const Account& account_;
    bool by_group_ = false;
    bool with_details_ = false;
    std::deque<Task> tasks_;
    std::deque<Task> former_tasks_;  // before the page whose details are read
    InventoryPage page_;
};

}  // namespace

std::unique_ptr<InventoryReading> inventory_reading(const Account& account,
                                                    const InventoryScope& scope) {
    return std::make_unique<Reading>(account, scope);
}

}  // namespace carryall::carriers::pond
