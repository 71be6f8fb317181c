// Rate plan change at POND: list the SIM's packages, add one of the wanted type, activate it,
// terminate every other active one; if an old one refuses to end, take the new one back.
//
// The exchange is convergent: it always begins with POND's own list and does what is missing, so an
// attempt that was cut off anywhere is finished by the next. What must stay true:
//  - addPackage is not idempotent. It is sent only when the list shows no package of an earlier
//    attempt and, after an unclear one, only once POND has settled.
//  - The new package is taken back only after a reading has shown the old one still active, so a
//    SIM never loses its service to a compensation.
//  - A refusal to end a package is believed only after a reading: "already terminated" is one too.
#include <algorithm>
#include <utility>

#include "carriers/pond/package_list.hpp"
#include "carriers/pond/pond.hpp"
#include "carriers/pond/rate_plan_progress.hpp"
#include "carriers/pond/wire.hpp"

namespace carryall::carriers::pond {

namespace {

// How far POND's clock may be behind ours when a crashed attempt's package is recognised by age.
constexpr std::chrono::seconds kClockTolerance{120};

bool contains(const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

class RatePlanExchange : public Exchange {
  public:
    RatePlanExchange(const Account& account, const Line& line, const RatePlanChange& change,
                     const Attempt& attempt)
        : account_(account),
          iccid_(wire_iccid(line.iccid).value_or("")),
          plan_code_(change.code),
          target_(change.carrier_plan_id.value_or(0)),
          done_(RatePlanProgress::from_json(attempt.progress)),
          is_unclear_(attempt.resolving || done_.is_adding),
          is_settled_(attempt.resolving && attempt.settled),
          unclear_since_(attempt.unclear_since),
          list_(iccid_) {}

    Step begin() override {
        if (iccid_.empty()) {
            return refuse(
                FailureClass::validation,
                "POND knows SIMs by an ICCID of 19 digits (20 with the check digit); this "
                "one has another form");
        }
        if (target_ <= 0) {
            return refuse(FailureClass::validation, "The rate plan \"" + excerpt(plan_code_) +
                                                        "\" has no package type id of POND");
        }
        return list_packages();
    }

    Step proceed(const http::ClientResponse& response) override {
        switch (doing_) {
            case Doing::listing:
                return on_list(judge(response, Expect::object));
            case Doing::finding_new:
                return on_find_new(judge(response, Expect::object));
            case Doing::adding:
                return on_add(judge(response, Expect::object));
            case Doing::activating:
                return on_activate(judge(response, Expect::nothing));
            case Doing::checking_new:
                return on_check_new(judge(response, Expect::object));
            case Doing::terminating:
                return on_terminate(judge(response, Expect::nothing));
            case Doing::checking_old:
                return on_check_old(judge(response, Expect::object));
            case Doing::compensating:
                return on_compensate(judge(response, Expect::nothing));
            case Doing::checking_undone:
                return on_check_undone(judge(response, Expect::object));
        }
        return Outcome(Unknown{"impossible step"});
    }

    base::json::value progress() const override { return done_.to_json(); }

  private:
    enum class Doing {
        listing,
        finding_new,  // our package is known, but the list lacks it
        adding,
        activating,
        checking_new,  // after a refused activation
        terminating,
        checking_old,  // after a refused termination
        compensating,
        checking_undone,  // after a refused compensation
    };

    // --- calls ---

    Step read(Doing doing, std::string path, std::string operation) {
        doing_ = doing;
        Call call;
        call.path = account_.path_prefix + std::move(path);
        call.operation = std::move(operation);
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    Step write(Doing doing, std::string path, std::string body, std::string operation) {
        doing_ = doing;
        Call call;
        call.method = http::Method::post;
        call.path = account_.path_prefix + std::move(path);
        call.body = std::move(body);
        call.operation = std::move(operation);
        call.timeout = account_.call_timeout;
        return call;
    }

    Step list_packages() {
        return read(Doing::listing, list_.path(may_have_added()), "Get Packages");
    }

    Step package_info(Doing doing, const std::string& id, std::string operation) {
        return read(doing, "/package/" + id + "/info", std::move(operation));
    }

    Step set_package_status(Doing doing, const std::string& id, std::string_view status,
                            std::string operation) {
        return write(doing, "/package/" + id + "/status",
                     R"({"packageStatus":")" + std::string(status) + "\"}", std::move(operation));
    }

    Step add() {
        if (!account_.write_is_enabled) return writes_disabled();
        done_.is_adding = true;
        done_.before.emplace();
        for (const Package& package : list_.packages()) {
            if (package.type_id == target_) done_.before->push_back(package.id);
        }
        return write(Doing::adding, "/sim/" + iccid_ + "/addPackage",
                     R"({"packageTypeId":)" + std::to_string(target_) + '}', "Add Package");
    }

    Step activate() {
        if (!account_.write_is_enabled) return writes_disabled();
        return set_package_status(Doing::activating, done_.new_package, "ACTIVE",
                                  "Activate Package");
    }

    Step terminate_next() {
        if (old_.empty()) return applied();
        if (!account_.write_is_enabled) return writes_disabled();
        return set_package_status(Doing::terminating, old_.back(), "TERMINATED",
                                  "Terminate Package");
    }

    Step compensate() {
        if (!account_.write_is_enabled) return writes_disabled();
        return set_package_status(Doing::compensating, done_.new_package, "TERMINATED",
                                  "Compensate: Terminate New Package");
    }

    // --- where we stand ---

    Standing standing() const {
        if (is_unclear_) return Standing::unclear;
        return done_.has_done_something() ? Standing::partly_done : Standing::untouched;
    }

    // A package of ours may be there whose id was never written down. If the attempt that followed
    // crashed, it may even have been taken back.
    bool may_have_added() const { return is_unclear_ && done_.new_package.empty(); }

    static Step refuse(FailureClass failure, std::string reason) {
        return Outcome(Refused{failure, std::move(reason)});
    }

    // Final: nothing of ours is left to be known by another attempt.
    Step refuse_and_forget(std::string reason) {
        done_ = {};
        return refuse(FailureClass::business, std::move(reason));
    }

    Step writes_disabled() const {
        if (standing() == Standing::untouched) {
            return refuse(FailureClass::business, std::string(kWritesDisabled));
        }
        return Outcome(NotSent{std::string(kWritesDisabled), std::nullopt, false});
    }

    Step not_visible_yet() const {
        return Outcome(Unknown{"POND does not show the new plan in place yet; it may still come"});
    }

    Step applied() const {
        base::json::object details;
        details["packageId"] = keep_;
        details["packageTypeId"] = target_;
        base::json::array terminated;
        for (const std::string& id : done_.terminated) terminated.emplace_back(id);
        // The plan was there before us, and nothing was sent.
        if (done_.new_package.empty() && terminated.empty()) details["alreadyActive"] = true;
        details["terminatedPackageIds"] = std::move(terminated);
        return Outcome(Applied{std::move(details)});
    }

    // --- reading the list ---

    Step on_list(const Answer& answer) {
        if (const auto failure = list_.take(answer)) return conclude(*failure, false, standing());
        return list_.is_complete() ? decide() : list_packages();
    }

    bool is_ours(const Package& package) const {
        if (!done_.new_package.empty()) return package.id == done_.new_package;
        if (!may_have_added() || package.type_id != target_) return false;
        if (done_.before) return !contains(*done_.before, package.id);
        return !unclear_since_ || !package.created || is_recent(package);
    }

    bool is_recent(const Package& package) const {
        return unclear_since_ && package.created &&
               *package.created >= *unclear_since_ - kClockTolerance;
    }

    // Ended packages are not among those that stood there before, so only their age tells.
    bool is_ours_taken_back(const Package& package) const {
        return package.status == PackageStatus::terminated && is_ours(package) &&
               is_recent(package);
    }

    // Active before not active, then the newest.
    const Package* best(bool (RatePlanExchange::*fits)(const Package&) const) const {
        const Package* found = nullptr;
        for (const Package& package : list_.packages()) {
            if (package.status != PackageStatus::active &&
                package.status != PackageStatus::not_active) {
                continue;
            }
            if (!(this->*fits)(package)) continue;
            const auto rank = [](const Package& p) {
                return std::make_pair(p.status == PackageStatus::active, p.created);
            };
            if (found == nullptr || rank(*found) < rank(package)) found = &package;
        }
        return found;
    }

    bool is_target_in_use(const Package& package) const {
        return package.type_id == target_ && package.status == PackageStatus::active;
    }

    Step decide() {
        const Package* ours = best(&RatePlanExchange::is_ours);
        if (ours == nullptr && !done_.new_package.empty()) {
            return package_info(Doing::finding_new, done_.new_package, "Read Back Package");
        }
        const Package* keep = ours;
        if (keep == nullptr) keep = best(&RatePlanExchange::is_target_in_use);
        if (keep != nullptr) collect_old(*keep);
        const bool is_in_place =
            keep != nullptr && keep->status == PackageStatus::active && old_.empty();
        // While POND may still lag behind, only our own new package proves anything.
        if (is_unclear_ && !is_settled_ && !(is_in_place && ours != nullptr)) {
            return not_visible_yet();
        }
        if (keep == nullptr) return add_unless_taken_back();
        is_unclear_ = false;
        done_.is_adding = false;
        keep_ = keep->id;
        if (ours != nullptr) done_.new_package = keep->id;
        if (is_in_place) return applied();
        return go_on(keep->status);
    }

    void collect_old(const Package& keep) {
        old_.clear();
        for (const Package& package : list_.packages()) {
            if (package.status == PackageStatus::active && package.id != keep.id &&
                !contains(done_.terminated, package.id) && !contains(old_, package.id)) {
                old_.push_back(package.id);
            }
        }
    }

    Step add_unless_taken_back() {
        for (const Package& package : list_.packages()) {
            if (is_ours_taken_back(package)) {
                return refuse_and_forget("An earlier attempt added package " + package.id +
                                         ", and it has been terminated since; the plan was not "
                                         "changed");
            }
        }
        is_unclear_ = false;
        return add();
    }

    Step go_on(PackageStatus new_status) {
        if (done_.compensation) {
            const std::string& stuck = done_.compensation->stuck_package;
            if (stuck.empty() ? new_status == PackageStatus::not_active : contains(old_, stuck)) {
                return compensate();
            }
            done_.compensation.reset();  // what stood in the way is gone
        }
        if (new_status == PackageStatus::not_active) return activate();
        return terminate_next();
    }

    Step on_find_new(const Answer& answer) {
        if (is_not_found(answer.verdict) && is_settled_) {
            return refuse_and_forget("POND no longer knows package " + done_.new_package +
                                     " that this change added: " + answer.verdict.reason);
        }
        if (is_not_found(answer.verdict)) return not_visible_yet();
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing());
        }
        auto package = parse_package(answer.body, iccid_);
        if (!package || package->id != done_.new_package ||
            package->status == PackageStatus::other) {
            return conclude(malformed("no package"), false, standing());
        }
        if (package->status == PackageStatus::terminated) return taken_back();
        list_.add(std::move(*package));
        return decide();
    }

