// The server on Boost.Beast's parser and Asio's sockets, callback style (g++ 12 miscompiles
// coroutines). Only this file includes them.
//
// One Session is one connection. Its state is touched on its strand only, with one exception: while
// a task of it runs on the handler pool, request_ and response_ belong to that task, and the strand
// waits for its return. One timer guards whatever the session waits for at present; a generation
// number makes a timer that fired just before it was set anew harmless.
#include <array>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>

#include "base/check.hpp"
#include "base/log.hpp"
#include "http/handler_pool.hpp"
#include "http/server.hpp"
#include "http/wire.hpp"

namespace carryall::http {
namespace {

namespace net = boost::asio;
namespace beast_http = boost::beast::http;
using tcp = net::ip::tcp;
using ErrorCode = boost::system::error_code;
// Concrete executors: they compile and run faster than any_io_executor.
using Strand = net::strand<net::io_context::executor_type>;
using Socket = net::basic_stream_socket<tcp, Strand>;
using Timer = net::basic_waitable_timer<std::chrono::steady_clock,
                                        net::wait_traits<std::chrono::steady_clock>, Strand>;
using Parser = beast_http::request_parser<beast_http::buffer_body>;
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kSliceBytes = 256u << 10;       // written under one write timeout
constexpr std::uint64_t kSmallBodyBytes = 64u << 10;  // read before `before` is asked
constexpr std::size_t kMaxLingerBytes = 8u << 20;     // discarded of a request that was refused
constexpr milliseconds kLingerTime{2'000};
constexpr milliseconds kAcceptPause{100};

IpAddress to_address(const net::ip::address& address) {
    IpAddress out;
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    } else {
        out.is_v6 = true;
        const auto bytes = address.to_v6().to_bytes();
        std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    }
    return out;
}

Problem problem(int status, std::string detail) {
    Problem out;
    out.status = status;
    out.detail = std::move(detail);
    return out;
}

class OwnedFile {
  public:
    explicit OwnedFile(int fd) : fd_(fd) {}
    ~OwnedFile() { ::close(fd_); }
    OwnedFile(const OwnedFile&) = delete;
    OwnedFile& operator=(const OwnedFile&) = delete;
    int fd() const { return fd_; }

  private:
    int fd_;
};

// A spooled body; gone from the disk when this goes.
class Spool {
  public:
    static std::unique_ptr<Spool> create(const std::filesystem::path& folder) {
        std::string name = (folder / "carryall-body-XXXXXX").string();
        const int fd = ::mkostemp(name.data(), O_CLOEXEC);
        if (fd < 0) return nullptr;
        return std::unique_ptr<Spool>(new Spool(fd, std::move(name)));
    }
    ~Spool() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    // Into the page cache, so hardly ever waits for the disk.
    bool write(const char* data, std::size_t size) {
        while (size > 0) {
            const auto written = ::write(file_.fd(), data, size);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            data += written;
            size -= static_cast<std::size_t>(written);
        }
        return true;
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    Spool(int fd, std::string path) : file_(fd), path_(std::move(path)) {}
    OwnedFile file_;
    std::filesystem::path path_;
};

}  // namespace

class Session;

class Server::Impl {
  public:
    Impl(ServerOptions options, Router router, ServerHooks hooks);
    ~Impl();

    base::Result<void> listen();
    bool drain(milliseconds at_most);
    std::size_t connections();
    void forget(const Session* session);

    const ServerOptions options_;
    const Router router_;
    const ServerHooks hooks_;
    std::atomic<bool> draining_{false};
    std::uint16_t port_ = 0;
    HandlerPool pool_;

  private:
    friend class Session;
    void accept_next();
    void on_accept(ErrorCode error, Socket socket);
    void turn_away(Socket socket);
    std::vector<std::shared_ptr<Session>> all_sessions();

