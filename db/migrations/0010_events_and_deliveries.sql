-- What is told to those outside: events, who hears of them (webhooks and recipients of mail), and one row for each
-- delivery with a row for each of its attempts.
--
-- An event is written in the transaction of what it tells, so there is none without it and it is never without one.
-- Workers make an event's deliveries afterwards (routed_at): a late commit of a lower id is found by the column, not
-- by a place in the order of ids. The unique keys make a second delivery of an event to the same place impossible.

CREATE TABLE event (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL REFERENCES tenant (id),
    type       text NOT NULL COLLATE "C" CHECK (type ~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$'),
    subject    text NOT NULL COLLATE "C" CHECK (subject ~ '^[a-z_]+/[0-9]+$'),  -- "bulk_change/17"
    payload    jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    routed_at  timestamptz,       -- NULL: its deliveries are still to be made
    UNIQUE (tenant_id, event_id)
);
CREATE INDEX event_unrouted ON event (tenant_id, event_id) WHERE routed_at IS NULL;
CREATE INDEX event_by_type ON event (tenant_id, type, event_id);
CREATE INDEX event_by_age ON event (tenant_id, created_at);
CREATE INDEX event_by_subject ON event (tenant_id, subject, event_id);

-- Where a tenant's programs hear of events. `secret` is sealed ("webhook/<webhook_id>"), as is the one before it,
-- which signs too until `previous_until`.
CREATE TABLE webhook (
    webhook_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id       bigint NOT NULL REFERENCES tenant (id),
    url             text NOT NULL CHECK (url <> ''),
    description     text NOT NULL DEFAULT '',
    event_types     text[] NOT NULL DEFAULT '{}',   -- empty: every type
    is_active       boolean NOT NULL DEFAULT true,
    disabled_reason text,                           -- the system switched it off
    failing_since   timestamptz,                    -- of the attempts after the last success the first
    secret          bytea,
    previous_secret bytea,
    previous_until  timestamptz,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    modified_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (disabled_reason IS NULL OR NOT is_active),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    UNIQUE (tenant_id, webhook_id)
);

-- Who hears of events by mail.
CREATE TABLE recipient (
    recipient_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL REFERENCES tenant (id),
    address      text NOT NULL CHECK (address <> ''),
    event_types  text[] NOT NULL DEFAULT '{}',      -- empty: every type
    is_active    boolean NOT NULL DEFAULT true,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    modified_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, address),
    UNIQUE (tenant_id, recipient_id)
);

-- One thing to be told to one place: an event to a webhook, or a message to an address. States: queued (due at
-- available_at), sending (leased until available_at), sent, parked (given up or refused: waits for a person), unknown
-- (a mail that may or may not have been taken: never sent again by itself).
CREATE TABLE delivery (
    delivery_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL REFERENCES tenant (id),
    event_id     bigint,                            -- NULL: a message that tells of no event
    webhook_id   bigint,
    address      text,
    subject      text,                              -- the message to the address
    text_body    text,
    html_body    text,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'parked', 'unknown')),
    available_at timestamptz NOT NULL DEFAULT now(),
    attempt      integer NOT NULL DEFAULT 0,        -- the fence; grows with every claim
    failed_count integer NOT NULL DEFAULT 0,        -- in this run of the schedule
    reason       text,                              -- of the last attempt that failed
    created_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    CHECK (num_nonnulls(webhook_id, address) = 1),
    CHECK (num_nonnulls(address, subject, text_body, html_body) IN (0, 4)),
    CHECK (webhook_id IS NULL OR event_id IS NOT NULL),
    CHECK ((ended_at IS NOT NULL) = (state IN ('sent', 'parked', 'unknown'))),
    CHECK (state NOT IN ('parked', 'unknown') OR reason IS NOT NULL),
    UNIQUE (tenant_id, delivery_id),
    UNIQUE (tenant_id, event_id, webhook_id),
    UNIQUE (tenant_id, event_id, address),
    FOREIGN KEY (tenant_id, event_id) REFERENCES event (tenant_id, event_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhook (tenant_id, webhook_id)
) WITH (fillfactor = 70);
CREATE INDEX delivery_open_of_webhook ON delivery (tenant_id, webhook_id, available_at)
    WHERE state IN ('queued', 'sending') AND webhook_id IS NOT NULL;
CREATE INDEX delivery_open_mail ON delivery (tenant_id, available_at)
    WHERE state IN ('queued', 'sending') AND address IS NOT NULL;
CREATE INDEX delivery_not_sent ON delivery (tenant_id, state, delivery_id) WHERE state <> 'sent';
CREATE INDEX delivery_by_webhook ON delivery (tenant_id, webhook_id, delivery_id) WHERE webhook_id IS NOT NULL;

