// Steps 1 and 2 of an activation: RequestIPProvision and CheckIPProvisionStatus.
//
//   step 1: T8 (free addresses) ─ T9 (assign, at most 10 lines) ──batch id──▶ step 2, waiting
//   step 2: T10 ─ complete, and the customer's ▶ applied ─ failed ▶ refused, back to step 1
//               ─ under way ▶ asked again, so often; then a person
//
// What must stay true: the line is active whatever happens here. T9 is sent again only when T10
// shows no batch for the line after the settling time; addresses of T8 lapse by themselves.
#include "base/text.hpp"
#include "carriers/telegence/activation_state.hpp"
#include "carriers/telegence/activation_wire.hpp"
#include "carriers/telegence/setup.hpp"
#include "http/address.hpp"

namespace carryall::carriers::telegence {

namespace {

constexpr std::string_view kLogName = "Telegence Static IP Provisioning: ";

class ProvisionAddress : public Exchange {
  public:
    ProvisionAddress(const Account& account, const Line& line, const Activation& change,
                     const Attempt& attempt, ActivationState state)
        : account_(account),
          line_(line),
          change_(change),
          wanted_(change.static_address.value_or(StaticAddress{})),
          attempt_(attempt),
          state_(std::move(state)) {}

    Step begin() override {
        if (state_.number.empty() || wanted_.pool.empty()) {
            return Outcome(Refused{FailureClass::validation,
                                   "Static IP provisioning failed: no subscriber number or pool"});
        }
        if (state_.step == ActivationStep::check_ip_provision_status) return check();
        return attempt_.resolving ? find_batch() : reserve();
    }

    Step proceed(const http::ClientResponse& response) override {
        const Answer answer = judge(response, Expect::json);
        switch (doing_) {
            case Doing::reserving:
                return on_reserved(answer);
            case Doing::requesting:
                return on_requested(answer);
            case Doing::finding_batch:
                return on_batch(answer);
            case Doing::checking:
                return on_check(answer);
        }
        return Outcome(Unknown{"impossible step"});
    }

    base::json::value progress() const override { return state_.to_json(); }

    void shared_by(std::size_t devices, std::size_t place) override {
        devices_ = devices;
        place_ = place;
    }

    base::json::object achieved() const override { return active_line(change_, line_, state_); }

  private:
    enum class Doing { reserving, requesting, finding_batch, checking };

    static Step fail(FailureClass failure, const std::string& reason) {
        return Outcome(Refused{failure, "Static IP provisioning failed: " + reason});
    }

    Call call(Doing doing, std::string_view path, std::string_view name) {
        doing_ = doing;
        place_ = 0;
        devices_ = 1;
        Call call;
        call.path = path;
        call.operation = name;
        call.description.append(kLogName).append(name);
        call.timeout = account_.call_timeout;
        return call;
    }

    // --- step 1 ---

    Step reserve() {
        if (!account_.write_is_enabled) {
            return fail(FailureClass::business, "Write is disabled for Service Provider: " +
                                                    std::to_string(account_.service_provider_id));
        }
        Call reserving =
            call(Doing::reserving, ip_addresses_path(account_), "Get Available IP Addresses");
        reserving.method = http::Method::post;
        reserving.changes_state = false;  // a reservation that nobody uses lapses
        reserving.body = R"({"pdpName":)" + base::json::serialize(base::json::value(wanted_.pool)) +
                         R"(,"ipQuantity":)";
        reserving.shared = Shared{"", "}", kLinesPerAddressRequest, true};
        return reserving;
    }

    Step on_reserved(const Answer& answer) {
        const Verdict& verdict = answer.verdict;
        if (verdict.meaning == Meaning::refused) return fail(verdict.failure, verdict.reason);
        if (verdict.meaning != Meaning::accepted) return not_done(verdict, false);
        const auto addresses = parse_addresses(answer.body);
        if (!addresses) return not_done(malformed("no list of addresses"), false);
        if (place_ >= addresses->size()) {
            const std::string message = message_of(answer.body);
            return fail(FailureClass::business, "No available IP address in the pool " +
                                                    excerpt(wanted_.pool) +
                                                    (message.empty() ? "" : ". " + message));
        }
        state_.has_ip_address = false;
        state_.ip_address = (*addresses)[place_];
        if (state_.ip_address.empty()) {
            return not_done(malformed("an address that is none"), false);
        }
        if (!is_the_customers(state_.ip_address)) {
            return fail(FailureClass::business,
                        "the pool " + excerpt(wanted_.pool) + " offers " + outside_range());
        }
        return request();
    }

    Step request(bool alone = false) {
        Call requesting =
            call(Doing::requesting, ip_provisioning_path(account_), "Request IP Assignment");
        requesting.method = http::Method::post;
        const base::json::value pool(wanted_.pool);
        const base::json::value ban(change_.billing_account);
        requesting.body = R"({"pdpName":)" + base::json::serialize(pool) +
                          R"(,"billingAccountNumber":)" + base::json::serialize(ban) +
                          R"(,"subscriber":[)";
        std::string item = provisioning_item(state_.number, state_.ip_address, wanted_,
                                             wire_day(carrier_time(account_, attempt_.now)));
        if (alone) {
            requesting.body += item + "]}";
        } else {
            requesting.shared = Shared{std::move(item), "]}", kLinesPerAddressRequest};
        }
        return requesting;
    }

    Step on_requested(const Answer& answer) {
        const Verdict& verdict = answer.verdict;
        if (verdict.meaning == Meaning::refused) {
            // The request was refused as a whole: it may be another line's fault.
            if (devices_ > 1) return request(true);
            return fail(verdict.failure, verdict.reason);
        }
        if (verdict.meaning != Meaning::accepted) return not_done(verdict, true);
        const std::string batch = provisioning_batch_id(answer.body);
        if (batch.empty()) {
            return Outcome(
                Unknown{"Telegence took the request for a static IP address and told "
                        "no batch id: " +
                        message_of(answer.body)});
        }
        return requested(batch);
    }

