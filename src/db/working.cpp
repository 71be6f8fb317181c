#include "db/working.hpp"

namespace carryall::db {

using std::chrono::steady_clock;

void keep_house(const base::Secret& database, const std::atomic<bool>& stopping,
                std::chrono::milliseconds interval, const std::function<bool(Connection&)>& round) {
    constexpr std::chrono::milliseconds kStopLook{100};
    std::unique_ptr<Connection> connection;
    auto next = steady_clock::now();
    while (!stopping) {
        if (steady_clock::now() < next) {
            std::this_thread::sleep_for(kStopLook);
            continue;
        }
        next = steady_clock::now() + interval;
        if (!connection || !connection->is_usable()) {
            auto opened = Connection::open(database);
            if (!opened) continue;
            connection = std::move(opened).value();
        }
        if (round(*connection)) next = steady_clock::now();
    }
}

}  // namespace carryall::db
