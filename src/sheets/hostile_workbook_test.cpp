// Files made to hurt: refused with a clear message, in bounded memory.
#include <gtest/gtest.h>
#include <numeric>
#include <sys/resource.h>

#include "sheets/test_archive.hpp"
#include "sheets/test_dump.hpp"

// libzip makes the deflated streams; what the archive says about them is made by hand.
#include <zip.h>

namespace carryall::sheets {
namespace {

std::string deflated(const std::string& content) {
    zip_error_t why;
    zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &why);
    zip_source_keep(target);
    zip_t* archive = zip_open_from_source(target, ZIP_CREATE, &why);
    zip_file_add(archive, "x", zip_source_buffer(archive, content.data(), content.size(), 0), 0);
    EXPECT_EQ(zip_close(archive), 0);
    EXPECT_EQ(zip_source_open(target), 0);
    zip_stat_t stat;
    zip_source_stat(target, &stat);
    std::string bytes(stat.size, '\0');
    EXPECT_EQ(zip_source_read(target, bytes.data(), bytes.size()),
              static_cast<zip_int64_t>(bytes.size()));
    zip_source_close(target);
    zip_source_free(target);
    constexpr std::size_t kLocalHeader = 30 + 1;
    return bytes.substr(kLocalHeader, bytes.find("PK\x01\x02") - kLocalHeader);
}

std::string archive_with_sheet(const PackedPart& sheet) {
    const WorkbookParts parts;
    return TestArchive()
        .add("_rels/.rels", parts.root_relations)
        .add("xl/workbook.xml", parts.workbook)
        .add("xl/_rels/workbook.xml.rels", parts.relations)
        .add("xl/sharedStrings.xml", parts.shared)
        .add(sheet)
        .finish();
}

const std::string kSheet = "xl/worksheets/sheet1.xml";

#ifdef __SANITIZE_ADDRESS__  // which keeps freed memory on purpose
constexpr long kMaxGrowthKilobytes = 4L << 20;
#else
constexpr long kMaxGrowthKilobytes = 64L << 10;
#endif

// Fails if reading `bytes` takes more than 64 MB over what the process had before.
std::string dump_in_bounded_memory(const std::string& bytes) {
    const auto peak_kb = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
    };
    const long before = peak_kb();
    std::string got = dump(open_table_bytes(bytes));
    EXPECT_LE(peak_kb() - before, kMaxGrowthKilobytes);
    EXPECT_LE(got.size(), 4096u);
    return got;
}

void expect_refused(const std::string& bytes, std::string_view words) {
    const std::string got = dump_in_bounded_memory(bytes);
    EXPECT_NE(got.find("error: "), std::string::npos) << got;
    EXPECT_NE(got.find(words), std::string::npos) << got;
}

constexpr std::string_view kBomb = "unpacks to far more data";

TEST(HostileWorkbook, ten_megabytes_that_promise_four_gigabytes_are_not_unpacked) {
    expect_refused(archive_with_sheet({kSheet, std::string(10 << 20, 'x'), 0xF0000000, 0, 8, 0}),
                   kBomb);
}

TEST(HostileWorkbook, many_parts_that_promise_four_gigabytes_together_are_not_unpacked) {
    TestArchive archive;
    const std::string packed = deflated(std::string(4 << 20, ' '));
    for (int i = 0; i < 1024; ++i) {
        archive.add({"part" + std::to_string(i), packed, 4 << 20, 0, 8, 0});
    }
    expect_refused(archive.finish(), kBomb);
}

TEST(HostileWorkbook, a_ratio_no_table_reaches_is_refused) {
    const std::string rows(32 << 20, ' ');
    expect_refused(archive_with_sheet({kSheet, deflated(rows), 32 << 20, 0, 8, 0}), kBomb);
}

TEST(HostileWorkbook, a_part_that_unpacks_to_more_than_it_promised_is_stopped) {
    const std::string content = "<worksheet><sheetData>" + std::string(64 << 20, ' ');
    expect_refused(archive_with_sheet({kSheet, deflated(content), 1 << 20, 0, 8, 0}), "error: ");
}

