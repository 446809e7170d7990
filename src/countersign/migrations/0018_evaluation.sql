-- Agents measured on the questions whose answers people signed: as they are, or as somebody is about to make them.

CREATE TABLE evaluation_runs (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id         bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    agent_id          bigint NOT NULL,
    changes           jsonb CHECK (jsonb_typeof(changes) = 'object'),
    note              text,
    seen              text NOT NULL,
    prompt_version    integer NOT NULL,
    model             varchar(100),
    embedder          varchar(100),
    status            varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    questions         integer NOT NULL DEFAULT 0,
    summary           jsonb,
    error             text,
    job_id            bigint REFERENCES jobs (id) ON DELETE SET NULL,
    decision          varchar(20) CHECK (decision IN ('published', 'dropped')),
    decided_by        bigint REFERENCES users (id),
    decided_at        timestamptz,
    published_version integer,
    created_by        bigint DEFAULT current_actor() REFERENCES users (id),
    created_at        timestamptz NOT NULL DEFAULT now(),
    ended_at          timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    CONSTRAINT chk_only_changes_are_decided CHECK (decision IS NULL OR changes IS NOT NULL AND decided_at IS NOT NULL),
    CONSTRAINT chk_published_version CHECK ((published_version IS NOT NULL) = (decision IS NOT DISTINCT FROM 'published'))
);
COMMENT ON TABLE evaluation_runs IS
    'Measurements of agents on validated questions; with changes: a trial of them against what is live, which its author publishes or not.';
CREATE INDEX idx_evaluation_runs_agent ON evaluation_runs (agent_id, id DESC);
CREATE INDEX idx_evaluation_runs_job ON evaluation_runs (job_id);

CREATE TABLE evaluation_results (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    run_id     bigint NOT NULL,
    message_id bigint NOT NULL,
    question   text NOT NULL,
    signed     text NOT NULL,
    live       jsonb NOT NULL,
    tried      jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, message_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES evaluation_runs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, message_id) REFERENCES ai_messages (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE evaluation_results IS 'One question of a run: the signed answer, what the live agent answers, and what the changed one does.';
CREATE INDEX idx_evaluation_results_message ON evaluation_results (message_id);

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('evaluation', NULL, 'pending'), ('evaluation', 'pending', 'running'), ('evaluation', 'running', 'completed'),
    ('evaluation', 'pending', 'failed'), ('evaluation', 'running', 'failed'),
    ('evaluation', 'pending', 'cancelled'), ('evaluation', 'running', 'cancelled');