    std::mutex mutex_;
    std::condition_variable session_gone_;
    std::unordered_map<const Session*, std::weak_ptr<Session>> sessions_;
    // Destroyed first, because what it still holds refers to the rest.
    net::io_context io_;
    // While all sessions are with the handler pool, nothing else would keep the event loop alive.
    net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
    Strand accept_strand_;
    net::basic_socket_acceptor<tcp, Strand> acceptor_;
    Timer accept_pause_;
    std::vector<std::thread> threads_;
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Server::Impl& server, Socket socket)
        : server_(server),
          socket_(std::move(socket)),
          timer_(socket_.get_executor()),
          buffer_(server.options_.max_header_bytes + kReadBytes) {}
    ~Session() { server_.forget(this); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void run() {
        on_strand([](Session& self) {
            ErrorCode ignored;
            self.socket_.set_option(tcp::no_delay(true), ignored);
            const auto peer = self.socket_.remote_endpoint(ignored);
            if (ignored) return self.close();
            self.peer_ = to_address(peer.address());
            self.await_request();
        });
    }
    void drain() {
        on_strand([](Session& self) {
            if (self.phase_ == Phase::idle) self.close();
            if (self.subscription_) self.subscription_->end();
        });
    }
    void cut() {
        on_strand([](Session& self) { self.close(); });
    }

  private:
    enum class Phase { idle, head, body, handling, writing, events, lingering, closed };
    enum class Next { finish, stream, events };

    template <class F>
    void on_strand(F f) {
        net::post(socket_.get_executor(),
                  [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); });
    }

    void arm(milliseconds time);
    void disarm();
    void on_deadline();
    void close();
    void linger();
    void discard();

    void await_request();
    void read_head();
    void on_head(ErrorCode error);
    void route_request(AcceptedHead head);
    void authorise_first();
    void start_body();
    void read_body();
    void on_body(ErrorCode error, std::size_t offered);
    bool keep_body(const char* data, std::size_t size);
    void run_handler(bool ask_before);
    void on_read_error(ErrorCode error);

    Response serve(bool ask_before);
    void open_file();
    void refuse(Problem problem, Headers headers = {});
    void refuse_busy();
    void complete_response();
    void send_response();
    void write_outgoing();
    void on_written(ErrorCode error);
    void finish_response();
    void next_chunk();
    void on_chunk(StreamStep step, std::string chunk);
    void start_events();
    void pump_events();
    void watch_for_end();

    Server::Impl& server_;
    Socket socket_;
    Timer timer_;
    std::uint64_t timer_generation_ = 0;
    Phase phase_ = Phase::idle;
    bool timed_out_ = false;
    IpAddress peer_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;

    SteadyTime started_;
    Request request_;
    int version_ = 11;
    bool expects_continue_ = false;
    std::shared_ptr<const Router::Match> match_;
    std::vector<char> body_buffer_;
    std::unique_ptr<Spool> spool_;

    Response response_;
    std::optional<std::uint64_t> stream_length_;
    std::uint64_t streamed_ = 0;
    bool chunked_ = false;
    bool keep_alive_ = false;
    bool stream_ended_ = false;
    Next next_ = Next::finish;
    std::string outgoing_;
    std::string outgoing_later_;
    std::size_t written_ = 0;
    bool writing_ = false;
    std::size_t discarded_ = 0;
    std::shared_ptr<SseSubscription> subscription_;
};

// --- time and endings ----------------------------------------------------------------------------

void Session::arm(milliseconds time) {
    const auto generation = ++timer_generation_;
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), generation](ErrorCode error) {
        if (!error && generation == self->timer_generation_) self->on_deadline();
    });
}

void Session::disarm() {
    ++timer_generation_;
    timer_.cancel();
}

void Session::on_deadline() {
    if (phase_ == Phase::head || phase_ == Phase::body) {
        timed_out_ = true;
        ErrorCode ignored;
        socket_.cancel(ignored);  // the read returns and answers 408
    } else if (phase_ == Phase::events && !writing_) {
        outgoing_ = ": still here\n\n";
        write_outgoing();
    } else {
        close();
    }
}

void Session::close() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    disarm();
    ErrorCode ignored;
    socket_.close(ignored);
    if (subscription_) subscription_->end();
    server_.forget(this);
}

// Closing with unread input resets the connection, and the reset may overtake our answer. So the
// other side is given a moment to read it.
void Session::linger() {
    phase_ = Phase::lingering;
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    body_buffer_.resize(kReadBytes);
    arm(kLingerTime);
    discard();
}