TEST(HostileWorkbook, an_encrypted_part_is_refused) {
    expect_refused(archive_with_sheet({kSheet, "xxxxxxxxxxxxxxxx", 4, 0, 0, 1}), "password");
}

TEST(HostileWorkbook, an_unknown_compression_is_refused) {
    expect_refused(archive_with_sheet({kSheet, "xxxxxxxxxxxxxxxx", 16, 0, 99, 0}), "damaged");
}

TEST(HostileWorkbook, two_parts_of_one_name_are_refused) {
    const WorkbookParts parts;
    const std::string sheet = parts.sheet();
    TestArchive archive;
    archive.add("_rels/.rels", parts.root_relations).add("_RELS/.rels", parts.root_relations);
    expect_refused(archive.finish(), "damaged");
}

TEST(HostileWorkbook, too_many_parts_are_refused) {
    TestArchive archive;
    for (int i = 0; i < 5000; ++i) archive.add("p" + std::to_string(i), "");
    expect_refused(archive.finish(), "far more parts");
}

TEST(HostileWorkbook, a_huge_directory_is_refused_before_it_is_read) {
    TestArchive archive;
    const std::string name(60'000, 'n');
    for (int i = 0; i < 100; ++i) archive.add(name + std::to_string(i), "");
    expect_refused(archive.finish(), "far more parts");
}

TEST(HostileWorkbook, too_many_sheets_are_refused) {
    WorkbookParts parts;
    std::string sheets;
    for (int i = 0; i < 5000; ++i) sheets += "<sheet name=\"x\" r:id=\"s1\"/>";
    parts.workbook = "<workbook xmlns:r=\"r\"><sheets>" + sheets + "</sheets></workbook>";
    expect_refused(parts.pack(), "too many sheets");
}

TEST(HostileWorkbook, document_types_and_their_entities_are_refused_in_every_part) {
    std::string laughs = "<!DOCTYPE x [<!ENTITY a0 \"haha\">";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "&a" + std::to_string(i - 1) + ";";
        laughs += "<!ENTITY a" + std::to_string(i) + " \"";
        for (int k = 0; k < 10; ++k) laughs += before;
        laughs += "\">";
    }
    laughs += "]>";
    const std::string outside = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">";
    for (const std::string& type : {laughs, outside}) {
        for (std::string WorkbookParts::*part :
             {&WorkbookParts::root_relations, &WorkbookParts::workbook, &WorkbookParts::relations,
              &WorkbookParts::shared}) {
            WorkbookParts parts;
            parts.*part = type + parts.*part;
            expect_refused(parts.pack(), "document type declaration");
        }
        const std::string sheet = type + WorkbookParts().sheet();
        expect_refused(archive_with_sheet({kSheet, sheet, static_cast<std::uint32_t>(sheet.size()),
                                           crc_32(sheet), 0, 0}),
                       "document type declaration");
    }
}

TEST(HostileWorkbook, an_entity_without_declaration_is_refused) {
    WorkbookParts parts;
    parts.shared = "<sst><si><t>&nope;</t></si></sst>";
    expect_refused(parts.pack(), "damaged");
}

TEST(HostileWorkbook, a_million_columns_are_refused) {
    WorkbookParts parts;
    std::string cells;
    for (int i = 0; i < 1'000'000; ++i) cells += "<c><v>1</v></c>";
    parts.rows = "<row>" + cells + "</row>";
    expect_refused(parts.pack(), "more columns than a sheet has");
}

TEST(HostileWorkbook, a_thousand_columns_are_refused_with_the_limit) {
    WorkbookParts parts;
    parts.rows = "<row>";
    for (int i = 0; i < 1000; ++i) parts.rows += "<c><v>" + std::to_string(i) + "</v></c>";
    parts.rows += "</row>";
    expect_refused(parts.pack(), "more than 200 columns");
}

