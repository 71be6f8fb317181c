#include "charges/lister.hpp"

#include "base/log.hpp"

namespace carryall::charges {
namespace {

using std::chrono::milliseconds;

// Longer than a list of a million rows takes; every wait for the store prolongs it.
constexpr std::chrono::seconds kLease{900};

// The message was received again meanwhile: then it is the other receiver's.
Result<void> unless_taken_over(Result<void> done) {
    if (!done && done.error().kind == base::ErrorKind::conflict) return {};
    return done;
}

}  // namespace

Lister::Lister(CheckSettings settings, const base::MasterKey& key,
               std::unique_ptr<db::Connection> connection, const std::atomic<bool>& stopping)
    : settings_(std::move(settings)),
      key_(key),
      connection_(std::move(connection)),
      stopping_(stopping),
      queue_(queue::postgres_queue(*connection_, queue::kChargeCheckQueue)) {}

Result<void> Lister::wait_for_work(milliseconds at_most) {
    return connection_->wait_for_notice("carryall_queue", at_most);
}

Result<bool> Lister::work_one() {
    CARRYALL_TRY(connection_->work_for_tenant(0));
    const auto message = queue_->receive(kLease);
    if (!message) return message.error();
    if (!*message) return false;
    CARRYALL_TRY(work(**message));
    return true;
}

Result<void> Lister::work(const queue::Message& message) {
    const queue::Attributes& attributes = message.attributes;
    PartId part{attributes.tenant_id, {}, 0};
    if (attributes.charge) {
        part.run = {attributes.charge->charge_run_id};
        part.part_number = attributes.charge->part_number;
    }
    const base::log::Scope scope({{"tenantId", part.tenant_id},
                                  {"chargeRunId", part.run.value},
                                  {"part", part.part_number},
                                  {"correlationId", attributes.request_id}});
    settings_.pace.wait = [&](milliseconds time) { return wait(message, time); };
    const auto checked = check_part(*connection_, key_, settings_, part);
    CARRYALL_TRY(connection_->work_for_tenant(0));
    if (!checked) return checked.error();
    if (checked->is_listed) base::log::info("charge_list_stored");
    if (checked->is_run_finished) base::log::info("charge_run_finished");
    if (checked->is_done) return unless_taken_over(queue_->remove(message));
    return unless_taken_over(queue_->put_back(message, checked->again_in));
}

// A lost message costs no more than time.
bool Lister::wait(const queue::Message& message, milliseconds time) {
    if (connection_->work_for_tenant(0)) {
        static_cast<void>(queue_->extend(message, kLease));
    }
    return files::real_pace([this] { return stopping_.load(); }).wait(time);
}

}  // namespace carryall::charges
