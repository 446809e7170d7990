-- Delivery agents: tasks, runs, the calls they make and what they cost, decisions of people, and what follows.

-- ── Tasks and runs ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE tasks (
    tasks_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id         bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    monday_item_id    bigint,
    monday_board_id   bigint,
    source            varchar(20) NOT NULL CHECK (source IN ('monday', 'github', 'manual')),
    title             varchar(500) NOT NULL CHECK (btrim(title) <> ''),
    description       text,
    priority          varchar(10) NOT NULL DEFAULT 'medium' CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
    repository_url    varchar(500) NOT NULL DEFAULT '',
    repository_name   varchar(255),
    default_branch    varchar(255),
    monday_status     varchar(100),
    internal_status   varchar(30) NOT NULL DEFAULT 'pending' CHECK (internal_status IN (
                          'pending', 'processing', 'testing', 'debugging', 'quality_check', 'awaiting_validation',
                          'completed', 'failed', 'cancelled')),
    requester         varchar(255),
    requester_user_id bigint REFERENCES users (id),
    assigned_to       varchar(255),
    last_run_id       bigint,
    budget_usd        numeric(12, 6) CHECK (budget_usd >= 0),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    completed_at      timestamptz,
    deleted_at        timestamptz,
    UNIQUE (tenant_id, tasks_id),
    UNIQUE (tenant_id, monday_item_id)
);
COMMENT ON TABLE tasks IS 'What is to be done. Foreign keys name tasks_id; monday_item_id is for Monday.com alone. An empty repository_url waits for an answer.';
CREATE INDEX idx_tasks_monday_item_id ON tasks (monday_item_id);
CREATE INDEX idx_tasks_internal_status_partial ON tasks (internal_status)
    WHERE internal_status IN ('pending', 'processing', 'testing', 'debugging', 'quality_check', 'awaiting_validation');
CREATE INDEX idx_tasks_tenant_created ON tasks (tenant_id, created_at DESC);
CREATE INDEX idx_tasks_repository ON tasks (tenant_id, repository_name);

CREATE TABLE task_runs (
    tasks_runs_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_id             bigint NOT NULL,
    run_number          integer NOT NULL,
    status              varchar(20) NOT NULL DEFAULT 'queued' CHECK (status IN (
                            'queued', 'running', 'waiting_validation', 'succeeded', 'failed', 'cancelled')),
    outcome             varchar(20) CHECK (outcome IN (
                            'merged', 'rejected', 'abandoned', 'expired', 'no_change', 'failed', 'cancelled')),
    celery_task_id      varchar(255) UNIQUE,
    attempts            integer NOT NULL DEFAULT 0,
    lease_owner         varchar(200),
    lease_token         bigint NOT NULL DEFAULT 0,
    lease_until         timestamptz,
    current_node        varchar(50),
    progress_percentage smallint NOT NULL DEFAULT 0 CHECK (progress_percentage BETWEEN 0 AND 100),
    ai_provider         varchar(50),
    model_name          varchar(100),
    parent_run_id       bigint,
    error_message       text,
    git_branch_name     varchar(255),
    base_sha            varchar(64),
    head_sha            varchar(64),
    pull_request_url    varchar(500),
    created_at          timestamptz NOT NULL DEFAULT now(),
    started_at          timestamptz,
    completed_at        timestamptz,
    duration_seconds    numeric(12, 3),
    UNIQUE (tenant_id, tasks_runs_id),
    UNIQUE (task_id, run_number),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, tasks_id) ON DELETE RESTRICT,
    FOREIGN KEY (tenant_id, parent_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id),
    -- A run that has ended says how; it never succeeds by default.
    CONSTRAINT chk_run_outcome CHECK (
        CASE status WHEN 'succeeded' THEN outcome IN ('merged', 'no_change')
                    WHEN 'failed' THEN outcome IN ('failed', 'rejected', 'abandoned', 'expired', 'no_change')
                    WHEN 'cancelled' THEN outcome = 'cancelled'
                    ELSE outcome IS NULL END IS TRUE)
);
COMMENT ON TABLE task_runs IS 'One execution of the workflow for a task; a second one of the same task waits for the first.';
CREATE INDEX idx_task_runs_celery ON task_runs (celery_task_id);
CREATE INDEX idx_task_runs_task_started ON task_runs (task_id, started_at);
CREATE INDEX idx_task_runs_status ON task_runs (status, lease_until) WHERE status IN ('queued', 'running', 'waiting_validation');
CREATE INDEX idx_task_runs_tenant ON task_runs (tenant_id, created_at DESC);
CREATE UNIQUE INDEX idx_task_runs_one_active ON task_runs (task_id) WHERE status IN ('running', 'waiting_validation');

