#include "charges/enqueue.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "charges/charge_period.hpp"
#include "charges/enqueue_store.hpp"
#include "charges/intents_store.hpp"

namespace carryall::charges {
namespace {

using base::Error;
using base::ErrorKind;

std::string place_of(std::size_t index) {
    return "/instanceIds/" + std::to_string(index);
}

Result<void> check_list(const std::vector<std::int64_t>& instances) {
    if (instances.empty()) return base::invalid_input("name at least one instance", "/instanceIds");
    if (instances.size() > kMaxInstancesPerRun) {
        return base::invalid_input(
            fmt::format("at most {} instances make one run", kMaxInstancesPerRun), "/instanceIds");
    }
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < instances.size(); ++i) {
        if (!seen.insert(instances[i]).second) {
            return base::invalid_input(
                fmt::format("instance {} is in the list twice", instances[i]), place_of(i));
        }
    }
    return {};
}

Result<void> check_instance(const InstanceFacts& one, const std::string& place) {
    if (!one.exists) {
        return base::invalid_input(fmt::format("there is no optimization instance {}", one.id),
                                   place);
    }
    if (!one.has_groups) {
        return base::invalid_input(
            fmt::format("instance {} has no comm groups: there is nothing to charge", one.id),
            place);
    }
    if (!one.is_finished) {
        return Error{ErrorKind::conflict,
                     fmt::format("the optimization of instance {} has not finished (it has no "
                                 "runEndTime); charge it when it has",
                                 one.id),
                     place};
    }
    if (one.is_rev && !one.has_rev_customer_id) {
        return base::invalid_input(
            fmt::format("instance {} goes to Rev.io, but its customer {} has no Rev.io id; set the "
                        "customer's revCustomerId",
                        one.id, one.customer),
            place);
    }
    if (one.is_rev && !one.is_account_usable) {
        return Error{ErrorKind::conflict,
                     fmt::format("instance {} names {}, which is no active Rev.io account with "
                                 "writes enabled",
                                 one.id, one.account),
                     place};
    }
    return {};
}

// An instance charges a line once: its intents could not be made otherwise.
Result<void> check_lines(db::Transaction& transaction, std::int64_t tenant_id,
                         const std::vector<std::int64_t>& instances) {
    const auto repeated = repeated_line(transaction, tenant_id, instances);
    if (!repeated) return repeated.error();
    if (!*repeated) return {};
    return base::invalid_input(
        fmt::format("instance {} would charge the line {} twice, in the queues {}; take it out of "
                    "one of them",
                    (*repeated)->instance, (*repeated)->iccid, (*repeated)->queues),
        place_of((*repeated)->index));
}

queue::Attributes attributes_of(std::int64_t tenant_id, ChargeRunId run,
                                const std::string& correlation_id) {
    queue::Attributes attributes;
    attributes.tenant_id = tenant_id;
    attributes.request_id = correlation_id;
    attributes.charge.emplace();
    attributes.charge->charge_run_id = run.value;
    return attributes;
}

std::string joined(const std::vector<std::int64_t>& ids) {
    return fmt::format("{}", fmt::join(ids, ","));
}

// Only the last message of a session is held back, as the original system's was.
Result<void> send_instances(db::Transaction& transaction, const tenants::Caller& caller,
                            ChargeRunId run, const std::vector<std::int64_t>& instances,
                            const std::string& correlation_id) {
    const auto delay = order_delay(transaction, caller.tenant_id.value);
    if (!delay) return delay.error();
    for (std::size_t i = 0; i < instances.size(); ++i) {
        auto attributes = attributes_of(caller.tenant_id.value, run, correlation_id);
        const bool is_last = i + 1 == instances.size();
        attributes.charge->instance_id = instances[i];
        attributes.charge->instance_ids = joined(instances);
        attributes.charge->is_multiple_instance_id = instances.size() > 1;
        attributes.charge->is_last_instance_id = is_last;
        CARRYALL_TRY(
            queue::enqueue(transaction, queue::kChargeEnqueueQueue,
                           "Instance to work is " + std::to_string(instances[i]), attributes,
                           std::chrono::seconds(is_last ? delay->last_instance_seconds : 0)));
    }
    return {};
}

// The run that charges exactly these instances already; none if no run has any of them.
Result<std::optional<ChargeRunId>> former_run(db::Transaction& transaction, std::int64_t tenant_id,
                                              const std::vector<InstanceFacts>& facts) {
    const auto charged = std::find_if(facts.begin(), facts.end(),
                                      [](const InstanceFacts& one) { return one.run.has_value(); });
    if (charged == facts.end()) return std::optional<ChargeRunId>();
    const ChargeRunId run{*charged->run};
    const auto size = instances_of_run(transaction, tenant_id, run);
    if (!size) return size.error();
    const bool is_same = static_cast<std::size_t>(*size) == facts.size() &&
                         std::all_of(facts.begin(), facts.end(), [&](const InstanceFacts& one) {
                             return one.run == run.value;
                         });
    if (is_same) return std::optional(run);
    return Error{ErrorKind::conflict,
                 fmt::format("instance {} is charged by run {} already; leave it out of the list",
                             charged->id, run.value),
                 place_of(static_cast<std::size_t>(charged - facts.begin()))};
}

}  // namespace