TEST(HostileWorkbook, a_cell_of_a_hundred_megabytes_is_never_gathered) {
    WorkbookParts parts;
    const std::string before = parts.rows + R"(<row r="3"><c r="B3" t="inlineStr"><is><t>)";
    parts.rows = before;
    parts.rows.append(100 << 20, 'x').append("</t></is></c></row>");
    const std::string bytes = parts.pack();
    parts.rows.clear();
    parts.rows.shrink_to_fit();
    expect_refused(bytes, "longer than 4096 bytes");
    expect_refused(bytes, "[row 3, column Name]");
}

TEST(HostileWorkbook, a_long_shared_text_is_refused_only_where_a_cell_refers_to_it) {
    WorkbookParts parts;
    parts.shared = "<sst><si><t>ICCID</t></si><si><t>Name</t></si><si><t>" +
                   std::string(8 << 20, 'x') + "</t></si></sst>";
    EXPECT_EQ(dump_in_bounded_memory(parts.pack()), "1|ICCID|Name\n2|t:89|-\n");
    parts.rows += R"(<row r="3"><c t="s"><v>2</v></c></row>)";
    expect_refused(parts.pack(), "longer than 4096 bytes");
}

TEST(HostileWorkbook, an_attribute_of_eight_megabytes_is_refused) {
    WorkbookParts parts;
    parts.rows = "<row x=\"" + std::string(8 << 20, 'x') + "\"/>";
    expect_refused(parts.pack(), "damaged");
}

TEST(HostileWorkbook, deep_nesting_is_refused) {
    WorkbookParts parts;
    parts.rows.clear();
    for (int i = 0; i < 100'000; ++i) parts.rows += "<a>";
    expect_refused(parts.pack(), "nested too deeply");
}

TEST(HostileWorkbook, shared_texts_over_the_limit_are_refused_with_advice) {
    WorkbookParts parts;
    parts.shared = "<sst>";
    for (int i = 0; i < 2000; ++i) parts.shared += "<si><t>" + std::string(3000, 'x') + "</t></si>";
    parts.shared += "</sst>";
    Limits limits;
    limits.max_shared_text_bytes = 4 << 20;
    const auto opened = open_table_bytes(parts.pack(), limits);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, base::ErrorKind::too_large);
    EXPECT_NE(opened.error().message.find("Save the sheet as CSV"), std::string::npos);
}

TEST(HostileWorkbook, millions_of_empty_shared_texts_are_refused) {
    WorkbookParts parts;
    parts.shared = "<sst>";
    for (int i = 0; i < 1'000'000; ++i) parts.shared += "<si/>";
    parts.shared += "</sst>";
    Limits limits;
    limits.max_shared_text_bytes = 4 << 20;
    EXPECT_EQ(open_table_bytes(parts.pack(), limits).error().kind, base::ErrorKind::too_large);
}

TEST(HostileTable, a_csv_cell_of_a_hundred_megabytes_is_never_gathered) {
    std::string bytes = "A,B\n1,\"";
    bytes.append(100 << 20, 'x');
    expect_refused(bytes, "[row 2, column B]");
}

TEST(HostileTable, a_csv_row_of_a_million_cells_is_one_problem) {
    std::string bytes = "A,B\n";
    for (int i = 0; i < 1'000'000; ++i) bytes += "1,";
    bytes += "\n3,4\n";
    const std::string got = dump_in_bounded_memory(bytes);
    EXPECT_NE(got.find("problem: The row has values to the right"), std::string::npos) << got;
    EXPECT_TRUE(got.ends_with("3|t:3|t:4\n")) << got;
}

TEST(HostileTable, a_csv_header_of_a_million_columns_is_refused) {
    std::string bytes;
    for (int i = 0; i < 1'000'000; ++i) bytes += std::to_string(i) + ",";
    expect_refused(bytes + "\n1\n", "more than 200 columns");
}

}  // namespace
}  // namespace carryall::sheets
