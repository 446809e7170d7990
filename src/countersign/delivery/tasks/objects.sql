-- A task moves through its states in order, and only a new run opens it again.

CREATE OR REPLACE FUNCTION guard_task() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ended CONSTANT text[] := '{completed,failed,cancelled}';
BEGIN
    IF OLD.internal_status = ANY (ended) AND NEW.internal_status <> ALL (ended) AND NOT EXISTS (
        SELECT FROM task_runs r WHERE r.task_id = NEW.tasks_id AND r.status IN ('queued', 'running', 'waiting_validation')) THEN
        RAISE EXCEPTION 'task-ended' USING ERRCODE = 'P0409', DETAIL = 'This task has ended. A new run opens it again.';
    END IF;
    IF NEW.internal_status = ANY (ended) THEN
        NEW.completed_at := coalesce(NEW.completed_at, now());
    ELSE
        NEW.completed_at := NULL;
        IF NEW.internal_status <> 'pending' THEN
            NEW.started_at := coalesce(NEW.started_at, now());
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION guard_task() IS 'Trigger: an ended task is opened only by a run that lives; start and end are dated.';

CREATE OR REPLACE TRIGGER tasks_begin BEFORE INSERT ON tasks
    FOR EACH ROW EXECUTE FUNCTION check_transition('task', 'internal_status');
CREATE OR REPLACE TRIGGER tasks_transition BEFORE UPDATE OF internal_status ON tasks
    FOR EACH ROW EXECUTE FUNCTION check_transition('task', 'internal_status');
CREATE OR REPLACE TRIGGER tasks_guard BEFORE UPDATE OF internal_status ON tasks
    FOR EACH ROW WHEN (OLD.internal_status <> NEW.internal_status) EXECUTE FUNCTION guard_task();
CREATE OR REPLACE TRIGGER trg_tasks_touch_updated_at BEFORE UPDATE ON tasks
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

CREATE OR REPLACE TRIGGER webhook_events_transition BEFORE UPDATE OF processing_status ON webhook_events
    FOR EACH ROW EXECUTE FUNCTION check_transition('webhook_event', 'processing_status');
