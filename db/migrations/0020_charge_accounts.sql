-- A charge of Rev.io belongs to one intent of its account: a tenant may have several accounts at Rev.io, and each counts
-- its charges for itself. A fact: the account that the intent is sent to; NULL if it is sent nowhere.
ALTER TABLE charge ADD COLUMN integration_authentication_id bigint;
ALTER TABLE charge DISABLE TRIGGER charge_stays_settled;
DO $$
DECLARE
    one bigint;
BEGIN
    FOR one IN SELECT id FROM tenant LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        UPDATE charge c SET integration_authentication_id = p.integration_authentication_id
        FROM charge_run_part p
        WHERE p.tenant_id = one AND c.tenant_id = one AND p.charge_run_id = c.charge_run_id
          AND p.part_number = c.part_number;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', '', true);
END $$;
ALTER TABLE charge ENABLE TRIGGER charge_stays_settled;
DROP INDEX charge_by_revio_id;
CREATE UNIQUE INDEX charge_by_revio_id ON charge (tenant_id, integration_authentication_id, revio_charge_id)
    WHERE revio_charge_id IS NOT NULL;
ALTER TABLE charge ADD CONSTRAINT charge_has_account
    CHECK (revio_charge_id IS NULL OR integration_authentication_id IS NOT NULL);

-- Which of these markers an intent has, of any tenant: several may share an account at Rev.io.
CREATE FUNCTION markers_of_intents(asked text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT DISTINCT c.marker FROM unnest(asked) a(marker)
            JOIN charge c ON c.tenant_id = one AND c.marker = a.marker AND c.marker <> '';
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;
