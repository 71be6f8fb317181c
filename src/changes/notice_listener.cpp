// When carriers' messages are matched.
#include "base/text.hpp"
#include "changes/notices.hpp"
#include "tenants/tenant.hpp"

namespace carryall::changes {
namespace {

using base::Result;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kLookAtAll{5};
// Messages come by the thousand, each with word of it; matched together they cost a claim of their
// page together.
constexpr std::chrono::milliseconds kGather{250};
// Longer than a page is held, so that messages that came meanwhile are matched soon after it.
constexpr seconds kStayAwake{5};

// A plan that was made while the tables of messages and requests were empty must not serve when
// they hold thousands; making one anew costs little beside the thousands.
constexpr const char* kSession =
    "SET enable_seqscan = off; SET plan_cache_mode = force_custom_plan; "
    "SET statement_timeout = '60s'; SET application_name = 'carryall work'";

}  // namespace

Result<void> NoticeListener::connect() {
    if (connection_ && connection_->is_usable()) return {};
    auto opened = db::Connection::open(database_);
    if (!opened) return opened.error();
    CARRYALL_TRY((*opened)->exec_text(kSession));
    connection_ = std::move(opened).value();
    next_look_at_all_ = steady_clock::now();
    return connection_->listen("carryall_callback");
}

Result<void> NoticeListener::listen(std::chrono::milliseconds at_most) {
    CARRYALL_TRY(connect());
    const auto heard = connection_->wait_for_notifications(at_most);
    if (!heard) return heard.error();
    const auto now = steady_clock::now();
    for (const auto& [channel, payload] : *heard) {
        if (const auto tenant = base::parse_int(payload)) awake_until_[*tenant] = now + kStayAwake;
    }
    if (now >= next_look_at_all_) {
        const auto tenants = tenants::active_tenants(*connection_);
        if (!tenants) return tenants.error();
        for (const std::int64_t tenant : *tenants) awake_until_.try_emplace(tenant, now);
        next_look_at_all_ = now + kLookAtAll;
    }
    if (now < next_match_) return {};
    next_match_ = now + kGather;
    for (auto entry = awake_until_.begin(); entry != awake_until_.end();) {
        CARRYALL_TRY(match(entry->first));
        entry = entry->second <= now ? awake_until_.erase(entry) : std::next(entry);
    }
    return {};
}

Result<void> NoticeListener::match(std::int64_t tenant_id) {
    while (true) {
        const auto matched = match_notices(*connection_, tenant_id);
        if (!matched) return matched.error();
        if (matched->looked_at > 0) awake_until_[tenant_id] = steady_clock::now() + kStayAwake;
        if (matched->looked_at < kNoticesAtOnce) return {};
    }
}

}  // namespace carryall::changes
