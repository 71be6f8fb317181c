-- A reversal that Rev.io refused, or that a person dismissed, has reversed nothing: the charge can be reversed again, as
-- a further generation. What ended so stays so (charge_stays_settled), hence at most one reversal of a charge is live.
ALTER TABLE charge DROP CONSTRAINT charge_reversed_once;
CREATE UNIQUE INDEX charge_reversed_once ON charge (tenant_id, reverses_charge_id)
    WHERE reverses_charge_id IS NOT NULL AND state NOT IN ('failed', 'skipped');
CREATE INDEX charge_reversals ON charge (tenant_id, reverses_charge_id) WHERE reverses_charge_id IS NOT NULL;