void Session::discard() {
    socket_.async_read_some(net::buffer(body_buffer_),
                            [self = shared_from_this()](ErrorCode error, std::size_t size) {
                                self->discarded_ += size;
                                if (error || self->discarded_ > kMaxLingerBytes) {
                                    return self->close();
                                }
                                self->discard();
                            });
}

// --- the request
// -----------------------------------------------------------------------------------

void Session::await_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.options_.max_header_bytes));
    parser_->body_limit(boost::none);  // the route decides, once it is known
    request_ = Request{};
    response_ = Response{};
    stream_length_.reset();
    match_.reset();
    spool_.reset();
    timed_out_ = false;
    if (buffer_.size() > 0) return read_head();  // pipelined
    if (server_.draining_) return close();
    phase_ = Phase::idle;
    arm(server_.options_.idle_timeout);
    socket_.async_read_some(buffer_.prepare(4'096),
                            [self = shared_from_this()](ErrorCode error, std::size_t size) {
                                if (self->phase_ == Phase::closed) return;
                                if (error) return self->close();
                                self->buffer_.commit(size);
                                self->read_head();
                            });
}

void Session::read_head() {
    phase_ = Phase::head;
    started_ = std::chrono::steady_clock::now();
    arm(server_.options_.header_timeout);
    beast_http::async_read_header(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_head(error); });
}

void Session::on_read_error(ErrorCode error) {
    using Bad = beast_http::error;
    const auto is = [&](Bad code) { return error == make_error_code(code); };
    if (timed_out_) return refuse(problem(408, "the request did not arrive in time"));
    if (is(Bad::end_of_stream) || is(Bad::partial_message)) return close();
    if (is(Bad::header_limit) || is(Bad::buffer_overflow)) {
        return refuse(problem(431, "the request's headers are too large"));
    }
    if (is(Bad::body_limit)) return refuse(problem(413, "the request's body is too large"));
    if (error.category() == make_error_code(Bad::bad_method).category()) {
        return refuse(problem(400, "the request is malformed: " + error.message()));
    }
    close();
}

void Session::on_head(ErrorCode error) {
    if (phase_ == Phase::closed) return;
    disarm();
    RawHead head;
    for (const auto& field : parser_->get()) {
        const auto name = field.name_string();
        const auto value = field.value();
        head.headers.add({name.data(), name.size()}, {value.data(), value.size()});
    }
    request_.request_id = choose_request_id(head.headers);
    request_.remote_address = client_address(head.headers, peer_, server_.options_.trusted_proxies);
    if (error) return on_read_error(error);
    const auto method = parser_->get().method_string();
    const auto target = parser_->get().target();
    head.method = {method.data(), method.size()};
    head.target = {target.data(), target.size()};
    head.version = version_ = static_cast<int>(parser_->get().version());
    auto accepted = accept_head(std::move(head));
    if (auto* bad = std::get_if<Problem>(&accepted)) return refuse(std::move(*bad));
    route_request(std::move(std::get<AcceptedHead>(accepted)));
}

void Session::route_request(AcceptedHead head) {
    head.request.request_id = std::move(request_.request_id);
    head.request.remote_address = std::move(request_.remote_address);
    request_ = std::move(head.request);
    expects_continue_ = head.expects_continue;
    auto match =
        std::make_shared<Router::Match>(server_.router_.match(request_.method, head.raw_path));
    if (match->route == nullptr) {
        if (!match->path_exists()) return refuse(problem(404, "there is nothing at this path"));
        if (request_.method == Method::options) {
            response_ = Response::no_content();
            response_.headers.add("Allow", match->allow);
            return complete_response();
        }
        return refuse(problem(405, "this path does not know the method"),
                      {{"Allow", match->allow}});
    }
    request_.route = match->route->pattern;
    request_.params = std::move(match->params);
    match_ = std::move(match);

    const RouteOptions& route = match_->route->options;
    const std::uint64_t length = parser_->content_length().value_or(0);
    if (length > route.max_body_bytes) {
        return refuse(problem(
            413, "the body may have " + std::to_string(route.max_body_bytes) + " bytes at most"));
    }
    // For chunked bodies, whose length shows on the way.
    parser_->body_limit(route.max_body_bytes);
    if (parser_->is_done()) return run_handler(true);
    if (route.spool_body_to_file || head.chunked || length > kSmallBodyBytes) {
        return authorise_first();
    }
    start_body();
}

