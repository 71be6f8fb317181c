-- How devices are found, and statistics after large imports.

-- An ICCID is written with 19 digits, or with 20 when its check digit is included; both name one SIM. A generated
-- column, not an index on left(iccid, 19): `left` is not leakproof, so under row-level security the planner may not
-- look it up in an index. Collation "C" makes prefixes ranges: 'p' <= x < 'p:' (the character after '9').
ALTER TABLE device
    ALTER COLUMN iccid TYPE text COLLATE "C",
    ALTER COLUMN imei TYPE text COLLATE "C",
    ALTER COLUMN msisdn TYPE text COLLATE "C";
ALTER TABLE device
    DROP CONSTRAINT device_tenant_id_iccid_key,
    ADD COLUMN iccid19 text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(iccid, 19)) STORED,
    ADD CONSTRAINT device_tenant_id_iccid19_key UNIQUE (tenant_id, iccid19);

-- Which credentials are set, so that a list can show it without opening them.
ALTER TABLE service_provider ADD COLUMN credential_names text[] NOT NULL DEFAULT '{}';

-- The application owns no table, so it may not ANALYZE one; after a large import it must, or the next queries are
-- planned for an empty table.
CREATE FUNCTION analyze_devices() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
BEGIN
    ANALYZE public.device;
END $$;
REVOKE EXECUTE ON FUNCTION analyze_devices() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_devices() TO carryall_app;
