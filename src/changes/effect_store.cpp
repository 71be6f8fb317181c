// The effect of each change type on our record: a part of the statement that completes a page
// (completion_store.cpp), between its `changed` and its `logged`. It reads `result`, whose `effect`
// says for each device what it has now, and names its last part `effect` or what follows it.
#include "changes/effect_store.hpp"

#include "base/check.hpp"

namespace carryall::changes {
namespace {

// Effect: {"status"}, and after an activation {"msisdn"} and {"ratePlan"}; or the status alone.
constexpr const char* kStatusEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, coalesce(j.told ->> 'status', r.effect) AS status,
               j.told ->> 'msisdn' AS msisdn, j.told ->> 'ratePlan' AS rate_plan
        FROM result r, LATERAL (
            SELECT CASE WHEN r.effect LIKE '{%' THEN r.effect::jsonb END AS told) j
        WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET status = w.status, msisdn = coalesce(w.msisdn, d.msisdn),
            carrier_rate_plan_id = coalesce(
                (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
                 WHERE w.rate_plan IS NOT NULL AND p.tenant_id = $1
                   AND p.service_provider_id = $33::bigint AND p.code = w.rate_plan),
                d.carrier_rate_plan_id),
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

// Effect: {"ratePlan", "communicationPlan"}, the latter if it changed too; or the plan's code
// alone.
constexpr const char* kCarrierPlanEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, coalesce(j.told ->> 'ratePlan', r.effect) AS code,
               j.told ->> 'communicationPlan' AS communication_plan
        FROM result r, LATERAL (
            SELECT CASE WHEN r.effect LIKE '{%' THEN r.effect::jsonb END AS told) j
        WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET carrier_rate_plan_id = p.carrier_rate_plan_id,
            communication_plan_id = coalesce(
                (SELECT m.communication_plan_id FROM communication_plan m
                 WHERE w.communication_plan IS NOT NULL AND m.tenant_id = $1
                   AND m.service_provider_id = $33::bigint AND m.name = w.communication_plan),
                d.communication_plan_id),
            modified_at = now()
        FROM wanted w JOIN carrier_rate_plan p
            ON p.tenant_id = $1 AND p.service_provider_id = $33::bigint AND p.code = w.code
        WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

// Effect: {"customerRatePlanId", "customerPoolId", "customerDataAllocationMb", "effectiveDate"}.
// Absent members stay as they are, null ones become empty. A date ahead, by the database's clock,
// goes into the schedule instead.
constexpr const char* kCustomerPlanEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_change_id, r.device_id,
            (r.effect::jsonb ->> 'customerRatePlanId')::bigint AS plan_id,
               (r.effect::jsonb ->> 'customerPoolId')::bigint AS pool_id,
               (r.effect::jsonb ->> 'customerDataAllocationMb')::numeric AS allocation_mb,
               (r.effect::jsonb ->> 'effectiveDate')::timestamptz AS effective_at,
               r.effect::jsonb ? 'customerRatePlanId' AS has_plan,
               r.effect::jsonb ? 'customerPoolId' AS has_pool,
               r.effect::jsonb ? 'customerDataAllocationMb' AS has_allocation
        FROM result r WHERE r.effect IS NOT NULL AND $33::bigint > 0),
    effect AS (
        UPDATE device d SET
            customer_rate_plan_id = CASE WHEN w.has_plan THEN w.plan_id
                                         ELSE d.customer_rate_plan_id END,
            customer_rate_pool_id = CASE WHEN w.has_pool THEN w.pool_id
                                         ELSE d.customer_rate_pool_id END,
            customer_data_allocation_mb = CASE WHEN w.has_allocation THEN w.allocation_mb
                                               ELSE d.customer_data_allocation_mb END,
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id
          AND (w.effective_at IS NULL OR w.effective_at <= now())),
    scheduled AS (
        INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id,
            customer_rate_plan_id, customer_rate_pool_id, customer_data_allocation_mb,
            effective_date,
            portal_type, created_by)
        SELECT $1, w.device_id, w.device_change_id, w.plan_id, w.pool_id, w.allocation_mb,
            w.effective_at,
            $30, $31
        FROM wanted w WHERE w.effective_at > now()
        ON CONFLICT (device_change_id) DO NOTHING))";

