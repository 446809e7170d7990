-- Validated answers that are used again, and what they depend on.

CREATE TABLE learned_responses (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id       uuid NOT NULL UNIQUE,
    tenant_id      bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    agent_id       bigint NOT NULL,
    message_id     bigint,
    question       text NOT NULL CHECK (btrim(question) <> ''),
    answer         text NOT NULL CHECK (btrim(answer) <> ''),
    validated_by   bigint NOT NULL REFERENCES users (id),
    validated_at   timestamptz NOT NULL,
    prompt_version integer,
    model          varchar(100),
    embedder       varchar(100),
    status         varchar(20) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'revoked', 'replaced')),
    status_reason  text,
    suspended_at   timestamptz,
    replaced_by    bigint,
    served_count   integer NOT NULL DEFAULT 0,
    last_served_at timestamptz,
    created_by     bigint DEFAULT current_actor() REFERENCES users (id),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES ai_messages (tenant_id, id),
    FOREIGN KEY (tenant_id, replaced_by) REFERENCES learned_responses (tenant_id, id),
    CONSTRAINT chk_replaced_by CHECK ((status = 'replaced') = (replaced_by IS NOT NULL)),
    CONSTRAINT chk_suspended_reason CHECK (status <> 'suspended' OR status_reason IS NOT NULL)
);
COMMENT ON TABLE learned_responses IS 'Question and answer that a person validated; the truth of which the vector collection is the index.';
CREATE UNIQUE INDEX idx_learned_responses_message ON learned_responses (message_id) WHERE status IN ('active', 'suspended');
CREATE INDEX idx_learned_responses_agent ON learned_responses (agent_id, status);
CREATE INDEX idx_learned_responses_tenant ON learned_responses (tenant_id, created_at DESC);

CREATE TABLE learned_dependencies (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    learned_response_id bigint NOT NULL,
    source_table        varchar(100) NOT NULL,
    row_id              bigint NOT NULL,
    columns             text[] NOT NULL CHECK (cardinality(columns) > 0),
    columns_hash        varchar(64) NOT NULL,
    snapshot            jsonb NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (learned_response_id, source_table, row_id),
    FOREIGN KEY (tenant_id, learned_response_id) REFERENCES learned_responses (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE learned_dependencies IS 'The rows, and the columns of them, on which a learned answer rests; snapshot is what they said then.';
CREATE INDEX idx_learned_dependencies_source ON learned_dependencies (tenant_id, source_table, row_id);

CREATE TABLE learned_history (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    learned_response_id bigint NOT NULL,
    from_status         varchar(20),
    to_status           varchar(20) NOT NULL,
    reason              text,
    question            text NOT NULL,
    answer              text NOT NULL,
    actor_id            bigint REFERENCES users (id),
    created_at          timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, learned_response_id) REFERENCES learned_responses (tenant_id, id)
);
COMMENT ON TABLE learned_history IS 'Each state and wording a learned answer ever had; written by a trigger, insert-only.';
CREATE INDEX idx_learned_history_response ON learned_history (learned_response_id, id);

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('learned_response', NULL, 'active'),
    ('learned_response', 'active', 'suspended'), ('learned_response', 'active', 'revoked'), ('learned_response', 'active', 'replaced'),
    ('learned_response', 'suspended', 'active'), ('learned_response', 'suspended', 'revoked'),
    ('learned_response', 'suspended', 'replaced');
