// The small nouns of the inventory: customer, site, the plans and pools, service provider. They are
// described once, as tables of fields, and share one way to be created, changed, read and listed.
// A record is a JSON object with the API's names. What must stay true: only described fields are
// ever read or written, a reference points into the same tenant, and another tenant's record
// answers exactly as a missing one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "devices/device.hpp"

namespace carryall::devices {

enum class FieldType {
    text,
    integer,
    decimal,   // a JSON string or number in, a string out: nothing is rounded
    currency,  // three letters: "EUR"
    boolean,
    object,     // a JSON object of its own
    reference,  // the id of a record of `references`
    time,       // ISO 8601, read only
    names,      // a list of texts, read only
};

struct Noun;

struct Field {
    const char* name;    // in JSON: "revCustomerId"
    const char* column;  // in SQL: "rev_customer_id"
    FieldType type = FieldType::text;
    bool required = false;   // when created; may never become null
    bool writable = true;    // by create and update
    bool changeable = true;  // by update
    const Noun* references = nullptr;
    // Without "= {}" g++ warns where a field is described without choices.
    std::span<const std::string_view> choices = {};  // NOLINT(readability-redundant-member-init)
    std::int64_t min = 0;                            // integer
    std::int64_t max = 0;                            // integer; text: bytes. 0: the type's limit
};

struct Noun {
    const char* label;  // for sentences: "customer"
    const char* table;  // also the prefix of statement names
    const char* id_column;
    const char* id_name;   // in JSON: "customerId"
    const char* key_name;  // for sentences about duplicates: "name"
    bool has_modified_at;
    std::span<const Field> fields;
};

extern const Noun kServiceProvider;
extern const Noun kCustomer;
extern const Noun kSite;
extern const Noun kCarrierRatePlan;
extern const Noun kCommunicationPlan;
extern const Noun kCustomerRatePlan;
extern const Noun kCustomerRatePool;

struct RecordFilter {
    std::optional<std::string> name_contains;  // without regard to case; code or name
    std::optional<bool> is_active;
    // For nouns that have the reference.
    CustomerId customer_id;
    ServiceProviderId service_provider_id;
};

// Every mistake in `body` is added to `errors`; the result's error is the first of them. Unknown
// members are refused, so that a misspelt one is not taken for "leave it".
base::Result<base::json::object> create_record(db::Connection& connection, TenantId tenant_id,
                                               const Noun& noun, const base::json::object& body,
                                               base::JsonErrors& errors);
// A member that is absent stays as it is; null empties what may be empty.
base::Result<base::json::object> update_record(db::Connection& connection, TenantId tenant_id,
                                               const Noun& noun, std::int64_t id,
                                               const base::json::object& body,
                                               base::JsonErrors& errors);
base::Result<base::json::object> get_record(db::Connection& connection, TenantId tenant_id,
                                            const Noun& noun, std::int64_t id);
// By id, oldest first.
base::Result<Page<base::json::object>> list_records(db::Connection& connection,
                                                    const PageTokens& tokens, TenantId tenant_id,
                                                    const Noun& noun, const RecordFilter& filter,
                                                    const PageRequest& page);

}  // namespace carryall::devices
