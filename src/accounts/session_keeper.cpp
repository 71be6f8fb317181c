// Signing in, one worker at a time. A worker that finds another at it waits for the result, as it
// would have waited for the carrier.
#include "accounts/session_keeper.hpp"

#include <thread>

#include "accounts/session_store.hpp"
#include "base/log.hpp"

namespace carryall::accounts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Longer than the calls of a sign-in may take together.
constexpr seconds kRenewalLease{90};
constexpr seconds kLongestWait{15};  // for another worker; then the page is left for later
constexpr milliseconds kLook{50};
constexpr int kMaxCalls = 8;  // of one sign-in
constexpr seconds kAgain{30};

}  // namespace

SessionKeeper::SessionKeeper(db::Connection& connection, const base::MasterKey& key,
                             MakeClient make_client, std::string worker)
    : connection_(connection),
      key_(key),
      make_client_(std::move(make_client)),
      worker_(std::move(worker)) {}

void SessionKeeper::use(SessionOwner owner) {
    // Other credentials: the session of the former ones is not theirs.
    if (owner.credentials_fingerprint != owner_.credentials_fingerprint) session_ = nullptr;
    owner_ = std::move(owner);
}

std::string SessionKeeper::ended_part(const http::ClientResponse& answer) const {
    return owner_.carrier->ended_part(answer);
}

SessionHeaders SessionKeeper::headers() {
    return obtain({});
}

SessionHeaders SessionKeeper::renew(std::string_view part) {
    return obtain(part);
}

// The stored session if it is newer than the one that ended, else a new one.
SessionHeaders SessionKeeper::obtain(std::string_view ended) {
    const std::int64_t provider = owner_.account->service_provider_id;
    const std::int64_t ended_version = ended.empty() ? -1 : version_;
    const auto give_up = steady_clock::now() + kLongestWait;
    while (true) {
        auto stored = load_session(connection_, owner_.tenant_id, provider, key_);
        if (!stored) return NoSession{"The session could not be read: " + stored.error().message};
        const bool serves =
            !stored->session.is_null() && !stored->is_due && stored->version != ended_version;
        if (serves) {
            session_ = std::move(stored->session);
            version_ = stored->version;
            return owner_.carrier->session_headers(session_);
        }
        if (!stored->refused_fingerprint.empty() &&
            stored->refused_fingerprint == owner_.credentials_fingerprint) {
            return NoSession{stored->refused_reason, true};
        }
        const auto begun = begin_renewal(connection_, owner_.tenant_id, provider, stored->version,
                                         worker_, kRenewalLease);
        if (!begun) return NoSession{"The session could not be kept: " + begun.error().message};
        if (*begun) {
            session_ = std::move(stored->session);
            version_ = stored->version;
            return sign_in(ended);
        }
        if (steady_clock::now() > give_up) {
            return NoSession{"another worker is signing in", false, seconds(5)};
        }
        std::this_thread::sleep_for(kLook);
    }
}

SessionHeaders SessionKeeper::sign_in(std::string_view ended) {
    const std::int64_t provider = owner_.account->service_provider_id;
    const auto conversation = owner_.carrier->sign_in(*owner_.account, session_, ended);
    CHECK(conversation != nullptr);
    const carriers::SignInStep end = converse(*conversation);
    if (const auto* failed = std::get_if<carriers::SignInFailed>(&end)) {
        base::log::error("sign_in_failed", {{"serviceProviderId", provider},
                                            {"isFinal", failed->wrong_credentials},
                                            {"reason", failed->reason}});
        const std::string reason =
            failed->wrong_credentials
                ? failed->reason + "; correct the service provider's credentials, then retry"
                : failed->reason;
        const auto ended_well =
            end_renewal(connection_, owner_.tenant_id, provider, worker_,
                        failed->wrong_credentials ? owner_.credentials_fingerprint : "", reason);
        if (!ended_well) {
            base::log::warning("renewal_not_ended", {{"reason", ended_well.error().message}});
        }
        return NoSession{reason, failed->wrong_credentials, failed->retry_after.value_or(kAgain)};
    }
    const auto& signed_in = std::get<carriers::SignedIn>(end);
    session_ = signed_in.session;
    const auto stored = store_session(connection_, owner_.tenant_id, provider, worker_, session_,
                                      signed_in.renew_after, key_);
    // A session that could not be stored serves this runner all the same.
    if (stored && *stored) version_ = **stored;
    base::log::info("signed_in", {{"serviceProviderId", provider}, {"renewed", ended}});
    return owner_.carrier->session_headers(session_);
}

carriers::SignInStep SessionKeeper::converse(carriers::SignIn& conversation) {
    carriers::SignInStep step = conversation.begin();
    for (int calls = 0; std::holds_alternative<carriers::Call>(step); ++calls) {
        if (calls == kMaxCalls) {
            return carriers::SignInFailed{"signing in did not come to an end", false, {}};
        }
        step = conversation.proceed(call(std::get<carriers::Call>(step)));
    }
    return step;
}

http::ClientResponse SessionKeeper::call(const carriers::Call& call) {
    if (!client_) client_ = make_client_();
    http::ClientRequest request;
    request.method = call.method;
    request.url = owner_.account->base_url + call.path;
    request.headers = http::HeaderList(call.headers);
    request.body = call.body;
    request.timeout = call.timeout;
    client_->start(std::move(request));
    std::vector<http::ClientResponse> answers;
    while (answers.empty()) client_->wait(seconds(1), answers);
    return std::move(answers.front());
}

}  // namespace carryall::accounts
