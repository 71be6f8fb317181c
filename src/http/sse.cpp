// The hub of server-sent events. Lock order: the hub's lock, then a subscription's; `notify` is
// called under neither.
#include "http/sse.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace carryall::http {

struct SseHubState {
    SseOptions options;
    std::mutex mutex;
    bool closed = false;
    std::size_t clients = 0;
    std::map<std::string, std::vector<std::weak_ptr<SseSubscription>>, std::less<>> topics;
};

namespace {

bool single_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// A line end within the data starts a new data line, whichever of the three line ends it is.
std::string format(std::string_view event, std::string_view data, std::string_view id) {
    CHECK(single_line(event) && single_line(id));
    std::string out;
    out.reserve(event.size() + data.size() + id.size() + 24);
    if (!id.empty()) out.append("id: ").append(id).append("\n");
    if (!event.empty()) out.append("event: ").append(event).append("\n");
    out.append("data: ");
    for (std::size_t i = 0; i < data.size(); ++i) {
        if (data[i] == '\r' && i + 1 < data.size() && data[i + 1] == '\n') continue;
        if (data[i] == '\r' || data[i] == '\n') {
            out.append("\ndata: ");
        } else {
            out += data[i];
        }
    }
    out.append("\n\n");
    return out;
}

}  // namespace

SseSubscription::SseSubscription(std::weak_ptr<SseHubState> hub, std::size_t max_queued_bytes)
    : hub_(std::move(hub)), max_queued_bytes_(max_queued_bytes) {}

SseSubscription::~SseSubscription() {
    const auto hub = hub_.lock();
    if (!hub) return;
    const std::lock_guard lock(hub->mutex);
    --hub->clients;
    for (const std::string& topic : topics_) {
        const auto found = hub->topics.find(topic);
        if (found == hub->topics.end()) continue;
        std::erase_if(found->second, [](const auto& entry) { return entry.expired(); });
        if (found->second.empty()) hub->topics.erase(found);
    }
}

bool SseSubscription::send(std::string_view event, std::string_view data, std::string_view id) {
    return push(format(event, data, id));
}

bool SseSubscription::push(std::string_view text) {
    std::function<void()> notify;
    bool taken = true;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return false;
        if (queued_.size() + text.size() > max_queued_bytes_) {
            // Too slow. Half a queue would be a gap that nobody sees, so the client is dropped.
            ended_ = true;
            queued_.clear();
            taken = false;
            notify = notify_;
        } else {
            if (queued_.empty()) notify = notify_;
            queued_.append(text);
        }
    }
    if (notify) notify();
    return taken;
}

std::string SseSubscription::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(queued_, {});
}

bool SseSubscription::ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

void SseSubscription::on_change(std::function<void()> notify) {
    const std::lock_guard lock(mutex_);
    notify_ = std::move(notify);
}

void SseSubscription::end() {
    std::function<void()> notify;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        ended_ = true;
        notify = notify_;
    }
    if (notify) notify();
}

SseHub::SseHub(SseOptions options) : state_(std::make_shared<SseHubState>()) {
    state_->options = options;
}

SseHub::~SseHub() {
    close();
}

base::Result<std::shared_ptr<SseSubscription>> SseHub::subscribe(std::vector<std::string> topics) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (topics.empty() || topics.size() > state_->options.max_topics_per_client) {
        return base::invalid_input("listen to 1 to " +
                                   std::to_string(state_->options.max_topics_per_client) +
                                   " topics at once");
    }
    const std::lock_guard lock(state_->mutex);
    if (state_->closed || state_->clients >= state_->options.max_clients) {
        return base::unavailable("too many listen to events at present; try again later");
    }
    std::shared_ptr<SseSubscription> made(
        new SseSubscription(state_, state_->options.max_queued_bytes));
    made->topics_ = std::move(topics);
    ++state_->clients;
    for (const std::string& topic : made->topics_) state_->topics[topic].push_back(made);
    return made;
}

std::size_t SseHub::publish(std::string_view topic, std::string_view event, std::string_view data,
                            std::string_view id) {
    // Declared before the lock: a last reference given up here must not die under it.
    std::vector<std::shared_ptr<SseSubscription>> listeners;
    {
        const std::lock_guard lock(state_->mutex);
        const auto found = state_->topics.find(topic);
        if (found == state_->topics.end()) return 0;
        for (const auto& entry : found->second) {
            if (auto listener = entry.lock()) listeners.push_back(std::move(listener));
        }
    }
    const std::string text = format(event, data, id);
    std::size_t reached = 0;
    for (const auto& listener : listeners) reached += listener->push(text) ? 1 : 0;
    return reached;
}

std::size_t SseHub::clients() const {
    const std::lock_guard lock(state_->mutex);
    return state_->clients;
}

void SseHub::close() {
    std::vector<std::shared_ptr<SseSubscription>> all;
    {
        const std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (const auto& [topic, entries] : state_->topics) {
            for (const auto& entry : entries) {
                if (auto listener = entry.lock()) all.push_back(std::move(listener));
            }
        }
    }
    for (const auto& listener : all) listener->end();
}

}  // namespace carryall::http
