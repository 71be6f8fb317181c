// Signing in at ThingSpace: an OAuth token for the application, then a session for the user. Five
// refused logins in a row lock the user, and only Verizon unlocks it: so a password is put forward
// once in a sign-in. A second login follows only when the gateway turned the first one away for its
// token, before anybody looked at the password.
#include <algorithm>

#include "base/text.hpp"
#include "carriers/thingspace/options.hpp"
#include "carriers/thingspace/thingspace.hpp"
#include "carriers/thingspace/wire.hpp"

namespace carryall::carriers::thingspace {

namespace {

using std::chrono::seconds;

constexpr std::string_view kToken = "token";
constexpr std::string_view kSession = "session";
constexpr seconds kRenewalMargin{60};
constexpr int kBadRequest = 400;
constexpr int kUnauthorized = 401;
constexpr std::string_view kTokenEnded = "900901";
// The service whose results we wait for.
constexpr std::string_view kService = "CarrierService";

// It goes into a header.
bool is_header_text(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

std::string gateway_code(const base::json::value& body) {
    const base::json::value* fault = member(body, "fault");
    return fault != nullptr ? text_at(*fault, "code") : std::string();
}

base::json::value body_of(const http::ClientResponse& response) {
    return base::parse_json(response.body).value_or(nullptr);
}

bool is_token_ended(const http::ClientResponse& response) {
    return response.transport == http::Transport::ok && response.status == kUnauthorized &&
           gateway_code(body_of(response)) == kTokenEnded;
}

// A carrier that asks again within the hour gets the same token, with less time left: renewing it
// early would change nothing until its end has come.
std::optional<seconds> renew_after(const base::json::value& body) {
    const auto valid = base::parse_int(text_at(body, "expires_in"));
    if (!valid || *valid <= 0) return std::nullopt;
    const seconds left(*valid);
    return left > 2 * kRenewalMargin ? left - kRenewalMargin : left + seconds(1);
}

class ThingSpaceSignIn : public SignIn {
  public:
    ThingSpaceSignIn(const Account& account, const base::json::value& former,
                     std::string_view ended)
        : account_(account), token_(text_at(former, kToken)), session_(text_at(former, kSession)) {
        // With nothing said, the time of the token has come.
        if (ended == kSession)
            session_.clear();
        else
            token_.clear();
    }

    SignInStep begin() override { return token_.empty() ? ask_for_token() : log_in(); }

    SignInStep proceed(const http::ClientResponse& response) override {
        switch (doing_) {
            case Doing::token:
                return on_token(response);
            case Doing::login:
                return on_login(response);
            case Doing::looking_up_callback:
                return on_callbacks(response);
            case Doing::registering_callback:
                return on_registered(response);
        }
        return not_understood("no such step");
    }

  private:
    enum class Doing { token, login, looking_up_callback, registering_callback };

    std::string credential(std::string_view name) const {
        SettingsReader reader(account_.settings, account_.credentials);
        return reader.credential(name);
    }

    SignInStep ask_for_token() {
        doing_ = Doing::token;
        has_asked_for_token_ = true;
        Call call;
        call.method = http::Method::post;
        call.path = "/ts/v1/oauth2/token";
        call.headers = {
            {"Authorization", basic_authorization(credential("appKey"), credential("appSecret"))},
            {"Accept", "application/json"},
            {"Content-Type", "application/x-www-form-urlencoded"}};
        call.body = "grant_type=client_credentials";
        call.operation = "Get Token";
        call.timeout = account_.call_timeout;
        return call;
    }

    SignInStep log_in() {
        doing_ = Doing::login;
        Call call;
        call.method = http::Method::post;
        call.path = api_path({"/session/login"});
        call.headers = {{"Authorization", "Bearer " + token_},
                        {"Accept", "application/json"},
                        {"Content-Type", "application/json"}};
        const base::json::object body = {{"username", credential("username")},
                                         {"password", credential("password")}};
        call.body = base::json::serialize(body);
        call.operation = "Log In";
        call.timeout = account_.call_timeout;
        return call;
    }

    // Nothing of an answer is repeated in which one of our secrets stands.
    std::string reason_of(const Judged& answer) const {
        for (const auto& [name, value] : account_.credentials) {
            const std::string secret = text_of(&value);
            if (!secret.empty() && answer.verdict.reason.find(secret) != std::string::npos) {
                return "ThingSpace answered HTTP " + std::to_string(answer.verdict.http_status);
            }
        }
        return answer.verdict.reason;
    }

    SignInStep failed(std::string_view doing, const Judged& answer, bool wrong_credentials) const {
        SignInFailed failure;
        failure.reason = std::string(doing) + reason_of(answer);
        failure.wrong_credentials = wrong_credentials;
        failure.retry_after = answer.verdict.retry_after;
        return failure;
    }

    static SignInStep not_understood(std::string_view what) {
        return SignInFailed{malformed(what).reason, false, std::nullopt};
    }

    SignInStep on_token(const http::ClientResponse& response) {
        constexpr std::string_view kDoing = "The token was not given. ";
        const Judged answer = judge(response, account_);
        if (answer.verdict.meaning != Meaning::accepted) {
            const std::string error = text_at(body_of(response), "error");
            const bool is_wrong =
                (response.status == kBadRequest || response.status == kUnauthorized) &&
                (error == "invalid_client" || error == "unauthorized_client");
            if (is_wrong) return failed("The app key or its secret is wrong. ", answer, true);
            return failed(kDoing, answer, false);
        }
        token_ = text_at(answer.body, "access_token");
        if (!is_header_text(token_)) return not_understood("no access token");
        renew_after_ = renew_after(answer.body);
        return session_.empty() ? log_in() : signed_in();
    }

    SignInStep on_login(const http::ClientResponse& response) {
        if (is_token_ended(response) && !has_asked_for_token_) return ask_for_token();
        const Judged answer = judge(response, account_);
        if (answer.verdict.meaning != Meaning::accepted) {
            // ThingSpace read the user's name or password and refused it.
            const std::string code = lower_at(body_of(response), "errorCode");
            const bool is_wrong = response.status == kBadRequest &&
                                  code.find("input_invalid") != std::string::npos &&
                                  code.find("sessiontoken") == std::string::npos;
            if (is_wrong) return failed("The user name or password is wrong. ", answer, true);
            return failed("The login failed. ", answer, false);
        }
        session_ = text_at(answer.body, "sessionToken");
        if (!is_header_text(session_)) return not_understood("no session token");
        return callback_url().empty() ? signed_in() : look_up_callback();
    }

    // Without a registered address ThingSpace tells no result, ever. One address serves the whole
    // account, so it is looked at with every login: somebody else may have put another one there.
    std::string_view callback_url() const { return text_setting(account_, "callbackUrl"); }

    Call callback_call(http::Method method, std::string operation) const {
        Call call;
        call.method = method;
        call.path = api_path({"/callbacks/", text_setting(account_, "accountName")});
        call.headers = session_headers(session());
        call.headers.emplace_back("Accept", "application/json");
        call.headers.emplace_back("Content-Type", "application/json");
        call.operation = std::move(operation);
        call.timeout = account_.call_timeout;
        return call;
    }

    SignInStep look_up_callback() {
        doing_ = Doing::looking_up_callback;
        return callback_call(http::Method::get, "Look Up Callback");
    }

    SignInStep on_callbacks(const http::ClientResponse& response) {
        const Judged answer = judge(response, account_);
        if (answer.verdict.meaning != Meaning::accepted) {
            return failed("The registered callback could not be read. ", answer, false);
        }
        for (const base::json::value* one : each_of(&answer.body)) {
            const bool is_ours = lower_at(*one, "serviceName") == base::ascii_lower(kService) &&
                                 text_at(*one, "url") == callback_url();
            // The user may be left out of the answer; what it holds must be ours.
            const std::string user = text_at(*one, "username");
            if (is_ours && (user.empty() || user == credential("callbackUsername"))) {
                return signed_in();
            }
        }
        doing_ = Doing::registering_callback;
        Call call = callback_call(http::Method::post, "Register Callback");
        call.body =
            base::json::serialize(base::json::object{{"name", kService},
                                                     {"url", callback_url()},
                                                     {"username", credential("callbackUsername")},
                                                     {"password", credential("callbackPassword")}});
        return call;
    }

    SignInStep on_registered(const http::ClientResponse& response) {
        const Judged answer = judge(response, account_);
        if (answer.verdict.meaning == Meaning::accepted) return signed_in();
        return failed("The callback could not be registered. ", answer, false);
    }

    base::json::value session() const { return {{kToken, token_}, {kSession, session_}}; }
    SignInStep signed_in() const { return SignedIn{session(), renew_after_}; }

    const Account& account_;
    std::string token_;    // empty: to be bought
    std::string session_;  // empty: to be bought
    std::optional<seconds> renew_after_;
    Doing doing_ = Doing::token;
    bool has_asked_for_token_ = false;
};

}  // namespace

std::unique_ptr<SignIn> sign_in(const Account& account, const base::json::value& former,
                                std::string_view ended) {
    return std::make_unique<ThingSpaceSignIn>(account, former, ended);
}

std::string ended_part(const http::ClientResponse& response) {
    if (response.transport != http::Transport::ok) return {};
    if (is_token_ended(response)) return std::string(kToken);
    if (response.status != kBadRequest) return {};
    const std::string code = text_at(body_of(response), "errorCode");
    return fault_of(code) == Fault::session ? std::string(kSession) : std::string();
}

HeaderFields session_headers(const base::json::value& session) {
    return {{"Authorization", "Bearer " + text_at(session, kToken)},
            {"VZ-M2M-Token", text_at(session, kSession)}};
}

}  // namespace carryall::carriers::thingspace
