// CSV into rows: finds the encoding and the separator, decodes UTF-16, and lets libcsv (strict
// mode) find the cells. What must stay true: text after a closing quote, a quote inside an unquoted
// cell or a quote never closed ends the file, because any other reading could merge rows. Blanks
// around unquoted cells are not part of the cell; inside quotes they are.
#pragma once

#include <csv.h>
#include <memory>
#include <string>

#include "sheets/byte_source.hpp"
#include "sheets/file_kind.hpp"
#include "sheets/row_batch.hpp"
#include "sheets/text_decoder.hpp"

namespace carryall::sheets {

class CsvParser {
  public:
    // Finds the separator.
    static base::Result<std::unique_ptr<CsvParser>> open(ByteSource source, const TextStart& start,
                                                         const Limits& limits);
    ~CsvParser();
    CsvParser(const CsvParser&) = delete;
    CsvParser& operator=(const CsvParser&) = delete;

    // Reads one more chunk into the batch; says the end or the failure there.
    void fill(RowBatch& batch);

  private:
    CsvParser(ByteSource source, const TextStart& start, const Limits& limits);
    base::Result<void> take_separator_line();
    base::Result<std::string_view> next_chunk();
    void finish(RowBatch& batch);
    void take_cell(std::string_view text);
    void take_line_end(int terminator);
    void open_row();
    void parse(std::string_view text);
    static void on_cell(void* text, size_t length, void* self);
    static void on_row(int terminator, void* self);

    ByteSource source_;
    const Limits limits_;
    std::uint64_t offset_ = 0;
    TextDecoder decoder_;
    std::string raw_;
    std::string decoded_;
    std::string_view first_chunk_;  // read ahead to look for the separator
    csv_parser parser_{};
    RowBatch* batch_ = nullptr;  // set while libcsv runs
    std::int64_t row_number_ = 1;
    std::size_t column_ = 0;
    int last_terminator_ = 0;
    bool row_open_ = false;
    bool suspicious_ = false;  // the open cells may hold bytes other than printable ASCII
};

}  // namespace carryall::sheets
