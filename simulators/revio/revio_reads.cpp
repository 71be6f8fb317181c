// Lists, searches and single records, written once for all resources.
#include <algorithm>

#include "json_text.hpp"
#include "revio/dates.hpp"
#include "revio/revio_system.hpp"

namespace carryall::simulators::revio {
namespace {

constexpr std::string_view kSearchPrefix = "search.";
constexpr std::int64_t kDefaultPageSize = 10;
constexpr std::int64_t kMaxPage = 100'000'000;

// "bill_profile_id" also names "finance.bill_profile_id".
std::size_t searchable_column(const Table& table, std::string_view name) {
    const auto fields = table.schema().fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if ((fields[i].rules & kHidden) != 0) continue;
        const std::string_view own = fields[i].name;
        const std::size_t dot = own.find('.');
        if (own == name || (dot != std::string_view::npos && own.substr(dot + 1) == name)) return i;
    }
    return SIZE_MAX;
}

// A date fits when the search names its day.
bool value_fits(Kind kind, std::string_view value, std::string_view wanted) {
    if (kind != Kind::date && kind != Kind::timestamp) return equal_ignoring_case(value, wanted);
    const auto day = parse_date(wanted);
    if (!day || value.empty()) return false;
    std::string text;
    append_date(text, *day);
    return value.substr(0, 10) == std::string_view(text).substr(0, 10);
}

}  // namespace

bool RevioSystem::read_search(const Table& table, const Query& query, Search& search,
                              Reply& reply) const {
    std::vector<std::string> faults;
    for (const auto& [key, value] : query.items()) {
        const bool prefixed =
            std::string_view(key).substr(0, kSearchPrefix.size()) == kSearchPrefix;
        const std::string_view name =
            prefixed ? std::string_view(key).substr(kSearchPrefix.size()) : std::string_view(key);
        if (name == "page_size" || name == "page") {
            const auto number = parse_integer(value);
            if (!number || *number < 1 || *number > kMaxPage) {
                faults.push_back("The " + std::string(name) + " field must be at least 1.");
            } else if (name == "page") {
                search.page = static_cast<std::size_t>(*number);
            } else {
                search.page_size = static_cast<std::size_t>(std::min(*number, knobs_.page_cap));
            }
            continue;
        }
        const std::size_t column = prefixed ? searchable_column(table, name) : SIZE_MAX;
        if (column == SIZE_MAX) {
            if (prefixed && !knobs_.ignores_unknown_search) {
                faults.push_back("The search field " + std::string(name) + " is not supported.");
            }
            continue;
        }
        auto known = std::find_if(search.filters.begin(), search.filters.end(),
                                  [column](const auto& filter) { return filter.first == column; });
        if (known == search.filters.end()) {
            search.filters.push_back({column, {}});
            known = std::prev(search.filters.end());
        }
        known->second.push_back(value);
    }
    if (faults.empty()) return true;
    reply.status = 400;
    append_faults(reply.body, faults);
    return false;
}

bool RevioSystem::fits(const Table& table, std::span<const std::int64_t> cells,
                       const Search& search) const {
    std::string value;
    for (const auto& [column, wanted] : search.filters) {
        value.clear();
        table.append_value(value, column, cells[column]);
        const Kind kind = table.schema().fields[column].kind;
        const bool any = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& text) {
            return value_fits(kind, value, text);
        });
        if (!any) return false;
    }
    return true;
}

