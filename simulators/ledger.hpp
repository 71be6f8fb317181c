// The ledger: what was really asked for and what was really done, one JSON line an entry, in
// STATE/ledger.jsonl. It is the independent auditor of a test run, so it is only ever appended to,
// across resets and restarts, and `seq` never repeats. Lines are buffered and reach the file within
// one tick.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ledger_stats.hpp"

namespace carryall::simulators {

inline constexpr std::size_t kLedgerBufferBytes = 256 * 1024;
inline constexpr std::uint64_t kMaxLedgerLinesAtOnce = 200'000;

struct LedgerEntry {
    std::int64_t micros = 0;
    std::int64_t delay_micros = 0;    // from then to the answer
    std::int64_t arrived_micros = 0;  // of a request that ran later than it came, else 0
    std::string_view system;
    std::string_view method;
    std::string_view path;
    std::string_view request_id;
    std::string_view action;
    std::string_view key;
    std::string_view fields;  // one JSON object, or empty
    std::string_view body;    // digested when there are no fields
    std::string_view fault;
    int status = 0;  // 0: no answer was sent
    bool performed = false;
    bool changed = false;
};

class Ledger {
  public:
    explicit Ledger(const std::string& directory);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    void append(const LedgerEntry& entry);
    void flush();
    // Forgets the counts, not the lines; leaves a line that says so.
    void mark_reset(std::int64_t micros);

    // Appends lines with seq > since, of one system or of all (""). Returns the last seq looked at.
    std::uint64_t read_since(std::uint64_t since, std::string_view system, std::uint64_t limit,
                             std::string& out);
    void append_summary(std::string& out);
    // Keys that an action performed more than `over` times since the last reset, read from the
    // file.
    void append_repeats(std::string_view system, std::string_view action, std::uint64_t over,
                        std::string& out);

  private:
    void resume_file();
    void write_out();  // with the lock held
    void end_line();

    std::mutex mutex_;
    std::string path_;
    int file_ = -1;
    std::string buffer_;
    std::uint64_t file_size_ = 0;
    std::uint64_t seq_ = 0;
    std::uint64_t reset_seq_ = 0;
    // Where the line of every kLinesPerMark-th seq starts.
    std::vector<std::uint64_t> marks_;
    LedgerStats stats_;
};

}  // namespace carryall::simulators
