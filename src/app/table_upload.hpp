// Tables that commands upload, and what the API says of their rows.
#pragma once

#include <filesystem>

#include "app/cli.hpp"
#include "app/output.hpp"

namespace carryall::app {

// By the file's name. The server looks at the bytes itself.
std::string table_content_type(const std::filesystem::path& file);

// The counts, then the bad rows; notes on standard error. Bad rows make the exit status "partial".
void print_rows_report(Cli& cli, const base::json::value& report, const Row& counts);

}  // namespace carryall::app
