-- Plans: a change that was checked and stored with what it would do, and runs only when it is applied. The values
-- before a change, for every device of every change, so that it can be undone. Prices of plans.

ALTER TABLE bulk_change
    DROP CONSTRAINT bulk_change_status_check,
    ADD CONSTRAINT bulk_change_status_check CHECK (status IN
        ('NEW', 'PLANNED', 'PENDING', 'PROCESSING', 'PROCESSED', 'ERROR', 'PARTIAL', 'CANCELLED')),
    -- SHA-256 over what the plan would do to each device, in order. Stays after the plan was applied.
    ADD COLUMN plan_hash text CHECK (plan_hash ~ '^[0-9a-f]{64}$'),
    -- What the plan adds up to: counts, calls, monthly prices.
    ADD COLUMN plan_summary jsonb CHECK (jsonb_typeof(plan_summary) = 'object'),
    ADD COLUMN applied_at timestamptz,
    ADD COLUMN applied_by text,
    ADD COLUMN undoes_bulk_change_id bigint,
    ADD CONSTRAINT bulk_change_plan_check CHECK
        (status <> 'PLANNED' OR plan_hash IS NOT NULL AND plan_summary IS NOT NULL AND applied_at IS NULL),
    ADD CONSTRAINT bulk_change_applied_check CHECK
        ((applied_at IS NULL) = (applied_by IS NULL) AND (applied_at IS NULL OR plan_hash IS NOT NULL)),
    ADD CONSTRAINT bulk_change_undoes_fkey FOREIGN KEY (tenant_id, undoes_bulk_change_id)
        REFERENCES bulk_change (tenant_id, bulk_change_id);
CREATE INDEX bulk_change_planned ON bulk_change (tenant_id, created_at) WHERE status = 'PLANNED';

-- What the change's type touches, as the device had it when the change was accepted. NULL: no device was found, or
-- the change is older than this column.
ALTER TABLE device_change ADD COLUMN before jsonb CHECK (jsonb_typeof(before) = 'object');

-- A price counts only with its currency; without either the cost of a device is unknown.
ALTER TABLE carrier_rate_plan
    ADD COLUMN monthly_price numeric CHECK (monthly_price >= 0),
    ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$');
ALTER TABLE customer_rate_plan
    ADD COLUMN monthly_price numeric CHECK (monthly_price >= 0),
    ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$');

-- Plans nobody applied are deleted after a while. The application may delete nothing else.
GRANT DELETE ON bulk_change, device_change, change_page, device_change_log TO carryall_app;
CREATE POLICY plans_only ON bulk_change AS RESTRICTIVE FOR DELETE USING (status = 'PLANNED');
CREATE POLICY plans_only ON change_page AS RESTRICTIVE FOR DELETE
    USING (bulk_change_id IN (SELECT b.bulk_change_id FROM bulk_change b WHERE b.status = 'PLANNED'));
CREATE POLICY plans_only ON device_change AS RESTRICTIVE FOR DELETE
    USING (device_change_id >> 20 IN (SELECT b.bulk_change_id FROM bulk_change b WHERE b.status = 'PLANNED'));
CREATE POLICY plans_only ON device_change_log AS RESTRICTIVE FOR DELETE
    USING (device_change_id >> 20 IN (SELECT b.bulk_change_id FROM bulk_change b WHERE b.status = 'PLANNED'));
