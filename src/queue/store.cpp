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

// Dead letters on the way to a message, and lost races for one.
constexpr int kMaxTriesPerReceive = 10;

constexpr Query kSend{"queue_send", R"(
    WITH sent AS (
        INSERT INTO queue_message (queue, body, attributes, visible_at)
        VALUES ($1, $2, $3::jsonb, now() + $4::bigint * interval '1 millisecond') RETURNING 1)
    SELECT pg_notify('carryall_queue', $1) FROM sent)"};

// The oldest of two heads: the oldest message without a group, and the oldest first message of a
// group that is free. The chosen one alone is locked. Whoever leases a message of a group raises
// the group's turn: a receiver that saw the group free a moment too early finds another turn and
// tries again. A message that was received too often is buried when it comes to the head.
constexpr Query kReceive{"queue_receive", R"(
    WITH plain AS (
        SELECT visible_at FROM queue_message
        WHERE queue = $1 AND group_key IS NULL AND dead_at IS NULL AND visible_at <= now()
        ORDER BY visible_at LIMIT 1),
    grouped AS (
        SELECT g.group_key, g.turn, first.message_id, first.visible_at
        FROM queue_group g CROSS JOIN LATERAL (
            SELECT m.message_id, m.visible_at FROM queue_message m
            WHERE m.queue = $1 AND m.group_key = g.group_key AND m.dead_at IS NULL
              AND m.visible_at <= now()
            ORDER BY m.visible_at LIMIT 1) first
        WHERE g.queue = $1 AND g.not_before <= now() AND NOT EXISTS (
            SELECT FROM queue_message l
            WHERE l.message_id = g.message_id AND l.receipt = g.receipt AND l.dead_at IS NULL
              AND l.visible_at > now())
        ORDER BY first.visible_at LIMIT 1),
    next_plain AS (
        SELECT message_id FROM queue_message
        WHERE queue = $1 AND group_key IS NULL AND dead_at IS NULL AND visible_at <= now()
          AND NOT EXISTS (SELECT FROM plain, grouped WHERE grouped.visible_at < plain.visible_at)
        ORDER BY visible_at LIMIT 1 FOR UPDATE SKIP LOCKED),
    next_grouped AS (
        SELECT g.group_key, grouped.message_id
        FROM grouped JOIN queue_group g
            ON g.queue = $1 AND g.group_key = grouped.group_key AND g.turn = grouped.turn
        WHERE NOT EXISTS (SELECT FROM next_plain)
        FOR UPDATE OF g SKIP LOCKED),
    next AS (
        SELECT message_id, NULL::text AS group_key FROM next_plain
        UNION ALL SELECT message_id, group_key FROM next_grouped),
    received AS (
        UPDATE queue_message m
        SET visible_at = now() + make_interval(secs => $2::int), receipt = m.receipt + 1,
            receive_count = m.receive_count + 1,
            dead_at = CASE WHEN m.receive_count >= $3::int THEN now() END,
            dead_reason = CASE WHEN m.receive_count >= $3::int
                THEN 'received ' || m.receive_count || ' times without being finished' END
        FROM next
        WHERE m.message_id = next.message_id AND m.dead_at IS NULL AND m.visible_at <= now()
          AND m.group_key IS NOT DISTINCT FROM next.group_key
        RETURNING m.message_id, m.receipt, m.receive_count, m.body, m.attributes, m.group_key,
                  m.dead_at IS NOT NULL AS is_dead),
    leased AS (
        UPDATE queue_group g
        SET message_id = r.message_id, receipt = r.receipt, turn = g.turn + 1, used_at = now()
        FROM received r WHERE g.queue = $1 AND g.group_key = r.group_key)
    SELECT message_id, receipt, receive_count, body, attributes, group_key, is_dead FROM received
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL
    WHERE NOT EXISTS (SELECT FROM received)
      AND (EXISTS (SELECT FROM plain) OR EXISTS (SELECT FROM grouped)))"};

