-- Callbacks and figures are kept for a time (docs/OPERATING.md): the housekeeper deletes what is older, by age.
GRANT DELETE ON carrier_callback TO carryall_app;
CREATE INDEX carrier_callback_by_age ON carrier_callback (tenant_id, received_at);
CREATE INDEX account_minute_by_age ON account_minute (minute);

-- How the accounts of a tenant stand: for people who ask, and for metrics. Row-level security holds: it runs as the
-- caller. NULL: not known. orphans: callbacks for which no change was found, counted up to 100,000.
CREATE TYPE account_standing AS (tenant bigint, provider bigint, provider_name text, integration text,
    rate_per_second numeric, max_concurrency integer, day_quota bigint, is_unpaced boolean,
    learned_rate double precision, learned_from double precision, learned_age double precision,
    calls_per_second double precision, devices_per_second double precision, quota_used bigint, paused_seconds bigint,
    pause_reason text, breaker_is_open boolean, breaker_seconds bigint, breaker_reason text, backlog bigint,
    calls_in_flight bigint, orphans bigint);
CREATE FUNCTION account_standing(one_tenant bigint) RETURNS SETOF account_standing
    LANGUAGE sql STABLE AS $$
    SELECT s.tenant_id, s.service_provider_id, s.name, s.integration, s.rate_per_second, s.max_concurrency::integer,
           s.day_quota, s.is_unpaced, p.learned_rate, p.learned_from, extract(epoch FROM now() - p.learned_at)::float8,
           (coalesce(m.calls, 0) / 60.0)::float8, (coalesce(m.devices, 0) / 60.0)::float8,
           CASE WHEN p.quota_day = (now() AT TIME ZONE 'UTC')::date THEN p.quota_used ELSE 0 END,
           CASE WHEN p.paused_until > now() THEN ceil(extract(epoch FROM p.paused_until - now()))::bigint END,
           p.pause_reason, p.breaker_opened_at IS NOT NULL,
           greatest(0, extract(epoch FROM p.breaker_probe_at - now()))::bigint, p.breaker_reason,
           coalesce(b.open, 0)::bigint, coalesce(t.slots, 0)::bigint, o.orphans
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

-- The same of every tenant: it enters each in turn.
CREATE FUNCTION every_account_standing() RETURNS SETOF account_standing LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT * FROM account_standing(one);
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;
