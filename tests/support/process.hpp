// A real program started by a test: wait for what it says, signal it, kill it, read all it wrote.
// What must stay true: it never outlives the test program (the kernel kills it then), a test waits
// for a line or an exit and never for time to pass, and every wait has a limit after which it
// throws.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

namespace carryall::support {

// Not a measure of speed: only a program that hangs needs this long.
inline constexpr std::chrono::seconds kPatience{60};

enum class Stream { out, err };

class Process {
  public:
    // The child has this program's environment, changed by `environment` (an empty value removes).
    explicit Process(const std::vector<std::string>& command,
                     const std::vector<std::pair<std::string, std::string>>& environment = {});
    ~Process();  // kills it if it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // The first line not yet waited for that contains `text`.
    std::string wait_for_line(std::string_view text, Stream stream = Stream::out);
    // The exit status, or minus the number of the signal that ended it.
    int wait();

    void signal(int number);
    void terminate();  // SIGTERM, the polite way
    void kill9();      // as a crash of the machine would

    pid_t pid() const { return pid_; }
    // All that was written until now; all of it once wait() has returned.
    std::string output(Stream stream = Stream::out) const;

  private:
    struct Pipe {
        int fd = -1;
        std::string text;
        std::size_t waited_for = 0;  // where the next wait_for_line begins
        bool closed = false;
    };

    void read_pipes();
    Pipe& pipe_of(Stream stream) { return pipes_[stream == Stream::out ? 0 : 1]; }
    const Pipe& pipe_of(Stream stream) const { return pipes_[stream == Stream::out ? 0 : 1]; }

    std::string command_;
    pid_t pid_ = -1;
    int stop_fd_ = -1;  // ends the reader even if a grandchild keeps the pipes open
    int status_ = 0;
    bool reaped_ = false;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Pipe pipes_[2];
    std::thread reader_;
};

struct Finished {
    int status = 0;
    std::string out;
    std::string err;
};

// Starts a program and waits for its end.
Finished run_to_end(const std::vector<std::string>& command,
                    const std::vector<std::pair<std::string, std::string>>& environment = {});

}  // namespace carryall::support
