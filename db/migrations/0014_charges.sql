-- Customer charges: optimisation results come in, charge intents are made of them, and each becomes one charge in
-- Rev.io. The intent is the ledger: it is committed before anything is sent, its facts can never be changed or deleted
-- by the application, and a unique key of business facts makes a second intent for the same fact impossible.

-- The tenant's optimisation settings.
CREATE TABLE charge_setting (
    tenant_id                 bigint PRIMARY KEY REFERENCES tenant (id),
    -- UsingNewProcessInCustomerCharge: rate and overage are charges of their own; else one combined charge.
    splits_rate_and_overage   boolean NOT NULL DEFAULT true,
    billing_time_zone         text NOT NULL DEFAULT 'UTC',
    bills_in_advance          boolean NOT NULL DEFAULT false,
    page_size                 integer NOT NULL DEFAULT 50 CHECK (page_size BETWEEN 1 AND 500),
    amount_decimals           smallint NOT NULL DEFAULT 2 CHECK (amount_decimals BETWEEN 0 AND 4),
    -- Ends each description in brackets, so that a charge whose answer was lost is found again; empty: switched off.
    marker_format             text NOT NULL DEFAULT 'amop:{key}'
        CHECK (marker_format = '' OR marker_format ~ '^[ -Z^-~]{0,17}[{]key[}][ -Z^-~]{0,17}$'),
    rate_description          text NOT NULL DEFAULT '{plan} - {usageMb}',
    overage_description       text NOT NULL DEFAULT 'Data Usage - {usageMb} - Overage - {amount}',
    usage_description         text NOT NULL DEFAULT 'Data Usage - {plan} - {usageMb}',
    sms_description           text NOT NULL DEFAULT 'SMS Usage - {smsUsage}',
    -- Bounds: what lies beyond them is parked for a person. NULL: no such bound.
    max_charge_amount         numeric(14, 4) DEFAULT 10000 CHECK (max_charge_amount > 0),
    device_history_multiple   numeric(8, 2) DEFAULT 10 CHECK (device_history_multiple > 1),
    customer_history_multiple numeric(8, 2) DEFAULT 5 CHECK (customer_history_multiple > 1),
    history_periods           smallint NOT NULL DEFAULT 3 CHECK (history_periods BETWEEN 1 AND 24),
    -- A device or customer below this amount is never parked for its history.
    history_floor_amount      numeric(14, 4) NOT NULL DEFAULT 50 CHECK (history_floor_amount >= 0),
    administrator_emails      text[] NOT NULL DEFAULT '{}',
    billing_emails            text[] NOT NULL DEFAULT '{}',
    -- A larger charge list is mailed as a link.
    attachment_limit_bytes    bigint NOT NULL DEFAULT 10485760 CHECK (attachment_limit_bytes >= 0),
    -- The delays of the original system. Completion does not rest on them, so they are 0 unless somebody sets them.
    last_instance_delay_seconds integer NOT NULL DEFAULT 0 CHECK (last_instance_delay_seconds BETWEEN 0 AND 3600),
    last_group_delay_seconds    integer NOT NULL DEFAULT 0 CHECK (last_group_delay_seconds BETWEEN 0 AND 3600),
    check_delay_seconds         integer NOT NULL DEFAULT 0 CHECK (check_delay_seconds BETWEEN 0 AND 3600),
    modified_by               text,
    modified_at               timestamptz NOT NULL DEFAULT now()
);

