// libcurl's easy interface, a fresh connection each time: curl repeats requests by itself only on
// reused connections.
#include "http/transfer.hpp"

#include <array>
#include <curl/curl.h>
#include <fstream>
#include <memory>
#include <mutex>
#include <system_error>

#include "base/text.hpp"

namespace carryall::http {
namespace {

using base::Result;

constexpr std::chrono::milliseconds kConnectTimeout{10'000};

struct State {
    const TransferRequest& request;
    TransferAnswer answer;
    std::ifstream file;
    std::uint64_t sent = 0;
    bool too_large = false;
    CURL* easy = nullptr;
};

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

template <class T>
void set(CURL* easy, CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& state = *static_cast<State*>(user);
    const std::string_view piece(data, size * count);
    long status = 0;
    curl_easy_getinfo(state.easy, CURLINFO_RESPONSE_CODE, &status);
    if (state.request.on_piece && status / 100 == 2) {
        if (state.request.on_piece(piece)) return piece.size();
        state.answer.ended_by_caller = true;
        return 0;
    }
    if (state.answer.body.size() + piece.size() > kMaxTransferAnswerBytes) {
        state.too_large = true;
        return 0;
    }
    state.answer.body.append(piece);
    return piece.size();
}

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* user) {
    auto& state = *static_cast<State*>(user);
    state.file.read(buffer, static_cast<std::streamsize>(size * count));
    if (state.file.bad()) return CURL_READFUNC_ABORT;
    const auto bytes = static_cast<std::size_t>(state.file.gcount());
    state.sent += bytes;
    if (state.request.on_sent) state.request.on_sent(state.sent);
    return bytes;
}

Result<void> set_body(CURL* easy, State& state) {
    const TransferRequest& request = state.request;
    set(easy, CURLOPT_CUSTOMREQUEST, std::string(to_string(request.method)).c_str());
    if (request.body_file.empty()) {
        if (request.body.empty() && request.method == Method::get) return {};
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
        return {};
    }
    std::error_code error;
    const auto bytes = std::filesystem::file_size(request.body_file, error);
    state.file.open(request.body_file, std::ios::binary);
    if (error || !state.file) {
        return base::invalid_input("this file cannot be read; check its name and its permissions",
                                   request.body_file.string());
    }
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDS, nullptr);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_READDATA, &state);
    return {};
}

std::unique_ptr<curl_slist, FreeList> header_list(const TransferRequest& request) {
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : request.headers) {
        list = curl_slist_append(list, (name + ": " + value).c_str());
    }
    return std::unique_ptr<curl_slist, FreeList>(list);
}

void set_limits(CURL* easy, const TransferRequest& request) {
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
    if (request.timeout.count() > 0) {
        set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    }
    set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_USERAGENT, "carryall");
}

bool is_header_safe(const TransferRequest& request) {
    for (const auto& [name, value] : request.headers) {
        if ((name + value).find_first_of("\r\n") != std::string::npos) return false;
    }
    return true;
}

}  // namespace

Result<TransferAnswer> transfer(const TransferRequest& request) {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
    if (!is_header_safe(request)) return base::invalid_input("a header may not hold line ends");
    const std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
    CHECK(easy != nullptr);
    State state{request, {}, {}, 0, false, easy.get()};
    std::array<char, CURL_ERROR_SIZE> text{};
    set(easy.get(), CURLOPT_ERRORBUFFER, text.data());
    set(easy.get(), CURLOPT_URL, request.url.c_str());
    set_limits(easy.get(), request);
    CARRYALL_TRY(set_body(easy.get(), state));
    const auto headers = header_list(request);
    set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
    set(easy.get(), CURLOPT_WRITEFUNCTION, &on_body);
    set(easy.get(), CURLOPT_WRITEDATA, &state);
    const CURLcode code = curl_easy_perform(easy.get());
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    state.answer.status = static_cast<int>(status);
    if (code != CURLE_OK && !state.answer.ended_by_caller) {
        const std::string why = text[0] != 0 ? text.data() : curl_easy_strerror(code);
        if (state.too_large)
            return base::Error{base::ErrorKind::too_large,
                               "the answer is larger "
                               "than " +
                                   std::to_string(kMaxTransferAnswerBytes) + " bytes",
                               {}};
        if (code == CURLE_OPERATION_TIMEDOUT) return base::Error{base::ErrorKind::timeout, why, {}};
        return base::unavailable(why);
    }
    const char* type = nullptr;
    curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
    if (type != nullptr) state.answer.content_type = type;
    curl_off_t wait = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &wait);
    if (wait > 0) state.answer.retry_after = std::chrono::seconds(wait);
    return std::move(state.answer);
}

bool EventReader::feed(std::string_view piece) {
    for (const char c : piece) {
        const bool ends_pair = c == '\n' && after_return_;
        after_return_ = c == '\r';
        if (ends_pair) continue;
        if (c != '\n' && c != '\r') {
            if (line_.size() == kMaxLineBytes) return false;
            line_ += c;
            continue;
        }
        const bool goes_on = take_line(line_);
        line_.clear();
        if (!goes_on) return false;
    }
    return true;
}

bool EventReader::take_line(std::string_view line) {
    if (line.empty()) {
        const std::string event = event_.empty() ? "message" : event_;
        const bool goes_on = !has_data_ || handler_(event, data_);
        event_.clear();
        data_.clear();
        has_data_ = false;
        return goes_on;
    }
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "event") event_ = value;
    if (field == "data") {
        if (has_data_) data_ += '\n';
        if (data_.size() + value.size() > kMaxLineBytes) return false;
        data_ += value;
        has_data_ = true;
    }
    return true;
}

}  // namespace carryall::http
