// See ledger.hpp. Reading goes through the file, after a flush, so that what a test sees is what is
// kept.
#include "ledger.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <unordered_map>

#include "hash.hpp"
#include "json_text.hpp"

namespace carryall::simulators {
namespace {

constexpr std::uint64_t kLinesPerMark = 1024;
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxPathBytes = 1024;
constexpr std::size_t kMaxRepeatsListed = 1000;
constexpr std::string_view kSeqPrefix = "{\"seq\":";

void append_hex(std::string& out, std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    out.append(digits, end);
}

// Header bytes above 0x7f have no agreed meaning; they would make the line invalid UTF-8.
void append_header_text(std::string& out, std::string_view text) {
    std::string plain(text.substr(0, kMaxPathBytes));
    for (char& c : plain) {
        if (static_cast<unsigned char>(c) > 0x7e) c = '?';
    }
    append_escaped(out, plain);
}

// The value of `"name":"..."` in a line this program wrote, unescaped text being enough for our
// names.
std::string_view member_of(std::string_view line, std::string_view name_with_colon) {
    const std::size_t at = line.find(name_with_colon);
    if (at == std::string_view::npos) return {};
    const std::size_t start = at + name_with_colon.size();
    std::size_t end = start;
    while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2U : 1U;
    return line.substr(start, end - start);
}

std::uint64_t seq_of(std::string_view line) {
    std::uint64_t seq = 0;
    if (line.substr(0, kSeqPrefix.size()) != kSeqPrefix) return 0;
    std::from_chars(line.data() + kSeqPrefix.size(), line.data() + line.size(), seq);
    return seq;
}

// Calls `use(line, start of the line)` for every complete line from `offset` on; stops when it is
// false.
template <typename Use>
void for_each_line(const std::string& path, std::uint64_t offset, Use use) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    std::string pending;
    std::string block(kReadBytes, '\0');
    std::uint64_t line_start = offset;
    bool more = true;
    while (more) {
        const auto got = ::pread(file, block.data(), block.size(),
                                 static_cast<off_t>(line_start + pending.size()));
        if (got <= 0) break;
        pending.append(block, 0, static_cast<std::size_t>(got));
        std::size_t begin = 0;
        for (std::size_t end = 0; more; begin = end + 1) {
            end = pending.find('\n', begin);
            if (end == std::string::npos) break;
            more = use(std::string_view(pending).substr(begin, end - begin), line_start + begin);
        }
        line_start += begin;
        pending.erase(0, begin);
    }
    ::close(file);
}

}  // namespace

Ledger::Ledger(const std::string& directory) : path_(directory + "/ledger.jsonl") {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) {
        throw std::runtime_error("cannot open " + path_ + ": " + std::strerror(errno));
    }
    buffer_.reserve(kLedgerBufferBytes * 2);
    resume_file();
}

Ledger::~Ledger() {
    flush();
    ::close(file_);
}

// A ledger of an earlier run goes on; a line torn by a crash is closed so that the next one is
// readable.
void Ledger::resume_file() {
    file_size_ = static_cast<std::uint64_t>(::lseek(file_, 0, SEEK_END));
    std::uint64_t end_of_lines = 0;
    for_each_line(path_, 0, [&](std::string_view line, std::uint64_t start) {
        end_of_lines = start + line.size() + 1;
        const std::uint64_t seq = seq_of(line);
        if (seq > seq_) {
            seq_ = seq;
            while (marks_.size() <= seq / kLinesPerMark) marks_.push_back(start);
        }
        return true;
    });
    if (end_of_lines < file_size_ && ::ftruncate(file_, static_cast<off_t>(end_of_lines)) == 0) {
        file_size_ = end_of_lines;
    }
    reset_seq_ = seq_;
}

