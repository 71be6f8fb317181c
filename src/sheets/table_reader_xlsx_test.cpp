// Workbooks of independent programs and workbooks made by hand, and what must be read from them.
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "sheets/shared_strings.hpp"
#include "sheets/test_archive.hpp"
#include "sheets/test_dump.hpp"
#include "sheets/workbook.hpp"
#include "support/temp_dir.hpp"

namespace carryall::sheets {
namespace {

std::filesystem::path samples() {
    return support::source_dir() / "src/sheets/testdata";
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in) << path;
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::string read_rows(const std::string& rows) {
    WorkbookParts parts;
    parts.rows = rows;
    return dump(open_table_bytes(parts.pack()));
}

// A header and one cell of the given XML in B2.
std::string read_cell(const std::string& xml) {
    const std::string got = read_rows(
        R"(<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2">)"
        R"(<c r="A2"><v>1</v></c>)" +
        xml + "</row>");
    const std::string before = "1|ICCID|Name\n2|n:1|";
    EXPECT_TRUE(got.starts_with(before)) << got;
    return got.substr(std::min(before.size(), got.size()));
}

TEST(XlsxReader, one_table_by_every_program_reads_the_same) {
    std::size_t read = 0;
    for (const auto& entry : std::filesystem::directory_iterator(samples())) {
        const std::filesystem::path& path = entry.path();
        if (path.extension() != ".expected") continue;
        const std::filesystem::path sample = path.parent_path() / path.stem();
        EXPECT_EQ(dump(open_table(sample)), read_file(path)) << sample;
        const std::string bytes = read_file(sample);
        EXPECT_EQ(dump(open_table_bytes(bytes)), read_file(path)) << sample;
        ++read;
    }
    EXPECT_GE(read, 12u);
}

TEST(XlsxReader, tells_format_sheet_date_system_and_further_sheets) {
    const auto plain = open_table(samples() / "openpyxl.xlsx");
    ASSERT_TRUE(plain);
    EXPECT_EQ((*plain)->format(), "xlsx");
    EXPECT_EQ((*plain)->sheet_name(), "Devices");
    EXPECT_EQ((*plain)->date_system(), DateSystem::from_1900);
    ASSERT_EQ((*plain)->notes().size(), 1u);
    EXPECT_EQ((*plain)->notes()[0],
              "The workbook has 2 sheets. Only the first visible one, Devices, is read.");
    const auto mac = open_table(samples() / "openpyxl_1904.xlsx");
    ASSERT_TRUE(mac);
    EXPECT_EQ((*mac)->date_system(), DateSystem::from_1904);
}

TEST(XlsxReader, every_cell_type_arrives_as_stored) {
    EXPECT_EQ(read_cell(R"(<c r="B2"><v>8.9014103211118512E+19</v></c>)"),
              "n:8.9014103211118512E+19\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="n"><v>007</v></c>)"), "n:007\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="s"><v>1</v></c>)"), "t:Name\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="str"><f>A2</f><v>x</v></c>)"), "t:x\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="str"><f>""</f><v></v></c>)"), "-\n");
    EXPECT_EQ(read_cell(R"(<c r="B2"><f>A2</f><v></v></c>)"), "x:formula without a result\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="b"><v>1</v></c>)"), "b:TRUE\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="b"><v>0</v></c>)"), "b:FALSE\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="e"><v>#N/A</v></c>)"), "x:#N/A\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" t="d"><v>2026-03-31</v></c>)"), "t:2026-03-31\n");
    EXPECT_EQ(read_cell(R"(<c r="B2" s="4"/>)"), "-\n");
    EXPECT_EQ(read_cell(R"(<c t="inlineStr"><is><t>no reference</t></is></c>)"),
              "t:no reference\n");
}