// Effect: the CustomerAssignment with customer and site resolved, and for a Rev.io customer whose
// service was created "revioServiceId", "number", "activatedDate", "revioServiceProducts". Of
// account number, plan and pool absent members stay as they are, null ones become empty.
constexpr const char* kAssignmentEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_change_id, r.device_id, e.*,
               coalesce(e.customer_id, (SELECT c.customer_id FROM customer c
                    WHERE c.tenant_id = $1 AND c.rev_customer_id = e.rev_customer_id)) AS customer
        FROM result r, LATERAL (
            SELECT (j ->> 'customerId')::bigint AS customer_id,
                   j ->> 'revCustomerId' AS rev_customer_id,
                   (j ->> 'siteId')::bigint AS site_id, j ->> 'accountNumber' AS account_number,
                   (j ->> 'customerRatePlanId')::bigint AS plan_id,
                   (j ->> 'customerRatePoolId')::bigint AS pool_id,
                   (j ->> 'effectiveDate')::timestamptz AS effective_at,
                   (j ->> 'revioServiceId')::bigint AS revio_service_id, j ->> 'number' AS number,
                   nullif(j ->> 'activatedDate', '')::date AS activated_date,
                   j -> 'revioServiceProducts' AS products,
                   j ? 'accountNumber' AS has_account, j ? 'customerRatePlanId' AS has_plan,
                   j ? 'customerRatePoolId' AS has_pool
            FROM (SELECT r.effect::jsonb AS j) x) e
        WHERE r.effect IS NOT NULL AND $33::bigint > 0),
    service AS (
        INSERT INTO rev_service (tenant_id, customer_id, revio_service_id, number, activated_date)
        SELECT $1, w.customer, w.revio_service_id, w.number, w.activated_date
        FROM wanted w WHERE w.revio_service_id IS NOT NULL
        ON CONFLICT (tenant_id, revio_service_id) DO UPDATE SET number = excluded.number
        RETURNING rev_service_id, revio_service_id),
    product AS (
        INSERT INTO rev_service_product (tenant_id, rev_service_id, revio_service_product_id,
            product_id)
        SELECT $1, s.rev_service_id, (p ->> 'revioServiceProductId')::bigint,
            (p ->> 'productId')::bigint
        FROM wanted w JOIN service s ON s.revio_service_id = w.revio_service_id,
             jsonb_array_elements(w.products) p
        ON CONFLICT (tenant_id, revio_service_product_id) DO NOTHING),
    effect AS (
        UPDATE device d SET customer_id = w.customer, site_id = w.site_id,
            account_number = CASE WHEN w.has_account THEN w.account_number
                                  ELSE d.account_number END,
            rev_service_id = coalesce(
                (SELECT s.rev_service_id FROM service s
                    WHERE s.revio_service_id = w.revio_service_id),
                d.rev_service_id),
            customer_rate_plan_id = CASE WHEN NOT w.has_plan OR w.effective_at > now()
                                         THEN d.customer_rate_plan_id ELSE w.plan_id END,
            customer_rate_pool_id = CASE WHEN NOT w.has_pool OR w.effective_at > now()
                                         THEN d.customer_rate_pool_id ELSE w.pool_id END,
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id),
    scheduled AS (
        INSERT INTO customer_rate_plan_device_queue (tenant_id, device_id, device_change_id,
            customer_rate_plan_id, customer_rate_pool_id, effective_date, portal_type, created_by)
        SELECT $1, w.device_id, w.device_change_id, w.plan_id, w.pool_id, w.effective_at, $30, $31
        FROM wanted w WHERE w.effective_at > now() AND coalesce(w.plan_id, w.pool_id) IS NOT NULL
        ON CONFLICT (device_change_id) DO NOTHING))";

// Effect: {"status"}, and of an active line {"msisdn", "ratePlan", "imei", "ipAddress"}.
constexpr const char* kActivationEffect = R"(wanted AS MATERIALIZED (
        SELECT r.device_id, r.effect::jsonb AS told FROM result r WHERE r.effect IS NOT NULL),
    effect AS (
        UPDATE device d SET status = coalesce(w.told ->> 'status', d.status),
            msisdn = coalesce(w.told ->> 'msisdn', d.msisdn),
            imei = coalesce(w.told ->> 'imei', d.imei),
            ip_address = coalesce((w.told ->> 'ipAddress')::inet, d.ip_address),
            carrier_rate_plan_id = coalesce(
                (SELECT p.carrier_rate_plan_id FROM carrier_rate_plan p
                 WHERE p.tenant_id = $1 AND p.service_provider_id = $33::bigint
                   AND p.code = w.told ->> 'ratePlan'),
                d.carrier_rate_plan_id),
            modified_at = now()
        FROM wanted w WHERE d.tenant_id = $1 AND d.device_id = w.device_id))";

}  // namespace

const char* effect_sql(ChangeType type) {
    switch (type) {
        case ChangeType::customerassignment:
            return kAssignmentEffect;
        case ChangeType::carrierrateplanchange:
            return kCarrierPlanEffect;
        case ChangeType::customerrateplanchange:
            return kCustomerPlanEffect;
        case ChangeType::statusupdate:
            return kStatusEffect;
        case ChangeType::newserviceactivation:
            return kActivationEffect;
    }
    CHECK(false && "a change type without an effect");
    return "";
}

}  // namespace carryall::changes