void Ledger::append(const LedgerEntry& entry) {
    const std::lock_guard lock(mutex_);
    stats_.count(entry);
    ++seq_;
    if (seq_ / kLinesPerMark >= marks_.size()) {
        marks_.resize(seq_ / kLinesPerMark + 1, file_size_ + buffer_.size());
    }
    buffer_ += kSeqPrefix;
    append_unsigned(buffer_, seq_);
    buffer_ += ",\"us\":";
    append_integer(buffer_, entry.micros);
    if (entry.arrived_micros != 0) {
        append_integer(buffer_ += ",\"arrivedUs\":", entry.arrived_micros);
    }
    buffer_.append(",\"system\":\"").append(entry.system);
    buffer_.append("\",\"method\":\"").append(entry.method);
    buffer_ += "\",\"path\":\"";
    append_escaped(buffer_, entry.path.substr(0, kMaxPathBytes));
    if (!entry.request_id.empty()) {
        buffer_ += "\",\"requestId\":\"";
        append_header_text(buffer_, entry.request_id);
    }
    buffer_.append("\",\"action\":\"").append(entry.action).append("\",\"key\":\"");
    append_escaped(buffer_, entry.key);
    buffer_ += entry.performed ? "\",\"performed\":true" : "\",\"performed\":false";
    buffer_ += entry.changed ? ",\"changed\":true" : ",\"changed\":false";
    buffer_ += ",\"status\":";
    append_integer(buffer_, entry.status);
    if (entry.delay_micros > 0) {
        buffer_ += ",\"delayUs\":";
        append_integer(buffer_, entry.delay_micros);
    }
    if (!entry.fault.empty()) buffer_.append(",\"fault\":\"").append(entry.fault) += '"';
    if (!entry.fields.empty()) {
        buffer_.append(",\"fields\":").append(entry.fields);
    } else if (!entry.body.empty()) {
        buffer_ += ",\"bodyDigest\":\"";
        append_hex(buffer_, hash_text(entry.body));
        buffer_ += '"';
    }
    end_line();
}

void Ledger::end_line() {
    buffer_ += "}\n";
    if (buffer_.size() >= kLedgerBufferBytes) write_out();
}

void Ledger::mark_reset(std::int64_t micros) {
    LedgerEntry entry;
    entry.micros = micros;
    entry.system = "sim";
    entry.method = "POST";
    entry.path = "/_sim/reset";
    entry.action = "reset";
    entry.status = 200;
    append(entry);
    const std::lock_guard lock(mutex_);
    reset_seq_ = seq_;
    stats_.clear();
}

void Ledger::write_out() {
    std::size_t done = 0;
    while (done < buffer_.size()) {
        const auto wrote = ::write(file_, buffer_.data() + done, buffer_.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        // A ledger that cannot be written makes every test result worthless: better no simulator.
        if (wrote < 0)
            throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno));
        done += static_cast<std::size_t>(wrote);
    }
    file_size_ += buffer_.size();
    buffer_.clear();
}

void Ledger::flush() {
    const std::lock_guard lock(mutex_);
    if (!buffer_.empty()) write_out();
}

std::uint64_t Ledger::read_since(std::uint64_t since, std::string_view system, std::uint64_t limit,
                                 std::string& out) {
    std::uint64_t offset = 0;
    std::uint64_t last = since;
    {
        const std::lock_guard lock(mutex_);
        if (!buffer_.empty()) write_out();
        if (since >= seq_) return since;
        offset = marks_[(since + 1) / kLinesPerMark];
    }
    std::uint64_t lines = 0;
    for_each_line(path_, offset, [&](std::string_view line, std::uint64_t) {
        const std::uint64_t seq = seq_of(line);
        if (seq <= since) return true;
        last = seq;
        if (system.empty() || member_of(line, "\"system\":\"") == system) {
            out.append(line) += '\n';
            ++lines;
        }
        return lines < limit;
    });
    return last;
}

void Ledger::append_summary(std::string& out) {
    const std::lock_guard lock(mutex_);
    stats_.append(out, seq_);
}

void Ledger::append_repeats(std::string_view system, std::string_view action, std::uint64_t over,
                            std::string& out) {
    std::uint64_t offset = 0;
    std::uint64_t since = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!buffer_.empty()) write_out();
        since = reset_seq_;
        if (since < seq_) offset = marks_[(since + 1) / kLinesPerMark];
    }
    std::unordered_map<std::string, std::uint64_t> counts;
    for_each_line(path_, offset, [&](std::string_view line, std::uint64_t) {
        if (seq_of(line) <= since ||
            line.find("\",\"performed\":true,") == std::string_view::npos) {
            return true;
        }
        const std::string_view found = member_of(line, "\",\"action\":\"");
        const bool wanted =
            member_of(line, "\"system\":\"") == system && (action.empty() || found == action);
        if (wanted) {
            std::string name(found);
            name.append("\",\"key\":\"").append(member_of(line, "\",\"key\":\""));
            ++counts[name];
        }
        return true;
    });
    out += '[';
    std::size_t listed = 0;
    for (const auto& [name, count] : counts) {
        if (count <= over || listed == kMaxRepeatsListed) continue;
        if (listed++ > 0) out += ',';
        out.append("{\"action\":\"")
            .append(name)
            .append("\",\"performed\":");  // escaped as in the line
        append_unsigned(out, count);
        out += '}';
    }
    out += ']';
}

}  // namespace carryall::simulators
