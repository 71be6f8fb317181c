// The loop. Level-triggered: a connection is read once an event, its complete requests are all
// answered (pipelining), and the answers leave in one send.
#include "event_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json_text.hpp"
#include "wire.hpp"

namespace carryall::simulators {
namespace {

constexpr std::size_t kFirstInputBytes = 16 * 1024;
constexpr std::size_t kMaxInputBytes = kMaxBodyBytes + std::size_t{1024} * 1024;
constexpr std::size_t kKeptBufferBytes = 256 * 1024;
constexpr std::size_t kMaxQueuedOutputBytes = 1024 * 1024;
constexpr std::int64_t kMaxIdleMillis = 600'000;
constexpr std::int64_t kMaxHalfRequestMillis = 60'000;
constexpr std::int64_t kIdleCheckMillis = 1'000;
constexpr int kMaxEvents = 256;
constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};
constexpr std::uint64_t kListenerTag = kWakeTag - 1;

std::int64_t steady_millis() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

EventLoop::EventLoop(RequestHandler& handler, const Clock& clock, Listener* listener,
                     std::function<void(int)> place)
    : handler_(handler), clock_(clock), listener_(listener), place_(std::move(place)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (epoll_ < 0 || wake_ < 0) throw std::runtime_error("cannot create an event loop");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeTag;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
    if (listener_ != nullptr) listener_->attach(epoll_, kListenerTag);
}

EventLoop::~EventLoop() {
    for (auto& connection : connections_) {
        if (connection->fd >= 0) ::close(connection->fd);
    }
    for (const int fd : adopted_) ::close(fd);
    ::close(wake_);
    ::close(epoll_);
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    // A full counter means that the loop is already awake.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::stop() {
    stopping_.store(true);
    wake();
}

void EventLoop::adopt(int fd) {
    {
        const std::lock_guard lock(adopted_mutex_);
        adopted_.push_back(fd);
    }
    wake();
}

void EventLoop::run() {
    epoll_event events[kMaxEvents];
    while (!stopping_.load(std::memory_order_relaxed)) {
        const int count = epoll_wait(epoll_, events, kMaxEvents, wait_millis());
        now_millis_ = steady_millis();
        for (int i = 0; i < count; ++i) {
            const std::uint64_t tag = events[i].data.u64;
            if (tag == kWakeTag) {
                std::uint64_t ignored = 0;
                [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof ignored);
                take_adopted();
            } else if (tag == kListenerTag) {
                listener_->accept_all(place_);
            } else {
                on_event(static_cast<std::uint32_t>(tag), static_cast<std::uint32_t>(tag >> 32),
                         events[i].events);
            }
        }
        run_timers();
        if (now_millis_ >= next_idle_check_millis_) drop_idle();
        if (listener_ != nullptr) {
            listener_->keep(clock_.now_micros());
            if (now_millis_ >= next_tick_millis_) {
                handler_.tick();
                next_tick_millis_ = now_millis_ + kTickMillis;
            }
        }
    }
}

int EventLoop::wait_millis() const {
    if (timers_.empty()) return kTickMillis;
    const std::int64_t left = timers_.top().due_micros - clock_.now_micros();
    return static_cast<int>(std::clamp<std::int64_t>((left + 999) / 1000, 0, kTickMillis));
}

void EventLoop::take_adopted() {
    std::vector<int> taken;
    {
        const std::lock_guard lock(adopted_mutex_);
        taken.swap(adopted_);
    }
    for (const int fd : taken) add(fd);
}

void EventLoop::add(int fd) {
    std::uint32_t slot = 0;
    if (!free_slots_.empty()) {
        slot = free_slots_.back();
        free_slots_.pop_back();
    } else if (connections_.size() < kMaxConnections) {
        slot = static_cast<std::uint32_t>(connections_.size());
        connections_.push_back(std::make_unique<Connection>());
    } else {
        ::close(fd);
        return;
    }
    const std::uint32_t generation = connections_[slot]->generation + 1;
    *connections_[slot] = Connection{};
    Connection& connection = *connections_[slot];
    connection.fd = fd;
    connection.slot = slot;
    connection.generation = generation;
    connection.active_millis = now_millis_;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{};
    event.events = connection.interest = EPOLLIN;
    event.data.u64 = (std::uint64_t{generation} << 32) | slot;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void EventLoop::on_event(std::uint32_t slot, std::uint32_t generation, std::uint32_t events) {
    Connection& connection = *connections_[slot];
    if (connection.fd < 0 || connection.generation != generation) return;
    connection.active_millis = now_millis_;
    if (connection.suspended) {
        // Only an error can wake a suspended connection. A parked request runs even so.
        if (connection.parked == nullptr) return drop(connection, false);
        epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd, nullptr);
        connection.peer_gone = true;
        return;
    }
    if ((events & EPOLLERR) != 0) return drop(connection, false);
    if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !read_some(connection)) {
        return drop(connection, false);
    }
    work(connection);
}

