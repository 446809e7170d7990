-- The ledger of every AI call: an interaction and its cost are one act, and neither is ever changed.

CREATE OR REPLACE FUNCTION record_ai_call(
    provider text, model text, operation text, token_usage jsonb, success boolean,
    cost_usd numeric DEFAULT NULL, price_version text DEFAULT NULL, prompt text DEFAULT NULL, response text DEFAULT NULL,
    latency_ms integer DEFAULT NULL, ttft_ms integer DEFAULT NULL, error text DEFAULT NULL,
    message_id bigint DEFAULT NULL, run_step_id bigint DEFAULT NULL, agent_id bigint DEFAULT NULL, session_id bigint DEFAULT NULL,
    task_id bigint DEFAULT NULL, task_run_id bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    call_id bigint;
    the_run bigint := task_run_id;
    the_task bigint := task_id;
    the_session bigint := session_id;
    the_agent bigint := agent_id;
BEGIN
    -- What is known from where the call was made need not be said again.
    IF run_step_id IS NOT NULL AND the_run IS NULL THEN
        SELECT s.task_run_id INTO the_run FROM run_steps s WHERE s.run_steps_id = run_step_id;
    END IF;
    IF the_run IS NOT NULL AND the_task IS NULL THEN
        SELECT r.task_id INTO the_task FROM task_runs r WHERE r.tasks_runs_id = the_run;
    END IF;
    IF message_id IS NOT NULL AND the_session IS NULL THEN
        SELECT m.session_id INTO the_session FROM ai_messages m WHERE m.id = message_id;
    END IF;
    IF the_session IS NOT NULL AND the_agent IS NULL THEN
        SELECT s.agent_id INTO the_agent FROM ai_sessions s WHERE s.id = the_session;
    END IF;
    INSERT INTO ai_interactions (run_step_id, message_id, agent_id, session_id, ai_provider, model_name, operation,
                                 prompt, response, token_usage, latency_ms, ttft_ms, success, error)
    VALUES (run_step_id, message_id, the_agent, the_session, provider, model, operation,
            prompt, response, token_usage, latency_ms, ttft_ms, success, error)
    RETURNING ai_interactions.ai_interactions_id INTO call_id;
    INSERT INTO ai_cost_tracking (ai_interaction_id, task_id, task_run_id, agent_id, session_id, provider, model, operation_type,
                                  prompt_tokens, completion_tokens, cost_usd, price_version)
    VALUES (call_id, the_task, the_run, the_agent, the_session, provider, model, operation,
            coalesce((token_usage ->> 'input')::integer, 0), coalesce((token_usage ->> 'output')::integer, 0), cost_usd, price_version);
    RETURN call_id;
END $$;
COMMENT ON FUNCTION record_ai_call IS
    'Writes one call and its cost; returns ai_interactions_id. token_usage.input counts cached tokens once, output the reasoning.';

CREATE OR REPLACE TRIGGER ai_interactions_insert_only BEFORE UPDATE OR DELETE ON ai_interactions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER ai_cost_tracking_insert_only BEFORE UPDATE OR DELETE ON ai_cost_tracking
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
