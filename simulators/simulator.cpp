// Wiring.
#include "simulator.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/resource.h>

#include "admin.hpp"
#include "registry.hpp"

namespace carryall::simulators {
namespace {

// One descriptor a connection: a benchmark opens thousands.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::string existing_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw std::runtime_error("cannot create " + directory + ": " + error.message());
    return directory;
}

}  // namespace

Simulator::Simulator(const Options& options)
    : ledger_(existing_directory(options.state_directory)),
      dispatcher_(make_systems(options, clock_), ledger_, clock_) {
    raise_descriptor_limit();
    for (const std::string& file : options.fleets) load_fleet(file);
    dispatcher_.admin().on_time_moved = [this] {
        if (server_ != nullptr) server_->wake();
    };
    server_ = std::make_unique<Server>(dispatcher_, clock_, options.port, options.threads);
    std::ofstream file(options.state_directory + "/port");
    file << port() << "\n";
    file.flush();
    if (!file) throw std::runtime_error("cannot write " + options.state_directory + "/port");
}

Simulator::~Simulator() {
    stop();
}

void Simulator::stop() {
    server_->stop();
    dispatcher_.stop();
    ledger_.flush();
}

void Simulator::load_fleet(const std::string& file) {
    std::ifstream input(file);
    if (!input) throw std::runtime_error("cannot read " + file);
    std::ostringstream text;
    text << input.rdbuf();
    const std::string body = text.str();
    Request request;
    request.method = Method::post;
    request.path = "/_sim/pond/fleet";
    request.body = body;
    Reply reply;
    dispatcher_.handle(request, reply, false);
    if (reply.status != 200) throw std::runtime_error(file + ": " + reply.body);
}

}  // namespace carryall::simulators
