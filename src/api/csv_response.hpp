// A CSV file as an answer. It goes through a file, not a stream: an error in the middle can still
// become a clean answer, and a client that reads slowly holds no database connection.
#pragma once

#include <functional>
#include <string>

#include "api/call.hpp"
#include "sheets/csv_writer.hpp"

namespace carryall::api {

// `write` writes the rows; the file is offered under `file_name`.
base::Result<http::Response> csv_response(
    Call& call, const std::string& file_name,
    const std::function<base::Result<void>(sheets::CsvWriter&)>& write);

}  // namespace carryall::api