ALTER TABLE tasks ADD CONSTRAINT tasks_last_run_id_fkey
    FOREIGN KEY (tenant_id, last_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id);

CREATE TABLE run_steps (
    run_steps_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_run_id      bigint NOT NULL,
    node_name        varchar(50) NOT NULL,
    step_order       integer NOT NULL,
    attempt          integer NOT NULL DEFAULT 1,
    status           varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped')),
    input_data       jsonb,
    output_data      jsonb,
    output_log       text,
    error_details    text,
    started_at       timestamptz,
    completed_at     timestamptz,
    duration_seconds numeric(12, 3),
    UNIQUE (tenant_id, run_steps_id),
    UNIQUE (task_run_id, step_order),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id)
);
COMMENT ON TABLE run_steps IS 'One visit of one node of the workflow; a repeated attempt is the same row.';
CREATE INDEX idx_run_steps_node ON run_steps (node_name, status);

CREATE TABLE run_step_checkpoints (
    checkpoint_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id               bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    step_id                 bigint NOT NULL,
    thread_id               varchar(100),
    checkpoint_ns           varchar(100) NOT NULL DEFAULT '',
    langgraph_checkpoint_id varchar(100),
    checkpoint_data         jsonb NOT NULL DEFAULT '{}',
    created_at              timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, step_id) REFERENCES run_steps (tenant_id, run_steps_id)
);
COMMENT ON TABLE run_step_checkpoints IS 'Pointers into the workflow''s own store, from which alone it resumes; checkpoint_data is a summary for people.';
CREATE INDEX idx_run_step_checkpoints_step ON run_step_checkpoints (step_id);
CREATE INDEX idx_run_step_checkpoints_thread ON run_step_checkpoints (thread_id, langgraph_checkpoint_id);

-- ── Every call of a model, by both families ──────────────────────────────────────────────────────────────────────

