#include "notify/event_mail.hpp"

#include <kainjow/mustache.hpp>
#include <map>

namespace carryall::notify {
namespace {

namespace json = base::json;
using kainjow::mustache::data;
using kainjow::mustache::mustache;

// What is left out is in the API.
constexpr std::size_t kMaxFacts = 60;
constexpr std::size_t kMaxListed = 10;

// {{{…}}}: a subject is no HTML.
const std::map<std::string, std::string, std::less<>>& subjects() {
    static const std::map<std::string, std::string, std::less<>> all = {
        {"activation.completed", "Activation {{{bulkChangeId}}} is complete"},
        {"bulk_change.finished", "Bulk change {{{bulkChangeId}}} finished: {{{status}}}"},
        {"bulk_change.paused", "Bulk change {{{bulkChangeId}}} is paused"},
        {"charge_run.finished", "Charge run {{{chargeRunId}}} finished: {{{status}}}"},
        {"charge_run.list_not_stored",
         "Charge run {{{chargeRunId}}}: the charge list of queue {{{queueId}}} cannot be stored"},
        {"charge_run.stopped", "Charge run {{{chargeRunId}}} is stopped: {{{reason}}}"},
        {"device_change.parked",
         "Bulk change {{{bulkChangeId}}}: {{{count}}} parked, waiting for a person"},
        {"webhook.disabled", "Webhook {{{webhookId}}} was switched off"}};
    return all;
}

constexpr const char* kText =
    "{{{sentence}}}\n\n{{#facts}}{{{name}}}: {{{value}}}\n{{/facts}}\n"
    "Tenant: {{{tenant}}}\nEvent: {{{id}}}, {{{type}}}, {{{at}}}\n";

constexpr const char* kHtml =
    "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n"
    "<h1 style=\"font-size: 1.2em\">{{sentence}}</h1>\n<table cellpadding=\"4\">\n"
    "{{#facts}}<tr><th align=\"left\">{{name}}</th><td>{{value}}</td></tr>\n{{/facts}}"
    "</table>\n<p style=\"color: #666\">Tenant {{tenant}} &middot; event {{id}}, {{type}}, "
    "{{at}}</p>\n</body></html>\n";

std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

data fact(const std::string& name, const std::string& value) {
    data one;
    one.set("name", name);
    one.set("value", value);
    return one;
}

// Members of objects by their path ("counts.error"), items of lists one by one.
void add_facts(const std::string& name, const json::value& value, data& facts, std::size_t& count) {
    if (count >= kMaxFacts) return;
    if (value.is_object() && name.find('.') == std::string::npos) {
        for (const auto& [key, member] : value.get_object()) {
            add_facts(name.empty() ? std::string(key) : name + '.' + std::string(key), member,
                      facts, count);
        }
    } else if (value.is_array()) {
        const json::array& items = value.get_array();
        for (std::size_t i = 0; i < items.size() && i < kMaxListed; ++i) {
            facts.push_back(fact(name, text_of(items[i])));
            ++count;
        }
        if (items.size() > kMaxListed) {
            facts.push_back(
                fact(name, "and " + std::to_string(items.size() - kMaxListed) + " more"));
        }
    } else {
        facts.push_back(fact(name, text_of(value)));
        ++count;
    }
}

std::string subject_of(const Event& event) {
    const auto found = subjects().find(event.type);
    if (found == subjects().end()) return event.type + ": " + event.subject;
    data values;
    if (event.payload.is_object()) {
        for (const auto& [key, value] : event.payload.get_object()) {
            if (!value.is_structured()) values.set(std::string(key), text_of(value));
        }
    }
    mustache subject(found->second);
    return subject.render(values);
}

}  // namespace

EventMail mail_of(const Event& event, const std::string& tenant) {
    EventMail mail;
    mail.subject = subject_of(event);
    data facts = data::type::list;
    std::size_t count = 0;
    add_facts("", event.payload, facts, count);
    data values;
    values.set("sentence", mail.subject);
    values.set("facts", facts);
    values.set("tenant", tenant);
    values.set("id", base::to_string(event.id));
    values.set("type", event.type);
    values.set("at", event.created_at);
    mail.text = mustache(kText).render(values);
    mail.html = mustache(kHtml).render(values);
    return mail;
}

}  // namespace carryall::notify