-- What an optimisation found, under the ids of the optimiser. An instance is of one customer: a Rev customer if it
-- names the Rev.io account (integration_authentication_id), else a non-Rev one.
CREATE TABLE optimization_instance (
    tenant_id                     bigint NOT NULL REFERENCES tenant (id),
    optimization_instance_id      bigint NOT NULL CHECK (optimization_instance_id > 0),
    portal_type                   text NOT NULL CHECK (portal_type IN ('m2m', 'mobility', 'cross_provider')),
    customer_id                   bigint NOT NULL,
    integration_authentication_id bigint,
    billing_period_start          date NOT NULL,
    billing_period_end            date NOT NULL,
    run_end_time                  timestamptz,  -- NULL: the optimisation has not finished
    customer_emails               text[] NOT NULL DEFAULT '{}',
    imported_by                   text NOT NULL,
    imported_at                   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, optimization_instance_id),
    CHECK (billing_period_end >= billing_period_start),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, integration_authentication_id)
        REFERENCES service_provider (tenant_id, service_provider_id)
);

CREATE TABLE optimization_comm_group (
    tenant_id                  bigint NOT NULL,
    optimization_comm_group_id bigint NOT NULL CHECK (optimization_comm_group_id > 0),
    optimization_instance_id   bigint NOT NULL,
    PRIMARY KEY (tenant_id, optimization_comm_group_id),
    FOREIGN KEY (tenant_id, optimization_instance_id)
        REFERENCES optimization_instance (tenant_id, optimization_instance_id)
);
CREATE INDEX optimization_comm_group_by_instance ON optimization_comm_group (tenant_id, optimization_instance_id);

-- One way to group the plans of a comm group, tried by the optimiser. The winner has the lowest total cost.
CREATE TABLE optimization_queue (
    tenant_id                  bigint NOT NULL,
    optimization_queue_id      bigint NOT NULL CHECK (optimization_queue_id > 0),
    optimization_comm_group_id bigint NOT NULL,
    total_cost                 numeric(19, 6),
    run_end_time               timestamptz,
    PRIMARY KEY (tenant_id, optimization_queue_id),
    FOREIGN KEY (tenant_id, optimization_comm_group_id)
        REFERENCES optimization_comm_group (tenant_id, optimization_comm_group_id)
);
CREATE INDEX optimization_queue_by_group ON optimization_queue (tenant_id, optimization_comm_group_id, total_cost);

-- OptimizationDeviceResult (m2m) and OptimizationMobilityDeviceResult (mobility) of the original system.
CREATE TABLE optimization_device_result (
    tenant_id                   bigint NOT NULL,
    optimization_queue_id       bigint NOT NULL,
    portal                      text NOT NULL CHECK (portal IN ('m2m', 'mobility')),
    device_id                   bigint NOT NULL,
    rate_plan_name              text NOT NULL DEFAULT '',
    usage_mb                    numeric(19, 6) NOT NULL DEFAULT 0,
    rate_charge_amount          numeric(19, 6) NOT NULL DEFAULT 0,
    overage_charge_amount       numeric(19, 6) NOT NULL DEFAULT 0,
    sms_usage                   bigint NOT NULL DEFAULT 0,
    sms_charge_amount           numeric(19, 6) NOT NULL DEFAULT 0,
    rev_product_id              bigint CHECK (rev_product_id > 0),
    rev_product_type_id         bigint CHECK (rev_product_type_id > 0),
    overage_rev_product_id      bigint CHECK (overage_rev_product_id > 0),
    overage_rev_product_type_id bigint CHECK (overage_rev_product_type_id > 0),
    sms_rev_product_id          bigint CHECK (sms_rev_product_id > 0),
    sms_rev_product_type_id     bigint CHECK (sms_rev_product_type_id > 0),
    PRIMARY KEY (tenant_id, optimization_queue_id, portal, device_id),
    FOREIGN KEY (tenant_id, optimization_queue_id) REFERENCES optimization_queue (tenant_id, optimization_queue_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id)
);

