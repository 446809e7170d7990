-- An import moves through its states in order, and leaves true statistics behind.

CREATE OR REPLACE TRIGGER import_logs_begin BEFORE INSERT ON import_logs
    FOR EACH ROW EXECUTE FUNCTION check_transition('import', 'status');
CREATE OR REPLACE TRIGGER import_logs_transition BEFORE UPDATE OF status ON import_logs
    FOR EACH ROW EXECUTE FUNCTION check_transition('import', 'status');

CREATE OR REPLACE FUNCTION refresh_statistics(p_table regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.oid = p_table AND c.relkind IN ('r', 'p') AND c.relnamespace IN ('public'::regnamespace, to_regnamespace('dynamic'))) THEN
        RAISE EXCEPTION 'not-a-record-table' USING ERRCODE = 'P0422', DETAIL = format('%s holds no records.', p_table);
    END IF;
    EXECUTE format('ANALYZE %s', p_table);
END $$;
COMMENT ON FUNCTION refresh_statistics(regclass) IS
    'ANALYZE after a large import: until then the planner believes that a tenant has next to no rows. Needs the owner of the table.';
REVOKE ALL ON FUNCTION refresh_statistics(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_statistics(regclass) TO countersign_app, countersign_system;

CREATE OR REPLACE FUNCTION begin_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.import_staging;
    CREATE TEMP TABLE import_staging (LIKE public.import_staging) ON COMMIT DROP;
    -- Sorts and hashes of this one transaction stay in memory for a price book of ordinary size.
    PERFORM set_config('work_mem', '64MB', true);
END $$;
COMMENT ON FUNCTION begin_staging() IS
    'A temporary table of this transaction that hides import_staging: rows of a file come in by COPY and leave with the end.';

CREATE OR REPLACE FUNCTION settle_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- Without statistics the planner compares every row with every other.
    ANALYZE pg_temp.import_staging;
END $$;
COMMENT ON FUNCTION settle_staging() IS 'Counts what has been staged, so that it is compared in a sensible way.';

CREATE OR REPLACE FUNCTION order_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    CREATE INDEX ON pg_temp.import_staging (row_number);
END $$;
COMMENT ON FUNCTION order_staging() IS 'Lets the staged rows be written piece by piece.';

CREATE OR REPLACE FUNCTION end_import_of_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE import_logs
    SET status = NEW.status, completed_at = now(), seconds_left = NULL,
        errors = CASE WHEN NEW.status = 'failed' THEN jsonb_build_array(jsonb_build_object('error', NEW.error)) ELSE errors END
    WHERE job_id = NEW.id AND tenant_id = NEW.tenant_id AND status IN ('pending', 'processing');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION end_import_of_job() IS
    'Trigger: a job that was cancelled, or given up because its workers fell silent, leaves no import that seems to go on.';

CREATE OR REPLACE TRIGGER jobs_end_import AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (NEW.name = 'imports.run' AND NEW.status IN ('failed', 'cancelled')) EXECUTE FUNCTION end_import_of_job();
