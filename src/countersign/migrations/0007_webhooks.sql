-- What we tell other software, and how that went.

CREATE TABLE webhooks (
    id                         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name                       varchar(255) NOT NULL,
    url                        varchar(2048) NOT NULL CHECK (url ~ '^https?://'),
    secret                     varchar(1024) NOT NULL,
    previous_secret            varchar(1024),
    previous_secret_expires_at timestamptz,
    events                     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(events) = 'array'),
    is_active                  boolean NOT NULL DEFAULT true,
    retry_count                integer NOT NULL DEFAULT 3 CHECK (retry_count BETWEEN 0 AND 20),
    timeout_seconds            integer NOT NULL DEFAULT 30 CHECK (timeout_seconds BETWEEN 1 AND 120),
    last_triggered_at          timestamptz,
    success_count              integer NOT NULL DEFAULT 0,
    failure_count              integer NOT NULL DEFAULT 0,
    consecutive_failures       integer NOT NULL DEFAULT 0,
    deactivated_reason         text,
    created_by                 bigint DEFAULT current_actor() REFERENCES users (id),
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    deleted_at                 timestamptz,
    UNIQUE (tenant_id, id)
);
COMMENT ON TABLE webhooks IS 'Addresses that are told of events; the secrets are sealed with a key that the database does not have.';
CREATE INDEX idx_webhooks_tenant ON webhooks (tenant_id);
CREATE INDEX idx_webhooks_active ON webhooks (is_active) WHERE is_active = true;

CREATE TABLE webhook_logs (
    id               bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    webhook_id       bigint NOT NULL,
    delivery_id      varchar(64) NOT NULL DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    event            varchar(100) NOT NULL,
    payload          jsonb NOT NULL,
    status_code      integer,
    response_body    text CHECK (length(response_body) <= 5000),
    response_time_ms integer,
    status           varchar(20) NOT NULL CHECK (status IN ('success', 'failed', 'pending')),
    error_message    text,
    attempt_number   integer NOT NULL DEFAULT 1,
    next_attempt_at  timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE webhook_logs IS 'Every attempt to deliver, by month; delivery_id is the same for all attempts of one delivery.';
CREATE INDEX idx_webhook_logs_webhook ON webhook_logs (webhook_id);
CREATE INDEX idx_webhook_logs_status ON webhook_logs (status);
CREATE INDEX idx_webhook_logs_created ON webhook_logs (created_at DESC);
CREATE INDEX idx_webhook_logs_delivery ON webhook_logs (delivery_id);
CREATE TABLE webhook_logs_default PARTITION OF webhook_logs DEFAULT;
COMMENT ON TABLE webhook_logs_default IS 'Attempts of months that have no partition yet.';

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('webhook_delivery', NULL, 'pending'), ('webhook_delivery', NULL, 'success'), ('webhook_delivery', NULL, 'failed'),
    ('webhook_delivery', 'pending', 'success'), ('webhook_delivery', 'pending', 'failed');
