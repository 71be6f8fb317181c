// Keeps one account's session for one runner, in step with all others through account_session.
#pragma once

#include <functional>
#include <memory>

#include "accounts/session.hpp"
#include "base/secret.hpp"
#include "db/postgres.hpp"
#include "http/client.hpp"

namespace carryall::accounts {

// What a session belongs to. Carrier and account must outlive the uses that are made of them.
struct SessionOwner {
    std::int64_t tenant_id = 0;
    const carriers::Carrier* carrier = nullptr;
    const carriers::Account* account = nullptr;
    // Changes with every change of the credentials, and tells nothing about them.
    std::string credentials_fingerprint;
};

using MakeClient = std::function<std::unique_ptr<http::Client>()>;

class SessionKeeper : public Session {
  public:
    // `make_client`: called once, when the first sign-in is made.
    SessionKeeper(db::Connection& connection, const base::MasterKey& key, MakeClient make_client,
                  std::string worker);
    // To be called before each use: settings and credentials may have changed.
    void use(SessionOwner owner);

    SessionHeaders headers() override;
    SessionHeaders renew(std::string_view part) override;
    std::string ended_part(const http::ClientResponse& answer) const override;

  private:
    SessionHeaders obtain(std::string_view ended);
    SessionHeaders sign_in(std::string_view ended);
    carriers::SignInStep converse(carriers::SignIn& conversation);
    http::ClientResponse call(const carriers::Call& call);

    db::Connection& connection_;
    const base::MasterKey& key_;
    MakeClient make_client_;
    std::string worker_;
    std::unique_ptr<http::Client> client_;
    SessionOwner owner_;
    base::json::value session_;  // null: none
    std::int64_t version_ = 0;   // of session_; as stored
};

}  // namespace carryall::accounts
