// Quotes and neutralises cells. What must stay true: a cell that a spreadsheet program could
// execute never leaves without its apostrophe.
#include "sheets/csv_writer.hpp"

#include <algorithm>

namespace carryall::sheets {

namespace {

constexpr std::size_t kChunkBytes = 64 << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// +15551234567, -12.50: digits with at most one point between them.
bool is_signed_number(std::string_view text) {
    if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return false;
    const std::string_view digits = text.substr(1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!is_digit(digits.front()) || !is_digit(digits.back())) return false;
    std::size_t points = 0;
    for (const char c : digits) {
        if (c == '.') ++points;
        if (c != '.' && !is_digit(c)) return false;
    }
    return points <= 1;
}

// Semicolons, tabs and bars too: programs of other countries split at them.
bool needs_quotes(std::string_view text) {
    if (text.empty()) return false;
    return text.front() == ' ' || text.back() == ' ' ||
           text.find_first_of(",;\t|\"\r\n") != std::string_view::npos;
}

void append_cell(std::string_view text, std::string& out) {
    const bool neutralise = looks_like_formula(text);
    if (!needs_quotes(text)) {
        if (neutralise) out += '\'';
        out += text;
        return;
    }
    out += '"';
    if (neutralise) out += '\'';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace

bool looks_like_formula(std::string_view text) {
    constexpr std::string_view kDangerous = "=+-@\t\r\n";
    return !text.empty() && kDangerous.find(text.front()) != std::string_view::npos &&
           !is_signed_number(text);
}

CsvWriter::CsvWriter(Sink sink, ByteOrderMark mark) : sink_(std::move(sink)) {
    if (mark == ByteOrderMark::with) buffer_ = kByteOrderMark;
}

CsvWriter::CsvWriter(std::string& target, ByteOrderMark mark)
    : CsvWriter(
          [&target](std::string_view chunk) -> base::Result<void> {
              target += chunk;
              return {};
          },
          mark) {}

base::Result<void> CsvWriter::write_row(std::span<const std::string_view> cells) {
    const std::size_t begin = buffer_.size();
    bool first = true;
    for (const std::string_view cell : cells) {
        if (!first) buffer_ += ',';
        first = false;
        append_cell(cell, buffer_);
    }
    // One empty cell alone would read as a blank line.
    if (cells.size() == 1 && buffer_.size() == begin) buffer_ += "\"\"";
    buffer_ += "\r\n";
    return buffer_.size() >= kChunkBytes ? finish() : base::Result<void>{};
}

base::Result<void> CsvWriter::write_row(std::initializer_list<std::string_view> cells) {
    return write_row(std::span(cells.begin(), cells.size()));
}

base::Result<void> CsvWriter::finish() {
    if (buffer_.empty()) return {};
    CARRYALL_TRY(sink_(buffer_));
    buffer_.clear();
    return {};
}

}  // namespace carryall::sheets
