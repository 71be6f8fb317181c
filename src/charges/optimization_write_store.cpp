// The SQL that writes an instance.
#include "charges/optimization_write_store.hpp"

namespace carryall::charges {
namespace {

using db::Array;
using db::Params;
using db::Query;

constexpr Query kReserve{"optimization_reserve", R"(
    SELECT pg_try_advisory_xact_lock(
        hashtextextended('optimization/' || $1::bigint || '/' || $2::bigint, 0)))"};

// A charge run's row refers to the instance and waits for this lock, or was committed before.
constexpr Query kLock{"optimization_lock", R"(
    SELECT FROM optimization_instance
    WHERE tenant_id = $1 AND optimization_instance_id = $2 FOR UPDATE)"};

constexpr Query kRun{"optimization_run_of", R"(
    SELECT charge_run_id FROM charge_run_instance
    WHERE tenant_id = $1 AND optimization_instance_id = $2)"};

constexpr Query kCustomer{"optimization_customer", R"(
    SELECT i.customer_id, r.customer_id, n.customer_id, coalesce(i.rev_customer_id,
        r.rev_customer_id, n.rev_customer_id)
    FROM (VALUES (1)) one(row)
    LEFT JOIN customer i ON i.tenant_id = $1 AND i.customer_id = $2
    LEFT JOIN customer r ON r.tenant_id = $1 AND r.rev_customer_id = $3
    LEFT JOIN customer n ON n.tenant_id = $1 AND n.name = $4)"};

constexpr Query kIntegration{"optimization_integration", R"(
    SELECT integration FROM service_provider WHERE tenant_id = $1 AND service_provider_id = $2)"};

constexpr Query kForeignGroups{"optimization_foreign_groups", R"(
    SELECT optimization_comm_group_id, optimization_instance_id FROM optimization_comm_group
    WHERE tenant_id = $1 AND optimization_comm_group_id = ANY($3::bigint[])
      AND optimization_instance_id <> $2)"};

constexpr Query kForeignQueues{"optimization_foreign_queues", R"(
    SELECT q.optimization_queue_id, g.optimization_instance_id
    FROM optimization_queue q JOIN optimization_comm_group g ON g.tenant_id = $1
        AND g.optimization_comm_group_id = q.optimization_comm_group_id
    WHERE q.tenant_id = $1 AND q.optimization_queue_id = ANY($3::bigint[])
      AND g.optimization_instance_id <> $2)"};

constexpr Query kWriteInstance{"optimization_write_instance", R"(
    INSERT INTO optimization_instance (tenant_id, optimization_instance_id, portal_type,
        customer_id, integration_authentication_id, billing_period_start, billing_period_end,
        run_end_time, customer_emails, imported_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant_id, optimization_instance_id) DO UPDATE SET
        portal_type = excluded.portal_type, customer_id = excluded.customer_id,
        integration_authentication_id = excluded.integration_authentication_id,
        billing_period_start = excluded.billing_period_start,
        billing_period_end = excluded.billing_period_end, run_end_time = excluded.run_end_time,
        customer_emails = excluded.customer_emails, imported_by = excluded.imported_by,
        imported_at = now())"};

// $3: the queues that stay; $4: those of them whose results come anew.
constexpr Query kForgetResults{"optimization_forget_results", R"(
    DELETE FROM optimization_device_result r
    USING optimization_queue q, optimization_comm_group g
    WHERE g.tenant_id = $1 AND g.optimization_instance_id = $2 AND q.tenant_id = $1
      AND q.optimization_comm_group_id = g.optimization_comm_group_id
      AND (q.optimization_queue_id <> ALL($3::bigint[])
           OR q.optimization_queue_id = ANY($4::bigint[]))
      AND r.tenant_id = $1 AND r.optimization_queue_id = q.optimization_queue_id)"};

constexpr Query kForgetQueues{"optimization_forget_queues", R"(
    DELETE FROM optimization_queue q USING optimization_comm_group g
    WHERE g.tenant_id = $1 AND g.optimization_instance_id = $2 AND q.tenant_id = $1
      AND q.optimization_comm_group_id = g.optimization_comm_group_id
      AND q.optimization_queue_id <> ALL($3::bigint[]))"};

constexpr Query kWriteGroups{"optimization_write_groups", R"(
    INSERT INTO optimization_comm_group (tenant_id, optimization_comm_group_id,
        optimization_instance_id)
    SELECT $1, id, $2 FROM unnest($3::bigint[]) id ON CONFLICT DO NOTHING)"};

constexpr Query kWriteQueues{"optimization_write_queues", R"(
    INSERT INTO optimization_queue (tenant_id, optimization_queue_id, optimization_comm_group_id,
        total_cost, run_end_time)
    SELECT $1, queue, comm_group, cost, ended
    FROM unnest($2::bigint[], $3::bigint[], $4::numeric[], $5::timestamptz[])
        AS t(queue, comm_group, cost, ended)
    ON CONFLICT (tenant_id, optimization_queue_id) DO UPDATE SET
        optimization_comm_group_id = excluded.optimization_comm_group_id,
        total_cost = excluded.total_cost, run_end_time = excluded.run_end_time)"};

constexpr Query kForgetGroups{"optimization_forget_groups", R"(
    DELETE FROM optimization_comm_group WHERE tenant_id = $1 AND optimization_instance_id = $2
      AND optimization_comm_group_id <> ALL($3::bigint[]))"};

constexpr Query kMisfit{"optimization_misfit", R"(
    SELECT r.optimization_queue_id
    FROM optimization_instance i
    JOIN optimization_comm_group g ON g.tenant_id = $1
        AND g.optimization_instance_id = i.optimization_instance_id
    JOIN optimization_queue q ON q.tenant_id = $1
        AND q.optimization_comm_group_id = g.optimization_comm_group_id
    JOIN optimization_device_result r ON r.tenant_id = $1
        AND r.optimization_queue_id = q.optimization_queue_id AND r.portal <> i.portal_type
    WHERE i.tenant_id = $1 AND i.optimization_instance_id = $2
      AND i.portal_type <> 'cross_provider'
    LIMIT 1)"};

struct Ids {
    std::string groups;
    std::string queues;
    std::string replaced;  // queues whose device results come anew
};
Ids ids_of(const InstanceRequest& request) {
    Array groups;
    Array queues;
    Array replaced;
    for (const CommGroupRequest& group : request.comm_groups) {
        groups.add(group.id.value);
        for (const QueueRequest& queue : group.queues) {
            queues.add(queue.id.value);
            if (queue.device_results) replaced.add(queue.id.value);
        }
    }
    return {groups.take(), queues.take(), replaced.take()};
}

Result<std::int64_t> find_customer(db::Transaction& transaction, TenantId tenant_id,
                                   const InstanceRequest& request, base::JsonErrors& errors) {
    const auto rows = transaction.exec(kCustomer, Params()
                                                      .add(tenant_id)
                                                      .add(request.customer_id)
                                                      .add(request.rev_customer_id)
                                                      .add(request.customer));
    if (!rows) return rows.error();
    std::int64_t found = 0;
    const auto look = [&](bool is_given, int column, const char* pointer) {
        if (!is_given) return;
        const auto id = rows->optional_integer(0, column);
        if (!id) {
            errors.add(pointer, "names no customer; correct it or create the customer first");
        } else if (found != 0 && found != *id) {
            errors.add(pointer, "names another customer than the member before");
        } else {
            found = *id;
        }
    };
    look(request.customer_id.has_value(), 0, "/customerId");
    look(request.rev_customer_id.has_value(), 1, "/revCustomerId");
    look(request.customer.has_value(), 2, "/customer");
    if (found != 0 && !rows->is_null(0, 3) && !request.integration_authentication_id) {
        errors.add("/integrationAuthenticationId",
                   "is missing: the customer is one of Rev.io (" + rows->string(0, 3) +
                       "), and without the account none of its charges would reach Rev.io");
    }
    return found;
}

Result<void> look_for_foreign_ids(db::Transaction& transaction, TenantId tenant_id, InstanceId id,
                                  const InstanceRequest& request, base::JsonErrors& errors) {
    const Ids ids = ids_of(request);
    const auto read = [&](const Query& query, const std::string& wanted) {
        return transaction.exec(query, Params().add(tenant_id).add(id).add(wanted));
    };
    const auto groups = read(kForeignGroups, ids.groups);
    if (!groups) return groups.error();
    const auto queues = read(kForeignQueues, ids.queues);
    if (!queues) return queues.error();
    const auto tell = [&](const db::Rows& rows, std::int64_t wanted, const std::string& pointer) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (rows.integer(i, 0) != wanted) continue;
            errors.add(pointer, "belongs to the instance " + rows.string(i, 1));
        }
    };
    for (const CommGroupRequest& group : request.comm_groups) {
        tell(*groups, group.id.value, group.pointer + "/commGroupId");
        for (const QueueRequest& queue : group.queues) {
            tell(*queues, queue.id.value, queue.pointer + "/queueId");
        }
    }
    return {};
}