// Nobody unknown may fill our memory or disk: who asks is settled before a large body is taken.
void Session::authorise_first() {
    if (!server_.hooks_.before) return start_body();
    phase_ = Phase::handling;
    const bool queued = server_.pool_.try_post([self = shared_from_this()] {
        std::optional<Response> answer;
        try {
            const base::log::Scope scope({{"requestId", self->request_.request_id}});
            answer = self->server_.hooks_.before(self->request_);
        } catch (const std::exception& failure) {
            base::log::error("request_failed", {{"reason", failure.what()}});
            answer = to_response(base::internal_error("before"));
        }
        if (!answer) return self->on_strand([](Session& session) { session.start_body(); });
        self->response_ = std::move(*answer);
        self->open_file();
        self->complete_response();
    });
    if (!queued) refuse_busy();
}

void Session::start_body() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::body;
    const RouteOptions& route = match_->route->options;
    if (route.spool_body_to_file) {
        spool_ = Spool::create(server_.options_.spool_directory);
        if (!spool_) {
            base::log::error("spool_failed", {{"errno", errno}});
            return refuse(problem(507, "the body cannot be stored at present"));
        }
        request_.body_file = spool_->path();
    } else {
        request_.body.reserve(std::min(parser_->content_length().value_or(0), kSmallBodyBytes));
    }
    body_buffer_.resize(kReadBytes);
    arm(route.body_timeout);
    if (!expects_continue_ || buffer_.size() > 0) return read_body();
    outgoing_ = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(socket_, net::buffer(outgoing_),
                     [self = shared_from_this()](ErrorCode error, std::size_t) {
                         if (self->phase_ == Phase::closed) return;
                         if (error) return self->on_read_error(error);
                         self->read_body();
                     });
}

void Session::read_body() {
    auto& body = parser_->get().body();
    body.data = body_buffer_.data();
    body.size = body_buffer_.size();
    body.more = true;
    beast_http::async_read_some(socket_, buffer_, *parser_,
                                [self = shared_from_this()](ErrorCode error, std::size_t) {
                                    self->on_body(error, self->body_buffer_.size());
                                });
}

bool Session::keep_body(const char* data, std::size_t size) {
    request_.body_bytes += size;
    if (spool_) return spool_->write(data, size);
    request_.body.append(data, size);
    return true;
}

void Session::on_body(ErrorCode error, std::size_t offered) {
    if (phase_ == Phase::closed) return;
    if (error == make_error_code(beast_http::error::need_buffer)) error = {};
    if (error) {
        disarm();
        return on_read_error(error);
    }
    const std::size_t size = offered - parser_->get().body().size;
    if (!keep_body(body_buffer_.data(), size)) {
        disarm();
        base::log::error("spool_failed", {{"errno", errno}});
        return refuse(problem(507, "the body cannot be stored at present"));
    }
    if (!parser_->is_done()) return read_body();
    disarm();
    body_buffer_ = {};
    const bool asked_already = match_->route->options.spool_body_to_file || parser_->chunked() ||
                               request_.body_bytes > kSmallBodyBytes;
    run_handler(!asked_already);
}

// --- the handler
// -----------------------------------------------------------------------------------

void Session::run_handler(bool ask_before) {
    phase_ = Phase::handling;
    const bool queued = server_.pool_.try_post([self = shared_from_this(), ask_before] {
        self->response_ = self->serve(ask_before);
        self->open_file();
        self->complete_response();
    });
    if (!queued) refuse_busy();
}

Response Session::serve(bool ask_before) {
    const base::log::Scope scope({{"requestId", request_.request_id}});
    try {
        if (ask_before && server_.hooks_.before) {
            if (auto answer = server_.hooks_.before(request_)) return std::move(*answer);
        }
        return match_->route->handler(request_);
    } catch (const std::exception& failure) {
        base::log::error("request_failed", {{"route", request_.route}, {"reason", failure.what()}});
    }
    return to_response(base::internal_error("handler"));
}

