// See callback_sender.hpp.
#include "thingspace/callback_sender.hpp"

#include <cerrno>
#include <ctime>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json_text.hpp"

namespace carryall::simulators::thingspace {
namespace {

constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};
constexpr int kMaxEvents = 128;
constexpr std::int64_t kCheckMillis = 100;

std::int64_t steady_millis() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

CallbackSender::CallbackSender() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (epoll_ < 0 || wake_ < 0) throw std::runtime_error("cannot create a callback sender");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeTag;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
}

CallbackSender::~CallbackSender() {
    for (auto& connection : connections_) {
        if (connection->fd >= 0) ::close(connection->fd);
    }
    ::close(wake_);
    ::close(epoll_);
}

void CallbackSender::wake() {
    const std::uint64_t one = 1;
    // A full counter means that the sender is already awake.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void CallbackSender::aim(std::size_t place, const CallbackUrl& target, std::uint32_t version) {
    if (place >= pools_.size()) pools_.resize(place + 1);
    Pool& pool = pools_[place];
    if (pool.version == version) return;
    pool.target = target;
    pool.version = version;
    pool.head = "POST " + target.path + " HTTP/1.1\r\nHost: " + target.authority +
                "\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: ";
    while (!pool.idle.empty()) {
        Connection& connection = *connections_[pool.idle.back()];
        pool.idle.pop_back();
        close(connection);
    }
}

bool CallbackSender::has_room(std::size_t pool, std::int64_t connections) const {
    return !pools_[pool].idle.empty() || pools_[pool].open < static_cast<std::size_t>(connections);
}

CallbackSender::Connection* CallbackSender::take_idle(Pool& pool) {
    if (pool.idle.empty()) return nullptr;
    Connection* connection = connections_[pool.idle.back()].get();
    pool.idle.pop_back();
    return connection;
}

CallbackSender::Connection* CallbackSender::open_connection(std::size_t place) {
    Pool& pool = pools_[place];
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return nullptr;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto* address = reinterpret_cast<const sockaddr*>(&pool.target.address);
    if (::connect(fd, address, sizeof pool.target.address) != 0 && errno != EINPROGRESS) {
        ::close(fd);
        return nullptr;
    }
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(connections_.size()));
        connections_.push_back(std::make_unique<Connection>());
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    Connection& connection = *connections_[slot];
    const std::uint32_t generation = connection.generation + 1;
    connection = {};
    connection.fd = fd;
    connection.slot = slot;
    connection.generation = generation;
    connection.pool = place;
    connection.version = pool.version;
    connection.interest = EPOLLIN | EPOLLOUT;
    epoll_event event{};
    event.events = connection.interest;
    event.data.u64 = (std::uint64_t{generation} << 32) | slot;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    ++pool.open;
    return &connection;
}

void CallbackSender::post(std::size_t place, std::uint64_t ticket, std::string_view body,
                          std::int64_t timeout_millis) {
    Connection* connection = take_idle(pools_[place]);
    const bool fresh = connection == nullptr;
    if (fresh) connection = open_connection(place);
    if (connection == nullptr) {
        results_.push_back({ticket, false});
        return;
    }
    connection->ticket = ticket;
    connection->busy = true;
    connection->deadline_millis = steady_millis() + timeout_millis;
    connection->sent = 0;
    connection->input.clear();
    connection->output = pools_[place].head;
    append_unsigned(connection->output, body.size());
    connection->output += "\r\n\r\n";
    connection->output += body;
    if (!fresh) flush(*connection);
}

void CallbackSender::poll(int wait_millis) {
    epoll_event events[kMaxEvents];
    const int count = epoll_wait(epoll_, events, kMaxEvents, wait_millis);
    for (int i = 0; i < count; ++i) {
        const std::uint64_t tag = events[i].data.u64;
        if (tag == kWakeTag) {
            std::uint64_t ignored = 0;
            [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof ignored);
            continue;
        }
        Connection& connection = *connections_[static_cast<std::uint32_t>(tag)];
        const bool same = connection.fd >= 0 && connection.generation == tag >> 32;
        if (same) on_event(connection, events[i].events);
    }
    end_late_ones();
}

void CallbackSender::watch(Connection& connection, std::uint32_t interest) {
    if (connection.interest == interest) return;
    connection.interest = interest;
    epoll_event event{};
    event.events = interest;
    event.data.u64 = (std::uint64_t{connection.generation} << 32) | connection.slot;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void CallbackSender::on_event(Connection& connection, std::uint32_t events) {
    if (!connection.busy) {
        auto& idle = pools_[connection.pool].idle;
        std::erase(idle, connection.slot);
        return close(connection);
    }
    if ((events & EPOLLOUT) != 0 && connection.sent < connection.output.size()) flush(connection);
    if (connection.fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(connection);
}

void CallbackSender::flush(Connection& connection) {
    while (connection.sent < connection.output.size()) {
        const auto wrote = ::send(connection.fd, connection.output.data() + connection.sent,
                                  connection.output.size() - connection.sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            return watch(connection, EPOLLIN | EPOLLOUT);
        }
        if (wrote < 0) return fail(connection);
        connection.sent += static_cast<std::size_t>(wrote);
    }
    watch(connection, EPOLLIN);
}

void CallbackSender::read(Connection& connection) {
    char block[16 * 1024];
    bool at_end = false;
    for (;;) {
        const auto got = ::recv(connection.fd, block, sizeof block, 0);
        if (got > 0) {
            connection.input.append(block, static_cast<std::size_t>(got));
            if (got == sizeof block) continue;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            at_end = true;
        }
        break;
    }
    const ResponseEnd end = read_response(connection.input, at_end);
    if (end.complete) {
        const bool acknowledged = end.status >= 200 && end.status < 300;
        return finish(connection, acknowledged,
                      end.keep && connection.sent == connection.output.size());
    }
    if (end.broken) fail(connection);
}

void CallbackSender::finish(Connection& connection, bool acknowledged, bool keep) {
    results_.push_back({connection.ticket, acknowledged});
    connection.busy = false;
    connection.answered_before = true;
    Pool& pool = pools_[connection.pool];
    if (!keep || connection.version != pool.version) return close(connection);
    pool.idle.push_back(connection.slot);
}

// A kept connection may have been closed by the listener just when it was used again: then the same
// try goes out once more on a new one.
void CallbackSender::fail(Connection& connection) {
    const bool again = connection.answered_before && connection.input.empty();
    const std::size_t pool = connection.pool;
    const std::uint64_t ticket = connection.ticket;
    std::string output = std::move(connection.output);
    const std::int64_t deadline = connection.deadline_millis;
    close(connection);
    Connection* other = again ? open_connection(pool) : nullptr;
    if (other == nullptr) {
        results_.push_back({ticket, false});
        return;
    }
    other->ticket = ticket;
    other->busy = true;
    other->deadline_millis = deadline;
    other->output = std::move(output);
}

void CallbackSender::close(Connection& connection) {
    ::close(connection.fd);
    connection.fd = -1;
    connection.busy = false;
    --pools_[connection.pool].open;
    free_slots_.push_back(connection.slot);
}

void CallbackSender::end_late_ones() {
    const std::int64_t now = steady_millis();
    if (now < next_check_millis_) return;
    next_check_millis_ = now + kCheckMillis;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        Connection& connection = *connections_[i];
        if (connection.fd < 0 || !connection.busy || connection.deadline_millis > now) continue;
        results_.push_back({connection.ticket, false});
        close(connection);
    }
}

}  // namespace carryall::simulators::thingspace
