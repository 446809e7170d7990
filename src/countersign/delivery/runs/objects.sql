-- Runs are numbered, dated and counted; steps and pull requests move through their states in order.

CREATE OR REPLACE FUNCTION number_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- The task is held so that two runs asked for at once get two numbers.
    PERFORM FROM tasks t WHERE t.tasks_id = NEW.task_id AND t.tenant_id = NEW.tenant_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task-not-found' USING ERRCODE = 'P0404', DETAIL = 'This task does not exist.';
    END IF;
    SELECT coalesce(max(r.run_number), 0) + 1 INTO NEW.run_number FROM task_runs r WHERE r.task_id = NEW.task_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION number_run() IS 'Trigger: runs of a task are 1, 2, 3…';

CREATE OR REPLACE FUNCTION remember_last_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE tasks SET last_run_id = NEW.tasks_runs_id WHERE tasks_id = NEW.task_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION remember_last_run() IS 'Trigger: a task knows its latest run.';

CREATE OR REPLACE FUNCTION date_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status = 'running' THEN
        NEW.started_at := coalesce(NEW.started_at, now());
    ELSIF NEW.status IN ('succeeded', 'failed', 'cancelled') THEN
        NEW.completed_at := coalesce(NEW.completed_at, now());
        NEW.duration_seconds := extract(epoch FROM NEW.completed_at - coalesce(NEW.started_at, NEW.completed_at));
        NEW.lease_owner := NULL;
        NEW.lease_until := NULL;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION date_run() IS 'Trigger: when a run began, when it ended, how long it took.';

CREATE OR REPLACE FUNCTION date_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.status = 'running' THEN
        NEW.started_at := CASE WHEN TG_OP = 'UPDATE' THEN now() ELSE coalesce(NEW.started_at, now()) END;
        NEW.completed_at := NULL;
        NEW.duration_seconds := NULL;
    ELSIF NEW.status IN ('completed', 'failed', 'skipped') THEN
        NEW.completed_at := coalesce(NEW.completed_at, clock_timestamp());
        NEW.duration_seconds := extract(epoch FROM NEW.completed_at - coalesce(NEW.started_at, NEW.completed_at));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION date_step() IS 'Trigger: when a step began, when it ended, how long it took.';

CREATE OR REPLACE FUNCTION record_run_metrics() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO performance_metrics (
        tenant_id, task_id, task_run_id, total_duration_seconds, queue_wait_seconds, ai_processing_time_seconds,
        testing_time_seconds, total_ai_calls, total_tokens_used, total_ai_cost, code_lines_generated,
        test_coverage_percentage, retry_attempts)
    SELECT NEW.tenant_id, NEW.task_id, NEW.tasks_runs_id, NEW.duration_seconds,
           extract(epoch FROM NEW.started_at - NEW.created_at),
           coalesce(calls.seconds, 0), coalesce(steps.testing, 0), calls.calls, calls.tokens, calls.cost,
           coalesce(code.lines, 0), tests.coverage, steps.retries
    FROM (SELECT count(*) AS calls, coalesce(sum(c.total_tokens), 0) AS tokens, coalesce(sum(c.cost_usd), 0) AS cost,
                 sum(i.latency_ms) / 1000.0 AS seconds
          FROM ai_cost_tracking c JOIN ai_interactions i ON i.ai_interactions_id = c.ai_interaction_id
          WHERE c.task_run_id = NEW.tasks_runs_id) AS calls,
         (SELECT sum(s.duration_seconds) FILTER (WHERE s.node_name = 'run_tests') AS testing,
                 count(*) FILTER (WHERE s.node_name = 'debug_code') + greatest(NEW.attempts - 1, 0) AS retries
          FROM run_steps s WHERE s.task_run_id = NEW.tasks_runs_id) AS steps,
         (SELECT sum(cardinality(regexp_split_to_array(g.generated_code, '\n'))) AS lines
          FROM ai_code_generations g WHERE g.task_run_id = NEW.tasks_runs_id) AS code,
         (SELECT (SELECT t.coverage_percentage FROM test_results t WHERE t.task_run_id = NEW.tasks_runs_id
                  ORDER BY t.executed_at DESC, t.test_results_id DESC LIMIT 1) AS coverage) AS tests
    ON CONFLICT (task_run_id) DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_run_metrics() IS 'Trigger: one performance_metrics row when a run ends; unknown prices count as nothing spent.';

CREATE OR REPLACE FUNCTION date_pull_request() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.merged_at := CASE WHEN NEW.pr_status = 'merged' THEN coalesce(NEW.merged_at, now()) END;
    NEW.closed_at := CASE WHEN NEW.pr_status <> 'open' THEN coalesce(NEW.closed_at, now()) END;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION date_pull_request() IS 'Trigger: when a pull request was merged or closed; an open one was neither.';

CREATE OR REPLACE TRIGGER task_runs_number BEFORE INSERT ON task_runs
    FOR EACH ROW EXECUTE FUNCTION number_run();
CREATE OR REPLACE TRIGGER task_runs_begin BEFORE INSERT ON task_runs
    FOR EACH ROW EXECUTE FUNCTION check_transition('run', 'status');
CREATE OR REPLACE TRIGGER task_runs_remember AFTER INSERT ON task_runs
    FOR EACH ROW EXECUTE FUNCTION remember_last_run();
CREATE OR REPLACE TRIGGER task_runs_transition BEFORE UPDATE OF status ON task_runs
    FOR EACH ROW EXECUTE FUNCTION check_transition('run', 'status');
CREATE OR REPLACE TRIGGER task_runs_dates BEFORE UPDATE OF status ON task_runs
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION date_run();
CREATE OR REPLACE TRIGGER task_runs_metrics AFTER UPDATE OF status ON task_runs
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status IN ('succeeded', 'failed', 'cancelled'))
    EXECUTE FUNCTION record_run_metrics();

CREATE OR REPLACE TRIGGER run_steps_begin BEFORE INSERT ON run_steps
    FOR EACH ROW EXECUTE FUNCTION check_transition('step', 'status');
CREATE OR REPLACE TRIGGER run_steps_transition BEFORE UPDATE OF status ON run_steps
    FOR EACH ROW EXECUTE FUNCTION check_transition('step', 'status');
CREATE OR REPLACE TRIGGER run_steps_dates BEFORE INSERT OR UPDATE OF status ON run_steps
    FOR EACH ROW EXECUTE FUNCTION date_step();

CREATE OR REPLACE TRIGGER pull_requests_begin BEFORE INSERT ON pull_requests
    FOR EACH ROW EXECUTE FUNCTION check_transition('pull_request', 'pr_status');
CREATE OR REPLACE TRIGGER pull_requests_transition BEFORE UPDATE OF pr_status ON pull_requests
    FOR EACH ROW EXECUTE FUNCTION check_transition('pull_request', 'pr_status');
CREATE OR REPLACE TRIGGER pull_requests_dates BEFORE UPDATE OF pr_status ON pull_requests
    FOR EACH ROW WHEN (OLD.pr_status <> NEW.pr_status) EXECUTE FUNCTION date_pull_request();
