// Calls that change lines. What all devices of a request share is checked at once and fails the
// request as a whole; everything else is the engine's and comes by callback.
#include <algorithm>

#include "json_text.hpp"
#include "thingspace/callback_text.hpp"
#include "thingspace/thingspace_system.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::string_view kForbidden = "'<\\";

// Escapes are forbidden in values too, so only a parsed value can be judged.
bool has_forbidden_character(const boost::json::value& value) {
    if (const auto* text = value.if_string()) {
        return std::string_view(text->data(), text->size()).find_first_of(kForbidden) !=
               std::string_view::npos;
    }
    if (const auto* list = value.if_array()) {
        return std::any_of(list->begin(), list->end(), has_forbidden_character);
    }
    if (const auto* object = value.if_object()) {
        return std::any_of(object->begin(), object->end(), [](const auto& member) {
            return has_forbidden_character(member.value());
        });
    }
    return false;
}

std::optional<std::uint32_t> zip_of(std::string_view text) {
    const auto digits = text.substr(0, 5);
    const std::uint64_t packed = digits.size() == 5 ? pack_digits(digits) : 0;
    if (packed == 0 || (text.size() != 5 && text.size() != 10)) return std::nullopt;
    return static_cast<std::uint32_t>(packed & 0xfffff);
}

Action action_of(int endpoint) {
    switch (endpoint) {
        case kDeactivate:
            return Action::deactivate;
        case kSuspend:
            return Action::suspend;
        case kRestore:
            return Action::restore;
        case kPlan:
            return Action::plan;
        case kCustomFieldsSet:
            return Action::custom_fields;
        case kSuspensionStatus:
            return Action::suspension_status;
        case kDeviceId:
            return Action::device_id;
        default:
            return Action::activate;
    }
}

}  // namespace

bool ThingspaceSystem::has_good_body(const Request& request, Reply& reply) {
    if (body_ == nullptr) {
        if (request.body.empty()) {
            fail(reply, 400, "INPUT_INVALID.Request.RequestUndefined", "The request is empty.");
        } else {
            fail(reply, 400, "INPUT_INVALID.Request.DeserializationFailed",
                 "The request is not a JSON object.");
        }
        return false;
    }
    if (request.body.find_first_of(kForbidden) == std::string_view::npos) return true;
    const bool forbidden = std::any_of(body_->begin(), body_->end(), [](const auto& member) {
        return has_forbidden_character(member.value());
    });
    if (forbidden) {
        fail(reply, 400, "INPUT_INVALID.Request.InvalidCharacter",
             "A value has a character that is not allowed.");
    }
    return !forbidden;
}

void ThingspaceSystem::change(const Request& request, Call& call, Reply& reply) {
    given_.clear();
    chosen_.clear();
    if (!has_good_body(request, reply)) return;
    if (call.endpoint == kAdd) return add_devices(call, reply);
    if (call.endpoint == kDelete) return delete_devices(call, reply);
    if (call.endpoint == kDeviceId) return change_identifier(call, reply);
    const bool names_devices = find(*body_, "devices") != nullptr;
    if (names_devices && !read_devices("devices", knobs_.devices_per_request, reply)) return;
    Order order;
    order.action = action_of(call.endpoint);
    order.account = account_of_order(call.endpoint, reply);
    if (order.account == kNone || !read_order(call.endpoint, order, reply)) return;
    if (!names_devices && !choose_lines(order, reply)) return;
    accept(order, call, reply);
}

// Several accounts and none named: where it is not required, the first known device decides.
std::uint16_t ThingspaceSystem::account_of_order(int endpoint, Reply& reply) {
    const auto named = text_at(*body_, "accountName");
    if (!named && endpoint == kDeactivate) {
        fail(reply, 400, "INPUT_INVALID.Account.NotDefined", "accountName is required.");
        return kNone;
    }
    const bool may_follow_device = endpoint != kActivate && endpoint != kSuspensionStatus;
    if (!named && may_follow_device && !given_.empty()) {
        const std::uint32_t row = engine_.find_line(given_.front());
        if (row != kNoRow && may_use(world_.lines.rows[row].account)) {
            return world_.lines.rows[row].account;
        }
    }
    return account_of(named, reply);
}

