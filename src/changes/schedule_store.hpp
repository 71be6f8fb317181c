// The SQL of schedules: what submission adds to a change with dates, and what moving and cancelling
// do to one piece of it.
#pragma once

#include "changes/schedule.hpp"

namespace carryall::changes {

// The dates of the staged rows that are to be carried out; none if all are due at once.
base::Result<std::optional<ScheduleDates>> staged_dates(db::Transaction& transaction);
base::Result<void> note_dates(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                              const ScheduleDates& dates);
base::Result<std::optional<ScheduleDates>> stored_dates(db::Transaction& transaction,
                                                        std::int64_t tenant_id, BulkChangeId id);

// Writes a warning to each staged device of the change that has another change to come which
// contradicts this one. Answers how many have. One statement, and none to speak of if the tenant
// has nothing to come.
base::Result<std::int64_t> warn_of_pending(db::Transaction& transaction, std::int64_t tenant_id,
                                           BulkChangeId id, ChangeType type, base::Instant now);

struct SchedulePiece {
    std::int64_t tenant_id = 0;
    ScheduleScope scope;
    base::Instant now;
    std::string actor;
    std::int64_t after = 0;  // page number, or device change of the queue
};
struct PieceDone {
    std::int64_t count = 0;
    std::int64_t last = 0;  // where the next piece begins; 0: this was the last
};
struct NewDate {
    base::Instant at;
    // Of the change's type, if it has a date of its own: it is changed with the row.
    std::string section;
};
base::Result<PieceDone> move_changes(db::Transaction& transaction, const SchedulePiece& piece,
                                     const NewDate& date);
base::Result<PieceDone> move_plans(db::Transaction& transaction, const SchedulePiece& piece,
                                   base::Instant to);
base::Result<PieceDone> cancel_changes(db::Transaction& transaction, const SchedulePiece& piece,
                                       const std::string& reason);
base::Result<PieceDone> cancel_plans(db::Transaction& transaction, const SchedulePiece& piece,
                                     const std::string& reason);

// After a move: the change's own dates, and with `whole` the date in its request.
base::Result<void> refresh_dates(db::Transaction& transaction, const SchedulePiece& piece,
                                 const std::string& time_zone, const NewDate& date, bool whole);
struct ScheduleRest {
    std::int64_t pending = 0;
    std::string status;
};
base::Result<ScheduleRest> rest_of(db::Transaction& transaction, const SchedulePiece& piece);

}  // namespace carryall::changes