constexpr Query kExtend{"queue_extend", R"(
    UPDATE queue_message SET visible_at = now() + make_interval(secs => $3::int), receive_count = 1
    WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL)"};

// Those who wait are told only if something of the same group may now be received.
constexpr Query kRemove{"queue_remove", R"(
    WITH gone AS (
        DELETE FROM queue_message WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL
        RETURNING queue, group_key)
    SELECT CASE WHEN group_key IS NOT NULL THEN pg_notify('carryall_queue', queue)::text END
    FROM gone)"};

constexpr Query kPutBack{"queue_put_back", R"(
    WITH back AS (
        UPDATE queue_message
        SET visible_at = now() + $3::bigint * interval '1 millisecond', receive_count = 0,
            receipt = receipt + 1,
            attributes = CASE WHEN $3::bigint > 0
                THEN jsonb_set(attributes, '{RetryNumber}', to_jsonb(
                    (coalesce((attributes ->> 'RetryNumber')::bigint, 0) + 1)::text))
                ELSE attributes END
        WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL RETURNING queue)
    SELECT pg_notify('carryall_queue', queue)::text FROM back)"};

// The group is locked before its messages, as receivers do. Of one bulk change one message that
// waits is enough: more of them would give it more turns than others.
constexpr Query kPutIntoGroup{"queue_put_into_group", R"(
    WITH known AS (
        INSERT INTO queue_group AS g (queue, group_key) SELECT $4, $3 WHERE $3::text IS NOT NULL
        ON CONFLICT (queue, group_key) DO UPDATE SET used_at = now() RETURNING 1),
    others AS (
        DELETE FROM queue_message o
        USING queue_message m, (SELECT count(*) FROM known) locked
        WHERE m.message_id = $1 AND m.receipt = $2 AND m.dead_at IS NULL AND o.group_key = $3
          AND o.queue = m.queue AND o.message_id <> m.message_id AND o.dead_at IS NULL
          AND o.attributes ->> 'BulkChangeId' = m.attributes ->> 'BulkChangeId'
          AND o.attributes ->> 'TenantId' = m.attributes ->> 'TenantId'
          AND (o.receive_count = 0 OR o.visible_at <= now())
        RETURNING o.visible_at),
    back AS (
        UPDATE queue_message
        SET group_key = $3, visible_at = least(now(), (SELECT min(visible_at) FROM others)),
            receive_count = receive_count - 1, receipt = receipt + 1
        WHERE message_id = $1 AND receipt = $2 AND dead_at IS NULL RETURNING queue)
    SELECT pg_notify('carryall_queue', queue)::text FROM back)"};

constexpr Query kFreeGroup{"queue_free_group", R"(
    WITH freed AS (
        UPDATE queue_group SET message_id = NULL, receipt = NULL
        WHERE queue = $1 AND group_key = $2 AND message_id = $3 AND receipt = $4 RETURNING queue)
    SELECT pg_notify('carryall_queue', queue)::text FROM freed)"};

constexpr Query kHoldGroup{"queue_hold_group", R"(
    UPDATE queue_group SET not_before = now() + $3::bigint * interval '1 millisecond',
        used_at = now()
    WHERE queue = $1 AND group_key = $2)"};

constexpr Query kForgetGroups{"queue_forget_groups", R"(
    DELETE FROM queue_group g
    WHERE g.used_at < now() - interval '1 hour' AND NOT EXISTS (
        SELECT FROM queue_message m WHERE m.queue = g.queue AND m.group_key = g.group_key))"};

// Rounded up, so that it is visible when the wait is over.
constexpr Query kNextVisible{"queue_next_visible", R"(
    WITH soon AS (
        SELECT (SELECT min(visible_at) FROM queue_message
                WHERE queue = $1 AND group_key IS NULL AND dead_at IS NULL
                  AND visible_at > now()) AS at
        UNION ALL
        SELECT first.visible_at FROM queue_group g CROSS JOIN LATERAL (
            SELECT m.visible_at FROM queue_message m
            WHERE m.queue = $1 AND m.group_key = g.group_key AND m.dead_at IS NULL
              AND m.visible_at > now()
            ORDER BY m.visible_at LIMIT 1) first
        WHERE g.queue = $1)
    SELECT least($2::bigint, ceil(extract(epoch FROM min(at) - now()) * 1000)::bigint) FROM soon)"};

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
                   std::chrono::milliseconds delay) {
    CHECK(delay.count() >= 0);
    return Params()
        .add(queue)
        .add(body)
        .add(serialize(to_json(attributes)))
        .add(static_cast<std::int64_t>(
            std::min<std::chrono::milliseconds>(delay, kMaxDelay).count()));
}

