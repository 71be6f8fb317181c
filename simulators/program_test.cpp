// The program itself: its command line, its first line, its port file, and its end.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include "options.hpp"
#include "test_client.hpp"

namespace carryall::simulators {
namespace {

class ProgramTest : public SimulatorTest {
  protected:
    // Starts the program and returns its first line of output.
    std::string launch(const std::vector<std::string>& arguments) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(ends[1], STDOUT_FILENO);
            ::close(ends[0]);
            ::close(ends[1]);
            std::vector<std::string> words{CARRYALL_SIM_PROGRAM};
            words.insert(words.end(), arguments.begin(), arguments.end());
            std::vector<char*> raw;
            for (auto& word : words) raw.push_back(word.data());
            raw.push_back(nullptr);
            ::execv(raw[0], raw.data());
            ::_exit(127);
        }
        ::close(ends[1]);
        std::string line;
        for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
        ::close(ends[0]);
        return line;
    }
    int finish(int signal) {
        int status = 0;
        if (signal != 0) ::kill(child_, signal);
        ::waitpid(child_, &status, 0);
        return status;
    }
    pid_t child_ = 0;
};

TEST_F(ProgramTest, it_says_where_it_listens_and_flushes_its_ledger_on_sigterm) {
    const std::string fleet = (directory_ / "fleet.csv").string();
    std::ofstream(fleet) << "iccid\n8910300000000000005\n";
    const std::string state = (directory_ / "state").string();
    const std::string line =
        launch({"--port", "0", "--state", state, "--pond-distributor", "42", "--fleet", fleet});
    const std::string start = "carryall-sim listening on http://127.0.0.1:";
    ASSERT_EQ(line.substr(0, start.size()), start);
    std::string port;
    std::ifstream(state + "/port") >> port;
    EXPECT_EQ(line.substr(start.size()), port);
    {
        TestClient own(static_cast<std::uint16_t>(std::stoi(port)));
        const Answer answer = own.request(
            "GET", std::string(kPondBase) + "/42/sim/8910300000000000005", "", pond_headers());
        EXPECT_EQ(answer.status, 200);
    }
    EXPECT_EQ(finish(SIGTERM), 0);
    std::ifstream file(state + "/ledger.jsonl");
    std::string entry;
    std::getline(file, entry);
    EXPECT_NE(entry.find("\"action\":\"sim_get\""), std::string::npos);
}

TEST_F(ProgramTest, a_wrong_command_line_is_refused) {
    launch({"--nonsense"});
    EXPECT_EQ(WEXITSTATUS(finish(0)), 2);
    launch({"--state", "/proc/none"});
    EXPECT_EQ(WEXITSTATUS(finish(0)), 1);
}

TEST(OptionsTest, help_names_every_default_credential) {
    const std::string help = help_text();
    for (const std::string_view word :
         {"--port", "--state", "--seed", "--threads", "--fleet", "--pond-rate", "pond-sim-key",
          "pond-sim-password", "9001", "billing@nordcell", "revio-sim-key", "150000",
          "--jasper-rate", "--jasper-in-flight", "jasper-sim-key", "--thingspace-rate",
          "thingspace-sim-secret"}) {
        EXPECT_NE(help.find(word), std::string::npos) << word;
    }
}

TEST(OptionsTest, values_are_checked) {
    Options options;
    std::string message;
    const auto parse = [&](const std::vector<std::string>& words) {
        return parse_options(words, options, message);
    };
    EXPECT_EQ(parse({"--help"}), CommandLine::help);
    EXPECT_EQ(parse({}), CommandLine::wrong);
    EXPECT_EQ(parse({"--state"}), CommandLine::wrong);
    EXPECT_EQ(parse({"--state", "x", "--threads", "0"}), CommandLine::wrong);
    EXPECT_EQ(parse({"--state", "x", "--port", "70000"}), CommandLine::wrong);
    EXPECT_EQ(parse({"--state", "x", "--pond-rate", "abc"}), CommandLine::wrong);
    EXPECT_EQ(parse({"--state", "x", "--pond-rate", "0", "--seed", "9"}), CommandLine::run);
    EXPECT_EQ(options.pond.requests_per_second, 0);
    EXPECT_EQ(options.seed, 9U);
}

}  // namespace
}  // namespace carryall::simulators
