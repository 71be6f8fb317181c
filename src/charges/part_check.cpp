#include "charges/part_check.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/log.hpp"
#include "charges/summary_files.hpp"

namespace carryall::charges {
namespace {

using base::json::object;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Another worker lists the part: it is looked at again in case that worker dies.
constexpr milliseconds kBusyPause{30'000};
// The run changed while its mails were made.
constexpr milliseconds kMovedPause{1'000};
constexpr int kMaxTellings = 3;

PartChecked done(ListingEnd end) {
    PartChecked checked;
    checked.is_done = true;
    checked.is_listed = end != ListingEnd::superseded;
    checked.is_run_finished = end == ListingEnd::finished;
    return checked;
}

PartChecked again(milliseconds wait) {
    PartChecked checked;
    checked.again_in = wait;
    return checked;
}

class PartCheck {
  public:
    PartCheck(db::Connection& connection, const base::MasterKey& key, const CheckSettings& settings,
              const PartId& id, const PartToList& part)
        : connection_(connection), key_(key), settings_(settings), id_(id), part_(part) {}

    Result<PartChecked> run() {
        const auto folder = ScratchFolder::make(settings_.scratch_directory);
        if (!folder) return failed(folder.error());
        const auto stored = store_list(folder->path());
        if (!stored) return failed(stored.error());
        std::optional<Telling> telling;
        for (int tries = 0; tries < kMaxTellings; ++tries) {
            const auto end = end_listing(connection_, id_, part_.list_version, list_, telling);
            if (!end) return end.error();
            if (*end != ListingEnd::telling_first) return done(*end);
            auto made = make_telling(folder->path());
            if (!made) return failed(made.error());
            telling = std::move(*made);
        }
        return again(kMovedPause);
    }

  private:
    Result<void> store_list(const std::filesystem::path& folder) {
        list_.name = part_.order.subject.file_name;
        list_.key = part_.list_key;
        const auto file = folder / list_.name;
        const auto figures = write_charge_list(connection_, part_.order, file);
        if (!figures) return figures.error();
        for (const std::string& note : figures->notes) {
            base::log::error("charge_list_is_damaged", {{"list", list_.key}, {"reason", note}});
        }
        list_.devices = figures->devices;
        list_.error_devices = figures->error_devices;
        const auto bytes = bytes_of(file);
        if (!bytes) return bytes.error();
        list_.bytes = *bytes;
        return files::store_verified(*settings_.store, list_.key, file, kListType, settings_.pace);
    }

    Result<Telling> make_telling(const std::filesystem::path& folder) {
        const auto run = load_run_to_tell(connection_, id_, list_);
        if (!run) return run.error();
        Telling telling;
        if (!run->is_last) return telling;  // another part was opened again meanwhile
        telling.fingerprint = run->fingerprint;
        const Audiences audiences = audiences_of(run->told, run->staff, run->customers);
        SummaryFiles files(connection_, key_, settings_, id_, *run, folder);
        for (std::size_t i = 0; i < audiences.all.size(); ++i) {
            CARRYALL_TRY(add_mails(*run, audiences.all[i], i + 1, files, telling));
        }
        telling.note = note_of(audiences);
        if (!telling.note.empty()) {
            base::log::warning("charge_run_told_not_everybody", {{"reason", telling.note}});
        }
        telling.event_payload = payload_of(*run, telling);
        return telling;
    }

    Result<void> add_mails(const RunToTell& run, const Audience& audience, std::size_t number,
                           SummaryFiles& files, Telling& telling) {
        const auto file = files.make(audience, number);
        if (!file) return file.error();
        const auto errors = errors_of(run.told, audience);
        if (!errors) return errors.error();
        const SummaryMail mail = summary_mail(run.told, audience, *errors, file->shown);
        for (const std::string& address : audience.addresses) {
            telling.mails.push_back({address, mail, file->attachments});
        }
        return {};
    }

    Result<std::vector<ErrorCount>> errors_of(const ToldRun& run, const Audience& audience) {
        std::vector<int> numbers;
        for (const std::size_t part : audience.parts) {
            numbers.push_back(run.parts[part].part_number);
        }
        return count_errors(connection_, id_.tenant_id, id_.run, numbers);
    }

    static std::string note_of(const Audiences& audiences) {
        std::string note;
        if (audiences.all.empty()) {
            note =
                "Nobody was told by mail: neither the instances nor the charge settings name an "
                "address.";
        }
        for (const std::string& address : audiences.refused) {
            note += (note.empty() ? "" : " ") + fmt::format("'{}' is no address.", address);
        }
        return note;
    }

    static std::string payload_of(const RunToTell& run, const Telling& telling) {
        std::vector<std::size_t> all(run.told.parts.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        const ToldFigures figures = figures_of(run.told, all);
        const ChargeCounts& counts = figures.counts;
        object payload{{"status", outcome_of(counts)},
                       {"partCount", all.size()},
                       {"deviceCount", figures.devices},
                       {"counts", object{{"charged", counts.charged},
                                         {"recorded", counts.recorded},
                                         {"skipped", counts.skipped},
                                         {"failed", counts.failed},
                                         {"parked", counts.parked}}},
                       {"mailCount", telling.mails.size()}};
        if (figures.amount) payload["chargedAmount"] = figures.amount->text();
        if (!telling.note.empty()) payload["note"] = telling.note;
        return serialize(payload);
    }

    // Whatever kind of failure it is: an answer of the store that needs a person today may be right
    // tomorrow, and the list must not be lost for it.
    Result<PartChecked> failed(const base::Error& error) {
        base::log::error("charge_list_not_stored",
                         {{"list", part_.list_key}, {"reason", error.message}});
        if (!connection_.is_usable()) return error;
        const auto failure = note_list_failure(connection_, id_, part_.list_version, error.message);
        if (!failure) return failure.error();
        if (!*failure) return done(ListingEnd::superseded);
        if ((*failure)->lasts >= settings_.tell_failure_after && !(*failure)->is_told) {
            CARRYALL_TRY(tell_failure(error.message, (*failure)->lasts));
        }
        return again(store_again_in((*failure)->lasts));
    }

    // A mail without the list, to those who may see all of it.
    Result<void> tell_failure(const std::string& reason, seconds lasts) {
        const auto run = load_run_to_tell(connection_, id_, list_);
        if (!run) return run.error();
        Audience audience;
        for (std::size_t i = 0; i < run->told.parts.size(); ++i) {
            if (run->told.parts[i].part_number == id_.part_number) audience.parts = {i};
        }
        const auto errors = errors_of(run->told, audience);
        if (!errors) return errors.error();
        MailFile file;
        file.problem = fmt::format(
            "it could not be stored for {} minutes ({}). It is tried again; the summary with the "
            "list follows when it is stored",
            std::chrono::duration_cast<std::chrono::minutes>(lasts).count(), reason);
        SummaryMail mail = summary_mail(run->told, audience, *errors, file);
        mail.subject += " - list not stored";
        std::vector<QueuedMail> mails;
        for (const Audience& one : audiences_of(run->told, run->staff, {}).all) {
            for (const std::string& address : one.addresses) mails.push_back({address, mail, "[]"});
        }
        return tell_list_failure(connection_, id_, part_.list_version, mails);
    }

    db::Connection& connection_;
    const base::MasterKey& key_;
    const CheckSettings& settings_;
    const PartId& id_;
    const PartToList& part_;
    StoredList list_;  // as far as it came
};

}  // namespace

seconds store_again_in(seconds failing_for) {
    return std::clamp(failing_for, seconds(30), seconds(900));
}

Result<PartChecked> check_part(db::Connection& connection, const base::MasterKey& key,
                               const CheckSettings& settings, const PartId& part) {
    CHECK(settings.store != nullptr);
    const auto lock = PartLock::take(connection, part);
    if (!lock) return lock.error();
    if (!*lock) return again(kBusyPause);
    const auto found = load_part_to_list(connection, part);
    if (!found) return found.error();
    if (!*found || !(*found)->is_settled) return done(ListingEnd::superseded);
    return PartCheck(connection, key, settings, part, **found).run();
}

}  // namespace carryall::charges