Result<void> write_queues(db::Transaction& transaction, TenantId tenant_id,
                          const InstanceRequest& request) {
    Array queues;
    Array groups;
    Array costs;
    Array ends;
    for (const CommGroupRequest& group : request.comm_groups) {
        for (const QueueRequest& queue : group.queues) {
            queues.add(queue.id.value);
            groups.add(group.id.value);
            costs.add(queue.total_cost);
            ends.add(queue.run_end_time);
        }
    }
    CARRYALL_TRY(transaction.exec(kWriteQueues, Params()
                                                    .add(tenant_id)
                                                    .add(queues.take())
                                                    .add(groups.take())
                                                    .add(costs.take())
                                                    .add(ends.take())));
    return {};
}

}  // namespace

Result<bool> lock_instance(db::Transaction& transaction, TenantId tenant_id, InstanceId id) {
    const Params which = Params().add(tenant_id).add(id);
    const auto reserved = transaction.exec(kReserve, which);
    if (!reserved) return reserved.error();
    if (!reserved->boolean(0, 0)) {
        return base::Error{base::ErrorKind::conflict,
                           "somebody else is writing this instance; start again when that has "
                           "ended",
                           {}};
    }
    const auto locked = transaction.exec(kLock, which);
    if (!locked) return locked.error();
    const auto run = transaction.exec(kRun, which);
    if (!run) return run.error();
    if (!run->empty()) {
        return base::Error{base::ErrorKind::conflict,
                           "the instance is charged by the charge run " + run->string(0, 0) +
                               " and cannot change any more; a correction is a reversal",
                           {}};
    }
    return !locked->empty();
}

