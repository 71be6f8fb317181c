// The summary mail, as text and as HTML, from templates (Mustache). Whatever a name or a reason
// holds, it is text in both.
#include <fmt/format.h>
#include <kainjow/mustache.hpp>
#include <set>

#include "charges/telling.hpp"

namespace carryall::charges {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

// What is left out is in the lists.
constexpr std::size_t kMaxShown = 50;
constexpr std::size_t kMaxPeriods = 5;

constexpr const char* kText =
    "{{{subject}}}\n\n{{#facts}}{{{name}}}: {{{value}}}\n{{/facts}}"
    "{{#has_parts}}\nLists:\n{{/has_parts}}{{#parts}}  {{{line}}}\n{{/parts}}"
    "{{#has_errors}}\nErrors:\n{{/has_errors}}{{#errors}}  {{{count}}} x {{{text}}}\n{{/errors}}"
    "\nNext steps:\n{{#steps}}- {{{step}}}\n{{/steps}}\n{{{file}}}\n";

constexpr const char* kHtml =
    "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n"
    "<h1 style=\"font-size: 1.2em\">{{subject}}</h1>\n<table cellpadding=\"4\">\n"
    "{{#facts}}<tr><th align=\"left\">{{name}}</th><td>{{value}}</td></tr>\n{{/facts}}</table>\n"
    "{{#has_parts}}<h2 style=\"font-size: 1em\">Lists</h2>\n<ul>\n{{/has_parts}}"
    "{{#parts}}<li>{{line}}</li>\n{{/parts}}{{#has_parts}}</ul>\n{{/has_parts}}"
    "{{#has_errors}}<h2 style=\"font-size: 1em\">Errors</h2>\n<table cellpadding=\"4\">\n"
    "{{/has_errors}}{{#errors}}<tr><td align=\"right\">{{count}}</td><td>{{text}}</td></tr>\n"
    "{{/errors}}{{#has_errors}}</table>\n{{/has_errors}}"
    "<h2 style=\"font-size: 1em\">Next steps</h2>\n<ul>\n{{#steps}}<li>{{step}}</li>\n{{/steps}}"
    "</ul>\n<p>{{file}}{{#has_link}} <a href=\"{{link}}\">{{file_name}}</a>{{/has_link}}</p>\n"
    "</body></html>\n";

void add_fact(data& facts, const std::string& name, const std::string& value) {
    data one;
    one.set("name", name);
    one.set("value", value);
    facts.push_back(one);
}

void add_one(data& list, const std::string& name, const std::string& value) {
    data one;
    one.set(name, value);
    list.push_back(one);
}

std::string customer_text(const ToldPart& part) {
    if (part.account_number.empty()) return part.customer;
    return fmt::format("{} (account {})", part.customer, part.account_number);
}

void add_customers(data& facts, const ToldRun& run, const std::vector<std::size_t>& parts) {
    std::set<std::string> customers;
    for (const std::size_t part : parts) {
        if (run.parts[part].customer_id != 0) customers.insert(customer_text(run.parts[part]));
    }
    std::size_t shown = 0;
    for (const std::string& customer : customers) {
        if (++shown > kMaxShown) break;
        add_fact(facts, "Customer", customer);
    }
    if (customers.size() > kMaxShown) {
        add_fact(facts, "Customers", fmt::format("and {} more", customers.size() - kMaxShown));
    }
    if (customers.empty()) add_fact(facts, "Customer", "several, as the list says");
}

std::string periods_text(const ToldRun& run, const std::vector<std::size_t>& parts) {
    std::set<std::string> periods;
    for (const std::size_t part : parts) {
        periods.insert(run.parts[part].period_start + " - " + run.parts[part].period_end);
    }
    if (periods.size() <= kMaxPeriods) return fmt::format("{}", fmt::join(periods, ", "));
    return fmt::format("{} periods", periods.size());
}

data facts_of(const ToldRun& run, const std::vector<std::size_t>& parts,
              const ToldFigures& figures) {
    data facts = data::type::list;
    const ChargeCounts& counts = figures.counts;
    add_fact(facts, "Completed", run.completed_at);
    add_customers(facts, run, parts);
    add_fact(facts, "Billing period", periods_text(run, parts));
    if (figures.devices > 0 || counts.total == 0) {  // else the list could not be written
        add_fact(facts, "Devices processed", std::to_string(figures.devices));
        add_fact(facts, "Devices with errors", std::to_string(figures.error_devices));
    }
    add_fact(facts, "Successful charges", std::to_string(counts.charged + counts.recorded));
    add_fact(facts, "Failed charges", std::to_string(counts.failed));
    add_fact(facts, "Parked charges", std::to_string(counts.parked));
    add_fact(facts, "Skipped charges", std::to_string(counts.skipped));
    add_fact(facts, "Total charge amount",
             figures.amount ? figures.amount->text() : "not known: see the lists");
    return facts;
}

std::string part_line(const ToldRun& run, const ToldPart& part) {
    std::string about =
        run.source == "instances" ? fmt::format("instance {}", part.instance_id) : run.source;
    if (!part.customer.empty()) about += ", " + customer_text(part);
    return fmt::format("{} ({}): {} devices, {} with errors, {}", part.list_name, about,
                       part.devices, part.error_devices, part.counts.charged_amount);
}

data steps_of(const ChargeCounts& counts) {
    data steps = data::type::list;
    if (counts.failed > 0) {
        add_one(steps, "step",
                fmt::format("{} charges were refused and are not in Rev.io. Mend what the list "
                            "says under ErrorMessage, then charge these devices by a file.",
                            counts.failed));
    }
    if (counts.parked > 0) {
        add_one(
            steps, "step",
            fmt::format("{} charges wait for a person. Look at their reasons in the list; where "
                        "an outcome is unclear, look at Rev.io first. Release what is right: "
                        "the list is then written and mailed again.",
                        counts.parked));
    }
    if (counts.failed + counts.parked == 0) add_one(steps, "step", "Nothing is left to be done.");
    return steps;
}

std::string file_text(const MailFile& file) {
    const std::string what = file.list_count == 1
                                 ? "The charge list"
                                 : fmt::format("A ZIP file with {} charge lists", file.list_count);
    if (file.is_attached) return fmt::format("{} is attached: {}.", what, file.name);
    if (!file.link.empty()) {
        return fmt::format("{} is too large to be attached. Until {} it can be loaded from:", what,
                           file.link_ends_at);
    }
    return fmt::format("{} is not attached: {}.", what, file.problem);
}

}  // namespace

