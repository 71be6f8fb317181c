-- Bulk changes: the request, one row a device, one row a page of devices, one log row a device and step.
--
-- device_change_id = bulk_change_id * 2^20 + ordinal, so the devices of a change, and of a page, are one range
-- of the primary key. No other look-up path is needed while a change runs, and stale planner statistics cannot
-- turn a page into a scan of the whole change.
--
-- change_page is the evidence: a claim commits state 'sending' and attempt + 1 here before anything is sent.
-- A device that is 'new' and due in a page that is 'sending' is being sent; if the page's lease runs out, every
-- such device becomes 'unknown' and is read back at the carrier before anything is sent again.

CREATE TABLE bulk_change (
    bulk_change_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL REFERENCES tenant (id),
    service_provider_id bigint NOT NULL,
    change_type         text NOT NULL CHECK (change_type IN
        ('customerassignment', 'carrierrateplanchange', 'customerrateplanchange', 'statusupdate')),
    portal              text NOT NULL CHECK (portal IN ('m2m', 'mobility', 'lnp')),
    -- NEW: stored, not to be processed yet. PENDING: queued. PARTIAL: finished, some devices failed and others not.
    status              text NOT NULL CHECK (status IN
        ('NEW', 'PENDING', 'PROCESSING', 'PROCESSED', 'ERROR', 'PARTIAL')),
    request             jsonb NOT NULL,  -- the BulkChangeRequest without its devices, resolved (plan ids, customer)
    source              text NOT NULL CHECK (source IN ('json', 'csv', 'xlsx')),
    file_name           text,
    correlation_id      text NOT NULL,
    created_by          text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    device_count        integer NOT NULL CHECK (device_count BETWEEN 0 AND 1000000),
    -- Devices in each state; they always add up to device_count. 'sending' is counted among new.
    new_count           integer NOT NULL,
    waiting_count       integer NOT NULL DEFAULT 0,
    unknown_count       integer NOT NULL DEFAULT 0,
    processed_count     integer NOT NULL DEFAULT 0,
    error_count         integer NOT NULL,
    parked_count        integer NOT NULL DEFAULT 0,
    cancelled_count     integer NOT NULL DEFAULT 0,
    open_page_count     integer NOT NULL,
    UNIQUE (tenant_id, bulk_change_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id),
    CHECK (device_count = new_count + waiting_count + unknown_count + processed_count + error_count +
                          parked_count + cancelled_count),
    CHECK ((finished_at IS NOT NULL) = (status IN ('PROCESSED', 'ERROR', 'PARTIAL')))
) WITH (fillfactor = 50);
CREATE INDEX bulk_change_unfinished ON bulk_change (tenant_id) WHERE status IN ('PENDING', 'PROCESSING');

CREATE TABLE device_change (
    device_change_id  bigint PRIMARY KEY,
    tenant_id         bigint NOT NULL,
    device_id         bigint,          -- NULL: the identifier matched no device of the tenant
    row_number        integer NOT NULL CHECK (row_number > 0),  -- where the user finds it: file row, array index + 1
    identifier        text NOT NULL,   -- as given
    request           jsonb,           -- what this device has of its own; the rest is in bulk_change.request
    state             text NOT NULL CHECK (state IN
        ('new', 'waiting', 'unknown', 'processed', 'error', 'parked', 'cancelled')),
    retry_number      smallint NOT NULL DEFAULT 0,
    due_at            timestamptz NOT NULL DEFAULT '-infinity',
    -- When the last request left that may have had an effect; NULL if none did since the last certain answer.
    sent_at           timestamptz,
    -- While the outcome is unknown: no attempt that is still unclear began before this.
    unclear_since     timestamptz,
    read_back_count   smallint NOT NULL DEFAULT 0,
    -- What the next attempt must know of the last one (a package id already added, a service already created).
    progress          jsonb,
    error_class       text CHECK (error_class IN ('validation', 'business', 'transient', 'system')),
    reason            text,
    finished_at       timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('processed', 'error', 'cancelled'))),
    CHECK (state NOT IN ('error', 'parked', 'unknown') OR reason IS NOT NULL)
) WITH (fillfactor = 45);
CREATE INDEX device_change_by_device ON device_change (tenant_id, device_id) WHERE device_id IS NOT NULL;

