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
