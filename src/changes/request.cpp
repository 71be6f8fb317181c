// The JSON form of a BulkChangeRequest. All mistakes are collected before anything is refused; the
// devices' form is checked here, so that the stream of rows cannot fail later.
#include "changes/request.hpp"

#include <array>
#include <charconv>
#include <set>

#include "base/text.hpp"
#include "base/time_zone.hpp"
#include "changes/control_request.hpp"
#include "changes/device_row.hpp"
#include "changes/parameters.hpp"

namespace carryall::changes {
namespace {

using base::Result;
namespace json = base::json;

constexpr std::size_t kMaxWarnings = 50;
// A date or a dry run that is misspelt must not be a change at once.
constexpr const char* kUnknownMember = "is no member of the request; check its spelling";
constexpr int kMaxExactDecimalDigits = 15;  // a JSON number is a double: more are rounded

// Collects mistakes up to the limit; says where each is.
class Mistakes {
  public:
    explicit Mistakes(std::vector<base::Error>& items) : items_(items) {}
    void add(const std::string& pointer, const std::string& message) {
        if (items_.size() < kMaxRequestErrors) {
            items_.push_back(base::invalid_input(message, pointer));
        }
    }
    bool none() const { return items_.empty(); }
    bool full() const { return items_.size() >= kMaxRequestErrors; }

  private:
    std::vector<base::Error>& items_;
};

// What a device's or a section's unknown keys are told; each once.
class Warnings {
  public:
    explicit Warnings(std::vector<std::string>& items) : items_(items) {}
    void add(const std::string& text) {
        if (items_.size() < kMaxWarnings && seen_.insert(text).second) items_.push_back(text);
    }