CREATE TABLE ai_interactions (
    ai_interactions_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id          bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    run_step_id        bigint,
    message_id         bigint,
    agent_id           bigint,
    session_id         bigint,
    ai_provider        varchar(20) NOT NULL CHECK (ai_provider IN ('ollama', 'openai', 'claude', 'local', 'scripted')),
    model_name         varchar(100) NOT NULL,
    operation          varchar(50) NOT NULL,
    prompt             text,
    response           text,
    token_usage        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(token_usage) = 'object'),
    latency_ms         integer,
    ttft_ms            integer,
    success            boolean NOT NULL,
    error              text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, ai_interactions_id),
    FOREIGN KEY (tenant_id, run_step_id) REFERENCES run_steps (tenant_id, run_steps_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES ai_messages (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES ai_sessions (tenant_id, id),
    CHECK (num_nonnulls(run_step_id, message_id) <= 1)
);
COMMENT ON TABLE ai_interactions IS 'Every call of a model; token_usage is {input, cached_input, output, reasoning}, input with the cached ones; insert-only.';
CREATE INDEX idx_ai_interactions_run_step ON ai_interactions (run_step_id) WHERE run_step_id IS NOT NULL;
CREATE INDEX idx_ai_interactions_message ON ai_interactions (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX idx_ai_interactions_agent ON ai_interactions (agent_id, created_at DESC) WHERE agent_id IS NOT NULL;
CREATE INDEX idx_ai_interactions_created ON ai_interactions (tenant_id, created_at DESC);

CREATE TABLE ai_code_generations (
    ai_code_generations_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id              bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_run_id            bigint NOT NULL,
    provider               varchar(50),
    model                  varchar(100),
    generation_type        varchar(20) NOT NULL DEFAULT 'initial' CHECK (generation_type IN ('initial', 'debug', 'rework')),
    prompt                 text,
    generated_code         text,
    files_modified         jsonb NOT NULL DEFAULT '[]',
    syntax_valid           boolean,
    patch_id               varchar(64),
    generated_at           timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id)
);
COMMENT ON TABLE ai_code_generations IS 'What the engine wrote in a run, as one patch each.';
CREATE INDEX idx_ai_code_generations_run ON ai_code_generations (task_run_id);

CREATE TABLE ai_cost_tracking (
    ai_cost_tracking_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    ai_interaction_id   bigint NOT NULL UNIQUE,
    task_id             bigint,
    task_run_id         bigint,
    agent_id            bigint,
    session_id          bigint,
    provider            varchar(20) NOT NULL,
    model               varchar(100) NOT NULL,
    operation_type      varchar(50) NOT NULL,
    prompt_tokens       integer NOT NULL DEFAULT 0 CHECK (prompt_tokens >= 0),
    completion_tokens   integer NOT NULL DEFAULT 0 CHECK (completion_tokens >= 0),
    total_tokens        integer NOT NULL GENERATED ALWAYS AS (prompt_tokens + completion_tokens) STORED,
    cost_usd            numeric(12, 6) CHECK (cost_usd >= 0),
    price_version       varchar(100),
    created_at          timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, ai_interaction_id) REFERENCES ai_interactions (tenant_id, ai_interactions_id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, tasks_id),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES ai_sessions (tenant_id, id)
);
COMMENT ON TABLE ai_cost_tracking IS 'What each call cost in US dollars; cost_usd is NULL where no price is known, which is not zero; insert-only.';
CREATE INDEX idx_ai_cost_tracking_task ON ai_cost_tracking (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX idx_ai_cost_tracking_run ON ai_cost_tracking (task_run_id) WHERE task_run_id IS NOT NULL;
CREATE INDEX idx_ai_cost_tracking_created ON ai_cost_tracking (tenant_id, created_at DESC);
CREATE INDEX idx_ai_cost_tracking_provider ON ai_cost_tracking (provider, model);

-- ── Evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE test_results (
    test_results_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_run_id          bigint NOT NULL,
    head_sha             varchar(64) NOT NULL,
    passed               boolean NOT NULL,
    status               varchar(20) NOT NULL CHECK (status IN ('passed', 'failed', 'error', 'timeout', 'no_tests')),
    tests_total          integer NOT NULL DEFAULT 0,
    tests_passed         integer NOT NULL DEFAULT 0,
    tests_failed         integer NOT NULL DEFAULT 0,
    tests_skipped        integer NOT NULL DEFAULT 0,
    coverage_percentage  numeric(5, 2) CHECK (coverage_percentage BETWEEN 0 AND 100),
    pytest_report        jsonb,
    security_scan_report jsonb,
    tamper_report        jsonb,
    executed_at          timestamptz NOT NULL DEFAULT now(),
    duration_seconds     numeric(12, 3),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id),
    CHECK (passed = (status = 'passed')),
    CHECK (status <> 'passed' OR tests_failed = 0 AND tests_passed > 0)
);
COMMENT ON TABLE test_results IS 'What the tests said at one exact commit.';
CREATE INDEX idx_test_results_run ON test_results (task_run_id, executed_at DESC);

CREATE TABLE pull_requests (
    pull_requests_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_id          bigint NOT NULL,
    task_run_id      bigint,
    repository       varchar(255) NOT NULL,
    github_pr_number integer NOT NULL,
    github_pr_url    varchar(500),
    pr_title         varchar(500) NOT NULL,
    pr_description   text,
    pr_status        varchar(20) NOT NULL DEFAULT 'open' CHECK (pr_status IN ('open', 'merged', 'closed')),
    mergeable        boolean,
    head_sha         varchar(64) NOT NULL,
    base_branch      varchar(255) NOT NULL,
    base_sha         varchar(64),
    feature_branch   varchar(255) NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    merged_at        timestamptz,
    closed_at        timestamptz,
    UNIQUE (tenant_id, repository, github_pr_number),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, tasks_id),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id)
);
COMMENT ON TABLE pull_requests IS 'Pull requests that we opened, as the code host last described them.';
CREATE INDEX idx_pull_requests_task ON pull_requests (task_id);
CREATE INDEX idx_pull_requests_run ON pull_requests (task_run_id);
CREATE INDEX idx_pull_requests_status ON pull_requests (pr_status);

