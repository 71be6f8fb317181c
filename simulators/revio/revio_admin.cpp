// Rev.io's admin routes: load rows of any resource with or without ids of one's own, see the truth,
// knobs.
#include <vector>

#include "admin.hpp"
#include "json_text.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::size_t kMaxRowsPerLoad = 1'000'000;

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

// Loads one object as a row: every field of the schema may be given, the id too.
std::string load_row(Table& table, const boost::json::object& body, std::int64_t now_micros) {
    const std::int64_t id = integer_at(body, table.schema().fields[0].name).value_or(0);
    if (id < 0 || id > kMaxId) return "the id is out of range";
    Draft draft(table);
    draft.read(body);
    std::string faults;
    if (!draft.is_sound()) draft.append_faults(faults);
    if (!faults.empty()) return faults;
    const std::uint32_t row = table.insert(id, now_micros);
    if (row == kNoRow) return "the id " + std::to_string(id) + " exists already";
    draft.commit(row);
    const std::size_t status = table.column("status");
    if (status != SIZE_MAX && table.get(row, status) == kNull) {
        table.set_text(row, "status", table.schema().path == "Customers" ? "OPEN" : "ACTIVE");
    }
    const std::size_t created = table.column("created_date");
    if (created != SIZE_MAX) table.set(row, created, now_micros);
    return {};
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
    if (slash == std::string_view::npos && request.method == Method::post) {
        load_rows(resource, request, reply);
    } else if (slash != std::string_view::npos && request.method == Method::get) {
        show_truth(resource, path.substr(slash + 1), reply);
    } else if (request.method == Method::get) {
        JsonObject count(reply.body);
        count.add_integer(
            "rows", static_cast<std::int64_t>(tables_[static_cast<std::size_t>(resource)].rows()));
        count.close();
    } else {
        return false;
    }
    return true;
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
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add_integer("loaded", static_cast<std::int64_t>(rows.size()));
    report.add_integer("firstId", first_id);
    report.close();
}

void RevioSystem::show_truth(int resource, std::string_view text, Reply& reply) {
    const Table& table = tables_[static_cast<std::size_t>(resource)];
    const auto id = parse_integer(text);
    const std::uint32_t row = id ? table.find(*id) : kNoRow;
    if (row == kNoRow) return refuse_admin(reply, 404, "unknown record");
    append_record(reply.body, resource, table.now(row));
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
