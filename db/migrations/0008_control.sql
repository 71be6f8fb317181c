-- How a bulk change that runs is held: paused, resumed, cancelled, kept to waves, to a number of calls in flight, and
-- stopped by itself when too many devices fail.
--
-- running: devices are sent as their pages are claimed. paused: no further device is begun; outcomes that are still
-- to come are read. cancelling: the same, and workers end what was not begun, some thousand devices a statement.
-- cancelled: nothing is left to be ended.

ALTER TABLE bulk_change
    DROP CONSTRAINT bulk_change_status_check,
    DROP CONSTRAINT bulk_change_check1,
    ADD CONSTRAINT bulk_change_status_check CHECK (status IN
        ('NEW', 'PLANNED', 'PENDING', 'PROCESSING', 'PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED')),
    ADD CONSTRAINT bulk_change_finished_check CHECK
        ((finished_at IS NOT NULL) = (status IN ('PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED'))),
    ADD COLUMN control text NOT NULL DEFAULT 'running' CHECK (control IN
        ('running', 'paused', 'cancelling', 'cancelled')),
    -- Why, by whom and since when it is so. After a resumption: who resumed it.
    ADD COLUMN control_cause text CHECK (control_cause IN ('person', 'threshold', 'wave')),
    ADD COLUMN control_reason text,
    ADD COLUMN control_by text,
    ADD COLUMN control_at timestamptz,
    ADD CONSTRAINT bulk_change_held_check CHECK
        (control = 'running' OR control_cause IS NOT NULL AND control_by IS NOT NULL AND control_at IS NOT NULL),
    -- Calls in flight over all workers; NULL: as many as the account allows.
    ADD COLUMN max_concurrency integer CHECK (max_concurrency BETWEEN 1 AND 1000),
    -- The change pauses by itself at so many failures, or at so many percent once so many devices have ended. Counted
    -- since the change began, was resumed or was retried.
    ADD COLUMN failure_limit integer CHECK (failure_limit > 0),
    ADD COLUMN failure_percent integer CHECK (failure_percent BETWEEN 1 AND 100),
    ADD COLUMN failure_after integer CHECK (failure_after > 0),
    ADD COLUMN failure_count integer NOT NULL DEFAULT 0,
    ADD COLUMN ended_count integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT bulk_change_failure_check CHECK ((failure_percent IS NULL) = (failure_after IS NULL)),
    -- Waves: percents of the accepted devices, the last page of each, the one that runs, its open pages.
    ADD COLUMN waves integer[],
    ADD COLUMN wave_ends integer[],
    ADD COLUMN waves_by_hand boolean NOT NULL DEFAULT false,
    ADD COLUMN wave integer NOT NULL DEFAULT 1,
    ADD COLUMN wave_open_page_count integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT bulk_change_wave_check CHECK
        ((waves IS NULL) = (wave_ends IS NULL) AND wave BETWEEN 1 AND coalesce(cardinality(wave_ends), 1)),
    -- Scheduled customer rate plans that a cancellation withdrew.
    ADD COLUMN withdrawn_count integer NOT NULL DEFAULT 0,
    -- The earlier change that held devices of this one back when last looked.
    ADD COLUMN waits_for_bulk_change_id bigint;
CREATE INDEX bulk_change_cancelling ON bulk_change (tenant_id) WHERE control = 'cancelling';

-- reads_at: when the next outcome that is still to come (waiting, unknown) is due; NULL: none is to come.
-- reads_only: claimed while the change did not run, so none of its new devices is being sent.
ALTER TABLE change_page
    ADD COLUMN reads_at timestamptz,
    ADD COLUMN reads_only boolean NOT NULL DEFAULT false,
    ADD COLUMN has_unsent boolean NOT NULL DEFAULT true;  -- it has new devices; true until somebody has looked

-- Whether devices of a change may be begun.
CREATE FUNCTION may_send(change bulk_change) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT change.control = 'running' $$;

-- How a change that has no open page ended.
CREATE FUNCTION ended_status(devices integer, processed integer, failed integer, parked integer, cancelled integer)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN processed = devices THEN 'PROCESSED'
                WHEN failed = devices THEN 'ERROR'
                WHEN cancelled > 0 AND failed = 0 AND parked = 0 THEN 'CANCELLED'
                ELSE 'PARTIAL' END $$;

-- Why so many failures are too many; NULL: they are not.
CREATE FUNCTION threshold_reason(most integer, percent integer, after integer, failures integer, ended integer)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN failures >= most
                    THEN failures || ' devices failed; the threshold is ' || most
                WHEN failures > 0 AND ended >= after AND failures * 100::bigint >= percent * ended::bigint
                    THEN failures || ' of ' || ended || ' devices failed; the threshold is ' || percent || ' %'
           END $$;

-- For the sweep: which changes of which tenants have work for a worker. One that is held has some only while an
-- outcome is still to come or a page may have been left by a worker that died.
CREATE OR REPLACE FUNCTION unfinished_changes() RETURNS TABLE (tenant bigint, bulk_change bigint) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT b.tenant_id, b.bulk_change_id FROM bulk_change b
            WHERE b.tenant_id = one AND (b.control = 'cancelling' OR b.status IN ('PENDING', 'PROCESSING') AND (
                may_send(b) OR b.waiting_count + b.unknown_count > 0 OR EXISTS (
                    SELECT FROM change_page p WHERE p.tenant_id = one AND p.bulk_change_id = b.bulk_change_id
                        AND p.state = 'sending')));
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

-- Changes that run already.
DO $$
DECLARE
    one bigint;
BEGIN
    FOR one IN SELECT id FROM tenant LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        UPDATE change_page p SET reads_at = (
            SELECT min(c.due_at) FROM device_change c
            WHERE c.tenant_id = one AND c.state IN ('waiting', 'unknown')
              AND c.device_change_id BETWEEN p.first_device_change_id AND p.last_device_change_id)
        WHERE p.tenant_id = one AND p.state <> 'done';
    END LOOP;
    PERFORM set_config('carryall.tenant_id', '', true);
END $$;
