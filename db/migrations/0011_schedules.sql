-- When changes begin: dates of whole changes, changes that come again and again, and the times at which a carrier's
-- account is left alone.

-- The earliest and the latest date at which devices of the change become due; NULL: all were due at once. The devices'
-- own due_at is the truth; these two say which changes have something to come. time_zone is the one its dates were
-- given in, for showing them.
ALTER TABLE bulk_change
    ADD COLUMN first_due_at timestamptz,
    ADD COLUMN last_due_at timestamptz,
    ADD COLUMN time_zone text,
    ADD CONSTRAINT bulk_change_due_dates CHECK ((first_due_at IS NULL) = (last_due_at IS NULL)
        AND first_due_at <= last_due_at);
CREATE INDEX bulk_change_scheduled ON bulk_change (tenant_id, last_due_at)
    WHERE last_due_at IS NOT NULL AND finished_at IS NULL;
-- A scheduled change can be cancelled before it began. The words that other parts of a change's life add are listed too.
ALTER TABLE bulk_change
    DROP CONSTRAINT IF EXISTS bulk_change_status_check,
    DROP CONSTRAINT IF EXISTS bulk_change_check1,
    DROP CONSTRAINT IF EXISTS bulk_change_finished_check;
ALTER TABLE bulk_change
    ADD CONSTRAINT bulk_change_status_check CHECK (status IN
        ('NEW', 'PLANNED', 'PENDING', 'PROCESSING', 'PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED')),
    ADD CONSTRAINT bulk_change_finished_check CHECK
        ((finished_at IS NOT NULL) = (status IN ('PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED')));

-- What a person should know of this device though nothing is wrong with its row: another change of it is pending.
ALTER TABLE device_change ADD COLUMN warning text;

-- What is still to come of one bulk change, and its rows in the order of their devices.
CREATE INDEX customer_rate_plan_device_queue_to_come ON customer_rate_plan_device_queue (tenant_id, device_change_id)
    WHERE is_active;

-- Times at which no call that changes something is begun at an account: on some days of the week, or once. Local
-- times of time_zone; a weekly window that ends at or before its beginning ends on the next day.
CREATE TABLE account_blackout (
    account_blackout_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    name                text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    time_zone           text NOT NULL,
    weekdays            smallint[] CHECK (cardinality(weekdays) BETWEEN 1 AND 7 AND weekdays <@ '{1,2,3,4,5,6,7}'),
    from_minute         smallint CHECK (from_minute BETWEEN 0 AND 1439),   -- of the local day
    to_minute           smallint CHECK (to_minute BETWEEN 0 AND 1440),
    starts_at           timestamptz,
    ends_at             timestamptz,
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    CHECK ((weekdays IS NULL) = (from_minute IS NULL) AND (weekdays IS NULL) = (to_minute IS NULL)),
    CHECK ((weekdays IS NULL) = (starts_at IS NOT NULL) AND (starts_at IS NULL) = (ends_at IS NULL)),
    CHECK (ends_at > starts_at),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);
CREATE INDEX account_blackout_by_account ON account_blackout (tenant_id, service_provider_id);

