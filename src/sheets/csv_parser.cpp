// Drives libcsv chunk by chunk. A cell that cannot be trusted becomes a problem of its row; a quote
// that cannot be trusted ends the file.
#include "sheets/csv_parser.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "base/utf8.hpp"

namespace carryall::sheets {

namespace {

constexpr std::size_t kChunkBytes = 64 << 10;
constexpr std::string_view kSeparators = ",;\t|";  // the earlier one wins a tie

// The first line that is not blank, up to a line end outside quotes.
std::string_view header_line(std::string_view text) {
    const std::size_t begin = text.find_first_not_of("\r\n");
    if (begin == std::string_view::npos) return {};
    bool quoted = false;
    std::size_t end = begin;
    for (; end < text.size(); ++end) {
        if (text[end] == '"') quoted = !quoted;
        if (!quoted && (text[end] == '\r' || text[end] == '\n')) break;
    }
    return text.substr(begin, end - begin);
}

char most_frequent_separator(std::string_view line) {
    std::array<std::size_t, kSeparators.size()> counts{};
    bool quoted = false;
    for (const char c : line) {
        if (c == '"') quoted = !quoted;
        const std::size_t which = quoted ? std::string_view::npos : kSeparators.find(c);
        if (which != std::string_view::npos) ++counts[which];
    }
    const auto best = std::max_element(counts.begin(), counts.end());
    return kSeparators[static_cast<std::size_t>(best - counts.begin())];
}

}  // namespace

base::Result<std::unique_ptr<CsvParser>> CsvParser::open(ByteSource source, const TextStart& start,
                                                         const Limits& limits) {
    std::unique_ptr<CsvParser> parser(new CsvParser(std::move(source), start, limits));
    if (csv_init(&parser->parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) {
        return base::internal_error("The CSV parser cannot start.");
    }
    constexpr std::size_t kGrowth = 4096;
    csv_set_blk_size(&parser->parser_, kGrowth);
    auto chunk = parser->next_chunk();
    if (!chunk) return std::move(chunk).error();
    parser->first_chunk_ = *chunk;
    CARRYALL_TRY(parser->take_separator_line());
    return parser;
}

CsvParser::CsvParser(ByteSource source, const TextStart& start, const Limits& limits)
    : source_(std::move(source)),
      limits_(limits),
      offset_(start.mark_bytes),
      decoder_(start.encoding),
      raw_(kChunkBytes, '\0') {}

CsvParser::~CsvParser() {
    csv_free(&parser_);
}

// Excel's own hint, a first line such as "sep=;", beats counting.
base::Result<void> CsvParser::take_separator_line() {
    const std::string_view line = first_chunk_.substr(0, first_chunk_.find_first_of("\r\n"));
    constexpr std::string_view kHint = "sep=";
    char separator = most_frequent_separator(header_line(first_chunk_));
    if (line.size() == kHint.size() + 1 &&
        base::ascii_lower(line.substr(0, kHint.size())) == kHint) {
        separator = line.back();
        if (kSeparators.find(separator) == std::string_view::npos) {
            return base::invalid_input(
                "The separator must be a comma, a semicolon, a tab or a vertical bar.", "row 1");
        }
        first_chunk_.remove_prefix(line.size());  // its line end still counts as a row
    }
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
    return {};
}

base::Result<std::string_view> CsvParser::next_chunk() {
    const auto got = source_.read_at(offset_, raw_);
    if (!got) return got.error();
    offset_ += *got;
    return decoder_.decode(std::string_view(raw_).substr(0, *got), decoded_);
}

void CsvParser::fill(RowBatch& batch) {
    batch_ = &batch;
    open_row();
    std::string_view text = std::exchange(first_chunk_, {});
    while (text.empty() && offset_ < source_.size()) {
        auto chunk = next_chunk();
        if (!chunk) return batch.fail(std::move(chunk).error());
        text = *chunk;
    }
    if (text.empty()) {
        finish(batch);
    } else {
        parse(text);
    }
}

void CsvParser::parse(std::string_view text) {
    // A cell that began in the chunk before may hold what that chunk held.
    suspicious_ = !is_plain_ascii(text) || (suspicious_ && parser_.entry_pos > 0);
    const std::size_t done = csv_parse(&parser_, text.data(), text.size(), on_cell, on_row, this);
    if (batch_->failed()) return;
    if (done < text.size()) {
        if (csv_error(&parser_) != CSV_EPARSE) {
            return batch_->fail(base::unavailable("There is not enough memory to read the file."));
        }
        const bool stray = text[done] == '"';
        return batch_->fail_at(
            base::ErrorKind::invalid_input,
            stray ? "A quote stands inside a cell that is not quoted. Put the cell in quotes and "
                    "write the inner quote twice."
                  : "Text follows a closing quote. Quotes inside a quoted cell must be written "
                    "twice.",
            column_);
    }
    if (parser_.entry_pos > limits_.max_cell_bytes) {
        batch_->add_cell(column_, std::string(parser_.entry_pos, 'x'), CellKind::text);
    }
}

void CsvParser::finish(RowBatch& batch) {
    const std::string_view rest = decoder_.finish(decoded_);
    if (!rest.empty()) parse(rest);
    if (batch.failed()) return;
    if (csv_fini(&parser_, on_cell, on_row, this) != 0) {
        return batch.fail_at(base::ErrorKind::invalid_input,
                             "A quote is opened here and closed nowhere in the rest of the file. "
                             "Close it, or remove it.",
                             column_);
    }
    batch.set_end();
}

void CsvParser::open_row() {
    if (row_open_) return;
    row_open_ = true;
    column_ = 0;
    batch_->begin_row(row_number_);
}

void CsvParser::take_cell(std::string_view text) {
    last_terminator_ = 0;
    const std::size_t column = column_++;
    if (suspicious_ && !is_plain_ascii(text)) {
        if (text.find('\0') != std::string_view::npos) {
            return batch_->fail_at(base::ErrorKind::invalid_input,
                                   "The cell holds a zero byte: the file is damaged or no text "
                                   "file. Export it again.",
                                   column);
        }
        if (!base::is_utf8(text)) {
            return batch_->set_problem(
                "The cell is not UTF-8 text. Save the file as \"CSV UTF-8\".", column);
        }
        if (first_control_character(text)) {
            return batch_->set_problem("The cell holds an invisible control character. Remove it.",
                                       column);
        }
    }
    batch_->add_cell(column, text, CellKind::text);
}

void CsvParser::take_line_end(int terminator) {
    // libcsv reports CR and LF of one line end apart.
    if (terminator == '\n' && last_terminator_ == '\r') {
        last_terminator_ = 0;
        return;
    }
    last_terminator_ = terminator;
    batch_->end_row();
    ++row_number_;
    row_open_ = false;
    open_row();
}

void CsvParser::on_cell(void* text, size_t length, void* self) {
    auto* parser = static_cast<CsvParser*>(self);
    if (parser->batch_->failed()) return;
    parser->take_cell({static_cast<const char*>(text), length});
}

void CsvParser::on_row(int terminator, void* self) {
    auto* parser = static_cast<CsvParser*>(self);
    if (parser->batch_->failed()) return;
    parser->take_line_end(terminator);
}

}  // namespace carryall::sheets