TEST(XlsxReader, text_runs_join_and_phonetic_readings_do_not) {
    EXPECT_EQ(
        read_cell(R"(<c r="B2" t="inlineStr"><is><r><t>a </t></r><r><rPr><b/></rPr><t>b</t></r>)"
                  R"(<rPh sb="0" eb="1"><t>zzz</t></rPh></is></c>)"),
        "t:a b\n");
    WorkbookParts parts;
    parts.shared = R"(<sst><si><r><t>IC</t></r><r><t>CID</t></r><rPh><t>z</t></rPh></si>)"
                   R"(<si><t xml:space="preserve"> Name_x000D__x005F_&amp;</t></si></sst>)";
    EXPECT_EQ(dump(open_table_bytes(parts.pack())), "1|ICCID|Name\r_&\n2|t:89|-\n");
}

TEST(XlsxReader, escapes_of_characters_are_decoded_and_look_alikes_stay) {
    EXPECT_EQ(decode_escapes("a_x0041_b_x00e9__x20AC_"), "aAb\u00E9\u20AC");
    for (const std::string same : {"_x", "_x00", "_xZZZZ_", "_x0041", "_xD800_", "_x0000_", "x_"}) {
        EXPECT_EQ(decode_escapes(same), same);
    }
}

TEST(XlsxReader, rows_and_cells_may_be_sparse_or_without_references) {
    EXPECT_EQ(
        read_rows(R"(<row r="3"><c r="B3" t="s"><v>0</v></c><c r="D3" t="s"><v>1</v></c></row>)"
                  R"(<row r="7"/><row r="9" hidden="1"><c r="D9"><v>5</v></c></row>)"),
        "3||ICCID||Name\n9 hidden|-|-|-|n:5\n");
    EXPECT_EQ(read_rows(R"(<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>)"
                        R"(<row><c><v>1</v></c><c><v>2</v></c></row>)"),
              "1|ICCID|Name\n2|n:1|n:2\n");
    EXPECT_EQ(read_rows(R"(<row r="1"><c r="A1" t="s"><v>0</v></c></row>)"
                        R"(<row r="2"><c r="A2"><v>1</v></c><c r="XFD2"><v>2</v></c></row>)"),
              "1|ICCID\n2|n:1\nproblem: The row has values to the right of the last named column, "
              "ICCID. A cell that holds a separator must be in quotes. [row 2]\n");
}

TEST(XlsxReader, prefixes_and_targets_differ_between_writers) {
    WorkbookParts parts;
    parts.root_relations =
        R"(<Relationships>)"
        R"(<Relationship Id="a" Type="y/officeDocument" Target="/xl/workbook.xml"/>)"
        R"(</Relationships>)";
    parts.relations =
        R"(<p:Relationships xmlns:p="p">)"
        R"(<p:Relationship Id="s1" Type="y/worksheet" Target="/xl/worksheets/sheet1.xml"/>)"
        R"(<p:Relationship Id="s2" Type="y/sharedStrings")"
        R"( Target="./../xl/sharedStrings.xml"/></p:Relationships>)";
    parts.workbook =
        R"(<x:workbook xmlns:x="x" xmlns:r="r"><x:workbookPr date1904="true"/><x:sheets>)"
        R"(<x:sheet name="Devices" r:id="s1"/></x:sheets></x:workbook>)";
    const std::string bytes = parts.pack();
    EXPECT_EQ(dump(open_table_bytes(bytes)), "1|ICCID|Name\n2|t:89|-\n");
    EXPECT_EQ((*open_table_bytes(bytes))->date_system(), DateSystem::from_1904);
    EXPECT_EQ(resolve_target("xl/workbook.xml", "worksheets\\s.xml"), "xl/worksheets/s.xml");
    EXPECT_EQ(resolve_target("xl/workbook.xml", "../../../etc"), "etc");
    EXPECT_EQ(resolve_target("", "/a//b/./c"), "a/b/c");
}

TEST(XlsxReader, a_workbook_without_visible_sheet_is_refused) {
    WorkbookParts parts;
    parts.workbook =
        R"(<workbook xmlns:r="r"><sheets><sheet name="D" state="veryHidden" r:id="s1"/>)"
        R"(</sheets></workbook>)";
    EXPECT_TRUE(
        dump(open_table_bytes(parts.pack())).starts_with("error: The workbook has no visible"));
}

