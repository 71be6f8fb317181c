// libpqxx behind our own small surface; the only file that includes it. Its exceptions end here.
#include "db/postgres.hpp"

#include <charconv>
#include <condition_variable>
#include <pqxx/pqxx>
#include <pqxx/stream_to>
#include <set>

#include "base/metrics.hpp"
#include "base/utf8.hpp"

namespace carryall::db {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kSerializationMark = "serialization";

// PostgreSQL's text holds well-formed UTF-8 without NUL and refuses a whole statement for one wrong
// byte. Texts come from outside systems too: NUL is left out, what is no character is replaced.
std::string storable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = base::utf8_size(text);
        if (size == 0) {
            out += "\xEF\xBF\xBD";
        } else if (text[0] != '\0') {
            out.append(text.substr(0, size));
        }
        text.remove_prefix(std::max<std::size_t>(1, size));
    }
    return out;
}

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<signed char>(c) > 0; });
}

// "… violates unique constraint "name"": libpqxx tells the constraint in the message only.
std::string quoted_name(std::string_view message) {
    const std::size_t start = message.find('"');
    if (start == std::string_view::npos) return {};
    return std::string(message.substr(start + 1, message.find('"', start + 1) - start - 1));
}

prometheus::Counter& statements() {
    static auto& counter =
        base::metrics::counter("carryall_db_statements_total", "Round trips to the database.");
    return counter;
}

// Runs `body`, turning libpqxx's exceptions into Errors. `what` names the statement.
template <class T, class Body>
Result<T> guarded(const char* what, const Body& body) {
    const std::string at = std::string("query ") + what;
    try {
        return body();
    } catch (const pqxx::broken_connection& error) {
        return base::unavailable("the database does not answer: " + std::string(error.what()));
    } catch (const pqxx::in_doubt_error& error) {
        return base::unavailable("the connection broke during a commit: " +
                                 std::string(error.what()));
    } catch (const pqxx::serialization_failure&) {
        return Error{ErrorKind::conflict, "two transactions collided",
                     std::string(kSerializationMark)};
    } catch (const pqxx::deadlock_detected&) {
        return Error{ErrorKind::conflict, "two transactions collided",
                     std::string(kSerializationMark)};
    } catch (const pqxx::sql_error& error) {
        const std::string& state = error.sqlstate();
        if (state.starts_with("23505")) {
            return Error{ErrorKind::conflict, error.what(), quoted_name(error.what())};
        }
        if (state == "57014") {
            return Error{ErrorKind::timeout, "the database took longer than it may", at};
        }
        if (state.starts_with("08") || state.starts_with("57P") || state.starts_with("53")) {
            return base::unavailable("the database does not answer: " + std::string(error.what()));
        }
        return Error{ErrorKind::internal, error.what() + (" [" + state + "]"), at};
    } catch (const std::exception& error) {
        return Error{ErrorKind::internal, error.what(), at};
    }
}

std::vector<const char*> pointers(const Params& params) {
    std::vector<const char*> result;
    result.reserve(params.values().size());
    for (const auto& value : params.values()) result.push_back(value ? value->c_str() : nullptr);
    return result;
}

}  // namespace

Params& Params::add(std::string_view text) {
    is_plain(text) ? values_.emplace_back(text) : values_.emplace_back(storable(text));
    return *this;
}
Params& Params::add(std::int64_t number) {
    values_.emplace_back(std::to_string(number));
    return *this;
}
Params& Params::add(bool flag) {
    values_.emplace_back(flag ? "t" : "f");
    return *this;
}
Params& Params::add(base::Instant instant) {
    return add(base::to_iso8601(instant));
}
Params& Params::add_null() {
    values_.emplace_back(std::nullopt);
    return *this;
}
Params& Params::add_bytes(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex = "\\x";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
    }
    values_.emplace_back(std::move(hex));
    return *this;
}

void Array::add_raw(std::string_view text) {
    if (text_.size() > 1) text_ += ',';
    text_ += text;
}
void Array::add(std::int64_t number) {
    add_raw(std::to_string(number));
}
void Array::add(std::string_view text) {
    std::string cleaned;
    if (!is_plain(text)) text = cleaned = storable(text);
    if (text_.size() > 1) text_ += ',';
    text_ += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') text_ += '\\';
        text_ += c;
    }
    text_ += '"';
}
std::string Array::take() {
    text_ += '}';
    return std::exchange(text_, "{");
}