-- Charges by an uploaded file.
CREATE TABLE charge_file (
    charge_file_id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                     bigint NOT NULL REFERENCES tenant (id),
    name                          text NOT NULL,
    integration_authentication_id bigint,         -- NULL: for customers without Rev.io
    billing_period_start          date NOT NULL,
    billing_period_end            date NOT NULL,
    row_count                     integer NOT NULL,
    uploaded_by                   text NOT NULL,
    uploaded_at                   timestamptz NOT NULL DEFAULT now(),
    CHECK (billing_period_end >= billing_period_start),
    UNIQUE (tenant_id, charge_file_id),
    FOREIGN KEY (tenant_id, integration_authentication_id)
        REFERENCES service_provider (tenant_id, service_provider_id)
);
CREATE TABLE charge_file_row (
    tenant_id       bigint NOT NULL,
    charge_file_id  bigint NOT NULL,
    row_number      integer NOT NULL CHECK (row_number > 0),
    device_id       bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('rate', 'overage', 'usage', 'sms')),
    amount          numeric(19, 6) NOT NULL,
    description     text NOT NULL,
    product_id      bigint CHECK (product_id > 0),
    product_type_id bigint CHECK (product_type_id > 0),
    PRIMARY KEY (charge_file_id, row_number),
    UNIQUE (tenant_id, charge_file_id, device_id, kind),
    FOREIGN KEY (tenant_id, charge_file_id) REFERENCES charge_file (tenant_id, charge_file_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id)
);

-- One order to charge: the instances of a session, a file, or a reversal.
-- enqueueing (intents are being made) -> sending -> finished (all settled or parked, lists stored, mail handed over);
-- back to sending when parked charges are released. hold: a stopped run calls nobody until a person resumes it.
CREATE TABLE charge_run (
    charge_run_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      bigint NOT NULL REFERENCES tenant (id),
    source         text NOT NULL CHECK (source IN ('instances', 'file', 'reversal')),
    charge_file_id bigint,
    state          text NOT NULL DEFAULT 'enqueueing' CHECK (state IN ('enqueueing', 'sending', 'finished')),
    hold           text NOT NULL DEFAULT 'running' CHECK (hold IN ('running', 'stopped')),
    hold_reason    text,
    hold_by        text,
    hold_at        timestamptz,
    open_instance_count integer NOT NULL DEFAULT 0,  -- whose intents are still to be made
    open_part_count     integer NOT NULL DEFAULT 0,  -- that are not listed yet
    -- Every listing of all parts is told once; the number of the last one told.
    told_version   integer NOT NULL DEFAULT 0,
    reason         text,                             -- of a reversal
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    correlation_id text NOT NULL,
    UNIQUE (tenant_id, charge_run_id),
    CHECK ((source = 'file') = (charge_file_id IS NOT NULL)),
    CHECK ((state = 'finished') = (finished_at IS NOT NULL)),
    CHECK (hold = 'running' OR hold_reason IS NOT NULL AND hold_by IS NOT NULL AND hold_at IS NOT NULL),
    FOREIGN KEY (tenant_id, charge_file_id) REFERENCES charge_file (tenant_id, charge_file_id)
);
CREATE UNIQUE INDEX charge_run_of_file ON charge_run (tenant_id, charge_file_id) WHERE charge_file_id IS NOT NULL;
CREATE INDEX charge_run_unfinished ON charge_run (tenant_id, charge_run_id) WHERE state <> 'finished';

-- An instance is charged by one run only; a correction is a reversal.
CREATE TABLE charge_run_instance (
    tenant_id                bigint NOT NULL,
    charge_run_id            bigint NOT NULL,
    optimization_instance_id bigint NOT NULL,
    position                 integer NOT NULL CHECK (position > 0),
    is_last                  boolean NOT NULL,
    made_at                  timestamptz,  -- its intents
    PRIMARY KEY (tenant_id, charge_run_id, optimization_instance_id),
    UNIQUE (tenant_id, optimization_instance_id),
    FOREIGN KEY (tenant_id, charge_run_id) REFERENCES charge_run (tenant_id, charge_run_id),
    FOREIGN KEY (tenant_id, optimization_instance_id)
        REFERENCES optimization_instance (tenant_id, optimization_instance_id)
);