    Step requested(const std::string& batch) {
        state_.step = ActivationStep::check_ip_provision_status;
        state_.ip_batch_id = batch;
        state_.ip_checks = 0;
        return Outcome(Pending{"", ip_first_check(account_), "Static IP provisioning requested"});
    }

    // Credentials, throttling, silence: the line is active, so the step is tried again.
    static Step not_done(const Verdict& verdict, bool changes_state) {
        return Outcome(conclude(verdict, changes_state, Standing::partly_done));
    }

    Step find_batch() {
        Call asking =
            call(Doing::finding_batch, ip_provision_status_path(account_), "Look Up IP Assignment");
        asking.changes_state = false;
        asking.headers = {{"subscriber-number", state_.number}};
        return asking;
    }

    Step on_batch(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return Outcome(conclude(answer.verdict, false, Standing::unclear));
        }
        const auto entry = find_address(answer.body, state_.number);
        const bool is_ours =
            entry && !entry->batch_id.empty() && entry->batch_id != state_.failed_ip_batch_id;
        if (is_ours) {
            requested(entry->batch_id);
            return on_entry(*entry);
        }
        // Only an entry of the line's own says that there is no batch for it.
        if (!entry) return Outcome(Unknown{malformed("nothing about the line").reason});
        if (!attempt_.settled) {
            return Outcome(Unknown{
                "It is not known whether Telegence took the request for a static IP address"});
        }
        return reserve();
    }

    // --- step 2 ---

    Step check() {
        Call checking =
            call(Doing::checking, ip_provision_status_path(account_), "Check IP Assignment");
        checking.changes_state = false;
        checking.headers = {{"batch-id", state_.ip_batch_id}};
        checking.shared = Shared{"", "", kLinesPerAddressRequest};
        return checking;
    }

    Step on_check(const Answer& answer) {
        const Verdict& verdict = answer.verdict;
        if (verdict.meaning != Meaning::accepted) {
            const Standing standing = attempt_.waiting ? Standing::partly_done : Standing::unclear;
            return Outcome(conclude(verdict, false, standing));
        }
        const auto entry = find_address(answer.body, state_.number);
        if (!entry || entry->batch_id.empty()) {
            return still_pending(entry ? entry->message : "the batch does not name the line");
        }
        return on_entry(*entry);
    }

    Step on_entry(const AddressEntry& entry) {
        if (entry.state == AddressEntry::State::pending) return still_pending(entry.stages);
        if (entry.state == AddressEntry::State::failed) {
            return give_back(entry.message.empty() ? entry.stages : entry.message);
        }
        state_.ip_address = entry.ip_address;
        state_.has_ip_address = http::IpAddress::parse(entry.ip_address).has_value();
        if (!state_.has_ip_address) {
            return give_back("Telegence assigned \"" + excerpt(entry.ip_address) +
                             "\", which is no IP address");
        }
        if (!is_the_customers(entry.ip_address)) {
            return give_back("Telegence assigned " + outside_range());
        }
        Applied applied{active_line(change_, line_, state_),
                        "Service activation complete. Assigned IP: " + entry.ip_address};
        applied.remark =
            Remark{"Telegence Service Activation: Complete with Static IP", "ICCID: " + line_.iccid,
                   "Service Active. IP Address: " + entry.ip_address};
        applied.keeps_progress = true;
        return Outcome(std::move(applied));
    }

    // The next try begins with step 1, with another address.
    Step give_back(const std::string& reason) {
        state_.step = ActivationStep::request_ip_provision;
        state_.failed_ip_batch_id = std::exchange(state_.ip_batch_id, {});
        state_.ip_checks = 0;
        return Outcome(
            Refused{FailureClass::business, "IP provisioning failed: " + excerpt(reason)});
    }

    Step still_pending(const std::string& how_it_stands) {
        const int limit = ip_check_limit(account_);
        if (state_.ip_checks >= limit) {
            Unknown unknown{
                "IP unknown: Telegence has not finished assigning a static IP address "
                "(request " +
                state_.ip_batch_id + ", " + excerpt(how_it_stands) + ") after " +
                std::to_string(limit + 1) +
                " checks. The line is active; check it at Telegence, then retry"};
            unknown.needs_person = true;
            return Outcome(unknown);
        }
        ++state_.ip_checks;
        return Outcome(
            Pending{"", ip_check(account_),
                    "Static IP provisioning requested (" + excerpt(how_it_stands) + ')'});
    }

    bool is_the_customers(const std::string& text) const {
        if (wanted_.customer_range.empty()) return true;
        const auto range = http::Cidr::parse(wanted_.customer_range);
        const auto address = http::IpAddress::parse(text);
        return range && address && range->contains(*address);
    }

    std::string outside_range() const {
        return state_.ip_address + ", which is outside the customer's range " +
               wanted_.customer_range;
    }

    const Account& account_;
    const Line line_;
    const Activation change_;
    const StaticAddress wanted_;
    const Attempt attempt_;
    ActivationState state_;
    std::size_t place_ = 0;  // in the request at hand
    std::size_t devices_ = 1;

    Doing doing_ = Doing::reserving;
};

}  // namespace

std::unique_ptr<Exchange> provision_address(const Account& account, const Line& line,
                                            const Activation& change, const Attempt& attempt,
                                            ActivationState state) {
    return std::make_unique<ProvisionAddress>(account, line, change, attempt, std::move(state));
}

}  // namespace carryall::carriers::telegence
