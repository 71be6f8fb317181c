// PostgreSQL as the rest of the code sees it: named queries, parameters, rows, transactions, COPY,
// LISTEN. A thin layer over libpqxx, which only src/db includes. Blocking; one connection belongs
// to one thread at a time. Every failure is a Result: a lost or refused connection is
// `unavailable`, a violated uniqueness `conflict` (with the constraint's name in `where`), anything
// else our fault. Nothing here retries, except in_transaction after a serialization failure or
// deadlock, three times around the whole transaction.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace carryall::db {

using base::Result;

// A statement with a name of its own: it is prepared once a connection, and the name labels errors.
struct Query {
    const char* name;
    const char* sql;
};

// Parameters in the order of $1, $2, … Text that PostgreSQL could not hold is made storable: NUL is
// left out, what is no UTF-8 becomes U+FFFD. So does Array's and CopyIn's.
class Params {
  public:
    Params& add(std::string_view text);
    Params& add(const char* text) { return add(std::string_view(text)); }
    Params& add(const std::string& text) { return add(std::string_view(text)); }
    Params& add(std::int64_t number);
    Params& add(int number) { return add(static_cast<std::int64_t>(number)); }
    Params& add(bool flag);
    Params& add(base::Instant instant);
    Params& add_null();
    template <class T>
    Params& add(const std::optional<T>& value) {
        return value ? add(*value) : add_null();
    }
    // 0 becomes NULL: an id of 0 means "none".
    template <class Tag>
    Params& add(base::Id<Tag> id) {
        return id ? add(id.value) : add_null();
    }
    // bytea
    Params& add_bytes(std::string_view bytes);

    const std::vector<std::optional<std::string>>& values() const { return values_; }

  private:
    std::vector<std::optional<std::string>> values_;
};

// Builds one array parameter ('{…}'), for unnest: one per column, all of the same length.
class Array {
  public:
    void add(std::string_view text);
    void add(std::int64_t number);
    void add(bool flag) { add_raw(flag ? "t" : "f"); }
    void add(base::Instant instant) { add_raw(base::to_iso8601(instant)); }
    void add_null() { add_raw("NULL"); }
    void add_or_null(std::string_view text) { text.empty() ? add_null() : add(text); }
    template <class T>
    void add(const std::optional<T>& value) {
        value ? add(*value) : add_null();
    }
    void reserve(std::size_t bytes) { text_.reserve(bytes); }
    std::string take();

  private:
    void add_raw(std::string_view text);
    std::string text_ = "{";
};

// An answer. Views stay valid while the Rows object lives.
class Rows {
  public:
    struct Data;
    explicit Rows(std::shared_ptr<const Data> data);

    std::size_t size() const;
    bool empty() const { return size() == 0; }
    std::size_t affected() const;
    bool is_null(std::size_t row, int column) const;
    std::string_view text(std::size_t row, int column) const;  // "" for NULL
    std::string string(std::size_t row, int column) const { return std::string(text(row, column)); }
    std::int64_t integer(std::size_t row, int column) const;  // 0 for NULL
    bool boolean(std::size_t row, int column) const;          // false for NULL
    std::optional<std::string> optional_text(std::size_t row, int column) const;
    std::optional<std::int64_t> optional_integer(std::size_t row, int column) const;
    // Of a text in ISO 8601, as base::to_iso8601 writes it.
    std::optional<base::Instant> optional_instant(std::size_t row, int column) const;
    std::string bytes(std::size_t row, int column) const;  // bytea

  private:
    std::shared_ptr<const Data> data_;
};

class Connection {
  public:
    // `connection_string` is libpq's ("host=… dbname=…" or postgresql://…).
    static Result<std::unique_ptr<Connection>> open(const base::Secret& connection_string);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // One statement in a transaction of its own: one round trip.
    Result<Rows> exec(const Query& query, const Params& params = {});
    // SQL text of our own without parameters, possibly several statements.
    Result<void> exec_text(const std::string& sql);

    // Until changed, statements outside a Transaction work for this tenant (0: for none). Costs a
    // round trip only when it changes.
    Result<void> work_for_tenant(std::int64_t tenant_id);

