// See api_client.hpp.
#include "app/api_client.hpp"

#include <fstream>
#include <iostream>

#include "base/text.hpp"
#include "http/problem.hpp"

namespace carryall::app {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
namespace json = base::json;

constexpr std::chrono::seconds kCallTimeout{120};
constexpr std::size_t kListPage = 500;
constexpr std::size_t kMaxPages = 10'000;
constexpr std::size_t kMaxTokenBytes = 4'096;

// "row 12, column iccid"
std::string place_of(const json::value& item) {
    std::string place;
    const auto add = [&](const char* name, const char* label) {
        const std::string text = cell(item, name);
        if (!text.empty()) place += (place.empty() ? "" : ", ") + std::string(label) + text;
    };
    add("row", "row ");
    add("column", "column ");
    add("pointer", "");
    add("parameter", "parameter ");
    add("header", "header ");
    add("where", "");
    add("identifier", "");
    return place;
}

void add_items(const json::value& problem, std::string& text) {
    const json::value* errors = problem.get_object().if_contains("errors");
    if (errors != nullptr && errors->is_array()) {
        for (const json::value& item : errors->get_array()) {
            const std::string place = place_of(item);
            text += "\n  " + place + (place.empty() ? "" : ": ") + cell(item, "detail");
        }
    }
    const std::string more = cell(problem, "moreErrors");
    if (!more.empty() && more != "0") text += "\n  … and " + more + " more";
    const json::value* reasons = problem.get_object().if_contains("reasons");
    if (reasons == nullptr || !reasons->is_array()) return;
    for (const json::value& reason : reasons->get_array()) {
        text += "\n  " + cell(reason, "count") + " × " + cell(reason, "reason");
    }
}

Result<std::string> token_of_file(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string text(kMaxTokenBytes, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    text = base::trim(text);
    if (text.empty()) return base::invalid_input("this file holds no token", file);
    return text;
}

Result<std::string> checked_url(std::string url) {
    while (!url.empty() && url.back() == '/') url.pop_back();
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
        return base::invalid_input(
            "the API's address must begin with http:// or https://, such as "
            "http://127.0.0.1:8080",
            "CARRYALL_URL or --url");
    }
    return url;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    static constexpr std::string_view kPlain = "-._~";
    std::string out;
    for (const char c : text) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
        if (is_plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15U];
    }
    return out;
}

std::string query_text(const Parameters& parameters) {
    std::string text;
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        text += (text.empty() ? "" : "&") + percent_encoded(name) + '=' + percent_encoded(value);
    }
    return text;
}

Error describe_problem(int status, std::string_view content_type, std::string_view body,
                       std::optional<std::chrono::seconds> retry_after) {
    Error error{http::kind_of(status), {}, {}};
    const bool is_problem = content_type.find("json") != std::string_view::npos;
    const auto parsed = is_problem ? base::parse_json(body) : Result<json::value>(json::value());
    if (!parsed || !parsed->is_object()) {
        error.message = "the server answered with status " + std::to_string(status) +
                        " and no explanation; is CARRYALL_URL the address of the API?";
        return error;
    }
    const std::string title = cell(*parsed, "title");
    const std::string detail = cell(*parsed, "detail");
    error.message = title + (title.empty() || detail.empty() ? "" : ": ") + detail;
    add_items(*parsed, error.message);
    if (retry_after) {
        error.message += "\n  try again in " + std::to_string(retry_after->count()) + " s";
    }
    const std::string id = cell(*parsed, "instance");
    if (!id.empty()) error.message += "\n  request " + id;
    return error;
}

Result<ApiClient> ApiClient::make(Cli& cli, const Environment& environment) {
    std::string url = cli.url;
    if (url.empty()) url = environment("CARRYALL_URL").value_or("");
    if (url.empty()) {
        return base::invalid_input(
            "say where the API is: set CARRYALL_URL, such as http://127.0.0.1:8080, or use --url");
    }
    auto checked = checked_url(std::move(url));
    if (!checked) return checked.error();
    std::string token = cli.token;
    std::string file = cli.token_file;
    if (token.empty() && file.empty()) token = environment("CARRYALL_TOKEN").value_or("");
    if (token.empty() && file.empty()) file = environment("CARRYALL_TOKEN_FILE").value_or("");
    if (token.empty() && !file.empty()) {
        auto read = token_of_file(file);
        if (!read) return read.error();
        token = std::move(*read);
    }
    if (token.empty()) {
        return Error{ErrorKind::unauthenticated,
                     "say who you are: set CARRYALL_TOKEN, or CARRYALL_TOKEN_FILE to a file that "
                     "holds a token; `carryall tokens create` makes one",
                     {}};
    }
    return ApiClient(cli, std::move(*checked), base::Secret(std::move(token)));
}

