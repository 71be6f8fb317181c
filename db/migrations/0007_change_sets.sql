-- A change for the lines of several accounts: one bulk change for each account, accepted together or not at all.
CREATE TABLE change_set (
    change_set_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      bigint NOT NULL REFERENCES tenant (id),
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    correlation_id text NOT NULL,
    UNIQUE (tenant_id, change_set_id)
);
ALTER TABLE change_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE change_set FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON change_set USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT ON change_set TO carryall_app;

ALTER TABLE bulk_change
    ADD COLUMN change_set_id bigint,
    ADD FOREIGN KEY (tenant_id, change_set_id) REFERENCES change_set (tenant_id, change_set_id);
CREATE INDEX bulk_change_by_set ON bulk_change (tenant_id, change_set_id) WHERE change_set_id IS NOT NULL;
