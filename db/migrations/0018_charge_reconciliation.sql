-- Reconciliation: what Rev.io really holds beside what our ledger says, each difference a row with a proposal that
-- nobody carries out by itself; and the sign-off of billing periods. Neither writes into the ledger.

-- One reading of all charges of every customer of a run, or of a billing period at one Rev.io account.
-- queued -> running (reading, comparing) -> done | failed; back to queued at the end of a turn.
CREATE TABLE charge_reconciliation (
    charge_reconciliation_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                     bigint NOT NULL REFERENCES tenant (id),
    charge_run_id                 bigint,
    integration_authentication_id bigint,  -- of a billing period
    billing_period_start          date,
    billing_period_end            date,
    state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempt       integer NOT NULL DEFAULT 0,   -- the fence
    retry_number  integer NOT NULL DEFAULT 0,   -- failures without a page between them
    lost_count    integer NOT NULL DEFAULT 0,
    available_at  timestamptz NOT NULL DEFAULT now(),
    worker        text,
    reason        text,                         -- of the last failure
    page_count    bigint NOT NULL DEFAULT 0,
    record_count  bigint NOT NULL DEFAULT 0,    -- charges that Rev.io showed, whosever they are
    -- The result. Intended: what is to be in Rev.io; sent: what our ledger says is there; found: of those, what is.
    -- Unknown may or may not be there; not judged was charged too shortly before its customer was read.
    intended_count     bigint NOT NULL DEFAULT 0,
    intended_amount    numeric(19, 4) NOT NULL DEFAULT 0,
    sent_count         bigint NOT NULL DEFAULT 0,
    sent_amount        numeric(19, 4) NOT NULL DEFAULT 0,
    found_count        bigint NOT NULL DEFAULT 0,
    found_amount       numeric(19, 4) NOT NULL DEFAULT 0,   -- as Rev.io has them
    unknown_count      bigint NOT NULL DEFAULT 0,
    not_judged_count   bigint NOT NULL DEFAULT 0,
    difference_count   bigint NOT NULL DEFAULT 0,
    -- Everything that was settled until then was compared.
    judged_until  timestamptz,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    UNIQUE (tenant_id, charge_reconciliation_id),
    CHECK ((charge_run_id IS NULL) = (integration_authentication_id IS NOT NULL)),
    CHECK ((integration_authentication_id IS NULL) = (billing_period_start IS NULL)),
    CHECK ((billing_period_start IS NULL) = (billing_period_end IS NULL)),
    CHECK (billing_period_end >= billing_period_start),
    CHECK ((state = 'running') = (worker IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'failed' OR reason IS NOT NULL),
    FOREIGN KEY (tenant_id, charge_run_id) REFERENCES charge_run (tenant_id, charge_run_id),
    FOREIGN KEY (tenant_id, integration_authentication_id)
        REFERENCES service_provider (tenant_id, service_provider_id)
);
-- Who asks again while one is open gets that one.
CREATE UNIQUE INDEX charge_reconciliation_open_run ON charge_reconciliation (tenant_id, charge_run_id)
    WHERE state IN ('queued', 'running') AND charge_run_id IS NOT NULL;
CREATE UNIQUE INDEX charge_reconciliation_open_period ON charge_reconciliation
    (tenant_id, integration_authentication_id, billing_period_start, billing_period_end)
    WHERE state IN ('queued', 'running') AND charge_run_id IS NULL;
CREATE INDEX charge_reconciliation_due ON charge_reconciliation (tenant_id, available_at)
    WHERE state IN ('queued', 'running');
CREATE INDEX charge_reconciliation_of_period ON charge_reconciliation
    (tenant_id, billing_period_start, billing_period_end, integration_authentication_id, charge_reconciliation_id);

-- A customer of Rev.io whose charges are read. A second look is taken where a charge seems to be missing: what is
-- removed while a list is read moves others to pages that were read already.
CREATE TABLE charge_reconciliation_customer (
    tenant_id                bigint NOT NULL,
    charge_reconciliation_id bigint NOT NULL,
    service_provider_id      bigint NOT NULL,   -- the Rev.io account
    rev_customer_id          bigint NOT NULL,
    look                     smallint NOT NULL DEFAULT 1 CHECK (look IN (1, 2)),
    page_count               integer NOT NULL DEFAULT 0,
    resume                   jsonb,             -- where the look goes on
    started_at               timestamptz,       -- before the first page was asked for
    read_at                  timestamptz,       -- when the look's last page was written down
    PRIMARY KEY (tenant_id, charge_reconciliation_id, service_provider_id, rev_customer_id),
    FOREIGN KEY (tenant_id, charge_reconciliation_id)
        REFERENCES charge_reconciliation (tenant_id, charge_reconciliation_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);
CREATE INDEX charge_reconciliation_unread ON charge_reconciliation_customer
    (tenant_id, charge_reconciliation_id, service_provider_id, rev_customer_id) WHERE read_at IS NULL;

-- What Rev.io showed, until it is compared.
CREATE TABLE revio_charge_reading (
    tenant_id                bigint NOT NULL,
    charge_reconciliation_id bigint NOT NULL,
    service_provider_id      bigint NOT NULL,
    rev_customer_id          bigint NOT NULL,
    look                     smallint NOT NULL,
    page_number              integer NOT NULL,
    revio_charge_id          bigint NOT NULL,
    revio_service_id         bigint,
    product_id               bigint,
    product_type_id          bigint,
    bill_id                  bigint,
    amount                   numeric(19, 4),
    description              text NOT NULL,
    start_date               date,
    end_date                 date,
    created_date             text NOT NULL,     -- as told, without a zone
    PRIMARY KEY (tenant_id, charge_reconciliation_id, service_provider_id, rev_customer_id, look, page_number,
        revio_charge_id),
    FOREIGN KEY (tenant_id, charge_reconciliation_id, service_provider_id, rev_customer_id)
        REFERENCES charge_reconciliation_customer
            (tenant_id, charge_reconciliation_id, service_provider_id, rev_customer_id)
);

-- missing: our ledger says that it is charged, Rev.io has none. extra: a charge of ours that the ledger does not hold.
-- other_id: it is there, under another id than ours. wrong_…: it is there and says something else.
CREATE TABLE charge_difference (
    charge_difference_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                bigint NOT NULL,
    charge_reconciliation_id bigint NOT NULL,
    kind                     text NOT NULL CHECK (kind IN ('missing', 'extra', 'other_id', 'wrong_amount',
        'wrong_customer', 'wrong_period', 'wrong_product', 'wrong_service')),
    charge_id                bigint,            -- of ours; NULL: an extra one without an intent
    revio_charge_id          bigint,            -- NULL: missing
    rev_customer_id          bigint NOT NULL,   -- of ours; of an extra one: as Rev.io has it
    charge_state             text,              -- of ours, when it was compared
    marker                   text NOT NULL DEFAULT '',
    our_amount               numeric(14, 4),
    revio_amount             numeric(19, 4),
    ours                     text,              -- of what is wrong: as our ledger has it, and as Rev.io
    theirs                   text,
    repair                   text NOT NULL CHECK (repair IN ('charge_again', 'remove', 'adopt', 'correct', 'accept')),
    proposal                 text NOT NULL,     -- the same in words
    accepted_by              text,
    accepted_at              timestamptz,
    accepted_reason          text,
    UNIQUE (tenant_id, charge_difference_id),
    CHECK (charge_id IS NOT NULL OR revio_charge_id IS NOT NULL),
    CHECK ((kind = 'missing') = (revio_charge_id IS NULL)),
    CHECK ((accepted_by IS NULL) = (accepted_at IS NULL) AND (accepted_by IS NULL) = (accepted_reason IS NULL)),
    FOREIGN KEY (tenant_id, charge_reconciliation_id)
        REFERENCES charge_reconciliation (tenant_id, charge_reconciliation_id),
    FOREIGN KEY (tenant_id, charge_id) REFERENCES charge (tenant_id, charge_id)
);
CREATE INDEX charge_difference_of ON charge_difference (tenant_id, charge_reconciliation_id, charge_difference_id);
CREATE INDEX charge_difference_open ON charge_difference (tenant_id, charge_reconciliation_id)
    WHERE accepted_at IS NULL;
CREATE INDEX charge_difference_accepted ON charge_difference (tenant_id, kind, revio_charge_id, charge_id)
    WHERE accepted_at IS NOT NULL;

-- A billing period whose charges a person has signed off. It takes no new runs, reversals apart.
CREATE TABLE charge_period_sign_off (
    tenant_id            bigint NOT NULL REFERENCES tenant (id),
    billing_period_start date NOT NULL,
    billing_period_end   date NOT NULL,
    note                 text NOT NULL,
    signed_off_by        text NOT NULL,
    signed_off_at        timestamptz NOT NULL DEFAULT now(),
    charge_count         bigint NOT NULL,
    charged_amount       numeric(19, 4) NOT NULL,
    customers            jsonb NOT NULL,        -- [{customerId, customer, chargeCount, amount}]
    PRIMARY KEY (tenant_id, billing_period_start, billing_period_end),
    CHECK (billing_period_end >= billing_period_start)
);

CREATE INDEX charge_by_period ON charge (tenant_id, billing_period_start, billing_period_end);
CREATE INDEX charge_run_part_by_period ON charge_run_part (tenant_id, billing_period_start, billing_period_end);
CREATE INDEX charge_by_marker ON charge (tenant_id, marker) WHERE marker <> '';

-- Ordering a run takes the lock shared and looks; signing off takes it alone. So neither misses the other.
CREATE FUNCTION charge_period_stays_signed_off() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first date;
    last date;
BEGIN
    IF TG_TABLE_NAME = 'charge_run' THEN
        SELECT billing_period_start, billing_period_end INTO first, last FROM charge_file
            WHERE tenant_id = NEW.tenant_id AND charge_file_id = NEW.charge_file_id;
    ELSE
        SELECT billing_period_start, billing_period_end INTO first, last FROM optimization_instance
            WHERE tenant_id = NEW.tenant_id AND optimization_instance_id = NEW.optimization_instance_id;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('charge periods', NEW.tenant_id));
    IF EXISTS (SELECT FROM charge_period_sign_off s WHERE s.tenant_id = NEW.tenant_id
               AND s.billing_period_start = first AND s.billing_period_end = last) THEN
        RAISE EXCEPTION 'the billing period % to % is signed off', first, last USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER charge_run_in_open_period BEFORE INSERT ON charge_run
    FOR EACH ROW WHEN (NEW.charge_file_id IS NOT NULL) EXECUTE FUNCTION charge_period_stays_signed_off();
CREATE TRIGGER charge_run_instance_in_open_period BEFORE INSERT ON charge_run_instance
    FOR EACH ROW EXECUTE FUNCTION charge_period_stays_signed_off();

CREATE FUNCTION due_charge_reconciliations() RETURNS TABLE (tenant bigint, reconciliation bigint,
    due_since timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT r.tenant_id, r.charge_reconciliation_id, r.available_at FROM charge_reconciliation r
            WHERE r.tenant_id = one AND r.state IN ('queued', 'running') AND r.available_at <= now();
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

-- Of the last reconciliation that is done of each run, and of each period at each account: what nobody accepted.
CREATE FUNCTION open_charge_differences() RETURNS TABLE (kind text, differences bigint) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY SELECT d.kind, count(*) FROM charge_difference d
            WHERE d.tenant_id = one AND d.accepted_at IS NULL AND d.charge_reconciliation_id IN (
                SELECT max(r.charge_reconciliation_id) FROM charge_reconciliation r
                WHERE r.tenant_id = one AND r.state = 'done'
                GROUP BY r.charge_run_id, r.integration_authentication_id, r.billing_period_start,
                    r.billing_period_end)
            GROUP BY d.kind;
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['charge_reconciliation', 'charge_reconciliation_customer', 'revio_charge_reading',
            'charge_difference', 'charge_period_sign_off'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO carryall_app', name);
    END LOOP;
END $$;
GRANT UPDATE ON charge_reconciliation, charge_reconciliation_customer TO carryall_app;
GRANT DELETE ON revio_charge_reading TO carryall_app;
GRANT UPDATE (accepted_by, accepted_at, accepted_reason) ON charge_difference TO carryall_app;