SummaryMail summary_mail(const ToldRun& run, const Audience& audience,
                         const std::vector<ErrorCount>& errors, const MailFile& file) {
    const ToldFigures figures = figures_of(run, audience.parts);
    SummaryMail mail;
    mail.subject = summary_subject(run, audience.parts);
    data values;
    values.set("subject", mail.subject);
    values.set("facts", facts_of(run, audience.parts, figures));
    data parts = data::type::list;
    for (std::size_t i = 0; audience.parts.size() > 1 && i < audience.parts.size(); ++i) {
        if (i == kMaxShown) {
            add_one(parts, "line", fmt::format("and {} more", audience.parts.size() - i));
            break;
        }
        add_one(parts, "line", part_line(run, run.parts[audience.parts[i]]));
    }
    values.set("has_parts", audience.parts.size() > 1);
    values.set("parts", parts);
    data listed = data::type::list;
    for (const ErrorCount& error : errors) {
        data one;
        one.set("count", std::to_string(error.count));
        one.set("text", error.state + ": " + error.text);
        listed.push_back(one);
    }
    values.set("has_errors", !errors.empty());
    values.set("errors", listed);
    values.set("steps", steps_of(figures.counts));
    const std::string about_file = file_text(file);
    values.set("file", about_file);
    values.set("has_link", !file.link.empty());
    values.set("link", file.link);
    values.set("file_name", file.name);
    mail.html = mustache(kHtml).render(values);
    if (!file.link.empty()) values.set("file", about_file + "\n" + file.link);
    mail.text = mustache(kText).render(values);
    return mail;
}

}  // namespace carryall::charges
