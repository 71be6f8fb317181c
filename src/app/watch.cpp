// See watch.hpp.
#include "app/watch.hpp"

#include <cmath>
#include <iostream>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

#include "base/text.hpp"

namespace carryall::app {
namespace {

using base::ErrorKind;
using base::Result;
namespace json = base::json;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPollEvery{1};
// So many questions in a row may fail before the watching is given up; the change goes on.
constexpr int kMaxFailures = 300;
constexpr std::size_t kDefaultWidth = 80;
constexpr std::size_t kMaxBarCells = 40;
constexpr std::int64_t kPlainSteps = 10;

std::int64_t number_at(const json::value& document, std::string_view path) {
    return base::parse_int(cell(document, path)).value_or(0);
}

std::size_t terminal_width() {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
    return size.ws_col;
}

class Display {
  public:
    explicit Display(bool quiet) : quiet_(quiet), live_(isatty(STDERR_FILENO) == 1) {}

    void show(const WatchedProgress& progress) {
        if (quiet_) return;
        if (!live_) return show_line(progress);
        const auto now = SteadyClock::now();
        if (first_settled_ < 0) {
            first_settled_ = progress.settled();
            started_ = now;
        }
        const double seconds = std::chrono::duration<double>(now - started_).count();
        const auto done = static_cast<double>(progress.settled() - first_settled_);
        std::cerr << "\r\x1b[2K"
                  << progress_bar(progress, seconds > 0.2 ? done / seconds : 0, terminal_width())
                  << std::flush;
        drawn_ = true;
    }

    void end() {
        if (drawn_) std::cerr << "\n";
        drawn_ = false;
    }

  private:
    void show_line(const WatchedProgress& progress) {
        const std::int64_t step = progress.device_count == 0
                                      ? 0
                                      : progress.settled() * kPlainSteps / progress.device_count;
        const std::string status = progress.status + progress.held;
        if (step == last_step_ && status == last_status_) return;
        last_step_ = step;
        last_status_ = status;
        std::cerr << progress_sentence(progress) << std::endl;
    }

    bool quiet_;
    bool live_;
    bool drawn_ = false;
    std::int64_t first_settled_ = -1;
    SteadyClock::time_point started_;
    std::int64_t last_step_ = -1;
    std::string last_status_;
};

bool may_pass(ErrorKind kind) {
    return kind == ErrorKind::unavailable || kind == ErrorKind::timeout ||
           kind == ErrorKind::rate_limited || kind == ErrorKind::internal;
}

class Follower {
  public:
    Follower(ApiClient& client, std::int64_t id, Display& display, SteadyClock::time_point deadline)
        : client_(client),
          path_("/v1/bulk-changes/" + std::to_string(id)),
          display_(display),
          deadline_(deadline) {}

    Result<WatchedProgress> follow() {
        int failures = 0;
        while (!progress_.finished && !is_late()) {
            Result<void> done = stream();
            if (progress_.finished || is_late()) break;
            if (done || may_pass(done.error().kind)) done = poll();
            if (!done && !may_pass(done.error().kind)) return done.error();
            failures = done ? 0 : failures + 1;
            if (failures > kMaxFailures) return done.error();
            if (!progress_.finished) std::this_thread::sleep_for(kPollEvery);
        }
        return progress_;
    }

  private:
    bool is_late() const { return SteadyClock::now() >= deadline_; }

    void take(const json::value& document) {
        progress_ = read_progress(document);
        display_.show(progress_);
    }

    Result<void> stream() {
        http::EventReader reader([this](std::string_view, std::string_view data) {
            const auto document = base::parse_json(data);
            if (document && document->is_object()) take(*document);
            return !progress_.finished;
        });
        return client_.download(
            path_ + "/events", {}, "text/event-stream",
            [&](std::string_view piece) { return reader.feed(piece) && !is_late(); }, time_left());
    }

    // 0: as long as it takes. Of a change that stands still nothing comes for a while.
    std::chrono::milliseconds time_left() const {
        using std::chrono::milliseconds;
        if (deadline_ == SteadyClock::time_point::max()) return milliseconds(0);
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - SteadyClock::now());
        return std::max(milliseconds(1), left);
    }

    Result<void> poll() {
        const auto document = client_.get(path_);
        if (!document) return document.error();
        take(*document);
        return {};
    }

    ApiClient& client_;
    const std::string path_;
    Display& display_;
    const SteadyClock::time_point deadline_;
    WatchedProgress progress_;
};

Result<void> print_result(Cli& cli, ApiClient& client, const WatchedProgress& progress) {
    const auto detail = client.get("/v1/bulk-changes/" + std::to_string(progress.bulk_change_id));
    if (!detail) return detail.error();
    if (cli.json) {
        print_json(*detail);
        return {};
    }
    std::cout << "bulk change " << progress.bulk_change_id << ": " << progress_sentence(progress)
              << "\n";
    const json::value* reasons = detail->get_object().if_contains("reasons");
    if (reasons == nullptr || !reasons->is_array() || reasons->get_array().empty()) return {};
    std::cout << "\n"
              << format_table({"count", "errorClass", "reason"},
                              cells(reasons->get_array(), {"count", "errorClass", "reason"}));
    return {};
}

}  // namespace

