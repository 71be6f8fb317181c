-- New service activation: a type of bulk change, the address that a line may have, and the change that follows an
-- activation (the assignment of the new lines' customer).

ALTER TABLE bulk_change
    DROP CONSTRAINT bulk_change_change_type_check,
    ADD CONSTRAINT bulk_change_change_type_check CHECK (change_type IN
        ('customerassignment', 'carrierrateplanchange', 'customerrateplanchange', 'statusupdate',
         'newserviceactivation')),
    -- The activation whose devices this change waits for. Its devices have the same ordinals.
    ADD COLUMN follows_bulk_change_id bigint,
    ADD FOREIGN KEY (tenant_id, follows_bulk_change_id) REFERENCES bulk_change (tenant_id, bulk_change_id);
CREATE UNIQUE INDEX bulk_change_following ON bulk_change (tenant_id, follows_bulk_change_id)
    WHERE follows_bulk_change_id IS NOT NULL;

-- A static address, as the carrier assigned it; NULL: none that we know of.
ALTER TABLE device ADD COLUMN ip_address inet;

-- Beside the end of every change, an activation tells its customer's programs what they wait for.
CREATE FUNCTION activation_completed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event(NEW.tenant_id, 'activation.completed', 'bulk_change/' || NEW.bulk_change_id, jsonb_build_object(
        'bulkChangeId', NEW.bulk_change_id, 'totalDevicesActivated', NEW.processed_count,
        'totalDevicesFailed', NEW.device_count - NEW.processed_count,
        'completionTimestamp', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'serviceType', CASE WHEN NEW.request -> 'newServiceActivation' ->> 'staticIp' = 'true'
                            THEN 'Telegence Cellular with Static IP' ELSE 'Telegence Cellular' END));
    RETURN NULL;
END $$;
CREATE TRIGGER activation_ends AFTER UPDATE OF finished_at ON bulk_change
    FOR EACH ROW WHEN (NEW.change_type = 'newserviceactivation' AND OLD.finished_at IS NULL
                       AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION activation_completed();