// A file becomes a stream of known length.
void Session::open_file() {
    stream_length_.reset();
    const auto* body = std::get_if<FileBody>(&response_.body);
    if (body == nullptr) return;
    const int fd = ::open(body->path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts {};
    if (fd < 0 || ::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        if (fd >= 0) ::close(fd);
        base::log::error("response_file_missing", {{"route", request_.route}});
        response_ = to_response(base::internal_error("file"));
        return;
    }
    auto file = std::make_shared<OwnedFile>(fd);
    if (body->remove_after) ::unlink(body->path.c_str());
    stream_length_ = static_cast<std::uint64_t>(facts.st_size);
    response_.body = StreamProducer([file](std::string& chunk) {
        chunk.resize(kSliceBytes);
        const auto got = ::read(file->fd(), chunk.data(), chunk.size());
        if (got < 0) return StreamStep::failed;
        chunk.resize(static_cast<std::size_t>(got));
        return got == 0 ? StreamStep::done : StreamStep::more;
    });
}

void Session::refuse(Problem refusal, Headers headers) {
    refusal.request_id = request_.request_id;
    stream_length_.reset();
    response_ = to_response(refusal);
    for (const auto& [name, value] : headers.items()) response_.headers.add(name, value);
    complete_response();
}

void Session::refuse_busy() {
    refuse(problem(503, "too many requests at once; try again later"),
           {{"Retry-After", std::to_string(server_.options_.retry_after.count())}});
}

// On the thread that made the answer. Ends on the strand.
void Session::complete_response() {
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - started_);
    response_.headers.set("X-Request-Id", request_.request_id);
    try {
        if (server_.hooks_.after) server_.hooks_.after(request_, response_, elapsed);
    } catch (const std::exception& failure) {
        base::log::error("after_hook_failed", {{"reason", failure.what()}});
    }
    if (server_.hooks_.access_log) {
        // Never the query; and no path that is the key to what it opens.
        const bool is_secret = request_.params.contains("token");
        base::log::info("http_request", {{"method", to_string(request_.method)},
                                         {"path", is_secret ? request_.route : request_.path},
                                         {"status", response_.status},
                                         {"durationUs", elapsed.count()},
                                         {"remote", request_.remote_address},
                                         {"requestId", request_.request_id}});
    }
    on_strand([](Session& self) { self.send_response(); });
}

// --- the answer
// --------------------------------------------------------------------------------------

void Session::send_response() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::writing;
    spool_.reset();
    const bool whole_request = parser_->is_done() && !timed_out_;
    keep_alive_ = whole_request && parser_->keep_alive() && !server_.draining_;
    const bool bodiless = response_.status == 204 || response_.status == 304;
    const bool head_only = request_.method == Method::head || bodiless;
    Framing framing;
    next_ = Next::finish;
    chunked_ = false;
    stream_ended_ = false;
    streamed_ = 0;
    outgoing_later_.clear();
    if (auto* text = std::get_if<std::string>(&response_.body)) {
        if (!bodiless) framing.content_length = text->size();
        if (!head_only) outgoing_later_ = std::move(*text);
    } else if (auto* events = std::get_if<std::shared_ptr<SseSubscription>>(&response_.body)) {
        keep_alive_ = false;  // the stream ends with the connection
        if (!head_only && *events) {
            subscription_ = std::move(*events);
            next_ = Next::events;
        }
    } else {
        framing.content_length = stream_length_;
        if (!head_only) {
            next_ = Next::stream;
            chunked_ = !stream_length_ && version_ >= 11;
            if (!chunked_ && !stream_length_) keep_alive_ = false;
        }
    }
    framing.chunked = chunked_;
    framing.keep_alive = keep_alive_;
    outgoing_ = write_head(response_, framing);
    if (outgoing_later_.size() <= kReadBytes) {
        outgoing_.append(outgoing_later_);
        outgoing_later_.clear();
    }
    write_outgoing();
}