-- The blackouts of an account in one value, which travels with the account; NULL: none.
CREATE FUNCTION account_blackouts(one_tenant bigint, one_provider bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_agg(jsonb_build_object('id', x.account_blackout_id, 'name', x.name, 'zone', x.time_zone,
               'weekdays', to_jsonb(x.weekdays), 'from', x.from_minute, 'to', x.to_minute,
               'startsAt', to_char(x.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'endsAt', to_char(x.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'by', x.created_by,
               'at', to_char(x.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
               ORDER BY x.account_blackout_id)
    FROM account_blackout x WHERE x.tenant_id = one_tenant AND x.service_provider_id = one_provider
$$;

-- How accounts stand, with their blackouts.
ALTER TYPE account_standing ADD ATTRIBUTE blackouts jsonb;
CREATE OR REPLACE FUNCTION account_standing(one_tenant bigint) RETURNS SETOF account_standing
    LANGUAGE sql STABLE AS $$
    SELECT s.tenant_id, s.service_provider_id, s.name, s.integration, s.rate_per_second, s.max_concurrency::integer,
           s.day_quota, s.is_unpaced, p.learned_rate, p.learned_from, extract(epoch FROM now() - p.learned_at)::float8,
           (coalesce(m.calls, 0) / 60.0)::float8, (coalesce(m.devices, 0) / 60.0)::float8,
           CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date THEN p.quota_used ELSE 0 END,
           CASE WHEN p.paused_until > now() THEN ceil(extract(epoch FROM p.paused_until - now()))::bigint END,
           p.pause_reason, p.breaker_opened_at IS NOT NULL,
           greatest(0, extract(epoch FROM p.breaker_probe_at - now()))::bigint, p.breaker_reason,
           coalesce(b.open, 0)::bigint, coalesce(t.slots, 0)::bigint, o.orphans,
           account_blackouts(s.tenant_id, s.service_provider_id)
    FROM service_provider s
    LEFT JOIN account_pace p ON p.pacing_key = coalesce(s.pacing_key, 'provider-' || s.service_provider_id)
    LEFT JOIN LATERAL (
        SELECT sum(a.calls) AS calls, sum(a.devices) AS devices FROM account_minute a
        WHERE a.pacing_key = p.pacing_key AND a.minute > now() - interval '1 minute') m ON true
    LEFT JOIN LATERAL (
        SELECT sum(u.slots) AS slots FROM account_turn u
        WHERE u.pacing_key = p.pacing_key AND u.lease_ends > now()) t ON true
    LEFT JOIN LATERAL (
        SELECT sum(c.new_count + c.waiting_count + c.unknown_count) AS open FROM bulk_change c
        WHERE c.tenant_id = one_tenant AND c.service_provider_id = s.service_provider_id
          AND c.status IN ('PENDING', 'PROCESSING')) b ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS orphans FROM (
            SELECT FROM carrier_callback k
            WHERE k.tenant_id = one_tenant AND k.service_provider_id = s.service_provider_id AND k.state = 'orphan'
            LIMIT 100000) found) o ON true
    WHERE s.tenant_id = one_tenant AND s.is_active
    ORDER BY s.service_provider_id
$$;

-- A request that is made anew at every date of its rule. request: as it was given, with its devices, or without them
-- and device_filter instead: then whatever matches at the time of the run.
CREATE TABLE recurring_change (
    recurring_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL REFERENCES tenant (id),
    service_provider_id bigint NOT NULL,
    name                text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    change_type         text NOT NULL,
    request             jsonb NOT NULL,
    device_filter       jsonb,
    rule_kind           text NOT NULL CHECK (rule_kind IN ('rrule', 'cron')),
    rule                text NOT NULL,
    time_zone           text NOT NULL,
    starts_at           timestamp NOT NULL,   -- local: the first date a rule may give
    ends_at             timestamptz,          -- of a cron rule, which has no end of its own
    state               text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'ended', 'deleted')),
    next_run_at         timestamptz,
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    modified_by         text,
    modified_at         timestamptz,
    UNIQUE (tenant_id, recurring_change_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id),
    CHECK (state <> 'active' OR next_run_at IS NOT NULL)
);
CREATE INDEX recurring_change_due ON recurring_change (tenant_id, next_run_at) WHERE state = 'active';

-- One row a date. The primary key makes a second bulk change for the same date impossible.
-- made: a bulk change was stored. refused: the request could not be taken in (reason). empty: the filter matched
-- nothing. missed: it was due while no worker ran, and a later date was carried out in its place.
CREATE TABLE recurring_run (
    recurring_change_id bigint NOT NULL,
    run_at              timestamptz NOT NULL,
    tenant_id           bigint NOT NULL,
    outcome             text NOT NULL CHECK (outcome IN ('made', 'refused', 'empty', 'missed')),
    bulk_change_id      bigint,
    reason              text,
    recorded_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recurring_change_id, run_at),
    FOREIGN KEY (tenant_id, recurring_change_id) REFERENCES recurring_change (tenant_id, recurring_change_id),
    FOREIGN KEY (tenant_id, bulk_change_id) REFERENCES bulk_change (tenant_id, bulk_change_id),
    CHECK ((outcome = 'made') = (bulk_change_id IS NOT NULL)),
    CHECK (outcome <> 'refused' OR reason IS NOT NULL)
);

-- For workers: which are due, of all tenants. Runs as the caller and enters each tenant in turn, so row-level security
-- holds here as everywhere.
CREATE FUNCTION due_recurring_changes(moment timestamptz) RETURNS TABLE (tenant bigint, recurring_change bigint)
    LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT r.tenant_id, r.recurring_change_id FROM recurring_change r
            WHERE r.tenant_id = one AND r.state = 'active' AND r.next_run_at <= moment ORDER BY r.next_run_at;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['account_blackout', 'recurring_change', 'recurring_run'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO carryall_app', name);
    END LOOP;
END $$;
REVOKE UPDATE ON recurring_run, account_blackout FROM carryall_app;
GRANT DELETE ON account_blackout TO carryall_app;
