// See local_cluster.hpp. PostgreSQL's own programs do the work, started one by one without a shell;
// as root they run as the user postgres, because the server refuses to be root.
#include "app/local_cluster.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <pwd.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/secret.hpp"
#include "base/text.hpp"
#include "db/migrate.hpp"

extern char** environ;

namespace carryall::app {
namespace {

using base::Result;
namespace fs = std::filesystem;
using Command = std::vector<std::string>;

constexpr const char* kServers = "/usr/lib/postgresql";
constexpr const char* kServerUser = "postgres";
constexpr const char* kAdmin = "carryall_admin";
constexpr const char* kOwner = "carryall_owner";
constexpr const char* kApp = "carryall_app";
constexpr const char* kDatabase = "carryall";
// A socket's path may have 107 bytes; PostgreSQL adds "/.s.PGSQL.5432".
constexpr std::size_t kMaxSocketFolderBytes = 107 - 14;
constexpr std::streamoff kMaxShownLogBytes = 2'000;
constexpr const char* kStartSeconds = "120";

struct Paths {
    fs::path folder, data, socket, server_log, setup_log, key, config;
};

Paths paths_of(const fs::path& folder) {
    return {folder,
            folder / "postgres",
            folder / "socket",
            folder / "postgres" / "server.log",
            folder / "setup.log",
            folder / "master.key",
            folder / "carryall.toml"};
}

bool is_root() {
    return geteuid() == 0;
}

// The newest server of the machine.
Result<fs::path> server_programs() {
    fs::path best;
    std::int64_t best_version = 0;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(kServers, failed)) {
        const auto version = base::parse_int(entry.path().filename().string());
        if (version && *version > best_version && fs::exists(entry.path() / "bin" / "initdb")) {
            best = entry.path() / "bin";
            best_version = *version;
        }
    }
    if (best.empty()) {
        return base::unavailable(
            "PostgreSQL's server programs are not installed; on Debian: "
            "apt-get install postgresql-15");
    }
    return best;
}

std::string tail_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::error_code failed;
    const auto bytes = static_cast<std::streamoff>(fs::file_size(file, failed));
    if (failed) return {};
    stream.seekg(std::max<std::streamoff>(0, bytes - kMaxShownLogBytes));
    std::string text(static_cast<std::size_t>(kMaxShownLogBytes), '\0');
    stream.read(text.data(), kMaxShownLogBytes);
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return std::string(base::trim(text));
}

// Runs a program to its end, its output into `log`. From "/", because PostgreSQL wants a folder
// that its user can enter.
Result<int> run(const Command& command, const fs::path& log) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return base::unavailable("cannot start " + command[0] + ": " + std::strerror(error));
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Command as_server_user(Command command) {
    if (!is_root()) return command;
    Command whole{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"};
    whole.insert(whole.end(), command.begin(), command.end());
    return whole;
}

Result<void> must_run(const Command& command, const Paths& paths, const std::string& what) {
    const auto status = run(as_server_user(command), paths.setup_log);
    if (!status) return status.error();
    if (*status == 0) return {};
    return base::unavailable(what + " failed:\n" + tail_of(paths.setup_log));
}

Result<void> check_folder(const fs::path& folder) {
    const std::string text = folder.string();
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != '\'' && c != '"' && c != '\\' &&
               c != ',';
    });
    if (!is_plain) {
        return base::invalid_input(
            "a name with spaces, quotes, commas or backslashes cannot hold "
            "a cluster; choose another folder",
            text);
    }
    if ((folder / "socket").string().size() > kMaxSocketFolderBytes) {
        return base::invalid_input(
            "this name is too long for a unix socket; choose a folder of at "
            "most " +
                std::to_string(kMaxSocketFolderBytes - 7) + " bytes",
            text);
    }
    return {};
}