-- ── Decisions ────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE human_validations (
    human_validations_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    validation_id        varchar(100) NOT NULL UNIQUE CHECK (validation_id ~ '^val_[0-9]+_[0-9]+$'),
    task_id              bigint NOT NULL,
    task_run_id          bigint,
    run_step_id          bigint,
    parent_validation_id bigint,
    task_title           varchar(500),
    original_request     text NOT NULL,
    status               varchar(20) NOT NULL DEFAULT 'pending'
                         CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'abandoned')),
    generated_code       jsonb,
    code_summary         text,
    files_modified       text[],
    implementation_notes text,
    test_results         jsonb,
    pr_info              jsonb,
    repository           varchar(255),
    pr_number            integer,
    head_sha             varchar(64),
    base_branch          varchar(255),
    patch_id             varchar(64),
    requested_by         varchar(255),
    requested_by_user_id bigint REFERENCES users (id),
    rejection_count      integer NOT NULL DEFAULT 0,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    expires_at           timestamptz NOT NULL,
    UNIQUE (tenant_id, human_validations_id),
    UNIQUE (human_validations_id, validation_id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, tasks_id),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id),
    FOREIGN KEY (tenant_id, run_step_id) REFERENCES run_steps (tenant_id, run_steps_id),
    FOREIGN KEY (tenant_id, parent_validation_id) REFERENCES human_validations (tenant_id, human_validations_id)
        ON DELETE SET NULL (parent_validation_id),
    CHECK (expires_at > created_at)
);
COMMENT ON TABLE human_validations IS 'Requests for a person''s decision on one exact commit; decided once, before expires_at.';
CREATE INDEX idx_human_validations_validation_id ON human_validations (validation_id);
CREATE INDEX idx_human_validations_task_id ON human_validations (task_id);
CREATE INDEX idx_human_validations_status ON human_validations (status);
CREATE INDEX idx_human_validations_expires_at ON human_validations (expires_at);
CREATE INDEX idx_human_validations_status_expires ON human_validations (status, expires_at);
CREATE INDEX idx_human_validations_tenant ON human_validations (tenant_id, created_at DESC);
CREATE UNIQUE INDEX idx_human_validations_one_pending ON human_validations (task_run_id) WHERE status = 'pending';

CREATE TABLE human_validation_responses (
    human_validation_responses_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                     bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    human_validation_id           bigint NOT NULL UNIQUE,
    validation_id                 varchar(100) NOT NULL,
    response_status               varchar(20) NOT NULL CHECK (response_status IN ('approved', 'rejected')),
    comments                      text,
    suggested_changes             text,
    validated_by                  varchar(255) NOT NULL,
    validated_by_user_id          bigint NOT NULL REFERENCES users (id),
    channel                       varchar(20) NOT NULL DEFAULT 'web' CHECK (channel IN ('web', 'monday', 'api')),
    validated_at                  timestamptz NOT NULL DEFAULT now(),
    should_merge                  boolean NOT NULL,
    should_retry                  boolean NOT NULL DEFAULT false,
    validation_duration_seconds   integer NOT NULL,
    user_agent                    text,
    ip_address                    inet,
    FOREIGN KEY (tenant_id, human_validation_id) REFERENCES human_validations (tenant_id, human_validations_id),
    FOREIGN KEY (human_validation_id, validation_id) REFERENCES human_validations (human_validations_id, validation_id),
    CHECK (response_status = 'approved' OR NOT should_merge)
);
COMMENT ON TABLE human_validation_responses IS 'The decision of a person: one for a validation, never changed.';
CREATE INDEX idx_human_validation_responses_validation ON human_validation_responses (validation_id);
CREATE INDEX idx_human_validation_responses_by ON human_validation_responses (validated_by, validated_at DESC);
CREATE INDEX idx_human_validation_responses_at ON human_validation_responses (tenant_id, validated_at DESC);

CREATE TABLE validation_actions (
    validation_actions_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id             bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    human_validation_id   bigint NOT NULL,
    action_type           varchar(30) NOT NULL
                          CHECK (action_type IN ('merge_pr', 'reject_pr', 'update_monday', 'cleanup_branch', 'notify_user')),
    action_status         varchar(20) NOT NULL DEFAULT 'pending'
                          CHECK (action_status IN ('pending', 'in_progress', 'completed', 'failed', 'unknown', 'cancelled')),
    action_data           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(action_data) = 'object'),
    result_data           jsonb,
    merge_commit_hash     varchar(64),
    created_at            timestamptz NOT NULL DEFAULT now(),
    started_at            timestamptz,
    completed_at          timestamptz,
    error_message         text,
    retry_count           integer NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, human_validation_id) REFERENCES human_validations (tenant_id, human_validations_id)
);
COMMENT ON TABLE validation_actions IS 'What follows from a decision: the intent before the call, its receipt after. merge_pr names repository, pr_number, head_sha, base_branch.';
CREATE INDEX idx_validation_actions_validation ON validation_actions (human_validation_id);
CREATE INDEX idx_validation_actions_open ON validation_actions (action_status, created_at)
    WHERE action_status IN ('pending', 'in_progress', 'unknown');