    // Waits for a notification on channels this connection LISTENs to; empty if none came in time.
    Result<void> listen(const std::string& channel);
    Result<std::vector<std::pair<std::string, std::string>>> wait_for_notifications(
        std::chrono::milliseconds timeout);
    // Until something is notified, or the time has passed. The first wait on a channel only begins
    // to LISTEN and ends at once: something may have come just before.
    Result<void> wait_for_notice(const std::string& channel, std::chrono::milliseconds at_most);

    bool is_usable() const;
    // A new session in place of a broken one. Settings, LISTENs and the tenant are forgotten.
    Result<void> reconnect(const base::Secret& connection_string);

  private:
    friend class Transaction;
    friend class CopyIn;
    struct Impl;
    explicit Connection(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

class Transaction {
  public:
    // BEGIN and the tenant setting, one round trip. Tenant 0: sees no tenant's rows.
    static Result<Transaction> begin(Connection& connection, std::int64_t tenant_id);
    Transaction(Transaction&&) noexcept;
    ~Transaction();  // rolls back what was not committed

    Result<Rows> exec(const Query& query, const Params& params = {});
    Result<void> exec_text(const std::string& sql);
    Result<void> commit();
    Connection& connection() { return *connection_; }

  private:
    friend class CopyIn;
    struct Impl;
    Transaction(Connection& connection, std::unique_ptr<Impl> impl);
    Connection* connection_;
    std::unique_ptr<Impl> impl_;
};

// COPY … FROM STDIN. Call a field function for each column, then end_row; finish() at the end.
class CopyIn {
  public:
    static Result<CopyIn> start(Transaction& transaction, const std::string& table,
                                const std::vector<std::string>& columns);
    CopyIn(CopyIn&&) noexcept;
    ~CopyIn();

    CopyIn& field(std::string_view text);
    CopyIn& field(std::int64_t number);
    CopyIn& null();
    template <class T>
    CopyIn& field(const std::optional<T>& value) {
        return value ? field(*value) : null();
    }
    Result<void> end_row();
    Result<void> finish();

  private:
    struct Impl;
    explicit CopyIn(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Connections for many threads. `acquire` waits at most `timeout` and then answers `unavailable`.
class Pool {
  public:
    Pool(base::Secret connection_string, std::size_t max_connections);
    ~Pool();

    class Lease {
      public:
        Lease(Pool* pool, std::unique_ptr<Connection> connection);
        Lease(Lease&&) noexcept = default;
        ~Lease();
        Connection& operator*() { return *connection_; }
        Connection* operator->() { return connection_.get(); }

      private:
        Pool* pool_;
        std::unique_ptr<Connection> connection_;
    };
    Result<Lease> acquire(std::chrono::milliseconds timeout = std::chrono::seconds(2));

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

inline constexpr int kMaxTransactionTries = 3;

// Runs `work` in a transaction of the tenant and commits if it returns success. Repeats the whole
// on a serialization failure or deadlock, so `work` must have no effect outside the transaction.
template <class T>
Result<T> in_transaction(Connection& connection, std::int64_t tenant_id,
                         const std::function<Result<T>(Transaction&)>& work);

// For sessions that look rows up by key only: statistics from before the rows existed must not turn
// a page into a scan. One plan for all pages saves planning each of them. Nothing is compiled just
// in time: what the planner believes of a page once its tables are counted would have every claim
// compiled, which takes a hundred times as long as the claim.
Result<void> look_up_by_key_only(Connection& connection, const std::string& application_name);

// The error that in_transaction repeats on.
bool is_serialization_failure(const base::Error& error);

template <class T>
Result<T> in_transaction(Connection& connection, std::int64_t tenant_id,
                         const std::function<Result<T>(Transaction&)>& work) {
    for (int tries = 1;; ++tries) {
        auto transaction = Transaction::begin(connection, tenant_id);
        if (!transaction) return transaction.error();
        Result<T> result = work(*transaction);
        if (result) {
            const Result<void> committed = transaction->commit();
            if (committed) return result;
            result = committed.error();
        }
        if (!is_serialization_failure(result.error()) || tries == kMaxTransactionTries)
            return result;
    }
}

}  // namespace carryall::db
