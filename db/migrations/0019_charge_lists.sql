-- What a charge list found, what is still wrong with storing it, and why a run told nobody.

-- Of the list that is stored: devices, and those of them with a charge that was not made.
ALTER TABLE charge_run_part
    ADD COLUMN list_device_count       integer CHECK (list_device_count >= 0),
    ADD COLUMN list_error_device_count integer CHECK (list_error_device_count >= 0),
    ADD COLUMN list_failing_since      timestamptz,  -- of the tries to store it after the last success the first
    ADD COLUMN list_failure_told_at    timestamptz,  -- that it cannot be stored; once a settling
    ADD CONSTRAINT charge_list_failure CHECK (list_failing_since IS NULL OR list_error IS NOT NULL);

ALTER TABLE charge_run ADD COLUMN note text;

-- What is not well of a part, without reading those that are.
CREATE INDEX charge_not_well_by_part ON charge (tenant_id, charge_run_id, part_number, position)
    WHERE state IN ('unknown', 'failed', 'parked');