Result<base::json::value> stored_json(std::string_view text) {
    return base::parse_json(text);
}

class PostgresQueue : public Queue {
  public:
    PostgresQueue(db::Connection& connection, std::string queue)
        : connection_(connection), queue_(std::move(queue)) {}

    Result<std::optional<Message>> receive(std::chrono::seconds lease) override {
        for (int tries = 0; tries < kMaxTriesPerReceive; ++tries) {
            bool may_be_more = false;
            auto message = receive_one(lease, may_be_more);
            if (!may_be_more) return message;
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

    Result<void> put_back(const Message& message, std::chrono::milliseconds delay) override {
        const std::chrono::milliseconds cut =
            std::clamp<std::chrono::milliseconds>(delay, std::chrono::milliseconds(0), kMaxDelay);
        return changed_one(connection_.exec(
            kPutBack, Params().add(message.message_id).add(message.receipt).add(cut.count())));
    }

    Result<void> put_into_group(const Message& message, const std::string& group) override {
        Params params;
        params.add(message.message_id).add(message.receipt);
        group.empty() ? params.add_null() : params.add(group);
        return changed_one(connection_.exec(kPutIntoGroup, params.add(queue_)));
    }

    Result<void> free_group(const Message& message) override {
        CARRYALL_TRY(connection_.exec(
            kFreeGroup,
            Params().add(queue_).add(message.group).add(message.message_id).add(message.receipt)));
        return {};
    }

    Result<void> hold_group(const std::string& group, std::chrono::milliseconds delay) override {
        CARRYALL_TRY(
            connection_.exec(kHoldGroup, Params().add(queue_).add(group).add(delay.count())));
        return {};
    }

    Result<void> send(const std::string& body, const Attributes& attributes,
                      std::chrono::milliseconds delay) override {
        const auto rows = connection_.exec(kSend, send_params(queue_, body, attributes, delay));
        if (!rows) return rows.error();
        return {};
    }

    Result<std::chrono::milliseconds> next_visible_in(std::chrono::milliseconds at_most) override {
        const auto rows = connection_.exec(kNextVisible, Params().add(queue_).add(at_most.count()));
        if (!rows) return rows.error();
        return std::chrono::milliseconds(rows->integer(0, 0));
    }

  private:
    Result<std::optional<Message>> receive_one(std::chrono::seconds lease, bool& may_be_more) {
        const auto rows =
            connection_.exec(kReceive, Params().add(queue_).add(lease.count()).add(kMaxReceives));
        if (!rows) return rows.error();
        if (rows->empty()) return std::optional<Message>();
        may_be_more = rows->is_null(0, 0) || rows->boolean(0, 6);
        if (may_be_more) return std::optional<Message>();
        Message message;
        message.message_id = rows->integer(0, 0);
        message.receipt = rows->integer(0, 1);
        message.receive_count = static_cast<int>(rows->integer(0, 2));
        message.body = rows->string(0, 3);
        message.group = rows->string(0, 5);
        const auto attributes = read_attributes(rows->text(0, 4));
        if (!attributes) {
            // Nobody can ever work this: straight to the dead letters, with the reason.
            may_be_more = true;
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
                     std::chrono::milliseconds delay) {
    const auto rows = transaction.exec(kSend, send_params(queue, body, attributes, delay));
    if (!rows) return rows.error();
    return {};
}

Result<void> forget_empty_groups(db::Connection& connection) {
    CARRYALL_TRY(connection.exec(kForgetGroups));
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
