// See server.hpp. Only the first loop accepts, so next_loop_ needs no lock.
#include "server.hpp"

namespace carryall::simulators {

Server::Server(RequestHandler& handler, const Clock& clock, std::uint16_t port, int threads)
    : clock_(clock), listener_(port) {
    for (int i = 0; i < threads; ++i) {
        loops_.push_back(std::make_unique<EventLoop>(handler, clock, i == 0 ? &listener_ : nullptr,
                                                     [this](int fd) { place(fd); }));
        loops_.back()->on_refuse_connections = [this](std::int64_t micros) {
            refuse_connections(micros);
        };
    }
    for (auto& loop : loops_) threads_.emplace_back([&loop] { loop->run(); });
}

Server::~Server() {
    stop();
}

void Server::stop() {
    for (auto& loop : loops_) loop->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void Server::wake() {
    for (auto& loop : loops_) loop->wake();
}

void Server::refuse_connections(std::int64_t micros) {
    listener_.go_down_until(clock_.now_micros() + micros);
    loops_.front()->wake();
}

void Server::place(int fd) {
    loops_[next_loop_]->adopt(fd);
    next_loop_ = (next_loop_ + 1) % loops_.size();
}

}  // namespace carryall::simulators
