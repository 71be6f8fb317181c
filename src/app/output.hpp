// What people see: tables whose columns line up whatever script the names are written in, and the
// same as JSON for scripts. What must stay true: text of a carrier or a customer never moves the
// cursor or colours the terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace carryall::app {

struct Cli;

using Row = std::vector<std::string>;

// Prints rows under a header, columns aligned; or, with --json, an array of objects with these
// keys.
void print_table(const Cli& cli, const Row& header, const std::vector<Row>& rows);

// The same as a text.
std::string format_table(const Row& header, const std::vector<Row>& rows);

// Columns that a UTF-8 text takes on a terminal; wide scripts take two a letter.
std::size_t display_width(std::string_view text);

// Without control characters: each becomes a space.
std::string printable(std::string_view text);

// Members of an API document by path ("counts.processed") as a cell: null and absent are empty.
std::string cell(const base::json::value& document, std::string_view path);
// One row a document.
std::vector<Row> cells(const base::json::array& documents, const Row& paths);

// The member of a document that is an array; empty if there is none.
const base::json::array& array_of(const base::json::value& document, std::string_view name);

// "name  value" lines of an object, nested objects as JSON.
void print_object(const Cli& cli, const base::json::value& document);

void print_json(const base::json::value& document);

}  // namespace carryall::app