Result<std::int64_t> find_references(db::Transaction& transaction, TenantId tenant_id,
                                     InstanceId id, const InstanceRequest& request,
                                     base::JsonErrors& errors) {
    const auto customer_id = find_customer(transaction, tenant_id, request, errors);
    if (!customer_id) return customer_id.error();
    if (request.integration_authentication_id) {
        const auto rows = transaction.exec(
            kIntegration, Params().add(tenant_id).add(request.integration_authentication_id));
        if (!rows) return rows.error();
        if (rows->empty() || rows->text(0, 0) != "revio") {
            errors.add("/integrationAuthenticationId",
                       "names no Rev.io account; give the id of a service provider with the "
                       "integration revio, or null for a customer without Rev.io");
        }
    }
    CARRYALL_TRY(look_for_foreign_ids(transaction, tenant_id, id, request, errors));
    return *customer_id;
}

Result<std::int64_t> write_instance(db::Transaction& transaction, const tenants::Caller& caller,
                                    InstanceId id, const InstanceRequest& request,
                                    std::int64_t customer_id) {
    Array emails;
    for (const std::string& email : request.customer_emails) emails.add(email);
    Params instance;
    instance.add(caller.tenant_id).add(id).add(stored_name(request.portal_type)).add(customer_id);
    instance.add(request.integration_authentication_id).add(request.billing_period_start);
    instance.add(request.billing_period_end).add(request.run_end_time).add(emails.take());
    instance.add(caller.name);
    CARRYALL_TRY(transaction.exec(kWriteInstance, instance));
    const Ids ids = ids_of(request);
    const auto which = [&](const std::string& array) {
        return Params().add(caller.tenant_id).add(id).add(array);
    };
    const auto forgotten = transaction.exec(kForgetResults, which(ids.queues).add(ids.replaced));
    if (!forgotten) return forgotten.error();
    CARRYALL_TRY(transaction.exec(kForgetQueues, which(ids.queues)));
    CARRYALL_TRY(transaction.exec(kWriteGroups, which(ids.groups)));
    CARRYALL_TRY(write_queues(transaction, caller.tenant_id, request));
    CARRYALL_TRY(transaction.exec(kForgetGroups, which(ids.groups)));
    return static_cast<std::int64_t>(forgotten->affected());
}

Result<std::optional<std::int64_t>> find_misfit(db::Transaction& transaction, TenantId tenant_id,
                                                InstanceId id) {
    const auto rows = transaction.exec(kMisfit, Params().add(tenant_id).add(id));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<std::int64_t>();
    return rows->optional_integer(0, 0);
}

}  // namespace carryall::charges
