// The command line. Every credential here is made up; the simulator checks them as the real system
// would.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carryall::simulators {

struct PondOptions {
    std::string api_key = "pond-sim-key";
    std::string user = "carryall";
    std::string password = "pond-sim-password";
    std::int64_t distributor_id = 9001;
    std::int64_t requests_per_second = 20;  // 0: no limit
};

struct RevioOptions {
    std::string user = "billing@nordcell";
    std::string password = "revio-sim-password";
    std::string key = "revio-sim-key";
    std::int64_t limit_per_minute = 500;   // 0: no limit
    std::int64_t quota_per_day = 150'000;  // 0: no limit
};

struct JasperOptions {
    std::string user = "carryall";
    std::string key = "jasper-sim-key";
    std::int64_t calls_per_second = 5;  // a user, 0: no limit
    std::int64_t calls_in_flight = 1;   // a user, 0: no limit
};

struct TelegenceOptions {
    std::string app_id = "telegence-sim-app";
    std::string app_secret = "telegence-sim-secret";
    std::string ban = "287000000001";
    std::int64_t requests_per_second = 10;  // of one app id; 0: no limit
};

struct ThingspaceOptions {
    std::string app_key = "thingspace-sim-key";
    std::string app_secret = "thingspace-sim-secret";
    std::string user = "carryall";
    std::string password = "thingspace-sim-password";
    std::string account = "0000123456-00001";
    std::int64_t requests_per_second = 0;     // 0: no limit
    std::int64_t activates_per_minute = 100;  // 0: no limit
};

struct Options {
    std::uint16_t port = 0;
    std::string state_directory;
    std::uint64_t seed = 1;
    int threads = 1;
    std::vector<std::string> fleets;  // CSV files of ICCIDs for POND's default group
    PondOptions pond;
    RevioOptions revio;
    JasperOptions jasper;
    TelegenceOptions telegence;
    ThingspaceOptions thingspace;
};

std::string help_text();

enum class CommandLine { run, help, wrong };
// `message` says what is wrong.
CommandLine parse_options(const std::vector<std::string>& arguments, Options& options,
                          std::string& message);

}  // namespace carryall::simulators