// `server_owned`: belongs to the user that the server runs as.
Result<void> make_folder(const fs::path& folder, mode_t mode, bool server_owned) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed || chmod(folder.c_str(), mode) != 0) {
        return base::invalid_input("this folder cannot be made: " + failed.message(),
                                   folder.string());
    }
    if (!server_owned || !is_root()) return {};
    const passwd* user = getpwnam(kServerUser);
    if (user == nullptr) {
        return base::unavailable(
            "there is no user \"postgres\" for the server to run as; install "
            "postgresql, or do this as a normal user");
    }
    if (chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
        return base::invalid_input(std::strerror(errno), folder.string());
    }
    return {};
}

Result<void> make_folders(const Paths& paths) {
    // As root the server's user must be able to pass through, and to see nothing.
    CARRYALL_TRY(make_folder(paths.folder, is_root() ? 0711 : 0700, false));
    CARRYALL_TRY(make_folder(paths.data, 0700, true));
    CARRYALL_TRY(make_folder(paths.socket, 0700, true));
    const auto status = run(as_server_user({"test", "-w", paths.socket.string()}), paths.setup_log);
    if (!status) return status.error();
    if (*status != 0) {
        return base::invalid_input(
            "the user postgres cannot get to this folder; choose one that "
            "every user may enter, such as one below /var/tmp",
            paths.folder.string());
    }
    return {};
}

Result<void> write_private(const fs::path& file, const std::string& text) {
    const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return base::invalid_input(std::strerror(errno), file.string());
    const bool is_written =
        write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
    close(fd);
    if (!is_written) return base::unavailable("cannot write " + file.string());
    return {};
}

// Durable: this may hold somebody's real inventory one day.
std::string server_settings(const Paths& paths) {
    return "\n# Written by `carryall local up`.\n"
           "listen_addresses = ''\n"
           "unix_socket_directories = '" +
           paths.socket.string() +
           "'\n"
           "unix_socket_permissions = 0700\n"
           "max_connections = 100\n"
           "shared_buffers = 256MB\n"
           "max_wal_size = 2GB\n"
           "fsync = on\n"
           "synchronous_commit = on\n"
           "log_min_messages = warning\n"
           "autovacuum_naptime = 15s\n";
}

std::string conninfo(const Paths& paths, const char* user) {
    return "host=" + paths.socket.string() + " dbname=" + kDatabase + " user=" + user;
}

Command client_program(const fs::path& programs, const char* name, const Paths& paths,
                       const Command& rest) {
    Command command{(programs / name).string(), "-h", paths.socket.string(), "-U", kAdmin, "-w"};
    command.insert(command.end(), rest.begin(), rest.end());
    return command;
}

Result<bool> is_running(const fs::path& programs, const Paths& paths) {
    if (!fs::exists(paths.data / "PG_VERSION")) return false;
    const auto status =
        run(as_server_user({(programs / "pg_ctl").string(), "status", "-D", paths.data.string()}),
            paths.setup_log);
    if (!status) return status.error();
    return *status == 0;
}

Result<void> stop(const fs::path& programs, const Paths& paths, StopMode mode) {
    return must_run({(programs / "pg_ctl").string(), "stop", "-w", "-t", kStartSeconds, "-m",
                     mode == StopMode::fast ? "fast" : "immediate", "-D", paths.data.string()},
                    paths, "stopping PostgreSQL");
}

Result<void> start(const fs::path& programs, const Paths& paths) {
    const Result<void> started =
        must_run({(programs / "pg_ctl").string(), "start", "-w", "-t", kStartSeconds, "-D",
                  paths.data.string(), "-l", paths.server_log.string()},
                 paths, "starting PostgreSQL");
    if (started) return {};
    return base::unavailable(started.error().message + "\n" + tail_of(paths.server_log));
}

// Files of the server's user are written by a program of that user.
Result<void> append_settings(const Paths& paths) {
    const fs::path file = paths.data / "postgresql.conf";
    std::ofstream stream(file, std::ios::app);
    stream << server_settings(paths);
    stream.close();
    if (!stream) return base::unavailable("cannot write " + file.string());
    return {};
}

