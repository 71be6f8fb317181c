-- Large changes wait for a second person. The consent is to one plan: the claim compares the hash of what was agreed to
-- with the hash of what the change would do.

-- A change for more devices than this waits; NULL: none does.
ALTER TABLE tenant ADD COLUMN approval_threshold_devices integer
    CHECK (approval_threshold_devices BETWEEN 0 AND 1000000);

ALTER TABLE bulk_change
    ADD COLUMN approval text NOT NULL DEFAULT 'not_required' CHECK (approval IN
        ('not_required', 'required', 'approved')),
    ADD COLUMN approved_hash text,
    ADD COLUMN approved_by text,
    ADD COLUMN approved_at timestamptz,
    ADD CONSTRAINT bulk_change_approved_check CHECK
        (num_nonnulls(approved_hash, approved_by, approved_at) = CASE approval WHEN 'approved' THEN 3 ELSE 0 END);

-- Whether devices of a change may be begun.
CREATE OR REPLACE FUNCTION may_send(change bulk_change) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT change.control = 'running' AND (change.approval = 'not_required'
        OR change.approval = 'approved' AND coalesce(change.approved_hash = change.plan_hash, false)) $$;