Result<http::TransferAnswer> ApiClient::run(http::TransferRequest& request) {
    request.url = url_ + request.url;
    request.headers.emplace_back("Authorization", "Bearer " + token_.reveal());
    auto answer = http::transfer(request);
    if (!answer) {
        Error error = answer.error();
        if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout) {
            error.message = "the API at " + url_ + " does not answer: " + error.message;
        }
        return error;
    }
    if (answer->status / 100 != 2) {
        cli_->problem = answer->body;
        return describe_problem(answer->status, answer->content_type, answer->body,
                                answer->retry_after);
    }
    return answer;
}

Result<json::value> ApiClient::exchange(http::TransferRequest request, const Parameters& headers) {
    for (const auto& header : headers) {
        if (!header.second.empty()) request.headers.push_back(header);
    }
    const auto answer = run(request);
    if (!answer) return answer.error();
    if (answer->body.empty()) return json::value();
    auto parsed = base::parse_json(answer->body);
    if (!parsed) {
        return base::internal_error(
            "the server's answer is no JSON; is CARRYALL_URL the address "
            "of the API?");
    }
    return parsed;
}

Result<json::value> ApiClient::get(const std::string& path, const Parameters& query) {
    http::TransferRequest request;
    const std::string text = query_text(query);
    request.url = path + (text.empty() ? "" : "?" + text);
    request.timeout = kCallTimeout;
    return exchange(std::move(request), {});
}

Result<json::value> ApiClient::send(http::Method method, const std::string& path,
                                    const json::value& body, const Parameters& headers) {
    http::TransferRequest request;
    request.method = method;
    request.url = path;
    request.body = serialize(body);
    request.headers.emplace_back("Content-Type", "application/json");
    return exchange(std::move(request), headers);
}

Result<json::value> ApiClient::send(http::Method method, const std::string& path) {
    http::TransferRequest request;
    request.method = method;
    request.url = path;
    request.timeout = kCallTimeout;
    return exchange(std::move(request), {});
}

Result<json::value> ApiClient::upload(const std::string& path, const Parameters& query,
                                      const std::filesystem::path& file,
                                      const std::string& content_type, const Parameters& headers) {
    http::TransferRequest request;
    request.method = http::Method::post;
    request.url = path;
    const std::string text = query_text(query);
    if (!text.empty()) request.url += '?' + text;
    request.body_file = file;
    request.headers.emplace_back("Content-Type", content_type);
    return exchange(std::move(request), headers);
}

Result<void> ApiClient::download(const std::string& path, const Parameters& query,
                                 const std::string& accept,
                                 std::function<bool(std::string_view)> on_piece,
                                 std::chrono::milliseconds at_most) {
    http::TransferRequest request;
    request.timeout = at_most;
    const std::string text = query_text(query);
    request.url = path + (text.empty() ? "" : "?" + text);
    request.headers.emplace_back("Accept", accept);
    request.on_piece = std::move(on_piece);
    const auto answer = run(request);
    if (!answer) return answer.error();
    return {};
}

Result<json::array> ApiClient::list(const std::string& path, Parameters query, std::size_t most) {
    json::array all;
    query.emplace_back("limit", std::to_string(std::min(most, kListPage)));
    query.emplace_back("pageToken", "");
    for (std::size_t page = 0; page < kMaxPages && all.size() < most; ++page) {
        auto answer = get(path, query);
        if (!answer) return answer.error();
        json::value* items =
            answer->is_object() ? answer->get_object().if_contains("items") : nullptr;
        if (items == nullptr || !items->is_array()) {
            return base::internal_error("the server's answer is no list");
        }
        for (json::value& item : items->get_array()) {
            if (all.size() < most) all.push_back(std::move(item));
        }
        query.back().second = cell(*answer, "nextPageToken");
        if (query.back().second.empty()) break;
    }
    return all;
}

Result<void> show_list(const Cli& cli, ApiClient& client, const std::string& path,
                       const Parameters& query, std::size_t most, const Row& columns) {
    const auto items = client.list(path, query, most);
    if (!items) return items.error();
    if (cli.json)
        print_json(*items);
    else
        std::cout << format_table(columns, cells(*items, columns));
    return {};
}

base::Result<std::string> provider_id(ApiClient& client, const std::string& given) {
    if (given.empty() || base::all_digits(given)) return given;
    constexpr std::size_t kMaxProviders = 10'000;
    const auto all = client.list("/v1/service-providers", {}, kMaxProviders);
    if (!all) return all.error();
    std::string known;
    for (const base::json::value& provider : *all) {
        const std::string name = cell(provider, "name");
        if (base::ascii_lower(name) == base::ascii_lower(given)) {
            return cell(provider, "serviceProviderId");
        }
        known += (known.empty() ? "" : ", ") + name;
    }
    return base::not_found("there is no service provider \"" + given + "\"; there are: " + known);
}

Result<void> show_short_list(const Cli& cli, ApiClient& client, const std::string& path,
                             const Row& columns) {
    const auto answer = client.get(path);
    if (!answer) return answer.error();
    const json::array& items = answer->at("items").as_array();
    if (cli.json) {
        print_json(items);
    } else {
        std::cout << format_table(columns, cells(items, columns));
    }
    return {};
}

}  // namespace carryall::app
