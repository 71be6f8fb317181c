// Threads that work on a database connection of their own until they are told to stop. A thread
// that loses the database comes back when the database does; each failure is logged, and followed
// by a pause, so that a database that is away is not hammered.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "db/postgres.hpp"

namespace carryall::db {

inline constexpr std::chrono::milliseconds kRecoveryPause{500};

struct WorkLoop {
    const base::Secret& database;
    const std::atomic<bool>& stopping;
    const char* failure_event;  // the log's name for a failure
    std::string name;           // of the worker, in the log
    Result<void> (*prepare)(Connection&);
};

// `make` gives the worker of a prepared connection. Each turn works once and waits if there was
// nothing to do:
//   Result<bool> Worker::work_one();
//   bool Worker::is_usable() const;  // false: its connection is lost, another is made
// `idle` follows a turn that found nothing: Result<void>(Worker&). Gives back the worker for its
// last words, null if there is none at the end.
template <class Worker, class Make, class Idle>
std::unique_ptr<Worker> work_until_stopped(const WorkLoop& loop, Make make, Idle idle) {
    std::unique_ptr<Worker> worker;
    const auto turn = [&]() -> Result<void> {
        if (!worker) {
            auto connection = Connection::open(loop.database);
            if (!connection) return connection.error();
            CARRYALL_TRY(loop.prepare(**connection));
            worker = make(std::move(connection).value());
            return {};
        }
        const auto worked = worker->work_one();
        if (!worked) return worked.error();
        return *worked ? Result<void>() : idle(*worker);
    };
    while (!loop.stopping) {
        const auto done = turn();
        if (done) continue;
        base::log::error(loop.failure_event, {{"worker", loop.name},
                                              {"reason", done.error().message},
                                              {"where", done.error().where}});
        if (worker && !worker->is_usable()) worker.reset();
        std::this_thread::sleep_for(kRecoveryPause);
    }
    return worker;
}

// Repeats `write` while the database is away or the transaction collides with another, at most for
// so long: what it writes down is in our hands and would be lost, and repeating it is harmless.
// The connection, if lost, is made anew and prepared.
template <class Write>
auto write_down(Connection& connection, const base::Secret& database,
                Result<void> (*prepare)(Connection&), std::chrono::seconds at_most, Write write)
    -> decltype(write()) {
    const auto give_up = std::chrono::steady_clock::now() + at_most;
    while (true) {
        auto done = write();
        if (done) return done;
        const bool collided = is_serialization_failure(done.error());
        const bool may_repeat = collided || done.error().kind == base::ErrorKind::unavailable;
        if (!may_repeat || std::chrono::steady_clock::now() > give_up) return done;
        base::log::warning("not_written_down_yet", {{"reason", done.error().message}});
        if (collided) continue;
        std::this_thread::sleep_for(kRecoveryPause);
        // If the database is still away, the next try says so.
        if (!connection.is_usable() && connection.reconnect(database)) {
            static_cast<void>(prepare(connection));
        }
    }
}

// Calls `round` every `interval`, at once again if it answers that there is more to do. While the
// database is away nothing is said: those who work say it.
void keep_house(const base::Secret& database, const std::atomic<bool>& stopping,
                std::chrono::milliseconds interval, const std::function<bool(Connection&)>& round);

}  // namespace carryall::db