bool ThingspaceSystem::read_order(int endpoint, Order& order, Reply& reply) {
    switch (endpoint) {
        case kActivate:
            return read_activation(order, reply);
        case kDeactivate:
            order.delete_afterwards = bool_at(*body_, "deleteAfterDeactivation").value_or(false);
            if (text_at(*body_, "reasonCode") == "FF") return true;
            fail(reply, 400, "INPUT_INVALID.ReasonCode.Invalid", "reasonCode must be FF.");
            return false;
        case kSuspend:
            order.with_billing = bool_at(*body_, "withBilling").value_or(false);
            return true;
        case kPlan:
            return read_plan("servicePlan", order, reply);
        case kCustomFieldsSet:
            return read_custom_fields("customFieldsToUpdate", order.fields, reply);
        default:
            return true;
    }
}

bool ThingspaceSystem::read_plan(std::string_view member, Order& order, Reply& reply) {
    const auto code = text_at(*body_, member);
    order.plan = code ? world_.accounts.find_plan(*code) : kNone;
    if (order.plan != kNone) return true;
    fail(reply, 400, "REQUEST_FAILED.ServicePlan.NotFound", "The service plan could not be found.");
    return false;
}

bool ThingspaceSystem::read_activation(Order& order, Reply& reply) {
    if (!read_plan("servicePlan", order, reply)) return false;
    const auto zip = text_at(*body_, "mdnZipCode");
    const auto code = zip ? zip_of(*zip) : std::nullopt;
    if (!code) {
        fail(reply, 400, "INPUT_INVALID.MdnZipCode.Invalid",
             "mdnZipCode is required: five digits.");
        return false;
    }
    order.zip = *code;
    order.names_sku = text_at(*body_, "skuNumber").has_value();
    order.group = world_.accounts.group(text_at(*body_, "groupName").value_or(""));
    if (order.group == kNone) order.group = 0;
    return find(*body_, "customFields") == nullptr ||
           read_custom_fields("customFields", order.fields, reply);
}

bool ThingspaceSystem::read_custom_fields(std::string_view member, std::uint32_t& change,
                                          Reply& reply) {
    const auto* value = find(*body_, member);
    const auto* list = value == nullptr ? nullptr : value->if_array();
    FieldSet fields;
    fields.fill(kUntouched);
    bool any = false;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto* field = (*list)[i].if_object();
        const auto key = field == nullptr ? std::nullopt : text_at(*field, "key");
        const std::size_t place = custom_field_place(key.value_or(""));
        if (place == kCustomFields) {
            fail(reply, 400, "INPUT_INVALID.CustomField.InvalidName",
                 "Custom fields are CustomField1 to CustomField5.");
            return false;
        }
        const auto text = text_at(*field, "value").value_or("");
        if (text.size() > kMaxCustomFieldBytes) {
            fail(reply, 400, "INPUT_INVALID.CustomField.TooLong",
                 "A custom field has at most 50 characters.");
            return false;
        }
        fields[place] = world_.fields.text(text);
        any = true;
    }
    if (!any) {
        fail(reply, 400, "INPUT_INVALID.CustomField.InvalidName", "No custom field is named.");
        return false;
    }
    change = world_.fields.set(fields);
    return true;
}

bool ThingspaceSystem::refuse_ids(IdProblem problem, Reply& reply) {
    if (problem == IdProblem::kind) {
        fail(reply, 400, "INPUT_INVALID.Device.Kind.Invalid", "A device kind is not valid.");
    } else if (problem != IdProblem::none) {
        fail(reply, 400, "INPUT_INVALID.Device.Identifier.Invalid",
             "A device identifier is missing or not valid.");
    }
    return problem != IdProblem::none;
}

bool ThingspaceSystem::read_devices(std::string_view member, std::int64_t most, Reply& reply) {
    const auto* value = find(*body_, member);
    const auto* list = value == nullptr ? nullptr : value->if_array();
    if (list == nullptr || list->empty()) return !refuse_ids(IdProblem::missing, reply);
    if (static_cast<std::int64_t>(list->size()) > most) {
        fail(reply, 400, "INPUT_INVALID.MaxRequestsExceeded",
             "The request has more than " + std::to_string(most) + " devices.");
        return false;
    }
    given_.reserve(list->size());
    for (const auto& item : *list) {
        const auto* device = item.if_object();
        const auto* ids = device == nullptr ? nullptr : find(*device, "deviceIds");
        const IdProblem problem =
            ids == nullptr ? IdProblem::missing : read_ids(*ids, given_.emplace_back());
        if (refuse_ids(problem, reply)) return false;
    }
    return true;
}

