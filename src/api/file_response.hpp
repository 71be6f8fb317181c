// A file as an answer. It goes through the scratch directory, not as a stream: an error in the
// middle can still become a clean answer, and a client that reads slowly holds no database
// connection.
#pragma once

#include <functional>
#include <string>

#include "api/call.hpp"
#include "sheets/csv_writer.hpp"

namespace carryall::api {

using FileSink = std::function<base::Result<void>(std::string_view chunk)>;

// `write` is given where to put it; the file is offered under `file_name`.
base::Result<http::Response> file_response(
    const Call& call, std::string_view content_type, const std::string& file_name,
    const std::function<base::Result<void>(const FileSink&)>& write);

// `write` writes the rows.
base::Result<http::Response> csv_response(
    const Call& call, const std::string& file_name,
    const std::function<base::Result<void>(sheets::CsvWriter&)>& write);

// A file of the file store; `not_found` if it is kept no more.
base::Result<http::Response> stored_file_response(const Call& call, const std::string& file_key,
                                                  const std::string& file_name,
                                                  const std::string& content_type);

}  // namespace carryall::api
