-- Who uses the platform (tenants, tokens) and what they own (accounts at carriers, customers, plans, devices).
--
-- Isolation is enforced twice: every query of the application names its tenant, and underneath every table with
-- a tenant_id has forced row-level security. The setting carryall.tenant_id says for whom a transaction works;
-- without it no row is visible. The application role owns nothing and bypasses nothing.
-- Composite foreign keys (tenant_id, id) make a row that points into another tenant impossible.

CREATE FUNCTION current_tenant() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('carryall.tenant_id', true), '')::bigint $$;

CREATE TABLE tenant (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    is_active  boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Only the SHA-256 of a token is kept. The token's text starts with its tenant, so that even the look-up runs
-- inside that tenant.
CREATE TABLE api_token (
    api_token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL REFERENCES tenant (id),
    name         text NOT NULL CHECK (name <> ''),
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'billing', 'admin')),
    token_hash   text NOT NULL UNIQUE CHECK (length(token_hash) = 64),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_token_by_tenant ON api_token (tenant_id, api_token_id);

-- One account at one carrier. `credentials` is sealed (src/base/secret.hpp); `settings` holds what is not secret:
-- base URL, distributor id, header names. `write_is_enabled` off refuses every change for this account.
CREATE TABLE service_provider (
    service_provider_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL REFERENCES tenant (id),
    name                text NOT NULL CHECK (name <> ''),
    integration         text NOT NULL CHECK (integration IN ('jasper', 'thingspace', 'pond', 'telegence', 'revio')),
    write_is_enabled    boolean NOT NULL DEFAULT false,
    settings            jsonb NOT NULL DEFAULT '{}',
    credentials         bytea,
    -- Pacing, shared by all workers. NULL: no limit of this kind.
    rate_per_second     numeric CHECK (rate_per_second > 0),
    max_concurrency     integer CHECK (max_concurrency BETWEEN 1 AND 1000),
    day_quota           bigint CHECK (day_quota > 0),
    is_active           boolean NOT NULL DEFAULT true,
    created_at          timestamptz NOT NULL DEFAULT now(),
    modified_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, service_provider_id)
);

-- A Rev.io customer, or an AMOP customer, who is one without Rev.io.
CREATE TABLE customer (
    customer_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id       bigint NOT NULL REFERENCES tenant (id),
    name            text NOT NULL CHECK (name <> ''),
    rev_customer_id text CHECK (rev_customer_id <> ''),
    account_number  text,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    modified_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, rev_customer_id),
    UNIQUE (tenant_id, customer_id)
);

CREATE TABLE site (
    site_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   bigint NOT NULL REFERENCES tenant (id),
    customer_id bigint NOT NULL,
    name        text NOT NULL CHECK (name <> ''),
    is_active   boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, customer_id, name),
    UNIQUE (tenant_id, site_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id)
);

CREATE TABLE carrier_rate_plan (
    carrier_rate_plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL REFERENCES tenant (id),
    service_provider_id  bigint NOT NULL,
    code                 text NOT NULL CHECK (code <> ''),
    name                 text NOT NULL,
    plan_uuid            text,
    -- The carrier's own id: POND's packageTypeId, Jasper's rate plan id.
    carrier_plan_id      bigint,
    is_active            boolean NOT NULL DEFAULT true,
    created_at           timestamptz NOT NULL DEFAULT now(),
    modified_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, service_provider_id, code),
    UNIQUE (tenant_id, carrier_rate_plan_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);

CREATE TABLE communication_plan (
    communication_plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             bigint NOT NULL REFERENCES tenant (id),
    service_provider_id   bigint NOT NULL,
    name                  text NOT NULL CHECK (name <> ''),
    is_active             boolean NOT NULL DEFAULT true,
    created_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, service_provider_id, name),
    UNIQUE (tenant_id, communication_plan_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id)
);

CREATE TABLE customer_rate_plan (
    customer_rate_plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             bigint NOT NULL REFERENCES tenant (id),
    code                  text NOT NULL CHECK (code <> ''),
    name                  text NOT NULL,
    data_allocation_mb    numeric CHECK (data_allocation_mb >= 0),
    is_active             boolean NOT NULL DEFAULT true,
    created_at            timestamptz NOT NULL DEFAULT now(),
    modified_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, code),
    UNIQUE (tenant_id, customer_rate_plan_id)
);

CREATE TABLE customer_rate_pool (
    customer_rate_pool_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             bigint NOT NULL REFERENCES tenant (id),
    name                  text NOT NULL CHECK (name <> ''),
    data_allocation_mb    numeric CHECK (data_allocation_mb >= 0),
    is_active             boolean NOT NULL DEFAULT true,
    created_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, customer_rate_pool_id)
);