struct Rows::Data {
    pqxx::result result;
};

Rows::Rows(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
std::size_t Rows::size() const {
    return data_->result.size();
}
std::size_t Rows::affected() const {
    return data_->result.affected_rows();
}

namespace {
pqxx::field cell(const pqxx::result& result, std::size_t row, int column) {
    CHECK(row < result.size() && column < static_cast<int>(result.columns()));
    return result[static_cast<pqxx::result::size_type>(row)]
                 [static_cast<pqxx::row::size_type>(column)];
}
}  // namespace

bool Rows::is_null(std::size_t row, int column) const {
    return cell(data_->result, row, column).is_null();
}
std::string_view Rows::text(std::size_t row, int column) const {
    const auto field = cell(data_->result, row, column);
    return {field.c_str(), field.size()};
}
std::int64_t Rows::integer(std::size_t row, int column) const {
    const std::string_view digits = text(row, column);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}
bool Rows::boolean(std::size_t row, int column) const {
    return text(row, column) == "t";
}
std::optional<std::string> Rows::optional_text(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return string(row, column);
}
std::optional<std::int64_t> Rows::optional_integer(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return integer(row, column);
}
std::optional<base::Instant> Rows::optional_instant(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    const auto instant = base::parse_iso8601(text(row, column));
    CHECK(instant.has_value());
    return *instant;
}

std::string Rows::bytes(std::size_t row, int column) const {
    if (is_null(row, column)) return {};
    return pqxx::binarystring(cell(data_->result, row, column)).str();
}

struct Connection::Impl {
    explicit Impl(const std::string& options) : connection(options) {
        // libpqxx 6 would silently open a new session in place of a broken one, without the tenant
        // setting and whatever else the caller relies on. A broken connection must look broken.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
    }

    void prepare(const Query& query) {
        if (prepared.insert(query.name).second) connection.prepare(query.name, query.sql);
    }
    Rows run(pqxx::transaction_base& transaction, const Query& query, const Params& params) {
        prepare(query);
        statements().Increment();
        auto data = std::make_shared<Rows::Data>();
        data->result = transaction.exec_prepared(
            query.name, pqxx::prepare::make_dynamic_params(pointers(params)));
        return Rows(std::move(data));
    }

    pqxx::connection connection;
    std::set<std::string, std::less<>> prepared;
    std::int64_t tenant_id = 0;
    // libpqxx delivers notifications to receiver objects; each appends here.
    class Receiver : public pqxx::notification_receiver {
      public:
        Receiver(pqxx::connection_base& to, const std::string& channel,
                 std::vector<std::pair<std::string, std::string>>& into)
            : pqxx::notification_receiver(to, channel), into_(into) {}
        void operator()(const std::string& payload, int) override {
            into_.emplace_back(channel(), payload);
        }

      private:
        std::vector<std::pair<std::string, std::string>>& into_;
    };
    std::vector<std::pair<std::string, std::string>> notifications;
    std::vector<std::unique_ptr<Receiver>> receivers;
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() {
    if (impl_) impl_->receivers.clear();  // they unregister from the connection, so they go first
}

Result<std::unique_ptr<Connection>> Connection::open(const base::Secret& connection_string) {
    return guarded<std::unique_ptr<Connection>>("connect", [&] {
        auto impl = std::make_unique<Impl>(connection_string.reveal());
        return std::unique_ptr<Connection>(new Connection(std::move(impl)));
    });
}

Result<Rows> Connection::exec(const Query& query, const Params& params) {
    return guarded<Rows>(query.name, [&] {
        pqxx::nontransaction transaction(impl_->connection);
        return impl_->run(transaction, query, params);
    });
}

Result<void> Connection::exec_text(const std::string& sql) {
    return guarded<void>("text", [&]() -> Result<void> {
        pqxx::nontransaction transaction(impl_->connection);
        statements().Increment();
        transaction.exec(sql);
        return {};
    });
}

Result<void> Connection::work_for_tenant(std::int64_t tenant_id) {
    if (impl_->tenant_id == tenant_id) return {};
    const std::string value = tenant_id == 0 ? "" : std::to_string(tenant_id);
    auto done = exec_text("SET carryall.tenant_id = '" + value + "'");
    if (done) impl_->tenant_id = tenant_id;
    return done;
}

Result<void> Connection::listen(const std::string& channel) {
    return guarded<void>("listen", [&]() -> Result<void> {
        impl_->receivers.push_back(
            std::make_unique<Impl::Receiver>(impl_->connection, channel, impl_->notifications));
        return {};
    });
}

Result<std::vector<std::pair<std::string, std::string>>> Connection::wait_for_notifications(
    std::chrono::milliseconds timeout) {
    using Notifications = std::vector<std::pair<std::string, std::string>>;
    return guarded<Notifications>("await_notification", [&] {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
        const std::chrono::microseconds rest = timeout - seconds;
        impl_->connection.await_notification(static_cast<long>(seconds.count()),
                                             static_cast<long>(rest.count()));
        return std::exchange(impl_->notifications, {});
    });
}

Result<void> Connection::wait_for_notice(const std::string& channel,
                                         std::chrono::milliseconds at_most) {
    const bool is_listening =
        std::any_of(impl_->receivers.begin(), impl_->receivers.end(),
                    [&](const auto& receiver) { return receiver->channel() == channel; });
    if (!is_listening) return listen(channel);
    const auto notified = wait_for_notifications(at_most);
    if (!notified) return notified.error();
    return {};
}

Result<void> Connection::reconnect(const base::Secret& connection_string) {
    auto fresh = open(connection_string);
    if (!fresh) return fresh.error();
    impl_->receivers.clear();
    impl_ = std::move((*fresh)->impl_);
    return {};
}

bool Connection::is_usable() const {
    return impl_ && impl_->connection.is_open();
}

struct Transaction::Impl {
    explicit Impl(pqxx::connection& connection) : work(connection) {}
    pqxx::work work;
};

Transaction::Transaction(Connection& connection, std::unique_ptr<Impl> impl)
    : connection_(&connection), impl_(std::move(impl)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;

Result<Transaction> Transaction::begin(Connection& connection, std::int64_t tenant_id) {
    return guarded<Transaction>("begin", [&] {
        auto impl = std::make_unique<Impl>(connection.impl_->connection);
        const std::string value = tenant_id == 0 ? "" : std::to_string(tenant_id);
        statements().Increment();
        impl->work.exec("SET LOCAL carryall.tenant_id = '" + value + "'");
        return Transaction(connection, std::move(impl));
    });
}

Result<Rows> Transaction::exec(const Query& query, const Params& params) {
    return guarded<Rows>(query.name,
                         [&] { return connection_->impl_->run(impl_->work, query, params); });
}

Result<void> Transaction::exec_text(const std::string& sql) {
    return guarded<void>("text", [&]() -> Result<void> {
        statements().Increment();
        impl_->work.exec(sql);
        return {};
    });
}

Result<void> Transaction::commit() {
    return guarded<void>("commit", [&]() -> Result<void> {
        statements().Increment();
        impl_->work.commit();
        return {};
    });
}

namespace {

// stream_to takes only tuples, whose size is part of the type; this table has a writer for each
// size.
constexpr std::size_t kMaxCopyColumns = 24;
using RowWriter = void (*)(pqxx::stream_to&, const std::vector<const char*>&);

template <std::size_t... I>
void write_row(pqxx::stream_to& stream, const std::vector<const char*>& line,
               std::index_sequence<I...>) {
    stream << std::make_tuple(line[I]...);
}

template <std::size_t... Size>
constexpr std::array<RowWriter, sizeof...(Size)> row_writers(std::index_sequence<Size...>) {
    return {[](pqxx::stream_to& stream, const std::vector<const char*>& line) {
        write_row(stream, line, std::make_index_sequence<Size + 1>());
    }...};
}

constexpr auto kRowWriters = row_writers(std::make_index_sequence<kMaxCopyColumns>());

}  // namespace

struct CopyIn::Impl {
    Impl(pqxx::work& work, const std::string& table, const std::vector<std::string>& columns)
        : stream(work, table, columns), values(columns.size()) {
        line.reserve(columns.size());
    }
    std::string& next_value() {
        CHECK(line.size() < values.size());
        return values[line.size()];
    }

    pqxx::stream_to stream;
    std::vector<std::string> values;  // kept from row to row, so that a row allocates nothing
    std::vector<const char*> line;    // nullptr is NULL
};

CopyIn::CopyIn(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CopyIn::CopyIn(CopyIn&&) noexcept = default;
CopyIn::~CopyIn() = default;

Result<CopyIn> CopyIn::start(Transaction& transaction, const std::string& table,
                             const std::vector<std::string>& columns) {
    return guarded<CopyIn>("copy", [&] {
        statements().Increment();
        return CopyIn(std::make_unique<Impl>(transaction.impl_->work, table, columns));
    });
}

CopyIn& CopyIn::field(std::string_view text) {
    std::string& value = impl_->next_value();
    is_plain(text) ? value.assign(text) : value.assign(storable(text));
    impl_->line.push_back(value.c_str());
    return *this;
}
CopyIn& CopyIn::field(std::int64_t number) {
    return field(std::to_string(number));
}
CopyIn& CopyIn::null() {
    CHECK(impl_->line.size() < impl_->values.size());
    impl_->line.push_back(nullptr);
    return *this;
}
Result<void> CopyIn::end_row() {
    return guarded<void>("copy", [&]() -> Result<void> {
        CHECK(impl_->line.size() == impl_->values.size());
        kRowWriters.at(impl_->line.size() - 1)(impl_->stream, impl_->line);
        impl_->line.clear();
        return {};
    });
}
Result<void> CopyIn::finish() {
    return guarded<void>("copy", [&]() -> Result<void> {
        impl_->stream.complete();
        return {};
    });
}

struct Pool::Impl {
    base::Secret connection_string;
    std::size_t max_connections;
    std::mutex mutex;
    std::condition_variable freed;
    std::vector<std::unique_ptr<Connection>> idle;
    std::size_t open = 0;
};

Pool::Pool(base::Secret connection_string, std::size_t max_connections)
    : impl_(new Impl{std::move(connection_string), max_connections, {}, {}, {}, 0}) {}
Pool::~Pool() = default;

Pool::Lease::Lease(Pool* pool, std::unique_ptr<Connection> connection)
    : pool_(pool), connection_(std::move(connection)) {}

Pool::Lease::~Lease() {
    if (!connection_) return;
    // A connection that cannot forget its tenant does not come back.
    const bool clean = connection_->is_usable() && connection_->work_for_tenant(0).has_value();
    const std::lock_guard lock(pool_->impl_->mutex);
    if (clean) {
        pool_->impl_->idle.push_back(std::move(connection_));
    } else {
        // What cut this one, a restart of the server, cut the idle ones too: opened anew they cost
        // a moment, used once more each of them would fail a request.
        pool_->impl_->open -= 1 + pool_->impl_->idle.size();
        pool_->impl_->idle.clear();
    }
    pool_->impl_->freed.notify_all();
}

Result<Pool::Lease> Pool::acquire(std::chrono::milliseconds timeout) {
    std::unique_lock lock(impl_->mutex);
    const bool ready = impl_->freed.wait_for(lock, timeout, [&] {
        return !impl_->idle.empty() || impl_->open < impl_->max_connections;
    });
    if (!ready) return base::unavailable("all database connections are busy; try again shortly");
    while (!impl_->idle.empty()) {
        auto connection = std::move(impl_->idle.back());
        impl_->idle.pop_back();
        // Looks whether the server has hung up meanwhile; costs no round trip.
        if (connection->wait_for_notifications(std::chrono::milliseconds(0))) {
            return Lease(this, std::move(connection));
        }
        --impl_->open;
    }
    ++impl_->open;
    lock.unlock();
    auto connection = Connection::open(impl_->connection_string);
    if (!connection) {
        lock.lock();
        --impl_->open;
        impl_->freed.notify_one();
        return connection.error();
    }
    return Lease(this, std::move(connection).value());
}

Result<void> look_up_by_key_only(Connection& connection, const std::string& application_name) {
    return connection.exec_text(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
        "SET plan_cache_mode = force_generic_plan; SET jit = off; SET statement_timeout = '60s'; "
        "SET application_name = '" +
        application_name + "'");
}

bool is_serialization_failure(const base::Error& error) {
    return error.kind == ErrorKind::conflict && error.where == kSerializationMark;
}

}  // namespace carryall::db
