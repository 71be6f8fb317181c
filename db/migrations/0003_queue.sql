-- The queue carries hints: "look at this bulk change". The truth is in the tables of the changes; an emptied
-- queue is rebuilt by a sweep. Messages belong to the machinery, not to a tenant: a worker reads the tenant from
-- the attributes and then works inside it, so a forged message reaches nothing of another tenant.

CREATE TABLE queue_message (
    message_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue         text NOT NULL,
    body          text NOT NULL,
    attributes    jsonb NOT NULL,
    enqueued_at   timestamptz NOT NULL DEFAULT now(),
    visible_at    timestamptz NOT NULL DEFAULT now(),  -- delay before the first receipt, lease after it
    receive_count integer NOT NULL DEFAULT 0,
    receipt       bigint NOT NULL DEFAULT 0,           -- changes at every receipt; fences delete and extend
    dead_at       timestamptz,
    dead_reason   text,
    CHECK ((dead_at IS NULL) = (dead_reason IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX queue_message_ready ON queue_message (queue, visible_at) WHERE dead_at IS NULL;
CREATE INDEX queue_message_dead ON queue_message (queue, message_id) WHERE dead_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_message TO carryall_app;

-- For the sweep: which changes of which tenants still have work. Runs as the caller: it enters each tenant in turn,
-- so row-level security holds here as everywhere.
CREATE FUNCTION unfinished_changes() RETURNS TABLE (tenant bigint, bulk_change bigint) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT b.tenant_id, b.bulk_change_id FROM bulk_change b
            WHERE b.tenant_id = one AND b.status IN ('PENDING', 'PROCESSING');
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;
