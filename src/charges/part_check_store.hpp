// The end of a part and of its run in the database: that a list is stored, that storing it fails,
// and that the run is over and told.
//
// What must stay true: a part becomes listed with the list of its last settling or not at all; the
// part that is the last makes its run finished, and queues its mails, in the same transaction, once
// for each time that the run comes to its end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "charges/charge_list.hpp"
#include "charges/telling.hpp"
#include "db/postgres.hpp"

namespace carryall::charges {

// One worker at a time lists a part: a second one would write under the same key.
class PartLock {
  public:
    // None: another worker has it.
    static Result<std::unique_ptr<PartLock>> take(db::Connection& connection, const PartId& part);
    ~PartLock();
    PartLock(const PartLock&) = delete;
    PartLock& operator=(const PartLock&) = delete;

  private:
    PartLock(db::Connection& connection, const PartId& part)
        : connection_(connection), part_(part) {}
    db::Connection& connection_;
    PartId part_;
};

struct PartToList {
    bool is_settled = false;  // false: still being sent, or listed
    std::int64_t list_version = 0;
    std::string correlation_id;
    ListOrder order;
    std::string list_key;
};
// None: there is no such part, or it is another tenant's.
Result<std::optional<PartToList>> load_part_to_list(db::Connection& connection, const PartId& part);

// A list that the file store holds.
struct StoredList {
    std::string name;
    std::string key;
    std::int64_t bytes = 0;
    std::int64_t devices = 0;
    std::int64_t error_devices = 0;
};

// The run as it will be told if this part is its last.
struct RunToTell {
    bool is_last = false;     // no other part is open, and no instance
    std::string fingerprint;  // of the parts and their settlings
    ToldRun told;
    std::vector<std::string> staff;
    std::vector<CustomerAddress> customers;
    std::int64_t attachment_limit_bytes = 0;
};
// `own` stands in the place of what the part has stored before.
Result<RunToTell> load_run_to_tell(db::Connection& connection, const PartId& part,
                                   const StoredList& own);

struct QueuedMail {
    std::string address;
    SummaryMail mail;
    std::string attachments;  // as queue_mail takes them
};
struct Telling {
    std::string fingerprint;
    std::string note;           // for the run; empty: none
    std::string event_payload;  // JSON
    std::vector<QueuedMail> mails;
};

enum class ListingEnd {
    listed,
    finished,      // and so is the run
    superseded,    // it is no longer this settling
    telling_first  // it is the last part: the mails are to be made, or made again
};
Result<ListingEnd> end_listing(db::Connection& connection, const PartId& part,
                               std::int64_t list_version, const StoredList& list,
                               const std::optional<Telling>& telling);

struct ListFailure {
    std::chrono::seconds lasts{0};
    bool is_told = false;
};
// Shown with the part. None: it is no longer this settling.
Result<std::optional<ListFailure>> note_list_failure(db::Connection& connection, const PartId& part,
                                                     std::int64_t list_version,
                                                     const std::string& reason);
// Once a settling: an event with the part and the reason, and the mails.
Result<void> tell_list_failure(db::Connection& connection, const PartId& part,
                               std::int64_t list_version, const std::vector<QueuedMail>& mails);

}  // namespace carryall::charges