bool ThingspaceSystem::choose_lines(const Order& order, Reply& reply) {
    LineFilter filter;
    filter.account = order.account;
    const bool is_plan_change = order.action == Action::plan;
    const auto plan = text_at(*body_, is_plan_change ? "currentServicePlan" : "servicePlan");
    const auto group = text_at(*body_, "groupName");
    const bool by_fields = find(*body_, "customFields") != nullptr;
    const bool activates = order.action == Action::activate;
    if (activates || (!plan && !group && !by_fields)) {
        return !refuse_ids(IdProblem::missing, reply);
    }
    if (plan) filter.plan = world_.accounts.find_plan(*plan);
    if (group) filter.group = world_.accounts.find_group(*group);
    if (!read_field_filter(*body_, filter, reply)) return false;
    for (std::uint32_t row = 0; row < world_.lines.rows.size(); ++row) {
        if (filter.fits(world_.lines.rows[row], world_.fields)) chosen_.push_back(row);
    }
    if (!chosen_.empty()) return true;
    fail(reply, 400, "REQUEST_FAILED.DeviceNotFound", "No device fits the request.");
    return false;
}

void ThingspaceSystem::accept(const Order& order, Call& call, Reply& reply) {
    const auto devices = static_cast<std::uint32_t>(given_.size() + chosen_.size());
    const Moment now{call.now_micros};
    const std::uint32_t job = engine_.open(order, devices);
    if (call.endpoint == kDeviceId)
        append_json(engine_.job(job).details().sent_ids, *given_[0].json);
    for (const GivenIds& ids : given_) engine_.take(job, ids, now);
    for (const std::uint32_t row : chosen_) engine_.take_line(job, row, 0, now);
    courier_->look_again();
    reply.delay_micros += knobs_.callback_first_millis * kMicrosPerMilli;
    call.performed = call.changed = call.writes;
    JsonObject fields(call.fields);
    fields.add_integer("devices", devices);
    engine_.append_request_id(fields.add_raw("requestId") += '"', job);
    call.fields += '"';
    fields.add("account", world_.accounts.accounts[order.account].name);
    if (order.plan != kNoPlan) fields.add("servicePlan", world_.accounts.plans[order.plan].code);
    fields.close();
    reply.body += R"({"requestId":")";
    engine_.append_request_id(reply.body, job);
    reply.body += "\"}";
}

bool ThingspaceSystem::read_identifier_change(Order& order, Reply& reply) {
    const auto option = text_at(*body_, "change4gOption").value_or("");
    const bool to_iccid = option == "ChangeICCID" || option == "ChangeIMEIandICCID";
    const bool to_imei = option == "ChangeIMEI" || option == "ChangeIMEIandICCID";
    order.new_number = option == "ChangeMSISDN";
    if (!to_iccid && !to_imei && !order.new_number) {
        fail(reply, 400, "INPUT_INVALID.Change4gOption.Invalid",
             "change4gOption must be ChangeICCID, ChangeIMEI, ChangeIMEIandICCID or "
             "ChangeMSISDN.");
        return false;
    }
    if (order.new_number) return true;
    GivenIds wanted;
    const auto* ids = find(*body_, "deviceIdsTo");
    const IdProblem problem = ids == nullptr ? IdProblem::missing : read_ids(*ids, wanted);
    if (refuse_ids(problem, reply)) return false;
    if ((to_iccid && wanted.iccid == 0) || (to_imei && wanted.imei == 0)) {
        return !refuse_ids(IdProblem::id, reply);
    }
    if (to_iccid) order.new_iccid = wanted.iccid;
    if (to_imei) order.new_imei = wanted.imei;
    return true;
}

void ThingspaceSystem::change_identifier(Call& call, Reply& reply) {
    const auto* ids = find(*body_, "deviceIds");
    const IdProblem problem =
        ids == nullptr ? IdProblem::missing : read_ids(*ids, given_.emplace_back());
    if (refuse_ids(problem, reply)) return;
    Order order;
    order.action = Action::device_id;
    order.account = account_of_order(call.endpoint, reply);
    if (order.account == kNone || !read_identifier_change(order, reply)) return;
    accept(order, call, reply);
}