    // --- adding and activating ---

    Step on_add(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            if (answer.verdict.meaning != Meaning::unclear) {
                done_.is_adding = false;
                done_.before.reset();
            }
            return conclude(answer.verdict, true, standing());
        }
        const auto package = parse_package(answer.body, iccid_);
        if (!package || package->type_id != target_) {
            return Outcome(Unknown{malformed("no new package").reason});
        }
        done_.is_adding = false;
        done_.new_package = keep_ = package->id;
        collect_old(*package);
        if (package->status == PackageStatus::active) return terminate_next();
        return activate();
    }

    Step on_activate(const Answer& answer) {
        if (answer.verdict.meaning == Meaning::accepted) return terminate_next();
        if (answer.verdict.meaning != Meaning::refused) {
            return conclude(answer.verdict, true, standing());
        }
        done_.compensation =
            Compensation{"The new package could not be activated: " + answer.verdict.reason, ""};
        return package_info(Doing::checking_new, done_.new_package, "Read Back Package");
    }

    Step on_check_new(const Answer& answer) {
        const auto package = answer.verdict.meaning == Meaning::accepted
                                 ? parse_package(answer.body, iccid_)
                                 : std::nullopt;
        const PackageStatus status = package ? package->status : PackageStatus::other;
        if (status == PackageStatus::not_active) return compensate();
        if (status == PackageStatus::terminated) return taken_back();
        const std::string reason = std::exchange(done_.compensation, {})->reason;
        if (status == PackageStatus::active) return terminate_next();
        return Outcome(Unknown{reason + ". Reading it back failed, too"});
    }