-- A line at Rev.io. It is active while disconnected_date is NULL.
CREATE TABLE rev_service (
    rev_service_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL REFERENCES tenant (id),
    customer_id          bigint NOT NULL,
    revio_service_id     bigint NOT NULL,  -- Rev.io's own id
    number               text NOT NULL,
    activated_date       date,
    disconnected_date    date,
    created_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, revio_service_id),
    UNIQUE (tenant_id, rev_service_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id)
);
CREATE INDEX rev_service_by_number ON rev_service (tenant_id, number);

CREATE TABLE rev_service_product (
    rev_service_product_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                bigint NOT NULL REFERENCES tenant (id),
    rev_service_id           bigint NOT NULL,
    revio_service_product_id bigint NOT NULL,
    product_id               bigint NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, revio_service_product_id),
    FOREIGN KEY (tenant_id, rev_service_id) REFERENCES rev_service (tenant_id, rev_service_id)
);

-- A SIM or a phone line. Archived (is_active false or is_deleted) devices stay: their history does.
-- Columns that bulk changes update carry no index, so that those updates stay heap-only (fillfactor leaves room).
CREATE TABLE device (
    device_id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                   bigint NOT NULL REFERENCES tenant (id),
    service_provider_id         bigint NOT NULL,
    portal                      text NOT NULL CHECK (portal IN ('m2m', 'mobility')),
    iccid                       text NOT NULL CHECK (iccid ~ '^[0-9]{19,20}$'),
    imei                        text,
    msisdn                      text,  -- subscriber number on the mobility portal
    status                      text NOT NULL CHECK (status <> ''),
    carrier_rate_plan_id        bigint,
    communication_plan_id       bigint,
    customer_id                 bigint,
    site_id                     bigint,
    account_number              text,
    rev_service_id              bigint,
    customer_rate_plan_id       bigint,
    customer_rate_pool_id       bigint,
    customer_data_allocation_mb numeric CHECK (customer_data_allocation_mb >= 0),
    is_active                   boolean NOT NULL DEFAULT true,
    is_deleted                  boolean NOT NULL DEFAULT false,
    created_at                  timestamptz NOT NULL DEFAULT now(),
    modified_at                 timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, iccid),
    UNIQUE (tenant_id, device_id),
    FOREIGN KEY (tenant_id, service_provider_id) REFERENCES service_provider (tenant_id, service_provider_id),
    FOREIGN KEY (tenant_id, carrier_rate_plan_id) REFERENCES carrier_rate_plan (tenant_id, carrier_rate_plan_id),
    FOREIGN KEY (tenant_id, communication_plan_id) REFERENCES communication_plan (tenant_id, communication_plan_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES site (tenant_id, site_id),
    FOREIGN KEY (tenant_id, rev_service_id) REFERENCES rev_service (tenant_id, rev_service_id),
    FOREIGN KEY (tenant_id, customer_rate_plan_id) REFERENCES customer_rate_plan (tenant_id, customer_rate_plan_id),
    FOREIGN KEY (tenant_id, customer_rate_pool_id) REFERENCES customer_rate_pool (tenant_id, customer_rate_pool_id)
) WITH (fillfactor = 45);
CREATE INDEX device_by_msisdn ON device (tenant_id, msisdn) WHERE msisdn IS NOT NULL;
CREATE INDEX device_by_imei ON device (tenant_id, imei) WHERE imei IS NOT NULL;

-- What changed a device outside bulk changes: imports, scheduled rate plans. Bulk changes have their own log.
CREATE TABLE device_event (
    device_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id       bigint NOT NULL,
    device_id       bigint NOT NULL,
    occurred_at     timestamptz NOT NULL DEFAULT now(),
    source          text NOT NULL,  -- 'import', 'schedule'
    actor           text NOT NULL,
    detail          jsonb NOT NULL  -- the columns that changed, with their new values
);
CREATE INDEX device_event_by_device ON device_event (tenant_id, device_id, device_event_id);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['api_token', 'service_provider', 'customer', 'site', 'carrier_rate_plan',
            'communication_plan', 'customer_rate_plan', 'customer_rate_pool', 'rev_service',
            'rev_service_product', 'device', 'device_event'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = (SELECT current_tenant())) '
                       'WITH CHECK (tenant_id = (SELECT current_tenant()))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO carryall_app', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON tenant TO carryall_app;
REVOKE UPDATE ON device_event FROM carryall_app;
