-- Knowledge agents, their prompts, and what is said to them.

CREATE TABLE agents (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name                varchar(255) NOT NULL,
    slug                varchar(100) NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    description         text,
    icon                varchar(50) NOT NULL DEFAULT 'robot',
    color               varchar(7) NOT NULL DEFAULT '#3B82F6' CHECK (color ~ '^#[0-9A-Fa-f]{6}$'),
    language            varchar(10) NOT NULL DEFAULT 'fr',
    system_prompt       text NOT NULL,
    prompt_version      integer NOT NULL DEFAULT 1,
    qdrant_collection   varchar(100) NOT NULL,
    retrieval_mode      varchar(20) NOT NULL DEFAULT 'TEXT_ONLY',
    hydration_config    jsonb,
    source_template     text,
    ollama_host         varchar(255),
    ollama_port         integer CHECK (ollama_port BETWEEN 1 AND 65535),
    model               varchar(100),
    fallback_model      varchar(100),
    context_window_size integer NOT NULL DEFAULT 10 CHECK (context_window_size BETWEEN 0 AND 200),
    max_tokens          integer NOT NULL DEFAULT 2048 CHECK (max_tokens > 0),
    temperature         numeric(3, 2) NOT NULL DEFAULT 0.7 CHECK (temperature BETWEEN 0 AND 2),
    top_k               integer NOT NULL DEFAULT 5 CHECK (top_k BETWEEN 1 AND 50),
    min_score           numeric(5, 4),
    learned_min_score   numeric(5, 4),
    direct_answer       boolean NOT NULL DEFAULT false,
    strict              boolean NOT NULL DEFAULT true,
    is_active           boolean NOT NULL DEFAULT true,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    UNIQUE (tenant_id, id),
    CONSTRAINT chk_retrieval_mode CHECK (retrieval_mode IN ('TEXT_ONLY', 'SQL_HYDRATION')),
    CONSTRAINT chk_hydration_config CHECK (
        retrieval_mode = 'TEXT_ONLY' OR (jsonb_typeof(hydration_config) = 'object' AND hydration_config ? 'table') IS TRUE)
);
COMMENT ON TABLE agents IS 'Knowledge agents; system_prompt is always the text of prompt_version.';
CREATE UNIQUE INDEX idx_agents_tenant_slug ON agents (tenant_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_agents_slug ON agents (slug);
CREATE INDEX idx_agents_tenant ON agents (tenant_id);
CREATE INDEX idx_agents_active ON agents (is_active) WHERE is_active = true;

CREATE TABLE system_prompt_versions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    agent_id      bigint NOT NULL,
    version       integer NOT NULL,
    system_prompt text NOT NULL,
    change_note   text,
    created_by    bigint REFERENCES users (id),
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agent_id, version),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
COMMENT ON TABLE system_prompt_versions IS 'Every prompt an agent ever had; written by a trigger, insert-only.';
CREATE INDEX idx_prompt_versions_agent ON system_prompt_versions (agent_id);

CREATE TABLE ai_sessions (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid                uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    agent_id            bigint NOT NULL,
    user_id             bigint REFERENCES users (id),
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    external_session_id varchar(255),
    external_context    jsonb,
    title               varchar(255),
    message_count       integer NOT NULL DEFAULT 0,
    status              varchar(20) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived', 'deleted')),
    closed_at           timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE ai_sessions IS 'Conversations with one agent.';
CREATE INDEX idx_ai_sessions_uuid ON ai_sessions (uuid);
CREATE INDEX idx_ai_sessions_agent ON ai_sessions (agent_id);
CREATE INDEX idx_ai_sessions_user ON ai_sessions (user_id);
CREATE INDEX idx_ai_sessions_external ON ai_sessions (external_session_id);
CREATE INDEX idx_ai_sessions_created ON ai_sessions (created_at DESC);
CREATE INDEX idx_ai_sessions_tenant ON ai_sessions (tenant_id, updated_at DESC);

CREATE TABLE ai_messages (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid               uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    tenant_id          bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    session_id         bigint NOT NULL,
    role               varchar(20) NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    content            text NOT NULL,
    status             varchar(20) NOT NULL DEFAULT 'complete'
                       CHECK (status IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
    reply_to           bigint,
    regenerated_from   bigint,
    rag_context        jsonb,
    prompt_version     integer,
    provider           varchar(50),
    model_used         varchar(100),
    tokens_prompt      integer,
    tokens_completion  integer,
    generation_time_ms integer,
    validation_status  varchar(20) NOT NULL DEFAULT 'pending'
                       CHECK (validation_status IN ('pending', 'validated', 'rejected', 'learned')),
    validated_by       bigint REFERENCES users (id),
    validated_at       timestamptz,
    corrected_content  text,
    rejection_reason   text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (session_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES ai_sessions (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (session_id, reply_to) REFERENCES ai_messages (session_id, id),
    FOREIGN KEY (session_id, regenerated_from) REFERENCES ai_messages (session_id, id),
    CONSTRAINT chk_validated_by_somebody CHECK (
        validation_status = 'pending' OR role = 'assistant' AND validated_by IS NOT NULL AND validated_at IS NOT NULL)
);
COMMENT ON TABLE ai_messages IS 'Questions and answers; an answer keeps its sources, its prompt version and who signed it.';
CREATE INDEX idx_ai_messages_session ON ai_messages (session_id);
CREATE INDEX idx_ai_messages_role ON ai_messages (role);
CREATE INDEX idx_ai_messages_validation ON ai_messages (validation_status);
CREATE INDEX idx_ai_messages_created ON ai_messages (created_at DESC);
CREATE INDEX idx_ai_messages_reply ON ai_messages (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX idx_ai_messages_pending ON ai_messages (validation_status, created_at)
    WHERE validation_status = 'pending' AND role = 'assistant';

CREATE TABLE ai_feedbacks (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    message_id bigint NOT NULL,
    user_id    bigint REFERENCES users (id),
    rating     smallint CHECK (rating BETWEEN 1 AND 5),
    is_helpful boolean,
    comment    text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, message_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES ai_messages (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE ai_feedbacks IS 'What readers thought of an answer; one per user and message, changeable.';
CREATE INDEX idx_ai_feedbacks_message ON ai_feedbacks (message_id);
CREATE INDEX idx_ai_feedbacks_rating ON ai_feedbacks (rating);

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('ai_session', NULL, 'active'),
    ('ai_session', 'active', 'archived'), ('ai_session', 'active', 'deleted'),
    ('ai_session', 'archived', 'active'), ('ai_session', 'archived', 'deleted'),
    ('ai_session', 'deleted', 'active'), ('ai_session', 'deleted', 'archived'),
    ('ai_message', NULL, 'complete'), ('ai_message', NULL, 'streaming'), ('ai_message', NULL, 'failed'),
    ('ai_message', 'streaming', 'complete'), ('ai_message', 'streaming', 'stopped'),
    ('ai_message', 'streaming', 'interrupted'), ('ai_message', 'streaming', 'failed'),
    ('answer_validation', NULL, 'pending'),
    ('answer_validation', 'pending', 'validated'), ('answer_validation', 'pending', 'rejected'),
    ('answer_validation', 'pending', 'learned'), ('answer_validation', 'validated', 'learned'),
    ('answer_validation', 'validated', 'rejected'), ('answer_validation', 'learned', 'rejected');
