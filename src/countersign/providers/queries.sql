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

-- calls_for_message
-- Each call of a model that was made for an answer, with its cost.
SELECT i.ai_provider AS provider, i.model_name AS model, i.prompt, i.success, i.error, i.latency_ms, i.ttft_ms, c.cost_usd
FROM ai_interactions i LEFT JOIN ai_cost_tracking c ON c.ai_interaction_id = i.ai_interactions_id
WHERE i.message_id = %(message)s::bigint ORDER BY i.ai_interactions_id;
