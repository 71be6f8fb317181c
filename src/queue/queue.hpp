// Messages between processes. They are hints: the database's tables hold the truth and a sweep
// rebuilds lost messages, so a duplicate or a lost one changes latency and nothing else. Delay
// before the first receipt, a lease (visibility) after it, a count of receipts, dead letters after
// kMaxReceives, redrive by command. Messages of one group are worked one at a time: while one is
// leased the others stay where they are.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "db/postgres.hpp"

namespace carryall::queue {

inline constexpr int kMaxReceives = 5;
inline constexpr std::chrono::seconds kMaxDelay{43'200};

// The seeds' attributes of a message about customer charges (their SqsValues), and of ours the run.
struct ChargeAttributes {
    std::int64_t charge_run_id = 0;
    std::int64_t instance_id = 0;  // 0, as all ids here: absent
    std::int64_t queue_id = 0;     // of the optimisation
    std::int64_t file_id = 0;
    int part_number = 0;
    std::string instance_ids;  // "12,13": all of the session
    bool is_multiple_instance_id = false;
    bool is_last_instance_id = false;
    std::int64_t current_integration_authentication_id = 0;
    int portal_type_id = 0;  // 0 M2M, 2 Mobility, 3 CrossProvider
    int page_number = 1;
    int retry_count = 0;  // the most there will be
    bool is_send_summary_email_for_multiple_instance_step = false;
};

// The seeds' message attributes. Written as an SQS-like map of strings: absent ones are left out.
struct Attributes {
    std::int64_t tenant_id = 0;
    std::int64_t bulk_change_id = 0;
    std::optional<std::int64_t> device_change_id;  // M2M_DEVICE_CHANGE_ID: work for one device only
    int retry_number = 0;
    std::string request_id;  // correlation id
    bool is_retry_new_activate_thing_space_device = false;
    bool is_from_automated_update_device_status_lambda = false;
    bool is_retry_update_identifier = false;
    // Of a new service activation; absent: the message is of another change.
    std::optional<std::int64_t> telegence_new_service_activation_step;
    std::string carrier_data_group;
    std::string carrier_rate_pool;
    std::int64_t addition_bulk_change_id = 0;
    // Of a message about charges; then it is about no bulk change.
    std::optional<ChargeAttributes> charge;
};
base::json::object to_json(const Attributes& attributes);
base::Result<Attributes> parse_attributes(const base::json::value& value);

struct Message {
    std::int64_t message_id = 0;
    std::int64_t receipt = 0;  // fences remove and extend: a later receipt makes them fail
    int receive_count = 0;
    std::string body;
    Attributes attributes;
    std::string group;  // empty: none
};

struct QueueStatus {
    std::string queue;
    std::int64_t ready = 0;
    std::int64_t delayed = 0;
    std::int64_t leased = 0;
    std::int64_t dead = 0;
    std::optional<std::int64_t> oldest_ready_seconds;
};

struct DeadLetter {
    std::int64_t message_id = 0;
    std::string body;
    base::json::value attributes;
    int receive_count = 0;
    std::string dead_at;
    std::string reason;
};

inline constexpr const char* kBulkChangeQueue = "bulk_change";
// The phases of customer charges: make the intents of an instance, send a part, list it.
inline constexpr const char* kChargeEnqueueQueue = "customer_charge_enqueue";
inline constexpr const char* kChargeQueue = "customer_charge";
inline constexpr const char* kChargeCheckQueue = "customer_charge_check";

// Enqueue in the caller's transaction: the message exists exactly if the change does.
base::Result<void> enqueue(db::Transaction& transaction, const std::string& queue,
                           const std::string& body, const Attributes& attributes,
                           std::chrono::milliseconds delay = {});

// A back end. `postgres` today; the interface is what Amazon SQS offers.
class Queue {
  public:
    virtual ~Queue() = default;
    // The oldest visible message, leased for `lease`; none if there is none, or if all belong to
    // groups of which one is leased or that are held. A message received more than kMaxReceives
    // times becomes a dead letter instead.
    virtual base::Result<std::optional<Message>> receive(std::chrono::seconds lease) = 0;
    // A sign of progress: prolongs the lease and forgets earlier receipts, so that only messages
    // nobody gets anywhere with become dead letters.
    virtual base::Result<void> extend(const Message& message, std::chrono::seconds lease) = 0;
    virtual base::Result<void> remove(const Message& message) = 0;
    // Ends the lease: the message becomes visible after `delay`, behind those that are visible by
    // then. Earlier receipts are forgotten.
    virtual base::Result<void> put_back(const Message& message,
                                        std::chrono::milliseconds delay) = 0;
    // Puts the message back as one of this group (empty: of none), visible at once, in place of
    // others of the group that wait and name the same bulk change.
    virtual base::Result<void> put_into_group(const Message& message, const std::string& group) = 0;
    // Another message of the group may be received although this one is still leased.
    virtual base::Result<void> free_group(const Message& message) = 0;
    // No message of the group is received before `delay` has passed.
    virtual base::Result<void> hold_group(const std::string& group,
                                          std::chrono::milliseconds delay) = 0;
    virtual base::Result<void> send(const std::string& body, const Attributes& attributes,
                                    std::chrono::milliseconds delay) = 0;
    // How long until a message becomes visible that is not now, `at_most` if none does so soon: a
    // date is met by waiting no longer than that.
    virtual base::Result<std::chrono::milliseconds> next_visible_in(
        std::chrono::milliseconds at_most) = 0;
};

std::unique_ptr<Queue> postgres_queue(db::Connection& connection, std::string queue);

// Forgets groups that no message has belonged to for an hour.
base::Result<void> forget_empty_groups(db::Connection& connection);

// For the command line.
base::Result<std::vector<QueueStatus>> status(db::Connection& connection);
base::Result<std::vector<DeadLetter>> dead_letters(db::Connection& connection,
                                                   const std::string& queue, int limit);
// Makes dead letters visible again with a fresh count; all, or the one with this id. Answers how
// many.
base::Result<std::int64_t> redrive(db::Connection& connection, const std::string& queue,
                                   std::optional<std::int64_t> message_id);

}  // namespace carryall::queue