Result<void> check_order(db::Transaction& transaction, std::int64_t tenant_id,
                         const std::vector<std::int64_t>& instances) {
    CARRYALL_TRY(check_list(instances));
    const auto facts = instance_facts(transaction, tenant_id, instances);
    if (!facts) return facts.error();
    for (std::size_t i = 0; i < facts->size(); ++i) {
        CARRYALL_TRY(check_instance((*facts)[i], place_of(i)));
    }
    CARRYALL_TRY(check_lines(transaction, tenant_id, instances));
    return check_periods_open(transaction, tenant_id, instances);
}

namespace {

constexpr const char* kFilePlace = "/fileId";

Result<FileFacts> find_file(db::Transaction& transaction, std::int64_t tenant_id,
                            ChargeFileId file) {
    auto facts = file_facts(transaction, tenant_id, file);
    if (!facts) return facts.error();
    if (!*facts) {
        return base::invalid_input(fmt::format("there is no charge file {}", file.value),
                                   kFilePlace);
    }
    return **std::move(facts);
}

Result<void> check_file(const FileFacts& facts, ChargeFileId file) {
    if (!facts.is_rev || facts.is_account_usable) return {};
    return Error{ErrorKind::conflict,
                 fmt::format("charge file {} names {}, which is no active Rev.io account with "
                             "writes enabled",
                             file.value, facts.account),
                 kFilePlace};
}

}  // namespace

Result<void> check_file_order(db::Transaction& transaction, std::int64_t tenant_id,
                              ChargeFileId file) {
    const auto facts = find_file(transaction, tenant_id, file);
    if (!facts) return facts.error();
    CARRYALL_TRY(check_file(*facts, file));
    return check_period_open(transaction, tenant_id, facts->period_start, facts->period_end);
}

Result<OrderedRun> order_file(db::Connection& connection, const tenants::Caller& caller,
                              ChargeFileId file) {
    const std::string correlation_id = base::random_uuid();
    const std::int64_t tenant_id = caller.tenant_id.value;
    return db::in_transaction<OrderedRun>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<OrderedRun> {
            const auto facts = find_file(transaction, tenant_id, file);
            if (!facts) return facts.error();
            if (facts->run) return OrderedRun{ChargeRunId{*facts->run}, false};
            CARRYALL_TRY(check_file(*facts, file));
            CARRYALL_TRY(
                check_period_open(transaction, tenant_id, facts->period_start, facts->period_end));
            const auto run = insert_file_run(transaction, caller, file, correlation_id);
            if (!run && run.error().kind == ErrorKind::conflict) {
                return Error{ErrorKind::conflict,
                             "this file was ordered a moment ago by somebody else; order again to "
                             "see the run",
                             kFilePlace};
            }
            if (!run) return run.error();
            CARRYALL_TRY(wake_run(transaction, tenant_id, *run));
            return OrderedRun{*run, true};
        });
}

Result<OrderedRun> order_run(db::Connection& connection, const tenants::Caller& caller,
                             const std::vector<std::int64_t>& instances) {
    CARRYALL_TRY(check_list(instances));
    const std::string correlation_id = base::random_uuid();
    return db::in_transaction<OrderedRun>(
        connection, caller.tenant_id.value,
        [&](db::Transaction& transaction) -> Result<OrderedRun> {
            const auto facts = instance_facts(transaction, caller.tenant_id.value, instances);
            if (!facts) return facts.error();
            const auto former = former_run(transaction, caller.tenant_id.value, *facts);
            if (!former) return former.error();
            if (*former) return OrderedRun{**former, false};
            for (std::size_t i = 0; i < facts->size(); ++i) {
                CARRYALL_TRY(check_instance((*facts)[i], place_of(i)));
            }
            CARRYALL_TRY(check_periods_open(transaction, caller.tenant_id.value, instances));
            const auto run = insert_run(transaction, caller, instances, correlation_id);
            if (!run && run.error().kind == ErrorKind::conflict) {
                return Error{ErrorKind::conflict,
                             "one of these instances was ordered a moment ago by somebody else; "
                             "order again to see the run",
                             "/instanceIds"};
            }
            if (!run) return run.error();
            // From here on nobody writes into the instances.
            CARRYALL_TRY(check_lines(transaction, caller.tenant_id.value, instances));
            CARRYALL_TRY(send_instances(transaction, caller, *run, instances, correlation_id));
            return OrderedRun{*run, true};
        });
}