-- The charges of one winning queue, or of a file, or of a reversal: one charge list. sending -> settled (each charge
-- ended or parked) -> listed (its charge list is stored); back to sending when parked charges are released.
-- Counters and amounts add up to the rows.
CREATE TABLE charge_run_part (
    tenant_id                     bigint NOT NULL,
    charge_run_id                 bigint NOT NULL,
    part_number                   integer NOT NULL CHECK (part_number > 0),
    optimization_instance_id      bigint,
    optimization_comm_group_id    bigint,
    optimization_queue_id         bigint NOT NULL DEFAULT 0,  -- 0: the comm group has no winning queue
    integration_authentication_id bigint,                     -- NULL: nothing goes to Rev.io
    customer_id                   bigint,                     -- NULL: of several customers
    billing_period_start          date NOT NULL,
    billing_period_end            date NOT NULL,
    state                         text NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'settled', 'listed')),
    note                          text,
    charge_count                  integer NOT NULL DEFAULT 0,
    new_count                     integer NOT NULL DEFAULT 0 CHECK (new_count >= 0),
    unknown_count                 integer NOT NULL DEFAULT 0 CHECK (unknown_count >= 0),
    charged_count                 integer NOT NULL DEFAULT 0,
    recorded_count                integer NOT NULL DEFAULT 0,
    skipped_count                 integer NOT NULL DEFAULT 0,
    failed_count                  integer NOT NULL DEFAULT 0,
    parked_count                  integer NOT NULL DEFAULT 0 CHECK (parked_count >= 0),
    total_amount                  numeric(19, 4) NOT NULL DEFAULT 0,  -- of all intents
    charged_amount                numeric(19, 4) NOT NULL DEFAULT 0,  -- of those charged or recorded
    list_version                  integer NOT NULL DEFAULT 0,         -- grows with every settling
    list_name                     text,
    list_key                      text,
    list_bytes                    bigint,
    list_stored_at                timestamptz,
    list_error                    text,                               -- of the last try to store it
    settled_at                    timestamptz,
    PRIMARY KEY (tenant_id, charge_run_id, part_number),
    CHECK (charge_count = new_count + unknown_count + charged_count + recorded_count + skipped_count + failed_count
           + parked_count),
    CHECK ((state = 'sending') = (settled_at IS NULL)),
    CHECK (state = 'sending' OR new_count = 0 AND unknown_count = 0),
    CHECK (state <> 'listed' OR list_key IS NOT NULL),
    FOREIGN KEY (tenant_id, charge_run_id) REFERENCES charge_run (tenant_id, charge_run_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, integration_authentication_id)
        REFERENCES service_provider (tenant_id, service_provider_id)
);
CREATE INDEX charge_run_part_by_queue ON charge_run_part (tenant_id, optimization_queue_id);