void EventLoop::make_room(Connection& connection) {
    if (connection.size < connection.capacity) return;
    const std::size_t wanted =
        connection.capacity == 0 ? kFirstInputBytes : connection.capacity * 2;
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (connection.size > 0) {
        std::memcpy(larger.get(), connection.input.get(), connection.size);
    }
    connection.input = std::move(larger);
    connection.capacity = wanted;
}

bool EventLoop::read_some(Connection& connection) {
    make_room(connection);
    const auto got = ::recv(connection.fd, connection.input.get() + connection.size,
                            connection.capacity - connection.size, 0);
    if (got > 0) {
        connection.size += static_cast<std::size_t>(got);
        return true;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

void EventLoop::work(Connection& connection) {
    const std::uint32_t generation = connection.generation;
    process(connection);
    if (connection.fd < 0 || connection.generation != generation) return;
    flush(connection);
}

void EventLoop::process(Connection& connection) {
    const std::uint32_t generation = connection.generation;
    while (!connection.suspended && !connection.close_when_sent &&
           connection.output.size() - connection.sent < kMaxQueuedOutputBytes &&
           connection.begin < connection.size) {
        const auto state = connection.parser.advance(connection.input.get() + connection.begin,
                                                     connection.size - connection.begin, request_);
        if (state == HttpParser::State::bad)
            return refuse(connection, connection.parser.error_status());
        if (state == HttpParser::State::incomplete) {
            if (connection.size - connection.begin > kMaxInputBytes) return refuse(connection, 413);
            if (connection.parser.wants_continue() && !connection.continue_sent) {
                connection.continue_sent = true;
                connection.output += "HTTP/1.1 100 Continue\r\n\r\n";
            }
            break;
        }
        handler_.handle(request_, reply_, false);
        const std::size_t consumed = connection.parser.consumed();
        settle(connection, request_, reply_);
        if (connection.fd < 0 || connection.generation != generation) return;
        connection.begin += consumed;
        connection.parser.reset();
        connection.continue_sent = false;
    }
    if (connection.parked == nullptr) compact(connection);
}

void EventLoop::settle(Connection& connection, const Request& request, Reply& reply) {
    const bool head_only = request.method == Method::head;
    const bool close = reply.close || !request.keep_alive;
    if (reply.refuse_new_connections) {
        on_refuse_connections(reply.delay_micros);
        return drop(connection, true);
    }
    if (reply.delivery == Delivery::park) {
        connection.parked = std::make_unique<Request>(request);
        connection.parked->arrived_micros = clock_.now_micros();
        return suspend(connection, reply.delay_micros);
    }
    if (reply.delay_micros == 0 && reply.delivery == Delivery::reset) return drop(connection, true);
    const bool delayed = reply.delay_micros > 0 || reply.delivery == Delivery::hang;
    std::string& out = delayed ? connection.held : connection.output;
    if (reply.delivery == Delivery::send) {
        append_response(out, reply, close, head_only);
        connection.close_when_sent = close;
    } else if (reply.delivery == Delivery::send_half) {
        const std::size_t before = out.size();
        append_response(out, reply, close, head_only);
        out.resize(before + (out.size() - before) -
                   std::max<std::size_t>(1, reply.body.size() / 2));
        connection.close_when_sent = true;
    }
    if (delayed) {
        connection.held_delivery = reply.delivery;
        suspend(connection, reply.delay_micros);
    }
}

void EventLoop::refuse(Connection& connection, int status) {
    reply_.clear();
    reply_.status = status;
    reply_.body = "{\"error\":\"";
    append_escaped(reply_.body, reason_of(status));
    reply_.body += "\"}";
    append_response(connection.output, reply_, true, false);
    connection.close_when_sent = true;
    connection.begin = connection.size = 0;
}

void EventLoop::compact(Connection& connection) {
    if (connection.begin == connection.size) {
        connection.begin = connection.size = 0;
        if (connection.capacity > kKeptBufferBytes) {
            connection.input.reset();
            connection.capacity = 0;
        }
    } else if (connection.begin > 0) {
        connection.size -= connection.begin;
        std::memmove(connection.input.get(), connection.input.get() + connection.begin,
                     connection.size);
        connection.begin = 0;
    }
}

void EventLoop::flush(Connection& connection) {
    while (connection.sent < connection.output.size()) {
        const auto wrote = ::send(connection.fd, connection.output.data() + connection.sent,
                                  connection.output.size() - connection.sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) return watch(connection);
        if (wrote < 0) return drop(connection, false);
        connection.sent += static_cast<std::size_t>(wrote);
    }
    const bool was_full = connection.output.size() >= kMaxQueuedOutputBytes;
    connection.output.clear();
    connection.sent = 0;
    if (was_full) connection.output.shrink_to_fit();
    if (connection.close_when_sent && !connection.suspended) return drop(connection, false);
    // Requests that waited for room in the output.
    if (was_full && !connection.suspended && connection.size > 0) return work(connection);
    watch(connection);
}

void EventLoop::watch(Connection& connection) {
    std::uint32_t interest = 0;
    const bool waits_to_send = connection.sent < connection.output.size();
    if (waits_to_send)
        interest = EPOLLOUT;
    else if (!connection.suspended)
        interest = EPOLLIN;
    if (interest == connection.interest || connection.peer_gone) return;
    connection.interest = interest;
    epoll_event event{};
    event.events = interest;
    event.data.u64 = (std::uint64_t{connection.generation} << 32) | connection.slot;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void EventLoop::suspend(Connection& connection, std::int64_t micros) {
    connection.suspended = true;
    timers_.push({clock_.now_micros() + micros, connection.slot, connection.generation});
}

void EventLoop::run_timers() {
    while (!timers_.empty() && timers_.top().due_micros <= clock_.now_micros()) {
        const Timer timer = timers_.top();
        timers_.pop();
        Connection& connection = *connections_[timer.slot];
        if (connection.fd >= 0 && connection.generation == timer.generation) on_timer(connection);
    }
}

void EventLoop::on_timer(Connection& connection) {
    const std::uint32_t generation = connection.generation;
    connection.suspended = false;
    if (connection.parked != nullptr) {
        const auto parked = std::move(connection.parked);
        handler_.handle(*parked, reply_, true);
        if (connection.peer_gone) return drop(connection, false);
        settle(connection, *parked, reply_);
        if (connection.fd < 0 || connection.generation != generation) return;
    } else if (connection.held_delivery == Delivery::reset) {
        return drop(connection, true);
    } else if (connection.held_delivery == Delivery::hang) {
        return drop(connection, false);
    } else {
        connection.output += connection.held;
        connection.held.clear();
    }
    work(connection);
}

void EventLoop::drop(Connection& connection, bool with_reset) {
    if (with_reset) {
        const linger now{1, 0};
        setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    } else if (!connection.peer_gone) {
        // Bytes that nobody read would turn the close into a reset and take the answer with it.
        ::shutdown(connection.fd, SHUT_WR);
        char ignored[4096];
        while (::recv(connection.fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0) {
        }
    }
    ::close(connection.fd);
    connection.fd = -1;
    connection.input.reset();
    connection.parked.reset();
    connection.capacity = connection.size = connection.begin = 0;
    connection.output = {};
    connection.held = {};
    free_slots_.push_back(connection.slot);
}

void EventLoop::drop_idle() {
    next_idle_check_millis_ = now_millis_ + kIdleCheckMillis;
    for (auto& connection : connections_) {
        if (connection->fd < 0 || connection->suspended) continue;
        const std::int64_t limit = connection->size > 0 ? kMaxHalfRequestMillis : kMaxIdleMillis;
        if (now_millis_ - connection->active_millis > limit) drop(*connection, false);
    }
}

}  // namespace carryall::simulators
