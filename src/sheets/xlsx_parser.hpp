// The first visible sheet of a workbook into rows, while it is unpacked. What must stay true: a
// cell arrives as it is stored (numbers are not reformatted), in the place that its reference
// names, and a workbook that contradicts itself is refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sheets/row_batch.hpp"
#include "sheets/shared_strings.hpp"
#include "sheets/workbook.hpp"
#include "sheets/xml_stream.hpp"
#include "sheets/zip_archive.hpp"

namespace carryall::sheets {

class XlsxParser {
  public:
    static base::Result<std::unique_ptr<XlsxParser>> open(ByteSource source, const Limits& limits);
    XlsxParser(const XlsxParser&) = delete;
    XlsxParser& operator=(const XlsxParser&) = delete;

    // Unpacks one more chunk into the batch; says the end or the failure there.
    void fill(RowBatch& batch);

    const std::string& sheet_name() const { return workbook_.sheet_name; }
    DateSystem date_system() const { return workbook_.date_system; }
    const std::vector<std::string>& notes() const { return workbook_.notes; }

  private:
    XlsxParser(ZipArchive archive, const Limits& limits);
    void start_element(std::string_view name, const XmlAttributes& attributes);
    void end_element(std::string_view name);
    void take_text(std::string_view text);
    void start_row(const XmlAttributes& attributes);
    void start_cell(const XmlAttributes& attributes);
    void end_cell();
    void add(std::string_view text, CellKind kind);
    void refuse(std::string_view detail);

    const Limits limits_;
    ZipArchive archive_;
    Workbook workbook_;
    SharedStrings shared_;
    std::unique_ptr<ZipPart> sheet_;
    XmlStream stream_;
    std::string buffer_;
    RowBatch* batch_ = nullptr;  // set while the parser runs

    bool in_table_ = false;
    bool in_row_ = false;
    bool in_cell_ = false;
    bool in_value_ = false;
    int phonetic_depth_ = 0;
    std::int64_t row_number_ = 0;
    std::int64_t column_ = -1;
    std::string type_;
    std::string value_;
    bool has_formula_ = false;
};

}  // namespace carryall::sheets