WatchedProgress read_progress(const json::value& document) {
    WatchedProgress progress;
    progress.bulk_change_id = number_at(document, "bulkChangeId");
    progress.status = cell(document, "status");
    progress.device_count = number_at(document, "deviceCount");
    progress.processed = number_at(document, "counts.processed");
    progress.failed = number_at(document, "counts.error");
    progress.cancelled = number_at(document, "counts.cancelled");
    progress.unclear = number_at(document, "counts.unknown") + number_at(document, "counts.parked");
    progress.waiting = number_at(document, "counts.waiting");
    progress.finished = progress.status == "PROCESSED" || progress.status == "ERROR" ||
                        progress.status == "PARTIAL" || progress.status == "CANCELLED";
    const std::string control = cell(document, "control");
    if (!progress.finished && !control.empty() && control != "running") {
        progress.held = control + " by " + cell(document, "controlBy");
        const std::string reason = cell(document, "controlReason");
        if (!reason.empty()) progress.held += ": " + reason;
    } else if (!progress.finished && cell(document, "approval") == "required") {
        progress.held = "waits for the approval of another person";
    } else if (progress.status == "PENDING" && !begin_of(document).empty()) {
        progress.held = "begins " + begin_of(document);
    }
    progress.waits_for = cell(document, "waitsFor.reason");
    return progress;
}

std::string begin_of(const json::value& document) {
    const auto at = [&](const std::string& which) {
        const std::string local = cell(document, "dates." + which + "DueAtLocal");
        return local.empty() ? cell(document, "dates." + which + "DueAt") : local;
    };
    const std::string first = at("first");
    const std::string last = at("last");
    return first == last ? first : first + ", the last device " + last;
}

std::string how_to_apply(const json::value& plan) {
    if (number_at(plan, "acceptedCount") == 0) return "nothing of it can be done\n";
    return "to do it: carryall change apply " + cell(plan, "bulkChangeId") + ' ' +
           cell(plan, "planHash") + "\n";
}

std::string with_thousands(std::int64_t number) {
    std::string text = std::to_string(number);
    const std::size_t digits = text.find_first_not_of('-') == 1 ? text.size() - 1 : text.size();
    for (std::size_t at = 3; at < digits; at += 3) {
        text.insert(text.size() - at - (at - 1) / 3, ",");
    }
    return text;
}

std::string progress_sentence(const WatchedProgress& progress) {
    std::string text = progress.status + " " + with_thousands(progress.settled()) + " of " +
                       with_thousands(progress.device_count) +
                       " devices: " + with_thousands(progress.processed) + " processed, " +
                       with_thousands(progress.failed) + " failed";
    if (progress.cancelled > 0) text += ", " + with_thousands(progress.cancelled) + " cancelled";
    if (progress.waiting > 0) text += ", " + with_thousands(progress.waiting) + " waiting";
    if (progress.unclear > 0) text += ", " + with_thousands(progress.unclear) + " unknown";
    for (const std::string& more : {progress.held, progress.waits_for}) {
        if (!more.empty()) text += "; " + printable(more);
    }
    return text;
}

std::string progress_bar(const WatchedProgress& progress, double devices_per_second,
                         std::size_t width) {
    const std::int64_t total = std::max<std::int64_t>(progress.device_count, 1);
    const std::int64_t settled = std::min(progress.settled(), total);
    std::string tail = " " + std::to_string(settled * 100 / total) + " %  " +
                       with_thousands(progress.settled()) + " of " +
                       with_thousands(progress.device_count);
    if (progress.failed > 0) tail += "  " + with_thousands(progress.failed) + " failed";
    if (progress.cancelled > 0) tail += "  " + with_thousands(progress.cancelled) + " cancelled";
    if (progress.unclear > 0) tail += "  " + with_thousands(progress.unclear) + " unknown";
    if (!progress.held.empty()) tail += "  " + printable(progress.held);
    if (devices_per_second >= 1) {
        tail += "  " + with_thousands(std::llround(devices_per_second)) + "/s";
    }
    if (display_width(tail) + 5 > width) return tail.substr(0, width > 0 ? width - 1 : 0);
    const std::size_t cells = std::min(kMaxBarCells, width - display_width(tail) - 3);
    // Eighths of a cell, so that the bar moves before a whole cell is full.
    static constexpr const char* kPart[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto eighths =
        static_cast<std::size_t>(settled) * cells * 8 / static_cast<std::size_t>(total);
    std::string bar;
    for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
    bar += kPart[eighths % 8];
    bar.append(cells - eighths / 8 - (eighths % 8 != 0 ? 1 : 0), ' ');
    return "[" + bar + "]" + tail;
}

int exit_status_of(const WatchedProgress& progress) {
    if (progress.status == "PROCESSED") return 0;
    if (progress.status == "PARTIAL" || progress.status == "CANCELLED") return kExitPartial;
    if (progress.status == "ERROR") return kExitAllFailed;
    return kExitDidNotEnd;
}

Result<void> watch_change(Cli& cli, ApiClient& client, std::int64_t bulk_change_id,
                          const WatchOptions& options) {
    Display display(cli.json);
    const auto deadline = options.at_most.count() == 0 ? SteadyClock::time_point::max()
                                                       : SteadyClock::now() + options.at_most;
    const auto progress = Follower(client, bulk_change_id, display, deadline).follow();
    display.end();
    if (!progress) return progress.error();
    cli.exit_status = exit_status_of(*progress);
    WatchedProgress last = *progress;
    last.bulk_change_id = bulk_change_id;
    return print_result(cli, client, last);
}

}  // namespace carryall::app