CREATE UNIQUE INDEX idx_validation_actions_one_merge ON validation_actions (human_validation_id)
    WHERE action_type = 'merge_pr' AND action_status IN ('pending', 'in_progress', 'completed', 'unknown');

CREATE TABLE validation_archive (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id            bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    human_validations_id bigint NOT NULL UNIQUE,
    validation_id        varchar(100) NOT NULL,
    task_id              bigint NOT NULL,
    record               jsonb NOT NULL,
    archived_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE validation_archive IS 'Who decided what, kept when the bulky validation itself is cleaned up; insert-only.';
CREATE INDEX idx_validation_archive_validation ON validation_archive (validation_id);

-- ── What comes in ────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE webhook_events (
    webhook_events_id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id         bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    source            varchar(20) NOT NULL CHECK (source IN ('monday', 'github')),
    event_type        varchar(100),
    delivery_key      varchar(200) NOT NULL,
    payload           jsonb NOT NULL,
    headers           jsonb NOT NULL DEFAULT '{}',
    processing_status varchar(20) NOT NULL DEFAULT 'received'
                      CHECK (processing_status IN ('received', 'processing', 'processed', 'ignored', 'failed')),
    error_message     text,
    related_task_id   bigint,
    received_at       timestamptz NOT NULL DEFAULT now(),
    processed_at      timestamptz,
    PRIMARY KEY (webhook_events_id, received_at),
    FOREIGN KEY (tenant_id, related_task_id) REFERENCES tasks (tenant_id, tasks_id)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE webhook_events IS 'What other systems told us, as they said it, by month.';
CREATE INDEX idx_webhook_events_received ON webhook_events (tenant_id, received_at DESC);
CREATE INDEX idx_webhook_events_open ON webhook_events (processing_status, received_at) WHERE processing_status IN ('received', 'processing');
CREATE INDEX idx_webhook_events_task ON webhook_events (related_task_id) WHERE related_task_id IS NOT NULL;
CREATE TABLE webhook_events_default PARTITION OF webhook_events DEFAULT;
COMMENT ON TABLE webhook_events_default IS 'Events of months that have no partition yet.';

CREATE TABLE webhook_keys (
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    source       varchar(20) NOT NULL CHECK (source IN ('monday', 'github')),
    delivery_key varchar(200) NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, source, delivery_key)
);
COMMENT ON TABLE webhook_keys IS 'One row for each delivery ever seen: a partitioned table cannot refuse duplicates by itself.';
CREATE INDEX idx_webhook_keys_received ON webhook_keys (received_at);

-- ── Figures and configuration ────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE performance_metrics (
    performance_metrics_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id                  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    task_id                    bigint NOT NULL,
    task_run_id                bigint NOT NULL UNIQUE,
    total_duration_seconds     numeric(12, 3),
    queue_wait_seconds         numeric(12, 3),
    ai_processing_time_seconds numeric(12, 3),
    testing_time_seconds       numeric(12, 3),
    total_ai_calls             integer NOT NULL DEFAULT 0,
    total_tokens_used          bigint NOT NULL DEFAULT 0,
    total_ai_cost              numeric(12, 6) NOT NULL DEFAULT 0,
    code_lines_generated       integer NOT NULL DEFAULT 0,
    test_coverage_percentage   numeric(5, 2),
    retry_attempts             integer NOT NULL DEFAULT 0,
    recorded_at                timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, tasks_id),
    FOREIGN KEY (tenant_id, task_run_id) REFERENCES task_runs (tenant_id, tasks_runs_id)
);
COMMENT ON TABLE performance_metrics IS 'One row for each run that has ended, written by a trigger.';
CREATE INDEX idx_performance_metrics_task ON performance_metrics (task_id);
CREATE INDEX idx_performance_metrics_recorded ON performance_metrics (tenant_id, recorded_at DESC);

CREATE TABLE system_config (
    system_config_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    key              varchar(100) NOT NULL,
    value            jsonb NOT NULL,
    value_type       varchar(10) NOT NULL CHECK (value_type IN ('integer', 'number', 'string', 'boolean')),
    minimum          numeric,
    maximum          numeric,
    description      text NOT NULL,
    updated_by       bigint REFERENCES users (id),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, key)
);
COMMENT ON TABLE system_config IS 'Settings that are changed on screen, per tenant, with their type and limits.';

-- ── State machines ───────────────────────────────────────────────────────────────────────────────────────────────