// Candidates in ascending order of id, by an index when a filter has one.
void RevioSystem::find_rows(const Table& table, const Search& search, const Call& call,
                            std::vector<std::uint32_t>& rows) const {
    bool narrowed = false;
    std::vector<std::uint32_t> candidates;
    for (const auto& [column, wanted] : search.filters) {
        if (!table.is_indexed(column)) continue;
        candidates.clear();
        for (const std::string& value : wanted) table.collect(column, value, candidates);
        if (!narrowed || candidates.size() < rows.size()) rows.swap(candidates);
        narrowed = true;
    }
    if (!narrowed) {
        rows.resize(table.rows());
        for (std::uint32_t row = 0; row < rows.size(); ++row) rows[row] = row;
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    const bool on_service = call.endpoint == kServiceInventory;
    const std::size_t service = on_service ? table.column("service_id") : 0;
    std::erase_if(rows, [&](std::uint32_t row) {
        if (table.is_removed(row)) return true;
        const auto cells = call.stale_micros > 0
                               ? table.at(row, call.now_micros - call.stale_micros)
                               : table.now(row);
        if (!cells) return true;
        return (on_service && (*cells)[service] == kNull) || !fits(table, *cells, search);
    });
}

void RevioSystem::list(int resource, const Request& request, const Call& call, Reply& reply) {
    const Table& table = tables_[static_cast<std::size_t>(resource)];
    Search search;
    search.page_size = static_cast<std::size_t>(kDefaultPageSize);
    if (!read_search(table, Query(request.query), search, reply)) return;
    std::vector<std::uint32_t> rows;
    const bool takes_all = search.filters.empty() && call.stale_micros == 0 &&
                           call.endpoint != kServiceInventory && table.removed() == 0;
    if (!takes_all) find_rows(table, search, call, rows);
    const std::size_t total = takes_all ? table.rows() : rows.size();
    const std::size_t begin = std::min(total, (search.page - 1) * search.page_size);
    const std::size_t end = std::min(total, begin + search.page_size);
    const bool page_is_full = end - begin == search.page_size;
    const bool has_more = end < total || (knobs_.full_page_says_more && page_is_full);
    JsonObject envelope(reply.body);
    envelope.add_bool("ok", true);
    envelope.add_bool("has_more", has_more);
    envelope.add_integer("record_count", static_cast<std::int64_t>(end - begin));
    envelope.add_raw("records") += '[';
    for (std::size_t i = begin; i < end; ++i) {
        if (i > begin) reply.body += ',';
        const std::uint32_t row = takes_all ? static_cast<std::uint32_t>(i) : rows[i];
        const auto cells = call.stale_micros > 0
                               ? table.at(row, call.now_micros - call.stale_micros)
                               : table.now(row);
        append_record(reply.body, resource, *cells);
    }
    reply.body += ']';
    envelope.close();
}

void RevioSystem::show(int resource, const Call& call, Reply& reply) {
    const Table& table = tables_[static_cast<std::size_t>(resource)];
    const auto id = parse_integer(call.params[0]);
    const std::uint32_t row = id ? table.find(*id) : kNoRow;
    std::optional<std::span<const std::int64_t>> cells;
    if (row != kNoRow) {
        cells = call.stale_micros > 0 ? table.at(row, call.now_micros - call.stale_micros)
                                      : table.now(row);
    }
    if (!cells) {
        return fail(reply, 404, std::string(table.schema().singular) + " was not found.");
    }
    JsonObject object(reply.body);
    object.add_bool("ok", true);
    append_members(object, reply.body, resource, *cells);
    object.add_raw("links") += R"([{"rel":"self","href":"/v1/)";
    reply.body.append(table.schema().path).append("/");
    append_integer(reply.body, *id);
    reply.body += "\"}]";
    object.close();
}

void RevioSystem::append_record(std::string& out, int resource,
                                std::span<const std::int64_t> cells) const {
    JsonObject object(out);
    append_members(object, out, resource, cells);
    object.close();
}

void RevioSystem::append_members(JsonObject& object, std::string& out, int resource,
                                 std::span<const std::int64_t> cells) const {
    const Table& table = tables_[static_cast<std::size_t>(resource)];
    const auto fields = table.schema().fields;
    std::string_view group;  // the nested object that is open
    std::optional<JsonObject> nested;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if ((fields[i].rules & kHidden) != 0) continue;
        const std::size_t dot = fields[i].name.find('.');
        const bool is_nested = dot != std::string_view::npos;
        const std::string_view wanted = is_nested ? fields[i].name.substr(0, dot) : "";
        if (wanted != group) {
            if (nested) nested->close();
            nested.reset();
            if (is_nested) nested.emplace(object.add_raw(wanted));
            group = wanted;
        }
        JsonObject& target = nested ? *nested : object;
        target.add_raw(is_nested ? fields[i].name.substr(dot + 1) : fields[i].name);
        const bool is_text_id =
            fields[i].kind == Kind::integer &&
            (knobs_.ids_are_text || (resource == kCustomers && knobs_.customer_ids_are_text));
        const bool quoted = fields[i].kind == Kind::text || fields[i].kind == Kind::date ||
                            fields[i].kind == Kind::timestamp || is_text_id;
        if (cells[i] == kNull) {
            out += "null";
        } else if (quoted) {
            std::string value;
            table.append_value(value, i, cells[i]);
            append_quoted(out, value);
        } else {
            table.append_value(out, i, cells[i]);
        }
    }
    if (nested) nested->close();
    if (resource != kServices) return;
    object.add_raw("fields") += '[';
    for (std::size_t i = 0; i < kCustomFields; ++i) {
        if (i > 0) out += ',';
        JsonObject custom(out);
        custom.add_integer("field_id", static_cast<std::int64_t>(i) + 1);
        custom.add("label", kCustomFieldLabels[i]);
        custom.add("value", table.text(cells[table.column("custom_0") + i]));
        custom.close();
    }
    out += ']';
}

}  // namespace carryall::simulators::revio
