// Writes CSV (RFC 4180, UTF-8, CRLF) that any spreadsheet program opens as text and none executes:
// a cell that a program would take for a formula gets a leading apostrophe. Plain signed numbers
// stay as they are, because a negative amount is no formula.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace carryall::sheets {

enum class ByteOrderMark { without, with };

class CsvWriter {
  public:
    // Takes the next chunk of the file; an error stops the writer.
    using Sink = std::function<base::Result<void>(std::string_view chunk)>;

    explicit CsvWriter(Sink sink, ByteOrderMark mark = ByteOrderMark::without);
    // Appends to `target` directly.
    explicit CsvWriter(std::string& target, ByteOrderMark mark = ByteOrderMark::without);

    base::Result<void> write_row(std::span<const std::string_view> cells);
    base::Result<void> write_row(std::initializer_list<std::string_view> cells);
    // Hands the rest to the sink. Must be called; a file without it is incomplete.
    base::Result<void> finish();

  private:
    Sink sink_;
    std::string buffer_;
};

// True for what a spreadsheet program may execute: = + - @ tab CR LF in front, plain signed numbers
// excepted.
bool looks_like_formula(std::string_view text);

}  // namespace carryall::sheets
