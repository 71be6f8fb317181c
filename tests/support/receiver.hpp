// Receivers of webhooks for tests: a server of raw sockets that answers as each path says and keeps
// what it was sent. It shares no code with the product's client.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/check.hpp"
#include "base/text.hpp"

namespace carryall::notify {

struct Received {
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
};

class Receiver {
  public:
    Receiver() {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        CHECK(::listen(listener_, 64) == 0);
        socklen_t size = sizeof address;
        CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { accept_all(); });
    }
    ~Receiver() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
        }
        for (std::thread& thread : threads_) thread.join();
        ::close(listener_);
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    // What a path answers: raw texts, one after the other, the last one for ever. "": closes the
    // connection; "hang": says nothing.
    void answers(const std::string& path, std::deque<std::string> texts) {
        const std::lock_guard lock(mutex_);
        answers_[path] = std::move(texts);
    }
    static std::string status(int code, const std::string& headers = "",
                              const std::string& body = "") {
        return "HTTP/1.1 " + std::to_string(code) +
               " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
               body;
    }
    std::vector<Received> received(const std::string& path) {
        const std::lock_guard lock(mutex_);
        std::vector<Received> found;
        for (const Received& one : received_) {
            if (one.path == path) found.push_back(one);
        }
        return found;
    }

  private:
    void accept_all() {
        while (!stopping_) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            const std::lock_guard lock(mutex_);
            open_.push_back(fd);
            threads_.emplace_back([this, fd] { serve(fd); });
        }
    }
    void serve(int fd) {
        std::string buffer;
        while (true) {
            const auto end = buffer.find("\r\n\r\n");
            if (end == std::string::npos || buffer.size() < end + 4 + length_of(buffer, end)) {
                char bytes[4'096];
                const auto got = ::recv(fd, bytes, sizeof bytes, 0);
                if (got <= 0) break;
                buffer.append(bytes, static_cast<std::size_t>(got));
                continue;
            }
            const std::size_t size = end + 4 + length_of(buffer, end);
            const std::string answer = answer_to(parse(buffer.substr(0, size), end));
            buffer.erase(0, size);
            if (answer.empty()) break;
            if (answer == "hang") continue;
            for (std::size_t sent = 0; sent < answer.size();) {
                const auto wrote =
                    ::send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
                if (wrote <= 0) break;
                sent += static_cast<std::size_t>(wrote);
            }
        }
        const std::lock_guard lock(mutex_);
        std::erase(open_, fd);
        ::close(fd);
    }
    static std::size_t length_of(const std::string& text, std::size_t end) {
        const auto at = text.find("Content-Length: ");
        return at < end ? std::strtoul(text.c_str() + at + 16, nullptr, 10) : 0;
    }
    static Received parse(const std::string& text, std::size_t end) {
        Received request;
        const auto first = text.find(' ');
        request.path = text.substr(first + 1, text.find(' ', first + 1) - first - 1);
        for (auto at = text.find("\r\n"); at < end;) {
            const auto next = text.find("\r\n", at + 2);
            const std::string line = text.substr(at + 2, next - at - 2);
            const auto colon = line.find(": ");
            if (colon != std::string::npos) {
                request.headers[base::ascii_lower(line.substr(0, colon))] = line.substr(colon + 2);
            }
            at = next;
        }
        request.body = text.substr(end + 4);
        return request;
    }
    std::string answer_to(Received request) {
        const std::lock_guard lock(mutex_);
        auto& texts = answers_[request.path];
        received_.push_back(std::move(request));
        if (texts.empty()) return status(204);
        const std::string text = texts.front();
        if (texts.size() > 1) texts.pop_front();
        return text;
    }

    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::map<std::string, std::deque<std::string>> answers_;
    std::vector<Received> received_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::thread thread_;
};

}  // namespace carryall::notify