INSERT INTO status_transitions (entity, from_status, to_status) VALUES ('task', NULL, 'pending');
-- A pause (plan approval, budget, a question) leads to awaiting_validation and back from any working state.
INSERT INTO status_transitions (entity, from_status, to_status)
SELECT 'task', working, ending
FROM unnest(ARRAY['pending', 'processing', 'testing', 'debugging', 'quality_check', 'awaiting_validation']) AS working,
     unnest(ARRAY['failed', 'cancelled']) AS ending;
INSERT INTO status_transitions (entity, from_status, to_status)
SELECT 'task', working, 'awaiting_validation' FROM unnest(ARRAY['processing', 'testing', 'debugging', 'quality_check']) AS working
UNION ALL
SELECT 'task', 'awaiting_validation', working FROM unnest(ARRAY['processing', 'testing', 'debugging', 'quality_check']) AS working
UNION ALL
SELECT 'task', ended, 'processing' FROM unnest(ARRAY['completed', 'failed', 'cancelled']) AS ended
UNION ALL
SELECT 'task', ended, 'pending' FROM unnest(ARRAY['completed', 'failed', 'cancelled']) AS ended;
INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('task', 'pending', 'processing'), ('task', 'processing', 'pending'),
    ('task', 'processing', 'testing'), ('task', 'processing', 'quality_check'),
    ('task', 'testing', 'debugging'), ('task', 'debugging', 'testing'), ('task', 'testing', 'quality_check'),
    ('task', 'testing', 'processing'), ('task', 'quality_check', 'processing'),
    ('task', 'awaiting_validation', 'completed'),
    ('run', NULL, 'queued'),
    ('run', 'queued', 'running'), ('run', 'queued', 'failed'), ('run', 'queued', 'cancelled'),
    ('run', 'running', 'queued'), ('run', 'running', 'waiting_validation'), ('run', 'running', 'succeeded'),
    ('run', 'running', 'failed'), ('run', 'running', 'cancelled'),
    ('run', 'waiting_validation', 'running'), ('run', 'waiting_validation', 'queued'),
    ('run', 'waiting_validation', 'failed'), ('run', 'waiting_validation', 'cancelled'),
    ('step', NULL, 'pending'), ('step', NULL, 'running'), ('step', NULL, 'skipped'),
    ('step', 'pending', 'running'), ('step', 'pending', 'skipped'), ('step', 'pending', 'failed'),
    ('step', 'running', 'completed'), ('step', 'running', 'failed'), ('step', 'running', 'skipped'),
    ('step', 'running', 'pending'), ('step', 'failed', 'running'),
    ('validation', NULL, 'pending'),
    ('validation', 'pending', 'approved'), ('validation', 'pending', 'rejected'), ('validation', 'pending', 'expired'),
    ('validation', 'pending', 'cancelled'), ('validation', 'pending', 'abandoned'),
    ('validation_action', NULL, 'pending'),
    ('validation_action', 'pending', 'in_progress'), ('validation_action', 'pending', 'completed'),
    ('validation_action', 'pending', 'failed'), ('validation_action', 'pending', 'cancelled'),
    ('validation_action', 'in_progress', 'completed'), ('validation_action', 'in_progress', 'failed'),
    ('validation_action', 'in_progress', 'unknown'), ('validation_action', 'in_progress', 'cancelled'),
    ('validation_action', 'unknown', 'completed'), ('validation_action', 'unknown', 'failed'),
    ('validation_action', 'unknown', 'in_progress'), ('validation_action', 'unknown', 'cancelled'),
    ('validation_action', 'failed', 'pending'), ('validation_action', 'failed', 'in_progress'), ('validation_action', 'failed', 'cancelled'),
    ('pull_request', NULL, 'open'),
    ('pull_request', 'open', 'merged'), ('pull_request', 'open', 'closed'), ('pull_request', 'closed', 'open'),
    ('webhook_event', NULL, 'received'),
    ('webhook_event', 'received', 'processing'), ('webhook_event', 'received', 'processed'),
    ('webhook_event', 'received', 'ignored'), ('webhook_event', 'received', 'failed'),
    ('webhook_event', 'processing', 'processed'), ('webhook_event', 'processing', 'ignored'),
    ('webhook_event', 'processing', 'failed'), ('webhook_event', 'processing', 'received'),
    ('webhook_event', 'failed', 'received'), ('webhook_event', 'failed', 'processing'),
    ('webhook_event', 'processed', 'received'), ('webhook_event', 'ignored', 'received');