// Writes outgoing_, then outgoing_later_, in slices that each have the whole write timeout: a
// client must take something, but may be slow on something large.
void Session::write_outgoing() {
    writing_ = true;
    arm(server_.options_.write_timeout);
    const std::size_t slice = std::min(outgoing_.size() - written_, kSliceBytes);
    net::async_write(socket_, net::buffer(outgoing_.data() + written_, slice),
                     [self = shared_from_this()](ErrorCode error, std::size_t size) {
                         self->written_ += size;
                         self->on_written(error);
                     });
}

void Session::on_written(ErrorCode error) {
    if (phase_ == Phase::closed) return;
    if (error) return close();
    if (written_ < outgoing_.size()) return write_outgoing();
    written_ = 0;
    outgoing_ = std::exchange(outgoing_later_, {});
    if (!outgoing_.empty()) return write_outgoing();
    writing_ = false;
    disarm();
    switch (next_) {
        case Next::finish:
            return finish_response();
        case Next::stream:
            return stream_ended_ ? finish_response() : next_chunk();
        case Next::events:
            return phase_ == Phase::events ? pump_events() : start_events();
    }
}

void Session::finish_response() {
    response_ = Response{};
    if (keep_alive_) return await_request();
    if (!parser_->is_done() || timed_out_) return linger();
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    close();
}

void Session::next_chunk() {
    server_.pool_.post_continuation([self = shared_from_this()] {
        std::string chunk;
        StreamStep step = StreamStep::failed;
        try {
            step = std::get<StreamProducer>(self->response_.body)(chunk);
        } catch (const std::exception& failure) {
            base::log::error("stream_failed", {{"reason", failure.what()},
                                               {"requestId", self->request_.request_id}});
        }
        self->on_strand([step, chunk = std::move(chunk)](Session& session) mutable {
            session.on_chunk(step, std::move(chunk));
        });
    });
}

void Session::on_chunk(StreamStep step, std::string chunk) {
    if (phase_ == Phase::closed) return;
    streamed_ += chunk.size();
    const bool ended = step == StreamStep::done;
    const bool wrong_length =
        stream_length_ && (streamed_ > *stream_length_ || (ended && streamed_ != *stream_length_));
    if (step == StreamStep::failed || wrong_length) {
        base::log::error("stream_cut", {{"route", request_.route}, {"bytes", streamed_}});
        return close();
    }
    outgoing_.clear();
    if (chunked_) {
        if (!chunk.empty()) {
            std::array<char, 24> size{};
            std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.size());
            outgoing_.append(size.data()).append(chunk).append("\r\n");
        }
        if (ended) outgoing_.append("0\r\n\r\n");
    } else {
        outgoing_ = std::move(chunk);
    }
    stream_ended_ = ended;
    if (!outgoing_.empty()) return write_outgoing();
    if (ended) return finish_response();
    next_chunk();
}

// --- server-sent events
// -----------------------------------------------------------------------------

void Session::start_events() {
    phase_ = Phase::events;
    subscription_->on_change([weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->on_strand([](Session& session) { session.pump_events(); });
        }
    });
    body_buffer_.resize(1'024);
    watch_for_end();
    if (server_.draining_) subscription_->end();
    pump_events();
}

void Session::pump_events() {
    if (phase_ != Phase::events || writing_) return;
    outgoing_ = subscription_->take();
    if (!outgoing_.empty()) return write_outgoing();
    if (subscription_->ended()) {
        ErrorCode ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        return close();
    }
    arm(server_.options_.sse_heartbeat);
}

// The only thing to be read here is that the client has gone.
void Session::watch_for_end() {
    socket_.async_read_some(net::buffer(body_buffer_),
                            [self = shared_from_this()](ErrorCode error, std::size_t) {
                                if (error) return self->close();
                                self->watch_for_end();
                            });
}

// --- the server
// --------------------------------------------------------------------------------------

Server::Impl::Impl(ServerOptions options, Router router, ServerHooks hooks)
    : options_(std::move(options)),
      router_(std::move(router)),
      hooks_(std::move(hooks)),
      pool_(options_.handler_threads, options_.max_queued_requests),
      io_(static_cast<int>(options_.io_threads)),
      accept_strand_(net::make_strand(io_)),
      acceptor_(accept_strand_),
      accept_pause_(accept_strand_) {}