// Up to the configuration file, which says that everything before it is done.
Result<void> make_cluster(const fs::path& programs, const Paths& paths) {
    const auto runs = is_running(programs, paths);
    if (!runs) return runs.error();
    if (*runs) CARRYALL_TRY(stop(programs, paths, StopMode::immediate));
    std::error_code failed;
    fs::remove_all(paths.data, failed);  // a half-made one: nobody has used it yet
    CARRYALL_TRY(make_folders(paths));
    CARRYALL_TRY(must_run({(programs / "initdb").string(), "-D", paths.data.string(), "-U", kAdmin,
                           "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"},
                          paths, "making the database cluster"));
    CARRYALL_TRY(append_settings(paths));
    CARRYALL_TRY(start(programs, paths));
    CARRYALL_TRY(must_run(client_program(programs, "createuser", paths, {"--createrole", kOwner}),
                          paths, "createuser"));
    CARRYALL_TRY(
        must_run(client_program(programs, "createuser", paths, {kApp}), paths, "createuser"));
    CARRYALL_TRY(must_run(client_program(programs, "createdb", paths, {"-O", kOwner, kDatabase}),
                          paths, "createdb"));
    CARRYALL_TRY(write_private(paths.key, base::MasterKey::generate().to_hex().reveal() + "\n"));
    return write_private(paths.config,
                         "# Written by `carryall local up`; `carryall config reference` explains.\n"
                         "[database]\n"
                         "url = \"" +
                             conninfo(paths, kApp) +
                             "\"\n"
                             "owner_url = \"" +
                             conninfo(paths, kOwner) +
                             "\"\n\n"
                             "[keys]\n"
                             "master_key_file = \"" +
                             paths.key.string() +
                             "\"\n\n"
                             "[files]\n"
                             "directory = \"" +
                             (paths.folder / "files").string() + "\"\n");
}

Result<fs::path> absolute_folder(const fs::path& folder) {
    std::error_code failed;
    const fs::path whole = fs::weakly_canonical(fs::absolute(folder), failed);
    if (failed) return base::invalid_input(failed.message(), folder.string());
    CARRYALL_TRY(check_folder(whole));
    return whole;
}

}  // namespace

Result<LocalCluster> local_up(const fs::path& folder) {
    const auto whole = absolute_folder(folder);
    if (!whole) return whole.error();
    const auto programs = server_programs();
    if (!programs) return programs.error();
    const Paths paths = paths_of(*whole);
    LocalCluster cluster{paths.folder, paths.config, false, false, 0};
    if (!fs::exists(paths.config)) {
        CARRYALL_TRY(make_folder(paths.folder, is_root() ? 0711 : 0700, false));
        CARRYALL_TRY(make_cluster(*programs, paths));
        cluster.was_made = cluster.was_started = true;
    } else {
        const auto runs = is_running(*programs, paths);
        if (!runs) return runs.error();
        if (!*runs) {
            CARRYALL_TRY(start(*programs, paths));
            cluster.was_started = true;
        }
    }
    const auto report = db::migrate(base::Secret(conninfo(paths, kOwner)));
    if (!report) return report.error();
    cluster.schema_version = report->after;
    return cluster;
}

Result<void> local_down(const fs::path& folder, StopMode mode) {
    const auto whole = absolute_folder(folder);
    if (!whole) return whole.error();
    const auto programs = server_programs();
    if (!programs) return programs.error();
    const Paths paths = paths_of(*whole);
    const auto runs = is_running(*programs, paths);
    if (!runs) return runs.error();
    if (!*runs) return {};
    return stop(*programs, paths, mode);
}

Result<bool> local_is_running(const fs::path& folder) {
    const auto whole = absolute_folder(folder);
    if (!whole) return whole.error();
    const auto programs = server_programs();
    if (!programs) return programs.error();
    return is_running(*programs, paths_of(*whole));
}

}  // namespace carryall::app
