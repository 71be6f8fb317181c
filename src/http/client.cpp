// libcurl's multi interface over an epoll loop of our own. Chosen by measurement (bench/README.md):
// handles are reused and keep their options, sockets stay registered between exchanges, and few
// connections are kept busy instead of many.
//
// What must stay true: libcurl by itself sends a request again when a reused connection dies before
// the answer. The other side may have carried it out already, so before_request() forbids that for
// every method that changes something.
#include "http/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <curl/curl.h>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.hpp"
#include "base/text.hpp"
#include "http/exchange_files.hpp"

namespace carryall::http {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

struct HeaderList::Prepared {
    curl_slist* list = nullptr;
    // The part of the list that was asked for. Curl 7.88 signs the headers that it is told to leave
    // out as if they were sent, so a signed request is given this part alone.
    curl_slist* given = nullptr;
    bool sendable = true;

    Prepared() = default;
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;
    ~Prepared() { curl_slist_free_all(list); }

    void append(const std::string& line) {
        curl_slist* longer = curl_slist_append(list, line.c_str());
        CHECK(longer != nullptr);
        list = longer;
    }
    void append_given(const std::string& line) {
        append(line);
        if (given != nullptr) return;
        for (given = list; given->next != nullptr;) given = given->next;
    }
};

namespace {

constexpr int kMaxEventsAtOnce = 64;
constexpr milliseconds kWaitingCheckEvery{50};
constexpr std::chrono::seconds kMaxRetryAfter{86'400};
constexpr std::size_t kMaxIdleOrigins = 64;

bool is_header_name(std::string_view name) {
    static constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') ||
               (base::ascii_lower(c) >= 'a' && base::ascii_lower(c) <= 'z') ||
               kSymbols.find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view value) {
    return std::none_of(value.begin(), value.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

// Headers that curl would add by itself and we do not want.
void suppress_curls_own(HeaderList::Prepared& prepared, bool has_content_type) {
    prepared.append("Expect:");  // a wait for "100 Continue" before every larger body
    if (!has_content_type) prepared.append("Content-Type:");  // a form, it would claim
}

std::string_view origin_of(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return url;
    return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

std::optional<std::chrono::seconds> parse_retry_after(const char* text) {
    std::int64_t seconds = 0;
    if (base::all_digits(base::trim(text))) {
        seconds = base::parse_int(base::trim(text)).value_or(kMaxRetryAfter.count());
    } else {
        const time_t when = curl_getdate(text, nullptr);
        if (when == -1) return std::nullopt;
        seconds = static_cast<std::int64_t>(when) - static_cast<std::int64_t>(time(nullptr));
    }
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMaxRetryAfter.count()));
}

// Exchanges with one scheme, host and port: how many are with curl, and who waits for a connection.
struct Exchange;
struct Origin {
    std::size_t active = 0;
    std::deque<Exchange*> waiting;
};

// One easy handle and the exchange it carries out at present. Options that equal those of the
// handle's last exchange are not set again.
struct Exchange {
    CURL* easy = nullptr;
    const OutboundGuard* guard = nullptr;
    std::size_t max_body_bytes = 0;
    std::function<void(curl_socket_t)> on_socket;

    ClientRequest request;
    ClientResponse response;
    Origin* origin = nullptr;
    SteadyTime started;
    SteadyTime deadline;
    bool busy = false;
    bool with_curl = false;
    bool too_large = false;
    bool repeat_refused = false;
    bool head_complete = false;  // of the answer
    int times_begun = 0;         // how often curl was about to send the request
    std::string guard_refusal;
    std::array<char, CURL_ERROR_SIZE> error_text{};
    ExchangeFiles files;

    std::string set_url;
    std::optional<Method> set_method;
    curl_slist* set_headers = nullptr;  // null: none were ever set
    milliseconds set_timeout{-1};
    std::shared_ptr<const AwsSigning> set_signing;
    curl_off_t set_max_bytes = -1;
};

template <class T>
void set(CURL* easy, CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

int status_of(CURL* easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    const std::size_t bytes = size * count;
    if (exchange.files.has_answer() && is_success(status_of(exchange.easy))) {
        exchange.too_large =
            exchange.files.answer_bytes() + bytes > exchange.request.max_answer_file_bytes;
        return !exchange.too_large && exchange.files.write(data, bytes) ? bytes : 0;
    }
    if (exchange.response.body.size() + bytes > exchange.max_body_bytes) {
        exchange.too_large = true;
        return 0;
    }
    exchange.response.body.append(data, bytes);
    return bytes;
}

// Of a body that is a file; curl asks for as many bytes as were announced.
std::size_t on_read(char* into, std::size_t size, std::size_t count, void* user) {
    const std::size_t bytes = static_cast<Exchange*>(user)->files.read(into, size * count);
    return bytes > 0 ? bytes : CURL_READFUNC_ABORT;
}

// Curl takes a connection that closes amid the headers for the end of an answer without a body.
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    const std::size_t bytes = size * count;
    static_cast<Exchange*>(user)->head_complete = bytes <= 2 && data[0] < ' ';
    return bytes;
}

std::int64_t bytes_sent(CURL* easy) {
    long headers = 0;
    curl_off_t body = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &headers);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &body);
    return headers + body;
}

int before_request(void* user, char*, char*, int, int) {
    auto& exchange = *static_cast<Exchange*>(user);
    const bool repeatable =
        exchange.request.method == Method::get || exchange.request.method == Method::head;
    if (++exchange.times_begun > 1 && !repeatable && bytes_sent(exchange.easy) > 0) {
        exchange.repeat_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

// The guard stands here because this is the address that is connected to.
curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
    auto& exchange = *static_cast<Exchange*>(user);
    const auto ip = IpAddress::from(address->addr);
    if (!ip || !exchange.guard->allows(*ip)) {
        exchange.guard_refusal =
            ip ? "the outbound guard refuses " + ip->to_string() + " (" +
                     std::string(to_string(classify(*ip))) + ")"
               : std::string("the outbound guard refuses an address that is no IP address");
        return CURL_SOCKET_BAD;
    }
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                            address->protocol);
    if (fd >= 0) exchange.on_socket(fd);
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

class CurlClient final : public Client {
  public:
    explicit CurlClient(ClientOptions options);
    ~CurlClient() override;

    void start(ClientRequest request) override;
    void wait(milliseconds at_most, std::vector<ClientResponse>& out) override;
    std::size_t in_flight() const override { return busy_ + finished_.size(); }
    void wake() override;
    void cancel_all() override;

  private:
    // What epoll watches of a socket and what curl wants of it at present. Sockets of ours stay
    // watched for input while curl has no exchange on them: that saves two system calls for each
    // exchange.
    struct Watch {
        bool ours = false;
        std::uint32_t watched = 0;
        int wanted = 0;
    };

    static int on_socket_change(CURL*, curl_socket_t fd, int what, void* user, void*);
    static int on_timer_change(CURLM*, long delay, void* user);
    static int close_socket(void* user, curl_socket_t fd);
    Watch& watch_of(curl_socket_t fd);
    void watch(curl_socket_t fd, Watch& entry, std::uint32_t events);

    Exchange& idle_exchange();
    CURL* new_handle(Exchange& exchange);
    void give_to_curl(Exchange& exchange);
    void set_options(Exchange& exchange);
    void set_limits_and_signature(Exchange& exchange);
    void start_waiting(Origin& origin);
    void expire_waiting(SteadyTime now);
    void run_curl_timer(SteadyTime now);
    void on_events(int count);
    void collect();
    void finish(Exchange& exchange, CURLcode code);
    void settle(Exchange& exchange, Transport transport, std::string reason);
    void release(Exchange& exchange);
    int sleep_for(SteadyTime now, SteadyTime until) const;

    const ClientOptions options_;
    CURLM* multi_ = nullptr;
    int epoll_ = -1;
    int wake_ = -1;
    bool woken_ = false;
    HeaderList::Prepared no_headers_;
    std::vector<Watch> watches_;
    std::array<epoll_event, kMaxEventsAtOnce> events_{};
    std::optional<SteadyTime> curl_timer_;
    std::vector<std::unique_ptr<Exchange>> exchanges_;
    std::vector<Exchange*> idle_;
    std::map<std::string, Origin, std::less<>> origins_;
    std::vector<ClientResponse> finished_;
    std::size_t busy_ = 0;
    std::size_t waiting_ = 0;
    SteadyTime next_waiting_check_;
};

void init_curl_once() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

CurlClient::CurlClient(ClientOptions options) : options_(std::move(options)) {
    init_curl_once();
    suppress_curls_own(no_headers_, false);
    multi_ = curl_multi_init();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(multi_ != nullptr && epoll_ >= 0 && wake_ >= 0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = wake_;
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlClient::on_socket_change);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlClient::on_timer_change);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    const auto kept = std::min<std::size_t>(options_.max_in_flight, 2'000);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kept));
}

CurlClient::~CurlClient() {
    for (const auto& exchange : exchanges_) {
        if (exchange->with_curl) curl_multi_remove_handle(multi_, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    curl_multi_cleanup(multi_);  // closes connections through close_socket()
    ::close(wake_);
    ::close(epoll_);
}

// --- sockets and the timer -------------------------------------------------------------------

CurlClient::Watch& CurlClient::watch_of(curl_socket_t fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= watches_.size()) watches_.resize(index + 64);
    return watches_[index];
}

void CurlClient::watch(curl_socket_t fd, Watch& entry, std::uint32_t events) {
    if (entry.watched == events) return;
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    const int operation = entry.watched == 0 ? EPOLL_CTL_ADD
                          : events == 0      ? EPOLL_CTL_DEL
                                             : EPOLL_CTL_MOD;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) {
        CHECK(operation == EPOLL_CTL_DEL || errno == ENOMEM || errno == ENOSPC);
    }
    entry.watched = events;
}

int CurlClient::on_socket_change(CURL*, curl_socket_t fd, int what, void* user, void*) {
    auto& self = *static_cast<CurlClient*>(user);
    Watch& entry = self.watch_of(fd);
    if (what == CURL_POLL_REMOVE) {
        entry.wanted = 0;
        if (!entry.ours || (entry.watched & EPOLLOUT) != 0) self.watch(fd, entry, 0);
        return 0;
    }
    entry.wanted = what;
    std::uint32_t events = 0;
    if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
    self.watch(fd, entry, events);
    return 0;
}

int CurlClient::on_timer_change(CURLM*, long delay, void* user) {
    auto& self = *static_cast<CurlClient*>(user);
    if (delay < 0) {
        self.curl_timer_.reset();
    } else {
        self.curl_timer_ = std::chrono::steady_clock::now() + milliseconds(delay);
    }
    return 0;
}

// Connections outlive the handle that opened them, hence the client as user data.
int CurlClient::close_socket(void* user, curl_socket_t fd) {
    static_cast<CurlClient*>(user)->watch_of(fd) = Watch{};
    return ::close(fd);
}

// --- starting ----------------------------------------------------------------------------------

CURL* CurlClient::new_handle(Exchange& exchange) {
    CURL* easy = curl_easy_init();
    CHECK(easy != nullptr);
    set(easy, CURLOPT_PRIVATE, &exchange);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, options_.https_only ? "https" : "http,https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROXY, "");  // an empty one also keeps those of the environment out
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);  // nothing is unpacked, so nothing can explode
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(options_.max_idle.count()));
    set(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    if (!options_.ca_file.empty()) set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    set(easy, CURLOPT_ERRORBUFFER, exchange.error_text.data());
    set(easy, CURLOPT_WRITEFUNCTION, &on_body);
    set(easy, CURLOPT_WRITEDATA, &exchange);
    set(easy, CURLOPT_READFUNCTION, &on_read);
    set(easy, CURLOPT_READDATA, &exchange);
    set(easy, CURLOPT_HEADERFUNCTION, &on_header);
    set(easy, CURLOPT_HEADERDATA, &exchange);
    set(easy, CURLOPT_PREREQFUNCTION, &before_request);
    set(easy, CURLOPT_PREREQDATA, &exchange);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, &exchange);
    set(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlClient::close_socket);
    set(easy, CURLOPT_CLOSESOCKETDATA, this);
    return easy;
}

Exchange& CurlClient::idle_exchange() {
    if (idle_.empty()) {
        auto made = std::make_unique<Exchange>();
        made->guard = &options_.guard;
        made->max_body_bytes = options_.max_body_bytes;
        made->on_socket = [this](curl_socket_t fd) {
            watch_of(fd) = Watch{};
            watch_of(fd).ours = true;
        };
        made->easy = new_handle(*made);
        idle_.push_back(made.get());
        exchanges_.push_back(std::move(made));
    }
    // The handle used last: its memory is warm.
    Exchange& exchange = *idle_.back();
    idle_.pop_back();
    return exchange;
}

void CurlClient::start(ClientRequest request) {
    CHECK(in_flight() < options_.max_in_flight);
    Exchange& exchange = idle_exchange();
    exchange.request = std::move(request);
    exchange.response = ClientResponse{};
    exchange.response.tag = exchange.request.tag;
    exchange.started = std::chrono::steady_clock::now();
    exchange.deadline = exchange.started + exchange.request.timeout;
    exchange.busy = true;
    exchange.too_large = exchange.repeat_refused = exchange.head_complete = false;
    exchange.times_begun = 0;
    exchange.guard_refusal.clear();
    exchange.error_text[0] = '\0';
    ++busy_;

    const std::string_view name = origin_of(exchange.request.url);
    auto found = origins_.find(name);
    if (found == origins_.end()) {
        if (origins_.size() >= kMaxIdleOrigins) {
            std::erase_if(origins_, [](const auto& item) {
                return item.second.active == 0 && item.second.waiting.empty();
            });
        }
        found = origins_.emplace(std::string(name), Origin{}).first;
    }
    exchange.origin = &found->second;

    const auto* prepared = exchange.request.headers.prepared();
    const auto opened =
        exchange.files.open(exchange.request.body_file, exchange.request.answer_file);
    if (!opened) {
        settle(exchange, Transport::not_sent, opened.error().message);
    } else if (prepared != nullptr && !prepared->sendable) {
        settle(exchange, Transport::not_sent, "a request header holds a line end or a control");
    } else if (exchange.request.timeout <= milliseconds(0)) {
        settle(exchange, Transport::not_sent, "the deadline had passed before sending");
    } else if (exchange.origin->active >= options_.max_connections_per_host) {
        exchange.origin->waiting.push_back(&exchange);
        ++waiting_;
    } else {
        give_to_curl(exchange);
    }
}

void CurlClient::set_options(Exchange& exchange) {
    CURL* easy = exchange.easy;
    const ClientRequest& request = exchange.request;
    if (exchange.set_url != request.url) {
        set(easy, CURLOPT_URL, request.url.c_str());
        exchange.set_url = request.url;
    }
    const bool has_body = request.method != Method::get && request.method != Method::head;
    if (exchange.set_method != request.method) {
        const bool plain_post = request.method == Method::post;
        const std::string name(to_string(request.method));
        if (has_body) set(easy, CURLOPT_POST, 1L);
        if (request.method == Method::get) set(easy, CURLOPT_HTTPGET, 1L);
        if (request.method == Method::head) set(easy, CURLOPT_NOBODY, 1L);
        set(easy, CURLOPT_CUSTOMREQUEST, has_body && !plain_post ? name.c_str() : nullptr);
        exchange.set_method = request.method;
    }
    if (has_body) {
        const bool is_file = exchange.files.has_body();
        const std::uint64_t bytes = is_file ? exchange.files.body_bytes() : request.body.size();
        // Nothing to copy from and more than no bytes: curl asks on_read().
        set(easy, CURLOPT_POSTFIELDS, is_file && bytes > 0 ? nullptr : request.body.c_str());
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
    }
    set_limits_and_signature(exchange);
    const auto* prepared = request.headers.prepared();
    const auto& headers_of_request = prepared != nullptr ? *prepared : no_headers_;
    curl_slist* headers =
        request.signing != nullptr ? headers_of_request.given : headers_of_request.list;
    if (exchange.set_headers != headers) {
        set(easy, CURLOPT_HTTPHEADER, headers);
        exchange.set_headers = headers;
    }
}

void CurlClient::set_limits_and_signature(Exchange& exchange) {
    CURL* easy = exchange.easy;
    const ClientRequest& request = exchange.request;
    // Curl would also refuse a HEAD's answer, which has a length and no body. 0: no limit.
    const std::uint64_t in_file = request.answer_file.empty() ? 0 : request.max_answer_file_bytes;
    const auto max_bytes =
        request.method == Method::head
            ? 0
            : static_cast<curl_off_t>(std::max<std::uint64_t>(options_.max_body_bytes, in_file));
    if (exchange.set_max_bytes != max_bytes) {
        set(easy, CURLOPT_MAXFILESIZE_LARGE, max_bytes);
        exchange.set_max_bytes = max_bytes;
    }
    if (exchange.set_signing == request.signing) return;
    const AwsSigning* signing = request.signing.get();
    exchange.set_signing = request.signing;
    if (signing == nullptr) {
        set(easy, CURLOPT_AWS_SIGV4, nullptr);
        set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_USERNAME, nullptr);
        set(easy, CURLOPT_PASSWORD, nullptr);
        return;
    }
    const std::string scope = "aws:amz:" + signing->region + ":" + signing->service;
    set(easy, CURLOPT_AWS_SIGV4, scope.c_str());
    set(easy, CURLOPT_USERNAME, signing->access_key.c_str());
    set(easy, CURLOPT_PASSWORD, signing->secret_key.reveal().c_str());
}

