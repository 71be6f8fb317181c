// The API as the user commands see it: documents in, documents out, and every refusal as one
// readable error that says what, where and what to do. What must stay true: the token is in no
// error, no output and no URL; files and answers of any size pass through without being held in
// memory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cli.hpp"
#include "app/output.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "http/transfer.hpp"

namespace carryall::app {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=x%20y"; empty values are left out.
std::string query_text(const Parameters& parameters);
// One path segment.
std::string percent_encoded(std::string_view text);

// An answer that is not a success, as an error: detail, each mistake with its place, the request's
// id.
base::Error describe_problem(int status, std::string_view content_type, std::string_view body,
                             std::optional<std::chrono::seconds> retry_after);

class ApiClient {
  public:
    // Address and token from the options, else from CARRYALL_URL, CARRYALL_TOKEN and
    // CARRYALL_TOKEN_FILE.
    static base::Result<ApiClient> make(Cli& cli, const Environment& environment);

    base::Result<base::json::value> get(const std::string& path, const Parameters& query = {});
    base::Result<base::json::value> send(http::Method method, const std::string& path,
                                         const base::json::value& body,
                                         const Parameters& headers = {});
    // Without a body.
    base::Result<base::json::value> send(http::Method method, const std::string& path);
    base::Result<base::json::value> post(const std::string& path) {
        return send(http::Method::post, path);
    }
    // The file is the body.
    base::Result<base::json::value> upload(const std::string& path, const Parameters& query,
                                           const std::filesystem::path& file,
                                           const std::string& content_type,
                                           const Parameters& headers = {});
    // Hands the answer on in pieces; false from `on_piece` ends it early. `at_most` 0: as long as
    // bytes come.
    base::Result<void> download(const std::string& path, const Parameters& query,
                                const std::string& accept,
                                std::function<bool(std::string_view)> on_piece,
                                std::chrono::milliseconds at_most = {});
    // All pages, up to `most` items.
    base::Result<base::json::array> list(const std::string& path, Parameters query,
                                         std::size_t most);

  private:
    ApiClient(Cli& cli, std::string url, base::Secret token)
        : cli_(&cli), url_(std::move(url)), token_(std::move(token)) {}

    base::Result<base::json::value> exchange(http::TransferRequest request,
                                             const Parameters& headers);
    base::Result<http::TransferAnswer> run(http::TransferRequest& request);

    Cli* cli_;
    std::string url_;
    base::Secret token_;
};

// A command that runs `action` with a client.
template <class Action>
std::function<base::Result<void>()> with_client(Cli& cli, Action action) {
    return [&cli, action]() -> base::Result<void> {
        auto client = ApiClient::make(cli, process_environment());
        if (!client) return client.error();
        return action(*client);
    };
}

// `app` runs action(cli, client, arguments), with the arguments as they are when the command line
// has been read.
template <class Arguments, class Action>
void on_command(CLI::App* app, Cli& cli, const Arguments& arguments, Action action) {
    app->callback([&cli, &arguments, action] {
        cli.command = with_client(cli, [&cli, &arguments, action](ApiClient& client) {
            return action(cli, client, arguments);
        });
    });
}

// "12", or the name of a service provider; empty stays empty.
base::Result<std::string> provider_id(ApiClient& client, const std::string& given);

// Prints a list of the API, at most `most` items: a table of these columns, or the JSON.
base::Result<void> show_list(const Cli& cli, ApiClient& client, const std::string& path,
                             const Parameters& query, std::size_t most, const Row& columns);

// The same for a list of the API that is never longer than one answer.
base::Result<void> show_short_list(const Cli& cli, ApiClient& client, const std::string& path,
                                   const Row& columns);

}  // namespace carryall::app
