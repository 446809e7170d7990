-- A measurement moves through its states in order, and ends when its job does.

CREATE OR REPLACE TRIGGER evaluation_runs_begin BEFORE INSERT ON evaluation_runs
    FOR EACH ROW EXECUTE FUNCTION check_transition('evaluation', 'status');
CREATE OR REPLACE TRIGGER evaluation_runs_transition BEFORE UPDATE OF status ON evaluation_runs
    FOR EACH ROW EXECUTE FUNCTION check_transition('evaluation', 'status');
CREATE OR REPLACE TRIGGER evaluation_results_insert_only BEFORE UPDATE ON evaluation_results
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION end_evaluation_of_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE evaluation_runs SET status = NEW.status, error = CASE WHEN NEW.status = 'failed' THEN NEW.error END, ended_at = now()
    WHERE job_id = NEW.id AND tenant_id = NEW.tenant_id AND status IN ('pending', 'running');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION end_evaluation_of_job() IS 'Trigger: a job that was cancelled or given up leaves no measurement that seems to go on.';
CREATE OR REPLACE TRIGGER jobs_end_evaluation AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (NEW.name = 'evaluation.run' AND NEW.status IN ('failed', 'cancelled')) EXECUTE FUNCTION end_evaluation_of_job();