  private:
    std::vector<std::string>& items_;
    std::set<std::string, std::less<>> seen_;
};

bool is_key(std::string_view key, std::string_view name) {
    return sheets::comparable_column_name(key) == base::ascii_lower(name);
}

// A scalar as text, as a person would have written it. Empty optional: not a scalar, or a number
// that JSON has rounded already; `problem` says which.
std::optional<std::string> scalar_text(const json::value& value, std::string& problem) {
    switch (value.kind()) {
        case json::kind::string:
            return std::string(value.get_string());
        case json::kind::bool_:
            return value.get_bool() ? "true" : "false";
        case json::kind::int64:
            return std::to_string(value.get_int64());
        case json::kind::uint64:
            return std::to_string(value.get_uint64());
        case json::kind::double_:
            break;
        default:
            problem = "must be a single value";
            return std::nullopt;
    }
    std::array<char, 400> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(),
                                            value.get_double(), std::chars_format::fixed);
    const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
    const auto count =
        std::count_if(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (error != std::errc{} || count > kMaxExactDecimalDigits) {
        problem = "must be written as text: a JSON number of this length is rounded";
        return std::nullopt;
    }
    return std::string(digits);
}

std::string set_from_json(const ParameterField& field, const json::value& value,
                          ChangeParameters& parameters, References& references) {
    std::string problem;
    std::string text;
    const bool is_list = field.kind == FieldKind::list || field.kind == FieldKind::codes;
    if (is_list && value.is_array()) {
        for (const json::value& item : value.get_array()) {
            const auto one = scalar_text(item, problem);
            if (!one) return problem;
            text += *one + ';';
        }
        if (text.empty()) return {};
        return set_field(field, text.substr(0, kMaxParameterBytes + 1), parameters, references);
    }
    const auto one = scalar_text(value, problem);
    if (!one) return problem;
    return set_field(field, *one, parameters, references);
}

// One key of a section, at whatever place it stands. False: the type has no such field.
template <class Complain>
bool read_field(ChangeType type, std::string_view key, const json::value& value,
                ChangeParameters& parameters, References& references, const Complain& complain) {
    const ParameterField* field = find_field(type, key);
    if (field == nullptr) return false;
    if (value.is_null()) return true;
    const std::string reason = set_from_json(*field, value, parameters, references);
    if (!reason.empty()) complain(*field, reason, value);
    return true;
}

template <class Complain, class Unknown>
void read_section(ChangeType type, const json::object& section, ChangeParameters& parameters,
                  References& references, const Complain& complain, const Unknown& unknown) {
    for (const auto& [key, value] : section) {
        if (!read_field(type, key, value, parameters, references, complain)) unknown(key);
    }
}

// Of whatever type: its section, or one of its parameters as an upload gives them.
bool is_of_some_type(std::string_view key) {
    for (const ChangeType type : {ChangeType::customerassignment, ChangeType::carrierrateplanchange,
                                  ChangeType::customerrateplanchange, ChangeType::statusupdate,
                                  ChangeType::newserviceactivation}) {
        if (is_key(key, section_name(type)) || find_field(type, key) != nullptr) return true;
    }
    return false;
}

struct IdentifierKey {
    std::string_view name;
    std::optional<IdentifierKind> kind;  // none: told by its form
};
constexpr std::array<IdentifierKey, 7> kIdentifierKeys = {{
    {"iccid", IdentifierKind::iccid},
    {"msisdn", IdentifierKind::msisdn},
    {"subscriberNumber", IdentifierKind::msisdn},
    {"phoneNumber", IdentifierKind::msisdn},
    {"imei", IdentifierKind::imei},
    {"identifier", std::nullopt},
    {"device", std::nullopt},
}};

// A key that is a parameter of the type (the IMEI of an activation) is no identifier.
const IdentifierKey* identifier_key(ChangeType type, std::string_view key) {
    if (find_field(type, key) != nullptr) return nullptr;
    for (const IdentifierKey& known : kIdentifierKeys) {
        if (is_key(key, known.name)) return &known;
    }
    return nullptr;
}

sheets::Cell text_cell(std::string_view text) {
    return {text, text.empty() ? sheets::CellKind::empty : sheets::CellKind::text};
}

void read_device(const json::value& device, ChangeType type, DeviceRow& row) {
    if (device.is_string()) {
        const std::string_view text = device.get_string();
        return identify(row, text_cell(text), kind_by_form(text));
    }
    const auto complain = [&](const ParameterField& field, const std::string& reason,
                              const json::value& given) {
        std::string ignored;
        refuse_value(row, field, reason, scalar_text(given, ignored).value_or(""));
    };
    for (const auto& [key, value] : device.get_object()) {
        if (value.is_null()) continue;
        if (const IdentifierKey* known = identifier_key(type, key)) {
            const std::string_view text = value.get_string();
            identify(row, text_cell(text), known->kind ? *known->kind : kind_by_form(text));
        } else if (is_key(key, section_name(type))) {
            if (!value.is_object()) continue;  // refused by check_device
            read_section(type, value.get_object(), row.own, row.references, complain,
                         [](std::string_view) {});
            row.has_own = true;
        } else if (read_field(type, key, value, row.own, row.references, complain)) {
            row.has_own = true;
        }
    }
}

class JsonDevices : public DeviceSource {
  public:
    JsonDevices(ChangeType type, json::array devices, bool may_have_own)
        : type_(type), devices_(std::move(devices)), may_have_own_(may_have_own) {}

    Result<bool> next(DeviceRow& row) override {
        if (next_ == devices_.size()) return false;
        reset(row);
        row.row_number = static_cast<std::int64_t>(next_) + 1;
        read_device(devices_[next_], type_, row);
        ++next_;
        return true;
    }
    std::string_view format() const override { return "json"; }
    bool may_have_own() const override { return may_have_own_; }
    const std::vector<std::string>& warnings() const override { return warnings_; }

  private:
    ChangeType type_;
    json::array devices_;
    bool may_have_own_;
    std::size_t next_ = 0;
    std::vector<std::string> warnings_;
};

// The form of one element of `devices`; values of its own are the row's matter.
void check_device(const json::value& device, std::size_t index, ChangeType type, Mistakes& mistakes,
                  Warnings& warnings) {
    const std::string at = "/devices/" + std::to_string(index);
    if (device.is_string()) return;
    if (device.is_number()) {
        return mistakes.add(at, "must be a text in quotes: JSON numbers lose digits");
    }
    if (!device.is_object()) return mistakes.add(at, "must be an identifier or an object");
    int identifiers = 0;
    for (const auto& [key, value] : device.get_object()) {
        if (value.is_null()) continue;
        const std::string member = at + '/' + std::string(key);
        if (identifier_key(type, key) != nullptr) {
            ++identifiers;
            if (!value.is_string()) {
                mistakes.add(member, "must be a text in quotes: JSON numbers lose digits");
            }
        } else if (is_key(key, section_name(type))) {
            if (!value.is_object()) mistakes.add(member, "must be an object");
        } else if (find_field(type, key) == nullptr) {
            warnings.add("devices: \"" + std::string(key) + "\" is not used by a " +
                         std::string(to_string(type)));
        }
    }
    if (identifiers == 0) mistakes.add(at, "needs an iccid, msisdn, imei or identifier");
    if (identifiers > 1) mistakes.add(at, "has more than one identifier; give one");
}

// The members that are no parameters.
class RequestReader {
  public:
    RequestReader(BulkChangeRequest& request, Mistakes& mistakes)
        : request_(request), mistakes_(mistakes) {}

