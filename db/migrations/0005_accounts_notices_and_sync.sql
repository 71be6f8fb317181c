-- Accounts as all workers share them (pace, circuit breaker, quota, session), what carriers tell by themselves
-- (callbacks), what lines were used for, and the inventory as the carriers have it.

-- Limits are on unless switched off: NULL is the carrier's default, is_unpaced is for simulated accounts.
-- pacing_key: what the carrier knows the account by, hashed. Two service providers with the same login share one pace.
ALTER TABLE service_provider
    ADD COLUMN is_unpaced boolean NOT NULL DEFAULT false,
    ADD COLUMN pacing_key text COLLATE "C";
UPDATE service_provider SET pacing_key = 'provider-' || service_provider_id;

-- Pace and breaker belong to an account at a carrier, which tenants may share: no tenant's table, as the queue is none.
-- Nothing in it names a tenant, a device or a credential.
DROP TABLE carrier_pacing;
CREATE TABLE account_pace (
    pacing_key          text COLLATE "C" PRIMARY KEY,
    next_free_at        timestamptz NOT NULL DEFAULT '-infinity',  -- when the next call may start
    -- The carrier asked to be left alone until then.
    paused_until        timestamptz NOT NULL DEFAULT '-infinity',
    pause_reason        text,
    -- Learned from the carrier's 429s: a rate below the limit, from which it recovers as time passes. learned_from:
    -- the rate that was too much.
    learned_rate        double precision CHECK (learned_rate > 0),
    learned_from        double precision CHECK (learned_from > 0),
    learned_at          timestamptz,
    quota_day           date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    quota_used          bigint NOT NULL DEFAULT 0,
    -- The circuit breaker: closed while opened_at is NULL. Once probe_at has come, one runner (the prober) may make
    -- one call, until the new probe_at.
    failures_in_a_row   integer NOT NULL DEFAULT 0,
    breaker_opened_at   timestamptz,
    breaker_probe_at    timestamptz,
    breaker_prober      text,
    breaker_reason      text,
    breaker_times       integer NOT NULL DEFAULT 0,  -- openings without a success between them
    CHECK ((breaker_opened_at IS NULL) = (breaker_probe_at IS NULL)),
    CHECK (breaker_prober IS NULL OR breaker_opened_at IS NOT NULL),
    CHECK ((learned_rate IS NULL) = (learned_at IS NULL) AND (learned_rate IS NULL) = (learned_from IS NULL))
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON account_pace TO carryall_app;

-- Who has how many of the calls that an account may have in flight. slots = 0: somebody who waits for some, in turn.
CREATE TABLE account_turn (
    pacing_key  text COLLATE "C" NOT NULL,
    holder      text COLLATE "C" NOT NULL,
    slots       integer NOT NULL CHECK (slots >= 0),
    wanted      integer NOT NULL CHECK (wanted > 0),
    since       timestamptz NOT NULL,
    lease_ends  timestamptz NOT NULL,
    PRIMARY KEY (pacing_key, holder)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON account_turn TO carryall_app;

-- Takes up to `wanted_slots` of the `most` calls in flight of an account. Answers how many; 0 if none is free, or if
-- others have waited longer for those that are: then the holder waits in turn, for as long as it keeps asking. A
-- function, because what others hold must be read after the account's row is locked, not before.
CREATE FUNCTION take_account_turn(account text, who text, wanted_slots integer, most integer, lease interval)
    RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    patience constant interval := '3 seconds';  -- a waiter that does not ask again within it has gone
    moment timestamptz;
    mine account_turn;
    taken integer;
    claimed integer;
    got integer;
BEGIN
    PERFORM FROM account_pace WHERE pacing_key = account FOR UPDATE;
    moment := clock_timestamp();
    SELECT * INTO mine FROM account_turn WHERE pacing_key = account AND holder = who AND lease_ends > moment;
    SELECT coalesce(sum(slots), 0), coalesce(sum(wanted) FILTER (WHERE slots = 0 AND since < coalesce(mine.since, moment)), 0)
    INTO taken, claimed FROM account_turn WHERE pacing_key = account AND holder <> who AND lease_ends > moment;
    got := least(wanted_slots, most - taken - CASE WHEN mine.slots > 0 THEN 0 ELSE claimed END);
    got := greatest(got, coalesce(mine.slots, 0), 0);
    INSERT INTO account_turn AS t (pacing_key, holder, slots, wanted, since, lease_ends)
    VALUES (account, who, got, wanted_slots, moment, moment + CASE WHEN got > 0 THEN lease ELSE patience END)
    ON CONFLICT (pacing_key, holder) DO UPDATE
    SET slots = got, wanted = wanted_slots, lease_ends = excluded.lease_ends,
        since = CASE WHEN mine.holder IS NULL THEN moment ELSE t.since END;
    RETURN got;
END $$;

-- The start of a turn at an account, in one round trip: how it stands, the calls in flight that the holder may have
-- (`most` NULL: no limit), and the probe of an open breaker if its time has come. Blocked: nothing is taken.
CREATE FUNCTION begin_account_turn(account text, who text, wanted_slots integer, most integer, quota bigint,
        lease interval, probe_lease interval)
    RETURNS TABLE (slots integer, is_probe boolean, blocked_ms bigint, learned_rate double precision,
        learned_from double precision, learned_age double precision, failures integer)
    LANGUAGE plpgsql AS $$
DECLARE
    pace account_pace;
    moment timestamptz;
    blocked_until timestamptz;
BEGIN
    INSERT INTO account_pace (pacing_key) VALUES (account) ON CONFLICT DO NOTHING;
    IF most IS NOT NULL THEN
        SELECT * INTO pace FROM account_pace p WHERE p.pacing_key = account FOR UPDATE;
    ELSE
        SELECT * INTO pace FROM account_pace p WHERE p.pacing_key = account;
        IF pace.breaker_probe_at <= clock_timestamp() THEN
            SELECT * INTO pace FROM account_pace p WHERE p.pacing_key = account FOR UPDATE;
        END IF;
    END IF;
    moment := clock_timestamp();
    slots := 0;
    is_probe := false;
    blocked_until := greatest(pace.paused_until, pace.breaker_probe_at);
    IF pace.quota_used >= quota AND pace.quota_day = (moment AT TIME ZONE 'UTC')::date THEN
        blocked_until := greatest(blocked_until, (pace.quota_day + 1)::timestamp AT TIME ZONE 'UTC');
    END IF;
    blocked_ms := 0;
    IF blocked_until > moment THEN
        blocked_ms := ceil(extract(epoch FROM blocked_until - moment) * 1000);
    ELSE
        IF most IS NOT NULL THEN
            slots := take_account_turn(account, who, wanted_slots, most, lease);
        END IF;
        IF pace.breaker_opened_at IS NOT NULL AND (most IS NULL OR slots > 0) THEN
            is_probe := true;
            UPDATE account_pace p SET breaker_probe_at = moment + probe_lease, breaker_prober = who
            WHERE p.pacing_key = account;
        END IF;
    END IF;
    learned_rate := pace.learned_rate;
    learned_from := pace.learned_from;
    learned_age := extract(epoch FROM moment - pace.learned_at);
    failures := pace.failures_in_a_row;
    RETURN NEXT;
END $$;

-- What was called, by minute: the present rate, and the estimate of when a backlog is done.
CREATE TABLE account_minute (
    pacing_key   text COLLATE "C" NOT NULL,
    minute       timestamptz NOT NULL,
    calls        bigint NOT NULL DEFAULT 0,
    devices      bigint NOT NULL DEFAULT 0,   -- device changes that these calls were for
    failures     bigint NOT NULL DEFAULT 0,   -- no answer, or 5xx
    throttled    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (pacing_key, minute)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON account_minute TO carryall_app;

-- A session bought with the account's credentials, sealed ("account_session/<service_provider_id>"). One worker
-- renews it at a time. `refused_fingerprint`: these credentials were refused; nobody signs in with them again.
CREATE TABLE account_session (
    service_provider_id bigint PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    session             bytea,
    version             bigint NOT NULL DEFAULT 0,   -- grows with every renewal
    renew_at            timestamptz,
    renewing_until      timestamptz,                 -- lease of the worker that renews
    renewing_by         text,
    refused_fingerprint text,
    refused_reason      text,
    refused_count       integer NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);

-- A request that a carrier accepted and whose result comes later, by the carrier's own id for it. One row for each
-- request and page; callbacks are matched through it.
CREATE TABLE carrier_request (
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    reference           text NOT NULL COLLATE "C" CHECK (reference <> ''),
    bulk_change_id      bigint NOT NULL,
    page_number         integer NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, service_provider_id, reference, bulk_change_id, page_number),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);

-- Callbacks as they came. `state`: new (to be matched), matched, repeated (the same text came before), orphan (names
-- no request or device that we know; looked at again while young), unasked (tells of a change nobody here asked for).
CREATE TABLE carrier_callback (
    carrier_callback_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    received_at         timestamptz NOT NULL DEFAULT now(),
    remote_address      text NOT NULL,
    body                text NOT NULL,       -- without the credentials it carried
    body_hash           text NOT NULL,
    reference           text COLLATE "C",
    iccids              text[] NOT NULL DEFAULT '{}',
    imeis               text[] NOT NULL DEFAULT '{}',
    msisdns             text[] NOT NULL DEFAULT '{}',
    state               text NOT NULL DEFAULT 'new' CHECK (state IN
        ('new', 'matched', 'repeated', 'orphan', 'unasked')),
    look_at             timestamptz NOT NULL DEFAULT now(),  -- new, orphan: when to look for its device change again
    device_change_id    bigint,
    matched_at          timestamptz,
    CHECK ((device_change_id IS NOT NULL) = (matched_at IS NOT NULL)),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
) WITH (fillfactor = 70);
CREATE INDEX carrier_callback_open ON carrier_callback (tenant_id, look_at) WHERE state IN ('new', 'orphan');
CREATE INDEX carrier_callback_by_request ON carrier_callback (tenant_id, reference, body_hash, service_provider_id);
CREATE INDEX carrier_callback_by_state ON carrier_callback (tenant_id, service_provider_id, state,
    carrier_callback_id);

-- Notices for a device change, oldest first, as the exchange gets them.
ALTER TABLE device_change ADD COLUMN notices jsonb CHECK (jsonb_typeof(notices) = 'array');

-- What was asked of a line at carriers that limit it. One row for each device change that was sent.
CREATE TABLE line_action (
    device_change_id bigint PRIMARY KEY,
    tenant_id        bigint NOT NULL,
    device_id        bigint NOT NULL,
    action           text NOT NULL CHECK (action IN ('plan', 'activate', 'suspend', 'restore', 'deactivate', 'status')),
    occurred_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id)
);
CREATE INDEX line_action_by_device ON line_action (tenant_id, device_id, occurred_at);

-- One reading of a carrier's inventory. `resume` is where it goes on after an interruption. Two phases: lines are
-- read page by page, then our devices are compared with them in the order of their ids, up to `judged_device_id`.
CREATE TABLE inventory_sync (
    inventory_sync_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('full', 'incremental')),
    state               text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    phase               text NOT NULL DEFAULT 'reading' CHECK (phase IN ('reading', 'comparing')),
    modified_since      timestamptz CHECK (modified_since IS NULL OR kind = 'incremental'),
    resume              jsonb,
    judged_device_id    bigint NOT NULL DEFAULT 0,
    judged_line_id      bigint NOT NULL DEFAULT 0,
    attempt             integer NOT NULL DEFAULT 0,  -- the fence
    available_at        timestamptz NOT NULL DEFAULT now(),  -- queued: when due. running: end of the lease
    worker              text,
    page_count          integer NOT NULL DEFAULT 0,
    line_count          bigint NOT NULL DEFAULT 0,
    changed_count       bigint NOT NULL DEFAULT 0,   -- lines that are new or differ from the reading before
    gone_count          bigint NOT NULL DEFAULT 0,   -- lines that a full reading did not show any more
    drift_count         bigint NOT NULL DEFAULT 0,   -- open differences when it ended
    retry_number        integer NOT NULL DEFAULT 0,  -- failures in a row
    lost_count          integer NOT NULL DEFAULT 0,  -- leases that ran out in a row
    result              jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(result) = 'object'),  -- what became of plans
    reason              text,                        -- of the last failure
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'failed'))),
    CHECK (state <> 'failed' OR reason IS NOT NULL),
    UNIQUE (tenant_id, inventory_sync_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
) WITH (fillfactor = 50);
-- At most one unfinished reading of an account.
CREATE UNIQUE INDEX inventory_sync_open ON inventory_sync (tenant_id, service_provider_id)
    WHERE state IN ('queued', 'running');