void CurlClient::give_to_curl(Exchange& exchange) {
    set_options(exchange);
    // What is left of the deadline; the whole of it for those that did not wait, which saves a
    // call.
    milliseconds timeout = exchange.request.timeout;
    if (waiting_ > 0) {
        timeout =
            std::chrono::ceil<milliseconds>(exchange.deadline - std::chrono::steady_clock::now());
        timeout = std::max(timeout, milliseconds(1));
    }
    if (exchange.set_timeout != timeout) {
        set(exchange.easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
        exchange.set_timeout = timeout;
    }
    exchange.with_curl = true;
    ++exchange.origin->active;
    CHECK(curl_multi_add_handle(multi_, exchange.easy) == CURLM_OK);
}

void CurlClient::start_waiting(Origin& origin) {
    while (!origin.waiting.empty() && origin.active < options_.max_connections_per_host) {
        Exchange& next = *origin.waiting.front();
        origin.waiting.pop_front();
        give_to_curl(next);  // before the count falls: it has waited
        --waiting_;
    }
}

// --- finishing ---------------------------------------------------------------------------------

void CurlClient::release(Exchange& exchange) {
    exchange.busy = false;
    exchange.request.body.clear();
    exchange.request.answer_headers.clear();
    exchange.request.signing.reset();
    idle_.push_back(&exchange);
    --busy_;
}

void CurlClient::settle(Exchange& exchange, Transport transport, std::string reason) {
    ClientResponse& response = exchange.response;
    const bool is_good = transport == Transport::ok && is_success(response.status);
    if (!exchange.files.close(is_good) && is_good) {
        transport = Transport::lost;
        reason = "the answer's file could not be written to its end";
    }
    response.transport = transport;
    response.reason = std::move(reason);
    if (transport != Transport::ok) response.body.clear();  // a part must not pass for the whole
    response.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - exchange.started);
    finished_.push_back(std::move(response));
    release(exchange);
}