CREATE TABLE change_page (
    bulk_change_id         bigint NOT NULL,
    page_number            integer NOT NULL CHECK (page_number > 0),
    tenant_id              bigint NOT NULL,
    first_device_change_id bigint NOT NULL,
    last_device_change_id  bigint NOT NULL,
    state                  text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'sending', 'done')),
    attempt                integer NOT NULL DEFAULT 0,      -- the fence: every write of a worker names it
    lost_count             smallint NOT NULL DEFAULT 0,     -- leases that ran out: workers that died on this page
    available_at           timestamptz NOT NULL DEFAULT '-infinity',  -- ready: when due. sending: end of the lease
    claimed_at             timestamptz,
    worker                 text,
    PRIMARY KEY (bulk_change_id, page_number),
    FOREIGN KEY (tenant_id, bulk_change_id) REFERENCES bulk_change (tenant_id, bulk_change_id),
    CHECK ((state = 'sending') = (worker IS NOT NULL))
) WITH (fillfactor = 50);
CREATE INDEX change_page_open ON change_page (bulk_change_id, page_number) WHERE state <> 'done';

-- Append-only. The primary key makes a second record of the same step impossible.
CREATE TABLE device_change_log (
    device_change_id      bigint NOT NULL,
    attempt               integer NOT NULL,    -- of the page; 0 is validation
    step                  smallint NOT NULL,
    tenant_id             bigint NOT NULL,
    portal                text NOT NULL CHECK (portal IN ('m2m', 'mobility', 'lnp')),
    log_entry_description text NOT NULL,
    action_text           text NOT NULL DEFAULT '',
    request_text          text NOT NULL DEFAULT '',
    response_text         text NOT NULL DEFAULT '',
    response_status       text NOT NULL CHECK (response_status IN ('PENDING', 'PROCESSED', 'ERROR')),
    has_errors            boolean NOT NULL,
    error_text            text,
    process_by            text NOT NULL,
    retry_number          smallint NOT NULL DEFAULT 0,
    correlation_id        text NOT NULL,
    started_at            timestamptz NOT NULL,
    processed_at          timestamptz NOT NULL,
    PRIMARY KEY (device_change_id, attempt, step)
);

-- Customer rate plans that take effect later (CustomerRatePlanDeviceQueue of the original system).
CREATE TABLE customer_rate_plan_device_queue (
    id                          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                   bigint NOT NULL,
    device_id                   bigint NOT NULL,
    device_change_id            bigint NOT NULL UNIQUE,  -- one scheduled row for one device change
    customer_rate_plan_id       bigint,
    customer_rate_pool_id       bigint,
    customer_data_allocation_mb numeric CHECK (customer_data_allocation_mb >= 0),
    effective_date              timestamptz NOT NULL,
    portal_type                 text NOT NULL CHECK (portal_type IN ('m2m', 'mobility')),
    created_by                  text NOT NULL,
    created_date                timestamptz NOT NULL DEFAULT now(),
    modified_by                 text,
    modified_date               timestamptz,
    is_active                   boolean NOT NULL DEFAULT true,  -- false once applied or withdrawn
    applied_at                  timestamptz,
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id),
    FOREIGN KEY (tenant_id, customer_rate_plan_id) REFERENCES customer_rate_plan (tenant_id, customer_rate_plan_id),
    FOREIGN KEY (tenant_id, customer_rate_pool_id) REFERENCES customer_rate_pool (tenant_id, customer_rate_pool_id),
    CHECK (applied_at IS NULL OR NOT is_active)
);
CREATE INDEX customer_rate_plan_device_queue_due ON customer_rate_plan_device_queue (tenant_id, effective_date, id)
    WHERE is_active;
CREATE INDEX customer_rate_plan_device_queue_by_device ON customer_rate_plan_device_queue (tenant_id, device_id);

-- The same key with the same request answers with the same change; with another request it is refused.
CREATE TABLE idempotency_key (
    tenant_id      bigint NOT NULL REFERENCES tenant (id),
    key            text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    request_hash   text NOT NULL,
    bulk_change_id bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);

-- Where each paced account stands: the instant at which its next call may start.
CREATE TABLE carrier_pacing (
    service_provider_id bigint PRIMARY KEY,
    tenant_id           bigint NOT NULL,
    next_free_at        timestamptz NOT NULL DEFAULT '-infinity',
    quota_day           date NOT NULL DEFAULT current_date,
    quota_used          bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['bulk_change', 'device_change', 'change_page', 'device_change_log',
            'customer_rate_plan_device_queue', 'idempotency_key', 'carrier_pacing'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO carryall_app', name);
    END LOOP;
END $$;
REVOKE UPDATE ON device_change_log FROM carryall_app;
GRANT DELETE ON idempotency_key TO carryall_app;