namespace {

// While one runner waits for the last answers of a page and writes it down, another sends the next:
// so the account never idles.
constexpr int kRunnersOfAPart = 2;

// What follows for a part: sending, or, if there is nothing to send, its list.
Result<void> send_part(db::Transaction& transaction, std::int64_t tenant_id, ChargeRunId run,
                       InstanceId instance, const InstanceToMake& order, const MadePart& part,
                       bool is_last_group) {
    auto attributes = attributes_of(tenant_id, run, order.correlation_id);
    queue::ChargeAttributes& charge = *attributes.charge;
    charge.instance_id = instance.value;
    charge.instance_ids = order.instance_ids;
    charge.is_multiple_instance_id = order.instance_count > 1;
    charge.is_last_instance_id = order.is_last && is_last_group;
    charge.queue_id = part.queue_id;
    charge.part_number = part.part_number;
    charge.current_integration_authentication_id = part.integration_authentication_id;
    charge.portal_type_id = static_cast<int>(part.portal_type);
    const char* queue = part.is_settled ? queue::kChargeCheckQueue : queue::kChargeQueue;
    const std::chrono::seconds delay(charge.is_last_instance_id ? order.last_group_delay_seconds
                                                                : 0);
    const int messages = part.is_settled ? 1 : kRunnersOfAPart;
    for (int i = 0; i < messages; ++i) {
        CARRYALL_TRY(queue::enqueue(transaction, queue,
                                    "Queue to work is " + std::to_string(part.queue_id), attributes,
                                    delay));
    }
    return {};
}

}  // namespace

Result<MadeIntents> make_intents(db::Connection& connection, std::int64_t tenant_id,
                                 ChargeRunId run, InstanceId instance) {
    return db::in_transaction<MadeIntents>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<MadeIntents> {
            CARRYALL_TRY(begin_making(transaction, tenant_id));
            const auto order = lock_instance(transaction, tenant_id, run, instance);
            if (!order) return order.error();
            if (!*order) return base::not_found("the run has no such instance");
            if ((*order)->is_made) return MadeIntents{};
            const auto parts = insert_intents(transaction, tenant_id, run, instance);
            if (!parts) return parts.error();
            MadeIntents made{true, static_cast<std::int64_t>(parts->size()), 0};
            for (const MadePart& part : *parts) {
                made.charges += part.charges;
                const bool is_last_group = &part == &parts->back();
                CARRYALL_TRY(
                    send_part(transaction, tenant_id, run, instance, **order, part, is_last_group));
            }
            return made;
        });
}

Result<MadeIntents> make_file_intents(db::Connection& connection, std::int64_t tenant_id,
                                      ChargeRunId run) {
    return db::in_transaction<MadeIntents>(
        connection, tenant_id, [&](db::Transaction& transaction) -> Result<MadeIntents> {
            CARRYALL_TRY(begin_making(transaction, tenant_id));
            const auto order = lock_file_run(transaction, tenant_id, run);
            if (!order) return order.error();
            if (!*order) return base::not_found("there is no such run of a file");
            if ((*order)->is_made || (*order)->is_held) return MadeIntents{};
            if ((*order)->orphans > 0) {
                CARRYALL_TRY(stop_making(
                    transaction, tenant_id, run,
                    fmt::format("{} devices of the file have no customer to charge any more, the "
                                "first is {}; assign them to one and resume the run",
                                (*order)->orphans, (*order)->first_orphan)));
                return MadeIntents{};
            }
            const auto parts = insert_file_intents(transaction, tenant_id, run, (*order)->file);
            if (!parts) return parts.error();
            CHECK(parts->size() == 1);
            CARRYALL_TRY(wake_run(transaction, tenant_id, run));
            return MadeIntents{true, 1, parts->front().charges};
        });
}

}  // namespace carryall::charges
