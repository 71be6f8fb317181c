// Rev.io's admin routes: load, see, change and remove rows of any resource behind everybody's back,
// read them all, knobs. None of it is in the ledger, for nobody has asked Rev.io for it.
#include <vector>

#include "admin.hpp"
#include "json_text.hpp"
#include "query.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::size_t kMaxRowsPerLoad = 1'000'000;
constexpr std::int64_t kMaxLinesPerDump = 250'000;

struct NumberKnob {
    std::string_view name;
    std::int64_t minimum;
    std::int64_t maximum;
    std::int64_t* target;
};

struct SwitchKnob {
    std::string_view name;
    bool* target;
};

int resource_of(std::string_view path) {
    for (int resource = 0; resource < kResourceCount; ++resource) {
        if (equal_ignoring_case(schema_of(resource).path, path)) return resource;
    }
    return kResourceCount;
}

std::string faults_of(const Draft& draft) {
    std::string faults;
    if (!draft.is_sound()) draft.append_faults(faults);
    return faults;
}

// Loads one object as a row: every field of the schema may be given, the id and those that only
// Rev.io itself writes, too.
std::string load_row(Table& table, const boost::json::object& body, std::int64_t now_micros) {
    const std::int64_t id = integer_at(body, table.schema().fields[0].name).value_or(0);
    if (id < 0 || id > kMaxId) return "the id is out of range";
    Draft draft(table);
    draft.read(body);
    draft.plant_read_only(body);
    if (std::string faults = faults_of(draft); !faults.empty()) return faults;
    const std::uint32_t row = table.insert(id, now_micros);
    if (row == kNoRow) return "the id " + std::to_string(id) + " exists already";
    draft.commit(row);
    const std::size_t status = table.column("status");
    if (status != SIZE_MAX && table.get(row, status) == kNull) {
        table.set_text(row, "status", table.schema().path == "Customers" ? "OPEN" : "ACTIVE");
    }
    const std::size_t created = table.column("created_date");
    if (created != SIZE_MAX && table.get(row, created) == kNull) {
        table.set(row, created, now_micros);
    }
    return {};
}

void report_load(std::size_t loaded, std::int64_t first_id, Reply& reply) {
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", static_cast<std::int64_t>(loaded));
    report.add_integer("firstId", first_id);
    report.close();
}

}  // namespace

bool RevioSystem::administer(const Request& request, std::string_view path, Reply& reply) {
    if (path == "knobs" && request.method == Method::post) {
        set_knobs(request, reply);
        return true;
    }
    const std::size_t slash = path.find('/');
    const int resource = resource_of(path.substr(0, slash));
    if (resource == kResourceCount) return false;
    if (slash != std::string_view::npos) {
        administer_row(resource, path.substr(slash + 1), request, reply);
    } else if (request.method == Method::post) {
        const bool is_lines = Query(request.query).first("form") == "lines";
        is_lines ? load_lines(resource, request, reply) : load_rows(resource, request, reply);
    } else if (request.method == Method::get) {
        const Table& table = tables_[static_cast<std::size_t>(resource)];
        JsonObject count(reply.body);
        count.add_integer("rows", static_cast<std::int64_t>(table.rows() - table.removed()));
        count.close();
    } else {
        return false;
    }
    return true;
}

// `all`: every row as JSON lines. Else one row: see it, change it, remove it.
void RevioSystem::administer_row(int resource, std::string_view text, const Request& request,
                                 Reply& reply) {
    if (text == "all" && request.method == Method::get) return dump_rows(resource, request, reply);
    Table& table = tables_[static_cast<std::size_t>(resource)];
    const auto id = parse_integer(text);
    const std::uint32_t row = id ? table.find(*id) : kNoRow;
    if (row == kNoRow) return refuse_admin(reply, 404, "unknown record");
    switch (request.method) {
        case Method::get:
            return append_record(reply.body, resource, table.now(row));
        case Method::post:
            return alter_row(resource, row, request, reply);
        case Method::del:
            table.remove(row);
            reply.body = R"({"ok":true})";
            return;
        default:
            return refuse_admin(reply, 405, "expected GET, POST or DELETE");
    }
}

// The members of the body become the row's, whatever Rev.io would say; nested ones as
// "finance.bill_profile_id".
void RevioSystem::alter_row(int resource, std::uint32_t row, const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr || body->empty()) return refuse_admin(reply, 400, "expected an object");
    Table& table = tables_[static_cast<std::size_t>(resource)];
    Draft draft(table);
    for (const auto& member : *body) {
        draft.plant({member.key().data(), member.key().size()}, member.value());
    }
    if (const std::string faults = faults_of(draft); !faults.empty()) {
        return refuse_admin(reply, 400, faults);
    }
    table.remember(row, clock_.now_micros());
    draft.commit(row);
    append_record(reply.body, resource, table.now(row));
}