CREATE TABLE delivery_attempt (
    delivery_id bigint NOT NULL,
    attempt     integer NOT NULL,
    tenant_id   bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    took_ms     integer NOT NULL,
    status      integer,          -- of HTTP, or SMTP's reply code; NULL: none came
    answer      text NOT NULL DEFAULT '',  -- how it began
    error       text,             -- NULL: it succeeded
    PRIMARY KEY (delivery_id, attempt),
    FOREIGN KEY (tenant_id, delivery_id) REFERENCES delivery (tenant_id, delivery_id)
);

-- Called inside the transaction of what it tells. The payload holds ids and facts, never a secret.
CREATE FUNCTION emit_event(tenant bigint, event_type text, event_subject text, event_payload jsonb) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO event (tenant_id, type, subject, payload)
    VALUES (tenant, event_type, event_subject, event_payload) RETURNING event_id INTO made;
    PERFORM pg_notify('carryall_event', tenant::text);
    RETURN made;
END $$;

-- A change ends in several ways (its last page, refused as a whole, cancelled); whoever ends it, the event is there.
CREATE FUNCTION bulk_change_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event(NEW.tenant_id, 'bulk_change.finished', 'bulk_change/' || NEW.bulk_change_id, jsonb_build_object(
        'bulkChangeId', NEW.bulk_change_id, 'status', NEW.status, 'changeType', NEW.change_type,
        'serviceProviderId', NEW.service_provider_id, 'deviceCount', NEW.device_count,
        'counts', jsonb_build_object('processed', NEW.processed_count, 'error', NEW.error_count,
                                     'parked', NEW.parked_count, 'cancelled', NEW.cancelled_count),
        'createdBy', NEW.created_by, 'correlationId', NEW.correlation_id,
        'finishedAt', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
    RETURN NULL;
END $$;
CREATE TRIGGER bulk_change_ends AFTER UPDATE OF finished_at ON bulk_change
    FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION bulk_change_finished();
CREATE TRIGGER bulk_change_ends_at_once AFTER INSERT ON bulk_change
    FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION bulk_change_finished();

-- A change stops by itself or by a person; each stop is told once.
CREATE FUNCTION bulk_change_paused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event(NEW.tenant_id, 'bulk_change.paused', 'bulk_change/' || NEW.bulk_change_id, jsonb_build_object(
        'bulkChangeId', NEW.bulk_change_id, 'changeType', NEW.change_type,
        'serviceProviderId', NEW.service_provider_id, 'deviceCount', NEW.device_count,
        'cause', NEW.control_cause, 'reason', NEW.control_reason, 'pausedBy', NEW.control_by,
        'counts', jsonb_build_object('processed', NEW.processed_count, 'error', NEW.error_count,
                                     'parked', NEW.parked_count, 'cancelled', NEW.cancelled_count),
        'createdBy', NEW.created_by, 'correlationId', NEW.correlation_id));
    RETURN NULL;
END $$;
CREATE TRIGGER bulk_change_pauses AFTER UPDATE OF control ON bulk_change
    FOR EACH ROW WHEN (OLD.control <> 'paused' AND NEW.control = 'paused')
    EXECUTE FUNCTION bulk_change_paused();

-- For workers: which tenants have events to route, and deliveries that are due; and how many are in each state that
-- is not the good end. They run as the caller and enter each tenant in turn, so row-level security holds here as
-- everywhere.
CREATE FUNCTION due_notifications() RETURNS TABLE (tenant bigint, has_events boolean, has_webhooks boolean,
    has_mail boolean) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT one, due.* FROM (SELECT
            EXISTS (SELECT FROM event e WHERE e.tenant_id = one AND e.routed_at IS NULL),
            EXISTS (SELECT FROM webhook w JOIN delivery d ON d.tenant_id = one AND d.webhook_id = w.webhook_id
                        AND d.state IN ('queued', 'sending') AND d.available_at <= now()
                    WHERE w.tenant_id = one AND w.is_active),
            EXISTS (SELECT FROM delivery d WHERE d.tenant_id = one AND d.address IS NOT NULL
                        AND d.state IN ('queued', 'sending') AND d.available_at <= now())
            ) AS due (events, webhooks, mail) WHERE due.events OR due.webhooks OR due.mail;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

CREATE FUNCTION open_deliveries() RETURNS TABLE (channel text, state text, deliveries bigint) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT CASE WHEN d.webhook_id IS NULL THEN 'mail' ELSE 'webhook' END, d.state, count(*)
            FROM delivery d WHERE d.tenant_id = one AND d.state <> 'sent' GROUP BY 1, 2;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['event', 'webhook', 'recipient', 'delivery', 'delivery_attempt'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO carryall_app', name);
    END LOOP;
END $$;
REVOKE UPDATE ON delivery_attempt FROM carryall_app;
-- Old events whose deliveries all arrived are forgotten.
GRANT DELETE ON event, delivery, delivery_attempt TO carryall_app;
