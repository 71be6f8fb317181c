#include "sync/reading.hpp"

#include <deque>
#include <random>

namespace carryall::sync {
namespace {

using carriers::Call;
using carriers::InventoryFailed;
using carriers::InventoryPage;
using std::chrono::milliseconds;

constexpr milliseconds kTick{100};
// Steps of one page; a reading that goes on beyond it goes in circles.
constexpr int kMaxSteps = 10'000;

class PageReading {
  public:
    PageReading(const ReadingSettings& settings, http::Client& client, accounts::Pace& pace,
                const ReadingHooks& hooks)
        : settings_(settings), client_(client), pace_(pace), hooks_(hooks) {
        open_session(settings.session == nullptr
                         ? accounts::SessionHeaders(carriers::HeaderFields())
                         : settings.session->headers());
    }

    PageOutcome run(carriers::InventoryReading& reading) {
        carriers::InventoryStep step = reading.next();
        for (int steps = 0; steps < kMaxSteps; ++steps) {
            if (auto* page = std::get_if<InventoryPage>(&step)) return std::move(*page);
            if (auto* failed = std::get_if<InventoryFailed>(&step)) return std::move(*failed);
            calls_ = std::move(std::get<std::vector<Call>>(step));
            if (const auto ended = exchange()) {
                empty_client();
                return *ended;
            }
            step = reading.proceed(answers_);
        }
        return InventoryFailed{"the reading did not come to the end of its page",
                               carriers::FailureClass::system,
                               {},
                               false};
    }

  private:
    // Until every call has its answer; something if the page is to be left.
    std::optional<PageOutcome> exchange() {
        answers_.assign(calls_.size(), {});
        was_renewed_.assign(calls_.size(), false);
        sent_in_.assign(calls_.size(), 0);
        waiting_.clear();
        for (std::size_t i = 0; i < calls_.size(); ++i) waiting_.push_back(i);
        in_flight_ = 0;
        while (!waiting_.empty() || in_flight_ > 0) {
            if (no_session_) return *no_session_;
            if (hooks_.should_stop()) return Interrupted{};
            if (!hooks_.keep_lease()) return Interrupted{true, {}};
            const milliseconds wait = send_what_may_be_sent();
            if (in_flight_ == 0 && wait > kLongestWait) return Interrupted{false, wait};
            take_answers(std::min(wait, kTick));
        }
        return std::nullopt;
    }

    milliseconds send_what_may_be_sent() {
        const int most = std::min(settings_.max_in_flight, pace_.most_in_flight());
        while (!waiting_.empty() && in_flight_ < std::max(1, most)) {
            const milliseconds wait = pace_.next_call();
            if (wait.count() > 0) return wait;
            send(waiting_.front());
            waiting_.pop_front();
        }
        return kTick;
    }

    void send(std::size_t index) {
        const Call& call = calls_[index];
        CHECK(!call.changes_state);
        carriers::HeaderFields more = session_headers_;
        more.insert(more.end(), call.headers.begin(), call.headers.end());
        http::ClientRequest request;
        request.method = call.method;
        request.url = settings_.account->base_url + call.path;
        request.headers = settings_.account->header_list(settings_.correlation_id, more);
        request.answer_headers = call.answer_headers;
        request.body = call.body;
        request.timeout = call.timeout;
        request.tag = index;
        sent_in_[index] = session_number_;
        ++in_flight_;
        client_.start(std::move(request));
    }

    void take_answers(milliseconds at_most) {
        arrived_.clear();
        client_.wait(at_most, arrived_);
        for (http::ClientResponse& answer : arrived_) {
            --in_flight_;
            pace_.answered(answer);
            const std::size_t index = answer.tag;
            if (is_repeated_in_new_session(index, answer)) continue;
            answers_.at(index) = std::move(answer);
        }
    }

    // The session had ended, so the call was not carried out: it is made once more in a new one.
    bool is_repeated_in_new_session(std::size_t index, const http::ClientResponse& answer) {
        if (settings_.session == nullptr || was_renewed_.at(index)) return false;
        const std::string ended = settings_.session->ended_part(answer);
        if (ended.empty()) return false;
        was_renewed_[index] = true;
        if (sent_in_[index] == session_number_) open_session(settings_.session->renew(ended));
        waiting_.push_front(index);
        return true;
    }

    void open_session(accounts::SessionHeaders headers) {
        if (const auto* none = std::get_if<accounts::NoSession>(&headers)) {
            no_session_ =
                InventoryFailed{none->reason,
                                none->wrong_credentials ? carriers::FailureClass::system
                                                        : carriers::FailureClass::transient,
                                none->retry_after, false};
            return;
        }
        session_headers_ = std::move(std::get<carriers::HeaderFields>(headers));
        ++session_number_;
    }

    // The client is shared by the pages that follow: nothing of this one may stay in it.
    void empty_client() {
        client_.cancel_all();
        while (client_.in_flight() > 0) {
            arrived_.clear();
            client_.wait(kTick, arrived_);
        }
    }

    const ReadingSettings& settings_;
    http::Client& client_;
    accounts::Pace& pace_;
    const ReadingHooks& hooks_;
    carriers::HeaderFields session_headers_;
    int session_number_ = 0;
    std::optional<InventoryFailed> no_session_;
    std::vector<Call> calls_;
    std::vector<http::ClientResponse> answers_;
    std::vector<bool> was_renewed_;
    std::vector<int> sent_in_;
    std::deque<std::size_t> waiting_;
    std::vector<http::ClientResponse> arrived_;
    int in_flight_ = 0;
};

}  // namespace

PageOutcome read_page(carriers::InventoryReading& reading, const ReadingSettings& settings,
                      http::Client& client, accounts::Pace& pace, const ReadingHooks& hooks) {
    return PageReading(settings, client, pace, hooks).run(reading);
}

double jitter() {
    thread_local std::mt19937 random(std::random_device{}());
    return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

}  // namespace carryall::sync
