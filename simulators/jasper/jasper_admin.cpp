// Jasper's admin routes: accounts, users, transitions, the truth about a device, changes behind the
// client's back, traffic.
#include "admin.hpp"
#include "jasper/jasper_dates.hpp"
#include "jasper/jasper_system.hpp"
#include "json_text.hpp"

namespace carryall::simulators::jasper {
namespace {

constexpr std::string_view kDevice = "device/";
constexpr std::string_view kTraffic = "/traffic";
constexpr std::string_view kUsers = "users/";
constexpr std::string_view kConsoleUser = "console";
constexpr std::string_view kSystemUser = "SYSTEM";
constexpr std::int64_t kMaxTraffic = INT32_MAX;

void say_ok(Reply& reply) {
    reply.body = R"({"ok":true})";
}

// Every element of an array, or the one object that stands for an array of one. False: neither, or
// an element was refused.
template <typename Use>
bool for_each_object(const boost::json::value* document, Use use) {
    if (document == nullptr) return false;
    if (const auto* one = document->if_object()) return use(*one);
    const auto* list = document->if_array();
    if (list == nullptr) return false;
    for (const auto& item : *list) {
        if (!item.is_object() || !use(item.get_object())) return false;
    }
    return true;
}

bool read_texts(const boost::json::object& body, std::string_view name,
                std::vector<std::string>& texts) {
    const auto* value = find(body, name);
    if (value == nullptr) return true;
    if (!value->is_array()) return false;
    texts.clear();
    for (const auto& item : value->get_array()) {
        if (!item.is_string()) return false;
        texts.emplace_back(item.get_string().data(), item.get_string().size());
    }
    return true;
}

bool read_limit(const boost::json::object& body, std::string_view name, std::int64_t maximum,
                std::optional<std::int64_t>& limit) {
    if (find(body, name) == nullptr) return true;
    limit = integer_at(body, name);
    return limit && *limit >= 0 && *limit <= maximum;
}

bool read_amount(const boost::json::object& body, std::string_view name, std::int64_t& amount) {
    if (find(body, name) == nullptr) return true;
    const auto read = integer_at(body, name);
    amount = read.value_or(-1);
    return amount >= 0 && amount <= kMaxTraffic;
}

}  // namespace

bool JasperSystem::administer(const Request& request, std::string_view path, Reply& reply) {
    const bool posts = request.method == Method::post;
    const bool gets = request.method == Method::get;
    if (path == "fleet" && posts) {
        load_fleet(request, reply);
    } else if (path == "knobs" && posts) {
        set_knobs(request, reply);
    } else if (path == "accounts" && posts) {
        load_accounts(request, reply);
    } else if (path == "users" && posts) {
        load_users(request, reply);
    } else if (path == "users" && gets) {
        list_users(reply);
    } else if (path.substr(0, kUsers.size()) == kUsers && request.method == Method::del) {
        user_ = nullptr;
        if (!users_.remove(path.substr(kUsers.size())))
            refuse_admin(reply, 404, "unknown user");
        else
            say_ok(reply);
    } else if (path == "transitions" && posts) {
        load_transitions(request, reply);
    } else if (path == "transitions" && gets) {
        show_transitions(request, reply);
    } else if (path.substr(0, kDevice.size()) == kDevice) {
        return administer_device(request, path.substr(kDevice.size()), reply);
    } else {
        return false;
    }
    return true;
}

bool JasperSystem::administer_device(const Request& request, std::string_view path, Reply& reply) {
    const bool is_traffic = path.ends_with(kTraffic);
    if (is_traffic) path.remove_suffix(kTraffic.size());
    const auto iccid = Iccid::parse(path);
    const std::uint32_t device = iccid ? state_.find_device(*iccid) : kNoRow;
    if (device == kNoRow) {
        refuse_admin(reply, 404, "unknown device");
    } else if (is_traffic && request.method == Method::post) {
        cause_traffic(request, device, reply);
    } else if (is_traffic) {
        return false;
    } else if (request.method == Method::get) {
        show_truth(device, reply);
    } else if (request.method == Method::post) {
        change_device(request, device, reply);
    } else if (request.method == Method::del) {
        state_.remove_device(device);
        say_ok(reply);
    } else {
        return false;
    }
    return true;
}

// Whatever faults and staleness say on the wire.
void JasperSystem::show_truth(std::uint32_t device, Reply& reply) const {
    const std::int64_t now = clock_.now_micros();
    const Values values = state_.values_of(device);
    const DeviceRow& row = state_.devices[device];
    JsonObject truth(reply.body);
    append_details(truth.add_raw("device"), device, row, values, "");
    append_usage(truth.add_raw("usage"), device, values, now, "");
    append_session(truth.add_raw("session"), device, values, now, "");
    truth.add_raw("scheduled") += '[';
    std::int64_t rows = 0;
    for (std::uint32_t at = row.last_audit; at != kNoRow; at = state_.audits[at].older) {
        ++rows;
        if (state_.audits[at].status != AuditStatus::scheduled) continue;
        if (reply.body.back() != '[') reply.body += ',';
        append_audit(reply.body, state_.audits[at]);
    }
    reply.body += ']';
    truth.add_integer("auditRows", rows);
    truth.add_bool("removed", row.removed);
    truth.close();
}

// As somebody else would: no rule applies, and a status may be one that nobody has heard of.
void JasperSystem::change_device(const Request& request, std::uint32_t device, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    if (body == nullptr) return refuse_admin(reply, 400, "expected an object of attributes");
    JasperState::Author author{state_.intern(kConsoleUser), clock_.now_micros(),
                               bool_at(*body, "silent").value_or(false)};
    std::vector<std::pair<Field, std::uint32_t>> changes;
    for (const auto& member : *body) {
        const std::string_view name{member.key().data(), member.key().size()};
        if (name == "silent") continue;
        const auto field = field_of(name);
        const auto* text = member.value().if_string();
        if (!field || text == nullptr) {
            return refuse_admin(reply, 400, "unknown or wrong attribute: " + std::string(name));
        }
        const std::string_view value{text->data(), text->size()};
        if (field == Field::status && !state_.add_status(value)) {
            return refuse_admin(reply, 400, "no room for a further status");
        }
        changes.emplace_back(*field, state_.intern(value));
    }
    for (const auto& [field, value] : changes) state_.change(device, field, value, author);
    say_ok(reply);
}

void JasperSystem::cause_traffic(const Request& request, std::uint32_t device, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    Traffic traffic;
    const std::string_view session = body == nullptr ? "" : text_at(*body, "session").value_or("");
    if (body == nullptr || !read_amount(*body, "bytes", traffic.bytes) ||
        !read_amount(*body, "sms", traffic.sms) ||
        !read_amount(*body, "voiceSeconds", traffic.voice_seconds) ||
        (!session.empty() && session != "open" && session != "close")) {
        return refuse_admin(reply, 400,
                            "expected {\"bytes\", \"sms\", \"voiceSeconds\": number, "
                            "\"session\": \"open\" or \"close\"}");
    }
    traffic.opens_session = session == "open";
    traffic.closes_session = session == "close" || (session.empty() && traffic.bytes > 0);
    const std::uint8_t status = state_.devices[device].status;
    const bool connects = status == kTestReady || status == kActivationReady ||
                          status == kActivated || status == kTrial;
    if (!connects) return refuse_admin(reply, 409, "a device of this status does not connect");
    apply_traffic(device, traffic, clock_.now_micros());
    JsonObject report(reply.body);
    report.add_bool("ok", true);
    report.add("status", state_.text(state_.value_of(device, Field::status)));
    report.close();
}

void JasperSystem::apply_traffic(std::uint32_t device, const Traffic& traffic,
                                 std::int64_t now_micros) {
    Usage& usage = state_.usage_of(device, now_micros);
    usage.bytes += static_cast<std::uint64_t>(traffic.bytes);
    usage.sms += static_cast<std::uint32_t>(traffic.sms);
    usage.voice_seconds += static_cast<std::uint32_t>(traffic.voice_seconds);
    const bool was_open = usage.session_started_micros != 0 && usage.session_ended_micros == 0;
    const bool starts = !was_open && (traffic.opens_session || traffic.bytes > 0);
    if (starts) {
        ++usage.sessions;
        usage.session_started_micros = now_micros;
        usage.session_ended_micros = 0;
    }
    if (traffic.closes_session && (starts || was_open)) usage.session_ended_micros = now_micros;

    const std::uint8_t status = state_.devices[device].status;
    const JasperState::Author author{state_.intern(kSystemUser), now_micros, false};
    const bool test_is_over = static_cast<std::int64_t>(usage.bytes) > knobs_.test_bytes ||
                              usage.sms > knobs_.test_sms ||
                              usage.voice_seconds > knobs_.test_voice_seconds;
    if (status == kActivationReady && (starts || was_open)) {
        state_.change(device, Field::status, state_.intern(kStatuses[kActivated]), author);
    } else if (status == kTestReady && test_is_over) {
        state_.change(device, Field::status, state_.intern(knobs_.after_test), author);
    }
}

void JasperSystem::load_accounts(const Request& request, Reply& reply) {
    std::string wrong = "expected an account or an array of them";
    const bool good = for_each_object(parse_json(request.body), [&](const auto& body) {
        const std::string id(text_at(body, "accountId").value_or(""));
        std::vector<std::string> plans;
        std::vector<std::string> communication_plans;
        std::vector<std::string> customers;
        if (id.empty() || !read_texts(body, "ratePlans", plans) ||
            !read_texts(body, "communicationPlans", communication_plans) ||
            !read_texts(body, "customers", customers)) {
            wrong = "an account needs an accountId, and lists of texts";
            return false;
        }
        std::uint32_t place = state_.find_account(id);
        if (place == kNoRow && state_.accounts.size() == UINT16_MAX) return false;
        if (place == kNoRow) {
            Account account;
            account.id = id;
            account.operator_name = "default";
            place = state_.add_account(std::move(account));
        }
        Account& account = state_.accounts[place];
        account.operator_name =
            std::string(text_at(body, "operator").value_or(account.operator_name));
        account.has_api = bool_at(body, "apiAccess").value_or(account.has_api);
        if (find(body, "ratePlans") != nullptr) account.rate_plans.clear();
        if (find(body, "communicationPlans") != nullptr) account.communication_plans.clear();
        if (find(body, "customers") != nullptr) account.customers.clear();
        for (const auto& name : plans) {
            account.rate_plans.push_back({state_.intern(name), "Monthly - Individual Subscriber"});
        }
        for (const auto& name : communication_plans) {
            account.communication_plans.push_back(state_.intern(name));
        }
        for (const auto& name : customers) account.customers.push_back(state_.intern(name));
        return true;
    });
    if (!good) return refuse_admin(reply, 400, wrong);
    say_ok(reply);
}

void JasperSystem::load_users(const Request& request, Reply& reply) {
    user_ = nullptr;
    const bool good = for_each_object(parse_json(request.body), [&](const auto& body) {
        ApiUser user;
        user.name = text_at(body, "user").value_or("");
        user.key = text_at(body, "key").value_or("");
        user.account_id = text_at(body, "accountId").value_or(state_.accounts.front().id);
        const auto role = role_of(text_at(body, "role").value_or("account"));
        if (user.name.empty() || user.key.empty() || !role ||
            state_.find_account(user.account_id) == kNoRow ||
            !read_limit(body, "requestsPerSecond", kMaxCallsPerSecond, user.calls_per_second) ||
            !read_limit(body, "callsInFlight", kMaxCallsInFlight, user.calls_in_flight) ||
            !read_texts(body, "allowedAddresses", user.allowed_addresses)) {
            return false;
        }
        user.role = *role;
        user.name_text = state_.intern(user.name);
        users_.put(std::move(user));
        return true;
    });
    if (!good) {
        return refuse_admin(reply, 400,
                            "a user needs user, key, a known accountId, and a role of operator, "
                            "account, customer or readonly");
    }
    say_ok(reply);
}

void JasperSystem::list_users(Reply& reply) {
    reply.body += '[';
    for (const ApiUser& user : users_.all()) {
        if (reply.body.back() != '[') reply.body += ',';
        JsonObject object(reply.body);
        object.add("user", user.name);
        object.add("accountId", user.account_id);
        object.add("role", name_of(user.role));
        object.add_integer("requestsPerSecond",
                           user.calls_per_second.value_or(knobs_.calls_per_second));
        object.add_integer("callsInFlight", user.calls_in_flight.value_or(knobs_.calls_in_flight));
        object.close();
    }
    reply.body += ']';
}

void JasperSystem::load_transitions(const Request& request, Reply& reply) {
    const auto* body = parse_json_object(request.body);
    const auto* matrix = body == nullptr ? nullptr : find(*body, "matrix");
    if (matrix == nullptr || !matrix->is_object()) {
        return refuse_admin(reply, 400, "expected {\"operator\": ..., \"matrix\": {...}}");
    }
    const std::string wrong =
        state_.transitions_of(std::string(text_at(*body, "operator").value_or("default")))
            .load(matrix->get_object(), state_.statuses());
    if (!wrong.empty()) return refuse_admin(reply, 400, wrong);
    say_ok(reply);
}

void JasperSystem::show_transitions(const Request& request, Reply& reply) {
    const Query query(request.query);
    const std::string name(query.first("operator").value_or("default"));
    state_.transitions_of(name).append(reply.body, state_.statuses());
}

}  // namespace carryall::simulators::jasper
