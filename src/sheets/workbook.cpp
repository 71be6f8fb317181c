// Follows relationships from the root to the sheet. What must stay true: hidden sheets are never
// read.
#include "sheets/workbook.hpp"

#include <map>

#include "sheets/xml_stream.hpp"

namespace carryall::sheets {

namespace {

constexpr std::uint64_t kMaxDescriptionBytes = 8U << 20;
constexpr std::size_t kMaxRelationships = 10'000;
constexpr std::size_t kMaxSheets = 1'000;

struct Relationship {
    std::string type;
    std::string target;
};
using Relationships = std::map<std::string, Relationship, std::less<>>;

struct Sheet {
    std::string name;
    std::string relationship;
    bool hidden = false;
};

struct Description {
    std::vector<Sheet> sheets;
    DateSystem date_system = DateSystem::from_1900;
};

base::Error too_much(std::string_view what) {
    return {base::ErrorKind::too_large,
            "The workbook has too many " + std::string(what) +
                ". Save the table alone as .xlsx or CSV.",
            {}};
}

base::Error not_a_workbook(const ZipArchive& archive) {
    if (archive.has("xl/workbook.bin")) {
        return base::invalid_input(
            "This is a binary workbook (.xlsb). Open it and save it as .xlsx or CSV.");
    }
    if (archive.has("content.xml") && archive.has("mimetype")) {
        return base::invalid_input(
            "This is an OpenDocument file (.ods). Open it and save it as .xlsx or CSV.");
    }
    if (archive.has("Index/Document.iwa")) {
        return base::invalid_input(
            "This is a Numbers document. Open it and export it as .xlsx or CSV.");
    }
    if (archive.has("word/document.xml") || archive.has("ppt/presentation.xml")) {
        return base::invalid_input(
            "This is a text document or a presentation. Copy the table into a workbook and save "
            "it as .xlsx or CSV.");
    }
    return base::invalid_input(
        "This is a ZIP archive and no workbook. Unpack it and upload the file inside.");
}

base::Result<Relationships> read_relationships(ZipArchive& archive, const std::string& part_name) {
    Relationships found;
    auto part = archive.part(part_name);
    if (!part) return std::move(part).error();
    if (*part == nullptr) return found;
    XmlStream* running = nullptr;
    XmlStream stream({[&](std::string_view name, const XmlAttributes& attributes) {
                          if (name != "Relationship") return;
                          if (found.size() >= kMaxRelationships) {
                              return running->stop(too_much("parts"));
                          }
                          if (attributes.find("TargetMode") == "External") return;
                          const std::string id(attributes.find("Id").value_or(""));
                          found[id] = {std::string(attributes.find("Type").value_or("")),
                                       std::string(attributes.find("Target").value_or(""))};
                      },
                      nullptr, nullptr});
    running = &stream;
    CARRYALL_TRY(read_part(**part, stream, kMaxDescriptionBytes));
    return found;
}

// Types are addresses that differ between the two dialects of the format in all but the last word.
bool has_type(const Relationship& relationship, std::string_view last_word) {
    const std::string_view type = relationship.type;
    return type.substr(type.rfind('/') + 1) == last_word;
}

const Relationship* first_of_type(const Relationships& all, std::string_view last_word) {
    for (const auto& [id, relationship] : all) {
        if (has_type(relationship, last_word)) return &relationship;
    }
    return nullptr;
}

bool is_true(std::optional<std::string_view> value) {
    return value == "1" || value == "true";
}

base::Result<Description> read_description(ZipPart& part) {
    Description description;
    XmlStream* running = nullptr;
    const auto start = [&](std::string_view name, const XmlAttributes& attributes) {
        if (name == "workbookPr" && is_true(attributes.find("date1904"))) {
            description.date_system = DateSystem::from_1904;
        }
        if (name != "sheet") return;
        if (description.sheets.size() >= kMaxSheets) return running->stop(too_much("sheets"));
        const auto state = attributes.find("state");
        description.sheets.push_back({std::string(attributes.find("name").value_or("")),
                                      std::string(attributes.find("id").value_or("")),
                                      state == "hidden" || state == "veryHidden"});
    };
    XmlStream stream({start, nullptr, nullptr});
    running = &stream;
    CARRYALL_TRY(read_part(part, stream, kMaxDescriptionBytes));
    return description;
}

std::string relationships_of(const std::string& part) {
    const std::size_t name = part.rfind('/') + 1;
    return part.substr(0, name) + "_rels/" + part.substr(name) + ".rels";
}

base::Result<Workbook> choose_sheet(const Description& description, const Relationships& related,
                                    const std::string& workbook_part) {
    Workbook chosen;
    chosen.date_system = description.date_system;
    std::size_t tables = 0;
    for (const Sheet& sheet : description.sheets) {
        const auto at = related.find(sheet.relationship);
        if (at == related.end()) return damaged_workbook("a sheet is missing");
        if (!has_type(at->second, "worksheet")) continue;  // a chart on a sheet of its own
        ++tables;
        if (sheet.hidden || !chosen.sheet_part.empty()) continue;
        chosen.sheet_name = sheet.name;
        chosen.sheet_part = resolve_target(workbook_part, at->second.target);
    }
    if (chosen.sheet_part.empty()) {
        return base::invalid_input(
            "The workbook has no visible sheet. Show the sheet with the "
            "devices and save the workbook again.");
    }
    if (tables > 1) {
        chosen.notes.push_back("The workbook has " + std::to_string(tables) +
                               " sheets. Only the first visible one, " + chosen.sheet_name +
                               ", is read.");
    }
    if (const Relationship* strings = first_of_type(related, "sharedStrings")) {
        chosen.shared_strings_part = resolve_target(workbook_part, strings->target);
    }
    return chosen;
}

}  // namespace

std::string resolve_target(std::string_view source_part, std::string_view target) {
    std::string path;
    if (!target.starts_with('/')) path = source_part.substr(0, source_part.rfind('/') + 1);
    path += target;
    for (char& c : path) {
        if (c == '\\') c = '/';
    }
    std::vector<std::string_view> steps;
    const std::string_view whole = path;
    for (std::size_t begin = 0; begin <= whole.size();) {
        const std::size_t end = std::min(whole.find('/', begin), whole.size());
        const std::string_view step = whole.substr(begin, end - begin);
        begin = end + 1;
        if (step.empty() || step == ".") continue;
        if (step != "..") {
            steps.push_back(step);
        } else if (!steps.empty()) {
            steps.pop_back();
        }
    }
    std::string out;
    for (const std::string_view step : steps) {
        if (!out.empty()) out += '/';
        out += step;
    }
    return out;
}

base::Result<Workbook> read_workbook(ZipArchive& archive) {
    const auto roots = read_relationships(archive, "_rels/.rels");
    if (!roots) return roots.error();
    const Relationship* main = first_of_type(*roots, "officeDocument");
    if (main == nullptr || !main->target.ends_with(".xml")) return not_a_workbook(archive);
    const std::string workbook_part = resolve_target("", main->target);
    auto part = archive.part(workbook_part);
    if (!part) return std::move(part).error();
    if (*part == nullptr) return damaged_workbook("its description is missing");
    const auto description = read_description(**part);
    if (!description) return description.error();
    if (description->sheets.empty()) return not_a_workbook(archive);
    const auto related = read_relationships(archive, relationships_of(workbook_part));
    if (!related) return related.error();
    return choose_sheet(*description, *related, workbook_part);
}

}  // namespace carryall::sheets
