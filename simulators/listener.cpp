// See listener.hpp.
#include "listener.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carryall::simulators {
namespace {

constexpr int kBacklog = 4096;
constexpr int kMaxAcceptsAtOnce = 256;

}  // namespace

Listener::Listener(std::uint16_t port) : port_(port) {
    open();
}

Listener::~Listener() {
    if (fd_ >= 0) ::close(fd_);
}

void Listener::open() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int one = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, generic, length) != 0 || ::listen(fd_, kBacklog) != 0 ||
        ::getsockname(fd_, generic, &length) != 0) {
        const std::string why = std::strerror(errno);
        ::close(fd_);
        fd_ = -1;
        throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(port_) + ": " +
                                 why);
    }
    if (port_ == 0) port_ = ntohs(address.sin_port);  // read by others once it is known
}

void Listener::attach(int epoll, std::uint64_t tag) {
    epoll_ = epoll;
    tag_ = tag;
    watch();
}

void Listener::watch() {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag_;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
}

void Listener::accept_all(const std::function<void(int)>& place) {
    for (int i = 0; i < kMaxAcceptsAtOnce && fd_ >= 0; ++i) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        place(fd);
    }
}

void Listener::keep(std::int64_t now_micros) {
    const bool down = now_micros < down_until_micros_.load(std::memory_order_relaxed);
    if (down && fd_ >= 0) {
        ::close(fd_);
        fd_ = -1;
    } else if (!down && fd_ < 0) {
        try {
            open();
            watch();
        } catch (const std::runtime_error&) {
            fd_ = -1;  // the port is still held by somebody; the next tick tries again
        }
    }
}

}  // namespace carryall::simulators
