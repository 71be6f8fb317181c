// See process.hpp. One thread reads both pipes all the time: a child whose pipe is full would stand
// still.
#include "support/process.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace carryall::support {
namespace {

constexpr std::size_t kReadBytes = 65536;
constexpr int kCannotExecute = 127;  // as a shell reports it

int checked(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + " failed");
    return result;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

std::vector<std::string> changed_environment(
    const std::vector<std::pair<std::string, std::string>>& changes) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        bool replaced = false;
        for (const auto& [name, value] : changes) replaced |= text.starts_with(name + "=");
        if (!replaced) result.push_back(text);
    }
    for (const auto& [name, value] : changes) {
        if (!value.empty()) result.push_back(name + "=" + value);
    }
    return result;
}

}  // namespace

Process::Process(const std::vector<std::string>& command,
                 const std::vector<std::pair<std::string, std::string>>& environment)
    : command_(command.at(0)) {
    // All memory is allocated before the fork: the child of a program with threads must not.
    const std::vector<std::string> variables = changed_environment(environment);
    const std::vector<char*> arguments = pointers(command);
    const std::vector<char*> environment_pointers = pointers(variables);
    int out[2];
    int err[2];
    checked(::pipe2(out, O_CLOEXEC), "pipe2");
    checked(::pipe2(err, O_CLOEXEC), "pipe2");
    const int nothing = checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    stop_fd_ = checked(::eventfd(0, EFD_CLOEXEC), "eventfd");
    const pid_t parent = ::getpid();
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(kCannotExecute);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(out[1], STDOUT_FILENO);
        ::dup2(err[1], STDERR_FILENO);
        ::execvpe(arguments[0], arguments.data(), environment_pointers.data());
        ::_exit(kCannotExecute);
    }
    ::close(nothing);
    ::close(out[1]);
    ::close(err[1]);
    pipes_[0].fd = out[0];
    pipes_[1].fd = err[0];
    reader_ = std::thread([this] { read_pipes(); });
}

Process::~Process() {
    if (!reaped_) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_fd_, &one, sizeof one);
    if (reader_.joinable()) reader_.join();
    for (const Pipe& pipe : pipes_) ::close(pipe.fd);
    ::close(stop_fd_);
}

void Process::read_pipes() {
    std::string buffer(kReadBytes, '\0');
    for (bool open = true; open;) {
        pollfd polled[3] = {{pipes_[0].closed ? -1 : pipes_[0].fd, POLLIN, 0},
                            {pipes_[1].closed ? -1 : pipes_[1].fd, POLLIN, 0},
                            {stop_fd_, POLLIN, 0}};
        if (::poll(polled, 3, -1) < 0 && errno != EINTR) break;
        for (int i = 0; i < 2; ++i) {
            if (polled[i].revents == 0) continue;
            const ssize_t size = ::read(pipes_[i].fd, buffer.data(), buffer.size());
            const std::scoped_lock lock(mutex_);
            if (size > 0) pipes_[i].text.append(buffer, 0, static_cast<std::size_t>(size));
            if (size == 0 || (size < 0 && errno != EINTR)) pipes_[i].closed = true;
        }
        open = (polled[2].revents == 0) && !(pipes_[0].closed && pipes_[1].closed);
        changed_.notify_all();
    }
    const std::scoped_lock lock(mutex_);
    for (Pipe& pipe : pipes_) pipe.closed = true;
    changed_.notify_all();
}

std::string Process::wait_for_line(std::string_view text, Stream stream) {
    std::unique_lock lock(mutex_);
    Pipe& pipe = pipe_of(stream);
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    for (bool late = false;;) {
        // Whole lines only, each looked at once.
        for (std::size_t end = 0;
             (end = pipe.text.find('\n', pipe.waited_for)) != std::string::npos;) {
            std::string line = pipe.text.substr(pipe.waited_for, end - pipe.waited_for);
            pipe.waited_for = end + 1;
            if (line.find(text) != std::string::npos) return line;
        }
        if (pipe.closed || late) {
            throw std::runtime_error(command_ + (late ? " hangs" : " ended") +
                                     " without a line that has \"" + std::string(text) +
                                     "\"; it wrote:\n" + pipes_[0].text + pipes_[1].text);
        }
        late = changed_.wait_until(lock, limit) == std::cv_status::timeout;
    }
}

int Process::wait() {
    if (!reaped_) {
        const int watch = checked(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd");
        pollfd polled{watch, POLLIN, 0};
        const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
        const int ready = ::poll(&polled, 1, static_cast<int>(limit.count()));
        ::close(watch);
        if (ready == 0) {
            throw std::runtime_error(command_ + " does not end; it wrote:\n" + output(Stream::out) +
                                     output(Stream::err));
        }
        int status = 0;
        checked(::waitpid(pid_, &status, 0), "waitpid");
        reaped_ = true;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        // What it wrote last may still be in the pipes.
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kPatience, [this] { return pipes_[0].closed && pipes_[1].closed; });
    }
    return status_;
}

void Process::signal(int number) {
    if (!reaped_) ::kill(pid_, number);
}

void Process::terminate() {
    signal(SIGTERM);
}

void Process::kill9() {
    signal(SIGKILL);
}

std::string Process::output(Stream stream) const {
    const std::scoped_lock lock(mutex_);
    return pipe_of(stream).text;
}

Finished run_to_end(const std::vector<std::string>& command,
                    const std::vector<std::pair<std::string, std::string>>& environment) {
    Process process(command, environment);
    const int status = process.wait();
    return {status, process.output(Stream::out), process.output(Stream::err)};
}

}  // namespace carryall::support
