// Turns the events of a sheet's XML into rows. What must stay true: rows and cells only move
// forward.
#include "sheets/xlsx_parser.hpp"

#include "base/text.hpp"

namespace carryall::sheets {

namespace {

constexpr std::size_t kChunkBytes = 64 << 10;
// The edges of a sheet in the format itself.
constexpr std::int64_t kLastRow = 1'048'576;
constexpr std::int64_t kLastColumn = 16'384;

struct Reference {
    std::int64_t row = 0;
    std::int64_t column = 0;  // 0-based
};

// "BC17"; empty for what names no cell of a sheet.
std::optional<Reference> parse_reference(std::string_view text) {
    Reference reference;
    std::size_t letters = 0;
    while (letters < text.size() && text[letters] >= 'A' && text[letters] <= 'Z') {
        reference.column = reference.column * 26 + (text[letters] - 'A' + 1);
        if (reference.column > kLastColumn) return std::nullopt;
        ++letters;
    }
    const auto row = base::parse_int(text.substr(letters));
    if (letters == 0 || !row || *row < 1 || *row > kLastRow) return std::nullopt;
    reference.row = *row;
    --reference.column;
    return reference;
}

}  // namespace

base::Result<std::unique_ptr<XlsxParser>> XlsxParser::open(ByteSource source,
                                                           const Limits& limits) {
    auto archive = ZipArchive::open(std::move(source), limits);
    if (!archive) return std::move(archive).error();
    std::unique_ptr<XlsxParser> parser(new XlsxParser(std::move(*archive), limits));
    auto workbook = read_workbook(parser->archive_);
    if (!workbook) return std::move(workbook).error();
    parser->workbook_ = std::move(*workbook);
    if (!parser->workbook_.shared_strings_part.empty()) {
        auto part = parser->archive_.part(parser->workbook_.shared_strings_part);
        if (!part) return std::move(part).error();
        if (*part == nullptr) return damaged_workbook("its texts are missing");
        CARRYALL_TRY(parser->shared_.read(**part, limits));
    }
    auto sheet = parser->archive_.part(parser->workbook_.sheet_part);
    if (!sheet) return std::move(sheet).error();
    if (*sheet == nullptr) return damaged_workbook("a sheet is missing");
    parser->sheet_ = std::move(*sheet);
    return parser;
}

XlsxParser::XlsxParser(ZipArchive archive, const Limits& limits)
    : limits_(limits),
      archive_(std::move(archive)),
      stream_({[this](std::string_view name, const XmlAttributes& attributes) {
                   start_element(name, attributes);
               },
               [this](std::string_view name) { end_element(name); },
               [this](std::string_view text) { take_text(text); }}),
      buffer_(kChunkBytes, '\0') {}

void XlsxParser::fill(RowBatch& batch) {
    batch_ = &batch;
    const auto got = sheet_->read(buffer_);
    if (!got) return batch.fail(got.error());
    const auto parsed = *got > 0 ? stream_.feed({buffer_.data(), *got}) : stream_.finish();
    if (!parsed) return batch.fail(parsed.error());
    if (*got == 0) batch.set_end();
}

void XlsxParser::refuse(std::string_view detail) {
    const base::Error error = damaged_workbook(detail);
    batch_->fail_at(error.kind, error.message, std::nullopt);
    stream_.stop(error);
}

void XlsxParser::start_element(std::string_view name, const XmlAttributes& attributes) {
    if (name == "sheetData") {
        in_table_ = true;
    } else if (!in_table_) {
        return;
    } else if (name == "row") {
        start_row(attributes);
    } else if (name == "c") {
        start_cell(attributes);
    } else if (!in_cell_) {
        return;
    } else if (name == "rPh") {
        ++phonetic_depth_;
    } else if (name == "f") {
        has_formula_ = true;
    } else if (name == "v" || name == "t") {
        in_value_ = phonetic_depth_ == 0;
    }
}

void XlsxParser::end_element(std::string_view name) {
    if (name == "v" || name == "t") {
        in_value_ = false;
    } else if (name == "rPh") {
        --phonetic_depth_;
    } else if (name == "c" && in_cell_) {
        end_cell();
    } else if (name == "row" && in_row_) {
        in_row_ = false;
        batch_->end_row();
        if (batch_->failed()) stream_.stop(damaged_workbook("too many rows"));
    } else if (name == "sheetData") {
        in_table_ = false;
    }
}

void XlsxParser::take_text(std::string_view text) {
    if (!in_value_) return;
    value_ += text;
    // Refused at once, so that a cell of 100 MB is never gathered.
    if (value_.size() > limits_.max_cell_bytes) add(value_, CellKind::text);
}

void XlsxParser::start_row(const XmlAttributes& attributes) {
    if (in_row_) return refuse("a row inside a row");
    std::int64_t number = row_number_ + 1;
    if (const auto given = attributes.find("r")) number = base::parse_int(*given).value_or(0);
    if (number <= row_number_ || number > kLastRow) {
        return refuse("rows out of order after row " + std::to_string(row_number_));
    }
    const auto hidden = attributes.find("hidden");
    row_number_ = number;
    column_ = -1;
    in_row_ = true;
    batch_->begin_row(number, hidden == "1" || hidden == "true");
}

void XlsxParser::start_cell(const XmlAttributes& attributes) {
    if (!in_row_ || in_cell_) return refuse("a cell outside a row");
    std::int64_t column = column_ + 1;
    if (const auto given = attributes.find("r")) {
        const auto reference = parse_reference(*given);
        if (!reference || reference->row != row_number_ || reference->column <= column_) {
            return refuse("a cell out of order in row " + std::to_string(row_number_));
        }
        column = reference->column;
    }
    if (column >= kLastColumn) {
        return refuse("more columns than a sheet has in row " + std::to_string(row_number_));
    }
    column_ = column;
    in_cell_ = true;
    type_ = attributes.find("t").value_or("n");
    value_.clear();
    has_formula_ = false;
    phonetic_depth_ = 0;
}

void XlsxParser::end_cell() {
    in_cell_ = false;
    in_value_ = false;
    if (type_ == "s") {
        if (value_.empty()) return;
        const auto index = base::parse_int(value_);
        const auto text =
            index && *index >= 0 ? shared_.at(static_cast<std::uint64_t>(*index)) : std::nullopt;
        if (!text) return refuse("a text is missing in row " + std::to_string(row_number_));
        add(*text, CellKind::text);
    } else if (type_ == "str" || type_ == "inlineStr") {
        add(value_.find("_x") == std::string::npos ? value_ : decode_escapes(value_),
            CellKind::text);
    } else if (type_ == "b") {
        add(value_.empty() ? "" : value_ == "0" ? "FALSE" : "TRUE", CellKind::boolean);
    } else if (type_ == "e") {
        add(value_, CellKind::error);
    } else if (type_ == "n" || type_ == "d") {
        // Programs that do not calculate write formulas without their results.
        if (value_.empty() && has_formula_) return add("formula without a result", CellKind::error);
        add(value_, type_ == "n" ? CellKind::number : CellKind::text);
    } else {
        refuse("a cell of unknown type in row " + std::to_string(row_number_));
    }
}

void XlsxParser::add(std::string_view text, CellKind kind) {
    batch_->add_cell(static_cast<std::size_t>(column_), text, kind);
    if (batch_->failed()) stream_.stop(damaged_workbook("a cell is too long"));
}

}  // namespace carryall::sheets
