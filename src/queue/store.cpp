// The queue in PostgreSQL: SKIP LOCKED receipts, leases by the database's clock, dead letters in
// the same table. The only SQL of this folder. A send wakes waiting workers through NOTIFY
// carryall_queue.
#include <memory>

#include "queue/queue.hpp"

namespace carryall::queue {
namespace {

using base::Result;
using db::Params;
using db::Query;

constexpr int kMaxDeadLettersPerReceive = 10;

constexpr Query kSend{"queue_send", R"(
    WITH sent AS (
        INSERT INTO queue_message (queue, body, attributes, visible_at)
        VALUES ($1, $2, $3::jsonb, now() + make_interval(secs => $4::int)) RETURNING 1)
    SELECT pg_notify('carryall_queue', $1) FROM sent)"};

constexpr Query kReceive{"queue_receive", R"(
    WITH spent AS (
        SELECT message_id FROM queue_message
        WHERE queue = $1 AND dead_at IS NULL AND visible_at <= now() AND receive_count >= $3::int
        LIMIT $4::int FOR UPDATE SKIP LOCKED),
    buried AS (
        UPDATE queue_message m SET dead_at = now(), receipt = receipt + 1,
            dead_reason = 'received ' || m.receive_count || ' times without being finished'
        FROM spent WHERE m.message_id = spent.message_id),
    next AS (
        SELECT message_id FROM queue_message
        WHERE queue = $1 AND dead_at IS NULL AND visible_at <= now() AND receive_count < $3::int
        ORDER BY visible_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE queue_message m
    SET visible_at = now() + make_interval(secs => $2::int), receive_count = receive_count + 1,
        receipt = receipt + 1
    FROM next WHERE m.message_id = next.message_id
    RETURNING m.message_id, m.receipt, m.receive_count, m.body, m.attributes)"};

constexpr Query kExtend{"queue_extend", R"(
    UPDATE queue_message SET visible_at = now() + make_interval(secs => $3::int), receive_count = 1
    WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL)"};

constexpr Query kRemove{"queue_remove", R"(
    DELETE FROM queue_message WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL)"};

constexpr Query kBury{"queue_bury", R"(
    UPDATE queue_message SET dead_at = now(), dead_reason = $3, receipt = receipt + 1
    WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL)"};

constexpr Query kStatus{"queue_status", R"(
    SELECT queue,
        count(*) FILTER (WHERE dead_at IS NULL AND visible_at <= now()),
        count(*) FILTER (WHERE dead_at IS NULL AND visible_at > now() AND receive_count = 0),
        count(*) FILTER (WHERE dead_at IS NULL AND visible_at > now() AND receive_count > 0),
        count(*) FILTER (WHERE dead_at IS NOT NULL),
        extract(epoch FROM now() - min(visible_at) FILTER (WHERE dead_at IS NULL
            AND visible_at <= now()))::bigint
    FROM queue_message GROUP BY queue ORDER BY queue)"};

constexpr Query kDeadLetters{"queue_dead_letters", R"(
    SELECT message_id, body, attributes, receive_count, dead_at, dead_reason FROM queue_message
    WHERE queue = $1 AND dead_at IS NOT NULL ORDER BY message_id LIMIT $2::int)"};

constexpr Query kRedrive{"queue_redrive", R"(
    WITH alive AS (
        UPDATE queue_message SET dead_at = NULL, dead_reason = NULL, receive_count = 0,
            visible_at = now()
        WHERE queue = $1 AND dead_at IS NOT NULL AND ($2::bigint IS NULL OR message_id = $2)
            RETURNING 1)
    SELECT count(*), pg_notify('carryall_queue', $1) FROM alive)"};

Params send_params(const std::string& queue, const std::string& body, const Attributes& attributes,
                   std::chrono::seconds delay) {
    CHECK(delay.count() >= 0);
    return Params()
        .add(queue)
        .add(body)
        .add(serialize(to_json(attributes)))
        .add(static_cast<std::int64_t>(std::min(delay, kMaxDelay).count()));
}

Result<base::json::value> stored_json(std::string_view text) {
    return base::parse_json(text);
}

class PostgresQueue : public Queue {
  public:
    PostgresQueue(db::Connection& connection, std::string queue)
        : connection_(connection), queue_(std::move(queue)) {}

    Result<std::optional<Message>> receive(std::chrono::seconds lease) override {
        for (int tries = 0; tries < kMaxDeadLettersPerReceive; ++tries) {
            bool was_buried = false;
            auto message = receive_one(lease, was_buried);
            if (!was_buried) return message;
        }
        return std::optional<Message>();
    }

    Result<void> extend(const Message& message, std::chrono::seconds lease) override {
        return changed_one(connection_.exec(
            kExtend, Params().add(message.message_id).add(message.receipt).add(lease.count())));
    }

    Result<void> remove(const Message& message) override {
        return changed_one(
            connection_.exec(kRemove, Params().add(message.message_id).add(message.receipt)));
    }

    Result<void> send(const std::string& body, const Attributes& attributes,
                      std::chrono::seconds delay) override {
        const auto rows = connection_.exec(kSend, send_params(queue_, body, attributes, delay));
        if (!rows) return rows.error();
        return {};
    }

  private:
    Result<std::optional<Message>> receive_one(std::chrono::seconds lease, bool& was_buried) {
        const auto rows = connection_.exec(kReceive, Params()
                                                         .add(queue_)
                                                         .add(lease.count())
                                                         .add(kMaxReceives)
                                                         .add(kMaxDeadLettersPerReceive));
        if (!rows) return rows.error();
        if (rows->empty()) return std::optional<Message>();
        Message message;
        message.message_id = rows->integer(0, 0);
        message.receipt = rows->integer(0, 1);
        message.receive_count = static_cast<int>(rows->integer(0, 2));
        message.body = rows->string(0, 3);
        const auto attributes = read_attributes(rows->text(0, 4));
        if (!attributes) {
            // Nobody can ever work this: straight to the dead letters, with the reason.
            was_buried = true;
            CARRYALL_TRY(connection_.exec(kBury, Params()
                                                     .add(message.message_id)
                                                     .add(message.receipt)
                                                     .add(attributes.error().message)));
            return std::optional<Message>();
        }
        message.attributes = *attributes;
        return std::optional<Message>(std::move(message));
    }

    static Result<Attributes> read_attributes(std::string_view text) {
        const auto value = stored_json(text);
        if (!value) return value.error();
        return parse_attributes(*value);
    }

    static Result<void> changed_one(const Result<db::Rows>& rows) {
        if (!rows) return rows.error();
        if (rows->affected() == 1) return {};
        return base::Error{
            base::ErrorKind::conflict, "the message's lease ran out and it was received again", {}};
    }

    db::Connection& connection_;
    std::string queue_;
};

}  // namespace

Result<void> enqueue(db::Transaction& transaction, const std::string& queue,
                     const std::string& body, const Attributes& attributes,
                     std::chrono::seconds delay) {
    const auto rows = transaction.exec(kSend, send_params(queue, body, attributes, delay));
    if (!rows) return rows.error();
    return {};
}

std::unique_ptr<Queue> postgres_queue(db::Connection& connection, std::string queue) {
    return std::make_unique<PostgresQueue>(connection, std::move(queue));
}

Result<std::vector<QueueStatus>> status(db::Connection& connection) {
    const auto rows = connection.exec(kStatus);
    if (!rows) return rows.error();
    std::vector<QueueStatus> result;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        result.push_back({rows->string(i, 0), rows->integer(i, 1), rows->integer(i, 2),
                          rows->integer(i, 3), rows->integer(i, 4), rows->optional_integer(i, 5)});
    }
    return result;
}

Result<std::vector<DeadLetter>> dead_letters(db::Connection& connection, const std::string& queue,
                                             int limit) {
    const auto rows = connection.exec(kDeadLetters, Params().add(queue).add(limit));
    if (!rows) return rows.error();
    std::vector<DeadLetter> result;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        result.push_back({rows->integer(i, 0), rows->string(i, 1),
                          stored_json(rows->text(i, 2)).value_or(nullptr),
                          static_cast<int>(rows->integer(i, 3)), rows->string(i, 4),
                          rows->string(i, 5)});
    }
    return result;
}

Result<std::int64_t> redrive(db::Connection& connection, const std::string& queue,
                             std::optional<std::int64_t> message_id) {
    const auto rows = connection.exec(kRedrive, Params().add(queue).add(message_id));
    if (!rows) return rows.error();
    return rows->integer(0, 0);
}

}  // namespace carryall::queue