CREATE INDEX inventory_sync_by_account ON inventory_sync (tenant_id, service_provider_id, inventory_sync_id);

-- The last reading that listed a plan: what no full reading lists any more is reported.
ALTER TABLE carrier_rate_plan ADD COLUMN listed_in bigint;
ALTER TABLE communication_plan ADD COLUMN listed_in bigint;

-- A line as the carrier has it, by the last reading that told about it. NULL: no reading told.
CREATE TABLE carrier_line (
    carrier_line_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    line_key            text NOT NULL COLLATE "C",   -- ICCID's first 19 digits; 'msisdn:<number>' if there is none
    device_id           bigint,                      -- ours, if we have it
    iccid               text COLLATE "C",
    msisdn              text COLLATE "C",
    imei                text COLLATE "C",
    status              text,
    carrier_status      text,
    rate_plan           text,
    communication_plan  text,
    group_name          text,
    details             jsonb NOT NULL DEFAULT '{}',
    carrier_modified_at timestamptz,
    seen_at             timestamptz NOT NULL,        -- before the first call of the page that told
    seen_in             bigint NOT NULL,             -- inventory_sync_id
    is_gone             boolean NOT NULL DEFAULT false,  -- a full reading did not show it any more
    UNIQUE (tenant_id, service_provider_id, line_key),
    UNIQUE (tenant_id, carrier_line_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
) WITH (fillfactor = 70);
CREATE INDEX carrier_line_by_device ON carrier_line (tenant_id, device_id) WHERE device_id IS NOT NULL;
CREATE INDEX carrier_line_by_number ON carrier_line (tenant_id, service_provider_id, msisdn) WHERE msisdn IS NOT NULL;
CREATE INDEX carrier_line_without_device ON carrier_line (tenant_id, service_provider_id, carrier_line_id)
    WHERE device_id IS NULL;

-- What a reading found changed at the carrier since the reading before: only the members that differ.
CREATE TABLE carrier_line_event (
    carrier_line_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             bigint NOT NULL,
    carrier_line_id       bigint NOT NULL,
    inventory_sync_id     bigint NOT NULL,
    occurred_at           timestamptz NOT NULL DEFAULT now(),
    before                jsonb,      -- NULL: first seen
    after                 jsonb       -- NULL: gone
);
CREATE INDEX carrier_line_event_by_line ON carrier_line_event (tenant_id, carrier_line_id, carrier_line_event_id);

-- A difference between our record and the carrier's. It stays until the two agree or a person decides. An ignored
-- one stays ignored while both values stay; other values are a new difference.
CREATE TABLE drift (
    drift_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    service_provider_id bigint NOT NULL,
    carrier_line_id     bigint,               -- NULL: the carrier does not know the line
    device_id           bigint,               -- NULL: we do not
    field               text NOT NULL CHECK (field IN
        ('status', 'ratePlan', 'communicationPlan', 'msisdn', 'imei', 'presence')),
    ours                text,
    theirs              text,
    found_in            bigint NOT NULL,      -- inventory_sync_id
    found_at            timestamptz NOT NULL DEFAULT now(),
    state               text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled', 'accepted', 'ignored')),
    decided_by          text,
    decided_at          timestamptz,
    settled_at          timestamptz,          -- the two agree again, or other values took their place
    note                text,
    CHECK ((decided_by IS NOT NULL) = (decided_at IS NOT NULL)),
    CHECK (state NOT IN ('accepted', 'ignored') OR decided_by IS NOT NULL),
    CHECK (state <> 'open' OR decided_by IS NULL),
    CHECK ((state = 'settled') = (settled_at IS NOT NULL)),
    CHECK (carrier_line_id IS NOT NULL OR device_id IS NOT NULL),
    FOREIGN KEY (tenant_id, carrier_line_id) REFERENCES carrier_line (tenant_id, carrier_line_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);
CREATE UNIQUE INDEX drift_of_device ON drift (tenant_id, device_id, field)
    WHERE state IN ('open', 'ignored') AND device_id IS NOT NULL;
CREATE UNIQUE INDEX drift_of_line ON drift (tenant_id, carrier_line_id, field)
    WHERE state IN ('open', 'ignored') AND device_id IS NULL;
CREATE INDEX drift_by_account ON drift (tenant_id, service_provider_id, drift_id) WHERE state = 'open';
CREATE INDEX drift_by_device ON drift (tenant_id, device_id) WHERE device_id IS NOT NULL;

-- For workers: which readings of which tenants are due, and how much drift is open. They run as the caller and enter
-- each tenant in turn, so row-level security holds here as everywhere.
CREATE FUNCTION due_inventory_syncs() RETURNS TABLE (tenant bigint, inventory_sync bigint, due_since timestamptz)
    LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT s.tenant_id, s.inventory_sync_id, s.available_at FROM inventory_sync s
            WHERE s.tenant_id = one AND s.state IN ('queued', 'running') AND s.available_at <= now();
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

CREATE FUNCTION open_drift() RETURNS TABLE (field text, differences bigint) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT d.field, count(*) FROM drift d
            WHERE d.tenant_id = one AND d.state = 'open' GROUP BY d.field;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

-- Messages of a group are worked one at a time, in the order in which they became visible: an account that allows few
-- calls is called by one runner after the other, and a small change does not wait behind a large one. A group has the
-- message that is leased while (message_id, receipt) is one whose lease runs; `turn` fences those who lease.
ALTER TABLE queue_message ADD COLUMN group_key text COLLATE "C";
DROP INDEX queue_message_ready;
CREATE INDEX queue_message_ready ON queue_message (queue, visible_at) WHERE dead_at IS NULL AND group_key IS NULL;
CREATE INDEX queue_message_ready_in_group ON queue_message (queue, group_key, visible_at)
    WHERE dead_at IS NULL AND group_key IS NOT NULL;
CREATE INDEX queue_message_by_change ON queue_message ((attributes ->> 'BulkChangeId')) WHERE dead_at IS NULL;
CREATE TABLE queue_group (
    queue       text NOT NULL,
    group_key   text NOT NULL COLLATE "C",
    turn        bigint NOT NULL DEFAULT 0,
    message_id  bigint,
    receipt     bigint,
    not_before  timestamptz NOT NULL DEFAULT '-infinity',  -- nothing of the group is received before
    used_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue, group_key)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_group TO carryall_app;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['account_session', 'carrier_request', 'carrier_callback', 'line_action', 'inventory_sync',
            'carrier_line', 'carrier_line_event', 'drift'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO carryall_app', name);
    END LOOP;
END $$;
REVOKE UPDATE ON carrier_line_event, line_action, carrier_request FROM carryall_app;