    // --- terminating ---

    Step on_terminate(const Answer& answer) {
        if (answer.verdict.meaning == Meaning::accepted) return old_is_gone();
        if (answer.verdict.meaning != Meaning::refused) {
            return conclude(answer.verdict, true, standing());
        }
        refusal_ = answer.verdict.reason;
        return package_info(Doing::checking_old, old_.back(), "Read Back Package");
    }

    Step old_is_gone() {
        done_.terminated.push_back(std::move(old_.back()));
        old_.pop_back();
        return terminate_next();
    }

    Step on_check_old(const Answer& answer) {
        // POND knows the package no longer: it is not active.
        if (is_not_found(answer.verdict)) return old_is_gone();
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing());
        }
        const auto package = parse_package(answer.body, iccid_);
        if (!package || package->id != old_.back() || package->status == PackageStatus::other) {
            return conclude(malformed("no package"), false, standing());
        }
        if (package->status != PackageStatus::active) return old_is_gone();
        std::string reason =
            "The old package " + old_.back() + " could not be terminated: " + refusal_;
        if (done_.new_package.empty()) {  // the plan was in use before us: nothing to take back
            return refuse_and_forget(reason + ". The wanted plan is active beside it");
        }
        done_.compensation = Compensation{std::move(reason), old_.back()};
        return compensate();
    }

    // --- taking the new package back ---

    Step on_compensate(const Answer& answer) {
        if (answer.verdict.meaning == Meaning::accepted) return taken_back();
        if (answer.verdict.meaning != Meaning::refused) {
            return conclude(answer.verdict, true, standing());
        }
        refusal_ = answer.verdict.reason;
        return package_info(Doing::checking_undone, done_.new_package, "Read Back Package");
    }

    Step on_check_undone(const Answer& answer) {
        if (answer.verdict.meaning == Meaning::accepted) {
            const auto package = parse_package(answer.body, iccid_);
            if (package && package->status == PackageStatus::terminated) return taken_back();
        }
        return Outcome(Unknown{done_.compensation->reason + ". The new package " +
                               done_.new_package + " could not be taken back: " + refusal_});
    }

    Step taken_back() {
        std::string reason = done_.compensation ? done_.compensation->reason + ". " : "";
        reason += "The new package " + done_.new_package + " is terminated again";
        if (!done_.terminated.empty()) {
            reason += "; these old packages were ended before and stay so:";
            for (const std::string& id : done_.terminated) reason += ' ' + id;
        }
        return refuse_and_forget(std::move(reason));
    }

    const Account& account_;
    const std::string iccid_;  // 19 digits; empty: not POND's
    const std::string plan_code_;
    const std::int64_t target_;
    RatePlanProgress done_;
    bool is_unclear_;  // an earlier attempt may have done more than done_ says
    const bool is_settled_;
    const std::optional<base::Instant> unclear_since_;

    Doing doing_ = Doing::listing;
    PackageList list_;
    std::string keep_;              // the package that is to remain
    std::vector<std::string> old_;  // the active ones that are to end; the last is next
    std::string refusal_;
};

}  // namespace

std::unique_ptr<Exchange> rate_plan_exchange(const Account& account, const Line& line,
                                             const RatePlanChange& change, const Attempt& attempt) {
    return std::make_unique<RatePlanExchange>(account, line, change, attempt);
}

}  // namespace carryall::carriers::pond
