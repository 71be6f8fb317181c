-- The change that follows an activation starts when that one ends: it does not wait until somebody looks at its pages
-- again. Whoever ends the activation (its last page, a cancellation), the message is there, in the same transaction.
-- A page in hand at that moment is due again as soon as it is written down (the completion of a page looks at what it
-- waited for). A page whose devices have a later date of their own is looked at once too often, and put back.
CREATE FUNCTION following_change_starts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    following bulk_change;
BEGIN
    SELECT b.* INTO following FROM bulk_change b
    WHERE b.tenant_id = NEW.tenant_id AND b.follows_bulk_change_id = NEW.bulk_change_id
      AND b.status IN ('PENDING', 'PROCESSING');
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE change_page SET available_at = now()
    WHERE tenant_id = NEW.tenant_id AND bulk_change_id = following.bulk_change_id AND state = 'ready'
      AND available_at > now();
    INSERT INTO queue_message (queue, body, attributes)
    VALUES ('bulk_change', 'Bulk change to work is ' || following.bulk_change_id, jsonb_build_object(
        'TenantId', NEW.tenant_id::text, 'BulkChangeId', following.bulk_change_id::text, 'RetryNumber', '0',
        'RequestId', following.correlation_id));
    PERFORM pg_notify('carryall_queue', 'bulk_change');
    RETURN NULL;
END $$;
CREATE TRIGGER following_starts AFTER UPDATE OF finished_at ON bulk_change
    FOR EACH ROW WHEN (NEW.change_type = 'newserviceactivation' AND OLD.finished_at IS NULL
                       AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION following_change_starts();