void CurlClient::finish(Exchange& exchange, CURLcode code) {
    CURL* easy = exchange.easy;
    ClientResponse& response = exchange.response;
    const int status = status_of(easy);
    response.status = status;
    Transport transport = Transport::ok;
    std::string reason;
    if (code == CURLE_OK && !exchange.head_complete) {
        transport = Transport::lost;
        reason = "the connection closed amid the answer's headers";
    } else if (code == CURLE_OK) {
        const char* type = nullptr;
        curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
        if (type != nullptr) response.content_type = type;
        curl_off_t length = -1;
        curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length >= 0) response.content_length = static_cast<std::uint64_t>(length);
        curl_header* header = nullptr;
        if ((status >= 300 || status == 202) &&
            curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
            response.retry_after = parse_retry_after(header->value);
        }
        for (std::string& name : exchange.request.answer_headers) {
            if (curl_easy_header(easy, name.c_str(), 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
                // Curl leaves the line end on a header without a value.
                response.headers.emplace_back(std::move(name), base::trim(header->value));
            }
        }
    } else {
        // Under TLS a record may have left us although the write as a whole is not counted, so
        // there only a request that was never begun counts as not sent.
        const bool tls = exchange.request.url.starts_with("https");
        const bool sent = bytes_sent(easy) > 0 || (tls && exchange.times_begun > 0);
        transport = !sent                              ? Transport::not_sent
                    : code == CURLE_OPERATION_TIMEDOUT ? Transport::timeout
                                                       : Transport::lost;
        reason =
            exchange.error_text[0] != '\0' ? exchange.error_text.data() : curl_easy_strerror(code);
        if (!exchange.guard_refusal.empty() && !sent) reason = exchange.guard_refusal;
        if (exchange.repeat_refused) reason = "the connection died before an answer came";
        if (exchange.too_large || code == CURLE_FILESIZE_EXCEEDED) {
            const std::uint64_t most = exchange.request.answer_file.empty()
                                           ? options_.max_body_bytes
                                           : exchange.request.max_answer_file_bytes;
            reason = "the answer is larger than " + std::to_string(most) + " bytes";
        }
    }
    curl_multi_remove_handle(multi_, easy);
    exchange.with_curl = false;
    Origin& origin = *exchange.origin;
    --origin.active;
    settle(exchange, transport, std::move(reason));
    start_waiting(origin);
}

