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
    -- Learned from the carrier's 429s: below the set rate until it recovers. NULL: nothing learned.
    learned_rate        double precision CHECK (learned_rate > 0),
    learned_at          timestamptz,
    quota_day           date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    quota_used          bigint NOT NULL DEFAULT 0,
    -- The circuit breaker: closed while opened_at is NULL. One probe at a time once probe_at has come.
    failures_in_a_row   integer NOT NULL DEFAULT 0,
    breaker_opened_at   timestamptz,
    breaker_probe_at    timestamptz,
    breaker_reason      text,
    breaker_times       integer NOT NULL DEFAULT 0,  -- openings without a success between them
    CHECK ((breaker_opened_at IS NULL) = (breaker_probe_at IS NULL))
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON account_pace TO carryall_app;

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
CREATE INDEX carrier_callback_by_request ON carrier_callback (tenant_id, service_provider_id, reference);

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
