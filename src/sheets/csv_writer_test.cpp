// What must stay true of written CSV: every reader splits it alike, and nothing in it can run.
#include "sheets/csv_writer.hpp"

#include <gtest/gtest.h>

#include "sheets/table_reader.hpp"

namespace carryall::sheets {
namespace {

std::string written(std::initializer_list<std::string_view> cells) {
    std::string out;
    CsvWriter writer(out);
    EXPECT_TRUE(writer.write_row(cells));
    EXPECT_TRUE(writer.finish());
    return out;
}

TEST(CsvWriter, quotes_what_a_reader_could_split) {
    EXPECT_EQ(written({"a", "b c", ""}), "a,b c,\r\n");
    EXPECT_EQ(written({"a,b", "say \"hi\"", "x\ny", "p\rq"}),
              "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\",\"p\rq\"\r\n");
    EXPECT_EQ(written({"a;b", "a|b", "a\tb", " a", "b "}),
              "\"a;b\",\"a|b\",\"a\tb\",\" a\",\"b \"\r\n");
    EXPECT_EQ(written({""}), "\"\"\r\n");
}

TEST(CsvWriter, neutralises_every_cell_that_could_run) {
    for (const std::string cell :
         {"=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\tx", "\rx", "\n=1", "=", "+", "-", "@",
          "-1.", "+.5", "-1,5", "--1", "-1e5", "-1.2.3", "=HYPERLINK(\"http://x\")"}) {
        EXPECT_TRUE(looks_like_formula(cell)) << cell;
        const std::string out = written({cell});
        EXPECT_TRUE(out.starts_with("'") || out.starts_with("\"'")) << out;
    }
}

TEST(CsvWriter, leaves_plain_signed_numbers_and_text_alone) {
    for (const std::string cell : {"-12.50", "+15551234567", "-0", "0", "a=b", "a-b", "", "89"}) {
        EXPECT_FALSE(looks_like_formula(cell)) << cell;
        if (!cell.empty()) {
            EXPECT_EQ(written({cell}), cell + "\r\n");
        }
    }
}

TEST(CsvWriter, writes_the_mark_once_and_in_chunks) {
    std::string out;
    std::size_t chunks = 0;
    CsvWriter writer(
        [&](std::string_view chunk) -> base::Result<void> {
            out += chunk;
            ++chunks;
            return {};
        },
        ByteOrderMark::with);
    const std::string cell(1000, 'x');
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(writer.write_row({cell}));
    ASSERT_TRUE(writer.finish());
    ASSERT_TRUE(writer.finish());
    EXPECT_EQ(chunks, 4u);
    EXPECT_EQ(out.size(), 3 + 200 * 1002u);
    EXPECT_TRUE(out.starts_with("\xEF\xBB\xBF"));
    EXPECT_EQ(out.find("\xEF\xBB\xBF", 1), std::string::npos);
}

TEST(CsvWriter, passes_on_the_error_of_the_sink) {
    CsvWriter writer(
        [](std::string_view) -> base::Result<void> { return base::unavailable("disk full"); });
    ASSERT_TRUE(writer.write_row({"a"}));
    EXPECT_EQ(writer.finish().error().message, "disk full");
}

TEST(CsvWriter, what_it_writes_the_reader_reads_back) {
    const std::vector<std::string_view> cells = {"a,b",    " x ", "say \"hi\"",
                                                 "p\r\nq", "é🚚",  "-1.5"};
    std::string out;
    CsvWriter writer(out, ByteOrderMark::with);
    ASSERT_TRUE(writer.write_row({"A", "B", "C", "D", "E", "F"}));
    ASSERT_TRUE(writer.write_row(cells));
    ASSERT_TRUE(writer.finish());
    auto reader = open_table_bytes(out);
    ASSERT_TRUE(reader);
    Row row;
    ASSERT_TRUE(*(*reader)->next(row));
    ASSERT_EQ(row.cells.size(), cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) EXPECT_EQ(row.cells[i].text, cells[i]);
}

}  // namespace
}  // namespace carryall::sheets