void ThingspaceSystem::add_devices(Call& call, Reply& reply) {
    const auto state = line_state_of(text_at(*body_, "state").value_or(""));
    if (state != LineState::preactive) {
        return fail(reply, 400, "INPUT_INVALID.DeviceState.Invalid", "state must be preactive.");
    }
    const std::uint16_t account = account_of(text_at(*body_, "accountName"), reply);
    std::uint32_t change = kNoRow;
    if (account == kNone ||
        (find(*body_, "customFields") != nullptr &&
         !read_custom_fields("customFields", change, reply)) ||
        !read_devices("devicesToAdd", knobs_.devices_per_request, reply)) {
        return;
    }
    const std::uint16_t group = world_.accounts.group(text_at(*body_, "groupName").value_or(""));
    const bool names_sku = text_at(*body_, "skuNumber").has_value();
    const Moment now{call.now_micros};
    std::int64_t added = 0;
    reply.body += '[';
    for (const GivenIds& ids : given_) {
        DeviceFault fault = DeviceFault::none;
        std::uint32_t row = kNoRow;
        if (ids.iccid == 0 || (ids.imei == 0 && !names_sku))
            fault = DeviceFault::bad_identifier;
        else if ((row = world_.lines.add(ids.iccid, ids.imei, now.seconds())) == kNoRow)
            fault = DeviceFault::in_use;
        if (row != kNoRow) {
            Line& line = world_.lines.rows[row];
            line.account = account;
            line.group = group;
            if (change != kNoRow) line.fields = world_.fields.changed(0, change);
            ++added;
        }
        engine_.record(Action::add, ids.iccid != 0 ? iccid_text(ids.iccid) : "unknown", {},
                       {fault, row != kNoRow}, row, now);
        if (reply.body.size() > 1) reply.body += ',';
        JsonObject one(reply.body);
        append_json(one.add_raw("deviceIds"), *ids.json);
        one.add("response", fault == DeviceFault::none ? "Success" : "Failed");
        if (fault != DeviceFault::none) one.add("message", message_of(fault));
        one.close();
    }
    reply.body += ']';
    call.performed = call.changed = added > 0;
    JsonObject fields(call.fields);
    fields.add_integer("devices", static_cast<std::int64_t>(given_.size()));
    fields.add_integer("added", added);
    fields.close();
}

void ThingspaceSystem::append_delete_result(std::string& out, std::uint32_t row, DeviceFault fault,
                                            const GivenIds& ids) {
    if (out.size() > 1) out += ',';
    JsonObject one(out);
    const auto* list = ids.json->if_array();
    const bool as_object = list != nullptr && takes_second(knobs_.device_ids_form, row);
    append_json(one.add_raw("deviceIds"), as_object ? list->front() : *ids.json);
    one.add("status", fault == DeviceFault::none ? "Success" : failed_word(knobs_, row));
    if (fault == DeviceFault::bad_state) {
        one.add("message", "The device is not in deactive state.");
    } else if (fault != DeviceFault::none) {
        one.add("message", message_of(fault));
    }
    one.close();
}

void ThingspaceSystem::delete_devices(Call& call, Reply& reply) {
    const std::uint16_t account = account_of(text_at(*body_, "accountName"), reply);
    if (account == kNone || !read_devices("devicesToDelete", knobs_.devices_per_delete, reply)) {
        return;
    }
    const Moment now{call.now_micros};
    std::int64_t deleted = 0;
    reply.body += '[';
    for (const GivenIds& ids : given_) {
        const std::uint32_t row = engine_.find_line(ids);
        DeviceFault fault = DeviceFault::none;
        if (row == kNoRow)
            fault = DeviceFault::not_found;
        else if (world_.lines.rows[row].account != account)
            fault = DeviceFault::wrong_account;
        else if (world_.lines.rows[row].state != LineState::deactive)
            fault = DeviceFault::bad_state;
        if (fault == DeviceFault::none) {
            world_.lines.remember(row, now.micros);
            world_.lines.remove(row);
            ++deleted;
        }
        const std::uint64_t iccid = row == kNoRow ? ids.iccid : world_.lines.rows[row].iccid;
        engine_.record(Action::remove, iccid != 0 ? iccid_text(iccid) : "unknown", {},
                       {fault, fault == DeviceFault::none}, row, now);
        append_delete_result(reply.body, row, fault, ids);
    }
    reply.body += ']';
    call.performed = call.changed = deleted > 0;
    JsonObject fields(call.fields);
    fields.add_integer("devices", static_cast<std::int64_t>(given_.size()));
    fields.add_integer("deleted", deleted);
    fields.close();
}

}  // namespace carryall::simulators::thingspace
