-- Documents as lists and pages show them, and the end of a file that no worker could read.

CREATE OR REPLACE VIEW document_lines WITH (security_invoker = true) AS
    SELECT d.id, d.uuid, d.collection, d.title, d.source, d.category, d.url, d.media_type, d.size_bytes, d.page_count, d.chunk_count,
           coalesce((d.metadata ->> 'parts')::integer, 0) AS part_count, d.status, d.error, d.created_at, d.updated_at, d.deleted_at,
           j.progress_done AS done, j.progress_total AS total
    FROM documents d
    LEFT JOIN jobs j ON j.id = d.job_id;
COMMENT ON VIEW document_lines IS 'Documents without their text, with how far the job is that reads them.';
GRANT SELECT ON document_lines TO countersign_app, countersign_system;

CREATE OR REPLACE FUNCTION fail_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- A job ends in many ways: refused, tried often enough, given up because each worker fell silent. All of them pass here.
DECLARE
    failed bigint;
BEGIN
    UPDATE documents SET status = 'failed', error = coalesce(NEW.error, 'It could not be read.')
    WHERE job_id = NEW.id AND tenant_id = NEW.tenant_id AND status IN ('pending', 'processing') AND deleted_at IS NULL
    RETURNING id INTO failed;
    IF failed IS NOT NULL THEN
        INSERT INTO jobs (tenant_id, name, args, max_attempts, actor_id)
        VALUES (NEW.tenant_id, 'documents.failed', jsonb_build_object('document', failed), 5, NEW.actor_id);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION fail_document() IS 'Trigger: a file whose job has failed has failed too, and a job tells so.';
ALTER FUNCTION fail_document() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION fail_document() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fail_document() TO countersign_app;
CREATE OR REPLACE TRIGGER jobs_fail_document AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (NEW.name = 'documents.convert' AND NEW.status IN ('failed', 'cancelled'))
    EXECUTE FUNCTION fail_document();
