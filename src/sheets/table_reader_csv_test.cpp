// A table of CSV files as they come in, and the whole of what must be read from each.
#include <gtest/gtest.h>

#include "sheets/test_dump.hpp"

namespace carryall::sheets {
namespace {

using namespace std::string_literals;

struct CsvCase {
    std::string name;
    std::string bytes;
    std::string expected;  // the whole dump; a trailing * stands for any rest

    // Views, because g++ 12 sees overflows in a large table of strings where there are none.
    CsvCase(std::string_view name_given, std::string_view bytes_given, std::string_view dump)
        : name(name_given), bytes(bytes_given), expected(dump) {}
};

std::string utf_16(std::string_view ascii, bool little) {
    std::string out = little ? "\xFF\xFE" : "\xFE\xFF";
    for (const char c : ascii) {
        out += little ? std::string{c, '\0'} : std::string{'\0', c};
    }
    return out;
}

const std::string kTwoRows = "1|ICCID|Name\n2|t:891|t:a\n3|t:892|t:b\n";
const std::string kNotUtf8 =
    "problem: The cell is not UTF-8 text. Save the file as \"CSV UTF-8\". ";

const std::vector<CsvCase> kCsvCases = {
    {"comma", "ICCID,Name\n891,a\n892,b\n", kTwoRows},
    {"semicolon", "ICCID;Name\n891;a\n892;b\n", kTwoRows},
    {"tab", "ICCID\tName\n891\ta\n892\tb\n", kTwoRows},
    {"vertical_bar", "ICCID|Name\n891|a\n892|b\n", kTwoRows},
    {"crlf", "ICCID,Name\r\n891,a\r\n892,b\r\n", kTwoRows},
    {"cr_only", "ICCID,Name\r891,a\r892,b\r", kTwoRows},
    {"no_line_end_at_the_end", "ICCID,Name\n891,a\n892,b", kTwoRows},
    {"utf_8_mark", "\xEF\xBB\xBFICCID,Name\n891,a\n892,b\n", kTwoRows},
    {"utf_8_mark_before_quote", "\xEF\xBB\xBF\"ICCID\",Name\n891,a\n892,b\n", kTwoRows},
    {"utf_16_little_endian", utf_16("ICCID,Name\n891,a\n892,b\n", true), kTwoRows},
    {"utf_16_big_endian", utf_16("ICCID\tName\r\n891\ta\r\n892\tb\r\n", false), kTwoRows},
    {"utf_16_pair", utf_16("A\n", true) + "\x3D\xD8\x9A\xDE\n\0"s, "1|A\n2|t:🚚\n"},
    {"utf_16_lone_surrogate", utf_16("A\n", true) + "\x3D\xD8\n\0"s,
     "1|A\n2|-\n" + kNotUtf8 + "[row 2, column A]\n"},
    {"utf_16_half_a_character_at_the_end", utf_16("A\nb", true) + "x",
     "1|A\n2|-\n" + kNotUtf8 + "[row 2, column A]\n"},
    {"utf_16_without_mark", utf_16("ICCID,Name\n891,a\n", true).substr(2),
     "error: The text seems to be UTF-16 without a byte-order mark.*"},
    {"utf_32", "\xFF\xFE\0\0A\0\0\0"s, "error: The text is encoded as UTF-32.*"},
    {"latin_1_names_row_and_column", "ICCID,Name\n891,a\n892,Z\xFCrich\n",
     "1|ICCID|Name\n2|t:891|t:a\n3|t:892|-\n" + kNotUtf8 + "[row 3, column Name]\n"},
    {"latin_1_header", "ICCID,Gr\xF6\xDF"s + "e\n891,a\n",
     "error: The cell is not UTF-8 text. Save the file as \"CSV UTF-8\". [row 1, column B]\n"},
    {"overlong_utf_8", "A\n\xC0\xAF\n", "1|A\n2|-\n" + kNotUtf8 + "[row 2, column A]\n"},
    {"truncated_utf_8", "A\n\xE2\x82\n", "1|A\n2|-\n" + kNotUtf8 + "[row 2, column A]\n"},
    {"surrogate_in_utf_8", "A\n\xED\xA0\x80\n", "1|A\n2|-\n" + kNotUtf8 + "[row 2, column A]\n"},
    {"smart_quotes_are_text", "A\n\u201C891\u201D\n", "1|A\n2|t:\u201C891\u201D\n"},
    {"quoted_cells", "\"ICCID\",\"Name\"\n\"891\",\"a\"\n892,\"b\"\n", kTwoRows},
    {"quoted_separator", "ICCID,Name\n891,\"a,b\"\n", "1|ICCID|Name\n2|t:891|t:a,b\n"},
    {"doubled_quotes", "A,B\n\"say \"\"hi\"\"\",\n", "1|A|B\n2|t:say \"hi\"|-\n"},
    {"line_ends_in_quotes_count_as_one_row", "A,B\n\"x\ny\",1\n\"p\r\nq\",2\n3,4\n",
     "1|A|B\n2|t:x\\ny|t:1\n3|t:p\\r\\nq|t:2\n4|t:3|t:4\n"},
    {"separator_counted_outside_quotes", "\"A,B,C,D\";E\n1;2\n", "1|A,B,C,D|E\n2|t:1|t:2\n"},
    {"no_separator_is_one_column", "ICCID\n891\n892\n", "1|ICCID\n2|t:891\n3|t:892\n"},
    {"excel_separator_line", "sep=;\r\nICCID;Name\r\n891;a,b\r\n", "2|ICCID|Name\n3|t:891|t:a,b\n"},
    {"excel_separator_line_unknown", "SEP=#\nA#B\n", "error: The separator must be*"},
    {"blank_lines_are_skipped_and_counted", "\n\nA,B\r\n\r\n1,2\r\n\r\n\r\n3,4\r\n\r\n",
     "3|A|B\n5|t:1|t:2\n8|t:3|t:4\n"},
    {"rows_of_separators_are_blank", "A,B\n,\n , \n1,2\n,,,\n", "1|A|B\n4|t:1|t:2\n"},
    {"short_rows_are_filled_up", "A,B,C\n1\n", "1|A|B|C\n2|t:1|-|-\n"},
    {"empty_cells_beyond_the_header_are_harmless", "A,B\n1,2,,\n", "1|A|B\n2|t:1|t:2\n"},
    {"values_beyond_the_header_are_a_problem", "A,B\n1,2,3\n4,5\n",
     "1|A|B\n2|t:1|t:2\nproblem: The row has values to the right of the last named column, "
     "B.*"},
    {"decimal_commas_shift_columns", "A,B\n1,12,50\n",
     "1|A|B\n2|t:1|t:12\nproblem: The row has values to the right*"},
    {"unnamed_columns_at_the_end_are_dropped", "A,B,,\n1,2,,\n", "1|A|B\n2|t:1|t:2\n"},
    {"unnamed_column_in_front_is_kept", ",A\n0,1\n", "1||A\n2|t:0|t:1\n"},
    {"duplicate_names", "ICCID,Name,icc-id\n1,2,3\n",
     "error: Two columns are called ICCID and icc-id. Rename or delete one of them. [row 1]\n"},
    {"blanks_around_unquoted_cells", "A , B\n 1 ,\t2 \n", "1|A|B\n2|t:1|t:2\n"},
    {"blanks_inside_quotes_stay", "A,B\n\" 1 \",2\n", "1|A|B\n2|t: 1 |t:2\n"},
    {"quote_never_closed_names_its_row", "A,B\n1,2\n3,\"4\n5,6\n7,8\n",
     "1|A|B\n2|t:1|t:2\nerror: A quote is opened here and closed nowhere in the rest of the "
     "file. Close it, or remove it. [row 3, column B]\n"},
    {"stray_quote", "A,B\n1,5\" pipe\n",
     "1|A|B\nerror: A quote stands inside a cell that is not quoted.* "},
    {"text_after_closing_quote", "A,B\n\"1\"x,2\n", "1|A|B\nerror: Text follows a closing quote*"},
    {"cell_longer_than_the_limit", "A,B\n" + std::string(5000, '1') + "\n",
     "1|A|B\nerror: The cell is longer than 4096 bytes*"},
    {"zero_byte_in_a_cell", "A\n" + std::string(4100, '\n') + "x\0y\n"s,
     "1|A\nerror: The cell holds a zero byte:*"},
    {"control_character", "A\nx\x1Fy\n",
     "1|A\n2|-\nproblem: The cell holds an invisible control character.*"},
    {"empty_file", "", "error: The file is empty.*"},
    {"only_line_ends", "\r\n\r\n", "error: The table is empty.*"},
    {"only_a_byte_order_mark", "\xEF\xBB\xBF", "error: The table is empty.*"},
    {"header_only", "ICCID,Name\n", "error: The table has column names but no rows.*"},
    {"binary", "\x7F" + "ELF\1\0\0\0"s, "error: This is neither a text file nor a workbook.*"},
    {"pdf", "%PDF-1.7\n", "error: This is a PDF.*"},
    {"gzip", "\x1F\x8B\x08", "error: This is a gzip archive.*"},
    {"html_named_xls", "<html><table><tr><td>891</td></tr></table></html>",
     "error: This is a web page or an XML file*"},
    {"xml_spreadsheet_2003", "\xEF\xBB\xBF<?xml version=\"1.0\"?><Workbook/>",
     "error: This is a web page or an XML file*"},
    {"json", "[{\"iccid\":\"891\"}]", "error: This is a JSON file.*"},
    {"old_excel", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 rest",
     "error: This is a file of an old Excel (.xls).*"},
    {"workbook_with_password",
     "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"s + std::string(300'000, ' ') +
         utf_16("EncryptedPackage", true).substr(2),
     "error: The workbook is protected with a password.*"},
};

void expect_dump(const std::string& got, std::string expected) {
    const std::size_t star = expected.rfind('*');
    if (star == std::string::npos) {
        EXPECT_EQ(got, expected);
    } else {
        expected.resize(star);
        EXPECT_EQ(got.substr(0, star), expected);
    }
}

class CsvTable : public testing::TestWithParam<CsvCase> {};

TEST_P(CsvTable, is_read_or_refused_as_written) {
    expect_dump(dump(open_table_bytes(GetParam().bytes)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(all, CsvTable, testing::ValuesIn(kCsvCases),
                         [](const auto& tested) { return tested.param.name; });

TEST(CsvReader, limits_are_named_in_the_error) {
    Limits limits;
    limits.max_columns = 2;
    EXPECT_EQ(dump(open_table_bytes("A,B,C\n1,2,3\n", limits)),
              "error: The table has more than 2 columns. Delete those that are not needed. "
              "[row 1]\n");
    limits = {};
    limits.max_rows = 3;
    EXPECT_EQ(dump(open_table_bytes("A\n1\n\n2\n3\n", limits)),
              "1|A\n2|t:1\n4|t:2\nerror: The table has more than 3 filled rows. Split it into "
              "several files. [row 5]\n");
    limits = {};
    limits.max_file_bytes = 3;
    EXPECT_EQ(open_table_bytes("A\n1\n", limits).error().kind, base::ErrorKind::too_large);
}

TEST(CsvReader, an_error_stays_an_error) {
    auto reader = open_table_bytes("A,B\n1,\"2\n");
    ASSERT_TRUE(reader);
    Row row;
    const auto first = (*reader)->next(row);
    const auto second = (*reader)->next(row);
    ASSERT_FALSE(first);
    ASSERT_FALSE(second);
    EXPECT_EQ(first.error().message, second.error().message);
}

TEST(CsvReader, cells_across_chunks_are_whole) {
    // Shifts a row with every difficulty over the edge of the first chunk, byte by byte.
    const std::string row = "\"a\"\"b\",\"c\r\nd\",\xC3\xA9\xF0\x9F\x9A\x9A\r\n";
    for (std::size_t padding = 65'536 - 40; padding < 65'536; ++padding) {
        std::string bytes = "A,B,C\r\n";
        while (bytes.size() + 102 < padding) bytes.append(100, 'x').append("\r\n");
        bytes.append(padding - bytes.size() - 2, 'y').append("\r\n" + row + row);
        const std::string got = dump(open_table_bytes(bytes));
        EXPECT_EQ(got.find("problem"), std::string::npos) << padding;
        EXPECT_EQ(got.find("error"), std::string::npos) << padding;
        const std::string wanted = "|t:a\"b|t:c\\r\\nd|t:é🚚\n";
        EXPECT_EQ(got.substr(got.size() - wanted.size()), wanted) << padding;
        EXPECT_NE(got.find(wanted), got.rfind(wanted)) << padding;
    }
}

TEST(CsvReader, a_missing_file_is_not_found) {
    EXPECT_EQ(open_table("/nowhere/devices.csv").error().kind, base::ErrorKind::not_found);
    EXPECT_EQ(open_table("/tmp").error().kind, base::ErrorKind::not_found);
}

TEST(Header, names_match_without_case_spaces_underscores_and_dashes) {
    const Header header{1, {"Icc_ID", "", "Monthly\u00A0Fee"}};
    EXPECT_EQ(*match_column(header, {"sim", "ICC-ID"}), 0u);
    EXPECT_EQ(*match_column(header, {"monthly fee"}), 2u);
    EXPECT_EQ(*find_column(header, {"imei"}), std::nullopt);
    EXPECT_EQ(*find_column(header, {""}), std::nullopt);
    EXPECT_EQ(match_column(header, {"IMEI", "Device id"}).error().message,
              "The file has no column named IMEI, Device id. Its first filled row must hold the "
              "column names; found: Icc_ID, Monthly\u00A0Fee.");
}

TEST(Header, two_columns_that_mean_the_same_are_refused) {
    const Header header{4, {"ICCID", "SIM"}};
    const auto found = match_column(header, {"iccid", "sim"});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message,
              "The columns ICCID and SIM mean the same. Delete one of them.");
    EXPECT_EQ(found.error().where, "row 4");
}

TEST(Header, places_without_a_name_use_letters) {
    const Header header{1, {"ICCID", ""}};
    EXPECT_EQ(place(12, header, 0), "row 12, column ICCID");
    EXPECT_EQ(place(12, header, 1), "row 12, column B");
    EXPECT_EQ(place(12, header, 26), "row 12, column AA");
    EXPECT_EQ(place(12, header, 16'383), "row 12, column XFD");
}

}  // namespace
}  // namespace carryall::sheets
