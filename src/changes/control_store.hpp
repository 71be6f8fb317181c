// The database's side of held changes: what people ask (control.hpp), what runners must know while
// they work, and the ending of what a cancelled change has not begun.
#pragma once

#include <string>

#include "changes/bulk_change.hpp"
#include "changes/control_rules.hpp"
#include "db/postgres.hpp"

namespace carryall::changes {

// The columns of bulk_change `b` that read_held() takes, in its order.
inline constexpr const char* kHeldColumns =
    "b.control, may_send(b), b.control_by, b.control_reason,"
    " (extract(epoch FROM now() - b.control_at) * 1000)::bigint, b.max_concurrency";
inline constexpr int kHeldColumnCount = 6;
Held read_held(const db::Rows& rows, std::size_t row, int first_column);

// How a change is held now: one row by its key.
base::Result<Held> look_at_control(db::Connection& connection, std::int64_t tenant_id,
                                   BulkChangeId id);

// --- what people ask, in the caller's transaction

struct ControlRow {
    ControlFacts facts;
    std::string correlation_id;
    std::int64_t open_page_count = 0;
    bool wave_has_ended = false;  // and there is another one
};
// Locks the change; empty: none of this tenant.
base::Result<std::optional<ControlRow>> lock_control(db::Transaction& transaction,
                                                     std::int64_t tenant_id, BulkChangeId id);
base::Result<void> store_held(db::Transaction& transaction, std::int64_t tenant_id, BulkChangeId id,
                              Control control, std::string_view by,
                              const std::optional<std::string>& reason);
// Running again: failures are counted anew.
base::Result<void> store_running(db::Transaction& transaction, std::int64_t tenant_id,
                                 BulkChangeId id, std::string_view by);
// Of a change whose wave has ended.
base::Result<void> begin_next_wave(db::Transaction& transaction, std::int64_t tenant_id,
                                   BulkChangeId id);
base::Result<void> store_threshold(db::Transaction& transaction, std::int64_t tenant_id,
                                   BulkChangeId id,
                                   const std::optional<FailureThreshold>& threshold);
base::Result<void> store_concurrency(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id, std::optional<int> max_concurrency);
struct ApprovalRow {
    ApprovalFacts facts;
    std::string correlation_id;
    std::int64_t open_page_count = 0;
};
// Locks the change; empty: none of this tenant.
base::Result<std::optional<ApprovalRow>> lock_approval(db::Transaction& transaction,
                                                       std::int64_t tenant_id, BulkChangeId id);
base::Result<void> store_approval(db::Transaction& transaction, std::int64_t tenant_id,
                                  BulkChangeId id, std::string_view by, std::string_view hash);
// What a request wants for the running of its new change, but for the waves; nothing if it wants
// nothing.
base::Result<void> store_control(db::Transaction& transaction, std::int64_t tenant_id,
                                 BulkChangeId id, const ControlRequest& wanted);
// The pages of a change in waves, from the verdicts of its submission: none holds devices of two.
base::Result<void> insert_wave_pages(db::Transaction& transaction, std::int64_t tenant_id,
                                     BulkChangeId id, const ControlRequest& wanted, int page_size);

// --- the work of a cancellation: cancel_store.cpp

inline constexpr int kCancelDevices = 5'000;  // a statement

struct Cancelled {
    std::int64_t devices = 0;    // cancelled, or parked because steps of theirs were done
    std::int64_t withdrawn = 0;  // scheduled customer rate plans
    bool more = false;           // there may be more of them now
};
// One bounded piece of the rest of a change that is being cancelled; a piece at a time, until there
// is no more. Pages that a worker holds are passed over: it looks again when it has written down.
// `words`: who cancelled, and why. Does nothing to a change that is not being cancelled.
base::Result<Cancelled> cancel_some(db::Connection& connection, std::int64_t tenant_id,
                                    BulkChangeId id, const std::string& words);

}  // namespace carryall::changes
