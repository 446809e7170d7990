-- record_ai_call
-- One call of a model and its cost, written together and never changed.
SELECT record_ai_call(
    run_step_id => %(run_step_id)s::bigint,
    message_id => %(message_id)s::bigint,
    session_id => %(session_id)s::bigint,
    agent_id => %(agent_id)s::bigint,
    task_id => %(task_id)s::bigint,
    task_run_id => %(task_run_id)s::bigint,
    provider => %(provider)s::text,
    model => %(model)s::text,
    operation => %(operation)s::text,
    prompt => %(prompt)s::text,
    response => %(response)s::text,
    token_usage => %(token_usage)s::jsonb,
    latency_ms => %(latency_ms)s::integer,
    ttft_ms => %(ttft_ms)s::integer,
    success => %(success)s::boolean,
    error => %(error)s::text,
    cost_usd => %(cost_usd)s::numeric,
    price_version => %(price_version)s::text
);
