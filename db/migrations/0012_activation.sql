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