    void read_service_provider(const json::value* value) {
        if (value == nullptr || value->is_null()) {
            return mistakes_.add("/serviceProviderId", "is required");
        }
        const auto id = id_of(*value);
        if (!id) return mistakes_.add("/serviceProviderId", "must be a whole number");
        request_.service_provider_id = *id;
    }

    // Several accounts, a list of them or "all".
    void read_service_providers(const json::value& value) {
        constexpr const char* kAt = "/serviceProviderIds";
        auto& ids = request_.service_provider_ids.emplace();
        if (value.is_string() && is_key(value.get_string(), "all")) return;
        if (!value.is_array() || value.get_array().empty() ||
            value.get_array().size() > kMaxProvidersPerSet) {
            return mistakes_.add(kAt, "must be \"all\" or a list of 1 to " +
                                          std::to_string(kMaxProvidersPerSet) + " ids");
        }
        for (const json::value& one : value.get_array()) {
            const auto id = id_of(one);
            if (!id) return mistakes_.add(kAt, "must hold whole numbers");
            if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
        }
    }

    // True: the type is known, so its parameters can be read.
    bool read_change_type(const json::value* value) {
        if (value == nullptr || value->is_null()) {
            mistakes_.add("/changeType", "is required");
            return false;
        }
        std::string problem;
        const auto text = scalar_text(*value, problem);
        const auto type = text ? parse_change_type(*text) : std::nullopt;
        if (!type) {
            mistakes_.add("/changeType",
                          "is unknown; known are customerassignment (10), carrierrateplanchange "
                          "(7), customerrateplanchange (4), statusupdate (1) and "
                          "newserviceactivation (11)");
            return false;
        }
        request_.change_type = *type;
        return true;
    }

    void read_portal(const json::value* value) {
        if (value == nullptr || value->is_null()) return;
        std::string problem;
        const auto text = scalar_text(*value, problem);
        request_.portal = text ? parse_portal(*text) : std::nullopt;
        if (!request_.portal) mistakes_.add("/portal", "must be m2m, mobility or lnp");
    }

    void read_flag(const json::value* value, std::string_view name, bool& target) {
        if (value == nullptr || value->is_null()) return;
        if (!value->is_bool()) {
            return mistakes_.add('/' + std::string(name), "must be true or false");
        }
        target = value->get_bool();
    }

  private:
    static std::optional<std::int64_t> id_of(const json::value& value) {
        std::string problem;
        const auto text = scalar_text(value, problem);
        const auto id = text ? base::parse_int(*text) : std::nullopt;
        return id && *id > 0 ? id : std::nullopt;
    }