-- The ledger. Above the line: facts, which the application can insert and read only. Below it: how the charge stands.
-- new -> charged | failed (Rev.io refused it) | unknown (may or may not be charged: looked up, never sent blindly)
-- | parked (waits for a person); recorded: a customer without Rev.io; skipped: there is nothing to charge.
CREATE TABLE charge (
    charge_id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                bigint NOT NULL,
    charge_run_id            bigint NOT NULL,
    part_number              integer NOT NULL,
    position                 integer NOT NULL CHECK (position > 0),  -- in its part
    source                   text NOT NULL CHECK (source IN ('instance', 'file')),
    source_id                bigint NOT NULL,                        -- of the instance, or of the file
    device_id                bigint NOT NULL,
    customer_id              bigint NOT NULL,
    service_provider_id      bigint NOT NULL,
    portal                   text NOT NULL CHECK (portal IN ('m2m', 'mobility')),
    kind                     text NOT NULL CHECK (kind IN ('rate', 'overage', 'usage', 'sms')),
    billing_period_start     date NOT NULL,
    billing_period_end       date NOT NULL,
    generation               smallint NOT NULL DEFAULT 1 CHECK (generation > 0),
    reverses_charge_id       bigint,
    amount                   numeric(14, 4) NOT NULL,
    usage_mb                 numeric(19, 6),
    description              text NOT NULL CHECK (length(description) <= 1500),  -- without the marker
    marker                   text NOT NULL DEFAULT '',               -- ends the description as it is sent, in brackets
    rev_customer_id          bigint,
    revio_service_id         bigint,
    product_id               bigint,
    product_type_id          bigint,
    start_date               date NOT NULL,                          -- the period as Rev.io is told
    end_date                 date NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT now(),
    --------------------------------------------------------------------------------------------------------------
    state                    text NOT NULL CHECK (state IN
        ('new', 'unknown', 'charged', 'recorded', 'skipped', 'failed', 'parked')),
    reason                   text,
    error_class              text,
    revio_charge_id          bigint,
    is_adopted               boolean NOT NULL DEFAULT false,         -- found in Rev.io after its answer was lost
    due_at                   timestamptz NOT NULL DEFAULT '-infinity',
    retry_number             smallint NOT NULL DEFAULT 0,
    read_back_count          smallint NOT NULL DEFAULT 0,
    progress                 jsonb,
    unclear_since            timestamptz,
    sent_at                  timestamptz,
    settled_at               timestamptz,
    released_by              text,                                   -- who let a parked one go on
    CHECK (end_date >= start_date),
    CHECK ((state = 'charged') = (revio_charge_id IS NOT NULL)),
    CHECK ((settled_at IS NULL) = (state IN ('new', 'unknown', 'parked'))),
    CHECK (state NOT IN ('failed', 'parked', 'skipped') OR reason IS NOT NULL),
    CHECK ((generation > 1) OR reverses_charge_id IS NULL),
    CONSTRAINT charge_once UNIQUE (tenant_id, source, source_id, device_id, kind, billing_period_start,
        billing_period_end, generation),
    CONSTRAINT charge_reversed_once UNIQUE (tenant_id, reverses_charge_id),
    CONSTRAINT charge_place UNIQUE (tenant_id, charge_run_id, part_number, position),
    UNIQUE (tenant_id, charge_id),
    FOREIGN KEY (tenant_id, charge_run_id, part_number)
        REFERENCES charge_run_part (tenant_id, charge_run_id, part_number),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, device_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, reverses_charge_id) REFERENCES charge (tenant_id, charge_id)
) WITH (fillfactor = 60);
-- A charge of Rev.io belongs to one intent.
CREATE UNIQUE INDEX charge_by_revio_id ON charge (tenant_id, revio_charge_id) WHERE revio_charge_id IS NOT NULL;
CREATE INDEX charge_by_device ON charge (tenant_id, device_id, billing_period_start);
CREATE INDEX charge_by_customer ON charge (tenant_id, customer_id, billing_period_start);
CREATE INDEX charge_not_well ON charge (tenant_id, charge_run_id, state) WHERE state IN ('unknown', 'failed', 'parked');

-- What has ended stays as it ended.
CREATE FUNCTION charge_is_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'charge % is settled', OLD.charge_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER charge_stays_settled BEFORE UPDATE ON charge
    FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL) EXECUTE FUNCTION charge_is_settled();

