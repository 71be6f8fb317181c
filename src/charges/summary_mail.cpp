// The summary mail: what it says is collected once, and shown as text and as HTML (from a Mustache
// template). Whatever a name or a reason holds, it is text in both.
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

constexpr const char* kHtml =
    "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n"
    "<h1 style=\"font-size: 1.2em\">{{subject}}</h1>\n<table cellpadding=\"4\">\n"
    "{{#facts}}<tr><th align=\"left\">{{name}}</th><td>{{value}}</td></tr>\n{{/facts}}</table>\n"
    "{{#blocks}}<h2 style=\"font-size: 1em\">{{title}}</h2>\n<ul>\n"
    "{{#lines}}<li>{{line}}</li>\n{{/lines}}</ul>\n{{/blocks}}"
    "<p>{{file}}{{#has_link}} <a href=\"{{link}}\">{{file_name}}</a>{{/has_link}}</p>\n"
    "</body></html>\n";

struct Block {
    std::string title;
    std::vector<std::string> lines;
};

using Facts = std::vector<std::pair<std::string, std::string>>;  // names and values

struct Content {
    std::string subject;
    Facts facts;
    std::vector<Block> blocks;
    std::string file;
    std::string link;
    std::string file_name;
};

std::string customer_text(const ToldPart& part) {
    if (part.account_number.empty()) return part.customer;
    return fmt::format("{} (account {})", part.customer, part.account_number);
}

void add_customers(Facts& facts, const ToldRun& run, const std::vector<std::size_t>& parts) {
    std::set<std::string> customers;
    for (const std::size_t part : parts) {
        if (run.parts[part].customer_id != 0) customers.insert(customer_text(run.parts[part]));
    }
    std::size_t shown = 0;
    for (const std::string& customer : customers) {
        if (++shown > kMaxShown) break;
        facts.emplace_back("Customer", customer);
    }
    if (customers.size() > kMaxShown) {
        facts.emplace_back("Customers", fmt::format("and {} more", customers.size() - kMaxShown));
    }
    if (customers.empty()) facts.emplace_back("Customer", "several, as the list says");
}

std::string periods_text(const ToldRun& run, const std::vector<std::size_t>& parts) {
    std::set<std::string> periods;
    for (const std::size_t part : parts) {
        periods.insert(run.parts[part].period_start + " - " + run.parts[part].period_end);
    }
    if (periods.size() <= kMaxPeriods) return fmt::format("{}", fmt::join(periods, ", "));
    return fmt::format("{} periods", periods.size());
}

Facts facts_of(const ToldRun& run, const std::vector<std::size_t>& parts,
               const ToldFigures& figures) {
    Facts facts;
    const ChargeCounts& counts = figures.counts;
    facts.emplace_back("Completed", run.completed_at);
    add_customers(facts, run, parts);
    facts.emplace_back("Billing period", periods_text(run, parts));
    if (figures.devices > 0 || counts.total == 0) {  // else the list could not be written
        facts.emplace_back("Devices processed", std::to_string(figures.devices));
        facts.emplace_back("Devices with errors", std::to_string(figures.error_devices));
    }
    facts.emplace_back("Successful charges", std::to_string(counts.charged + counts.recorded));
    facts.emplace_back("Failed charges", std::to_string(counts.failed));
    facts.emplace_back("Parked charges", std::to_string(counts.parked));
    facts.emplace_back("Skipped charges", std::to_string(counts.skipped));
    facts.emplace_back("Total charge amount",
                       figures.amount ? figures.amount->text() : "not known: see the lists");
    return facts;
}

std::string part_line(const ToldRun& run, const ToldPart& part) {
    std::string about =
        run.source == "instances" ? fmt::format("instance {}", part.instance_id) : run.source;
    if (!part.customer.empty()) about += ", " + customer_text(part);
    const auto amount = base::Money::parse(part.counts.charged_amount);
    return fmt::format("{} ({}): {} devices, {} with errors, {}", part.list_name, about,
                       part.devices, part.error_devices,
                       amount ? amount->text() : part.counts.charged_amount);
}

Block steps_of(const ChargeCounts& counts) {
    Block steps{"Next steps", {}};
    if (counts.failed > 0) {
        steps.lines.push_back(
            fmt::format("{} charges were refused and are not in Rev.io. Mend what the list "
                        "says under ErrorMessage, then charge these devices by a file.",
                        counts.failed));
    }
    if (counts.parked > 0) {
        steps.lines.push_back(
            fmt::format("{} charges wait for a person. Look at their reasons in the list; where an "
                        "outcome is unclear, look at Rev.io first. Release what is right and "
                        "dismiss what is not: the list is then written and mailed again.",
                        counts.parked));
    }
    if (counts.failed + counts.parked == 0) steps.lines.emplace_back("Nothing is left to be done.");
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

Block lists_of(const ToldRun& run, const std::vector<std::size_t>& parts) {
    Block lists{"Lists", {}};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i == kMaxShown) {
            lists.lines.push_back(fmt::format("and {} more", parts.size() - i));
            break;
        }
        lists.lines.push_back(part_line(run, run.parts[parts[i]]));
    }
    return lists;
}

std::string text_of(const Content& content) {
    std::string text = content.subject + "\n\n";
    for (const auto& [name, value] : content.facts) text += fmt::format("{}: {}\n", name, value);
    for (const Block& block : content.blocks) {
        text += fmt::format("\n{}:\n", block.title);
        for (const std::string& line : block.lines) text += fmt::format("- {}\n", line);
    }
    text += fmt::format("\n{}\n", content.file);
    if (!content.link.empty()) text += content.link + "\n";
    return text;
}

std::string html_of(const Content& content) {
    data values;
    values.set("subject", content.subject);
    data facts = data::type::list;
    for (const auto& [name, value] : content.facts) {
        data one;
        one.set("name", name);
        one.set("value", value);
        facts.push_back(one);
    }
    values.set("facts", facts);
    data blocks = data::type::list;
    for (const Block& block : content.blocks) {
        data lines = data::type::list;
        for (const std::string& line : block.lines) {
            data one;
            one.set("line", line);
            lines.push_back(one);
        }
        data one;
        one.set("title", block.title);
        one.set("lines", lines);
        blocks.push_back(one);
    }
    values.set("blocks", blocks);
    values.set("file", content.file);
    values.set("has_link", !content.link.empty());
    values.set("link", content.link);
    values.set("file_name", content.file_name);
    return mustache(kHtml).render(values);
}

}  // namespace

SummaryMail summary_mail(const ToldRun& run, const Audience& audience,
                         const std::vector<ErrorCount>& errors, const MailFile& file) {
    const ToldFigures figures = figures_of(run, audience.parts);
    Content content;
    content.subject = summary_subject(run, audience.parts);
    content.facts = facts_of(run, audience.parts, figures);
    if (audience.parts.size() > 1) content.blocks.push_back(lists_of(run, audience.parts));
    if (!errors.empty()) {
        Block block{"Errors", {}};
        for (const ErrorCount& error : errors) {
            block.lines.push_back(fmt::format("{} x {}: {}", error.count, error.state, error.text));
        }
        content.blocks.push_back(std::move(block));
    }
    content.blocks.push_back(steps_of(figures.counts));
    content.file = file_text(file);
    content.link = file.link;
    content.file_name = file.name;
    return {content.subject, text_of(content), html_of(content)};
}

}  // namespace carryall::charges
