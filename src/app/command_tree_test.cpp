// The commands as they are typed, and their completion.
#include <fstream>
#include <gtest/gtest.h>

#include "app/cli.hpp"
#include "app/completion.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace carryall::app {
namespace {

class CommandLineTest : public ::testing::Test {
  protected:
    CommandLineTest() {
        root_.require_subcommand(1);
        root_.fallthrough();
        root_.add_flag("--json", cli_.json);
        add_all_commands(root_, cli_);
    }

    bool parses(const std::vector<std::string>& words) {
        std::vector<std::string> reversed(words.rbegin(), words.rend());
        try {
            root_.parse(reversed);
        } catch (const CLI::ParseError&) {
            return false;
        }
        return static_cast<bool>(cli_.command);
    }

    CLI::App root_{"", "carryall"};
    Cli cli_;
};

TEST_F(CommandLineTest, every_command_of_the_manual_is_understood) {
    const std::vector<std::vector<std::string>> commands = {
        {"serve"},
        {"work"},
        {"migrate"},
        {"audit", "--finished", "--ledger", "http://127.0.0.1:1"},
        {"import", "devices", "fleet.csv", "--dry-run"},
        {"change", "submit", "a.csv", "--type", "status", "--provider", "POND", "--watch"},
        {"change", "submit", "--device", "8944", "--device", "8945", "--type", "assign"},
        {"change", "submit", "--json-file", "a.json", "--dry-run", "--all-or-nothing"},
        {"change", "status", "17"},
        {"change", "watch", "17", "--timeout", "5"},
        {"change", "list", "--status", "PARTIAL", "--json"},
        {"change", "plan", "5", "--devices", "--verdict", "refused"},
        {"change", "apply", "5", "9f86d081", "--watch"},
        {"change", "undo", "5"},
        {"change", "retry", "17", "--class", "transient", "--watch"},
        {"change", "process", "17"},
        {"change", "log", "17", "--device", "17825793", "--full"},
        {"change", "failed", "17"},
        {"change", "report", "17", "--format", "html"},
        {"change", "submit", "sims.csv", "--type", "activate", "--static-ip", "--ip-pool", "P"},
        {"change", "devices", "17", "--state", "error,parked"},
        {"devices", "list", "--iccid", "8944"},
        {"devices", "show", "8944501234567890123"},
        {"devices", "history", "12"},
        {"providers", "create", "name=POND", "integration=pond", "--credentials", "-"},
        {"providers", "set", "3", "writeIsEnabled:=true"},
        {"customers", "list"},
        {"accounts"},
        {"events", "--type", "bulk_change.finished", "--subject", "bulk_change/17"},
        {"webhooks"},
        {"webhooks", "create", "https://hooks.example.com", "--types", "bulk_change.finished"},
        {"webhooks", "disable", "4"},
        {"webhooks", "types", "4", "--types", "bulk_change.finished,device_change.parked"},
        {"webhooks", "rotate-secret", "4"},
        {"webhooks", "test", "4"},
        {"recipients", "add", "night.shift@example.com"},
        {"recipients", "enable", "2"},
        {"deliveries", "list", "--state", "parked", "--channel", "mail"},
        {"deliveries", "show", "31"},
        {"deliveries", "resend", "31"},
        {"accounts", "blackout", "list", "POND"},
        {"accounts", "blackout", "add", "POND", "--name", "nights", "--time-zone", "UTC", "--days",
         "MO,FR", "--from", "22:00", "--to", "06:00"},
        {"accounts", "blackout", "remove", "POND", "4"},
        {"schedules", "list", "--provider", "POND", "--before", "2027-01-01"},
        {"schedules", "rows", "17"},
        {"schedules", "move", "17", "--to", "2027-01-01T03:00", "--time-zone", "Europe/Berlin"},
        {"schedules", "cancel", "17", "--row", "17825793", "--reason", "a mistake"},
        {"recurring", "list"},
        {"recurring", "add", "a.json", "--name", "x", "--rrule", "FREQ=DAILY;COUNT=2",
         "--time-zone", "UTC", "--filter", "status=Active"},
        {"recurring", "pause", "4"},
        {"change", "submit", "a.csv", "--start-at", "2027-01-01T03:00", "--time-zone", "UTC"},
        {"optimization", "import", "results.csv", "--instance", "5001", "--dry-run"},
        {"optimization", "list", "--charged", "false", "--portal-type", "m2m"},
        {"optimization", "show", "5001"},
        {"charges", "file", "fees.csv", "--period", "2026-02-01", "2026-02-28", "--account", "12"},
        {"charges", "files"},
        {"charges", "preview", "--file", "7"},
        {"charges", "enqueue", "--file", "7", "--watch"},
        {"charges", "settings"},
        {"charges", "settings", "--set", "pageSize:=75", "--set", "billingTimeZone=UTC"},
        {"callbacks"},
        {"callbacks", "--state", "orphan", "--provider", "3", "--limit", "10"},
        {"callbacks", "--request", "11111111-2222-4333-8444-555555555555", "--json"},
        {"tenants", "create", "Demo"},
        {"tokens", "create", "--tenant", "Demo", "--name", "me"},
        {"queue", "redrive"},
        {"config", "check"},
        {"local", "up", "--state", "x"},
        {"completion", "bash"},
        {"--url", "http://x", "change", "list"},
        {"change", "list", "--url", "http://x", "--token-file", "t"},
    };
    for (const auto& command : commands) {
        cli_.command = nullptr;
        root_.clear();
        EXPECT_TRUE(parses(command)) << ::testing::PrintToString(command);
    }
}

TEST_F(CommandLineTest, what_is_not_a_command_is_refused) {
    const std::vector<std::vector<std::string>> commands = {
        {},
        {"chnage"},
        {"change"},
        {"change", "status"},
        {"change", "status", "seventeen"},
        {"change", "list", "--limit", "0"},
        {"change", "submit", "--polite"},
        {"completion", "tcsh"},
        {"optimization"},
        {"optimization", "import", "results.csv"},
        {"schedules"},
        {"schedules", "move", "17"},
        {"recurring", "add", "a.json", "--name", "x"},
        {"providers", "create", "--password", "x"},
        {"customers", "create", "--credentials", "file"},
    };
    for (const auto& command : commands) {
        cli_.command = nullptr;
        root_.clear();
        EXPECT_FALSE(parses(command)) << ::testing::PrintToString(command);
    }
}

TEST_F(CommandLineTest, bash_accepts_the_script_and_completes_with_it) {
    const support::TempDir folder;
    const std::string file = (folder.path() / "carryall.bash").string();
    std::ofstream(file) << completion_script(root_, "bash");
    EXPECT_EQ(support::run_to_end({"bash", "-n", file}).status, 0);
    const auto complete = [&](const std::string& words) {
        const std::string script =
            ". \"$1\"; complete -p carryall >/dev/null || exit 9; COMP_WORDS=(" + words +
            "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _carryall; echo \"${COMPREPLY[@]}\"";
        return support::run_to_end({"bash", "-c", script, "bash", file}).out;
    };
    EXPECT_EQ(complete("carryall change su"), "submit\n");
    EXPECT_EQ(complete("carryall change submit --all"), "--allocation-mb --all-or-nothing\n");
    EXPECT_EQ(complete("carryall --json change wat"), "watch\n");
    EXPECT_EQ(complete("carryall prov"), "providers\n");
    EXPECT_EQ(complete("carryall change watch 17 nothing"), "\n");
}

TEST_F(CommandLineTest, there_is_a_script_for_each_shell_and_for_no_other) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = completion_script(root_, shell);
        EXPECT_NE(script.find("idempotency-key"), std::string::npos) << shell;
        EXPECT_NE(script.find("carryall change submit"), std::string::npos) << shell;
    }
    EXPECT_EQ(completion_script(root_, "tcsh"), "");
}

}  // namespace
}  // namespace carryall::app