-- Consecutive charges of a part that are claimed, sent and written down together; as change_page.
CREATE TABLE charge_page (
    tenant_id      bigint NOT NULL,
    charge_run_id  bigint NOT NULL,
    part_number    integer NOT NULL,
    page_number    integer NOT NULL CHECK (page_number > 0),
    first_position integer NOT NULL,
    last_position  integer NOT NULL,
    state          text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'sending', 'done')),
    attempt        integer NOT NULL DEFAULT 0,
    lost_count     smallint NOT NULL DEFAULT 0,
    available_at   timestamptz NOT NULL DEFAULT '-infinity',
    claimed_at     timestamptz,
    worker         text,
    PRIMARY KEY (tenant_id, charge_run_id, part_number, page_number),
    CHECK ((state = 'sending') = (worker IS NOT NULL)),
    FOREIGN KEY (tenant_id, charge_run_id, part_number)
        REFERENCES charge_run_part (tenant_id, charge_run_id, part_number)
) WITH (fillfactor = 50);
CREATE INDEX charge_page_open ON charge_page (tenant_id, charge_run_id, part_number, page_number) WHERE state <> 'done';

-- Append-only. The primary key makes a second record of the same step impossible.
CREATE TABLE charge_log (
    charge_id       bigint NOT NULL,
    attempt         integer NOT NULL,
    step            smallint NOT NULL,
    tenant_id       bigint NOT NULL,
    description     text NOT NULL,
    action_text     text NOT NULL DEFAULT '',
    request_text    text NOT NULL DEFAULT '',
    response_text   text NOT NULL DEFAULT '',
    response_status text NOT NULL CHECK (response_status IN ('PENDING', 'PROCESSED', 'ERROR')),
    error_text      text,
    process_by      text NOT NULL,
    correlation_id  text NOT NULL,
    started_at      timestamptz NOT NULL,
    processed_at    timestamptz NOT NULL,
    PRIMARY KEY (charge_id, attempt, step)
);

-- For the sweep: what has work for a worker. Instances whose intents are to be made, parts with an open page, parts
-- whose list is to be stored.
CREATE FUNCTION unfinished_charge_work() RETURNS TABLE (tenant bigint, charge_run bigint, queue text, instance bigint,
    part integer) LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
    before text := current_setting('carryall.tenant_id', true);
BEGIN
    FOR one IN SELECT id FROM tenant WHERE is_active ORDER BY id LOOP
        PERFORM set_config('carryall.tenant_id', one::text, true);
        RETURN QUERY
            SELECT i.tenant_id, i.charge_run_id, 'customer_charge_enqueue', i.optimization_instance_id, NULL::integer
            FROM charge_run r JOIN charge_run_instance i
                ON i.tenant_id = one AND i.charge_run_id = r.charge_run_id AND i.made_at IS NULL
            WHERE r.tenant_id = one AND r.state = 'enqueueing'
            UNION ALL
            SELECT p.tenant_id, p.charge_run_id,
                CASE p.state WHEN 'sending' THEN 'customer_charge' ELSE 'customer_charge_check' END,
                p.optimization_instance_id, p.part_number
            FROM charge_run r JOIN charge_run_part p
                ON p.tenant_id = one AND p.charge_run_id = r.charge_run_id AND p.state <> 'listed'
            WHERE r.tenant_id = one AND r.state <> 'finished'
              AND (p.state = 'settled' OR r.hold = 'running');
    END LOOP;
    PERFORM set_config('carryall.tenant_id', coalesce(before, ''), true);
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['charge_setting', 'optimization_instance', 'optimization_comm_group',
            'optimization_queue', 'optimization_device_result', 'charge_file', 'charge_file_row', 'charge_run',
            'charge_run_instance', 'charge_run_part', 'charge', 'charge_page', 'charge_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO carryall_app', name);
    END LOOP;
END $$;
GRANT UPDATE ON charge_setting, charge_run, charge_run_instance, charge_run_part, charge_page TO carryall_app;
-- Results are replaced as a whole until they are charged.
GRANT UPDATE, DELETE ON optimization_instance, optimization_comm_group, optimization_queue, optimization_device_result
    TO carryall_app;
GRANT UPDATE (state, reason, error_class, revio_charge_id, is_adopted, due_at, retry_number, read_back_count, progress,
    unclear_since, sent_at, settled_at, released_by) ON charge TO carryall_app;
