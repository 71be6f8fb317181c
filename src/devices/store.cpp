// The SQL of the small nouns, made from their descriptions, and of credentials. Only names from the
// descriptions, which are constants of this program, become part of a statement; whatever comes
// from outside is a parameter.
#include "devices/noun_rules.hpp"
#include "devices/service_provider.hpp"
#include "tenants/list_page.hpp"
#include "tenants/sql_time.hpp"

namespace carryall::devices {
namespace {

using base::Result;
using base::json::object;
using db::Params;
using db::Query;
using db::Transaction;

const char* sql_type(FieldType type) {
    switch (type) {
        case FieldType::integer:
        case FieldType::reference:
            return "bigint";
        case FieldType::decimal:
            return "numeric";
        case FieldType::boolean:
            return "boolean";
        case FieldType::object:
            return "jsonb";
        case FieldType::text:
        case FieldType::currency:
        case FieldType::time:
        case FieldType::names:
            return "text";
    }
    CHECK(false);
}

// json, not jsonb: it keeps the order in which a person wants to read the members.
std::string record_json(const Noun& noun) {
    std::string sql = "json_build_object('" + std::string(noun.id_name) + "', r." + noun.id_column;
    for (const Field& field : noun.fields) {
        const std::string column = "r." + std::string(field.column);
        sql += ", '" + std::string(field.name) + "', ";
        if (field.type == FieldType::time) {
            sql += tenants::iso8601(column);
        } else if (field.type == FieldType::decimal) {
            sql += column + "::text";
        } else {
            sql += column;
        }
    }
    return sql + ")::text";
}

base::Error no_such(const Noun& noun) {
    return base::not_found("there is no such " + std::string(noun.label));
}

Result<object> parse_record(std::string_view text) {
    auto parsed = base::parse_json(text);
    if (!parsed) return base::internal_error("a stored record is not JSON");
    CHECK(parsed->is_object());
    return std::move(parsed->get_object());
}

Result<object> read_record(const std::function<Result<db::Rows>(const Query&, const Params&)>& exec,
                           TenantId tenant_id, const Noun& noun, std::int64_t id) {
    const std::string name = std::string(noun.table) + "_get";
    const std::string sql = "SELECT " + record_json(noun) + " FROM " + noun.table +
                            " r WHERE r.tenant_id = $1 AND r." + noun.id_column + " = $2";
    const auto rows = exec({name.c_str(), sql.c_str()}, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_such(noun);
    return parse_record(rows->text(0, 0));
}

Result<object> read_record(Transaction& transaction, TenantId tenant_id, const Noun& noun,
                           std::int64_t id) {
    return read_record(
        [&](const Query& query, const Params& params) { return transaction.exec(query, params); },
        tenant_id, noun, id);
}

// A statement's name must follow from its text: it is prepared once under that name.
std::string name_of(const Noun& noun, const char* verb, const std::vector<FieldValue>& values) {
    std::uint64_t which = 0;
    for (const FieldValue& value : values) which |= std::uint64_t{1} << value.index;
    return std::string(noun.table) + '_' + verb + '_' + std::to_string(which);
}

// Says so itself, because a violated foreign key would not say which record is missing, and so that
// another tenant's record answers as a missing one.
Result<void> check_references(Transaction& transaction, TenantId tenant_id,
                              const std::vector<FieldValue>& values) {
    for (const FieldValue& value : values) {
        if (value.field->type != FieldType::reference || !value.text) continue;
        const Noun& noun = *value.field->references;
        const std::string name = std::string(noun.table) + "_exists";
        const std::string sql = "SELECT 1 FROM " + std::string(noun.table) +
                                " WHERE tenant_id = $1 AND " + noun.id_column + " = $2::bigint";
        const auto rows =
            transaction.exec({name.c_str(), sql.c_str()}, Params().add(tenant_id).add(value.text));
        if (!rows) return rows.error();
        if (rows->empty()) {
            return base::invalid_input("there is no " + std::string(noun.label) + " with this id",
                                       '/' + std::string(value.field->name));
        }
    }
    return {};
}

// The violated constraint's name ends with the column that must be unique.
base::Error duplicate(const Noun& noun, const base::Error& error) {
    std::string name = noun.key_name;
    for (const Field& field : noun.fields) {
        if (error.message.find('_' + std::string(field.column) + "_key") != std::string::npos) {
            name = field.name;
        }
    }
    return {base::ErrorKind::conflict,
            "another " + std::string(noun.label) + " has this " + name +
                " already; take another one or change that record",
            '/' + name};
}

Result<object> insert(Transaction& transaction, TenantId tenant_id, const Noun& noun,
                      const std::vector<FieldValue>& values) {
    CARRYALL_TRY(check_references(transaction, tenant_id, values));
    std::string columns = "tenant_id";
    std::string places = "$1";
    Params params;
    params.add(tenant_id);
    for (const FieldValue& value : values) {
        params.add(value.text);
        columns += ", " + std::string(value.field->column);
        places +=
            ", $" + std::to_string(params.values().size()) + "::" + sql_type(value.field->type);
    }
    const std::string name = name_of(noun, "insert", values);
    const std::string sql = "INSERT INTO " + std::string(noun.table) + " (" + columns +
                            ") VALUES (" + places + ") RETURNING " + noun.id_column;
    const auto rows = transaction.exec({name.c_str(), sql.c_str()}, params);
    if (!rows) return rows.error();
    return read_record(transaction, tenant_id, noun, rows->integer(0, 0));
}

Result<object> update(Transaction& transaction, TenantId tenant_id, const Noun& noun,
                      std::int64_t id, const std::vector<FieldValue>& values) {
    if (values.empty()) return read_record(transaction, tenant_id, noun, id);
    std::string changes = noun.has_modified_at ? "modified_at = now()" : "";
    Params params;
    params.add(tenant_id).add(id);
    for (const FieldValue& value : values) {
        params.add(value.text);
        changes += (changes.empty() ? "" : ", ") + std::string(value.field->column) + " = $" +
                   std::to_string(params.values().size()) + "::" + sql_type(value.field->type);
    }
    const std::string name = name_of(noun, "update", values);
    const std::string sql = "UPDATE " + std::string(noun.table) + " SET " + changes +
                            " WHERE tenant_id = $1 AND " + noun.id_column + " = $2";
    const auto rows = transaction.exec({name.c_str(), sql.c_str()}, params);
    if (!rows) return rows.error();
    if (rows->affected() == 0) return no_such(noun);
    return read_record(transaction, tenant_id, noun, id);
}

Result<object> write(db::Connection& connection, TenantId tenant_id, const Noun& noun,
                     const std::function<Result<object>(Transaction&)>& work) {
    auto result = db::in_transaction<object>(connection, tenant_id.value, work);
    const bool is_duplicate = !result && result.error().kind == base::ErrorKind::conflict &&
                              !db::is_serialization_failure(result.error());
    if (is_duplicate) return duplicate(noun, result.error());
    return result;
}

bool has_column(const Noun& noun, std::string_view column) {
    return std::any_of(noun.fields.begin(), noun.fields.end(),
                       [&](const Field& field) { return field.column == column; });
}

std::string list_sql(const Noun& noun) {
    const std::string key = noun.key_name;  // "name" or "code" is the column, too
    std::string matches = "position(lower($3::text) IN lower(r.name)) > 0";
    if (key == "code") matches += " OR position(lower($3::text) IN lower(r.code)) > 0";
    std::string sql = "SELECT r." + std::string(noun.id_column) + ", " + record_json(noun) +
                      " FROM " + noun.table + " r WHERE r.tenant_id = $1 AND r." + noun.id_column +
                      " > $2 AND ($3::text IS NULL OR " + matches +
                      ") AND ($4::boolean IS NULL OR r.is_active = $4)";
    // The casts keep unused parameters typed.
    sql += has_column(noun, "customer_id") ? " AND ($5::bigint IS NULL OR r.customer_id = $5)"
                                           : " AND $5::bigint IS NULL";
    sql += has_column(noun, "service_provider_id")
               ? " AND ($6::bigint IS NULL OR r.service_provider_id = $6)"
               : " AND $6::bigint IS NULL";
    return sql + " ORDER BY r." + noun.id_column + " LIMIT $7";
}

std::string question_of(const Noun& noun, const RecordFilter& filter) {
    const object question{
        {"list", noun.table},
        {"name", filter.name_contains.value_or("")},
        {"active", filter.is_active ? base::json::value(*filter.is_active) : nullptr},
        {"customer", filter.customer_id.value},
        {"provider", filter.service_provider_id.value},
    };
    return base::json::serialize(question);
}

}  // namespace

Result<object> create_record(db::Connection& connection, TenantId tenant_id, const Noun& noun,
                             const object& body, base::JsonErrors& errors) {
    const auto values = read_fields(noun, body, Writing::create, errors);
    if (!errors.empty()) return errors.items().front();
    return write(connection, tenant_id, noun, [&](Transaction& transaction) {
        return insert(transaction, tenant_id, noun, values);
    });
}

Result<object> update_record(db::Connection& connection, TenantId tenant_id, const Noun& noun,
                             std::int64_t id, const object& body, base::JsonErrors& errors) {
    const auto values = read_fields(noun, body, Writing::update, errors);
    if (!errors.empty()) return errors.items().front();
    return write(connection, tenant_id, noun, [&](Transaction& transaction) {
        return update(transaction, tenant_id, noun, id, values);
    });
}

Result<object> get_record(db::Connection& connection, TenantId tenant_id, const Noun& noun,
                          std::int64_t id) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    return read_record(
        [&](const Query& query, const Params& params) { return connection.exec(query, params); },
        tenant_id, noun, id);
}

Result<Page<object>> list_records(db::Connection& connection, const PageTokens& tokens,
                                  TenantId tenant_id, const Noun& noun, const RecordFilter& filter,
                                  const PageRequest& page) {
    const std::string question = question_of(noun, filter);
    const auto after = tenants::oldest_first(tokens, tenant_id, question, page);
    if (!after) return after.error();
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const std::string name = std::string(noun.table) + "_list";
    const std::string sql = list_sql(noun);
    // One more than asked for tells whether there is a next page.
    const auto rows =
        connection.exec({name.c_str(), sql.c_str()}, Params()
                                                         .add(tenant_id)
                                                         .add(*after)
                                                         .add(filter.name_contains)
                                                         .add(filter.is_active)
                                                         .add(filter.customer_id)
                                                         .add(filter.service_provider_id)
                                                         .add(page.limit + 1));
    if (!rows) return rows.error();
    Page<object> result;
    const auto limit = static_cast<std::size_t>(page.limit);
    for (std::size_t i = 0; i < rows->size() && i < limit; ++i) {
        auto record = parse_record(rows->text(i, 1));
        if (!record) return record.error();
        result.items.push_back(*std::move(record));
    }
    result.next_token = tenants::next_token(*rows, tokens, tenant_id, question, page.limit);
    return result;
}

// --- credentials ---------------------------------------------------------------------------------

namespace {

std::string context_of(ServiceProviderId id) {
    return "service_provider/" + base::to_string(id);
}

Result<object> open_credentials(const std::string& sealed, ServiceProviderId id,
                                const base::MasterKey& key) {
    if (sealed.empty()) return object{};
    const auto opened = key.open(sealed, context_of(id));
    if (!opened) return opened.error();
    return parse_record(opened->reveal());
}

Result<void> apply_changes(object& credentials, const object& changes) {
    for (const auto& [name, value] : changes) {
        const std::string at = "/credentials/" + std::string(name);
        if (value.is_null()) {
            credentials.erase(name);
            continue;
        }
        if (!value.is_string() || value.get_string().empty() || name.empty()) {
            return base::invalid_input("must be a text that is not empty, or null to remove it",
                                       at);
        }
        credentials[name] = value;
    }
    const Noun& noun = kServiceProvider;
    if (credentials.size() > kMaxCredentials ||
        base::json::serialize(credentials).size() > kMaxCredentialBytes) {
        return base::Error{base::ErrorKind::too_large,
                           "a " + std::string(noun.label) + " has at most " +
                               std::to_string(kMaxCredentials) + " credentials with " +
                               std::to_string(kMaxCredentialBytes) + " bytes together",
                           "/credentials"};
    }
    return {};
}

constexpr Query kLockCredentials{"service_provider_credentials",
                                 "SELECT credentials FROM service_provider WHERE tenant_id = $1 "
                                 "AND service_provider_id = $2 FOR UPDATE"};
constexpr Query kSetCredentials{
    "service_provider_set_credentials",
    "UPDATE service_provider SET credentials = $3, credential_names = $4::text[], "
    "modified_at = now() WHERE tenant_id = $1 AND service_provider_id = $2"};
constexpr Query kOpenProvider{
    "service_provider_open",
    "SELECT name, integration, write_is_enabled, is_active, settings::text, credentials "
    "FROM service_provider WHERE tenant_id = $1 AND service_provider_id = $2"};

Result<std::vector<std::string>> change_in(Transaction& transaction, TenantId tenant_id,
                                           ServiceProviderId id, const object& changes,
                                           const base::MasterKey& key) {
    const auto rows = transaction.exec(kLockCredentials, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_such(kServiceProvider);
    auto credentials = open_credentials(rows->bytes(0, 0), id, key);
    if (!credentials) return credentials.error();
    CARRYALL_TRY(apply_changes(*credentials, changes));
    std::vector<std::string> names;
    for (const auto& [name, value] : *credentials) names.emplace_back(name);
    std::sort(names.begin(), names.end());
    db::Array listed;
    for (const std::string& name : names) listed.add(name);
    Params params;
    params.add(tenant_id).add(id);
    if (names.empty()) {
        params.add_null();
    } else {
        const base::Secret text(base::json::serialize(*credentials));
        params.add_bytes(key.seal(text, context_of(id)));
    }
    CARRYALL_TRY(transaction.exec(kSetCredentials, params.add(listed.take())));
    return names;
}

}  // namespace

Result<std::vector<std::string>> change_credentials(db::Connection& connection, TenantId tenant_id,
                                                    ServiceProviderId id, const object& changes,
                                                    const base::MasterKey& key) {
    return db::in_transaction<std::vector<std::string>>(
        connection, tenant_id.value, [&](Transaction& transaction) {
            return change_in(transaction, tenant_id, id, changes, key);
        });
}

Result<OpenedServiceProvider> open_service_provider(db::Connection& connection, TenantId tenant_id,
                                                    ServiceProviderId id,
                                                    const base::MasterKey& key) {
    CARRYALL_TRY(connection.work_for_tenant(tenant_id.value));
    const auto rows = connection.exec(kOpenProvider, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return no_such(kServiceProvider);
    OpenedServiceProvider provider;
    provider.id = id;
    provider.name = rows->string(0, 0);
    provider.integration = rows->string(0, 1);
    provider.write_is_enabled = rows->boolean(0, 2);
    provider.is_active = rows->boolean(0, 3);
    auto settings = parse_record(rows->text(0, 4));
    if (!settings) return settings.error();
    provider.settings = *std::move(settings);
    auto credentials = open_credentials(rows->bytes(0, 5), id, key);
    if (!credentials) return credentials.error();
    provider.credentials = *std::move(credentials);
    return provider;
}

}  // namespace carryall::devices