    BulkChangeRequest& request_;
    Mistakes& mistakes_;
};

constexpr std::array<std::string_view, 11> kRequestKeys = {
    "serviceProviderId", "serviceProviderIds",
    "changeType",        "portal",
    "portalType",        "processChanges",
    "devices",           "dryRun",
    "allOrNothing",      "startAt",
    "timeZone"};

bool is_request_key(std::string_view key) {
    const auto is_it = [&](std::string_view name) { return is_key(key, name); };
    return std::any_of(kRequestKeys.begin(), kRequestKeys.end(), is_it) ||
           std::any_of(kControlKeys.begin(), kControlKeys.end(), is_it);
}

template <class Object>
auto find(Object& body, std::string_view name) -> decltype(&body.begin()->value()) {
    for (auto& member : body) {
        if (is_key(member.key(), name)) return &member.value();
    }
    return nullptr;
}

// A local time becomes the instant it means, so that all that follows knows instants only.
void place_in_zone(json::value* value, std::string_view name, const base::TimeZone& zone,
                   Warnings& warnings) {
    if (value == nullptr || !value->is_string()) return;
    const auto local = base::parse_local_time(base::trim(value->get_string()));
    if (!local) return;  // has an offset, or is a mistake that its own check names
    const base::LocalMeaning meaning = zone.meaning_of(*local);
    const std::string given = std::string(name) + ": " + base::to_text(*local);
    const std::string taken = "it is taken as " + zone.text_of(meaning.at);
    if (meaning.kind == base::LocalKind::skipped) {
        warnings.add(given + " does not exist in " + zone.name() + ", whose clocks skip it; " +
                     taken);
    } else if (meaning.kind == base::LocalKind::repeated) {
        warnings.add(given + " exists twice in " + zone.name() + "; " + taken);
    }
    *value = base::to_iso8601(meaning.at);
}

void read_dates(json::object& body, std::string_view section, BulkChangeRequest& request,
                Mistakes& mistakes, Warnings& warnings) {
    const auto text_of = [](const json::value* value) -> std::optional<std::string> {
        if (value == nullptr || value->is_null()) return std::nullopt;
        return value->is_string() ? std::string(base::trim(value->get_string())) : std::string();
    };
    json::value* start = find(body, "startAt");
    if (const auto name = text_of(find(body, "timeZone"))) {
        const auto zone = base::TimeZone::find(*name);
        if (!zone) return mistakes.add("/timeZone", zone.error().message);
        request.time_zone = zone->name();
        place_in_zone(start, "startAt", *zone, warnings);
        place_in_zone(find(body, "effectiveDate"), "effectiveDate", *zone, warnings);
        json::value* parameters = find(body, section);
        if (parameters != nullptr && parameters->is_object()) {
            place_in_zone(find(parameters->get_object(), "effectiveDate"), "effectiveDate", *zone,
                          warnings);
        }
    }
    if (const auto text = text_of(start)) {
        const auto instant = base::parse_iso8601(*text);
        if (text->empty()) {
            return mistakes.add("/startAt", "must be a date such as 2026-03-01T12:00:00Z");
        }
        if (!instant) return mistakes.add("/startAt", instant.error().message);
        request.start_at = *instant;
    }
}

// What is to follow an activation: the customer of the new lines, in its section or, as in an
// upload, flat.
void read_assignment_afterwards(const std::string& at, const json::value& value,
                                BulkChangeRequest& request, Mistakes& mistakes) {
    if (!value.is_object()) return mistakes.add(at, "must be an object");
    const auto complain = [&](const ParameterField& field, const std::string& reason,
                              const json::value&) {
        mistakes.add(at + '/' + std::string(field.name), reason);
    };
    request.parameters.customer_assignment.emplace();
    read_section(ChangeType::customerassignment, value.get_object(), request.parameters,
                 request.references, complain, [&](std::string_view unknown) {
                     mistakes.add(at + '/' + std::string(unknown), kUnknownMember);
                 });
}

bool is_of_assignment_afterwards(ChangeType type, std::string_view key) {
    return type == ChangeType::newserviceactivation &&
           find_field(ChangeType::customerassignment, key) != nullptr;
}

void read_parameters(const json::object& body, BulkChangeRequest& request, Mistakes& mistakes,
                     Warnings& warnings) {
    const ChangeType type = request.change_type;
    for (const auto& [key, value] : body) {
        if (is_request_key(key) || value.is_null()) continue;
        std::string at = '/' + std::string(key);
        const auto complain = [&](const ParameterField& field, const std::string& reason,
                                  const json::value&) {
            const bool in_section = is_key(at.substr(1), section_name(type));
            mistakes.add(in_section ? at + '/' + std::string(field.name) : at, reason);
        };
        if (is_key(key, section_name(type))) {
            if (!value.is_object()) {
                mistakes.add(at, "must be an object");
                continue;
            }
            read_section(type, value.get_object(), request.parameters, request.references, complain,
                         [&](std::string_view unknown) {
                             mistakes.add(at + '/' + std::string(unknown), kUnknownMember);
                         });
        } else if (is_key(key, section_name(ChangeType::customerassignment)) &&
                   type == ChangeType::newserviceactivation) {
            read_assignment_afterwards(at, value, request, mistakes);
        } else if (read_field(type, key, value, request.parameters, request.references, complain)) {
            continue;
        } else if (is_of_assignment_afterwards(type, key)) {
            if (!request.parameters.customer_assignment) {
                request.parameters.customer_assignment.emplace();
            }
            read_field(ChangeType::customerassignment, key, value, request.parameters,
                       request.references, complain);
        } else if (is_of_some_type(key)) {
            warnings.add("\"" + std::string(key) + "\" is not used by a " +
                         std::string(to_string(type)));
        } else {
            mistakes.add(at, kUnknownMember);
        }
    }
    if (type != ChangeType::newserviceactivation || !request.parameters.customer_assignment) return;
    const std::string missing =
        missing_parameters(request.parameters, request.references, ChangeType::customerassignment);
    if (!missing.empty()) {
        mistakes.add("/customerAssignment", "Missing required parameters: " + missing);
    }
}

std::unique_ptr<DeviceSource> read_devices(json::value* value, ChangeType type, Mistakes& mistakes,
                                           Warnings& warnings) {
    if (value == nullptr || value->is_null()) return nullptr;
    if (!value->is_array()) {
        mistakes.add("/devices", "must be an array");
        return nullptr;
    }
    json::array& devices = value->get_array();
    bool any_object = false;
    for (std::size_t i = 0; i < devices.size() && !mistakes.full(); ++i) {
        any_object = any_object || devices[i].is_object();
        check_device(devices[i], i, type, mistakes, warnings);
    }
    return std::make_unique<JsonDevices>(type, std::move(devices), any_object);
}

}  // namespace

Result<ParsedRequest> parse_request(json::value body, std::vector<base::Error>& errors) {
    Mistakes mistakes(errors);
    if (!body.is_object()) {
        mistakes.add("", "the request must be a JSON object");
        return errors.front();
    }
    ParsedRequest parsed;
    json::object& object = body.get_object();
    Warnings warnings(parsed.request.warnings);
    RequestReader reader(parsed.request, mistakes);
    const json::value* several = find(object, "serviceProviderIds");
    const json::value* single = find(object, "serviceProviderId");
    if (several == nullptr || several->is_null()) {
        reader.read_service_provider(single);
    } else if (single != nullptr && !single->is_null()) {
        mistakes.add("/serviceProviderIds", "cannot be given beside serviceProviderId");
    } else {
        reader.read_service_providers(*several);
    }
    const bool type_known = reader.read_change_type(find(object, "changeType"));
    const json::value* portal = find(object, "portal");
    reader.read_portal(portal != nullptr ? portal : find(object, "portalType"));
    reader.read_flag(find(object, "processChanges"), "processChanges",
                     parsed.request.process_changes);
    reader.read_flag(find(object, "allOrNothing"), "allOrNothing", parsed.request.all_or_nothing);
    reader.read_flag(find(object, "dryRun"), "dryRun", parsed.request.dry_run);
    for (const base::Error& error : read_control(object, parsed.request.control)) {
        mistakes.add(error.where, error.message);
    }
    if (type_known) {
        read_dates(object, section_name(parsed.request.change_type), parsed.request, mistakes,
                   warnings);
        read_parameters(object, parsed.request, mistakes, warnings);
        json::value* devices = find(object, "devices");
        parsed.devices = read_devices(devices, parsed.request.change_type, mistakes, warnings);
    }
    if (!mistakes.none()) return errors.front();
    return parsed;
}

void read_stored_own(const base::json::object& section, ChangeType type, DeviceRow& row) {
    const auto complain = [&](const ParameterField& field, const std::string& reason,
                              const json::value&) { refuse_value(row, field, reason, ""); };
    row.has_own = true;
    // Members that no field names (planUuid and the like were filled here) stay out.
    read_section(type, section, row.own, row.references, complain, [](std::string_view) {});
}

std::string_view section_name(ChangeType type) {
    switch (type) {
        case ChangeType::customerassignment:
            return "customerAssignment";
        case ChangeType::carrierrateplanchange:
            return "carrierRatePlanUpdate";
        case ChangeType::customerrateplanchange:
            return "customerRatePlanUpdate";
        case ChangeType::statusupdate:
            return "statusUpdate";
        case ChangeType::newserviceactivation:
            return "newServiceActivation";
    }
    CHECK(false && "a change type without a section");
    return {};
}

}  // namespace carryall::changes
