// carryall-sim: plays the outside systems on loopback until SIGTERM or SIGINT.
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "options.hpp"
#include "simulator.hpp"

int main(int argc, char** argv) {
    using namespace carryall::simulators;
    Options options;
    std::string message;
    const auto parsed = parse_options({argv + 1, argv + argc}, options, message);
    if (parsed == CommandLine::help) {
        std::fputs(help_text().c_str(), stdout);
        return 0;
    }
    if (parsed == CommandLine::wrong) {
        std::fprintf(stderr, "carryall-sim: %s (--help lists the options)\n", message.c_str());
        return 2;
    }
    // Blocked before any thread starts, so that only sigwait below sees them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    try {
        Simulator simulator(options);
        std::printf("carryall-sim listening on http://127.0.0.1:%d\n", int{simulator.port()});
        std::fflush(stdout);
        int received = 0;
        sigwait(&signals, &received);
        simulator.stop();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "carryall-sim: %s\n", error.what());
        return 1;
    }
    return 0;
}