TEST(XlsxReader, a_sheet_that_contradicts_itself_is_refused_with_its_place) {
    const std::string head = R"(<row r="1"><c r="A1" t="s"><v>0</v></c></row>)";
    const std::pair<std::string, std::string> bad[] = {
        {R"(<row r="1"><c r="A1"><v>1</v></c></row>)", "rows out of order after row 1"},
        {R"(<row r="0"/>)", "rows out of order"},
        {R"(<row r="x"/>)", "rows out of order"},
        {R"(<row r="1048577"/>)", "rows out of order"},
        {R"(<row r="2"><c r="B2"/><c r="A2"/></row>)", "a cell out of order in row 2"},
        {R"(<row r="2"><c r="A2"/><c r="A2"/></row>)", "a cell out of order in row 2"},
        {R"(<row r="2"><c r="A3"/></row>)", "a cell out of order in row 2"},
        {R"(<row r="2"><c r="XFE2"/></row>)", "a cell out of order in row 2"},
        {R"(<row r="2"><c r="2"/></row>)", "a cell out of order in row 2"},
        {R"(<row r="2"><row r="3"/></row>)", "a row inside a row"},
        {R"(<c r="A2"/>)", "a cell outside a row"},
        {R"(<row r="2"><c><c/></c></row>)", "a cell outside a row"},
        {R"(<row r="2"><c t="s"><v>9</v></c></row>)", "a text is missing in row 2"},
        {R"(<row r="2"><c t="s"><v>-1</v></c></row>)", "a text is missing in row 2"},
        {R"(<row r="2"><c t="zz"><v>1</v></c></row>)", "a cell of unknown type in row 2"},
        {R"(<row r="2">)", "mismatched tag"},
    };
    for (const auto& [xml, detail] : bad) {
        const std::string got = read_rows(head + xml);
        EXPECT_NE(got.find("error: The workbook is damaged (" + detail), std::string::npos)
            << xml << "\n"
            << got;
    }
}

TEST(XlsxReader, an_error_as_column_name_is_refused) {
    const std::string got = read_rows(R"(<row r="1"><c r="A1" t="e"><v>#REF!</v></c></row>)");
    EXPECT_EQ(got,
              "error: A column name is an error of the spreadsheet. Type it again. [row 1, column "
              "A]\n");
}

TEST(XlsxReader, other_archives_are_told_apart) {
    const auto error_of = [](const TestArchive& archive) {
        return dump(open_table_bytes(archive.finish()));
    };
    EXPECT_NE(error_of(TestArchive().add("xl/workbook.bin", "x")).find(".xlsb"), std::string::npos);
    EXPECT_NE(error_of(TestArchive().add("word/document.xml", "x")).find("text document"),
              std::string::npos);
    EXPECT_NE(error_of(TestArchive().add("Index/Document.iwa", "x")).find("Numbers"),
              std::string::npos);
    EXPECT_NE(error_of(TestArchive().add("devices.csv", "ICCID\n89\n")).find("Unpack it"),
              std::string::npos);
    EXPECT_NE(error_of(TestArchive()).find("ZIP archive"), std::string::npos);
}

TEST(XlsxReader, a_cut_off_file_is_refused_and_its_end_is_never_taken_for_the_end) {
    const std::string whole = read_file(samples() / "openpyxl.xlsx");
    for (std::size_t length = 4; length < whole.size(); length += 97) {
        const std::string got = dump(open_table_bytes(std::string_view(whole).substr(0, length)));
        EXPECT_TRUE(got.starts_with("error: ")) << length << "\n" << got;
    }
}

TEST(XlsxReader, a_changed_byte_of_the_sheet_is_noticed) {
    WorkbookParts parts;
    std::string bytes = parts.pack();
    const std::size_t at = bytes.find("<t>89</t>");
    ASSERT_NE(at, std::string::npos);
    bytes[at + 3] = '7';
    const std::string got = dump(open_table_bytes(bytes));
    EXPECT_NE(got.find("error: The workbook is damaged"), std::string::npos) << got;
}

}  // namespace
}  // namespace carryall::sheets