void CurlClient::collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        Exchange* exchange = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        finish(*exchange, code);
    }
}

void CurlClient::expire_waiting(SteadyTime now) {
    if (waiting_ == 0 || now < next_waiting_check_) return;
    next_waiting_check_ = now + kWaitingCheckEvery;
    for (auto& [name, origin] : origins_) {
        std::erase_if(origin.waiting, [&](Exchange* exchange) {
            if (exchange->deadline > now) return false;
            settle(*exchange, Transport::not_sent, "no connection became free before the deadline");
            --waiting_;
            return true;
        });
    }
}

void CurlClient::cancel_all() {
    for (auto& [name, origin] : origins_) {
        for (Exchange* exchange : origin.waiting) {
            settle(*exchange, Transport::not_sent, "cancelled");
        }
        waiting_ -= origin.waiting.size();
        origin.waiting.clear();
    }
    collect();  // what has finished already is not cancelled
    for (const auto& exchange : exchanges_) {
        if (!exchange->with_curl) continue;
        std::snprintf(exchange->error_text.data(), exchange->error_text.size(), "cancelled");
        finish(*exchange, CURLE_ABORTED_BY_CALLBACK);
    }
}

// --- the loop ------------------------------------------------------------------------------------

void CurlClient::wake() {
    const std::uint64_t one = 1;
    // Fails only if it is already about to wake.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void CurlClient::run_curl_timer(SteadyTime now) {
    // Each run may set the timer to "at once" again, a few times in a row.
    static constexpr int kMaxRuns = 16;
    for (int run = 0; run < kMaxRuns && curl_timer_ && *curl_timer_ <= now; ++run) {
        curl_timer_.reset();
        int running = 0;
        curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void CurlClient::on_events(int count) {
    for (int i = 0; i < count; ++i) {
        const int fd = events_[static_cast<std::size_t>(i)].data.fd;
        const std::uint32_t events = events_[static_cast<std::size_t>(i)].events;
        if (fd == wake_) {
            std::uint64_t value = 0;
            [[maybe_unused]] const auto got = ::read(wake_, &value, sizeof value);
            woken_ = true;
            continue;
        }
        Watch& entry = watch_of(fd);
        if (entry.wanted == 0) {
            // An idle connection was closed by the other side. Curl finds out before it reuses it.
            if (entry.watched != 0) watch(fd, entry, 0);
            continue;
        }
        int mask = 0;
        if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
        if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
        if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
        int running = 0;
        curl_multi_socket_action(multi_, fd, mask, &running);
    }
}

int CurlClient::sleep_for(SteadyTime now, SteadyTime until) const {
    SteadyTime next = until;
    if (curl_timer_) next = std::min(next, *curl_timer_);
    if (waiting_ > 0) next = std::min(next, std::max(next_waiting_check_, now));
    const auto left = std::chrono::ceil<milliseconds>(next - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void CurlClient::wait(milliseconds at_most, std::vector<ClientResponse>& out) {
    SteadyTime now = std::chrono::steady_clock::now();
    const SteadyTime until = now + at_most;
    while (true) {
        run_curl_timer(now);
        collect();
        expire_waiting(now);
        // What is ready is taken even if something has finished already: it costs one call for all.
        // Exchanges that collect() started are sent by the timer run of the next round.
        const int timeout = finished_.empty() && !woken_ ? sleep_for(now, until) : 0;
        const int count = epoll_wait(epoll_, events_.data(), kMaxEventsAtOnce, timeout);
        if (count > 0) on_events(count);
        collect();
        now = std::chrono::steady_clock::now();
        if (!finished_.empty() || woken_ || now >= until) break;
    }
    run_curl_timer(now);
    woken_ = false;
    for (ClientResponse& response : finished_) out.push_back(std::move(response));
    finished_.clear();
}

}  // namespace

HeaderList::HeaderList(const std::vector<std::pair<std::string, std::string>>& headers) {
    init_curl_once();
    auto prepared = std::make_shared<Prepared>();
    const bool has_content_type = std::any_of(
        headers.begin(), headers.end(),
        [](const auto& header) { return base::ascii_lower(header.first) == "content-type"; });
    suppress_curls_own(*prepared, has_content_type);
    for (const auto& [name, value] : headers) {
        if (!is_header_name(name) || !is_header_value(value)) {
            prepared->sendable = false;
            break;
        }
        // Curl reads "Name:" as "leave this header out"; a semicolon sends it empty.
        prepared->append_given(value.empty() ? name + ";" : name + ": " + value);
    }
    prepared_ = std::move(prepared);
}

const std::string* ClientResponse::header(std::string_view name) const {
    const std::string wanted = base::ascii_lower(name);
    for (const auto& [present, value] : headers) {
        if (base::ascii_lower(present) == wanted) return &value;
    }
    return nullptr;
}

std::string_view to_string(Transport transport) {
    static constexpr std::array<std::string_view, 4> kNames = {"ok", "not_sent", "timeout", "lost"};
    return kNames[static_cast<std::size_t>(transport)];
}

std::unique_ptr<Client> make_client(ClientOptions options) {
    return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace carryall::http