Server::Impl::~Impl() {
    drain(milliseconds(0));
    pool_.stop();
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
}

base::Result<void> Server::Impl::listen() {
    ErrorCode error;
    const auto address = net::ip::make_address(options_.address, error);
    const tcp::endpoint endpoint(address, options_.port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) {
        return base::unavailable("cannot listen on " + options_.address + ":" +
                                 std::to_string(options_.port) + ": " + error.message());
    }
    port_ = acceptor_.local_endpoint(error).port();
    net::post(accept_strand_, [this] { accept_next(); });
    for (std::size_t i = 0; i < options_.io_threads; ++i) {
        threads_.emplace_back([this] { io_.run(); });
    }
    return {};
}

void Server::Impl::accept_next() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept(
        net::make_strand(io_),
        net::bind_executor(accept_strand_, [this](ErrorCode error, Socket socket) {
            on_accept(error, std::move(socket));
        }));
}

void Server::Impl::on_accept(ErrorCode error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
        // Out of file descriptors, most likely: trying again at once would only burn the processor.
        base::log::warning("accept_failed", {{"reason", error.message()}});
        accept_pause_.expires_after(kAcceptPause);
        accept_pause_.async_wait([this](ErrorCode cancelled) {
            if (!cancelled) accept_next();
        });
        return;
    }
    std::shared_ptr<Session> session;
    {
        const std::lock_guard lock(mutex_);
        if (sessions_.size() < options_.max_connections) {
            session = std::make_shared<Session>(*this, std::move(socket));
            sessions_.emplace(session.get(), session);
        }
    }
    if (session) {
        session->run();
    } else {
        turn_away(std::move(socket));
    }
    accept_next();
}

// One attempt into the socket's empty buffer, then closed: no state is spent on it.
void Server::Impl::turn_away(Socket socket) {
    Response response = to_response(problem(503, "too many connections; try again later"));
    const std::string body = std::get<std::string>(response.body);
    response.headers.add("Retry-After", std::to_string(options_.retry_after.count()));
    Framing framing;
    framing.content_length = body.size();
    framing.keep_alive = false;
    const std::string text = write_head(response, framing) + body;
    const int fd = socket.native_handle();
    [[maybe_unused]] const auto sent =
        ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(fd, SHUT_WR);
    // Unread input would turn the closing into a reset that overtakes the answer.
    std::array<char, 4'096> ignored{};
    [[maybe_unused]] const auto got = ::recv(fd, ignored.data(), ignored.size(), MSG_DONTWAIT);
    base::log::warning("connection_limit_reached", {{"connections", options_.max_connections}});
}

std::size_t Server::Impl::connections() {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

void Server::Impl::forget(const Session* session) {
    const std::lock_guard lock(mutex_);
    if (sessions_.erase(session) > 0) session_gone_.notify_all();
}

std::vector<std::shared_ptr<Session>> Server::Impl::all_sessions() {
    std::vector<std::shared_ptr<Session>> out;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, weak] : sessions_) {
        if (auto session = weak.lock()) out.push_back(std::move(session));
    }
    return out;
}

bool Server::Impl::drain(milliseconds at_most) {
    if (!draining_.exchange(true)) {
        net::post(accept_strand_, [this] {
            ErrorCode ignored;
            acceptor_.close(ignored);
            accept_pause_.cancel();
        });
    }
    for (const auto& session : all_sessions()) session->drain();
    const auto all_gone = [this] { return sessions_.empty(); };
    bool clean = false;
    {
        std::unique_lock lock(mutex_);
        clean = session_gone_.wait_for(lock, at_most, all_gone);
    }
    if (!clean) {
        for (const auto& session : all_sessions()) session->cut();
    }
    return clean;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

base::Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Router router,
                                                    ServerHooks hooks) {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(router), std::move(hooks));
    CARRYALL_TRY(impl->listen());
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const {
    return impl_->port_;
}

std::size_t Server::connections() const {
    return impl_->connections();
}

bool Server::drain(milliseconds at_most) {
    return impl_->drain(at_most);
}

}  // namespace carryall::http
