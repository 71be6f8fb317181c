// charges file, charges files: files of charges, on their way in and as they are stored. What they
// say is charged by `charges enqueue --file`.
#include <filesystem>

#include "app/api_client.hpp"
#include "app/table_upload.hpp"

namespace carryall::app {
namespace {

using base::Result;

constexpr const char* kPath = "/v1/charge-files";
constexpr std::size_t kMaxListed = 1'000'000;

struct Arguments {
    std::string file;
    std::vector<std::string> period;  // its start and its end
    std::string account;
    std::string name;
    bool is_dry_run = false;
    std::size_t limit = 50;
};

Result<void> upload(Cli& cli, ApiClient& client, const Arguments& arguments) {
    const std::filesystem::path file(arguments.file);
    const std::string name = arguments.name.empty() ? file.filename().string() : arguments.name;
    const auto account = provider_id(client, arguments.account);
    if (!account) return account.error();
    const auto report = client.upload(kPath,
                                      {{"billingPeriodStart", arguments.period.front()},
                                       {"billingPeriodEnd", arguments.period.back()},
                                       {"integrationAuthenticationId", *account},
                                       {"name", name},
                                       {"dryRun", arguments.is_dry_run ? "true" : ""}},
                                      file, table_content_type(file));
    if (!report) return report.error();
    print_rows_report(cli, *report,
                      {"fileId", "rowCount", "totalAmount", "storedCount", "badCount", "stored"});
    return {};
}

}  // namespace

void add_charge_file_commands(CLI::App& charges, Cli& cli) {
    static Arguments arguments;
    auto* file = charges.add_subcommand(
        "file", "Upload a file of charges (CSV, XLSX); it is charged by enqueue --file");
    file->add_option("path", arguments.file, "The file")->required();
    file->add_option("--period", arguments.period, "The billing period: its start and its end")
        ->required()
        ->expected(2);
    file->add_option("--account", arguments.account,
                     "The Rev.io account, by id or name; none: for customers without Rev.io");
    file->add_option("--name", arguments.name, "What it is called; else by the file's name");
    file->add_flag("--dry-run", arguments.is_dry_run, "Check and count, store nothing");
    on_command(file, cli, arguments, upload);
    auto* files = charges.add_subcommand("files", "Files of charges, newest first");
    files->add_option("--limit", arguments.limit, "How many to show")
        ->check(CLI::Range(std::size_t{1}, kMaxListed));
    files->callback([&cli] {
        cli.command = with_client(cli, [&cli](ApiClient& client) {
            return show_list(
                cli, client, kPath, {}, arguments.limit,
                {"fileId", "name", "billingPeriodStart", "billingPeriodEnd",
                 "integrationAuthenticationId", "rowCount", "chargeRunId", "uploadedBy"});
        });
    });
}

}  // namespace carryall::app