// In the order of creation, a record a line, as they are loaded again by `form=lines`. `since` is
// an id: only what was created after it; the header names the next one.
void RevioSystem::dump_rows(int resource, const Request& request, Reply& reply) {
    const Table& table = tables_[static_cast<std::size_t>(resource)];
    const Query query(request.query);
    const auto since = query.integer("since", 0);
    const auto limit = query.integer("limit", kMaxLinesPerDump);
    if (!since || *since < 0 || !limit || *limit < 1) {
        return refuse_admin(reply, 400, "since and limit must be positive numbers");
    }
    reply.content_type = "application/x-ndjson";
    const std::int64_t most = std::min(*limit, kMaxLinesPerDump);
    std::int64_t last = *since;
    std::int64_t lines = 0;
    for (std::uint32_t row = 0; row < table.rows() && lines < most; ++row) {
        if (table.id_of(row) <= *since || table.is_removed(row)) continue;
        append_record(reply.body, resource, table.now(row));
        reply.body += '\n';
        last = std::max(last, table.id_of(row));
        ++lines;
    }
    reply.add_header("Sim-Last-Id", std::to_string(last));
}

// A row a line: what a test has computed, at once and in one request.
void RevioSystem::load_lines(int resource, const Request& request, Reply& reply) {
    Table& table = tables_[static_cast<std::size_t>(resource)];
    std::string_view rest = request.body;
    std::size_t loaded = 0;
    std::int64_t first_id = 0;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.empty()) continue;
        const auto* body = parse_json_object(line);
        const std::string wrong = loaded == kMaxRowsPerLoad ? "too many lines"
                                  : body == nullptr         ? "expected an object"
                                                    : load_row(table, *body, clock_.now_micros());
        if (!wrong.empty()) {
            return refuse_admin(reply, 400, "line " + std::to_string(loaded + 1) + ": " + wrong);
        }
        if (++loaded == 1) first_id = table.id_of(static_cast<std::uint32_t>(table.rows() - 1));
    }
    report_load(loaded, first_id, reply);
}

// One object, an array of them, or {"count": n, "template": {...}} for n equal rows.
void RevioSystem::load_rows(int resource, const Request& request, Reply& reply) {
    const auto* document = parse_json(request.body);
    if (document == nullptr) return refuse_admin(reply, 400, "expected JSON");
    std::vector<const boost::json::object*> rows;
    if (const auto* list = document->if_array()) {
        for (const auto& item : *list) rows.push_back(item.if_object());
    } else if (const auto* object = document->if_object()) {
        const auto* form = find(*object, "template");
        const std::int64_t count = integer_at(*object, "count").value_or(1);
        if (count < 1 || count > static_cast<std::int64_t>(kMaxRowsPerLoad)) {
            return refuse_admin(reply, 400, "count is out of range");
        }
        rows.assign(static_cast<std::size_t>(count), form != nullptr ? form->if_object() : object);
    }
    Table& table = tables_[static_cast<std::size_t>(resource)];
    std::int64_t first_id = 0;
    for (const auto* row : rows) {
        const std::string wrong =
            row == nullptr ? "expected objects" : load_row(table, *row, clock_.now_micros());
        if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
        if (first_id == 0) first_id = table.id_of(static_cast<std::uint32_t>(table.rows() - 1));
    }
    report_load(rows.size(), first_id, reply);
}

void RevioSystem::set_knobs(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object");
    RevioKnobs knobs = knobs_;
    const NumberKnob numbers[] = {{"limitPerMinute", 0, kMaxId, &knobs.limit_per_minute},
                                  {"windowSeconds", 1, 86'400, &knobs.window_seconds},
                                  {"quotaPerDay", 0, kMaxId, &knobs.quota_per_day},
                                  {"pageCap", 1, 100'000, &knobs.page_cap},
                                  {"messageVariant", 0, 2, &knobs.message_variant}};
    const SwitchKnob switches[] = {{"retryAfter", &knobs.says_retry_after},
                                   {"textCustomerIds", &knobs.customer_ids_are_text},
                                   {"textIds", &knobs.ids_are_text},
                                   {"fullPageSaysMore", &knobs.full_page_says_more},
                                   {"ignoreUnknownSearch", &knobs.ignores_unknown_search}};
    for (const auto& member : *body) {
        const std::string_view name{member.key().data(), member.key().size()};
        bool known = false;
        for (const NumberKnob& knob : numbers) {
            const auto value = integer_of(member.value());
            if (knob.name != name || !value) continue;
            known = *value >= knob.minimum && *value <= knob.maximum;
            if (known) *knob.target = *value;
        }
        for (const SwitchKnob& knob : switches) {
            if (knob.name != name || !member.value().is_bool()) continue;
            *knob.target = member.value().get_bool();
            known = true;
        }
        if (!known) return refuse_admin(reply, 400, "unknown or wrong knob: " + std::string(name));
    }
    knobs_ = knobs;
    window_calls_ = day_calls_ = 0;
    reply.body = R"({"ok":true})";
}

}  // namespace carryall::simulators::revio
